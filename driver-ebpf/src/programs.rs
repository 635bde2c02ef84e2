//! Which programs are needed, loading them side by side, and attaching.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Mutex;

use aya::Ebpf;
use aya::maps::{MapData, ProgramArray};
use aya::programs::{Program, ProgramError, ProgramFd};
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::{
    SAKER_EV_CANARY, SAKER_EV_CLONE, SAKER_EV_CLONE3, SAKER_EV_EXECVE, SAKER_EV_EXECVEAT,
    SAKER_EV_FORK, SAKER_EV_OPEN_BY_HANDLE_AT, SAKER_EV_SIGNALDELIVER, SAKER_EV_VFORK,
};

use crate::hooks::Hooks;
use crate::load::{LoadError, chain};
use crate::{EventSet, LoadOptions};

/// A program that hangs somewhere itself, and where: a raw tracepoint, or `CATEGORY/NAME` of perf's.
struct Attached {
    program: &'static str,
    raw: &'static str,
    unpreempted: &'static str,
    /// The only event it is for; `None`: it is needed in any case.
    event: Option<u32>,
}

impl Attached {
    const fn place(&self, hooks: Hooks) -> &'static str {
        match hooks {
            Hooks::Raw => self.raw,
            Hooks::Unpreempted => self.unpreempted,
        }
    }
}

/// In the order of attaching, lifecycle first: no event of a process is seen before its birth could have
/// been. The last looks at every system call's return.
const ATTACHED: [Attached; 5] = [
    Attached {
        program: "saker_fork",
        raw: "sched_process_fork",
        unpreempted: "sched_wakeup_new",
        event: None,
    },
    Attached {
        program: "saker_exec",
        raw: "sched_process_exec",
        unpreempted: "sched/sched_process_exec",
        event: None,
    },
    Attached {
        program: "saker_exit",
        raw: "sched_process_exit",
        unpreempted: "sched/sched_process_exit",
        event: None,
    },
    // Who sent it perf's tracepoint does not tell.
    Attached {
        program: "saker_signal",
        raw: "signal_deliver",
        unpreempted: "signal_deliver",
        event: Some(SAKER_EV_SIGNALDELIVER),
    },
    Attached {
        program: "saker_sys_exit",
        raw: "sys_exit",
        unpreempted: "raw_syscalls/sys_exit",
        event: None,
    },
];

/// Those that `events` need.
fn attached(events: &EventSet) -> impl Iterator<Item = &'static Attached> {
    ATTACHED.iter().filter(|attached| {
        let only = attached.event.map(|event| event as u16);
        only.is_none_or(|event| events.contains(event))
    })
}

/// The verifier takes most of the time of a start and runs in the caller: more threads than this
/// would only take CPUs from the host.
const LOADERS_MAX: usize = 4;

/// The programs that `options` ask for, the dearest for the verifier first.
pub(crate) fn wanted(options: &LoadOptions) -> Vec<String> {
    let fixed = attached(&options.events).map(|attached| attached.program.to_owned());
    let mut wanted: Vec<String> = fixed.collect();
    for event in with_filler(&options.events) {
        let name = filler(event, options.reached);
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    wanted
}

/// What is filled on the return of a call; the canary always.
fn with_filler(events: &EventSet) -> impl Iterator<Item = &'static EventInfo> {
    let wanted = |id: u16| events.contains(id) || u32::from(id) == SAKER_EV_CANARY;
    EVENTS
        .iter()
        .filter(move |event| wanted(event.id) && !event.is_sched() && !event.is_iterated())
}

/// Name of the program that fills the records of `event`, with what it `reached` or without.
fn filler(event: &EventInfo, reached: bool) -> String {
    match u32::from(event.id) {
        // Failures of both calls are one program: success comes from the scheduler.
        SAKER_EV_EXECVE | SAKER_EV_EXECVEAT => "saker_ev_exec_failed".to_owned(),
        // The same of forks.
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK => {
            "saker_ev_fork_failed".to_owned()
        }
        // Rare, and dear anyway: one program for both.
        SAKER_EV_OPEN_BY_HANDLE_AT => format!("saker_ev_{}", event.name),
        _ if reached && event.tells_reached() => format!("saker_reached_{}", event.name),
        _ => format!("saker_ev_{}", event.name),
    }
}

/// Loads the wanted programs, several at a time.
pub(crate) fn load(ebpf: &mut Ebpf, wanted: &[String]) -> Result<(), LoadError> {
    let mut found: Vec<(usize, &mut Program)> = ebpf
        .programs_mut()
        .filter_map(|(name, program)| Some((wanted.iter().position(|w| w == name)?, program)))
        .collect();
    let missing = (0..wanted.len()).find(|i| !found.iter().any(|(found, _)| found == i));
    if let Some(missing) = missing {
        let name = &wanted[missing];
        return Err(LoadError::Object(format!(
            "no program `{name}` in the object"
        )));
    }
    // Taken from the end.
    found.sort_by_key(|&(position, _)| std::cmp::Reverse(position));
    let loaders = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(LOADERS_MAX);
    let queue = Mutex::new(found);
    let next = || {
        queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .pop()
    };
    let load_rest = || -> Result<(), LoadError> {
        while let Some((position, program)) = next() {
            load_one(program).map_err(|error| refused(&wanted[position], &error))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..loaders).map(|_| scope.spawn(load_rest)).collect();
        let mut result = load_rest();
        for helper in helpers {
            let joined = helper
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(joined);
        }
        result
    })
}

/// Puts the fillers into the array the dispatcher jumps through.
pub(crate) fn fill_table(
    ebpf: &mut Ebpf,
    options: &LoadOptions,
) -> Result<ProgramArray<MapData>, LoadError> {
    let table = ebpf
        .take_map("fillers")
        .ok_or_else(|| LoadError::Object("no map `fillers`".into()))?;
    let mut table =
        ProgramArray::try_from(table).map_err(|error| LoadError::Object(chain(&error)))?;
    for event in with_filler(&options.events) {
        let name = filler(event, options.reached);
        let fd = program(ebpf, &name)?.fd();
        let fd: &ProgramFd = fd.map_err(|error| refused(&name, &error))?;
        table
            .set(u32::from(event.id), fd, 0)
            .map_err(|error| refused(&name, &error))?;
    }
    Ok(table)
}

/// Attaches what is not reached by a jump.
pub(crate) fn attach(ebpf: &mut Ebpf, events: &EventSet, hooks: Hooks) -> Result<(), LoadError> {
    for attached in attached(events) {
        let place = attached.place(hooks);
        let result = match program(ebpf, attached.program)? {
            Program::RawTracePoint(program) => program.attach(place).map(drop),
            Program::TracePoint(program) => {
                let (category, name) = place.split_once('/').unwrap_or_default();
                program.attach(category, name).map(drop)
            }
            _ => Err(ProgramError::UnexpectedProgramType),
        };
        result.map_err(|error| refused(attached.program, &error))?;
    }
    Ok(())
}

/// The attached programs' names and descriptors, for the kernel's counts of what it did not run them for.
pub(crate) fn descriptors(
    ebpf: &mut Ebpf,
    events: &EventSet,
) -> Result<Vec<(&'static str, OwnedFd)>, LoadError> {
    let mut descriptors = Vec::with_capacity(ATTACHED.len());
    for &Attached { program: name, .. } in attached(events) {
        let fd = program(ebpf, name)?.fd();
        let fd = fd.map_err(|error| refused(name, &error))?;
        let fd = fd.as_fd().try_clone_to_owned();
        descriptors.push((name, fd.map_err(|error| refused(name, &error))?));
    }
    Ok(descriptors)
}

pub(crate) fn load_one(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::RawTracePoint(program) => program.load(),
        Program::TracePoint(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

pub(crate) fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program, LoadError> {
    ebpf.program_mut(name)
        .ok_or_else(|| LoadError::Object(format!("no program `{name}` in the object")))
}

pub(crate) fn refused(name: &str, error: &dyn std::error::Error) -> LoadError {
    LoadError::Program {
        name: name.to_owned(),
        reason: chain(error),
    }
}
