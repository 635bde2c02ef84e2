//! Many checks of one field answered by one look-up.
//!
//! Rules ask the same few fields again and again: is the file one of these, does its name begin
//! with one of those. An [`Index`] holds the literals of all such checks of one field; a value is
//! looked up once per event and every check with a literal that fits is reported. What is not
//! reported does not hold. The work depends on the value and on what fits, not on the number of
//! checks.

mod affixes;
mod needles;
mod sets;

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use crate::operators::length_bit;
use crate::paths::PathSet;
use crate::schema::{Event, FieldRef};
use crate::terms::{Pool, each_value};
use crate::typed::{Literal, Term};
use crate::value::Value;
pub(crate) use affixes::{Affixes, Back, Front};
pub(crate) use needles::Needles;
pub(crate) use sets::Networks;
use sets::{Addresses, Numbers};

/// Number of a check that an index answers.
pub(crate) type MemberId = u32;

/// A literal with its members.
pub(crate) type Entry = (Box<[u8]>, Box<[MemberId]>);

/// How a value must relate to a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    /// Equal to it; an address may be compared with a network.
    Equal,
    /// Beginning with it.
    Prefix,
    /// Ending with it.
    Suffix,
    /// With it somewhere inside.
    Inside,
    /// The same whatever the case of letters.
    InsideAnyCase,
    /// A path at or below it.
    Below,
}

/// What look-ups have in common: an index is of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Texts compared with the ends of the value.
    Ends,
    /// Texts anywhere in the value.
    Inside,
    /// Paths.
    Paths,
    /// Numbers.
    Numbers,
    /// Addresses.
    Addresses,
    /// Networks.
    Networks,
}

impl Class {
    /// Where a check belongs; `None` if no index can answer it.
    pub(crate) fn of(relation: Relation, literal: &Literal) -> Option<Class> {
        Some(match (relation, literal) {
            (Relation::Equal | Relation::Prefix | Relation::Suffix, Literal::Bytes(_)) => {
                Class::Ends
            }
            (Relation::Inside | Relation::InsideAnyCase, Literal::Bytes(_)) => Class::Inside,
            (Relation::Below, Literal::Bytes(_)) => Class::Paths,
            (Relation::Equal, Literal::Int(_) | Literal::Uint(_)) => Class::Numbers,
            (Relation::Equal, Literal::Ip(_)) => Class::Addresses,
            (Relation::Equal, Literal::Net(_)) => Class::Networks,
            _ => return None,
        })
    }

    /// Relative cost of a look-up beside the extraction of the field, in the units of field costs.
    pub(crate) fn cost(self) -> u32 {
        match self {
            Class::Numbers | Class::Addresses => 1,
            Class::Networks => 2,
            Class::Ends => 3,
            Class::Paths => 6,
            Class::Inside => 8,
        }
    }
}

/// The checks of one field by their literals.
#[derive(Debug)]
pub(crate) struct Index {
    term: Term,
    /// The field, if the term is one with a single value.
    field: Option<FieldRef>,
    table: Table,
}

#[derive(Debug)]
enum Table {
    Ends(Box<Ends>),
    Inside(Box<Needles>),
    Paths(Box<PathSet>),
    Numbers(Numbers),
    Addresses(Addresses),
    Networks(Networks),
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

/// Members by literal while an index is being built.
type Literals = FxHashMap<Box<[u8]>, Vec<MemberId>>;

/// Collects the literals of an index.
#[derive(Debug)]
pub(crate) struct Builder {
    class: Class,
    texts: FxHashMap<Relation, Literals>,
    paths: PathSet,
    numbers: FxHashMap<u64, Vec<MemberId>>,
    addresses: FxHashMap<std::net::IpAddr, Vec<MemberId>>,
    networks: Networks,
}

impl Builder {
    /// An index of this class without literals.
    pub(crate) fn new(class: Class) -> Self {
        Self {
            class,
            texts: FxHashMap::default(),
            paths: PathSet::default(),
            numbers: FxHashMap::default(),
            addresses: FxHashMap::default(),
            networks: Networks::default(),
        }
    }

    /// Adds a literal of the check `member`, which must be of the index's class.
    pub(crate) fn add(&mut self, relation: Relation, literal: &Literal, member: MemberId) {
        match literal {
            Literal::Bytes(bytes) if relation == Relation::Below => {
                self.paths.insert(bytes, member)
            }
            Literal::Bytes(bytes) => {
                let literals = self.texts.entry(relation).or_default();
                literals.entry(bytes.clone()).or_default().push(member);
            }
            Literal::Int(number) => self.number(*number as u64, member),
            Literal::Uint(number) => self.number(*number, member),
            Literal::Bool(truth) => self.number(u64::from(*truth), member),
            Literal::Ip(ip) => self.addresses.entry(*ip).or_default().push(member),
            Literal::Net(net) => self.networks.add(*net, member),
        }
    }

    fn number(&mut self, number: u64, member: MemberId) {
        self.numbers.entry(number).or_default().push(member);
    }

    /// The index of that term.
    pub(crate) fn build(mut self, term: Term) -> Index {
        let mut texts = |relation| sorted(self.texts.remove(&relation).unwrap_or_default());
        let boxed = |(key, members): (_, Vec<MemberId>)| (key, members.into_boxed_slice());
        let table = match self.class {
            Class::Ends => {
                let exact = texts(Relation::Equal);
                Table::Ends(Box::new(Ends {
                    lengths: exact
                        .iter()
                        .fold(0, |bits, (text, _)| bits | length_bit(text)),
                    exact: exact.into_iter().collect(),
                    prefixes: Affixes::new(texts(Relation::Prefix)),
                    suffixes: Affixes::new(texts(Relation::Suffix)),
                }))
            }
            Class::Inside => {
                let (exact, folded) = (texts(Relation::Inside), texts(Relation::InsideAnyCase));
                Table::Inside(Box::new(Needles::new(exact, folded)))
            }
            Class::Paths => Table::Paths(Box::new(self.paths)),
            Class::Numbers => Table::Numbers(self.numbers.into_iter().map(boxed).collect()),
            Class::Addresses => {
                let boxed = |(key, members): (_, Vec<MemberId>)| (key, members.into_boxed_slice());
                Table::Addresses(self.addresses.into_iter().map(boxed).collect())
            }
            Class::Networks => Table::Networks(self.networks),
        };
        Index {
            field: term
                .field()
                .filter(|_| term.arity() == crate::schema::Arity::One),
            term,
            table,
        }
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

impl Index {
    /// What is looked up.
    pub(crate) fn term(&self) -> &Term {
        &self.term
    }

    /// Looks the event's value or values up and calls `found` with the checks that hold, in groups;
    /// one check may come more than once. Returns whether there was a value. Allocates nothing.
    #[inline]
    pub(crate) fn look_up<E: Event + ?Sized>(
        &self,
        event: &E,
        pool: &mut Pool,
        mut found: impl FnMut(&[MemberId]),
    ) -> bool {
        if let Some(field) = self.field {
            let value = event.get(field);
            if let Some(value) = value {
                self.table.look_up(value, &mut found);
            }
            return value.is_some();
        }
        let mut values = self.term.differs_without_value();
        let present = each_value(&self.term, event, pool, &mut |value, _| {
            values = true;
            self.table.look_up(value, &mut found);
            ControlFlow::Continue(())
        });
        present && values
    }
}

impl Table {
    #[inline]
    fn look_up(&self, value: Value<'_>, found: &mut impl FnMut(&[MemberId])) {
        match (self, value) {
            (Table::Ends(ends), Value::Bytes(value)) => {
                if ends.lengths & length_bit(value) != 0
                    && let Some(members) = ends.exact.get(value)
                {
                    found(members);
                }
                ends.prefixes.look_up(value, found);
                ends.suffixes.look_up(value, found);
            }
            (Table::Inside(needles), Value::Bytes(value)) => needles.look_up(value, found),
            (Table::Paths(paths), Value::Bytes(value)) => paths.look_up(value, found),
            (Table::Numbers(numbers), value) => {
                let number = match value {
                    Value::Int(number) => number as u64,
                    Value::Uint(number) => number,
                    _ => return,
                };
                if let Some(members) = numbers.get(&number) {
                    found(members);
                }
            }
            (Table::Addresses(addresses), Value::Ip(ip)) => {
                if let Some(members) = addresses.get(&ip) {
                    found(members);
                }
            }
            (Table::Networks(networks), Value::Ip(ip)) => networks.look_up(ip, found),
            // The type checker admits no other values; they would fit no literal.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &Index, value: &[u8]) -> Vec<MemberId> {
        let mut members = Vec::new();
        index
            .table
            .look_up(Value::Bytes(value), &mut |group: &[MemberId]| {
                members.extend(group)
            });
        members.sort_unstable();
        members.dedup();
        members
    }

    fn index(class: Class, entries: &[(Relation, &str)]) -> Index {
        let mut builder = Builder::new(class);
        for ((relation, text), member) in entries.iter().zip(0..) {
            let literal = Literal::Bytes(text.as_bytes().into());
            assert_eq!(Class::of(*relation, &literal), Some(class));
            builder.add(*relation, &literal, member);
        }
        builder.build(Term::Literal(Box::default()))
    }

    #[test]
    fn every_relation_is_reported_and_nothing_else() {
        let index = index(
            Class::Ends,
            &[
                (Relation::Equal, "/etc/passwd"),
                (Relation::Equal, ""),
                (Relation::Prefix, "/etc/"),
                (Relation::Suffix, "passwd"),
                (Relation::Suffix, "/etc/passwd"),
                (Relation::Prefix, "/etc/passwd-"),
                (Relation::Equal, "/etc/passwd"),
            ],
        );
        assert_eq!(found(&index, b"/etc/passwd"), [0, 2, 3, 4, 6]);
        assert_eq!(found(&index, b"/etc/passwd-"), [2, 5]);
        assert_eq!(found(&index, b"/etc"), [] as [MemberId; 0]);
        assert_eq!(found(&index, b""), [1]);
    }

    #[test]
    fn literals_inside_may_overlap_and_be_empty() {
        let texts = ["abc", "bc", "b", "cd", "", "x"];
        let mut entries = texts.map(|text| (Relation::Inside, text)).to_vec();
        entries.push((Relation::InsideAnyCase, "ABC"));
        let index = index(Class::Inside, &entries);
        assert_eq!(found(&index, b"zabcz"), [0, 1, 2, 4, 6]);
        assert_eq!(found(&index, b"bcd"), [1, 2, 3, 4]);
        assert_eq!(found(&index, b""), [4]);
    }
}
