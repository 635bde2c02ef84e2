//! `evt.category`, `evt.is_io*`, `evt.buflen`, `evt.count*`: sorts of events (rules-spec D6).

use saker_abi::event::EventInfo;
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::FdKind;

use super::EventView;
use super::category::{Category, Direction, category, direction, waits};
use crate::field::{Field, Presence, text};

/// The socket syslog(3) writes to.
const SYSLOG: &[u8] = b"/dev/log";

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "evt.category",
        Str,
        |e, _| text(e.category().as_bytes()),
        "Sort of event: file, net, IPC, memory, process, user, ...; of reads and writes that of the file.",
    )
    .cost(4),
    Field::new(
        "evt.is_io",
        Bool,
        |e, _| Some(Value::Bool(e.direction().is_some())),
        "The call reads or writes data.",
    ),
    Field::new(
        "evt.is_io_read",
        Bool,
        |e, _| Some(Value::Bool(e.direction() == Some(Direction::Read))),
        "The call reads or receives.",
    ),
    Field::new(
        "evt.is_io_write",
        Bool,
        |e, _| Some(Value::Bool(e.direction() == Some(Direction::Write))),
        "The call writes or sends.",
    ),
    Field::new(
        "evt.io_dir",
        Str,
        |e, _| {
            text(match e.direction()? {
                Direction::Read => b"read",
                Direction::Write => b"write",
            })
        },
        "read or write.",
    )
    .on(Presence::Io),
    Field::new(
        "evt.is_wait",
        Bool,
        |e, _| Some(Value::Bool(waits(e.info().name))),
        "The call waits for events (poll, epoll, select).",
    ),
    Field::new(
        "evt.is_syslog",
        Bool,
        |e, _| {
            let writes = e.direction() == Some(Direction::Write);
            let to_log = || e.fd().is_some_and(|fd| fd.name.ends_with(SYSLOG));
            Some(Value::Bool(writes && to_log()))
        },
        "The call writes to /dev/log.",
    ),
    Field::new(
        "evt.buflen",
        Uint,
        |e, _| {
            e.direction().and(e.fd())?;
            Some(Value::Uint(u64::try_from(e.return_value()?).ok()?))
        },
        "Bytes read or written, when the descriptor is known.",
    )
    .on(Presence::Moved),
    Field::new(
        "evt.count",
        Uint,
        |_, _| Some(Value::Uint(1)),
        "Always 1, for summing up.",
    )
    .cost(1),
    Field::new(
        "evt.count.exit",
        Uint,
        |e, _| e.return_value().map(|_| Value::Uint(1)),
        "1 for returns of system calls.",
    )
    .on(Presence::Call),
    Field::new(
        "evt.count.error",
        Uint,
        |e, _| e.error_of(|_| true),
        "1 for calls that failed.",
    )
    .on(Presence::FailedCall),
    Field::new(
        "evt.count.error.file",
        Uint,
        |e, _| e.error_of(|category| category == "file"),
        "1 for calls on files that failed.",
    )
    .on(Presence::FailedCall),
    Field::new(
        "evt.count.error.net",
        Uint,
        |e, _| e.error_of(|category| category == "net"),
        "1 for network calls that failed.",
    )
    .on(Presence::FailedCall),
    Field::new(
        "evt.count.error.memory",
        Uint,
        |e, _| e.error_of(|category| category == "memory"),
        "1 for calls about memory that failed.",
    )
    .on(Presence::FailedCall),
    Field::new(
        "evt.count.error.other",
        Uint,
        |e, _| e.error_of(|category| !matches!(category, "file" | "net" | "memory")),
        "1 for other calls that failed.",
    )
    .on(Presence::FailedCall),
];

/// Whether `evt.category` of this event is that of its descriptor's file.
pub fn category_is_of_descriptor(event: &EventInfo) -> bool {
    category(event.name) == Category::Io
}

impl EventView<'_> {
    fn direction(&self) -> Option<Direction> {
        direction(self.info().name)
    }

    fn category(&self) -> &'static str {
        match category(self.info().name) {
            Category::Named(name) => name,
            Category::Io => match self.fd().map(|fd| fd.kind) {
                Some(FdKind::File | FdKind::Directory) => "file",
                Some(FdKind::Ipv4 | FdKind::Ipv6) => "net",
                Some(FdKind::Unknown) => "other",
                Some(_) => "IPC",
                None => "unknown",
            },
        }
    }

    fn error_of(&self, fits: fn(&str) -> bool) -> Option<Value<'static>> {
        let failed = self.return_value()? < 0;
        (failed && fits(self.category())).then_some(Value::Uint(1))
    }
}
