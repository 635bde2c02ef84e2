//! Requests of io_uring (bpf/uring.h): programs of their own, where the kernel has what they read.

use std::collections::BTreeSet;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::{Array, MapData, ProgramArray};
use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf};
use aya_obj::btf::BtfKind;
use saker_abi::driver::LoadOptions;
use saker_abi::driver::requests::{self, wanted};
use saker_abi::event::EVENTS;
use saker_abi::raw::*;

use crate::hooks::Hooks;
use crate::load::{LoadError, chain};
use crate::programs::{load_one, program, refused};
use crate::{EventSet, functions};

/// Requests whose names are kept between submission and completion.
const KEPT: u32 = 1024;
/// Requests that move data on their way: one a connection of a busy server.
const MOVED: u32 = 16384;
/// Rings at a time that have no room for what is done.
const OVERFLOWING: u32 = 256;
/// Free entries that each CPU takes for itself (LOCAL_FREE_TARGET of kernel/bpf/bpf_lru_list.c). Before
/// 6.17 another one that finds none left reuses its last one again and again.
pub(crate) const LRU_KEPT_BY_CPU: u32 = 128;
/// Requests that stay: of those that move data, and of those that accept.
const STAYING: u32 = 4096;

/// Programs and where they hang: by the names of newer and of older kernels.
const ATTACHED: [(&str, &[&str]); 3] = [
    ("saker_uring_complete", &["io_uring_complete"]),
    ("saker_uring_overflow", &["io_uring_cqe_overflow"]),
    (
        "saker_uring_submit",
        &["io_uring_submit_req", "io_uring_submit_sqe"],
    ),
];

/// A program at the end of a function of the kernel's that does requests of one event (`SAKER_QUIET`).
struct Quiet {
    program: &'static str,
    function: &'static str,
    event: u32,
}

const QUIET: [Quiet; 4] = [
    Quiet {
        program: "saker_quiet_openat",
        function: "io_openat",
        event: SAKER_EV_OPENAT,
    },
    Quiet {
        program: "saker_quiet_openat2",
        function: "io_openat2",
        event: SAKER_EV_OPENAT2,
    },
    Quiet {
        program: "saker_quiet_accept",
        function: "io_accept",
        event: SAKER_EV_ACCEPT4,
    },
    Quiet {
        program: "saker_quiet_socket",
        function: "io_socket",
        event: SAKER_EV_SOCKET,
    },
];

/// Jumps of the programs; the kernel empties such an array when its last descriptor is closed.
pub(crate) struct Fillers {
    _told: ProgramArray<MapData>,
    _submit: ProgramArray<MapData>,
    quiet: ProgramArray<MapData>,
}

/// Whether requests look as the programs expect: since 6.0.
pub(crate) fn supported(btf: &Btf) -> bool {
    btf.id_by_type_name_kind("io_cmd_data", BtfKind::Struct)
        .is_ok()
}

/// Scratch areas these programs need: of their own, where the kernel may preempt them.
pub(crate) fn areas(options: &LoadOptions, hooks: Hooks, cpus: u32) -> u32 {
    let used = hooks.preempted() && wanted(&options.events).next().is_some();
    if used { cpus } else { 0 }
}

/// Maps of what is kept between submission and completion, and their entries: one where nobody uses it.
pub(crate) fn entries(events: &EventSet, btf: &Btf, cpus: u32) -> [(&'static str, u32); 6] {
    let supported = supported(btf);
    let any =
        |moves| supported && wanted(events).any(|request| requests::moves(request.event) == moves);
    let accepts = supported && events.contains(SAKER_EV_ACCEPT4 as u16);
    let entries = |used, entries| {
        if used {
            entries + LRU_KEPT_BY_CPU * cpus
        } else {
            1
        }
    };
    [
        ("uring_kept", entries(any(false), KEPT)),
        ("uring_moved", entries(any(true), MOVED)),
        ("uring_staying", entries(any(true), STAYING)),
        ("uring_listening", entries(accepts, STAYING)),
        ("uring_recorded", entries(any(false), KEPT)),
        ("uring_next", entries(any(false) || any(true), OVERFLOWING)),
    ]
}

fn jumps(ebpf: &mut Ebpf, name: &str) -> Result<ProgramArray<MapData>, LoadError> {
    let table = ebpf
        .take_map(name)
        .ok_or_else(|| LoadError::Object(format!("no map `{name}`")))?;
    ProgramArray::try_from(table).map_err(|error| LoadError::Object(chain(&error)))
}

/// Loads the programs for what of `events` can come this way; `None` when nothing can. The jumps must be
/// kept as long as the programs are to find them.
///
/// # Errors
/// What the kernel refused.
pub(crate) fn load(ebpf: &mut Ebpf, events: &EventSet) -> Result<Option<Fillers>, LoadError> {
    if wanted(events).next().is_none() {
        return Ok(None);
    }
    let mut told = jumps(ebpf, "uring_fillers")?;
    let mut quiet = jumps(ebpf, "uring_quiet")?;
    let events: BTreeSet<u32> = wanted(events).map(|request| request.event.into()).collect();
    for event in events {
        let name = format!("saker_uring_{}", EVENTS[event as usize].name);
        let filler = program(ebpf, &name)?;
        load_one(filler).map_err(|error| refused(&name, &error))?;
        let fd = filler.fd().map_err(|error| refused(&name, &error))?;
        for table in [&mut told, &mut quiet] {
            table
                .set(event, fd, 0)
                .map_err(|error| refused(&name, &error))?;
        }
    }
    for (name, _) in ATTACHED {
        load_one(program(ebpf, name)?).map_err(|error| refused(name, &error))?;
    }
    let mut submit = jumps(ebpf, "uring_submit")?;
    let name = "saker_uring_submit";
    let fd = program(ebpf, name)?.fd();
    fd.and_then(|fd| Ok(submit.set(0, fd, 0)?))
        .map_err(|error| refused(name, &error))?;
    Ok(Some(Fillers {
        _told: told,
        _submit: submit,
        quiet,
    }))
}

/// Hangs programs at the end of functions that do requests whose success will not be told: these are recorded
/// there, with what they made, and not at their submission. Where the kernel refuses that stays as it is.
pub(crate) fn attach_quiet(
    ebpf: &mut Ebpf,
    btf: &Btf,
    events: &EventSet,
    fillers: &mut Fillers,
) -> Vec<(&'static str, OwnedFd)> {
    let mut attached = Vec::new();
    for quiet in QUIET
        .iter()
        .filter(|quiet| events.contains(quiet.event as u16))
    {
        let result = functions::hang(ebpf, btf, quiet.program, quiet.function);
        // Never both: from here on its submission is no record.
        let result = result.and_then(|fd| match fillers.quiet.clear_index(&quiet.event) {
            Ok(()) => Ok(fd),
            Err(error) => Err(chain(&error)),
        });
        match result {
            Ok(fd) => attached.push((quiet.program, fd)),
            Err(reason) => tracing::debug!("{} is not looked at: {reason}", quiet.function),
        }
    }
    attached
}

/// The count of requests of which was forgotten what they had been given.
pub(crate) fn forgotten(ebpf: &mut Ebpf) -> Option<Array<MapData, u64>> {
    Array::try_from(ebpf.take_map("uring_forgotten")?).ok()
}

/// Attaches what [`load`] has loaded; their names and descriptors, for the kernel's counts of what it did not run
/// them for.
///
/// # Errors
/// What the kernel refused.
pub(crate) fn attach(ebpf: &mut Ebpf) -> Result<Vec<(&'static str, OwnedFd)>, LoadError> {
    let mut programs = Vec::new();
    for (name, places) in ATTACHED {
        let Program::RawTracePoint(raw) = program(ebpf, name)? else {
            return Err(refused(name, &ProgramError::UnexpectedProgramType));
        };
        let mut attached = places.iter().map(|place| raw.attach(place).map(drop));
        let first = attached.next().unwrap_or(Ok(()));
        first
            .or_else(|error| attached.next().unwrap_or(Err(error)))
            .map_err(|error| refused(name, &error))?;
        let fd = raw.fd().map_err(|error| refused(name, &error))?;
        let fd = fd.as_fd().try_clone_to_owned();
        programs.push((name, fd.map_err(|error| refused(name, &error))?));
    }
    Ok(programs)
}
