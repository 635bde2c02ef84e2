//! What lives on this host, counted in /proc.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Flag of kernel threads in /proc/PID/stat (`PF_KTHREAD`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Counts of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Living {
    /// Processes but kernel threads.
    pub(super) processes: u64,
    /// Their threads besides leaders.
    pub(super) threads: u64,
    /// Their descriptors.
    pub(super) fds: u64,
    /// cgroups with a process in them.
    pub(super) cgroups: u64,
}

impl Living {
    /// Counts now. A process that ends meanwhile counts with what was there.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub(super) fn now() -> Result<Self> {
        let mut living = Self::default();
        let mut cgroups = BTreeSet::new();
        for entry in fs::read_dir("/proc").context("/proc")? {
            let path = entry.context("/proc")?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.parse::<u32>().ok());
            if number.is_none() || !is_program(&path) {
                continue;
            }
            living.processes += 1;
            living.threads += entries(&path.join("task")).saturating_sub(1);
            living.fds += entries(&path.join("fd"));
            cgroups.extend(fs::read_to_string(path.join("cgroup")));
        }
        living.cgroups = cgroups.len() as u64;
        Ok(living)
    }
}

fn entries(directory: &Path) -> u64 {
    fs::read_dir(directory).map_or(0, |entries| entries.count() as u64)
}

/// Whether it is there and no kernel thread.
fn is_program(process: &Path) -> bool {
    fs::read_to_string(process.join("stat")).is_ok_and(|stat| !is_kernel_thread(&stat))
}

/// The ninth column (proc_pid_stat(5)); the second may contain blanks and parentheses.
fn is_kernel_thread(stat: &str) -> bool {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let flags = after_name.split_ascii_whitespace().nth(6);
    flags
        .and_then(|flags| flags.parse::<u64>().ok())
        .unwrap_or(0)
        & KERNEL_THREAD
        != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_threads_are_told_by_their_flag() {
        assert!(is_kernel_thread("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"));
        assert!(!is_kernel_thread("7 (a) b) c) S 1 7 7 0 -1 4194560 0 0"));
        assert!(!is_kernel_thread("nonsense"));
    }

    #[test]
    fn this_process_lives() {
        let living = Living::now().unwrap();
        assert!(living.processes >= 1 && living.fds >= 3 && living.cgroups >= 1);
        assert!(living.threads >= 1, "tests run in threads");
    }
}
