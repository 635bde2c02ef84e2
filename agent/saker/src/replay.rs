//! Recorded records through state and rules, by one thread.
//!
//! The records come in one order of time ([`saker_capture::file::Source`]). Each goes to the worker that owns
//! its thread group, and the others are told that they have come as far, so no worker ever waits for another.
//! What a fork hands over is taken in at once, and a birth whose fork is missing gets it from the parent's worker:
//! the outcome is the same with any number of workers, whatever is missing. Nobody looks anything up: what no
//! record tells stays unknown.

use std::sync::Arc;

use saker_abi::event::partition;
use saker_abi::raw::{
    SAKER_EV_CLONE, SAKER_EV_CLONE3, SAKER_EV_FORK, SAKER_EV_VFORK, SAKER_P_CLONE_child_pid,
    SAKER_P_CLONE_parent_pid, SAKER_P_CLONE_res,
};
use saker_abi::record::Record;
use saker_capture::Handler as _;
use saker_state::SharedState;

use crate::worker::RuleWorker;

/// Time of events after which the workers end a round: ended processes are forgotten then.
const ROUND_NS: u64 = 100_000_000;

/// The workers of a replay, all in one thread.
#[derive(Debug)]
pub(crate) struct Replay {
    workers: Vec<RuleWorker>,
    shared: Arc<SharedState>,
    events: u64,
    now_ns: u64,
    round_ns: u64,
}

impl Replay {
    /// Over the workers of all partitions, in order.
    pub(crate) fn new(workers: Vec<RuleWorker>, shared: Arc<SharedState>) -> Self {
        Self {
            workers,
            shared,
            events: 0,
            now_ns: 0,
            round_ns: 0,
        }
    }

    /// Events evaluated so far.
    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// Handles the next record.
    pub(crate) fn record(&mut self, rec: &Record<'_>) {
        let hdr = rec.hdr();
        // A late record is handled when it comes, as by a worker.
        if hdr.ts_ns > self.now_ns {
            self.now_ns = hdr.ts_ns;
            self.publish(hdr.ts_ns - 1);
        }
        if self.now_ns >= self.round_ns {
            self.round_ns = self.now_ns.saturating_add(ROUND_NS);
            self.workers
                .iter_mut()
                .for_each(|worker| worker.batch_end(self.now_ns.saturating_sub(1)));
        }
        let owner = self.owner(hdr.tgid);
        let worker = &mut self.workers[owner];
        worker.count_from(self.events);
        worker.record(rec);
        if worker.held() {
            // A birth whose fork is missing: all others are past it.
            self.publish(self.now_ns);
            let parent = self.owner(rec.u64(SAKER_P_CLONE_parent_pid) as u32);
            self.workers[parent].hand_over(rec);
            self.workers[owner].poll_inbox(self.now_ns);
        }
        self.events = self.workers[owner].events();
        if is_fork(rec) {
            let child = self.owner(rec.u64(SAKER_P_CLONE_child_pid) as u32);
            if child != owner {
                self.workers[child].take_in();
            }
        }
    }

    /// Records are missing: what is known is doubtful, wherever it is kept now.
    pub(crate) fn gap(&mut self) {
        self.workers.iter_mut().for_each(RuleWorker::mark_loss);
    }

    /// Nothing comes any more.
    pub(crate) fn end(&mut self) {
        for worker in &mut self.workers {
            worker.count_from(self.events);
            worker.end();
            self.events = worker.events();
        }
    }

    fn owner(&self, tgid: u32) -> usize {
        partition(tgid, self.shared.partitions()) as usize
    }

    fn publish(&self, done_ns: u64) {
        let progress = self.shared.progress();
        (0..self.shared.partitions()).for_each(|worker| progress.publish(worker, done_ns));
    }
}

/// Whether the record's process has made another.
fn is_fork(rec: &Record<'_>) -> bool {
    matches!(
        rec.event(),
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK
    ) && rec.i64(SAKER_P_CLONE_res) > 0
}
