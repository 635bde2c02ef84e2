//! What was known of a process when a loss had made it doubtful and a look at it was asked for.
//!
//! The answer is newer than that, but older than what records have told since: what has changed since then stays.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::fdtable::FdTable;
use crate::process::{Cred, MAX_THREADS, Process};
use crate::scan::Scanned;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Asked {
    /// When, clock of the records. Looks of before are of before the loss.
    at_ns: u64,
    cwd: Arc<[u8]>,
    root: Arc<[u8]>,
    sid: i32,
    /// Shared until it changes.
    fds: FdTable,
    /// When records have last told the credentials of these threads.
    creds_told_ns: FxHashMap<u32, u64>,
}

impl Asked {
    /// A look at `process` is asked for.
    pub(crate) fn now(process: &Process, at_ns: u64) -> Self {
        Self {
            at_ns,
            cwd: Arc::clone(&process.cwd),
            root: Arc::clone(&process.root),
            sid: process.sid,
            fds: process.fds.clone(),
            creds_told_ns: FxHashMap::default(),
        }
    }

    /// Whether a look at `looked_ns` can be the answer.
    pub(crate) const fn is_answered_at(&self, looked_ns: u64) -> bool {
        looked_ns >= self.at_ns
    }

    /// A record has told credentials of the thread `tid` at `ts_ns`.
    pub(crate) fn cred_told(&mut self, tid: u32, ts_ns: u64) {
        if self.creds_told_ns.len() < MAX_THREADS {
            self.creds_told_ns.insert(tid, ts_ns);
        }
    }

    /// Has `process` forget what `found`, which was looked for at `looked_ns`, knows better, and `found` what records
    /// know better.
    pub(crate) fn forget(self, process: &mut Process, found: &mut Scanned, looked_ns: u64) {
        if Arc::ptr_eq(&self.cwd, &process.cwd) {
            process.cwd = Arc::from(&b""[..]);
        }
        if Arc::ptr_eq(&self.root, &process.root) && !found.root.is_empty() {
            process.root = Arc::from(&b"/"[..]);
        }
        if self.sid == process.sid {
            (process.pgid, process.vpgid, process.sid) = (-1, -1, -1);
            process.tty = 0;
        } else if found.sid != process.sid {
            // The look was before it began a session.
            found.tty = process.tty;
        }
        (process.fdlimit, process.pidns_start_ns) = (0, 0);
        let older = |tid| {
            self.creds_told_ns
                .get(&tid)
                .is_none_or(|&ns| ns < looked_ns)
        };
        if older(process.tgid) {
            process.cred = Cred::default();
        }
        let living: FxHashSet<u32> = found.threads.iter().map(|found| found.tid).collect();
        process.threads.retain(|&tid, thread| {
            let young = thread.clone_ts_ns > looked_ns;
            if !young && older(tid) {
                thread.cred = None;
            }
            young || living.contains(&tid)
        });
        let closed = |number| self.fds.get(number).is_some() && process.fds.get(number).is_none();
        found.fds.retain(|&(number, _)| !closed(number));
        process.fds.forget_unchanged(&self.fds);
    }
}
