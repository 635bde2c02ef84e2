//! The commands. Each returns the exit status of the process.

mod check;
mod doctor;
mod driver;
mod explain;
mod list;
mod record;
mod replay;
mod run;
mod selection;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs a command.
///
/// # Errors
/// What stopped it, for the user to read.
pub(crate) fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Record(args) => record::record(args),
        Command::Replay(args) => replay::replay(args),
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::List(args) => list::list(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Driver(command) => driver::driver(command),
    }
}
