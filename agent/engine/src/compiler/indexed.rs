//! Which checks are answered by indexes.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::{Modifier, Op};
use crate::compiler::graph::Node;
use crate::compiler::predicate::Compiled;
use crate::index::{Builder, Class, Index, MemberId, Relation};
use crate::schema::Arity;
use crate::typed::{Literal, Predicate, Side, Term};
use crate::value::ValueType;

/// An index is worth its look-up from this many literals on; fewer are compared one by one.
const MIN_LITERALS: usize = 5;
/// The same for texts inside others: each comparison reads the whole value.
const MIN_NEEDLES: usize = 2;
/// A beginning that more patterns have tells little of each.
const MAX_CROWD: usize = 8;
/// Shortest part of a pattern that tells anything.
const MIN_HINT_BYTES: usize = 3;

/// A check that an index answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// The check.
    pub(crate) predicate: u32,
    /// The index.
    pub(crate) index: u32,
    /// `!=`: holds if there is a value and the index did not report it.
    pub(crate) negated: bool,
    /// One comparison, which is cheaper than a look-up.
    pub(crate) direct: bool,
    /// How often it will hold, as a guess: 1 is hardly ever, 100 very often.
    pub(crate) often: u32,
}

/// The checks of a rule set, split by how they are answered.
#[derive(Debug, Default)]
pub(crate) struct Indexed {
    /// By [`MemberId`].
    pub(crate) members: Vec<Member>,
    /// By [`Member::index`].
    pub(crate) indexes: Vec<Index>,
    /// Per index: members from here to the next one's.
    pub(crate) starts: Vec<u32>,
    /// Per index: relative cost of a look-up.
    pub(crate) costs: Vec<u32>,
    /// Per predicate that stays: members of which one is reported whenever the predicate holds.
    pub(crate) hints: FxHashMap<u32, Vec<MemberId>>,
}

/// A check that could join an index.
struct Candidate<'a> {
    predicate: usize,
    relation: Relation,
    /// Only a hint: the check is not answered by it.
    hint: bool,
    negated: bool,
    literals: Vec<std::borrow::Cow<'a, Literal>>,
}

/// Turns checks that can be answered by an index into [`Node::Member`]. `used`: nodes that some
/// program reaches. The others are compiled; predicates keep their numbers.
pub(super) fn extract(
    nodes: &mut [Node],
    specs: &[Arc<Predicate>],
    used: &[bool],
) -> (Indexed, Vec<Compiled>) {
    let mut reached = vec![false; specs.len()];
    for (node, &used) in nodes.iter().zip(used) {
        if let (Node::Check(index), true) = (node, used) {
            reached[*index as usize] = true;
        }
    }
    // A vector keeps the order of first appearance, so that equal rules give equal programs.
    let mut groups: Vec<(Class, Vec<Candidate<'_>>)> = Vec::new();
    let mut places: FxHashMap<(&Term, Class), usize> = FxHashMap::default();
    let mut beginnings: FxHashMap<&[u8], usize> = FxHashMap::default();
    for spec in specs {
        if let Some(pattern) = pattern(spec) {
            *beginnings.entry(plain_start(pattern)).or_default() += 1;
        }
    }
    let crowded = |start: &[u8]| {
        beginnings
            .get(start)
            .is_some_and(|&count| count > MAX_CROWD)
    };
    for (at, spec) in specs.iter().enumerate().filter(|&(at, _)| reached[at]) {
        let Some((class, candidate)) = candidate(at, spec, &crowded) else {
            continue;
        };
        let place = *places.entry((&spec.lhs, class)).or_insert_with(|| {
            groups.push((class, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(candidate);
    }
    let mut indexed = Indexed::default();
    let mut answers: Vec<Option<MemberId>> = vec![None; specs.len()];
    for (class, group) in &groups {
        let distinct: FxHashSet<(Relation, &Literal)> = group
            .iter()
            .flat_map(|c| {
                c.literals
                    .iter()
                    .map(|literal| (c.relation, literal.as_ref()))
            })
            .collect();
        let term = &specs[group[0].predicate].lhs;
        let least = if *class == Class::Inside {
            MIN_NEEDLES
        } else {
            MIN_LITERALS
        };
        let walked = !matches!(
            term,
            Term::Field {
                arity: Arity::One,
                ..
            }
        );
        if group.len() > 1 && (distinct.len() >= least || walked) {
            indexed.add_index(*class, term, group, &mut answers);
        }
    }
    for node in nodes {
        if let Node::Check(index) = node
            && let Some(member) = answers[*index as usize]
        {
            *node = Node::Member(member);
        }
    }
    let direct = |member: &MemberId| indexed.members[*member as usize].direct;
    let needed = answers
        .iter()
        .zip(reached)
        .map(|(answer, reached)| reached && answer.as_ref().is_none_or(direct));
    let compiled = needed.zip(specs).map(|(needed, spec)| {
        if needed {
            Compiled::new(spec)
        } else {
            Compiled::ANSWERED
        }
    });
    let compiled = compiled.collect();
    (indexed, compiled)
}

impl Indexed {
    fn add_index(
        &mut self,
        class: Class,
        term: &Term,
        group: &[Candidate<'_>],
        answers: &mut [Option<MemberId>],
    ) {
        let mut builder = Builder::new(class);
        self.starts.push(self.members.len() as u32);
        for candidate in group {
            let member = self.members.len() as MemberId;
            for literal in &candidate.literals {
                builder.add(candidate.relation, literal, member);
            }
            let often = candidate
                .literals
                .iter()
                .map(|l| often(candidate.relation, l))
                .sum();
            self.members.push(Member {
                predicate: candidate.predicate as u32,
                index: self.indexes.len() as u32,
                negated: candidate.negated,
                direct: is_direct(class, term, candidate),
                often: if candidate.negated {
                    100
                } else {
                    u32::min(often, 100)
                },
            });
            if candidate.hint {
                self.hints
                    .entry(candidate.predicate as u32)
                    .or_default()
                    .push(member);
            } else {
                answers[candidate.predicate] = Some(member);
            }
        }
        self.indexes.push(builder.build(term.clone()));
        self.costs.push(term.cost() + class.cost());
    }

    /// Members of an index.
    pub(crate) fn members_of(&self, index: u32) -> std::ops::Range<u32> {
        let start = self.starts[index as usize];
        let end = self.starts.get(index as usize + 1);
        start..end.copied().unwrap_or(self.members.len() as u32)
    }
}

/// Whether the check alone is one comparison of a value that is there anyway.
fn is_direct(class: Class, term: &Term, candidate: &Candidate<'_>) -> bool {
    let one = matches!(
        term,
        Term::Field {
            arity: Arity::One,
            ..
        }
    );
    one && !candidate.hint && candidate.literals.len() == 1 && class != Class::Paths
}

/// How often values have this relation to the literal, as a guess: short parts fit more.
fn often(relation: Relation, literal: &Literal) -> u32 {
    let len = match literal {
        Literal::Bytes(bytes) => bytes.len(),
        _ => return 1,
    };
    match (relation, len) {
        (Relation::Equal, 0) => 5,
        (Relation::Equal, _) => 1,
        (Relation::Prefix | Relation::Below, 0..2) => 50,
        (Relation::Prefix | Relation::Below, 2..8) => 10,
        (Relation::Suffix | Relation::Inside | Relation::InsideAnyCase, 0..2) => 50,
        (Relation::Suffix | Relation::Inside | Relation::InsideAnyCase, 2..4) => 10,
        _ => 2,
    }
}

/// The pattern of a check with one.
fn pattern(spec: &Predicate) -> Option<&[u8]> {
    match (&spec.rhs, spec.op, spec.lhs.arity()) {
        (Side::Literals(literals), Op::Glob, Arity::One) => match &literals[..] {
            [Literal::Bytes(pattern)] => Some(pattern),
            _ => None,
        },
        _ => None,
    }
}

/// The check as literals that the values of one term are compared with. `crowded`: beginnings that
/// many patterns have.
fn candidate<'s>(
    predicate: usize,
    spec: &'s Predicate,
    crowded: &dyn Fn(&[u8]) -> bool,
) -> Option<(Class, Candidate<'s>)> {
    let Side::Literals(literals) = &spec.rhs else {
        return None;
    };
    if matches!(spec.lhs, Term::Literal(_) | Term::List(_)) || spec.lhs.ty() == ValueType::Double {
        return None;
    }
    let arity = spec.lhs.arity();
    let negated = spec.op == Op::Ne;
    let any = match (spec.op, spec.modifier) {
        // `!=` on several values needs more than what was reported.
        (Op::Ne, None) => matches!(arity, Arity::One | Arity::Ends),
        // Of a list, every element counts.
        (Op::In, None) => arity != Arity::List,
        (op, None) => op != Op::Exists && !op.is_order(),
        (Op::Ne, Some(_)) => false,
        (_, modifier) => modifier == Some(Modifier::AnyOf),
    };
    if !any || literals.is_empty() {
        return None;
    }
    let mut hint = false;
    let mut borrowed: Vec<_> = literals.iter().map(std::borrow::Cow::Borrowed).collect();
    let relation = match spec.op {
        Op::Eq | Op::Ne | Op::In | Op::Intersects => Relation::Equal,
        Op::Startswith | Op::Bstartswith => Relation::Prefix,
        Op::Endswith => Relation::Suffix,
        Op::Contains | Op::Bcontains => Relation::Inside,
        Op::Icontains => Relation::InsideAnyCase,
        Op::Pmatch => Relation::Below,
        Op::Glob => {
            hint = true;
            let (relation, part) = required_part(pattern(spec)?, crowded)?;
            borrowed = vec![std::borrow::Cow::Owned(Literal::Bytes(part.into()))];
            relation
        }
        _ => return None,
    };
    let class = Class::of(relation, &literals[0])?;
    let candidate = Candidate {
        predicate,
        relation,
        hint,
        negated,
        literals: borrowed,
    };
    Some((class, candidate))
}

fn is_special(byte: &u8) -> bool {
    b"*?[\\".contains(byte)
}

/// What every text that fits the pattern begins with.
fn plain_start(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(is_special);
    &pattern[..end.unwrap_or(pattern.len())]
}

/// The part of a shell pattern that is cheapest to look for in what it matches.
fn required_part<'p>(
    pattern: &'p [u8],
    crowded: &dyn Fn(&[u8]) -> bool,
) -> Option<(Relation, &'p [u8])> {
    let start = plain_start(pattern);
    let beginning = (start.len() >= MIN_HINT_BYTES).then_some((Relation::Prefix, start));
    if beginning.is_some() && !crowded(start) {
        return beginning;
    }
    // What ends a set or an escape is not known here.
    if pattern.iter().any(|byte| b"[\\".contains(byte)) {
        return beginning;
    }
    let last = pattern.iter().rposition(is_special)? + 1;
    if pattern.len() - last >= MIN_HINT_BYTES {
        return Some((Relation::Suffix, &pattern[last..]));
    }
    let inner = pattern[start.len()..]
        .split(is_special)
        .max_by_key(|part| part.len())?;
    match (inner.len() >= MIN_HINT_BYTES, beginning) {
        (true, _) => Some((Relation::Inside, inner)),
        (false, beginning) => beginning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_require_their_plain_parts() {
        let part = |pattern: &'static str| {
            required_part(pattern.as_bytes(), &|start| start == b"/crowd/")
                .map(|(relation, part)| (relation, std::str::from_utf8(part).expect("text")))
        };
        assert_eq!(part("/home/*/.ssh/*"), Some((Relation::Prefix, "/home/")));
        assert_eq!(part("*/id_rsa"), Some((Relation::Suffix, "/id_rsa")));
        assert_eq!(part("*../*../*"), Some((Relation::Inside, "../")));
        assert_eq!(part("*[a]xyz"), None);
        assert_eq!(part("/p[a]xyz"), None, "two bytes tell nothing");
        assert_eq!(part("?*"), None);
        assert_eq!(
            part("/crowd/*/.mine/*"),
            Some((Relation::Inside, "/.mine/"))
        );
        assert_eq!(part("/crowd/*"), Some((Relation::Prefix, "/crowd/")));
    }
}
