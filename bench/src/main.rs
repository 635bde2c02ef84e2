//! `saker-bench`: load generators, and what the agent costs under them.
//!
//! `load` runs one load and prints one JSON line. `compare` runs the loads with the agent off
//! and on, interleaved in one run, and prints ratios: an absolute figure says more about the
//! machine than about the agent. `recording` does the same
//! with captures, `turnover` shows what the agent keeps of what has gone.

#![forbid(unsafe_code)]

mod agent;
mod cli;
mod compare;
mod http;
mod latency;
mod load;
mod metrics;
mod procfs;
mod recording;
mod report;
mod stats;
mod turnover;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Load(options) => load::command(&options),
        Command::Compare(options) => compare::command(&options),
        Command::Recording(options) => recording::command(&options),
        Command::Turnover(options) => turnover::command(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("saker-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
