//! A histogram with one writer that any thread may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of [`Histogram`] in nanoseconds; what is above counts only in the total.
pub(super) const BOUNDS_NS: [u64; 14] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 10_000_000,
];

/// Durations by size. Written by one thread, so counting needs no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

/// Values of a histogram at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistogramSnapshot {
    /// (upper bound in ns, observations at or below it).
    pub cumulative: Vec<(u64, u64)>,
    /// All observations.
    pub count: u64,
    /// Sum of all observations in ns.
    pub sum_ns: u64,
}

impl Histogram {
    /// Counts one duration. Only the owning thread may call this.
    pub(crate) fn observe(&self, ns: u64) {
        let bucket = BOUNDS_NS
            .iter()
            .position(|&bound| ns <= bound)
            .unwrap_or(BOUNDS_NS.len());
        bump(&self.counts[bucket], 1);
        bump(&self.sum_ns, ns);
    }

    /// Adds the counts of `histograms` up.
    pub(crate) fn sum<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> HistogramSnapshot {
        let mut counts = [0; BOUNDS_NS.len() + 1];
        let mut sum_ns = 0;
        for histogram in histograms {
            for (total, count) in counts.iter_mut().zip(&histogram.counts) {
                *total += count.load(Relaxed);
            }
            sum_ns += histogram.sum_ns.load(Relaxed);
        }
        let mut running = 0;
        let cumulative = BOUNDS_NS
            .iter()
            .zip(counts)
            .map(|(&bound, count)| {
                running += count;
                (bound, running)
            })
            .collect();
        HistogramSnapshot {
            cumulative,
            count: counts.iter().sum(),
            sum_ns,
        }
    }
}

/// Adds to a counter that only this thread writes.
pub(super) fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_cumulative() {
        let (a, b) = (Histogram::default(), Histogram::default());
        a.observe(100);
        a.observe(101);
        b.observe(20_000_000);
        let sum = Histogram::sum([&a, &b].into_iter());
        assert_eq!((sum.count, sum.sum_ns), (3, 20_000_201));
        assert_eq!(&sum.cumulative[..2], &[(100, 1), (200, 2)]);
        assert_eq!(sum.cumulative.last(), Some(&(10_000_000, 2)));
    }
}
