//! Many textual checks of one field answered by one look-up.
//!
//! Rules ask the same few fields again and again: is the file one of these, does its name begin
//! with one of those. A [`TextIndex`] holds the literals of all such checks on one field; a value
//! is looked up once per event and every check whose literal fits is reported. What is not reported
//! does not hold. The work depends on the value and on what fits, not on the number of checks.

mod affixes;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};
use rustc_hash::FxHashMap;

use crate::operators::length_bit;
use crate::schema::FieldRef;
use affixes::{Affixes, Back, Front};

/// Literals of up to so many bytes together get the fastest automaton, whose size is their number
/// of bytes times up to a kilobyte; others a compact one.
const MAX_FAST_BYTES: usize = 2048;

/// Number of a check that an index answers.
pub(crate) type MemberId = u32;

/// How a text must relate to a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    /// Equal to it.
    Equal,
    /// Beginning with it.
    Prefix,
    /// Ending with it.
    Suffix,
    /// With it somewhere inside. In an index of its own, because it reads the whole value.
    Inside,
}

/// The checks of one field by their literals.
#[derive(Debug)]
pub(crate) struct TextIndex {
    /// The field.
    pub(crate) field: FieldRef,
    table: Table,
}

#[derive(Debug)]
enum Table {
    Ends(Box<Ends>),
    Inside(Box<Inside>),
}

/// Literals that are compared with the ends of the value.
#[derive(Debug)]
struct Ends {
    exact: FxHashMap<Box<[u8]>, Box<[MemberId]>>,
    /// Bit n: some exact literal has n bytes (63: or more).
    lengths: u64,
    prefixes: Affixes<Front>,
    suffixes: Affixes<Back>,
}

/// Literals that may be anywhere in the value.
#[derive(Debug)]
struct Inside {
    automaton: AhoCorasick,
    /// Members by pattern.
    members: Vec<Box<[MemberId]>>,
}

/// A literal with its members.
type Entry = (Box<[u8]>, Box<[MemberId]>);

/// Members by literal while an index is being built.
type Literals = FxHashMap<Box<[u8]>, Vec<MemberId>>;

/// Collects the literals of an index.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    exact: Literals,
    prefixes: Literals,
    suffixes: Literals,
    inside: Literals,
}

impl Builder {
    /// Adds a literal of the check `member`. An index holds either [`Relation::Inside`] only or
    /// none of it.
    pub(crate) fn add(&mut self, relation: Relation, literal: &[u8], member: MemberId) {
        let literals = match relation {
            Relation::Equal => &mut self.exact,
            Relation::Prefix => &mut self.prefixes,
            Relation::Suffix => &mut self.suffixes,
            Relation::Inside => &mut self.inside,
        };
        literals.entry(literal.into()).or_default().push(member);
    }

    /// The index; `None` if the literals are too many for an automaton.
    pub(crate) fn build(self, field: FieldRef) -> Option<TextIndex> {
        let table = if self.inside.is_empty() {
            let lengths = self.exact.keys().fold(0, |bits, l| bits | length_bit(l));
            Table::Ends(Box::new(Ends {
                exact: sorted(self.exact).into_iter().collect(),
                lengths,
                prefixes: Affixes::new(sorted(self.prefixes)),
                suffixes: Affixes::new(sorted(self.suffixes)),
            }))
        } else {
            let (patterns, members): (Vec<_>, Vec<_>) = sorted(self.inside).into_iter().unzip();
            let bytes: usize = patterns.iter().map(|pattern| pattern.len()).sum();
            let kind = (bytes <= MAX_FAST_BYTES).then_some(AhoCorasickKind::DFA);
            // Names and paths are too short for a search that skips ahead to pay.
            let mut builder = AhoCorasick::builder();
            let automaton = builder.kind(kind).prefilter(false).build(patterns).ok()?;
            Table::Inside(Box::new(Inside { automaton, members }))
        };
        Some(TextIndex { field, table })
    }
}

/// In a fixed order, so that equal rules give equal programs.
fn sorted(literals: Literals) -> Vec<Entry> {
    let mut list: Vec<_> = literals
        .into_iter()
        .map(|(literal, members)| (literal, members.into_boxed_slice()))
        .collect();
    list.sort_unstable();
    list
}

impl TextIndex {
    /// Calls `found` with the checks that hold for `value`, in groups; one check may come more than
    /// once. Allocates nothing.
    #[inline]
    pub(crate) fn look_up(&self, value: &[u8], found: &mut impl FnMut(&[MemberId])) {
        match &self.table {
            Table::Ends(ends) => {
                if ends.lengths & length_bit(value) != 0
                    && let Some(members) = ends.exact.get(value)
                {
                    found(members);
                }
                ends.prefixes.look_up(value, found);
                ends.suffixes.look_up(value, found);
            }
            Table::Inside(inside) => {
                let input = Input::new(value);
                let mut state = OverlappingState::start();
                loop {
                    inside.automaton.find_overlapping(input.clone(), &mut state);
                    let Some(hit) = state.get_match() else { break };
                    found(&inside.members[hit.pattern().as_usize()]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: FieldRef = FieldRef { id: 0, arg: 0 };

    fn found(index: &TextIndex, value: &[u8]) -> Vec<MemberId> {
        let mut members = Vec::new();
        index.look_up(value, &mut |group| members.extend(group));
        members.sort_unstable();
        members.dedup();
        members
    }

    #[test]
    fn every_relation_is_reported_and_nothing_else() {
        let mut builder = Builder::default();
        builder.add(Relation::Equal, b"/etc/passwd", 0);
        builder.add(Relation::Equal, b"", 1);
        builder.add(Relation::Prefix, b"/etc/", 2);
        builder.add(Relation::Suffix, b"passwd", 3);
        builder.add(Relation::Suffix, b"/etc/passwd", 4);
        builder.add(Relation::Prefix, b"/etc/passwd-", 5);
        builder.add(Relation::Equal, b"/etc/passwd", 6);
        let index = builder.build(FIELD).expect("a table");
        assert_eq!(found(&index, b"/etc/passwd"), [0, 2, 3, 4, 6]);
        assert_eq!(found(&index, b"/etc/passwd-"), [2, 5]);
        assert_eq!(found(&index, b"/etc"), [] as [MemberId; 0]);
        assert_eq!(found(&index, b""), [1]);
    }

    #[test]
    fn literals_inside_may_overlap_and_be_empty() {
        let mut builder = Builder::default();
        for (member, literal) in [&b"abc"[..], b"bc", b"b", b"cd", b"", b"x"]
            .iter()
            .enumerate()
        {
            builder.add(Relation::Inside, literal, member as MemberId);
        }
        let index = builder.build(FIELD).expect("an automaton");
        assert_eq!(found(&index, b"zabcz"), [0, 1, 2, 4]);
        assert_eq!(found(&index, b"bcd"), [1, 2, 3, 4]);
        assert_eq!(found(&index, b""), [4]);
    }
}
