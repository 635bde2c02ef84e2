//! How much is measured.

use std::time::Duration;

use clap::ValueEnum;

use crate::cli::{CompareOptions, LoadKind};

/// Part of the usual operations that a quick run does.
const QUICK_DIVISOR: u64 = 10;
/// Rounds of a quick run, unless fewer are asked for.
const QUICK_ROUNDS: u16 = 3;

/// Rounds, counts and durations of one comparison.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) kinds: Vec<LoadKind>,
    pub(super) rounds: u16,
    pub(super) quick: bool,
    /// Starts of an agent for the time to the first alert.
    pub(super) starts: u16,
    /// Opens for the time to their alert.
    pub(super) latency_samples: usize,
    /// Length of the idle phase.
    pub(super) idle: Duration,
}

impl Plan {
    pub(super) fn new(options: &CompareOptions) -> Self {
        let kinds = match options.only.as_slice() {
            [] => LoadKind::value_variants().to_vec(),
            only => only.to_vec(),
        };
        let quick = options.quick;
        Self {
            kinds,
            rounds: if quick {
                options.rounds.min(QUICK_ROUNDS)
            } else {
                options.rounds
            },
            quick,
            starts: if quick { 1 } else { 5 },
            latency_samples: if quick { 200 } else { 500 },
            idle: Duration::from_secs(if quick { 2 } else { 10 }),
        }
    }

    /// Operations of one thread.
    pub(super) fn count(&self, kind: LoadKind) -> u64 {
        let usual = kind.default_count();
        if self.quick {
            (usual / QUICK_DIVISOR).max(1)
        } else {
            usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(quick: bool, rounds: u16) -> CompareOptions {
        CompareOptions {
            saker: "saker".into(),
            rules: vec![],
            rounds,
            quick,
            only: vec![],
            json: false,
            agent_settings: vec![],
        }
    }

    #[test]
    fn a_full_run_measures_every_load() {
        let plan = Plan::new(&options(false, 7));
        assert_eq!(plan.kinds, LoadKind::value_variants());
        assert_eq!((plan.rounds, plan.count(LoadKind::ForkExec)), (7, 1_000));
        assert!(plan.latency_samples >= 200);
    }

    #[test]
    fn a_quick_run_does_less_of_everything() {
        let plan = Plan::new(&options(true, 7));
        assert_eq!((plan.rounds, plan.count(LoadKind::ForkExec)), (3, 100));
        assert_eq!(Plan::new(&options(true, 1)).rounds, 1);
    }

    #[test]
    fn only_restricts_the_loads() {
        let mut options = options(false, 1);
        options.only = vec![LoadKind::Unwanted];
        assert_eq!(Plan::new(&options).kinds, [LoadKind::Unwanted]);
    }
}
