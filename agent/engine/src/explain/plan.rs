//! How the compiled rules get to a rule.

use std::sync::Arc;

use crate::compiler::{Node, NodeId, Program, RuleSet, TRUE};
use crate::schema::EventType;
use crate::typed::{Condition, Predicate};

/// How one rule is evaluated for some event types.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The event types.
    pub events: Vec<EventType>,
    /// Checks that are made first, in this order, for all rules that share them; one that fails
    /// rules the rule out.
    pub gates: Vec<Arc<Condition>>,
    /// Checks answered by look-ups, of which one must hold for the rule to be visited; empty if it
    /// is always visited.
    pub keys: Vec<Arc<Predicate>>,
    /// What is evaluated then, in this order. Checks made before are known and cost nothing.
    pub condition: Arc<Condition>,
}

impl RuleSet {
    /// How the rule at `index` is evaluated, by event type. Event types with the same plan share
    /// one. Empty if the rule can match no event.
    pub fn plans(&self, index: usize) -> Vec<Plan> {
        let mut plans: Vec<(usize, NodeId, Plan)> = Vec::new();
        let Some(meta) = self.rules().get(index) else {
            return Vec::new();
        };
        for event in meta.event_types.iter() {
            let Some((number, program)) = self.numbered_program(event) else {
                continue;
            };
            let at = |entry: &crate::compiler::Entry| entry.rule as usize == index;
            let Some(position) = program.entries.iter().position(at) else {
                continue;
            };
            let root = program.entries[position].root;
            let known = plans
                .iter_mut()
                .find(|(of, known, _)| *of == number && *known == root);
            match known {
                Some((_, _, plan)) => plan.events.push(event),
                None => plans.push((number, root, self.plan(program, position, event))),
            }
        }
        plans.into_iter().map(|(_, _, plan)| plan).collect()
    }

    fn plan(&self, program: &Program, position: usize, event: EventType) -> Plan {
        let entry = program.entries[position];
        let above = |(at, group): &(usize, &crate::compiler::Group)| {
            *at as u32 <= entry.group && entry.group < group.after
        };
        let gates = program.groups.iter().enumerate().filter(above);
        let gates = gates.filter(|(_, group)| group.gate != TRUE);
        let mut keys: Vec<u32> = program
            .keys
            .iter()
            .flat_map(|key| {
                let members = self.indexed.members_of(key.index);
                members.filter(|&member| key.wakes(member).contains(&(position as u32)))
            })
            .map(|member| self.indexed.members[member as usize].predicate)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Plan {
            events: vec![event],
            gates: gates.map(|(_, group)| self.condition(group.gate)).collect(),
            keys: keys
                .iter()
                .map(|&key| Arc::clone(&self.specs[key as usize]))
                .collect(),
            condition: self.condition(entry.root),
        }
    }

    /// Distinct checks of all rules, by the number under which a profile counts them.
    pub fn checks(&self) -> &[Arc<Predicate>] {
        &self.specs
    }

    /// What the look-ups of a profile look up, by number.
    pub fn lookups(&self) -> impl Iterator<Item = &crate::typed::Term> {
        self.indexed.indexes.iter().map(|index| index.term())
    }

    /// A node of the graph as a condition again, its parts in order of evaluation.
    fn condition(&self, node: NodeId) -> Arc<Condition> {
        let all = |children: &[NodeId]| children.iter().map(|&c| self.condition(c)).collect();
        Arc::new(match &self.nodes[node as usize] {
            Node::Constant(true) => Condition::And(Vec::new()),
            Node::Constant(false) => Condition::Or(Vec::new()),
            Node::Check(check) => Condition::Check(Arc::clone(&self.specs[*check as usize])),
            Node::Member(member) => {
                let check = self.indexed.members[*member as usize].predicate;
                Condition::Check(Arc::clone(&self.specs[check as usize]))
            }
            Node::Not(inner) => Condition::Not(self.condition(*inner)),
            Node::And(children) => Condition::And(all(children)),
            Node::Or(children) => Condition::Or(all(children)),
        })
    }
}
