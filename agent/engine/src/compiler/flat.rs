//! Conditions as straight code: tests with a place to go on if they hold and one if they do not.
//!
//! And, Or and Not are gone: they are in the places to go to. Tests that a program meets more than
//! once have a slot for their result, and groups that several rules share are called like a test.

use rustc_hash::FxHashMap;

use crate::compiler::graph::{Node, NodeId};

/// Where a condition ends that does not hold.
pub(crate) const NO: u32 = u32::MAX - 1;
/// Where a condition ends that holds.
pub(crate) const YES: u32 = u32::MAX;

/// Shared groups of fewer children are written out: their tests have slots.
const MIN_CALLED: usize = 3;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// Evaluates a predicate.
    Check(u32),
    /// Asks an index for a member.
    Member(u32),
    /// Runs the code from there.
    Call(u32),
}

/// One test and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub(crate) test: Test,
    /// Where the result is kept for the event; 0 is nowhere.
    pub(crate) slot: u32,
    /// Next step if it holds, or [`YES`] or [`NO`].
    pub(crate) yes: u32,
    /// The same if it does not.
    pub(crate) no: u32,
}

/// The code of all rules; equal ends exist once.
pub(super) struct Flat<'a> {
    nodes: &'a [Node],
    memoised: &'a [bool],
    pub(super) steps: Vec<Step>,
    known: FxHashMap<Step, u32>,
    /// Where a node begins, by where it goes on.
    begins: FxHashMap<(NodeId, u32, u32), u32>,
    slots: FxHashMap<NodeId, u32>,
}

impl<'a> Flat<'a> {
    /// No code yet. `memoised`: nodes that some program meets more than once.
    pub(super) fn new(nodes: &'a [Node], memoised: &'a [bool]) -> Self {
        Self {
            nodes,
            memoised,
            steps: Vec::new(),
            known: FxHashMap::default(),
            begins: FxHashMap::default(),
            slots: FxHashMap::default(),
        }
    }

    /// Number of slots, the unused first one included.
    pub(super) fn slots(&self) -> usize {
        self.slots.len() + 1
    }

    /// Where the code of a condition begins.
    pub(super) fn condition(&mut self, node: NodeId) -> u32 {
        self.begin(node, YES, NO)
    }

    fn begin(&mut self, node: NodeId, yes: u32, no: u32) -> u32 {
        if let Some(&known) = self.begins.get(&(node, yes, no)) {
            return known;
        }
        let nodes = self.nodes;
        let begin = match &nodes[node as usize] {
            Node::Constant(true) => yes,
            Node::Constant(false) => no,
            Node::Check(check) => self.step(Test::Check(*check), node, yes, no),
            Node::Member(member) => self.step(Test::Member(*member), node, yes, no),
            Node::Not(inner) => self.begin(*inner, no, yes),
            Node::And(children) | Node::Or(children) if self.is_called(node, children) => {
                let code = self.group(node, YES, NO);
                self.step(Test::Call(code), node, yes, no)
            }
            Node::And(_) | Node::Or(_) => self.group(node, yes, no),
        };
        self.begins.insert((node, yes, no), begin);
        begin
    }

    fn is_called(&self, node: NodeId, children: &[NodeId]) -> bool {
        self.memoised[node as usize] && children.len() >= MIN_CALLED
    }

    /// Written from its end: each child goes on with the next.
    fn group(&mut self, node: NodeId, yes: u32, no: u32) -> u32 {
        let nodes = self.nodes;
        match &nodes[node as usize] {
            Node::And(children) => {
                let next = |next: u32, &child: &NodeId| self.begin(child, next, no);
                children.iter().rev().fold(yes, next)
            }
            Node::Or(children) => {
                let next = |next: u32, &child: &NodeId| self.begin(child, yes, next);
                children.iter().rev().fold(no, next)
            }
            _ => self.begin(node, yes, no),
        }
    }

    fn step(&mut self, test: Test, node: NodeId, yes: u32, no: u32) -> u32 {
        let next = self.slots() as u32;
        let slot = match self.memoised[node as usize] {
            true => *self.slots.entry(node).or_insert(next),
            false => 0,
        };
        let step = Step {
            test,
            slot,
            yes,
            no,
        };
        let steps = &mut self.steps;
        *self.known.entry(step).or_insert_with(|| {
            steps.push(step);
            steps.len() as u32 - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Truth of a node, given that of its checks.
    fn plain(nodes: &[Node], node: NodeId, truths: u8) -> bool {
        match &nodes[node as usize] {
            Node::Constant(truth) => *truth,
            Node::Check(check) | Node::Member(check) => truths >> check & 1 == 1,
            Node::Not(inner) => !plain(nodes, *inner, truths),
            Node::And(children) => children.iter().all(|&child| plain(nodes, child, truths)),
            Node::Or(children) => children.iter().any(|&child| plain(nodes, child, truths)),
        }
    }

    fn run(steps: &[Step], mut at: u32, truths: u8) -> bool {
        while at < NO {
            let step = steps[at as usize];
            let holds = match step.test {
                Test::Check(check) | Test::Member(check) => truths >> check & 1 == 1,
                Test::Call(code) => run(steps, code, truths),
            };
            at = if holds { step.yes } else { step.no };
        }
        at == YES
    }

    proptest! {
        /// Random graphs over six checks.
        #[test]
        fn code_means_what_its_nodes_mean(
            parts in prop::collection::vec((0..3, prop::collection::vec(any::<u16>(), 1..5), any::<bool>()), 1..20),
            truths in any::<u8>(),
        ) {
            let mut nodes = vec![Node::Constant(false), Node::Constant(true)];
            nodes.extend((0..6).map(Node::Check));
            let mut memoised = vec![true; nodes.len()];
            for (kind, children, memo) in parts {
                let below = |child: u16| u32::from(child) % nodes.len() as u32;
                let children: Box<[NodeId]> = children.into_iter().map(below).collect();
                nodes.push(match kind {
                    0 => Node::And(children),
                    1 => Node::Or(children),
                    _ => Node::Not(children[0]),
                });
                memoised.push(memo);
            }
            let mut flat = Flat::new(&nodes, &memoised);
            for node in 0..nodes.len() as NodeId {
                let begin = flat.condition(node);
                prop_assert_eq!(run(&flat.steps, begin, truths), plain(&nodes, node, truths));
            }
        }
    }
}
