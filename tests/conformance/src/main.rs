//! `saker-conformance`: dumps the records of a script that performs every event, and compares dumps.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use saker_conformance::compare::{Comparison, compare, compare_kernels};
use saker_conformance::driver::Kind;
use saker_conformance::dump::dump;
use saker_conformance::exceptions::EXCEPTIONS;
use saker_conformance::text::Dump;

/// Differences that are shown.
const SHOWN_MAX: usize = 100;

/// The conformance suite of Saker's drivers.
#[derive(Debug, Parser)]
#[command(name = "saker-conformance")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Performs every event under a driver and writes its records as text (root).
    Dump {
        /// Which driver; the module must be loaded.
        #[arg(long)]
        driver: Kind,
        /// Where the text goes.
        #[arg(long)]
        out: PathBuf,
        /// Opens and calls on names say which file they are about.
        #[arg(long)]
        reached: bool,
        /// Longest run of the script, seconds.
        #[arg(long, default_value_t = 120)]
        timeout: u64,
        /// Runs on a kernel without 32-bit calls, too.
        #[arg(long)]
        without_compat: bool,
    },
    /// Compares two dumps; status 1 when they differ.
    Compare {
        /// A dump.
        first: PathBuf,
        /// Another one.
        second: PathBuf,
        /// Of different kernels: what is known to differ between them is excused.
        #[arg(long)]
        across_kernels: bool,
    },
}

fn main() -> ExitCode {
    match execute(Options::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("saker-conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn execute(command: Command) -> Result<ExitCode> {
    match command {
        Command::Dump {
            driver,
            out,
            reached,
            timeout,
            without_compat,
        } => {
            let dump = dump(
                driver,
                reached,
                Duration::from_secs(timeout),
                without_compat,
            )?;
            fs::write(&out, dump.to_string()).with_context(|| out.display().to_string())?;
            println!(
                "{}: {} records of {} thread groups",
                out.display(),
                dump.lines().count(),
                dump.groups.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        Command::Compare {
            first,
            second,
            across_kernels,
        } => {
            let (a, b) = (read(&first)?, read(&second)?);
            let comparison = if across_kernels {
                compare_kernels(&a, &b, EXCEPTIONS)?
            } else {
                compare(&a, &b)?
            };
            show(&comparison);
            let equal = comparison.is_equal();
            Ok(if equal {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

fn read(path: &Path) -> Result<Dump> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Dump::parse(&text).with_context(|| path.display().to_string())
}

fn show(comparison: &Comparison) {
    for difference in comparison.differences.iter().take(SHOWN_MAX) {
        println!("{difference}");
    }
    let more = comparison.differences.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        println!("... and {more} more");
    }
    for exception in &comparison.stale {
        println!(
            "exception not needed any more: {} in {}: {}",
            exception.event,
            exception.steps.join(", "),
            exception.reason
        );
    }
    println!(
        "{} differences, {} excused, {} exceptions not needed",
        comparison.differences.len(),
        comparison.excused.len(),
        comparison.stale.len()
    );
}
