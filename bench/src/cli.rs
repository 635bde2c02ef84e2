//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Load generators, and what the agent costs under them.
#[derive(Debug, Parser)]
#[command(name = "saker-bench", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs one load and prints one line of JSON.
    Load(LoadOptions),
    /// Measures the loads with the agent off and on, and how late alerts are.
    Compare(CompareOptions),
    /// Measures the loads under `saker run`, with captures and under `saker record`.
    Recording(RecordingOptions),
    /// Lets cgroups and processes come and go, and fails if the agent grows or keeps the dead.
    Turnover(TurnoverOptions),
}

/// What one operation of a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadKind {
    /// openat and close of /etc/passwd.
    OpenClose,
    /// fork, exec and wait of /bin/true.
    ForkExec,
    /// connect, accept and two closes on the loopback interface.
    Connect,
    /// getppid, a system call that no rule asks for.
    Unwanted,
    /// dup and close.
    DupClose,
    /// rename of a file in a directory of its own.
    Rename,
}

impl LoadKind {
    /// The name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenClose => "open-close",
            Self::ForkExec => "fork-exec",
            Self::Connect => "connect",
            Self::Unwanted => "unwanted",
            Self::DupClose => "dup-close",
            Self::Rename => "rename",
        }
    }

    /// Operations a thread that take about 0.3 to 1 s on a machine of today, agent off.
    pub(crate) fn default_count(self) -> u64 {
        match self {
            Self::OpenClose => 500_000,
            Self::ForkExec => 1_000,
            Self::Connect => 20_000,
            Self::Unwanted => 3_000_000,
            Self::DupClose => 2_000_000,
            Self::Rename => 200_000,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LoadOptions {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) kind: LoadKind,
    /// Threads that do it at the same time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// Operations of each thread [default: enough for about half a second].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Keeps each thread on one CPU.
    #[arg(long)]
    pub(crate) pin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareOptions {
    /// The agent's binary.
    #[arg(long)]
    pub(crate) saker: PathBuf,
    /// Rules files or directories for the agent.
    #[arg(long, default_value = "rules")]
    pub(crate) rules: Vec<PathBuf>,
    /// Pairs of measurements (agent off, agent on) of each load.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
    /// A tenth of the operations, three rounds and a short idle phase: a smoke test, not a figure.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these loads.
    #[arg(long, value_enum)]
    pub(crate) only: Vec<LoadKind>,
    /// One JSON document instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings for the agent, as its option -o takes them.
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub(crate) agent_settings: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordingOptions {
    /// The agent's binary.
    #[arg(long)]
    pub(crate) saker: PathBuf,
    /// Rules files or directories for the agent.
    #[arg(long, default_value = "rules")]
    pub(crate) rules: Vec<PathBuf>,
    /// Rounds, each with every mode and load.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
    /// Only these loads.
    #[arg(long, value_enum)]
    pub(crate) only: Vec<LoadKind>,
    /// Settings for the agent, as its option -o takes them.
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub(crate) agent_settings: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TurnoverOptions {
    /// The agent's binary.
    #[arg(long)]
    pub(crate) saker: PathBuf,
    /// Cgroups that come and go.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) cgroups: u64,
    /// Forks in all of them together.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) forks: u64,
    /// Cgroups at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    /// Settings for the agent, as its option -o takes them.
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub(crate) agent_settings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn names_are_those_the_command_line_takes() {
        for kind in LoadKind::value_variants() {
            let parsed = LoadKind::from_str(kind.name(), false);
            assert_eq!(parsed, Ok(*kind));
        }
    }
}
