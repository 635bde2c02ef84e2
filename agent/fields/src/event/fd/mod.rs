//! `fd.*`: the descriptor an event is about (rules-spec D4).

mod kind;
mod list;
mod name;
mod socket;

use saker_abi::raw::{SAKER_FILE_LOWER, SAKER_FILE_UPPER};
use saker_engine::schema::Arity;
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::{Fd, FdKind, Role};

use super::{EventView, Made};
use crate::field::{Arg, Field, Presence, Visit, text};
use crate::render::put;

pub(super) use kind::write_type_chars;
pub(super) use list::FIELDS as LISTS;

const HOST_NAME: &str = "Names among those in the rules that resolve to the address of this end; looked up in the \
                         background, absent until then and for all others.";

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "fd.num",
        Int,
        num,
        "Number of the descriptor, -1 when none was created.",
    ).on(Presence::Numbered)
    .cost(1),
    Field::new(
        "fd.name",
        Str,
        |e, _| text(e.fd_name()?),
        "Path, or both ends of a connection.",
    ).on(Presence::Numbered),
    Field::new(
        "fd.nameraw",
        Str,
        |e, _| text(e.fd_name_raw()?),
        "Path as the program passed it, not normalised.",
    ).on(Presence::Numbered),
    Field::new(
        "fd.realpath",
        Str,
        |e, _| text(e.real_path()?),
        "Path of the file that a successful open reached, or fchmod or fchown changed, whatever name led to it: on \
         the host where the host has its file system mounted, else in the mount namespace of the process. Saker's \
         own; with path_identity: any.",
    ).on(Presence::Reached)
    .cost(8),
    Field::new(
        "fd.directory",
        Str,
        |e, _| text(e.fd_directory()?),
        "Directory of the file.",
    ).on(Presence::FileOrDirectory),
    Field::new(
        "fd.filename",
        Str,
        |e, _| text(e.fd_filename()?),
        "Last component of the path.",
    ).on(Presence::File),
    Field::new(
        "fd.typechar",
        Str,
        |e, _| text(e.fd_type_char()?),
        "Kind of file, one character.",
    ).on(Presence::Numbered)
    .cost(1),
    Field::new(
        "fd.type",
        Str,
        |e, _| text(kind::type_name(e.fd()?.kind)),
        "Kind of file: file, directory, ipv4, ipv6, unix, pipe, event, memfd, ...",
    ),
    Field::indexed(
        "fd.types",
        Str,
        Arity::List,
        (type_of, types),
        "Kinds of all open descriptors of the process; with [N] that of descriptor N.",
    ).on(Presence::Numbered)
    .not_on_right()
    .cost(60),
    Field::new(
        "fd.l4proto",
        Str,
        |e, _| text(kind::l4proto(e.fd()?)),
        "tcp, udp, icmp or raw; <NA> for other files and while the role is not known.",
    ),
    Field::new(
        "fd.sockfamily",
        Str,
        sockfamily,
        "ip or unix; absent for other files.",
    ).on(Presence::Socket),
    Field::new(
        "fd.sip",
        Ip,
        |e, _| ip(e.ends()?.server),
        "Address of the server's end.",
    ).on(Presence::Server),
    Field::new(
        "fd.cip",
        Ip,
        |e, _| ip(e.ends()?.client),
        "Address of the client's end.",
    ).on(Presence::Connection),
    Field::new(
        "fd.sport",
        Port,
        |e, _| port(e.ends()?.server),
        "Port of the server's end.",
    ).on(Presence::Server),
    Field::new(
        "fd.cport",
        Port,
        |e, _| port(e.ends()?.client),
        "Port of the client's end.",
    ).on(Presence::Connection),
    Field::new(
        "fd.lip",
        Ip,
        |e, _| ip(Some(e.sides()?.0)),
        "Address of this machine's end.",
    ).on(Presence::Connection),
    Field::new(
        "fd.rip",
        Ip,
        |e, _| ip(Some(e.sides()?.1)),
        "Address of the other machine's end.",
    ).on(Presence::Connection),
    Field::new(
        "fd.lport",
        Port,
        |e, _| port(Some(e.sides()?.0)),
        "Port of this machine's end.",
    ).on(Presence::Connection),
    Field::new(
        "fd.rport",
        Port,
        |e, _| port(Some(e.sides()?.1)),
        "Port of the other's end.",
    ).on(Presence::Connection),
    Field::new(
        "fd.sproto",
        Str,
        |e, _| text(e.port_text(3, e.ends()?.server?.1)?),
        "Port of the server's end as text; Falco's, too, unless it looks up names of services.",
    ).on(Presence::Server)
    .cost(10),
    Field::new(
        "fd.cproto",
        Str,
        |e, _| text(e.port_text(4, e.ends()?.client?.1)?),
        "Port of the client's end as text.",
    ).on(Presence::Connection)
    .cost(10),
    Field::new(
        "fd.lproto",
        Str,
        |e, _| text(e.port_text(5, e.sides()?.0.1)?),
        "Port of this machine's end as text.",
    ).on(Presence::Connection)
    .cost(10),
    Field::new(
        "fd.rproto",
        Str,
        |e, _| text(e.port_text(6, e.sides()?.1.1)?),
        "Port of the other's end as text.",
    ).on(Presence::Connection)
    .cost(10),
    Field::many(
        "fd.proto",
        Str,
        Arity::Ends,
        protos,
        "Either end's port as text.",
    ).on(Presence::Inet)
    .cost(10)
    .no_operand()
    .condition_only(),
    Field::many("fd.ip", Ip, Arity::Ends, ips, "Either end's address.")
        .no_operand()
        .condition_only(),
    Field::many("fd.port", Port, Arity::Ends, ports, "Either end's port.")
        .no_operand()
        .condition_only(),
    Field::many(
        "fd.net",
        Net,
        Arity::Ends,
        ips,
        "Either end's address, compared with networks.",
    )
    .no_operand()
    .condition_only(),
    Field::new(
        "fd.snet",
        Net,
        |e, _| ip(e.ends()?.server),
        "Server's address, for networks.",
    ).on(Presence::Server)
    .no_operand()
    .condition_only(),
    Field::new(
        "fd.cnet",
        Net,
        |e, _| ip(e.ends()?.client),
        "Client's address, for networks.",
    ).on(Presence::Connection)
    .no_operand()
    .condition_only(),
    Field::new(
        "fd.lnet",
        Net,
        |e, _| ip(Some(e.sides()?.0)),
        "Local address, for networks.",
    ).on(Presence::Connection)
    .no_operand()
    .condition_only(),
    Field::new(
        "fd.rnet",
        Net,
        |e, _| ip(Some(e.sides()?.1)),
        "Remote address, for networks.",
    ).on(Presence::Connection)
    .no_operand()
    .condition_only(),
    Field::many(
        "fd.sip.name",
        Str,
        Arity::Any,
        |e, visit| e.names_of_end(e.ends().and_then(|ends| ends.server), visit),
        HOST_NAME,
    ).on(Presence::NamedEnd)
    .no_operand(),
    Field::many(
        "fd.cip.name",
        Str,
        Arity::Any,
        |e, visit| e.names_of_end(e.ends().and_then(|ends| ends.client), visit),
        HOST_NAME,
    ).on(Presence::NamedEnd)
    .no_operand(),
    Field::many(
        "fd.lip.name",
        Str,
        Arity::Any,
        |e, visit| e.names_of_end(e.sides().map(|sides| sides.0), visit),
        HOST_NAME,
    ).on(Presence::NamedEnd)
    .no_operand(),
    Field::many(
        "fd.rip.name",
        Str,
        Arity::Any,
        |e, visit| e.names_of_end(e.sides().map(|sides| sides.1), visit),
        HOST_NAME,
    ).on(Presence::NamedEnd)
    .no_operand(),
    Field::new(
        "fd.is_server",
        Bool,
        |e, _| is_server(e).map(Value::Bool),
        "The socket listens, or the server's end is on this machine.",
    ),
    Field::new(
        "fd.connected",
        Bool,
        |e, _| {
            let socket = e.fd()?.socket.as_ref();
            Some(Value::Bool(socket.is_some_and(|socket| socket.connected)))
        },
        "The socket is connected.",
    ),
    Field::new(
        "fd.name_changed",
        Bool,
        |e, _| e.fd().map(|_| Value::Bool(e.state.name_changed())),
        "The event changed fd.name.",
    ),
    Field::new(
        "fd.is_upper_layer",
        Bool,
        |e, _| layer(e, SAKER_FILE_UPPER),
        "The opened file lies in the upper layer of an overlay file system: it is not part of the image.",
    ),
    Field::new(
        "fd.is_lower_layer",
        Bool,
        |e, _| layer(e, SAKER_FILE_LOWER),
        "The opened file lies in a lower layer of an overlay file system.",
    ),
    Field::new(
        "fd.dev",
        Uint,
        |e, _| Some(Value::Uint(e.fd()?.dev.into())),
        "Device of the file, as the kernel encodes it.",
    ),
    Field::new(
        "fd.dev.major",
        Uint,
        |e, _| Some(Value::Uint(u64::from(e.fd()?.dev) >> 8 & 0xfff)),
        "Major number of that device.",
    ),
    Field::new(
        "fd.dev.minor",
        Uint,
        |e, _| {
            let dev = u64::from(e.fd()?.dev);
            Some(Value::Uint(dev & 0xff | dev >> 12 & 0xf_ff00))
        },
        "Minor number of that device.",
    ),
    Field::new(
        "fd.ino",
        Uint,
        |e, _| Some(Value::Uint(e.fd()?.ino)),
        "Inode of the file.",
    ),
    Field::new(
        "fd.uid",
        Str,
        |e, _| text(e.fd_uid()?),
        "Thread id and descriptor number, joined.",
    ).on(Presence::Numbered)
    .cost(10),
    Field::new(
        "fd.containername",
        Str,
        |e, _| text(e.in_container_text(1, e.fd_name()?)?),
        "Container id, a colon, fd.name.",
    ).on(Presence::Numbered)
    .cost(10),
    Field::new(
        "fd.containerdirectory",
        Str,
        |e, _| text(e.in_container_text(2, e.fd_directory()?)?),
        "Container id, a colon, fd.directory.",
    ).on(Presence::FileOrDirectory)
    .cost(10),
    Field::new(
        "proc.stdin.type",
        Str,
        |e, _| std_type(e, 0),
        "Kind of file of descriptor 0.",
    ),
    Field::new(
        "proc.stdout.type",
        Str,
        |e, _| std_type(e, 1),
        "Kind of file of descriptor 1.",
    ),
    Field::new(
        "proc.stderr.type",
        Str,
        |e, _| std_type(e, 2),
        "Kind of file of descriptor 2.",
    ),
    Field::new(
        "proc.stdin.name",
        Str,
        |e, _| std_name(e, 0),
        "Name of descriptor 0.",
    ),
    Field::new(
        "proc.stdout.name",
        Str,
        |e, _| std_name(e, 1),
        "Name of descriptor 1.",
    ),
    Field::new(
        "proc.stderr.name",
        Str,
        |e, _| std_name(e, 2),
        "Name of descriptor 2.",
    ),
];

impl<'a> EventView<'a> {
    /// Whether `fd.*` can be asked for at all, and the number.
    fn fd_num(&self) -> Option<i32> {
        self.fd_num
    }

    /// The entry of the event's descriptor.
    pub(super) fn fd(&self) -> Option<&'a Fd> {
        self.fd
    }

    fn fd_uid(&self) -> Option<&'a [u8]> {
        let number = self.fd_num()?;
        self.made(Made::FdText, 0, |out| {
            put!(out, "{}{number}", self.record.hdr().tid);
            true
        })
    }

    /// A port in digits; `which` tells the fields apart.
    pub(super) fn port_text(&self, which: usize, port: u16) -> Option<&'a [u8]> {
        self.made(Made::FdText, which, |out| {
            put!(out, "{port}");
            true
        })
    }

    /// Whether the end that `field` (`fd.sip.name` and the like) is about may yet get a name.
    pub(super) fn awaits_name(&self, field: &str) -> bool {
        let end = match field {
            "fd.sip.name" => self.ends().and_then(|ends| ends.server),
            "fd.cip.name" => self.ends().and_then(|ends| ends.client),
            "fd.lip.name" => self.sides().map(|sides| sides.0),
            _ => self.sides().map(|sides| sides.1),
        };
        end.is_some() && self.host.names.are_awaited()
    }

    /// Names of an end's address.
    fn names_of_end(&self, end: Option<End>, visit: Visit<'_>) -> bool {
        let names = end.map_or(&[][..], |end| self.host.names.of(end.0));
        for name in names {
            if visit(Value::Bytes(name.as_bytes())).is_break() {
                break;
            }
        }
        !names.is_empty()
    }

    fn in_container_text(&self, which: usize, tail: &[u8]) -> Option<&'a [u8]> {
        let process = self.process()?;
        self.made(Made::FdText, which, |out| {
            out.extend_from_slice(process.cgroup.container_id().as_bytes());
            out.push(b':');
            out.extend_from_slice(tail);
            true
        })
    }
}

use socket::{End, ips, is_server, ports, protos};

fn num<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    Some(Value::Int(e.fd_num()?.max(-1).into()))
}

fn ip<'e>(end: Option<End>) -> Option<Value<'e>> {
    end.map(|end| Value::Ip(end.0))
}

fn port<'e>(end: Option<End>) -> Option<Value<'e>> {
    end.map(|end| Value::Uint(end.1.into()))
}

fn layer<'e>(e: &'e EventView<'_>, bit: u32) -> Option<Value<'e>> {
    Some(Value::Bool(e.fd()?.file_facts & bit != 0))
}

fn sockfamily<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    match e.fd()?.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => text(b"ip"),
        FdKind::Unix => text(b"unix"),
        _ => None,
    }
}

fn type_of<'e>(e: &'e EventView<'_>, arg: Arg) -> Option<Value<'e>> {
    e.fd_num()?;
    let number = i32::try_from(arg.as_index()?).ok()?;
    text(kind::type_name(e.state.fd_at(number)?.kind))
}

fn types(e: &EventView<'_>, visit: Visit<'_>) -> bool {
    let Some(process) = e.fd_num().and(e.process()) else {
        return false;
    };
    let mut seen = 0_u64;
    for (_, fd) in process.fds.iter() {
        let bit = 1 << fd.kind as u64;
        if seen & bit == 0 && visit(Value::Bytes(kind::type_name(fd.kind))).is_break() {
            break;
        }
        seen |= bit;
    }
    true
}

fn std_type<'e>(e: &'e EventView<'_>, number: i32) -> Option<Value<'e>> {
    text(kind::type_name(e.state.fd_at(number)?.kind))
}

fn std_name<'e>(e: &'e EventView<'_>, number: i32) -> Option<Value<'e>> {
    text(&e.state.fd_at(number)?.name)
}

/// Whether client and server are told apart.
fn has_role(role: Role) -> bool {
    role != Role::Unknown
}
