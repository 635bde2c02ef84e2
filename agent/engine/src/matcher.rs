//! Evaluates a rule set over events. One matcher per worker; nothing is shared but the rules.

use std::sync::Arc;

use crate::compiler::{Node, NodeId, RuleMeta, RuleSet};
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

#[derive(Debug)]
struct Scratch {
    /// Per node: the epoch in which it was computed, shifted by one, and the result.
    memo: Vec<u32>,
    epoch: u32,
    pool: Pool,
}

impl Matcher {
    /// A matcher for a rule set.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        let memo = vec![0; rules.nodes.len()];
        let hits = vec![0; rules.rules().len()];
        Self {
            rules,
            scratch: Scratch {
                memo,
                epoch: 0,
                pool: Pool::default(),
            },
            hits,
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
        self.scratch.next_event();
        let mut matched = 0;
        for (position, &(rule, root)) in program.entries.iter().enumerate() {
            if position == program.typed && matched > 0 {
                break;
            }
            if !self.scratch.eval(rules, root, event) {
                continue;
            }
            matched += 1;
            self.hits[rule as usize] += 1;
            on_match(&rules.rules()[rule as usize]);
            if matching == Matching::First {
                break;
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
            self.epoch = 1;
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
