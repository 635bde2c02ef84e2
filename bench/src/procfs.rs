//! CPU time and memory of processes: getrusage(2) for this one, proc(5) for the agent.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;

/// CPU time of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTime {
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
}

impl CpuTime {
    /// Of all threads, ended ones included, and of the children that were waited for.
    ///
    /// # Errors
    /// Those of getrusage(2).
    pub(crate) fn of_this_process() -> Result<Self> {
        let mut sum = Self {
            user_ns: 0,
            system_ns: 0,
        };
        for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
            let usage = getrusage(who).context("getrusage")?;
            sum.user_ns += nanoseconds(usage.user_time());
            sum.system_ns += nanoseconds(usage.system_time());
        }
        Ok(sum)
    }

    /// What was used after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
            system_ns: self.system_ns.saturating_sub(earlier.system_ns),
        }
    }
}

fn nanoseconds(time: TimeVal) -> u64 {
    u64::try_from(time.num_nanoseconds()).unwrap_or(0)
}

/// CPU time of another process in ns: the sum over its present threads of what the scheduler
/// accounts (first number of /proc/PID/task/TID/schedstat). The agent's threads live as long as it
/// does, so no time is lost with a thread that ends.
///
/// # Errors
/// When the process is gone or the kernel was built without CONFIG_SCHED_INFO.
pub(crate) fn cpu_ns(pid: u32) -> Result<u64> {
    let tasks = format!("/proc/{pid}/task");
    let mut sum = 0;
    for entry in fs::read_dir(&tasks).with_context(|| tasks.clone())? {
        let path = entry
            .context("reading the list of threads")?
            .path()
            .join("schedstat");
        sum += thread_cpu_ns(&path)?;
    }
    Ok(sum)
}

fn thread_cpu_ns(path: &Path) -> Result<u64> {
    match fs::read_to_string(path) {
        Ok(text) => {
            parse_schedstat(&text).with_context(|| format!("{}: not understood", path.display()))
        }
        // The thread ended after the directory was read.
        Err(error) if matches!(error.raw_os_error(), Some(2 | 3)) => Ok(0),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Resident memory of a process in KiB. Rings are shared mappings: they count in `total`, not in
/// `anonymous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Resident {
    /// VmRSS of /proc/PID/status.
    pub(crate) rss_total_kib: u64,
    /// RssAnon: heap, stacks and changed data.
    pub(crate) rss_anon_kib: u64,
}

impl Resident {
    /// Of process `pid` now.
    ///
    /// # Errors
    /// When the process is gone.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/status");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        Self::parse(&text).with_context(|| format!("{path}: no VmRSS or RssAnon"))
    }

    fn parse(status: &str) -> Option<Self> {
        Some(Self {
            rss_total_kib: kib_of(status, "VmRSS:")?,
            rss_anon_kib: kib_of(status, "RssAnon:")?,
        })
    }
}

fn kib_of(status: &str, key: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_of_this_process_grows_with_work() {
        let before = CpuTime::of_this_process().unwrap();
        let mut after = before;
        let mut work = 0_u64;
        while after == before {
            work = std::hint::black_box(work.wrapping_mul(31).wrapping_add(1));
            after = CpuTime::of_this_process().unwrap();
        }
        let used = after.since(before);
        assert!(used.user_ns + used.system_ns > 0);
        assert_eq!(
            before.since(after),
            CpuTime {
                user_ns: 0,
                system_ns: 0
            }
        );
    }

    #[test]
    fn schedstat_first_number_counts() {
        assert_eq!(parse_schedstat("123456789 42 7\n"), Some(123_456_789));
        assert_eq!(parse_schedstat(""), None);
        assert_eq!(parse_schedstat("x 1 2"), None);
    }

    #[test]
    fn cpu_and_memory_of_a_live_process() {
        let pid = std::process::id();
        assert!(cpu_ns(pid).unwrap() > 0);
        let memory = Resident::of(pid).unwrap();
        assert!(memory.rss_anon_kib > 0 && memory.rss_total_kib >= memory.rss_anon_kib);
    }

    #[test]
    fn missing_process_is_an_error() {
        assert!(cpu_ns(u32::MAX).is_err());
        assert!(Resident::of(u32::MAX).is_err());
    }

    #[test]
    fn status_without_memory_lines_is_refused() {
        let kernel_thread = "Name:\tkthreadd\nPid:\t2\n";
        assert_eq!(Resident::parse(kernel_thread), None);
        let usual = "Name:\tx\nVmRSS:\t    5120 kB\nRssAnon:\t     900 kB\n";
        let expected = Resident {
            rss_total_kib: 5120,
            rss_anon_kib: 900,
        };
        assert_eq!(Resident::parse(usual), Some(expected));
    }
}
