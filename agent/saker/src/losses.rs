//! What the driver delivered and what it could not, over all its rings.

use saker_abi::ring::{Counters, RingCounters};
use saker_capture::MissedCalls;

/// What the driver could not put into its rings.
pub(crate) fn dropped(counters: &Counters) -> u64 {
    snapshots(counters).map(|ring| ring.dropped_total()).sum()
}

/// Calls that the driver's programs were not run for.
pub(crate) fn missed(calls: Option<&dyn MissedCalls>) -> u64 {
    calls.map_or(0, MissedCalls::total)
}

/// What the driver put into its rings.
pub(crate) fn produced(counters: &Counters) -> u64 {
    snapshots(counters).map(|ring| ring.produced).sum()
}

fn snapshots(counters: &Counters) -> impl Iterator<Item = RingCounters> + '_ {
    let partitions = counters.partitions();
    (0..counters.cpus())
        .flat_map(move |cpu| (0..partitions).map(move |partition| (cpu, partition)))
        .map(|(cpu, partition)| counters.snapshot(cpu, partition))
}
