//! Evaluates a rule set over events. One matcher per worker; nothing is shared but the rules.

use std::sync::Arc;

use crate::compiler::{Entry, Key, Member, NO, Program, RuleMeta, RuleSet, Step, Test, YES};
use crate::index::MemberId;
use crate::profile::{Counted, Profile};
use crate::schema::Event;
use crate::terms::Pool;

/// Which of the matching rules alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// The first in order, those indexed by event type before the others.
    #[default]
    First,
    /// All; those under "any type" only if none indexed by event type matched (rules-spec A9).
    All,
}

/// A rule set with the scratch space to evaluate it.
#[derive(Debug)]
pub struct Matcher {
    rules: Arc<RuleSet>,
    scratch: Scratch,
    /// Matches per rule.
    hits: Vec<u64>,
}

/// Checks of an index that are made one by one before it is looked up: one comparison is cheaper
/// than a look-up, many are not.
const MAX_DIRECT: u32 = 3;
/// Bits below the epoch in a stamp, for a truth or a count up to [`MAX_DIRECT`].
const EPOCH_SHIFT: u32 = 2;

/// Results so far for one event. Everything is stamped with the epoch of its event, so that nothing
/// needs to be cleared.
#[derive(Debug)]
struct Scratch {
    /// Per slot: the result.
    memo: Vec<u32>,
    /// Per index: looked up, and whether there was a value.
    looked_up: Vec<u32>,
    /// Per index: how many of its checks were answered without it, up to [`MAX_DIRECT`].
    asked: Vec<u32>,
    /// Per member: reported by its index.
    reported: Vec<u32>,
    /// Per group of the program: open.
    open: Vec<u32>,
    /// Per position of the program: in `woken`.
    awake: Vec<u32>,
    epoch: u32,
    /// Positions of rules that may match.
    woken: Vec<u32>,
    pool: Pool,
    profile: Option<Box<Profile>>,
}

impl Matcher {
    /// A matcher for a rule set.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let most = |size: fn(&Program) -> usize| rules.programs.iter().map(size).max().unwrap_or(0);
        let entries = most(|program| program.entries.len());
        let scratch = Scratch {
            memo: vec![0; rules.slots],
            looked_up: vec![0; rules.indexed.indexes.len()],
            asked: vec![0; rules.indexed.indexes.len()],
            reported: vec![0; rules.indexed.members.len()],
            open: vec![0; most(|program| program.groups.len())],
            awake: vec![0; entries],
            epoch: 0,
            woken: Vec::with_capacity(entries),
            pool: Pool::default(),
            profile: None,
        };
        Self {
            hits: vec![0; rules.rules().len()],
            rules,
            scratch,
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// Matches so far, by index of the rule.
    pub fn hits(&self) -> &[u64] {
        &self.hits
    }

    /// Starts counting what rules and checks cost, from zero. `clock` gives nanoseconds from any
    /// beginning; one event in 64 is timed.
    pub fn start_profile(&mut self, clock: fn() -> u64) {
        let (rules, checks) = (self.rules.rules().len(), self.rules.specs.len());
        let lookups = self.rules.indexed.indexes.len();
        let profile = Profile::new(clock, rules, checks, lookups);
        self.scratch.profile = Some(Box::new(profile));
    }

    /// Stops counting and gives what was counted since [`start_profile`](Self::start_profile).
    pub fn stop_profile(&mut self) -> Option<Box<Profile>> {
        self.scratch.profile.take()
    }

    /// What was counted so far, while counting.
    pub fn profile(&self) -> Option<&Profile> {
        self.scratch.profile.as_deref()
    }

    /// Calls `on_match` for the rules that match `event`; returns how many did. Allocates nothing
    /// unless `on_match` does.
    pub fn matches<E: Event + ?Sized>(
        &mut self,
        event: &E,
        matching: Matching,
        on_match: &mut dyn FnMut(&RuleMeta),
    ) -> usize {
        // Two copies of the code: the usual one has no counters in it.
        if self.scratch.profile.is_none() {
            self.run::<E, false>(event, matching, on_match)
        } else {
            self.run::<E, true>(event, matching, on_match)
        }
    }

    fn run<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        event: &E,
        matching: Matching,
        on_match: &mut dyn FnMut(&RuleMeta),
    ) -> usize {
        let rules: &RuleSet = &self.rules;
        let Some(program) = rules.program(event.event_type()) else {
            return 0;
        };
        let scratch = &mut self.scratch;
        scratch.next_event();
        scratch.wake::<E, PROFILE>(rules, program, event);
        let (mut matched, mut of_type) = (0, 0);
        for at in 0..scratch.woken.len() {
            let position = scratch.woken[at] as usize;
            if position >= program.typed && of_type > 0 {
                return matched;
            }
            let Entry { rule, code, .. } = program.entries[position];
            let started = scratch.start::<PROFILE>();
            let holds = scratch.run::<E, PROFILE>(rules, code, event);
            scratch.end::<PROFILE>(Counted::Rule(rule), holds, started);
            if !holds {
                continue;
            }
            matched += 1;
            of_type += usize::from(position < program.typed);
            self.hits[rule as usize] += 1;
            on_match(&rules.rules()[rule as usize]);
            if matching == Matching::First {
                return matched;
            }
        }
        matched
    }
}

impl Scratch {
    /// Forgets all results by moving to the next epoch.
    fn next_event(&mut self) {
        self.epoch += 1;
        if self.epoch > u32::MAX >> EPOCH_SHIFT {
            self.memo.fill(0);
            self.asked.fill(0);
            self.looked_up.fill(0);
            self.reported.fill(0);
            self.open.fill(0);
            self.awake.fill(0);
            self.epoch = 1;
        }
        if let Some(profile) = &mut self.profile {
            profile.next_event();
        }
    }

    #[inline]
    fn start<const PROFILE: bool>(&self) -> Option<u64> {
        if PROFILE {
            self.profile.as_ref()?.start()
        } else {
            None
        }
    }

    #[inline]
    fn end<const PROFILE: bool>(&mut self, what: Counted, hit: bool, started: Option<u64>) {
        if PROFILE && let Some(profile) = &mut self.profile {
            profile.end(what, hit, started);
        }
    }

    /// Leaves in `woken` the rules that the program's gates and keys do not rule out, in order.
    fn wake<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        program: &Program,
        event: &E,
    ) {
        self.woken.clear();
        let (mut group, mut keys) = (0, 0);
        while let Some(here) = program.groups.get(group) {
            if !self.run::<E, PROFILE>(rules, here.gate_code, event) {
                group = here.after as usize;
                continue;
            }
            self.open[group] = self.epoch;
            keys |= here.keys;
            self.woken.extend_from_slice(&here.keyless);
            group += 1;
        }
        while keys != 0 {
            let key = &program.keys[keys.trailing_zeros() as usize];
            keys &= keys - 1;
            self.wake_by::<E, PROFILE>(rules, program, key, event);
        }
        if self.woken.len() > 1 {
            self.woken.sort_unstable();
        }
    }

    /// Looks a key up and wakes those whose checks hold.
    fn wake_by<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        program: &Program,
        key: &Key,
        event: &E,
    ) {
        let started = self.start::<PROFILE>();
        let Self {
            looked_up,
            reported,
            open,
            awake,
            epoch,
            woken,
            pool,
            ..
        } = self;
        let index = key.index as usize;
        let there = rules.indexed.indexes[index].look_up(event, pool, |members| {
            for &member in members {
                if std::mem::replace(&mut reported[member as usize], *epoch) == *epoch {
                    continue;
                }
                for &position in key.wakes(member) {
                    let at = position as usize;
                    let closed = open[program.entries[at].group as usize] != *epoch;
                    if !closed && std::mem::replace(&mut awake[at], *epoch) != *epoch {
                        woken.push(position);
                    }
                }
            }
        });
        looked_up[index] = *epoch << EPOCH_SHIFT | u32::from(there);
        self.end::<PROFILE>(Counted::LookUp(key.index), there, started);
    }

    /// Stamps the members of an index that hold.
    fn look_up<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        index: u32,
        event: &E,
    ) {
        let started = self.start::<PROFILE>();
        let Self {
            looked_up,
            reported,
            epoch,
            pool,
            ..
        } = self;
        let at = index as usize;
        let there = rules.indexed.indexes[at].look_up(event, pool, |members| {
            for &member in members {
                reported[member as usize] = *epoch;
            }
        });
        looked_up[at] = *epoch << EPOCH_SHIFT | u32::from(there);
        self.end::<PROFILE>(Counted::LookUp(index), there, started);
    }

    fn check<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        predicate: u32,
        event: &E,
    ) -> bool {
        let started = self.start::<PROFILE>();
        let holds = rules.predicates[predicate as usize].eval(event, &mut self.pool);
        self.end::<PROFILE>(Counted::Check(predicate), holds, started);
        holds
    }

    fn member<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        id: MemberId,
        event: &E,
    ) -> bool {
        let Member {
            index,
            negated,
            direct,
            predicate,
            ..
        } = rules.indexed.members[id as usize];
        let at = index as usize;
        if self.looked_up[at] >> EPOCH_SHIFT != self.epoch {
            let asked = self.asked[at];
            let fresh = self.epoch << EPOCH_SHIFT;
            let asked = if asked < fresh { fresh } else { asked };
            if direct && asked < fresh + MAX_DIRECT {
                self.asked[at] = asked + 1;
                return self.check::<E, PROFILE>(rules, predicate, event);
            }
            self.look_up::<E, PROFILE>(rules, index, event);
        }
        let reported = self.reported[id as usize] == self.epoch;
        let holds = if negated {
            self.looked_up[at] & 1 == 1 && !reported
        } else {
            reported
        };
        self.end::<PROFILE>(Counted::Check(predicate), holds, None);
        holds
    }

    /// Runs code to its end; whether the condition holds.
    #[inline]
    fn run<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        mut at: u32,
        event: &E,
    ) -> bool {
        while at < NO {
            let step = &rules.steps[at as usize];
            let holds = self.test::<E, PROFILE>(rules, step, event);
            at = if holds { step.yes } else { step.no };
        }
        at == YES
    }

    #[inline]
    fn test<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        step: &Step,
        event: &E,
    ) -> bool {
        let slot = step.slot as usize;
        if slot != 0 && self.memo[slot] >> EPOCH_SHIFT == self.epoch {
            return self.memo[slot] & 1 == 1;
        }
        let holds = match step.test {
            Test::Check(predicate) => self.check::<E, PROFILE>(rules, predicate, event),
            Test::Member(member) => self.member::<E, PROFILE>(rules, member, event),
            Test::Call(code) => self.call::<E, PROFILE>(rules, code, event),
        };
        if slot != 0 {
            self.memo[slot] = self.epoch << EPOCH_SHIFT | u32::from(holds);
        }
        holds
    }

    /// Code that several rules share. As deep as their conditions are at most.
    fn call<E: Event + ?Sized, const PROFILE: bool>(
        &mut self,
        rules: &RuleSet,
        code: u32,
        event: &E,
    ) -> bool {
        self.run::<E, PROFILE>(rules, code, event)
    }
}
