//! Processes whose end no record has told.
//!
//! An end can be lost: a ring was full, or the kernel passed over a program of the driver, which leaves no gap.
//! Nothing would ever take such a process out of the tables but another one of the same number. So every so
//! often those in the tables are compared with those of the host. Who is missing there is let go of when its
//! worker has come past the moment of the look: until then its last records, and its end, may still be on the way.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::handover::Message;
use crate::lineage::Cell;
use crate::recovery::boot_ns;
use crate::shared::SharedState;

/// Inode of the initial pid namespace (`PROC_PID_INIT_INO`, include/linux/proc_ns.h).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Why nobody can be found missing.
#[derive(Debug, thiserror::Error)]
pub enum RollCallError {
    /// There is no /proc.
    #[error("/proc cannot be opened: {0}")]
    NoProc(#[from] Errno),
    /// Whom it does not show may be alive elsewhere.
    #[error("this is not the host's pid namespace: run the agent in it")]
    PartOfTheHost,
}

/// Compares the processes in the tables with those of the host. For a background thread.
#[derive(Debug)]
pub struct RollCall {
    proc: OwnedFd,
    is_gone: fn(&OwnedFd, u32) -> bool,
}

impl RollCall {
    /// Over the processes of the host.
    ///
    /// # Errors
    /// When there is no /proc, or it or this process is in a pid namespace other than the initial one.
    pub fn of_host(shared: &SharedState) -> Result<Self, RollCallError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = shared.config.host_root.join("proc");
        let proc = openat(CWD, path, flags, Mode::empty())?;
        // Who lives in the initial namespace is to be seen in the /proc of that alone.
        match statat(&proc, "self/ns/pid", AtFlags::empty()) {
            Ok(namespace) if namespace.st_ino == INITIAL_PID_NAMESPACE => Ok(Self {
                proc,
                is_gone: |_, tgid| has_no_process(tgid),
            }),
            _ => Err(RollCallError::PartOfTheHost),
        }
    }

    /// Over a directory that has an entry for each living process.
    pub fn over(proc: OwnedFd) -> Self {
        Self {
            proc,
            is_gone: has_no_entry,
        }
    }

    /// Tells each worker which of its processes are missing; returns how many there are.
    pub fn call(&self, shared: &SharedState) -> usize {
        let Ok(entries) = Dir::read_from(&self.proc) else {
            return 0;
        };
        let living: FxHashSet<u32> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok())
            .collect();
        let mut missing: Vec<Vec<Arc<Cell>>> = vec![Vec::new(); shared.partitions() as usize];
        shared.directory.each(|cell| {
            let told = cell.exit_ns().is_some();
            // It may have begun since the list was read, so each is looked for once more.
            if !told && !living.contains(&cell.tgid()) && (self.is_gone)(&self.proc, cell.tgid()) {
                missing[cell.owner() as usize].push(Arc::clone(cell));
            }
        });
        let looked_ns = boot_ns();
        let mut count = 0;
        for (owner, cells) in (0..).zip(missing) {
            if !cells.is_empty() {
                count += cells.len();
                // A full inbox means a worker in trouble; the next call finds them again.
                shared.send(owner, Message::Missing { cells, looked_ns });
            }
        }
        count
    }
}

/// Whatever /proc shows: with `hidepid` it does not show everybody.
fn has_no_process(tgid: u32) -> bool {
    let pid = i32::try_from(tgid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

fn has_no_entry(proc: &OwnedFd, tgid: u32) -> bool {
    let found = statat(proc, tgid.to_string(), AtFlags::empty());
    matches!(found, Err(Errno::NOENT))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn processes_of_this_host() {
        let mut child = Command::new("/bin/true").spawn().expect("a child");
        // Not waited for: it has ended or not, its number is taken.
        assert!(!has_no_process(child.id()) && !has_no_process(std::process::id()));
        child.wait().expect("an end");
        assert!(has_no_process(u32::MAX >> 1));
        assert!(!has_no_process(0) && !has_no_process(u32::MAX));
    }
}
