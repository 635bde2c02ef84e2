//! `proc.*` and `thread.*` that are numbers, times and capabilities.

use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::Cred;

use super::{EventView, Made};
use crate::field::{Arg, Field, text};
use crate::names::caps;

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "proc.pid",
        Int,
        |e, _| Some(Value::Int(e.process()?.tgid.into())),
        "Id of the process, as the host sees it.",
    )
    .cost(1),
    Field::new(
        "proc.vpid",
        Int,
        |e, _| known(e.process()?.vpid),
        "Id in its own pid namespace.",
    ),
    Field::new(
        "proc.pgid",
        Int,
        |e, _| known(e.process()?.pgid),
        "Process group id (host).",
    ),
    Field::new(
        "proc.vpgid",
        Int,
        |e, _| known(e.process()?.vpgid),
        "The same in its namespace.",
    ),
    Field::new(
        "proc.sid",
        Int,
        |e, _| known(e.process()?.sid),
        "Session id.",
    ),
    Field::new(
        "proc.is_vpgid_leader",
        Bool,
        |e, _| Some(Value::Bool(e.process()?.vpgid == e.process()?.vpid)),
        "Whether the process leads its process group, as its namespace sees it.",
    ),
    Field::new(
        "proc.is_pgid_leader",
        Bool,
        |e, _| {
            let process = e.process()?;
            Some(Value::Bool(
                i64::from(process.pgid) == i64::from(process.tgid),
            ))
        },
        "Whether the process leads its process group, as the host sees it.",
    ),
    Field::new(
        "proc.is_sid_leader",
        Bool,
        |e, _| {
            let process = e.process()?;
            let own = i64::from(process.sid) == i64::from(process.tgid);
            Some(Value::Bool(own || process.sid == process.vpid))
        },
        "Whether the process leads its session.",
    ),
    Field::new(
        "proc.pid.ts",
        AbsTime,
        |e, _| epoch(e, e.process()?.clone_ts_ns),
        "When the process was cloned, nanoseconds since the epoch.",
    ),
    Field::new(
        "proc.duration",
        RelTime,
        duration,
        "Nanoseconds since the thread was cloned (not since exec).",
    ),
    Field::new(
        "proc.pidns_init_start_ts",
        AbsTime,
        |e, _| epoch(e, e.process()?.pidns_start_ns),
        "When the init of the pid namespace began, nanoseconds since the epoch.",
    ),
    Field::new(
        "thread.tid",
        Int,
        |e, _| e.process().map(|_| Value::Int(e.record.hdr().tid.into())),
        "Id of the thread, as the host sees it.",
    )
    .cost(1),
    Field::new(
        "thread.vtid",
        Int,
        |e, _| known(e.process()?.vtid(e.record.hdr().tid)),
        "Id of the thread in its own pid namespace.",
    ),
    Field::new(
        "thread.ismain",
        Bool,
        |e, _| Some(Value::Bool(e.process()?.tgid == e.record.hdr().tid)),
        "Whether the thread is the first of its process.",
    ),
    Field::new(
        "thread.cap_effective",
        Str,
        |e, _| capabilities(e, 0, |cred| cred.cap_effective),
        "Effective capabilities by name.",
    )
    .cost(15),
    Field::new(
        "thread.cap_permitted",
        Str,
        |e, _| capabilities(e, 1, |cred| cred.cap_permitted),
        "Permitted capabilities by name.",
    )
    .cost(15),
    Field::new(
        "thread.cap_inheritable",
        Str,
        |e, _| capabilities(e, 2, |cred| cred.cap_inheritable),
        "Inheritable capabilities by name.",
    )
    .cost(15),
];

/// -1 means: not known.
fn known<'e>(id: i32) -> Option<Value<'e>> {
    (id != -1).then_some(Value::Int(id.into()))
}

/// A time the kernel gave, 0 when it is not known.
fn epoch<'e>(e: &EventView<'_>, boot_ns: u64) -> Option<Value<'e>> {
    (boot_ns != 0).then(|| Value::Uint(e.since_epoch(boot_ns)))
}

fn duration<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let process = e.process()?;
    let hdr = e.record.hdr();
    let thread = process
        .threads
        .get(&hdr.tid)
        .filter(|_| hdr.tid != process.tgid);
    let cloned = thread.map_or(process.clone_ts_ns, |thread| thread.clone_ts_ns);
    (cloned != 0).then(|| Value::Int(hdr.ts_ns.saturating_sub(cloned) as i64))
}

fn capabilities<'e>(
    e: &'e EventView<'_>,
    which: usize,
    set: fn(&Cred) -> u64,
) -> Option<Value<'e>> {
    let set = set(&e.process()?.cred);
    text(e.made(Made::Caps, which, |out| {
        caps::write(out, set);
        true
    })?)
}
