//! `saker-vm`: the test bed from the command line.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use saker_vm::kernel::Compiler;
use saker_vm::module::Build;
use saker_vm::{Cache, Guest, Kernel, added, fetch, process, userland};

/// The script of a job's directory.
const JOB_SCRIPT: &str = "run";
/// Where a job's directory is in the guest.
const JOB_PLACE: &str = "/job";

/// Debian kernels under qemu.
#[derive(Debug, Parser)]
#[command(name = "saker-vm")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetches kernels, headers and what builds modules for them into the cache.
    Fetch {
        /// `5.10`, `6.1`, `6.12`, `sid`, or `all` of these; `debug` is built from source, for minutes.
        #[arg(required = true)]
        kernels: Vec<String>,
        /// Takes the newest builds even where the cache has one.
        #[arg(long)]
        refresh: bool,
        /// The Debian userland, too.
        #[arg(long)]
        userland: bool,
    },
    /// Puts a kernel whose packages somebody has into the cache, for those no mirror of Debian carries.
    Add {
        /// Its name here: `4.15`.
        kernel: String,
        /// With `.deb` files: image, modules, headers.
        directory: PathBuf,
    },
    /// Prints where a kernel is in the cache: release, headers, what is booted.
    Show {
        /// `5.10`, `6.1`, `6.12`, `sid`, `debug` or one that was added.
        kernel: String,
    },
    /// Builds a module and prints its path.
    Build {
        /// `5.10`, `6.1`, `6.12`, `sid`, `debug` or one that was added.
        kernel: String,
        /// Source of the module.
        #[arg(long, default_value = "driver-kmod/kmod")]
        dir: PathBuf,
        /// Directory to build in [default: target/saker-vm/KERNEL].
        #[arg(long)]
        work: Option<PathBuf>,
        /// Warnings are errors.
        #[arg(long)]
        strict: bool,
        /// More arguments of make: `W=1`, `C=1`.
        arguments: Vec<String>,
    },
    /// Boots a kernel once for each job.
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// `5.10`, `6.1`, `6.12`, `sid`, `debug` or one that was added.
    kernel: String,
    /// Directories with a script `run`, copied to /job.
    jobs: Vec<PathBuf>,
    /// A script instead of a job.
    #[arg(long, conflicts_with = "jobs")]
    script: Option<String>,
    /// A file or directory of the host, HOST:GUEST.
    #[arg(long, value_name = "HOST:GUEST", value_parser = pair)]
    with: Vec<(String, String)>,
    /// A file to bring back, GUEST:HOST.
    #[arg(long, value_name = "GUEST:HOST", value_parser = pair)]
    bring: Vec<(String, String)>,
    /// A variable for the job, NAME=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A Debian userland instead of busybox alone.
    #[arg(long)]
    userland: bool,
    /// More kernel parameters.
    #[arg(long, default_value = "")]
    append: String,
    /// A kernel warning ends the guest; freed memory is checked.
    #[arg(long)]
    strict: bool,
    /// Complaints in the kernel's log are no failure.
    #[arg(long)]
    allow_complaints: bool,
    /// Processors.
    #[arg(long, default_value_t = 2)]
    smp: u32,
    /// Memory, MiB.
    #[arg(long, default_value_t = 1024)]
    memory: u32,
    /// Longest run, seconds.
    #[arg(long, default_value_t = 240)]
    timeout: u64,
    /// With KVM instead of emulation.
    #[arg(long)]
    kvm: bool,
    /// Prints the kernel's log, too.
    #[arg(long)]
    dmesg: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text
        .split_once(':')
        .filter(|(from, to)| !from.is_empty() && !to.is_empty());
    let (from, to) = pair.ok_or("two paths with a colon between them")?;
    Ok((from.to_owned(), to.to_owned()))
}

fn main() -> ExitCode {
    match execute(Options::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("saker-vm: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<ExitCode> {
    let cache = Cache::open()?;
    match command {
        Command::Fetch {
            kernels,
            refresh,
            userland,
        } => {
            fetch_all(&cache, &kernels, refresh)?;
            if userland {
                println!("userland: {}", userland::archive(&cache)?.display());
            }
        }
        Command::Add { kernel, directory } => {
            let kernel = Kernel::parse(&kernel)?;
            println!(
                "{kernel}: {}",
                added::add(&cache, kernel, &directory)?.release
            );
        }
        Command::Show { kernel } => {
            let files = fetch::kernel(&cache, Kernel::parse(&kernel)?, false)?;
            println!("release {}", files.release);
            println!("headers {}", files.headers_path().display());
            println!("image {}", files.image.display());
            println!("modules {}", files.modules()?.display());
        }
        Command::Build {
            kernel,
            dir,
            work,
            strict,
            arguments,
        } => {
            build(
                &cache,
                Kernel::parse(&kernel)?,
                dir,
                work,
                strict,
                arguments,
            )?;
        }
        Command::Run(run) => return run_jobs(&cache, &run),
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch_all(cache: &Cache, names: &[String], refresh: bool) -> Result<()> {
    let kernels = Kernel::parse_list(names)?;
    fetch::busybox(cache)?;
    for &kernel in &kernels {
        let files = fetch::kernel(cache, kernel, refresh)?;
        println!("{kernel}: {}", files.release);
    }
    let unpacked = |kernel: &Kernel| match kernel.compiler() {
        Compiler::Host(compiler) => !process::installed(compiler),
        Compiler::Unpacked => true,
    };
    if kernels.iter().any(unpacked) {
        println!("toolchain: {}", fetch::toolchain(cache, refresh)?.display());
    }
    Ok(())
}

fn build(
    cache: &Cache,
    kernel: Kernel,
    source: PathBuf,
    work: Option<PathBuf>,
    strict: bool,
    arguments: Vec<String>,
) -> Result<()> {
    let work = work.unwrap_or_else(|| Path::new("target/saker-vm").join(kernel.name()));
    let mut build = Build::new(source).strict(strict);
    for argument in arguments {
        build = build.argument(argument);
    }
    let built = build.run(cache, kernel, &work)?;
    for warning in &built.warnings {
        eprintln!("{warning}");
    }
    for module in &built.modules {
        println!("{}", module.display());
    }
    Ok(())
}

fn run_jobs(cache: &Cache, run: &Run) -> Result<ExitCode> {
    let mut guest = Guest::new(Kernel::parse(&run.kernel)?)
        .append(&run.append)
        .userland(run.userland)
        .strict(run.strict)
        .cpus(run.smp)
        .memory_mib(run.memory)
        .timeout(Duration::from_secs(run.timeout))
        .kvm(run.kvm);
    for (host, path) in &run.with {
        guest = guest.file(host, path);
    }
    for (path, _) in &run.bring {
        guest = guest.bring(path);
    }
    for variable in &run.env {
        let (name, value) = variable.split_once('=').context("--env NAME=VALUE")?;
        guest = guest.environment(name, value);
    }
    if run.allow_complaints {
        guest = guest.allow_complaints();
    }
    let mut guests = Vec::new();
    if let Some(script) = &run.script {
        guests.push(guest.script(script));
    } else {
        for job in &run.jobs {
            if !job.join(JOB_SCRIPT).is_file() {
                bail!(
                    "{} is no job: it has no script {JOB_SCRIPT:?}",
                    job.display()
                );
            }
            let script = format!("cd {JOB_PLACE} && exec ./{JOB_SCRIPT}");
            guests.push(guest.clone().file(job, JOB_PLACE).script(script));
        }
    }
    if guests.is_empty() {
        bail!("no job: name directories, or --script TEXT");
    }
    let mut code = ExitCode::SUCCESS;
    for guest in guests {
        let outcome = guest.run(cache)?;
        print!("{}", outcome.output);
        if run.dmesg {
            print!("{}", outcome.dmesg);
        }
        for (path, host) in &run.bring {
            fs::write(host, &outcome.files[path]).with_context(|| host.clone())?;
        }
        for complaint in &outcome.complaints {
            eprintln!("the kernel complained:\n{complaint}");
        }
        eprintln!(
            "kernel {}: status {}, {:.1} s",
            outcome.kernel,
            outcome.status,
            outcome.duration.as_secs_f64()
        );
        if outcome.status != 0 {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
