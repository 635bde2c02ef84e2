//! Saker, a runtime-security agent for Linux.
//!
//! This crate is wiring: it reads the configuration, puts the parts together and shows what they
//! do. The threads of a running agent:
//!
//! ```text
//! saker-worker/N     pinned; rings -> state -> rules -> alert queue    (worker.rs, saker-capture)
//! saker-output       alert queue -> standard output                    (saker-alerts)
//! saker-background   look-ups in /proc, users, addresses, clocks       (background.rs)
//! saker-names        addresses of hosts that rules name              (dns/)
//! saker-recorder     copies of records -> capture files                (capture/)
//! saker-control      signals, /metrics, /healthz, /readyz, /versions   (control.rs, http.rs)
//! main               starts, waits, stops                              (commands/run.rs)
//! ```
#![forbid(unsafe_code)]

mod agent;
mod background;
mod blind_spots;
mod capture;
mod cli;
mod commands;
mod config;
mod control;
mod dns;
mod driver;
mod first_look;
mod given;
mod health;
mod host;
mod http;
mod lock;
mod logging;
mod losses;
mod metrics;
mod mounts;
mod named_files;
mod needs;
mod plan;
mod replay;
mod rules;
mod worker;

use std::io;
use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::execute(cli.command) {
        Ok(status) => status,
        // `saker list fields | head` is not an error of ours.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("saker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
