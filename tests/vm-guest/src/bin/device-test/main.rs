//! `device-test MODULE`: what `/dev/saker` must do and must refuse, against a module that it loads and
//! unloads itself. Prints a line a test, exits with 1 when one failed.
#![forbid(unsafe_code)]

mod iterators;
mod lifetime;
mod mappings;
mod requests;
mod rings;
mod roles;

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::io::Errno;
use saker_vm_guest::module;

type Test = fn() -> Result<()>;

const TESTS: &[(&str, Test)] = &[
    ("info tells who the module is", requests::info),
    ("info in other sizes", requests::info_sizes),
    ("opening takes two capabilities", requests::privileges),
    (
        "sessions of another contract are refused",
        requests::create_refused,
    ),
    ("there is one session", requests::one_session),
    ("requests without a session", requests::no_session),
    (
        "rings are handed out once, before the start",
        requests::ring_refused,
    ),
    ("garbage requests", requests::garbage),
    ("arguments nowhere", requests::nowhere),
    ("shapes of a ring's mappings", mappings::shapes),
    ("what is mapped read-only stays so", mappings::rights),
    ("shapes of the counters' mapping", mappings::counters),
    (
        "a page that was thrown out is a signal",
        mappings::thrown_out,
    ),
    (
        "records arrive, readable by the agent's reader",
        rings::records,
    ),
    (
        "a consumer's garbage position is counted as full",
        rings::garbage_position,
    ),
    (
        "a full ring sheds, then drops, and never overruns",
        rings::full,
    ),
    (
        "a sleeping consumer is woken at the threshold",
        rings::wake_up,
    ),
    (
        "nothing is written after stop, and start goes on",
        rings::stop,
    ),
    (
        "garbage in the counters hurts nobody",
        rings::garbage_counters,
    ),
    ("iterators show processes and files", iterators::contents),
    (
        "iterators go on where a short read ended",
        iterators::short_reads,
    ),
    ("iterators of one process", iterators::one_process),
    (
        "iterators survive processes that end",
        iterators::ending_processes,
    ),
    (
        "iterators begin with the next process where one ends halfway",
        iterators::who_ends_halfway,
    ),
    (
        "iterators say when arguments cannot be read",
        iterators::unreadable_arguments,
    ),
    ("iterators refuse what cannot be", iterators::impossible),
    ("an owner that is killed leaves nothing", lifetime::killed),
    (
        "an owner that is killed while its ring is mapped elsewhere",
        lifetime::killed_while_mapped,
    ),
    ("whatever is open keeps the module", lifetime::in_use),
];

static MODULE: OnceLock<PathBuf> = OnceLock::new();

/// File of the module under test.
fn module_file() -> &'static Path {
    MODULE.get().expect("set by main")
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--role", role] => roles::play(role),
        [module] => {
            MODULE.set(PathBuf::from(module)).expect("set once");
            run()
        }
        _ => {
            eprintln!("device-test MODULE: tests the module in this file");
            ExitCode::from(2)
        }
    }
}

fn run() -> ExitCode {
    let mut failed = 0;
    for (name, test) in TESTS {
        match around(*test) {
            Ok(()) => println!("PASS {name}"),
            Err(error) => {
                failed += 1;
                println!("FAIL {name}: {error:#}");
            }
        }
    }
    println!("device-test: {} tests, {failed} failed", TESTS.len());
    ExitCode::from(u8::from(failed > 0))
}

/// Each test has a module of its own and leaves nothing behind in it.
fn around(test: Test) -> Result<()> {
    if module::loaded() {
        module::unload().context("unloading the module of an earlier test")?;
    }
    module::load(module_file())?;
    test()?;
    module::check_idle()?;
    module::unload().context("unloading after the test")
}

/// It failed, and for that reason.
fn refused<T>(what: impl Display, result: io::Result<T>, reason: Errno) -> Result<()> {
    match result {
        Ok(_) => bail!("{what}: not refused, {reason} was expected"),
        Err(error) => ensure!(
            error.raw_os_error() == Some(reason.raw_os_error()),
            "{what}: {error}, {reason} was expected"
        ),
    }
    Ok(())
}
