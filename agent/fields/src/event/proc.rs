//! `proc.*` about the program of the event's own process (rules-spec D3).

use saker_abi::raw::{
    SAKER_EXE_FROM_MEMFD, SAKER_EXE_LOWER_LAYER, SAKER_EXE_UPPER_LAYER, SAKER_EXE_WRITABLE,
};
use saker_engine::schema::ArgKind::{OptionalIndex, OptionalKey};
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::Image;

use super::{EventView, Made};
use crate::field::{Arg, Field, KeyKind, Presence, text};

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "proc.name",
        Str,
        |e, _| text(e.state.comm()?),
        "Name of the thread's program as the kernel has it, at most 15 bytes.",
    )
    .cost(1),
    Field::new(
        "proc.exe",
        Str,
        |e, _| text(&e.image()?.exe),
        "First argument, argv[0], as given.",
    ),
    Field::new(
        "proc.exepath",
        Str,
        |e, _| text(e.program()?),
        "Path of the executable as the kernel has it, links resolved.",
    ),
    Field::new(
        "proc.realpath",
        Str,
        |e, _| text(e.real_program()?),
        "Path of the program that was executed, where the host has it, whatever mounts led to it. Saker's own; with \
         path_identity: any.",
    )
    .on(Presence::Executed),
    Field::new(
        "proc.cmdline",
        Str,
        |e, _| text(&e.image()?.cmdline),
        "Name and arguments (without argv[0]), joined by spaces.",
    ),
    Field::new(
        "proc.args",
        Str,
        |e, arg| text(arguments(e.image()?, arg)),
        "Arguments without argv[0], joined by spaces; with [N] the N-th, from 0.",
    )
    .arg(OptionalIndex, KeyKind::Index),
    Field::new(
        "proc.exeline",
        Str,
        |e, _| {
            let image = e.image()?;
            text(e.made(Made::ExeLine, 0, |out| {
                write_exeline(image, out);
                true
            })?)
        },
        "argv[0] and arguments, joined by spaces.",
    )
    .cost(10),
    Field::new(
        "proc.env",
        Str,
        environment,
        "Environment joined by spaces; with [NAME] the value of one variable.",
    )
    .arg(OptionalKey, KeyKind::Text)
    .cost(20),
    Field::new(
        "proc.cmdnargs",
        Uint,
        |e, _| Some(Value::Uint(e.image()?.arg_ends.len() as u64)),
        "Number of arguments.",
    ),
    Field::new(
        "proc.cmdlenargs",
        Uint,
        |e, _| {
            let image = e.image()?;
            let blanks = image.arg_ends.len().saturating_sub(1);
            Some(Value::Uint(image.args.len().saturating_sub(blanks) as u64))
        },
        "Bytes of all arguments together.",
    ),
    Field::new(
        "proc.cwd",
        Str,
        |e, _| text(Some(&*e.process()?.cwd).filter(|cwd| !cwd.is_empty())?),
        "Working directory, ending in a slash; absent when not known.",
    )
    .on(Presence::Certain),
    Field::new(
        "proc.tty",
        Uint,
        |e, _| Some(Value::Uint(e.process()?.tty.into())),
        "Device number of the controlling terminal, 0 for none.",
    ),
    Field::new(
        "proc.is_exe_writable",
        Bool,
        |e, _| exe_flag(e, SAKER_EXE_WRITABLE),
        "The process may write to its own executable.",
    ),
    Field::new(
        "proc.is_exe_upper_layer",
        Bool,
        |e, _| exe_flag(e, SAKER_EXE_UPPER_LAYER),
        "The executable is not part of the container's image.",
    ),
    Field::new(
        "proc.is_exe_lower_layer",
        Bool,
        |e, _| exe_flag(e, SAKER_EXE_LOWER_LAYER),
        "The executable is part of the container's image.",
    ),
    Field::new(
        "proc.is_exe_from_memfd",
        Bool,
        |e, _| exe_flag(e, SAKER_EXE_FROM_MEMFD),
        "The executable is a memory file that has no path.",
    ),
    Field::new(
        "proc.exe_ino",
        Uint,
        |e, _| nonzero(e.image()?.exe_ino),
        "Inode of the executable.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.exe_ino.ctime",
        AbsTime,
        |e, _| nonzero(e.image()?.exe_ctime_ns),
        "When the executable's inode last changed, nanoseconds since the epoch.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.exe_ino.mtime",
        AbsTime,
        |e, _| nonzero(e.image()?.exe_mtime_ns),
        "When the executable's contents last changed, nanoseconds since the epoch.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.exe_ino.ctime_duration_proc_start",
        RelTime,
        |e, _| {
            let changed = Some(e.image()?.exe_ctime_ns).filter(|&ns| ns != 0)?;
            let began = Some(e.process()?.start_ns()).filter(|&ns| ns != 0)?;
            Some(Value::Int(
                e.since_epoch(began).wrapping_sub(changed) as i64
            ))
        },
        "From the last change of the executable's inode to the beginning of the process.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.exe_ino.ctime_duration_pidns_start",
        RelTime,
        |e, _| {
            let changed = e.image()?.exe_ctime_ns;
            let began = Some(e.process()?.pidns_start_ns).filter(|&ns| ns != 0)?;
            let after = changed.checked_sub(e.since_epoch(began))?;
            Some(Value::Int(after as i64))
        },
        "From the start of the pid namespace to a later change of the executable's inode.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.fdopencount",
        Uint,
        |e, _| Some(Value::Uint(e.process()?.fds.len() as u64)),
        "Open descriptors the agent knows of.",
    ),
    Field::new(
        "proc.fdlimit",
        Int,
        |e, _| {
            let limit = Some(e.process()?.fdlimit).filter(|&limit| limit != 0)?;
            Some(Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)))
        },
        "Most descriptors the process may have.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.fdusage",
        Double,
        |e, _| {
            let process = e.process()?;
            let limit = Some(process.fdlimit).filter(|&limit| limit != 0)?;
            Some(Value::Double(
                process.fds.len() as f64 * 100.0 / limit as f64,
            ))
        },
        "Open descriptors as a share of the limit, in percent.",
    )
    .on(Presence::Known),
    Field::new(
        "proc.nthreads",
        Uint,
        |e, _| {
            let process = e.process()?;
            let leader = u64::from(!process.leader_exited);
            Some(Value::Uint(process.threads.len() as u64 + leader))
        },
        "Threads of the process, the first one included while it lives.",
    ),
    Field::new(
        "proc.nchilds",
        Uint,
        |e, _| Some(Value::Uint(e.process()?.threads.len() as u64)),
        "Threads of the process besides the first one.",
    ),
];

impl<'a> EventView<'a> {
    /// The program of the event's process.
    pub(super) fn image(&self) -> Option<&'a Image> {
        self.process().map(|process| &*process.image)
    }
}

/// `proc.args` and `proc.args[N]`; an argument that is not there is empty, not absent.
pub(super) fn arguments(image: &Image, arg: Arg) -> &[u8] {
    let Some(index) = arg.as_index() else {
        return &image.args;
    };
    let Some(&end) = image.arg_ends.get(index) else {
        return &[];
    };
    // One space stands between two arguments.
    let before = index
        .checked_sub(1)
        .and_then(|before| image.arg_ends.get(before));
    let start = before.map_or(0, |&end| end as usize + 1);
    image.args.get(start..end as usize).unwrap_or_default()
}

pub(super) fn write_exeline(image: &Image, out: &mut Vec<u8>) {
    out.extend_from_slice(&image.exe);
    if !image.arg_ends.is_empty() {
        out.push(b' ');
        out.extend_from_slice(&image.args);
    }
}

fn environment<'e>(e: &'e EventView<'_>, arg: Arg) -> Option<Value<'e>> {
    let env = &*e.image()?.env;
    if arg == Arg::NONE {
        return text(e.made(Made::Env, 0, |out| {
            joined_env(env, out);
            true
        })?);
    }
    text(variable(env, e.schema.key(arg)?).unwrap_or_default())
}

/// All entries, joined by spaces.
pub(super) fn joined_env(env: &[u8], out: &mut Vec<u8>) {
    let entries = env.strip_suffix(b"\0").unwrap_or(env);
    out.extend(entries.iter().map(|&b| if b == 0 { b' ' } else { b }));
}

/// Value of a variable without blanks at its ends.
pub(super) fn variable<'i>(env: &'i [u8], name: &[u8]) -> Option<&'i [u8]> {
    env.split(|&b| b == 0)
        .find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
        .map(<[u8]>::trim_ascii)
}

fn exe_flag<'e>(e: &'e EventView<'_>, flag: u32) -> Option<Value<'e>> {
    Some(Value::Bool(e.image()?.exe_flags & flag != 0))
}

/// Zero means: not known.
pub(super) fn nonzero<'e>(value: u64) -> Option<Value<'e>> {
    (value != 0).then_some(Value::Uint(value))
}
