//! Records that wait for what another worker knows of a new process, and the others behind them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use saker_abi::record::Record;

use super::Partition;
use crate::apply;
use crate::view::Applied;

/// Why a birth does not wait for its snapshot any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// It did not come in time.
    Late,
    /// Too much waits behind it.
    Full,
}

impl Partition {
    /// Whether there is reason not to sleep: the message this worker waits for has come, or another
    /// worker waits for it. To be asked after the sleeper's flag is set, see [`crate::Wake`].
    pub fn awaited(&self) -> bool {
        if self.is_held() {
            return !self.inbox.is_empty();
        }
        self.ctx.shared.progress.needed(self.ctx.index)
    }

    /// Whether records wait for a message of another worker.
    pub fn is_held(&self) -> bool {
        !self.parked.is_empty()
    }

    /// This partition stands still until `birth`'s snapshot comes: its sender should hurry.
    pub(super) fn held_by(&self, birth: &Record<'_>) {
        let (me, progress) = (self.ctx.index, &self.ctx.shared.progress);
        progress.set_held(me, true);
        let ts_ns = birth.hdr().ts_ns;
        match apply::fork_owner(&self.ctx, birth) {
            Some(owner) => progress.need(owner, ts_ns),
            None => (0..self.ctx.shared.partitions())
                .filter(|&other| other != me)
                .for_each(|other| progress.need(other, ts_ns)),
        }
    }

    pub(super) fn others_done(&self) -> u64 {
        let progress = &self.ctx.shared.progress;
        let others = (0..self.ctx.shared.partitions()).filter(|&other| other != self.ctx.index);
        others
            .map(|other| progress.done(other))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Applies, shows and settles parked records in order, up to a birth that still has to wait.
    ///
    /// A birth waits no longer when it is too late, when there is too much behind it, or when all
    /// others have passed it: its snapshot should have been in the inbox.
    pub(super) fn replay(
        &mut self,
        now_ns: u64,
        others_done: u64,
        evaluate: &mut impl FnMut(&Partition, &Record<'_>, &Applied),
    ) {
        let timeout_ns = self
            .ctx
            .shared
            .config
            .park_timeout_ms
            .saturating_mul(1_000_000);
        let mut parked = std::mem::take(&mut self.parked);
        self.waiting_ns = u64::MAX;
        while let Some(bytes) = parked.front() {
            // They were parsed before they were parked.
            let Ok(rec) = Record::parse(bytes) else {
                parked.pop();
                continue;
            };
            let ts_ns = rec.hdr().ts_ns;
            self.waiting_ns = ts_ns;
            self.publish_done(ts_ns.saturating_sub(1));
            let late = now_ns.saturating_sub(ts_ns) > timeout_ns || others_done >= ts_ns;
            let give_up = match () {
                () if parked.is_full() => Some(GiveUp::Full),
                () if late => Some(GiveUp::Late),
                () => None,
            };
            let Some(applied) = self.apply_now(&rec, give_up) else {
                self.held_by(&rec);
                break;
            };
            let evaluated = catch_unwind(AssertUnwindSafe(|| evaluate(self, &rec, &applied)));
            self.settle(&rec);
            parked.pop();
            self.waiting_ns = u64::MAX;
            if let Err(panic) = evaluated {
                // Contained by the worker; the other parked records are not its victims.
                self.parked = parked;
                resume_unwind(panic);
            }
        }
        parked.compact();
        self.parked = parked;
        let progress = &self.ctx.shared.progress;
        progress.set_held(self.ctx.index, self.is_held());
    }
}
