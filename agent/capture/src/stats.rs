//! What a worker publishes about itself, once per batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use saker_abi::event::EVENT_COUNT;

use crate::merge::Faults;

/// Buckets of the latency histogram with a bound; one more has none.
pub const LATENCY_BUCKETS: usize = 24;

/// Upper bounds of the latency buckets in ns: powers of two from 1 us to 8.6 s, where the index is
/// found with one instruction.
pub const LATENCY_BOUNDS_NS: [u64; LATENCY_BUCKETS] = {
    let mut bounds = [0; LATENCY_BUCKETS];
    let mut i = 0;
    while i < LATENCY_BUCKETS {
        bounds[i] = 1 << (FIRST_BOUND_LOG2 as usize + i);
        i += 1;
    }
    bounds
};

const FIRST_BOUND_LOG2: u32 = 10;

/// Bucket of a latency: the first whose bound is not below it.
const fn latency_bucket(ns: u64) -> usize {
    let log2_up = u64::BITS - ns.saturating_sub(1).leading_zeros();
    let bucket = log2_up.saturating_sub(FIRST_BOUND_LOG2) as usize;
    if bucket < LATENCY_BUCKETS {
        bucket
    } else {
        LATENCY_BUCKETS
    }
}

/// Loss and damage of one ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RingStats {
    /// CPU of the ring.
    pub cpu: u32,
    /// Records missing by their sequence numbers.
    pub lost: u64,
    /// Records that came after they had been counted as lost.
    pub recovered: u64,
    /// Times the ring had to be resynchronised.
    pub corrupt: u64,
}

/// A worker's counts, as it keeps them and as [`WorkerStats::snapshot`] returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsSnapshot {
    /// Records delivered to the handler, by event number.
    pub records: [u64; EVENT_COUNT],
    /// Delivered out of order.
    pub late: u64,
    /// Not decodable.
    pub undecodable: u64,
    /// Reserved records that were waited for.
    pub busy_stalls: u64,
    /// Rings left behind because their producer did not go on.
    pub left_behind: u64,
    /// Panics of the handler that were contained.
    pub panics: u64,
    /// Rounds that delivered something.
    pub batches: u64,
    /// Sleeps.
    pub sleeps: u64,
    /// Sleeps that a producer ended.
    pub wakeups: u64,
    /// Kernel to worker, from a record's time to the begin of the round that delivered it: records
    /// per bucket of [`LATENCY_BOUNDS_NS`], the last without a bound.
    pub latency: [u64; LATENCY_BUCKETS + 1],
    /// Sum of those latencies.
    pub latency_sum_ns: u64,
    /// Everything stamped at or before this has been handled.
    pub watermark_ns: u64,
    /// When the worker's last round began: one that no longer moves is stuck.
    pub last_round_ns: u64,
    /// No panic so far.
    pub healthy: bool,
    /// By ring.
    pub rings: Vec<RingStats>,
}

impl StatsSnapshot {
    /// Zero counts for rings of these CPUs.
    pub fn new(cpus: impl IntoIterator<Item = u32>) -> Self {
        let ring = |cpu| RingStats {
            cpu,
            ..RingStats::default()
        };
        Self {
            records: [0; EVENT_COUNT],
            late: 0,
            undecodable: 0,
            busy_stalls: 0,
            left_behind: 0,
            panics: 0,
            batches: 0,
            sleeps: 0,
            wakeups: 0,
            latency: [0; LATENCY_BUCKETS + 1],
            latency_sum_ns: 0,
            watermark_ns: 0,
            last_round_ns: 0,
            healthy: true,
            rings: cpus.into_iter().map(ring).collect(),
        }
    }

    /// Records of all events.
    pub fn records_total(&self) -> u64 {
        self.records.iter().sum()
    }

    /// Records missing in all rings.
    pub fn lost_total(&self) -> u64 {
        self.rings
            .iter()
            .map(|ring| ring.lost.saturating_sub(ring.recovered))
            .sum()
    }

    pub(crate) fn count_record(&mut self, event: u32, latency_ns: u64) {
        self.records[event as usize] += 1;
        self.latency[latency_bucket(latency_ns)] += 1;
        self.latency_sum_ns += latency_ns;
    }

    pub(crate) fn set_faults(&mut self, faults: Faults) {
        let Faults {
            late,
            undecodable,
            busy_stalls,
            left_behind,
        } = faults;
        (self.late, self.undecodable) = (late, undecodable);
        (self.busy_stalls, self.left_behind) = (busy_stalls, left_behind);
    }
}

/// Counts that the worker stores after each round and anyone may read at any time.
#[derive(Debug)]
pub struct WorkerStats {
    partition: u32,
    scalars: [AtomicU64; SCALARS],
    records: [AtomicU64; EVENT_COUNT],
    latency: [AtomicU64; LATENCY_BUCKETS + 1],
    healthy: AtomicBool,
    rings: Vec<SharedRing>,
}

#[derive(Debug)]
struct SharedRing {
    cpu: u32,
    lost: AtomicU64,
    recovered: AtomicU64,
    corrupt: AtomicU64,
}

const SCALARS: usize = 11;

impl WorkerStats {
    /// Zero counts.
    pub fn new(partition: u32, cpus: impl IntoIterator<Item = u32>) -> Self {
        let zero = || AtomicU64::new(0);
        let ring = |cpu| SharedRing {
            cpu,
            lost: zero(),
            recovered: zero(),
            corrupt: zero(),
        };
        Self {
            partition,
            scalars: [const { AtomicU64::new(0) }; SCALARS],
            records: [const { AtomicU64::new(0) }; EVENT_COUNT],
            latency: [const { AtomicU64::new(0) }; LATENCY_BUCKETS + 1],
            healthy: AtomicBool::new(true),
            rings: cpus.into_iter().map(ring).collect(),
        }
    }

    /// Partition of the worker.
    pub const fn partition(&self) -> u32 {
        self.partition
    }

    /// Whether the handler has never panicked.
    pub fn healthy(&self) -> bool {
        self.healthy.load(Relaxed)
    }

    /// The counts; each is exact as of some recent round.
    pub fn snapshot(&self) -> StatsSnapshot {
        let mut to = StatsSnapshot::new(self.rings.iter().map(|ring| ring.cpu));
        for (to, from) in scalars(&mut to).into_iter().zip(&self.scalars) {
            *to = from.load(Relaxed);
        }
        load(&self.records, &mut to.records);
        load(&self.latency, &mut to.latency);
        for (to, from) in to.rings.iter_mut().zip(&self.rings) {
            to.lost = from.lost.load(Relaxed);
            to.recovered = from.recovered.load(Relaxed);
            to.corrupt = from.corrupt.load(Relaxed);
        }
        to.healthy = self.healthy();
        to
    }

    /// Stores the worker's counts. Only the worker does, so a plain store suffices.
    pub(crate) fn publish(&self, from: &mut StatsSnapshot) {
        for (from, to) in scalars(from).into_iter().zip(&self.scalars) {
            to.store(*from, Relaxed);
        }
        store(&from.records, &self.records);
        store(&from.latency, &self.latency);
        for (from, to) in from.rings.iter().zip(&self.rings) {
            to.lost.store(from.lost, Relaxed);
            to.recovered.store(from.recovered, Relaxed);
            to.corrupt.store(from.corrupt, Relaxed);
        }
        self.healthy.store(from.healthy, Relaxed);
    }
}

/// The single numbers, in one order for storing and loading.
fn scalars(of: &mut StatsSnapshot) -> [&mut u64; SCALARS] {
    [
        &mut of.late,
        &mut of.undecodable,
        &mut of.busy_stalls,
        &mut of.left_behind,
        &mut of.panics,
        &mut of.batches,
        &mut of.sleeps,
        &mut of.wakeups,
        &mut of.latency_sum_ns,
        &mut of.watermark_ns,
        &mut of.last_round_ns,
    ]
}

fn store(from: &[u64], to: &[AtomicU64]) {
    from.iter()
        .zip(to)
        .for_each(|(from, to)| to.store(*from, Relaxed));
}

fn load(from: &[AtomicU64], to: &mut [u64]) {
    from.iter()
        .zip(to)
        .for_each(|(from, to)| *to = from.load(Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_published_is_read_back() {
        let stats = WorkerStats::new(3, [0, 1]);
        let mut local = StatsSnapshot::new([0, 1]);
        for (n, scalar) in scalars(&mut local).into_iter().enumerate() {
            *scalar = 100 + n as u64;
        }
        local.count_record(0, 5_000);
        local.count_record(EVENT_COUNT as u32 - 1, u64::MAX / 4);
        (local.rings[1].lost, local.rings[0].corrupt) = (7, 8);
        local.rings[1].recovered = 2;
        local.healthy = false;
        assert_ne!(stats.snapshot(), local);
        stats.publish(&mut local);
        assert_eq!(stats.snapshot(), local);
        assert_eq!((local.records_total(), local.lost_total()), (2, 5));
        assert_eq!((stats.partition(), stats.healthy()), (3, false));
    }

    proptest! {
        #[test]
        fn a_latency_is_in_the_first_bucket_that_holds_it(shift in 0u32..64, low: u64) {
            let ns = (1u64 << shift) | (low & ((1 << shift) - 1));
            let bucket = latency_bucket(ns);
            prop_assert!(LATENCY_BOUNDS_NS.get(bucket).is_none_or(|&bound| ns <= bound));
            prop_assert!(bucket == 0 || ns > LATENCY_BOUNDS_NS[bucket - 1]);
        }

        #[test]
        fn bounds_belong_to_their_bucket(bucket in 0..LATENCY_BUCKETS) {
            prop_assert_eq!(latency_bucket(LATENCY_BOUNDS_NS[bucket]), bucket);
            prop_assert_eq!(latency_bucket(LATENCY_BOUNDS_NS[bucket] + 1), bucket + 1);
        }
    }
}
