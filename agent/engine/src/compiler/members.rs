//! Which checks are answered by text indexes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ast::{Modifier, Op};
use crate::compiler::graph::Node;
use crate::compiler::predicate::Compiled;
use crate::schema::{Arity, FieldRef};
use crate::text_index::{Builder, MemberId, Relation, TextIndex};
use crate::typed::{Literal, Predicate, Side, Term};

/// An index is worth its look-up from this many checks on.
const MIN_MEMBERS: usize = 2;

/// A check that an index answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// The index.
    pub(crate) index: u32,
    /// `!=`: holds if there is a value and the index did not report it.
    pub(crate) negated: bool,
    /// Number of literals, for estimates.
    pub(crate) literals: u32,
}

/// The checks of a rule set, split by how they are answered.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// By [`MemberId`].
    pub(crate) members: Vec<Member>,
    /// By [`Member::index`].
    pub(crate) indexes: Vec<TextIndex>,
    /// Per index: cost of extracting its field, and how many checks of the field are indexed.
    pub(crate) weights: Vec<(u8, usize)>,
}

/// A check that could join an index.
struct Candidate<'a> {
    predicate: usize,
    field: FieldRef,
    field_cost: u8,
    relation: Relation,
    negated: bool,
    literals: &'a [Literal],
}

/// Turns checks that can be answered by an index into [`Node::Member`] and drops their predicates;
/// those that stay are renumbered. `used`: nodes that some program reaches.
pub(super) fn extract(
    nodes: &mut [Node],
    predicates: Vec<Compiled>,
    specs: &[Arc<Predicate>],
    used: &[bool],
) -> (Members, Vec<Compiled>) {
    let mut reached = vec![false; specs.len()];
    for (node, &used) in nodes.iter().zip(used) {
        if let (Node::Check(index), true) = (node, used) {
            reached[*index as usize] = true;
        }
    }
    // A vector keeps the order of first appearance, so that equal rules give equal programs.
    let mut groups: Vec<Vec<Candidate<'_>>> = Vec::new();
    let mut places: FxHashMap<(FieldRef, bool), usize> = FxHashMap::default();
    for (at, spec) in specs.iter().enumerate().filter(|&(at, _)| reached[at]) {
        let Some(candidate) = candidate(at, spec) else {
            continue;
        };
        let key = (candidate.field, candidate.relation == Relation::Inside);
        let place = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(candidate);
    }
    let mut members = Members::default();
    let mut ids: Vec<Option<MemberId>> = vec![None; specs.len()];
    for group in groups.iter().filter(|group| group.len() >= MIN_MEMBERS) {
        members.add_index(group, &mut ids);
    }
    members.share_weights();
    let predicates = renumber(nodes, predicates, &ids);
    (members, predicates)
}

impl Members {
    fn add_index(&mut self, group: &[Candidate<'_>], ids: &mut [Option<MemberId>]) {
        let mut builder = Builder::default();
        let first = self.members.len();
        for (offset, candidate) in group.iter().enumerate() {
            for literal in candidate.literals {
                if let Literal::Bytes(bytes) = literal {
                    builder.add(candidate.relation, bytes, (first + offset) as MemberId);
                }
            }
        }
        let Some(index) = builder.build(group[0].field) else {
            return;
        };
        for (offset, candidate) in group.iter().enumerate() {
            ids[candidate.predicate] = Some((first + offset) as MemberId);
            self.members.push(Member {
                index: self.indexes.len() as u32,
                negated: candidate.negated,
                literals: u32::try_from(candidate.literals.len()).unwrap_or(u32::MAX),
            });
        }
        self.indexes.push(index);
        self.weights.push((group[0].field_cost, group.len()));
    }

    /// The two indexes of one field count as one.
    fn share_weights(&mut self) {
        let mut counts: FxHashMap<FieldRef, usize> = FxHashMap::default();
        for (index, &(_, count)) in self.indexes.iter().zip(&self.weights) {
            *counts.entry(index.field).or_default() += count;
        }
        for (index, weight) in self.indexes.iter().zip(&mut self.weights) {
            weight.1 = counts[&index.field];
        }
    }
}

fn renumber(
    nodes: &mut [Node],
    predicates: Vec<Compiled>,
    ids: &[Option<MemberId>],
) -> Vec<Compiled> {
    let mut next = 0;
    let numbers: Vec<u32> = ids
        .iter()
        .map(|id| {
            let number = next;
            next += u32::from(id.is_none());
            number
        })
        .collect();
    for node in nodes {
        if let Node::Check(index) = node {
            *node = match ids[*index as usize] {
                Some(member) => Node::Member(member),
                None => Node::Check(numbers[*index as usize]),
            };
        }
    }
    let mut kept = predicates;
    let mut member = ids.iter().map(Option::is_some);
    kept.retain(|_| member.next() == Some(false));
    kept
}

/// The check as literals that the text of one field is compared with.
fn candidate(predicate: usize, spec: &Predicate) -> Option<Candidate<'_>> {
    let Term::Field {
        field,
        arity: Arity::One,
        cost,
        ..
    } = spec.lhs
    else {
        return None;
    };
    let Side::Literals(literals) = &spec.rhs else {
        return None;
    };
    let texts = literals
        .iter()
        .all(|literal| matches!(literal, Literal::Bytes(_)));
    if !texts || literals.is_empty() {
        return None;
    }
    let relation = match (spec.op, spec.modifier) {
        (Op::Eq, None | Some(Modifier::AnyOf)) => Relation::Equal,
        (Op::Ne | Op::In | Op::Intersects, None) => Relation::Equal,
        (Op::Startswith | Op::Bstartswith, None | Some(Modifier::AnyOf)) => Relation::Prefix,
        (Op::Endswith, None | Some(Modifier::AnyOf)) => Relation::Suffix,
        (Op::Contains | Op::Bcontains, None | Some(Modifier::AnyOf)) => Relation::Inside,
        _ => return None,
    };
    Some(Candidate {
        predicate,
        field,
        field_cost: cost,
        relation,
        negated: spec.op == Op::Ne,
        literals,
    })
}
