//! Which programs are needed, loading them side by side, and attaching.

use std::sync::Mutex;

use aya::maps::{MapData, ProgramArray};
use aya::programs::{BtfTracePoint, Program, ProgramError, ProgramFd, RawTracePoint};
use aya::{Btf, Ebpf};
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::{SAKER_EV_EXECVE, SAKER_EV_EXECVEAT};

use crate::EventSet;
use crate::load::{LoadError, chain};

/// Looks at every system call's return.
const DISPATCHER: (&str, &str) = ("saker_sys_exit", "sys_exit");

/// Scheduler tracepoints: program, tracepoint. Always loaded.
const LIFECYCLE: [(&str, &str); 3] = [
    ("saker_fork", "sched_process_fork"),
    ("saker_exec", "sched_process_exec"),
    ("saker_exit", "sched_process_exit"),
];

/// The verifier takes most of the time of a start and runs in the caller: more threads than this
/// would only take CPUs from the host.
const LOADERS_MAX: usize = 4;

/// A program and the tracepoint it is for.
pub(crate) type Wanted = (String, &'static str);

/// The programs that `events` need, the dearest for the verifier first.
pub(crate) fn wanted(events: &EventSet) -> Vec<Wanted> {
    let fixed = LIFECYCLE.iter().chain([&DISPATCHER]);
    let mut wanted: Vec<Wanted> = fixed
        .map(|&(name, tracepoint)| (name.to_owned(), tracepoint))
        .collect();
    for event in with_filler(events) {
        let name = filler(event);
        if !wanted.iter().any(|(other, _)| *other == name) {
            wanted.push((name, DISPATCHER.1));
        }
    }
    wanted
}

fn with_filler(events: &EventSet) -> impl Iterator<Item = &'static EventInfo> {
    EVENTS
        .iter()
        .filter(|event| events.contains(event.id) && !event.is_sched())
}

/// Name of the program that fills the records of `event`.
fn filler(event: &EventInfo) -> String {
    match u32::from(event.id) {
        // Failures of both calls are one program: success comes from the scheduler.
        SAKER_EV_EXECVE | SAKER_EV_EXECVEAT => "saker_ev_exec_failed".to_owned(),
        _ => format!("saker_ev_{}", event.name),
    }
}

/// Loads the wanted programs, several at a time.
pub(crate) fn load(ebpf: &mut Ebpf, wanted: &[Wanted], btf: &Btf) -> Result<(), LoadError> {
    let mut found: Vec<(&Wanted, &mut Program)> = ebpf
        .programs_mut()
        .filter_map(|(name, program)| {
            Some((wanted.iter().find(|(other, _)| other == name)?, program))
        })
        .collect();
    if let Some((name, _)) = wanted
        .iter()
        .find(|&name| !found.iter().any(|&(f, _)| f == name))
    {
        return Err(LoadError::Object(format!(
            "no program `{name}` in the object"
        )));
    }
    // Taken from the end.
    found.sort_by_key(|&(name, _)| std::cmp::Reverse(wanted.iter().position(|w| w == name)));
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
        while let Some(((name, tracepoint), program)) = next() {
            let result = match program {
                Program::RawTracePoint(program) => program.load(),
                other => <&mut BtfTracePoint>::try_from(other)
                    .and_then(|program| program.load(tracepoint, btf)),
            };
            result.map_err(|error| refused(name, &error))?;
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
    events: &EventSet,
) -> Result<ProgramArray<MapData>, LoadError> {
    let table = ebpf
        .take_map("fillers")
        .ok_or_else(|| LoadError::Object("no map `fillers`".into()))?;
    let mut table =
        ProgramArray::try_from(table).map_err(|error| LoadError::Object(chain(&error)))?;
    for event in with_filler(events) {
        let name = filler(event);
        let program: &mut RawTracePoint = program(ebpf, &name)?;
        let fd: &ProgramFd = program.fd().map_err(|error| refused(&name, &error))?;
        table
            .set(u32::from(event.id), fd, 0)
            .map_err(|error| refused(&name, &error))?;
    }
    Ok(table)
}

/// Attaches what is not reached by a jump. Lifecycle first: no event of a process is seen before its
/// birth could have been.
pub(crate) fn attach(ebpf: &mut Ebpf) -> Result<(), LoadError> {
    for (name, _) in LIFECYCLE {
        let program: &mut BtfTracePoint = program(ebpf, name)?;
        program.attach().map_err(|error| refused(name, &error))?;
    }
    let (name, tracepoint) = DISPATCHER;
    let program: &mut RawTracePoint = program(ebpf, name)?;
    program
        .attach(tracepoint)
        .map_err(|error| refused(name, &error))?;
    Ok(())
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<P, LoadError>
where
    P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let missing = || LoadError::Object(format!("no program `{name}` in the object"));
    let program = ebpf.program_mut(name).ok_or_else(missing)?;
    P::try_from(program).map_err(|error| LoadError::Object(chain(&error)))
}

fn refused(name: &str, error: &dyn std::error::Error) -> LoadError {
    LoadError::Program {
        name: name.to_owned(),
        reason: chain(error),
    }
}
