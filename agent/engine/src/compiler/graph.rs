//! Conditions of all rules as one graph in which equal parts exist once.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ast::{Modifier, Op};
use crate::compiler::events::event_number_truth;
use crate::compiler::predicate::{Compiled, predicate_chance, predicate_cost};
use crate::index::MemberId;
use crate::schema::{Arity, Event, EventType, FieldRef, Schema};
use crate::terms::Pool;
use crate::typed::{Condition, Literal, Predicate, Side, Term};
use crate::value::Value;

/// Index of a node of the graph.
pub(crate) type NodeId = u32;

/// The node that is always false.
pub(crate) const FALSE: NodeId = 0;
/// The node that is always true.
pub(crate) const TRUE: NodeId = 1;

/// Costs are counted in this fraction, so that sharing can divide them.
const COST_UNIT: u32 = 16;
/// Sharing by more parents than this makes no further difference.
const MAX_SHARE: u32 = 16;

/// Nothing is taken for rarer, or more certain, than this.
const LEAST_CHANCE: f32 = 0.02;

/// A node; children stand before their parents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// Always so.
    Constant(bool),
    /// A predicate by index.
    Check(u32),
    /// A predicate that an index answers; exists in finished graphs only.
    Member(MemberId),
    /// The other does not hold.
    Not(NodeId),
    /// All hold, cheapest first.
    And(Box<[NodeId]>),
    /// One holds, cheapest first.
    Or(Box<[NodeId]>),
}

/// Builds the graph.
pub(super) struct Graph<'a> {
    schema: &'a dyn Schema,
    pub(super) nodes: Vec<Node>,
    costs: Vec<u32>,
    /// How likely the node holds, as a guess.
    chances: Vec<f32>,
    /// Whether the node depends on the event type.
    varies: Vec<bool>,
    ids: FxHashMap<Node, NodeId>,
    /// Distinct predicates; [`Node::Check`] counts in them.
    pub(super) specs: Vec<Arc<Predicate>>,
    predicate_ids: FxHashMap<Arc<Predicate>, u32>,
    uses: FxHashMap<Arc<Predicate>, u32>,
}

impl<'a> Graph<'a> {
    /// An empty graph. `uses`: how many parents each predicate will have, as far as known; what many
    /// share is computed once for all of them, and so counts as cheap.
    pub(super) fn new(schema: &'a dyn Schema, uses: FxHashMap<Arc<Predicate>, u32>) -> Self {
        let mut graph = Self {
            schema,
            nodes: Vec::new(),
            costs: Vec::new(),
            chances: Vec::new(),
            varies: Vec::new(),
            ids: FxHashMap::default(),
            specs: Vec::new(),
            predicate_ids: FxHashMap::default(),
            uses,
        };
        graph.intern(Node::Constant(false), 0, 0.0, false);
        graph.intern(Node::Constant(true), 0, 1.0, false);
        graph
    }

    fn intern(&mut self, node: Node, cost: u32, chance: f32, varies: bool) -> NodeId {
        if let Some(&id) = self.ids.get(&node) {
            return id;
        }
        let id = self.nodes.len() as NodeId;
        self.ids.insert(node.clone(), id);
        self.nodes.push(node);
        self.costs.push(cost);
        self.chances.push(chance);
        self.varies.push(varies);
        id
    }

    /// How many parents each predicate has.
    pub(super) fn uses(self) -> FxHashMap<Arc<Predicate>, u32> {
        let mut uses = vec![0u32; self.nodes.len()];
        for node in &self.nodes {
            match node {
                Node::Constant(_) | Node::Check(_) | Node::Member(_) => {}
                Node::Not(inner) => uses[*inner as usize] += 1,
                Node::And(children) | Node::Or(children) => {
                    children.iter().for_each(|&child| uses[child as usize] += 1);
                }
            }
        }
        let mut result = FxHashMap::default();
        for (node, count) in self.nodes.iter().zip(uses) {
            if let Node::Check(index) = node {
                result.insert(Arc::clone(&self.specs[*index as usize]), count);
            }
        }
        result
    }

    /// Adds a condition.
    pub(super) fn add(&mut self, condition: &Condition) -> NodeId {
        match condition {
            Condition::Check(predicate) => self.check(predicate),
            Condition::Not(inner) => {
                let inner = self.add(inner);
                self.not(inner)
            }
            Condition::And(_) => {
                let children = self.children(condition, true);
                let children = self.merge(children, true);
                self.group(children, true)
            }
            Condition::Or(_) => {
                let children = self.children(condition, false);
                let children = self.merge(children, false);
                self.group(children, false)
            }
        }
    }

    /// Children of a group, those of nested groups of the same kind included, except where the
    /// nested group is shared (a macro): it is worth more as a whole, computed once.
    fn children(&mut self, condition: &Condition, and: bool) -> Vec<NodeId> {
        let (Condition::And(items) | Condition::Or(items)) = condition else {
            return vec![self.add(condition)];
        };
        let mut result = Vec::with_capacity(items.len());
        for item in items {
            let same = matches!(
                (item.as_ref(), and),
                (Condition::And(_), true) | (Condition::Or(_), false)
            );
            if same && Arc::strong_count(item) == 1 {
                result.append(&mut self.children(item, and));
            } else {
                result.push(self.add(item));
            }
        }
        result
    }

    fn check(&mut self, predicate: &Arc<Predicate>) -> NodeId {
        if let Some(truth) = event_number_truth(predicate, self.schema) {
            return if truth { TRUE } else { FALSE };
        }
        let index = match self.predicate_ids.get(predicate) {
            Some(&index) => index,
            None => {
                let index = self.specs.len() as u32;
                self.specs.push(Arc::clone(predicate));
                self.predicate_ids.insert(Arc::clone(predicate), index);
                index
            }
        };
        let is_type = self.is_type(&predicate.lhs) && !matches!(predicate.rhs, Side::Term(_));
        let uses = self
            .uses
            .get(predicate)
            .copied()
            .unwrap_or(1)
            .clamp(1, MAX_SHARE);
        let cost = (predicate_cost(predicate) * COST_UNIT / uses).max(1);
        let chance = predicate_chance(predicate);
        self.intern(Node::Check(index), cost, chance, is_type)
    }

    fn is_type(&self, lhs: &Term) -> bool {
        lhs.field()
            .is_some_and(|field| self.schema.is_event_type_field(field))
    }

    fn not(&mut self, inner: NodeId) -> NodeId {
        match self.nodes[inner as usize] {
            Node::Constant(truth) => {
                if truth {
                    FALSE
                } else {
                    TRUE
                }
            }
            Node::Not(innermost) => innermost,
            _ => {
                let at = inner as usize;
                let (cost, chance) = (self.costs[at], 1.0 - self.chances[at]);
                self.intern(Node::Not(inner), cost, chance, self.varies[at])
            }
        }
    }

    /// What a child costs for each time that it settles the group: those with the least go first.
    fn rank(&self, child: NodeId, and: bool) -> f32 {
        let (cost, chance) = (self.costs[child as usize], self.chances[child as usize]);
        let settles = if and { 1.0 - chance } else { chance };
        cost as f32 / settles.max(LEAST_CHANCE)
    }

    /// And (or Or) of nodes: constants are folded, repeated children dropped, cheap ones go first.
    /// Evaluation has no effects, so order never changes a result.
    fn group(&mut self, mut children: Vec<NodeId>, and: bool) -> NodeId {
        let (absorbing, neutral) = if and { (FALSE, TRUE) } else { (TRUE, FALSE) };
        if children.contains(&absorbing) {
            return absorbing;
        }
        children.retain(|&child| child != neutral);
        children.sort_unstable_by(|&left, &right| {
            let (a, b) = (self.rank(left, and), self.rank(right, and));
            a.total_cmp(&b).then(left.cmp(&right))
        });
        children.dedup();
        match children.as_slice() {
            [] => neutral,
            [only] => *only,
            _ => {
                // Each further child is reached as often as the ones before leave it open.
                let (mut cost, mut open) = (1.0, 1.0f32);
                for &child in &children {
                    let chance = self.chances[child as usize];
                    cost += self.costs[child as usize] as f32 * open;
                    open *= if and { chance } else { 1.0 - chance };
                }
                let (cost, chance) = (cost as u32, if and { open } else { 1.0 - open });
                let varies = children.iter().any(|&child| self.varies[child as usize]);
                let children = children.into_boxed_slice();
                let node = if and {
                    Node::And(children)
                } else {
                    Node::Or(children)
                };
                self.intern(node, cost, chance, varies)
            }
        }
    }

    /// Joins checks of one field into one: in an Or, `f = a`, `f in (b, c)` become a set, prefixes
    /// a prefix set and so on; in an And the same goes for negated checks.
    fn merge(&mut self, children: Vec<NodeId>, and: bool) -> Vec<NodeId> {
        let mut groups: FxHashMap<(Term, Family), Vec<Arc<Predicate>>> = FxHashMap::default();
        let mut order = Vec::new();
        let mut rest = Vec::with_capacity(children.len());
        for child in children {
            let check = match (&self.nodes[child as usize], and) {
                (Node::Not(inner), true) => *inner,
                (_, true) => FALSE,
                (_, false) => child,
            };
            let Node::Check(index) = self.nodes[check as usize] else {
                rest.push(child);
                continue;
            };
            let spec = Arc::clone(&self.specs[index as usize]);
            let Some(family) = family(&spec) else {
                rest.push(child);
                continue;
            };
            let key = (spec.lhs.clone(), family);
            let group = groups.entry(key.clone()).or_default();
            if group.is_empty() {
                order.push(key);
            }
            group.push(spec);
        }
        for key in order {
            let Some(group) = groups.remove(&key) else {
                continue;
            };
            let merged = match group.as_slice() {
                [only] => Arc::clone(only),
                several => Arc::new(joined(key.0, key.1, several)),
            };
            let check = self.check(&merged);
            rest.push(if and { self.not(check) } else { check });
        }
        rest
    }

    /// The node as it is for one event type; `memo` holds what is known for that type.
    pub(super) fn specialise(
        &mut self,
        node: NodeId,
        event: EventType,
        memo: &mut FxHashMap<NodeId, NodeId>,
    ) -> NodeId {
        if !self.varies[node as usize] {
            return node;
        }
        if let Some(&known) = memo.get(&node) {
            return known;
        }
        let special = match self.nodes[node as usize].clone() {
            Node::Constant(_) | Node::Member(_) => node,
            Node::Check(index) => {
                let name = self.schema.event_name(event);
                let only_type = OnlyType { event, name };
                let predicate = Compiled::new(&self.specs[index as usize]);
                if predicate.eval(&only_type, &mut Pool::default()) {
                    TRUE
                } else {
                    FALSE
                }
            }
            Node::Not(inner) => {
                let inner = self.specialise(inner, event, memo);
                self.not(inner)
            }
            Node::And(children) => self.specialise_group(&children, true, event, memo),
            Node::Or(children) => self.specialise_group(&children, false, event, memo),
        };
        memo.insert(node, special);
        special
    }

    fn specialise_group(
        &mut self,
        children: &[NodeId],
        and: bool,
        event: EventType,
        memo: &mut FxHashMap<NodeId, NodeId>,
    ) -> NodeId {
        let mut special = Vec::with_capacity(children.len());
        for &child in children {
            special.push(self.specialise(child, event, memo));
        }
        self.group(special, and)
    }
}

/// An event of which only the type is known.
struct OnlyType<'a> {
    event: EventType,
    name: &'a str,
}

impl Event for OnlyType<'_> {
    fn event_type(&self) -> EventType {
        self.event
    }

    fn get(&self, _: FieldRef) -> Option<Value<'_>> {
        Some(Value::Bytes(self.name.as_bytes()))
    }

    fn each(&self, _: FieldRef, _: &mut dyn FnMut(Value<'_>) -> std::ops::ControlFlow<()>) -> bool {
        false
    }
}

/// Checks that can be joined when they are about one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    Member,
    Path,
    Affix(Op),
}

fn family(predicate: &Predicate) -> Option<Family> {
    let Side::Literals(literals) = &predicate.rhs else {
        return None;
    };
    if predicate.lhs.arity() == Arity::List || literals.is_empty() {
        return None;
    }
    match (predicate.op, predicate.modifier) {
        (Op::Eq, None | Some(Modifier::AnyOf)) | (Op::In | Op::Intersects, None) => {
            Some(Family::Member)
        }
        (Op::Pmatch, None) => Some(Family::Path),
        (op @ (Op::Startswith | Op::Endswith | Op::Contains), None | Some(Modifier::AnyOf)) => {
            Some(Family::Affix(op))
        }
        _ => None,
    }
}

fn joined(lhs: Term, family: Family, group: &[Arc<Predicate>]) -> Predicate {
    let mut literals: Vec<Literal> = group
        .iter()
        .filter_map(|predicate| match &predicate.rhs {
            Side::Literals(literals) => Some(literals.iter().cloned()),
            _ => None,
        })
        .flatten()
        .collect();
    literals.sort_unstable();
    literals.dedup();
    let (op, modifier) = match family {
        Family::Member => (Op::In, None),
        Family::Path => (Op::Pmatch, None),
        Family::Affix(op) => (op, Some(Modifier::AnyOf)),
    };
    Predicate {
        lhs,
        op,
        modifier,
        rhs: Side::Literals(literals.into()),
    }
}
