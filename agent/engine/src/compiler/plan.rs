//! Which rules need not be looked at: gates and keys.
//!
//! A **gate** is a cheap check that a rule requires. Rules share gates, such as "opened for
//! writing"; one that fails rules out all of them at once.
//!
//! A **key** is a set of indexed checks ([`members`](super::members)) of which a rule requires at
//! least one. Looking a value up tells which checks hold, and so which rules are worth a look; the
//! others are not visited.
//!
//! Both only ever leave out rules that cannot match, and what is left is evaluated in order.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::compiler::graph::{Node, NodeId};
use crate::compiler::members::Members;
use crate::compiler::predicate::Compiled;
use crate::text_index::MemberId;

/// Checks above this cost are no gates.
const MAX_GATE_COST: u32 = 20;
/// Most gates that are known of a node.
const MAX_GATES: usize = 16;
/// Most checks in a key; a rule with more alternatives is always visited.
const MAX_KEY: usize = 64;
/// Fields above this cost are looked up for several rules only: a single rule has other checks, and
/// they may spare the extraction.
const MAX_LONE_KEY_COST: u8 = 4;

/// Rules of one program by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Positions(pub(crate) Box<[u64]>);

impl Positions {
    fn none(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)].into())
    }

    fn insert(&mut self, position: usize) {
        self.0[position / 64] |= 1 << (position % 64);
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// A check that several rules require.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) node: NodeId,
    /// Who requires it.
    pub(crate) rules: Positions,
}

/// An index in which rules have keys.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) index: u32,
    /// Who has a key in this index.
    pub(crate) rules: Positions,
    /// Whom a check of the index makes worth a look.
    pub(crate) wakes: FxHashMap<MemberId, Box<[u32]>>,
}

/// The rules to try for one event type, in order.
#[derive(Debug)]
pub(crate) struct Program {
    /// Rules indexed by event type, then those under "any type": (rule, root).
    pub(crate) entries: Vec<(u32, NodeId)>,
    /// How many entries are of the first kind.
    pub(crate) typed: usize,
    /// All entries.
    pub(crate) all: Positions,
    /// Cheapest first.
    pub(crate) gates: Vec<Gate>,
    /// Those of most rules first.
    pub(crate) keys: Vec<Key>,
    /// Rules without a key.
    pub(crate) keyless: Positions,
}

/// What the nodes of a graph require.
pub(super) struct Planner<'a> {
    members: &'a Members,
    /// Cost of each gate.
    gate_costs: FxHashMap<NodeId, u32>,
    /// Per node: gates that hold whenever the node does.
    gates: Vec<Rc<[NodeId]>>,
    /// Per node: checks of which one holds whenever the node does.
    keys: Vec<Option<Rc<[MemberId]>>>,
}

impl<'a> Planner<'a> {
    /// Looks at every node once; children stand before their parents.
    pub(super) fn new(nodes: &[Node], predicates: &[Compiled], members: &'a Members) -> Self {
        let mut planner = Self {
            members,
            gate_costs: FxHashMap::default(),
            gates: Vec::with_capacity(nodes.len()),
            keys: Vec::with_capacity(nodes.len()),
        };
        for (id, node) in nodes.iter().enumerate() {
            let id = id as NodeId;
            let mut gates: Vec<NodeId> = Vec::new();
            let mut key = None;
            match node {
                Node::Constant(_) | Node::Not(_) => {}
                Node::Check(predicate) => {
                    let cost = predicates[*predicate as usize].cost;
                    if cost <= MAX_GATE_COST {
                        planner.gate_costs.insert(id, cost);
                        gates.push(id);
                    }
                }
                Node::Member(member) => {
                    let negated = members.members[*member as usize].negated;
                    key = (!negated).then(|| Rc::from([*member]));
                }
                Node::And(children) => {
                    gates = planner.gates_of_all(children);
                    key = planner.best_key(children);
                }
                Node::Or(children) => {
                    gates = planner.gates_of_each(children);
                    key = planner.joint_key(children);
                }
            }
            planner.gates.push(gates.into());
            planner.keys.push(key);
        }
        planner
    }

    /// What some child requires.
    fn gates_of_all(&self, children: &[NodeId]) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = Vec::new();
        for &child in children {
            all.extend_from_slice(&self.gates[child as usize]);
        }
        all.sort_unstable_by_key(|gate| (self.gate_costs[gate], *gate));
        all.dedup();
        all.truncate(MAX_GATES);
        all
    }

    /// What every child requires.
    fn gates_of_each(&self, children: &[NodeId]) -> Vec<NodeId> {
        let Some((&first, others)) = children.split_first() else {
            return Vec::new();
        };
        let mut common = self.gates[first as usize].to_vec();
        for &child in others {
            common.retain(|gate| self.gates[child as usize].contains(gate));
        }
        common
    }

    /// The key of the child that promises most.
    fn best_key(&self, children: &[NodeId]) -> Option<Rc<[MemberId]>> {
        let keys = children
            .iter()
            .filter_map(|&child| self.keys[child as usize].as_ref());
        keys.min_by_key(|key| self.rank(key)).cloned()
    }

    /// The keys of all children.
    fn joint_key(&self, children: &[NodeId]) -> Option<Rc<[MemberId]>> {
        let mut joint: Vec<MemberId> = Vec::new();
        for &child in children {
            let key = self.keys[child as usize].as_ref()?;
            joint.extend_from_slice(key);
            if joint.len() > MAX_KEY {
                return None;
            }
        }
        joint.sort_unstable();
        joint.dedup();
        Some(joint.into())
    }

    /// Smaller is better: few look-ups, in indexes that others use, too, for few literals.
    fn rank(&self, key: &[MemberId]) -> (usize, usize, u64) {
        let of = |member: &MemberId| &self.members.members[*member as usize];
        let mut indexes: Vec<u32> = key.iter().map(|member| of(member).index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let weights = indexes
            .iter()
            .map(|&index| self.members.weights[index as usize].1);
        let literals = key
            .iter()
            .map(|member| u64::from(of(member).literals))
            .sum();
        (
            indexes.len(),
            usize::MAX - weights.min().unwrap_or(0),
            literals,
        )
    }

    /// The program of one event type. The first `typed` entries are indexed by it.
    pub(super) fn program(&self, entries: Vec<(u32, NodeId)>, typed: usize) -> Program {
        let none = Positions::none(entries.len());
        let mut all = none.clone();
        let mut gates: FxHashMap<NodeId, Positions> = FxHashMap::default();
        let mut keyed: FxHashMap<u32, Positions> = FxHashMap::default();
        for (position, &(_, root)) in entries.iter().enumerate() {
            all.insert(position);
            for &gate in self.gates[root as usize].iter() {
                gates
                    .entry(gate)
                    .or_insert_with(|| none.clone())
                    .insert(position);
            }
            for index in self.indexes_of(root) {
                keyed
                    .entry(index)
                    .or_insert_with(|| none.clone())
                    .insert(position);
            }
        }
        let lone = |index: &u32| {
            self.members.weights[*index as usize].0 > MAX_LONE_KEY_COST && keyed[index].count() < 2
        };
        let mut keyless = none.clone();
        let mut keys: FxHashMap<u32, Key> = FxHashMap::default();
        for (position, &(_, root)) in entries.iter().enumerate() {
            let indexes = self.indexes_of(root);
            if indexes.is_empty() || indexes.iter().any(lone) {
                keyless.insert(position);
                continue;
            }
            self.enter(root, position, &none, &mut keys);
        }
        let mut gates: Vec<Gate> = gates
            .into_iter()
            .filter(|(_, rules)| rules.count() > 1)
            .map(|(node, rules)| Gate { node, rules })
            .collect();
        gates.sort_unstable_by_key(|gate| (self.gate_costs[&gate.node], gate.node));
        let mut keys: Vec<Key> = keys.into_values().collect();
        keys.sort_unstable_by_key(|key| (usize::MAX - key.rules.count(), key.index));
        Program {
            entries,
            typed,
            all,
            gates,
            keys,
            keyless,
        }
    }

    /// Indexes in which the node has its key; empty if it has none.
    fn indexes_of(&self, node: NodeId) -> Vec<u32> {
        let key = self.keys[node as usize].as_deref().unwrap_or_default();
        let index = |member: &MemberId| self.members.members[*member as usize].index;
        let mut indexes: Vec<u32> = key.iter().map(index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }

    fn enter(
        &self,
        root: NodeId,
        position: usize,
        none: &Positions,
        keys: &mut FxHashMap<u32, Key>,
    ) {
        for &member in self.keys[root as usize].iter().flat_map(|key| key.iter()) {
            let index = self.members.members[member as usize].index;
            let key = keys.entry(index).or_insert_with(|| Key {
                index,
                rules: none.clone(),
                wakes: FxHashMap::default(),
            });
            key.rules.insert(position);
            let wakes = key.wakes.entry(member).or_default();
            let mut longer = std::mem::take(wakes).into_vec();
            longer.push(position as u32);
            *wakes = longer.into_boxed_slice();
        }
    }
}
