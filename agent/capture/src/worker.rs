//! One partition's worker, without its thread: what a turn of the loop does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use saker_abi::record::Record;
use saker_abi::ring::RingReader;

use crate::clock::{Clock, SystemClock};
use crate::ledger::{Gap, SharedLedger};
use crate::merge::{Merge, Round, Sink};
use crate::stats::{StatsSnapshot, WorkerStats};

/// What owns the state of a partition and evaluates its records. Called by one thread only.
pub trait Handler: Send {
    /// A record, in the order of [`crate::merge`].
    fn record(&mut self, rec: &Record<'_>);

    /// After every round, also an empty one: everything of this partition stamped at or before
    /// `watermark_ns` has been given to [`record`](Self::record).
    fn batch_end(&mut self, watermark_ns: u64);

    /// Before every round: messages of other workers. Returns whether there was something to do,
    /// which keeps the worker from sleeping longer.
    fn poll_inbox(&mut self, now_ns: u64) -> bool;

    /// Whether other workers wait for this one, or have sent what it waits for: then it does not
    /// sleep. Called right before a sleep, after the flag that [`crate::Wakers::wake`] looks at
    /// was set.
    fn awaited(&self) -> bool {
        false
    }

    /// Whether records given to [`record`](Self::record) still wait for another worker.
    fn held(&self) -> bool {
        false
    }

    /// No records and no messages come any more: nothing waits any longer, and nobody need wait
    /// for this handler.
    fn end(&mut self) {}

    /// Records of one ring are missing. Called when that is certain, some 2 ms after the gap.
    fn gap(&mut self, _gap: &Gap) {}
}

/// What a turn found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// More is ready: the next turn should follow at once.
    More,
    /// Something was done; now everything ready has been.
    Worked,
    /// Nothing was there.
    Idle,
}

/// Merges the rings of a partition into a handler.
#[derive(Debug)]
pub struct Worker<H, C = SystemClock> {
    merge: Merge,
    handler: H,
    clock: C,
    local: StatsSnapshot,
    stats: Arc<WorkerStats>,
    ledger: SharedLedger,
}

impl<H: Handler, C: Clock> Worker<H, C> {
    /// A worker of `partition` over its rings, one a CPU.
    pub fn new(partition: u32, rings: Vec<RingReader>, handler: H, clock: C) -> Self {
        let cpus = || rings.iter().map(RingReader::cpu);
        Self {
            local: StatsSnapshot::new(cpus()),
            stats: Arc::new(WorkerStats::new(partition, cpus())),
            ledger: SharedLedger::default(),
            merge: Merge::new(rings),
            handler,
            clock,
        }
    }

    /// What the worker publishes.
    pub fn stats(&self) -> &Arc<WorkerStats> {
        &self.stats
    }

    /// Where the worker puts gaps.
    pub const fn ledger(&self) -> &SharedLedger {
        &self.ledger
    }

    /// The rings.
    pub fn rings(&self) -> &[RingReader] {
        self.merge.rings()
    }

    /// The worker's clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The handler.
    pub const fn handler(&self) -> &H {
        &self.handler
    }

    /// The handler, at the end.
    pub fn into_handler(self) -> H {
        self.handler
    }

    /// Polls the inbox, handles one batch and publishes.
    pub fn turn(&mut self) -> Turn {
        let now_ns = self.clock.boottime_ns();
        let handler = &mut self.handler;
        let had_mail = contain(&mut self.local, || handler.poll_inbox(now_ns)).unwrap_or(false);

        let local = &mut self.local;
        let mut delivery = Delivery {
            handler,
            local,
            ledger: &self.ledger,
            now_ns,
        };
        let round = self.merge.round(&self.clock, &mut delivery);

        contain(&mut self.local, || {
            self.handler.batch_end(round.watermark_ns)
        });
        self.publish(round);
        match (round.more, had_mail || round.records > 0) {
            (true, _) => Turn::More,
            (false, true) => Turn::Worked,
            (false, false) => Turn::Idle,
        }
    }

    /// Everything stamped at or before this has been handled.
    pub const fn watermark_ns(&self) -> u64 {
        self.merge.watermark_ns()
    }

    /// Reports the loss that is still held back and ends the handler.
    pub fn finish(&mut self) {
        let Self {
            handler,
            local,
            ledger,
            ..
        } = self;
        let now_ns = local.last_round_ns;
        self.merge.finish(&mut Delivery {
            handler,
            local,
            ledger,
            now_ns,
        });
        contain(&mut self.local, || self.handler.end());
        self.stats.publish(&mut self.local);
    }

    /// Counts a sleep and whether a producer ended it.
    pub(crate) fn count_sleep(&mut self, woken: bool) {
        self.local.sleeps += 1;
        self.local.wakeups += u64::from(woken);
    }

    fn publish(&mut self, round: Round) {
        let local = &mut self.local;
        local.set_faults(self.merge.faults());
        local.batches += u64::from(round.records > 0);
        (local.watermark_ns, local.last_round_ns) = (round.watermark_ns, round.now_ns);
        for (index, (stats, ring)) in local.rings.iter_mut().zip(self.merge.rings()).enumerate() {
            stats.corrupt = ring.corrupt();
            stats.recovered = self.merge.recovered(index);
        }
        self.stats.publish(local);
    }
}

/// Passes what the merge delivers to the handler, counted.
struct Delivery<'a, H> {
    handler: &'a mut H,
    local: &'a mut StatsSnapshot,
    ledger: &'a SharedLedger,
    now_ns: u64,
}

impl<H: Handler> Sink for Delivery<'_, H> {
    fn record(&mut self, _ring: usize, record: &Record<'_>, _late: bool) {
        let latency_ns = self.now_ns.saturating_sub(record.hdr().ts_ns);
        self.local.count_record(record.event(), latency_ns);
        contain(self.local, || self.handler.record(record));
    }

    fn gap(&mut self, ring: usize, gap: &Gap) {
        self.local.rings[ring].lost += gap.records;
        self.ledger.push(*gap);
        contain(self.local, || self.handler.gap(gap));
    }
}

/// Calls the handler; a panic is counted and costs what it interrupted, not the worker. The panic
/// hook has reported it by then.
///
/// `AssertUnwindSafe`: the handler may be left half-way through one record. That is why the worker
/// is unhealthy from then on; a blind partition would be worse.
fn contain<T>(local: &mut StatsSnapshot, call: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(call)).ok();
    if result.is_none() {
        local.panics += 1;
        local.healthy = false;
    }
    result
}
