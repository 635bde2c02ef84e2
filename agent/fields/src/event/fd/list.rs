//! `fdlist.*`: the descriptors that poll(2) and ppoll(2) waited for (rules-spec D6).

use saker_engine::value::ValueType::Str;
use saker_state::{Fd, FdKind};

use super::socket::End;
use crate::event::{EventView, Made};
use crate::field::{Field, Presence, text};
use crate::params::Kind;
use crate::render::{NOT_AVAILABLE, put};

/// Which part of the descriptors is joined.
#[derive(Debug, Clone, Copy)]
enum Part {
    Numbers,
    Names,
    ClientAddresses,
    ServerAddresses,
    ClientPorts,
    ServerPorts,
}

pub(in crate::event) const FIELDS: &[Field] = &[
    Field::new(
        "fdlist.nums",
        Str,
        |e, _| text(e.polled(Part::Numbers)?),
        "Numbers of the descriptors waited for, joined by commas; the first 16.",
    )
    .on(Presence::Polled)
    .cost(20),
    Field::new(
        "fdlist.names",
        Str,
        |e, _| text(e.polled(Part::Names)?),
        "Their names, joined by commas; <NA> for one that has none or is not known.",
    )
    .on(Presence::Polled)
    .cost(20),
    Field::new(
        "fdlist.cips",
        Str,
        |e, _| text(e.polled(Part::ClientAddresses)?),
        "Addresses of the clients' ends of the connections among them, joined by commas.",
    )
    .on(Presence::PolledEnd)
    .cost(20),
    Field::new(
        "fdlist.sips",
        Str,
        |e, _| text(e.polled(Part::ServerAddresses)?),
        "Addresses of the servers' ends, those of listening sockets included, joined by commas.",
    )
    .on(Presence::PolledEnd)
    .cost(20),
    Field::new(
        "fdlist.cports",
        Str,
        |e, _| text(e.polled(Part::ClientPorts)?),
        "Ports of the clients' ends, joined by commas.",
    )
    .on(Presence::PolledEnd)
    .cost(20),
    Field::new(
        "fdlist.sports",
        Str,
        |e, _| text(e.polled(Part::ServerPorts)?),
        "Ports of the servers' ends, those of listening sockets included, joined by commas.",
    )
    .on(Presence::PolledEnd)
    .cost(20),
];

impl<'a> EventView<'a> {
    /// A part of all descriptors in the list; absent where the event has no list, or none of them that part.
    fn polled(&self, part: Part) -> Option<&'a [u8]> {
        self.process()?;
        let list = self.params().iter().find(|it| it.kind == Kind::FdList)?;
        self.made(Made::Polled, part as usize, |out| {
            let mut any = false;
            for polled in self.polled_in(list) {
                let entry = self.state.fd_at(polled.number);
                let before = out.len();
                if any {
                    out.push(b',');
                }
                if write_part(part, polled.number, entry, out) {
                    any = true;
                } else {
                    out.truncate(before);
                }
            }
            any
        })
    }
}

/// Appends the part of one descriptor; false if it has none.
fn write_part(part: Part, number: i32, entry: Option<&Fd>, out: &mut Vec<u8>) -> bool {
    let ends = || {
        let inet = entry.filter(|fd| matches!(fd.kind, FdKind::Ipv4 | FdKind::Ipv6));
        inet.map_or((None, None), Fd::ends)
    };
    let end: Option<End> = match part {
        Part::Numbers => {
            put!(out, "{number}");
            return true;
        }
        Part::Names => {
            let name = entry.map_or(&[][..], |fd| &fd.name);
            out.extend_from_slice(if name.is_empty() { NOT_AVAILABLE } else { name });
            return true;
        }
        Part::ClientAddresses | Part::ClientPorts => ends().0,
        Part::ServerAddresses | Part::ServerPorts => ends().1,
    };
    let Some((address, port)) = end else {
        return false;
    };
    match part {
        Part::ClientPorts | Part::ServerPorts => put!(out, "{port}"),
        _ => put!(out, "{address}"),
    }
    true
}
