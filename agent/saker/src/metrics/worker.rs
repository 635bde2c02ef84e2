//! Counters of one worker's evaluation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::histogram::{Histogram, bump};

/// Written by one worker, read by scrapes.
#[derive(Debug)]
pub(crate) struct WorkerMetrics {
    evaluated: AtomicU64,
    /// Time of evaluation, of a sample of the events.
    pub evaluation: Histogram,
    alerts: Box<[AtomicU64]>,
}

impl WorkerMetrics {
    /// Zero counters for `rules` rules.
    pub(crate) fn new(rules: usize) -> Self {
        Self {
            evaluated: AtomicU64::new(0),
            evaluation: Histogram::default(),
            alerts: (0..rules).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Stores the number of events evaluated so far.
    pub(crate) fn publish_evaluated(&self, events: u64) {
        self.evaluated.store(events, Relaxed);
    }

    /// Counts an alert of rule number `rule`.
    pub(crate) fn count_alert(&self, rule: usize) {
        if let Some(counter) = self.alerts.get(rule) {
            bump(counter, 1);
        }
    }

    /// Events evaluated.
    pub(crate) fn evaluated(&self) -> u64 {
        self.evaluated.load(Relaxed)
    }

    /// Alerts of rule number `rule`.
    pub(crate) fn alerts(&self, rule: usize) -> u64 {
        self.alerts
            .get(rule)
            .map_or(0, |counter| counter.load(Relaxed))
    }
}
