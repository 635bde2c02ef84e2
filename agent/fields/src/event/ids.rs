//! `proc.*` and `thread.*` that are numbers, times and capabilities.

use saker_engine::schema::ArgKind::Key;
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::{Cred, Memory};

use super::{EventView, Made};
use crate::field::{Arg, Field, GetOne, KeyKind, Presence, text};
use crate::names::caps;
use crate::render::put;

const NO_SWITCHES: &str = "Always absent: switches of threads are not recorded.";

const SIZE: &str = "Memory mapped as of the last exec, KiB.";

const RESIDENT: &str = "Resident memory as of the last exec, KiB.";

/// Zero means: nobody said.
const fn memory(name: &'static str, get: GetOne, description: &'static str) -> Field {
    Field::new(name, Uint, get, description).on(Presence::Known)
}

const fn never(name: &'static str, description: &'static str) -> Field {
    Field::new(name, RelTime, |_, _| None, description).on(Presence::Never)
}

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
    )
    .on(Presence::Certain),
    Field::new(
        "proc.pgid",
        Int,
        |e, _| known(e.process()?.pgid),
        "Process group id (host).",
    )
    .on(Presence::Certain),
    Field::new(
        "proc.vpgid",
        Int,
        |e, _| known(e.process()?.vpgid),
        "The same in its namespace.",
    )
    .on(Presence::Certain),
    Field::new(
        "proc.sid",
        Int,
        |e, _| known(e.process()?.sid),
        "Session id.",
    )
    .on(Presence::Certain),
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
        |e, _| epoch(e, e.process()?.start_ns()),
        "When the process began, nanoseconds since the epoch.",
    )
    .on(Presence::Certain),
    Field::new(
        "proc.duration",
        RelTime,
        duration,
        "Nanoseconds since the process began, or the thread if it is another (not since exec).",
    )
    .on(Presence::Certain),
    Field::new(
        "proc.pidns_init_start_ts",
        AbsTime,
        |e, _| epoch(e, e.process()?.pidns_start_ns),
        "When the init of the pid namespace began, nanoseconds since the epoch.",
    )
    .on(Presence::Certain),
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
    )
    .on(Presence::Certain),
    Field::new(
        "thread.ismain",
        Bool,
        |e, _| Some(Value::Bool(e.process()?.tgid == e.record.hdr().tid)),
        "Whether the thread is the first of its process.",
    ),
    Field::new(
        "thread.nametid",
        Str,
        |e, _| {
            let comm = e.state.comm()?;
            text(e.made(Made::ThreadText, 0, |out| {
                out.extend_from_slice(comm);
                put!(out, "{}", e.record.hdr().tid);
                true
            })?)
        },
        "Name and id of the thread, joined.",
    )
    .cost(10),
    Field::new(
        "thread.cgroups",
        Str,
        |e, _| {
            let cgroup = &e.process()?.cgroup;
            text(e.made(Made::ThreadText, 1, |out| {
                for path in cgroup.each_path() {
                    if !out.is_empty() {
                        out.push(b' ');
                    }
                    out.extend_from_slice(path);
                }
                !out.is_empty()
            })?)
        },
        "Paths of the cgroups the process was born or executed in, joined by spaces.",
    )
    .on(Presence::Known)
    .cost(10),
    Field::new(
        "thread.cgroup",
        Str,
        |e, arg| {
            let controller = e.schema.key(arg)?;
            text(e.process()?.cgroup.path_of(controller)?)
        },
        "Path of the cgroup of one controller; absent where a record does not tell it.",
    )
    .arg(Key, KeyKind::Text)
    .on(Presence::Known)
    .cost(10),
    memory("proc.vmsize", |e, _| e.memory(|m| m.size_kib.into()), SIZE),
    memory(
        "thread.vmsize",
        |e, _| e.memory(|m| m.size_kib.into()),
        SIZE,
    ),
    memory(
        "proc.vmrss",
        |e, _| e.memory(|m| m.rss_kib.into()),
        RESIDENT,
    ),
    memory(
        "thread.vmrss",
        |e, _| e.memory(|m| m.rss_kib.into()),
        RESIDENT,
    ),
    memory(
        "proc.vmswap",
        |e, _| e.memory(|m| m.swap_kib.into()),
        "Memory swapped out as of the last exec, KiB.",
    ),
    memory(
        "thread.pfmajor",
        |e, _| e.memory(|m| m.major_faults),
        "Page faults that needed I/O up to the last exec.",
    ),
    memory(
        "thread.pfminor",
        |e, _| e.memory(|m| m.minor_faults),
        "Page faults that needed no I/O up to the last exec.",
    ),
    never("thread.exectime", NO_SWITCHES),
    never("thread.totexectime", NO_SWITCHES),
    never("thread.cpu", NO_SWITCHES),
    never("thread.cpu.user", NO_SWITCHES),
    never("thread.cpu.system", NO_SWITCHES),
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

impl EventView<'_> {
    fn memory(&self, part: fn(&Memory) -> u64) -> Option<Value<'static>> {
        let memory = &self.image()?.memory;
        (memory.size_kib != 0).then(|| Value::Uint(part(memory)))
    }
}

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
    let cloned = thread.map_or(process.start_ns(), |thread| thread.clone_ts_ns);
    (cloned != 0).then(|| Value::Int(hdr.ts_ns.saturating_sub(cloned) as i64))
}

fn capabilities<'e>(
    e: &'e EventView<'_>,
    which: usize,
    set: fn(&Cred) -> u64,
) -> Option<Value<'e>> {
    let set = set(e.cred()?);
    text(e.made(Made::Caps, which, |out| {
        caps::write(out, set);
        true
    })?)
}
