//! The command line (docs/configuration.md).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use saker_driver_kmod::build::BUILD_TIMEOUT;

use crate::config::DriverChoice;

/// Saker, a runtime-security agent for Linux.
#[derive(Debug, Parser)]
#[command(
    name = "saker",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch this host and print alerts until stopped
    Run(RunArgs),
    /// Record what this host does to a file, to be replayed later
    Record(RecordArgs),
    /// Evaluate rules on recorded files: no root, no driver, the same alerts every time
    Replay(ReplayArgs),
    /// Report every error and warning of rules files
    Check(CheckArgs),
    /// Show what a rule comes to, or why rules match an event or do not
    Explain(ExplainArgs),
    /// List what rules may name
    List(ListArgs),
    /// Try the drivers on this host and tell which one would be taken and why
    Doctor(DoctorArgs),
    /// Build, load, unload or look at the kernel module
    #[command(subcommand)]
    Driver(DriverCommand),
}

/// Arguments of the commands that work by the configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file [default: /etc/saker/saker.yaml if it exists]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Set one key of the configuration; may be repeated
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE")]
    pub options: Vec<String>,
}

/// Arguments of `saker run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where the configuration comes from
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Rules file or directory instead of the configured ones; may be repeated
    #[arg(short = 'r', long = "rules", value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Driver instead of the configured one
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub driver: Option<DriverChoice>,
    /// Print alerts as JSON
    #[arg(long)]
    pub json: bool,
    /// Which rules run, and what their outputs say
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `saker record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// File to make; with rotation .000000, .000001 and so on are appended to its name
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub write: PathBuf,
    /// Record what these rules need, instead of the configured ones; may be repeated
    #[arg(short = 'r', long = "rules", value_name = "PATH", conflicts_with_all = ["events", "all"])]
    pub rules: Vec<PathBuf>,
    /// Record these events (`saker list events`), separated by commas, and what state needs
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "all"
    )]
    pub events: Vec<String>,
    /// Record every event
    #[arg(long)]
    pub all: bool,
    /// Stop after so many seconds
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub duration: Option<u64>,
    /// Largest size of a file in MiB; then the next file, or the end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub max_size_mib: Option<u64>,
    /// Keep the last N files and go on for ever
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub rotate_files: Option<u64>,
    /// Begin a new file every S seconds
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub rotate_interval_s: Option<u64>,
    /// Where the configuration comes from
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Driver instead of the configured one
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub driver: Option<DriverChoice>,
}

/// Arguments of `saker replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Capture files of one recording, in order
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Rules file or directory instead of the configured ones; may be repeated
    #[arg(short = 'r', long = "rules", value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Workers, 1, 2, 4 or 8; the alerts are the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: u32,
    /// Leave out what is damaged and go on behind it
    #[arg(long)]
    pub salvage: bool,
    /// Where the configuration comes from
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print alerts as JSON
    #[arg(long)]
    pub json: bool,
    /// Which rules run, and what their outputs say
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Arguments of `saker run` about rules; they come after what the configuration says.
#[derive(Debug, Default, Args)]
pub(crate) struct SelectionArgs {
    /// Switch off rules whose name contains PATTERN (`*` stands for anything); may be repeated
    #[arg(short = 'D', long = "disable", value_name = "PATTERN")]
    pub disable: Vec<String>,
    /// Switch off rules with this tag; may be repeated
    #[arg(short = 'T', long = "disable-tag", value_name = "TAG")]
    pub disable_tags: Vec<String>,
    /// Run rules with this tag and no others; may be repeated
    #[arg(
        short = 't',
        long = "tag",
        value_name = "TAG",
        conflicts_with_all = ["disable", "disable_tags"]
    )]
    pub tags: Vec<String>,
    /// Append FORMAT to the outputs of all syscall rules; c, k, container and kubernetes do nothing
    #[arg(short = 'p', long = "print", value_name = "FORMAT")]
    pub print: Option<String>,
}

/// Arguments of `saker check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Rules files and directories, loaded together in this order
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Configuration file whose static_fields the rules may name
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
}

/// Arguments of `saker explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Rule by name, or a part of it that no other rule has
    #[arg(value_name = "RULE")]
    pub rule: Option<String>,
    /// JSON file with an event, - for standard input: tell which rules match it and why
    #[arg(short = 'e', long = "event", value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// Rules file or directory instead of the configured ones; may be repeated
    #[arg(short = 'r', long = "rules", value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Configuration file: rules, unless -r names some, and static_fields
    /// [default: /etc/saker/saker.yaml if it exists and there is no -r]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `saker list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: Listing,
    /// Output format
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
}

/// Arguments of `saker doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Where the configuration comes from
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Driver to try instead of the configured one
    #[arg(long, value_enum, value_name = "DRIVER")]
    pub driver: Option<DriverChoice>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// The commands of `saker driver`.
#[derive(Debug, Subcommand)]
pub(crate) enum DriverCommand {
    /// Build the module for a kernel
    Build(DriverBuildArgs),
    /// Load the module
    Load(DriverLoadArgs),
    /// Unload the module
    Unload,
    /// Tell what is loaded and whether it fits this agent
    Status(DriverStatusArgs),
}

/// Arguments of `saker driver build`.
#[derive(Debug, Args)]
pub(crate) struct DriverBuildArgs {
    /// Kernel to build for, as `uname -r` prints it [default: that of --headers, else the running one]
    #[arg(long, value_name = "RELEASE")]
    pub kernel: Option<String>,
    /// Headers of that kernel [default: where its packages put them]
    #[arg(long, value_name = "DIR")]
    pub headers: Option<PathBuf>,
    /// Source of the module [default: $SAKER_KMOD_SOURCE, /usr/src/saker-VERSION, or the repository]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// File to make [default: /var/lib/saker/kmod/RELEASE/saker.ko]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Seconds after which the build is given up
    #[arg(long, value_name = "S", default_value_t = BUILD_TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub timeout_s: u64,
    /// Sign with this private key (PEM)
    #[arg(long, value_name = "FILE", requires = "sign_cert")]
    pub sign_key: Option<PathBuf>,
    /// Certificate of the key (DER or PEM)
    #[arg(long, value_name = "FILE", requires = "sign_key")]
    pub sign_cert: Option<PathBuf>,
}

/// Arguments of `saker driver load`.
#[derive(Debug, Args)]
pub(crate) struct DriverLoadArgs {
    /// Module file [default: the installed one for the running kernel, else the one built here]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Arguments of `saker driver status`.
#[derive(Debug, Args)]
pub(crate) struct DriverStatusArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Output formats of listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Output formats of `saker list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// The page of the documentation, of fields only.
    Markdown,
}

/// Output formats of `saker check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people.
    Text,
    /// The JSON of Falco's validation.
    Json,
    /// SARIF 2.1.0, for code hosts.
    Sarif,
}

/// What `saker list` can list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    /// Fields of conditions and outputs.
    Fields,
    /// Events, with their parameters.
    Events,
}
