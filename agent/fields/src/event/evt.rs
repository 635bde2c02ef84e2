//! `evt.*` and `syscall.*`.

use saker_abi::raw::*;
use saker_engine::schema::ArgKind::Key;
use saker_engine::schema::Event as _;
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;

use super::EventView;
use crate::field::{Arg, Field, KeyKind, Presence, text};
use crate::names::{convert, errno, flags};
use crate::params::Kind;

/// Permission to execute, for anybody.
const ANY_EXECUTE: u64 = 0o111;

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "evt.num",
        Uint,
        |e, _| Some(Value::Uint(e.num)),
        "Number of the event, from 1.",
    )
    .cost(1),
    Field::new(
        "evt.type",
        Str,
        |e, _| text(e.type_name().as_bytes()),
        "Name of the event.",
    )
    .cost(1),
    Field::new(
        "evt.type.is",
        Uint,
        is_type,
        "1 if the event has the given name, otherwise 0.",
    )
    .arg(Key, KeyKind::Event)
    .cost(1),
    Field::new(
        "syscall.type",
        Str,
        syscall_type,
        "Name of the system call, absent for others.",
    )
    .on(Presence::AnyCall),
    Field::new(
        "evt.via",
        Str,
        via,
        "syscall or io_uring: how the program asked for it. Absent where syscall.type is. Saker's own.",
    )
    .on(Presence::AnyCall)
    .cost(1),
    Field::new(
        "evt.dir",
        Str,
        dir,
        "Deprecated: < for system calls, > for process ends.",
    )
    .cost(1),
    Field::new(
        "evt.hostname",
        Str,
        |e, _| text(e.host.hostname.as_bytes()),
        "Name of this host, as the agent knows it.",
    ),
    Field::new(
        "evt.source",
        Str,
        |_, _| text(b"syscall"),
        "Source of the event: syscall.",
    ),
    Field::new(
        "evt.asynctype",
        Str,
        |_, _| None,
        "Name of an asynchronous event; kernel events have none.",
    )
    .on(Presence::Never),
    Field::new(
        "evt.pluginname",
        Str,
        |_, _| None,
        "Plugin the event comes from; kernel events come from none.",
    )
    .on(Presence::Never),
    Field::new(
        "evt.plugininfo",
        Str,
        |_, _| None,
        "What a plugin says of its event; kernel events come from none.",
    )
    .on(Presence::Never),
    Field::new(
        "evt.is_async",
        Bool,
        |_, _| Some(Value::Bool(false)),
        "Never for kernel events.",
    ),
    Field::new(
        "evt.cpu",
        Int,
        |e, _| Some(Value::Int(i64::from(e.record.hdr().cpu))),
        "CPU on which the event happened.",
    ),
    Field::new(
        "evt.res",
        Str,
        result,
        "SUCCESS or the name of the error (ENOENT, ...).",
    )
    .on(Presence::Call),
    Field::new(
        "evt.rawres",
        Int,
        |e, _| e.return_value().map(Value::Int),
        "Return value: a count, a descriptor, a process id, or a negative error number.",
    )
    .on(Presence::Call),
    Field::new(
        "evt.failed",
        Bool,
        |e, _| e.return_value().map(|value| Value::Bool(value < 0)),
        "Whether the system call failed.",
    )
    .on(Presence::Call),
    Field::new(
        "evt.arg",
        Str,
        |e, arg| text(e.argument(e.position(arg)?)?),
        "A parameter by name or position, as text: names of flags, absolute paths, users.",
    )
    .arg(Key, KeyKind::Param)
    .on(Presence::Parameter)
    .cost(12),
    Field::new(
        "evt.rawarg",
        Uint,
        |e, arg| e.raw_argument(arg),
        "A parameter by name with the type it has in the event.",
    )
    .arg(Key, KeyKind::Param)
    .on(Presence::Parameter)
    .no_operand()
    .cost(4),
    Field::new(
        "evt.args",
        Str,
        |e, _| text(e.arguments()?),
        "All parameters as text.",
    )
    .cost(60),
    Field::new(
        "evt.info",
        Str,
        |e, _| text(e.arguments()?),
        "The same as evt.args.",
    )
    .cost(60),
    Field::new(
        "evt.buffer",
        Bytes,
        buffer,
        "Data read, written, sent or received, as far as it was recorded.",
    )
    .on(Presence::Data),
    Field::new(
        "evt.is_open_read",
        Bool,
        |e, _| {
            Some(Value::Bool(
                e.open().is_some_and(|o| o.flags & flags::O_RDONLY != 0),
            ))
        },
        "open, openat, openat2 or open_by_handle_at for reading, successful or not.",
    ),
    Field::new(
        "evt.is_open_write",
        Bool,
        |e, _| {
            Some(Value::Bool(
                e.open().is_some_and(|o| o.flags & flags::O_WRONLY != 0),
            ))
        },
        "open, openat, openat2 or open_by_handle_at for writing, successful or not.",
    ),
    Field::new(
        "evt.is_open_exec",
        Bool,
        is_open_exec,
        "A file is created that can be executed.",
    ),
    Field::new(
        "evt.is_open_create",
        Bool,
        is_open_create,
        "The open created the file (also true for directories opened as such, as in Falco).",
    ),
];

/// Flags and mode of an open, as rules see them.
pub(super) struct Open {
    pub(super) flags: u64,
    mode: u64,
}

impl EventView<'_> {
    /// Only open, openat, openat2 and open_by_handle_at, which cannot create (rules-spec D1). Slots are looked up by number: rules ask this
    /// of every open.
    pub(super) fn open(&self) -> Option<Open> {
        let (flags, mode, facts) = match self.record.event() {
            SAKER_EV_OPEN => (SAKER_P_OPEN_flags, SAKER_P_OPEN_mode, SAKER_P_OPEN_facts),
            SAKER_EV_OPENAT => (
                SAKER_P_OPENAT_flags,
                SAKER_P_OPENAT_mode,
                SAKER_P_OPENAT_facts,
            ),
            SAKER_EV_OPENAT2 => (
                SAKER_P_OPENAT2_flags,
                SAKER_P_OPENAT2_mode,
                SAKER_P_OPENAT2_facts,
            ),
            SAKER_EV_OPEN_BY_HANDLE_AT => {
                let flags = self.record.u64(SAKER_P_OPEN_BY_HANDLE_AT_flags);
                let facts = self.record.u64(SAKER_P_OPEN_BY_HANDLE_AT_facts);
                return Some(Open {
                    flags: convert::open_flags(flags) | convert::open_facts(facts),
                    mode: 0,
                });
            }
            _ => return None,
        };
        let kernel_flags = self.record.u64(flags);
        let facts = convert::open_facts(self.record.u64(facts));
        let creates = convert::open_creates(kernel_flags);
        Some(Open {
            flags: convert::open_flags(kernel_flags) | facts,
            mode: if creates { self.record.u64(mode) } else { 0 },
        })
    }

    /// First parameter of a system call that has an event of its own.
    pub(super) fn return_value(&self) -> Option<i64> {
        let has_one = self.info().is_call() && !self.info().is_generic();
        let first = self.params().first().filter(|_| has_one)?;
        Some(match first.kind {
            // An int in a register: its upper half may be anything.
            Kind::Fd | Kind::Pid => i64::from(self.record.i64(0) as i32),
            _ => self.record.i64(0),
        })
    }
}

fn is_type<'e>(e: &'e EventView<'_>, arg: Arg) -> Option<Value<'e>> {
    let is = arg.as_key() == Some(u32::from(e.event_type().0));
    Some(Value::Uint(is.into()))
}

fn syscall_type<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let is_call = e.info().is_call();
    is_call.then_some(Value::Bytes(e.type_name().as_bytes()))
}

fn via<'e>(e: &'e EventView<'_>, arg: Arg) -> Option<Value<'e>> {
    syscall_type(e, arg)?;
    let by_ring = u32::from(e.record.hdr().flags) & SAKER_HF_IO_URING != 0;
    text(if by_ring { b"io_uring" } else { b"syscall" })
}

fn dir<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    text(if e.info().is_call() { b"<" } else { b">" })
}

fn result<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let value = e.return_value()?;
    if value >= 0 {
        return text(b"SUCCESS");
    }
    text(errno::of_return_value(value)?.as_bytes())
}

fn buffer<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let at = e.position_of("data")?;
    let param = &e.params()[at];
    (param.kind == Kind::Bytes).then(|| Value::Bytes(e.bytes(param)))
}

fn is_open_exec<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let executable = match e.open() {
        Some(open) => {
            open.flags & (flags::O_CREAT | flags::O_TMPFILE) != 0 && open.mode & ANY_EXECUTE != 0
        }
        None => {
            let creat = e.record.event() == SAKER_EV_CREAT;
            creat && e.record.u64(SAKER_P_CREAT_mode) & ANY_EXECUTE != 0
        }
    };
    Some(Value::Bool(executable))
}

fn is_open_create<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let succeeded = e.return_value().is_some_and(|value| value >= 0);
    let created = e.open().is_some_and(|open| {
        let nameless = open.flags & flags::O_TMPFILE != 0 && succeeded;
        open.flags & flags::O_F_CREATED != 0 || nameless
    });
    Some(Value::Bool(created))
}
