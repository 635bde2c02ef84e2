//! Evaluates a rule set over events. One matcher per worker; nothing is shared but the rules.

use std::sync::Arc;

use crate::compiler::{Gate, Key, Member, Node, NodeId, Program, RuleMeta, RuleSet};
use crate::schema::Event;
use crate::terms::Pool;
use crate::text_index::MemberId;
use crate::value::Value;

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

/// Results so far for one event. Everything is stamped with the epoch of its event, shifted by one
/// to make room for a truth, so that nothing needs to be cleared.
#[derive(Debug)]
struct Scratch {
    /// Per node: the result.
    memo: Vec<u32>,
    /// Per index: looked up, and whether there was a value.
    looked_up: Vec<u32>,
    /// Per member: reported by its index.
    reported: Vec<u32>,
    epoch: u32,
    /// Positions of the program's rules that may still match.
    alive: Vec<u64>,
    /// Positions of rules of which a key was reported.
    woken: Vec<u64>,
    pool: Pool,
}

impl Matcher {
    /// A matcher for a rule set.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let words = rules.programs.iter().map(|program| program.all.0.len());
        let words = words.max().unwrap_or(0);
        let scratch = Scratch {
            memo: vec![0; rules.nodes.len()],
            looked_up: vec![0; rules.indexes.len()],
            reported: vec![0; rules.members.len()],
            epoch: 0,
            alive: vec![0; words],
            woken: vec![0; words],
            pool: Pool::default(),
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

    /// Calls `on_match` for the rules that match `event`; returns how many did. Allocates nothing
    /// unless `on_match` does.
    pub fn matches<E: Event + ?Sized>(
        &mut self,
        event: &E,
        matching: Matching,
        on_match: &mut dyn FnMut(&RuleMeta),
    ) -> usize {
        let rules: &RuleSet = &self.rules;
        let Some(program) = rules.programs.get(usize::from(event.event_type().0)) else {
            return 0;
        };
        if program.entries.is_empty() {
            return 0;
        }
        let scratch = &mut self.scratch;
        scratch.next_event();
        scratch.narrow(rules, program, event);
        let (mut matched, mut of_type) = (0, 0);
        for word in 0..program.all.0.len() {
            let mut left = scratch.alive[word];
            while left != 0 {
                let position = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                if position >= program.typed && of_type > 0 {
                    return matched;
                }
                let (rule, root) = program.entries[position];
                if !scratch.eval(rules, root, event) {
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
        }
        matched
    }
}

impl Scratch {
    /// Forgets all results by moving to the next epoch.
    fn next_event(&mut self) {
        self.epoch += 1;
        if self.epoch > u32::MAX >> 1 {
            self.memo.fill(0);
            self.looked_up.fill(0);
            self.reported.fill(0);
            self.epoch = 1;
        }
    }

    /// Leaves in `alive` the rules that the program's gates and keys do not rule out.
    fn narrow<E: Event + ?Sized>(&mut self, rules: &RuleSet, program: &Program, event: &E) {
        let words = program.all.0.len();
        self.alive[..words].copy_from_slice(&program.all.0);
        for Gate { node, rules: who } in &program.gates {
            if overlap(&self.alive, &who.0) && !self.eval(rules, *node, event) {
                remove(&mut self.alive, &who.0);
            }
        }
        if program.keys.is_empty() {
            return;
        }
        // Empty after a panic in a look-up, which the worker contains; no allocation otherwise.
        self.woken.resize(self.alive.len(), 0);
        self.woken[..words].copy_from_slice(&program.keyless.0);
        for key in &program.keys {
            self.wake(rules, key, event);
        }
        for (alive, woken) in self.alive[..words].iter_mut().zip(&self.woken) {
            *alive &= woken;
        }
    }

    /// Looks up the field of `key`, if some rule depends on it, and wakes those whose checks hold.
    fn wake<E: Event + ?Sized>(&mut self, rules: &RuleSet, key: &Key, event: &E) {
        let asleep = |((&who, alive), woken): ((&u64, &u64), &u64)| who & alive & !woken != 0;
        let mut who = key.rules.0.iter().zip(&self.alive).zip(&self.woken);
        if !who.any(asleep) {
            return;
        }
        let mut woken = std::mem::take(&mut self.woken);
        self.look_up(rules, key.index, event, |member| {
            for &position in key.wakes.get(&member).into_iter().flatten() {
                woken[position as usize / 64] |= 1 << (position % 64);
            }
        });
        self.woken = woken;
    }

    /// Stamps the members of an index that hold.
    fn look_up<E: Event + ?Sized>(
        &mut self,
        rules: &RuleSet,
        index: u32,
        event: &E,
        mut each: impl FnMut(MemberId),
    ) {
        let text_index = &rules.indexes[index as usize];
        let value = event.get(text_index.field);
        self.looked_up[index as usize] = self.epoch << 1 | u32::from(value.is_some());
        // The type checker admits no other values to these operators; they would fit no literal.
        let Some(Value::Bytes(bytes)) = value else {
            return;
        };
        let (reported, epoch) = (&mut self.reported, self.epoch);
        text_index.look_up(bytes, &mut |members| {
            for &member in members {
                reported[member as usize] = epoch;
                each(member);
            }
        });
    }

    fn member<E: Event + ?Sized>(&mut self, rules: &RuleSet, id: MemberId, event: &E) -> bool {
        let Member { index, negated, .. } = rules.members[id as usize];
        if self.looked_up[index as usize] >> 1 != self.epoch {
            self.look_up(rules, index, event, |_| {});
        }
        let present = self.looked_up[index as usize] & 1 == 1;
        let reported = self.reported[id as usize] == self.epoch;
        if negated {
            present && !reported
        } else {
            reported
        }
    }

    fn eval<E: Event + ?Sized>(&mut self, rules: &RuleSet, node: NodeId, event: &E) -> bool {
        let index = node as usize;
        let memoised = rules.memoised[index];
        if memoised && self.memo[index] >> 1 == self.epoch {
            return self.memo[index] & 1 == 1;
        }
        let result = match &rules.nodes[index] {
            Node::Constant(truth) => *truth,
            Node::Check(predicate) => {
                rules.predicates[*predicate as usize].eval(event, &mut self.pool)
            }
            Node::Member(member) => self.member(rules, *member, event),
            Node::Not(inner) => !self.eval(rules, *inner, event),
            Node::And(children) => children.iter().all(|&child| self.eval(rules, child, event)),
            Node::Or(children) => children.iter().any(|&child| self.eval(rules, child, event)),
        };
        if memoised {
            self.memo[index] = self.epoch << 1 | u32::from(result);
        }
        result
    }
}

/// Whether some position is in both.
fn overlap(left: &[u64], right: &[u64]) -> bool {
    left.iter()
        .zip(right)
        .any(|(left, right)| left & right != 0)
}

fn remove(from: &mut [u64], what: &[u64]) {
    from.iter_mut()
        .zip(what)
        .for_each(|(from, what)| *from &= !what);
}
