//! Load generators: a fixed number of operations on a fixed number of threads.

mod operations;

use std::process::Command;
use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

use self::operations::Operation;
use crate::cli::{LoadKind, LoadOptions};
use crate::procfs::CpuTime;

/// What one run of a load took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadResult {
    /// Name of the load.
    pub(crate) kind: String,
    /// Threads.
    pub(crate) threads: u16,
    /// Operations of each thread.
    pub(crate) count: u64,
    /// From the start of all threads to the end of the last one.
    pub(crate) wall_ns: u64,
    /// Wall time of one operation in one thread.
    pub(crate) ns_per_op: f64,
    /// CPU time in user mode, threads and children.
    pub(crate) cpu_user_ns: u64,
    /// CPU time in the kernel, threads and children.
    pub(crate) cpu_system_ns: u64,
    /// CPU time of one operation. Includes what the driver does inside the operation,
    /// excludes the agent.
    pub(crate) cpu_ns_per_op: f64,
}

/// `saker-bench load`.
pub(crate) fn command(options: &LoadOptions) -> Result<()> {
    let count = options.count.unwrap_or(options.kind.default_count());
    let result = run(options.kind, options.threads, count, options.pin)?;
    println!("{}", serde_json::to_string(&result)?);
    Ok(())
}

/// Runs a load in a fresh process, so that a fork costs the same whatever the caller has in memory.
///
/// # Errors
/// When the process cannot be started, fails, or prints something else than a result.
pub(crate) fn run_apart(kind: LoadKind, threads: u16, count: u64) -> Result<LoadResult> {
    let own_path = std::env::current_exe().context("path of saker-bench")?;
    let output = Command::new(own_path)
        .args(["load", kind.name(), "--threads", &threads.to_string()])
        .args(["--count", &count.to_string()])
        .output()
        .context("starting the load")?;
    if !output.status.success() {
        bail!(
            "load {}: {}",
            kind.name(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("result of {}", kind.name()))
}

/// Runs a load in this process.
///
/// # Errors
/// When a thread cannot be set up or an operation fails; the first failure is returned.
pub(crate) fn run(kind: LoadKind, threads: u16, count: u64, pin: bool) -> Result<LoadResult> {
    let allowed = allowed_cpus()?;
    let start = Barrier::new(usize::from(threads) + 1);
    let (wall_ns, cpu) = std::thread::scope(|scope| -> Result<(u64, CpuTime)> {
        let workers: Vec<_> = (0..usize::from(threads))
            .map(|index| {
                let cpu = pin.then(|| allowed[index % allowed.len()]);
                let start = &start;
                scope.spawn(move || work(kind, count, cpu, start))
            })
            .collect();
        start.wait();
        let cpu_before = CpuTime::of_this_process();
        let started = Instant::now();
        let mut outcome = Ok(());
        for worker in workers {
            let joined = worker
                .join()
                .unwrap_or_else(|_| bail!("a load thread panicked"));
            outcome = outcome.and(joined);
        }
        let wall_ns = saturating_ns(started);
        outcome?;
        Ok((wall_ns, CpuTime::of_this_process()?.since(cpu_before?)))
    })?;
    let operations = count as f64 * f64::from(threads);
    Ok(LoadResult {
        kind: kind.name().to_owned(),
        threads,
        count,
        wall_ns,
        ns_per_op: wall_ns as f64 / count as f64,
        cpu_user_ns: cpu.user_ns,
        cpu_system_ns: cpu.system_ns,
        cpu_ns_per_op: (cpu.user_ns + cpu.system_ns) as f64 / operations,
    })
}

/// One thread: sets up, meets the others at the barrier whatever happened, then works.
fn work(kind: LoadKind, count: u64, cpu: Option<usize>, start: &Barrier) -> Result<()> {
    let ready = cpu
        .map_or(Ok(()), pin_to)
        .and_then(|()| Operation::prepare(kind));
    start.wait();
    let operation = ready?;
    operation
        .repeat(count)
        .with_context(|| format!("operation of {}", kind.name()))
}

fn allowed_cpus() -> Result<Vec<usize>> {
    let set = sched_getaffinity(None).context("sched_getaffinity")?;
    let cpus: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .collect();
    if cpus.is_empty() {
        bail!("no CPU is allowed to this process");
    }
    Ok(cpus)
}

fn pin_to(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("pinning a thread to CPU {cpu}"))
}

fn saturating_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_load_does_its_operations() {
        for kind in LoadKind::value_variants() {
            let result = run(*kind, 2, 3, false).unwrap();
            assert_eq!((result.threads, result.count), (2, 3));
            assert!(result.wall_ns > 0);
        }
    }

    #[test]
    fn pinned_threads_outnumbering_cpus_share_them() {
        let threads = u16::try_from(allowed_cpus().unwrap().len() + 1).unwrap();
        run(LoadKind::Unwanted, threads, 10, true).unwrap();
    }

    #[test]
    fn result_survives_the_way_through_json() {
        let result = run(LoadKind::DupClose, 1, 5, false).unwrap();
        let text = serde_json::to_string(&result).unwrap();
        let back: LoadResult = serde_json::from_str(&text).unwrap();
        assert_eq!(back.wall_ns, result.wall_ns);
        assert_eq!(back.kind, "dup-close");
    }
}
