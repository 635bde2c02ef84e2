//! What rules and checks cost a matcher, counted while it runs.
//!
//! Off unless asked for: a matcher without a profile takes one branch per event more. Counting is
//! exact; time is measured for one event in [`SAMPLED_EVENTS`], by the caller's clock.

use std::fmt;

/// One event in so many is timed.
pub const SAMPLED_EVENTS: u64 = 64;

/// What was counted of one rule, check or look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// How often it was evaluated. Rules that gates or keys rule out are not evaluated; checks
    /// that several rules share count once per event.
    pub evaluations: u64,
    /// How often it held; of a look-up, how often there was a value.
    pub hits: u64,
    /// How often it was timed.
    pub sampled: u64,
    /// How long these evaluations took, in the clock's units. Of a rule: with its checks.
    pub sampled_ns: u64,
}

impl Cost {
    /// Estimate of the time of all evaluations.
    pub fn total_ns(&self) -> u64 {
        let total = u128::from(self.sampled_ns) * u128::from(self.evaluations);
        u64::try_from(total / u128::from(self.sampled.max(1))).unwrap_or(u64::MAX)
    }

    fn count(&mut self, hit: bool) {
        self.evaluations += 1;
        self.hits += u64::from(hit);
    }
}

/// Counters of one matcher.
#[derive(Clone)]
pub struct Profile {
    clock: fn() -> u64,
    sampling: bool,
    /// Events with rules.
    pub events: u64,
    /// By index of the rule.
    pub rules: Vec<Cost>,
    /// By number of the check ([`RuleSet::checks`](crate::compiler::RuleSet::checks)). Checks that
    /// an index answers have no time of their own.
    pub checks: Vec<Cost>,
    /// By number of the index ([`RuleSet::lookups`](crate::compiler::RuleSet::lookups)).
    pub lookups: Vec<Cost>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Profile {
    /// Counters at zero. `clock` gives nanoseconds from any beginning.
    pub(crate) fn new(clock: fn() -> u64, rules: usize, checks: usize, lookups: usize) -> Self {
        Self {
            clock,
            sampling: false,
            events: 0,
            rules: vec![Cost::default(); rules],
            checks: vec![Cost::default(); checks],
            lookups: vec![Cost::default(); lookups],
        }
    }

    pub(crate) fn next_event(&mut self) {
        self.sampling = self.events.is_multiple_of(SAMPLED_EVENTS);
        self.events += 1;
    }

    /// The time, if this event is timed.
    pub(crate) fn start(&self) -> Option<u64> {
        self.sampling.then(self.clock)
    }

    /// Counts one evaluation of `what` that began at `started`.
    pub(crate) fn end(&mut self, what: Counted, hit: bool, started: Option<u64>) {
        let now = started.map(|_| (self.clock)());
        let cost = match what {
            Counted::Rule(at) => &mut self.rules[at as usize],
            Counted::Check(at) => &mut self.checks[at as usize],
            Counted::LookUp(at) => &mut self.lookups[at as usize],
        };
        cost.count(hit);
        if let (Some(started), Some(now)) = (started, now) {
            cost.sampled += 1;
            cost.sampled_ns += now.saturating_sub(started);
        }
    }
}

/// What is counted, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    Rule(u32),
    Check(u32),
    LookUp(u32),
}
