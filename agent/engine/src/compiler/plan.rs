//! Which rules need not be looked at: groups and keys.
//!
//! A **gate** is a cheap check that a rule requires, such as "opened for writing". Rules that
//! require the same gates form a **group**; groups form a tree along their gates, and a gate that
//! fails rules out all groups below it.
//!
//! A **key** is a set of indexed checks ([`indexed`](super::indexed)) of which a rule requires at
//! least one. Looking a value up tells which checks hold, and so which rules are worth a look; the
//! others are not visited. An index is looked up only if a group that needs it is open.
//!
//! Both only ever leave out rules that cannot match; what is left is evaluated in order. So the
//! work grows with the rules that nearly match, not with their number.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::compiler::graph::{Node, NodeId, TRUE};
use crate::compiler::indexed::Indexed;
use crate::compiler::predicate::predicate_cost;
use crate::compiler::program::{Entry, Group, Key, Program};
use crate::index::MemberId;
use crate::typed::Predicate;

/// Checks that cost more together are no gate.
const MAX_GATE_COST: u32 = 60;
/// Most gates that are known of a node.
const MAX_GATES: usize = 16;
/// Most checks in a key; a rule with more alternatives is always visited.
const MAX_KEY: usize = 64;
/// Most groups of a program.
const MAX_GROUPS: usize = 256;
/// Most indexes that a program looks keys up in.
const MAX_KEY_INDEXES: usize = 64;

/// Look-ups that cost more are made for several rules only: a single rule has other checks, and
/// they may spare it.
const MAX_LONE_KEY_COST: u32 = 6;
/// Groups below one are open now and then: so many of their rules count as one of its own.
const BELOW_SHARE: u32 = 8;

/// What the nodes of a graph require.
pub(super) struct Planner<'a> {
    indexed: &'a Indexed,
    /// The graph, and what was added of rules behind gates.
    nodes: Vec<Node>,
    added: FxHashMap<Node, NodeId>,
    /// Cost of each gate.
    gate_costs: FxHashMap<NodeId, u32>,
    /// Per node: gates that hold whenever the node does.
    gates: Vec<Rc<[NodeId]>>,
    /// Per node: sets of checks of which one holds whenever the node does.
    keys: Vec<Rc<[Rc<[MemberId]>]>>,
}

/// How deep in a rule what gates have settled is taken out.
const REST_DEPTH: u32 = 4;

/// Most keys to choose from that are known of a node.
const MAX_KEYS: usize = 8;

impl<'a> Planner<'a> {
    /// Looks at every node once; children stand before their parents.
    pub(super) fn new(nodes: Vec<Node>, specs: &[Arc<Predicate>], indexed: &'a Indexed) -> Self {
        let mut planner = Self {
            indexed,
            nodes: Vec::new(),
            added: FxHashMap::default(),
            gate_costs: FxHashMap::default(),
            gates: Vec::with_capacity(nodes.len()),
            keys: Vec::with_capacity(nodes.len()),
        };
        // Cost of a node made of nothing but cheap checks.
        let mut costs: Vec<Option<u32>> = Vec::with_capacity(nodes.len());
        for (id, node) in nodes.iter().enumerate() {
            let id = id as NodeId;
            let (mut gates, mut keys) = (Vec::new(), Vec::new());
            let cost = match node {
                Node::Constant(_) => Some(0),
                Node::Not(inner) => costs[*inner as usize],
                Node::Check(predicate) => {
                    if let Some(hint) = indexed.hints.get(predicate) {
                        keys.push(Rc::from(&hint[..]));
                    }
                    Some(predicate_cost(&specs[*predicate as usize]))
                }
                Node::Member(member) => {
                    if !indexed.members[*member as usize].negated {
                        keys.push(Rc::from([*member]));
                    }
                    None
                }
                Node::And(children) => {
                    gates = planner.gates_of_all(children);
                    keys = planner.keys_of_all(children);
                    costs_of(children, &costs)
                }
                Node::Or(children) => {
                    gates = planner.gates_of_each(children);
                    keys.extend(planner.joint_key(children));
                    costs_of(children, &costs)
                }
            };
            let cost = cost.filter(|&cost| cost <= MAX_GATE_COST);
            costs.push(cost);
            if let (Some(cost), Node::Check(_) | Node::Not(_) | Node::Or(_)) = (cost, node) {
                planner.gate_costs.insert(id, cost);
                gates.push(id);
            }
            planner.gates.push(gates.into());
            planner.keys.push(keys.into());
        }
        planner.nodes = nodes;
        planner
    }

    /// The nodes that programs refer to: those it was made with, then others.
    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.nodes
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

    /// The keys of all children, those that promise most.
    fn keys_of_all(&self, children: &[NodeId]) -> Vec<Rc<[MemberId]>> {
        let mut all: Vec<Rc<[MemberId]>> = Vec::new();
        for &child in children {
            all.extend(self.keys[child as usize].iter().cloned());
        }
        all.sort_by_key(|key| self.price(key, &|_| 1));
        all.dedup();
        all.truncate(MAX_KEYS);
        all
    }

    /// The best keys of all children together.
    fn joint_key(&self, children: &[NodeId]) -> Option<Rc<[MemberId]>> {
        let mut joint: Vec<MemberId> = Vec::new();
        for &child in children {
            // The first is the best that is known.
            let key = self.keys[child as usize].first()?;
            joint.extend_from_slice(key);
            if joint.len() > MAX_KEY {
                return None;
            }
        }
        joint.sort_unstable();
        joint.dedup();
        Some(joint.into())
    }

    /// What a key costs an event: look-ups, shared by `sharers` of each index, and wrong alarms.
    fn price(&self, key: &[MemberId], sharers: &dyn Fn(u32) -> u32) -> u32 {
        let lookups: u32 = self
            .indexes_of(key)
            .iter()
            .map(|&index| 100 * self.indexed.costs[index as usize] / sharers(index).max(1))
            .sum();
        let alarms: u32 = key
            .iter()
            .map(|&m| self.indexed.members[m as usize].often)
            .sum();
        lookups + 10 * alarms
    }

    fn indexes_of(&self, key: &[MemberId]) -> Vec<u32> {
        let index = |member: &MemberId| self.indexed.members[*member as usize].index;
        let mut indexes: Vec<u32> = key.iter().map(index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }

    /// The program of one event type. The first `typed` rules are indexed by it.
    pub(super) fn program(&mut self, rules: &[(u32, NodeId)], typed: usize) -> Program {
        let mut entries: Vec<Entry> = rules
            .iter()
            .map(|&(rule, root)| Entry {
                rule,
                root,
                code: 0,
                group: 0,
            })
            .collect();
        let mut groups = Vec::new();
        let positions: Vec<u32> = (0..rules.len() as u32).collect();
        let mut paths = Vec::new();
        self.grow(
            TRUE,
            positions,
            &mut Vec::new(),
            &mut entries,
            &mut groups,
            &mut paths,
        );
        let keys = self.choose_keys(&entries, &groups);
        let mut chosen: Vec<u32> = Vec::new();
        let mut wakes: FxHashMap<u32, Vec<(MemberId, u32)>> = FxHashMap::default();
        let mut keyless: Vec<Vec<u32>> = vec![Vec::new(); groups.len()];
        for (position, (key, entry)) in keys.iter().zip(&entries).enumerate() {
            let group = entry.group as usize;
            let indexes = self.indexes_of(key.as_deref().unwrap_or_default());
            let more = indexes
                .iter()
                .filter(|index| !chosen.contains(index))
                .count();
            if indexes.is_empty() || chosen.len() + more > MAX_KEY_INDEXES {
                keyless[group].push(position as u32);
                continue;
            }
            for index in indexes {
                let at = chosen
                    .iter()
                    .position(|&known| known == index)
                    .unwrap_or_else(|| {
                        chosen.push(index);
                        chosen.len() - 1
                    });
                groups[group].keys |= 1 << at;
            }
            for &member in key.iter().flat_map(|key| key.iter()) {
                let index = self.indexed.members[member as usize].index;
                wakes
                    .entry(index)
                    .or_default()
                    .push((member, position as u32));
            }
        }
        for (group, keyless) in groups.iter_mut().zip(keyless) {
            group.keyless = keyless.into();
        }
        for entry in &mut entries {
            entry.root = self.rest(entry.root, &paths[entry.group as usize], REST_DEPTH);
        }
        let keys = chosen
            .iter()
            .map(|&index| self.key(index, wakes.remove(&index).unwrap_or_default()));
        Program {
            keys: keys.collect(),
            entries: entries.into(),
            typed,
            groups: groups.into(),
        }
    }

    /// The key of each rule: the cheapest, where indexes are cheaper the more rules share them.
    fn choose_keys(&self, entries: &[Entry], groups: &[Group]) -> Vec<Option<Rc<[MemberId]>>> {
        let mut users = Users::default();
        for entry in entries {
            let keys = self.keys[entry.root as usize].iter();
            let mut indexes: Vec<u32> = keys.flat_map(|key| self.indexes_of(key)).collect();
            indexes.sort_unstable();
            indexes.dedup();
            indexes
                .into_iter()
                .for_each(|index| users.add(index, entry.group));
        }
        let mut keys: Vec<Option<Rc<[MemberId]>>> = Vec::new();
        // First with those that might share, then with those that do.
        for _ in 0..3 {
            let best = |entry: &Entry| {
                let sharers = |index: u32| users.beside(index, entry.group, groups);
                let keys = self.keys[entry.root as usize].iter();
                let best = keys.min_by_key(|key| self.price(key, &sharers))?;
                let lone = |&index: &u32| {
                    let cheap = self.indexed.costs[index as usize] <= MAX_LONE_KEY_COST;
                    let direct = |&member: &MemberId| {
                        let member = self.indexed.members[member as usize];
                        member.index != index || member.direct
                    };
                    sharers(index) < 2 && (!cheap || best.iter().all(direct))
                };
                let lone = self.indexes_of(best).iter().any(lone);
                (!lone).then(|| Rc::clone(best))
            };
            keys = entries.iter().map(best).collect();
            users = Users::default();
            for (key, entry) in keys.iter().zip(entries) {
                for index in self.indexes_of(key.as_deref().unwrap_or_default()) {
                    users.add(index, entry.group);
                }
            }
        }
        keys
    }

    /// Adds a group for `gate` and, below it, groups for the gates that `positions` share further;
    /// `path`: gates that hold here.
    fn grow(
        &self,
        gate: NodeId,
        positions: Vec<u32>,
        path: &mut Vec<NodeId>,
        entries: &mut [Entry],
        groups: &mut Vec<Group>,
        paths: &mut Vec<Vec<NodeId>>,
    ) {
        let me = groups.len();
        groups.push(Group {
            gate,
            gate_code: 0,
            after: 0,
            keys: 0,
            keyless: Box::default(),
        });
        path.push(gate);
        paths.push(path.clone());
        let mut left = positions;
        while let Some(shared) = self.most_shared(&left, path, entries, groups.len()) {
            let (with, without): (Vec<u32>, Vec<u32>) = left.into_iter().partition(|&position| {
                self.gates[entries[position as usize].root as usize].contains(&shared)
            });
            left = without;
            self.grow(shared, with, path, entries, groups, paths);
        }
        path.pop();
        left.iter()
            .for_each(|&position| entries[position as usize].group = me as u32);
        groups[me].after = groups.len() as u32;
    }

    /// What is left of a node where the gates of `path` hold.
    fn rest(&mut self, node: NodeId, path: &[NodeId], depth: u32) -> NodeId {
        if path.contains(&node) {
            return TRUE;
        }
        let (children, and) = match &self.nodes[node as usize] {
            _ if depth == 0 => return node,
            Node::And(children) => (children.clone(), true),
            Node::Or(children) => (children.clone(), false),
            _ => return node,
        };
        let mut rest: Vec<NodeId> = Vec::with_capacity(children.len());
        for &child in &children {
            match (self.rest(child, path, depth - 1), and) {
                (TRUE, true) => {}
                (TRUE, false) => return TRUE,
                (other, _) => rest.push(other),
            }
        }
        match rest.as_slice() {
            [] => TRUE,
            [only] => *only,
            rest if *rest == *children => node,
            rest => {
                let rest = rest.into();
                self.add(if and { Node::And(rest) } else { Node::Or(rest) })
            }
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        if let Some(&known) = self.added.get(&node) {
            return known;
        }
        let id = self.nodes.len() as NodeId;
        self.added.insert(node.clone(), id);
        self.nodes.push(node);
        id
    }

    /// The gate that most of the rules have, of those the cheapest.
    fn most_shared(
        &self,
        positions: &[u32],
        path: &[NodeId],
        entries: &[Entry],
        groups: usize,
    ) -> Option<NodeId> {
        if groups >= MAX_GROUPS || positions.len() < 2 {
            return None;
        }
        let mut counts: FxHashMap<NodeId, u32> = FxHashMap::default();
        for &position in positions {
            for &gate in self.gates[entries[position as usize].root as usize].iter() {
                *counts.entry(gate).or_default() += 1;
            }
        }
        counts
            .into_iter()
            .filter(|(gate, count)| *count > 1 && !path.contains(gate))
            .min_by_key(|(gate, count)| (u32::MAX - count, self.gate_costs[gate], *gate))
            .map(|(gate, _)| gate)
    }

    fn key(&self, index: u32, mut wakes: Vec<(MemberId, u32)>) -> Key {
        wakes.sort_unstable();
        let members = self.indexed.members_of(index);
        let mut starts = Vec::with_capacity(members.len() + 1);
        let mut at = 0;
        for member in members.clone() {
            starts.push(at as u32);
            while wakes.get(at).is_some_and(|(known, _)| *known == member) {
                at += 1;
            }
        }
        starts.push(at as u32);
        Key {
            index,
            first: members.start,
            starts: starts.into(),
            positions: wakes.into_iter().map(|(_, position)| position).collect(),
        }
    }
}

/// Rules that look an index up, by index and group.
#[derive(Default)]
struct Users(FxHashMap<u32, FxHashMap<u32, u32>>);

impl Users {
    fn add(&mut self, index: u32, group: u32) {
        *self.0.entry(index).or_default().entry(group).or_default() += 1;
    }

    /// How many rules share the look-up with one of `group`: all of its own group and of those
    /// above, which are open too, and a share of those below.
    fn beside(&self, index: u32, group: u32, groups: &[Group]) -> u32 {
        let within =
            |inner: u32, outer: u32| outer <= inner && inner < groups[outer as usize].after;
        let by_group = self.0.get(&index).into_iter().flatten();
        by_group
            .map(
                |(&other, &count)| match (within(group, other), within(other, group)) {
                    (true, _) => count,
                    (_, true) => count / BELOW_SHARE,
                    _ => 0,
                },
            )
            .sum()
    }
}

/// Cost of several nodes; `None` if one of them is not cheap.
fn costs_of(children: &[NodeId], costs: &[Option<u32>]) -> Option<u32> {
    children.iter().map(|&child| costs[child as usize]).sum()
}
