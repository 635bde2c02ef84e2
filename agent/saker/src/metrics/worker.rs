//! Counters of one worker's evaluation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use saker_engine::profile::Cost;
use saker_fields::Scratch;

use super::histogram::{Histogram, bump};

/// Rules that have series of their own on `/metrics`; all others share one.
pub(crate) const MAX_RULE_SERIES: usize = 2_000;

/// Written by one worker, read by scrapes.
#[derive(Debug)]
pub(crate) struct WorkerMetrics {
    evaluated: AtomicU64,
    /// Time of evaluation, of a sample of the events.
    pub evaluation: Histogram,
    alerts: Box<[AtomicU64]>,
    /// What the rules cost, by number, those without a series of their own together at the end.
    /// Empty without a profile.
    costs: Box<[RuleCost]>,
    by_real_name: AtomicU64,
    texts_lost: AtomicU64,
    ancestors_cut: AtomicU64,
}

/// Counters of one rule, of some: [`Cost`] for readers in other threads.
#[derive(Debug, Default)]
struct RuleCost {
    evaluations: AtomicU64,
    hits: AtomicU64,
    sampled: AtomicU64,
    sampled_ns: AtomicU64,
}

impl WorkerMetrics {
    /// Zero counters for `rules` rules; `profile`: for what they cost, too.
    pub(crate) fn new(rules: usize, profile: bool) -> Self {
        let own = rules.min(MAX_RULE_SERIES);
        let costs = if profile {
            own + usize::from(rules > own)
        } else {
            0
        };
        Self {
            evaluated: AtomicU64::new(0),
            evaluation: Histogram::default(),
            alerts: (0..rules).map(|_| AtomicU64::new(0)).collect(),
            costs: (0..costs).map(|_| RuleCost::default()).collect(),
            by_real_name: AtomicU64::new(0),
            texts_lost: AtomicU64::new(0),
            ancestors_cut: AtomicU64::new(0),
        }
    }

    /// Stores the number of events evaluated so far.
    pub(crate) fn publish_evaluated(&self, events: u64) {
        self.evaluated.store(events, Relaxed);
    }

    /// Stores how often fields met one of their bounds so far.
    pub(crate) fn publish_bounds(&self, fields: &Scratch) {
        self.texts_lost.store(fields.overflows(), Relaxed);
        self.ancestors_cut.store(fields.lines_cut(), Relaxed);
    }

    /// The same by bound.
    pub(crate) fn bounds(&self) -> [(&'static str, u64); 2] {
        [
            ("texts", self.texts_lost.load(Relaxed)),
            ("ancestors", self.ancestors_cut.load(Relaxed)),
        ]
    }

    /// Counts an alert of rule number `rule`.
    pub(crate) fn count_alert(&self, rule: usize) {
        if let Some(counter) = self.alerts.get(rule) {
            bump(counter, 1);
        }
    }

    /// Stores what the rules have cost so far, by number.
    pub(crate) fn publish_costs(&self, rules: &[Cost]) {
        let (own, others) = rules.split_at(rules.len().min(MAX_RULE_SERIES));
        let others = (!others.is_empty()).then(|| sum(others.iter().copied()));
        for (counters, cost) in self.costs.iter().zip(own.iter().copied().chain(others)) {
            counters.evaluations.store(cost.evaluations, Relaxed);
            counters.hits.store(cost.hits, Relaxed);
            counters.sampled.store(cost.sampled, Relaxed);
            counters.sampled_ns.store(cost.sampled_ns, Relaxed);
        }
    }

    /// What rule number `rule` has cost; at [`MAX_RULE_SERIES`]: what those without a series have.
    /// `None` without a profile.
    pub(crate) fn cost(&self, rule: usize) -> Option<Cost> {
        self.costs.get(rule).map(|counters| Cost {
            evaluations: counters.evaluations.load(Relaxed),
            hits: counters.hits.load(Relaxed),
            sampled: counters.sampled.load(Relaxed),
            sampled_ns: counters.sampled_ns.load(Relaxed),
        })
    }

    /// Counts an alert that only the real name of a file has raised.
    pub(crate) fn count_by_real_name(&self) {
        bump(&self.by_real_name, 1);
    }

    /// Alerts raised by real names.
    pub(crate) fn by_real_name(&self) -> u64 {
        self.by_real_name.load(Relaxed)
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

/// Costs added up.
pub(super) fn sum(costs: impl Iterator<Item = Cost>) -> Cost {
    costs.fold(Cost::default(), |sum, cost| Cost {
        evaluations: sum.evaluations + cost.evaluations,
        hits: sum.hits + cost.hits,
        sampled: sum.sampled + cost.sampled,
        sampled_ns: sum.sampled_ns + cost.sampled_ns,
    })
}
