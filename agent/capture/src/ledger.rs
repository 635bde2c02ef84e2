//! What was lost, when, where and of which classes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Gaps a ledger remembers; the oldest is forgotten first.
pub const LEDGER_GAPS: usize = 4096;

/// Records of one ring that were attempted and never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// CPU of the ring.
    pub cpu: u32,
    /// Partition of the ring.
    pub partition: u32,
    /// Time of the last record before the gap (`CLOCK_BOOTTIME`); 0 when it was the first.
    pub from_ns: u64,
    /// Time of the first record after it.
    pub until_ns: u64,
    /// How many records are missing.
    pub records: u64,
    /// Classes among them, `1 << class`; 0 when the driver's mask did not say.
    pub classes: u16,
}

/// The gaps of one worker's rings.
#[derive(Debug, Default)]
pub struct LossLedger {
    gaps: VecDeque<Gap>,
    forgotten: u64,
    lost_records: u64,
}

/// A ledger its worker writes, at a gap only, and others read.
#[derive(Debug, Clone, Default)]
pub struct SharedLedger(Arc<Mutex<LossLedger>>);

impl LossLedger {
    /// Adds a gap; forgets the oldest when [`LEDGER_GAPS`] are there.
    pub fn push(&mut self, gap: Gap) {
        if self.gaps.len() == LEDGER_GAPS {
            self.gaps.pop_front();
            self.forgotten += 1;
        }
        self.lost_records += gap.records;
        self.gaps.push_back(gap);
    }

    /// The gaps that are remembered, oldest first.
    pub fn gaps(&self) -> impl ExactSizeIterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Gaps ever added.
    pub fn total(&self) -> u64 {
        self.forgotten + self.gaps.len() as u64
    }

    /// Gaps that are no longer remembered.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Records in all gaps ever added.
    pub const fn lost_records(&self) -> u64 {
        self.lost_records
    }

    /// Gaps added after the first `seen` ([`total`](Self::total) of an earlier look), as far as
    /// they are remembered.
    pub fn since(&self, seen: u64) -> impl ExactSizeIterator<Item = &Gap> {
        let skip = seen
            .saturating_sub(self.forgotten)
            .min(self.gaps.len() as u64);
        self.gaps.iter().skip(skip as usize)
    }
}

impl SharedLedger {
    /// Adds a gap.
    pub fn push(&self, gap: Gap) {
        self.with(|ledger| ledger.push(gap));
    }

    /// Looks at the ledger. Its worker waits meanwhile if it meets a gap: be brief.
    pub fn with<T>(&self, look: impl FnOnce(&mut LossLedger) -> T) -> T {
        // A reader that panicked left the ledger whole: no operation on it can stop half-way.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(until_ns: u64) -> Gap {
        Gap {
            cpu: 1,
            partition: 0,
            from_ns: 1,
            until_ns,
            records: 2,
            classes: 4,
        }
    }

    #[test]
    fn the_oldest_gap_is_forgotten_and_counted() {
        let ledger = SharedLedger::default();
        for n in 0..LEDGER_GAPS as u64 + 3 {
            ledger.push(gap(n));
        }
        ledger.with(|ledger| {
            assert_eq!(ledger.gaps().len(), LEDGER_GAPS);
            assert_eq!(ledger.gaps().next().map(|gap| gap.until_ns), Some(3));
            assert_eq!(
                (ledger.forgotten(), ledger.total()),
                (3, LEDGER_GAPS as u64 + 3)
            );
            assert_eq!(ledger.lost_records(), 2 * ledger.total());
            assert_eq!(ledger.since(0).len(), LEDGER_GAPS);
            assert_eq!(ledger.since(ledger.total() - 1).count(), 1);
            assert_eq!(ledger.since(ledger.total() + 5).count(), 0);
        });
    }
}
