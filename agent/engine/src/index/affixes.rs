//! Sorted prefixes or suffixes: which of them does a value have?
//!
//! All prefixes of a value stand in sorted order at or before the value, and everything between
//! such a prefix and the value begins with that prefix, too. So the greatest literal that is not
//! above the value has all of them among its own prefixes, and following its links to ever shorter
//! ones finds them. Suffixes are the same with the bytes read from the back.

use std::cmp::Ordering;
use std::marker::PhantomData;

use crate::index::{Entry, MemberId};

/// End of a chain of links.
const NONE: u32 = u32::MAX;

/// Which end of a text counts.
pub(crate) trait End {
    /// The outermost eight bytes, outermost first, zeros where there are none. Texts with different
    /// keys are in the order of their keys.
    fn key(text: &[u8]) -> u64;
    /// The order of two texts read from this end.
    fn order(left: &[u8], right: &[u8]) -> Ordering;
    /// Whether `value` has `affix` at this end.
    fn has(value: &[u8], affix: &[u8]) -> bool;
}

/// Prefixes.
#[derive(Debug)]
pub(crate) struct Front;

impl End for Front {
    fn key(text: &[u8]) -> u64 {
        match text.first_chunk() {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => short_key(text.iter()),
        }
    }

    fn order(left: &[u8], right: &[u8]) -> Ordering {
        left.cmp(right)
    }

    fn has(value: &[u8], affix: &[u8]) -> bool {
        value.starts_with(affix)
    }
}

/// Suffixes.
#[derive(Debug)]
pub(crate) struct Back;

impl End for Back {
    fn key(text: &[u8]) -> u64 {
        match text.last_chunk() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => short_key(text.iter().rev()),
        }
    }

    fn order(left: &[u8], right: &[u8]) -> Ordering {
        left.iter().rev().cmp(right.iter().rev())
    }

    fn has(value: &[u8], affix: &[u8]) -> bool {
        value.ends_with(affix)
    }
}

fn short_key<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
    let mut key = [0; 8];
    key.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
    u64::from_be_bytes(key)
}

/// One literal.
#[derive(Debug)]
struct Affix {
    text: Box<[u8]>,
    members: Box<[MemberId]>,
    /// The longest other literal that this one has as an affix, or [`NONE`].
    shorter: u32,
}

/// The literals in order.
#[derive(Debug)]
pub(crate) struct Affixes<E> {
    /// Keys of `affixes`, side by side: most searches look at nothing else.
    keys: Box<[u64]>,
    affixes: Box<[Affix]>,
    end: PhantomData<E>,
}

impl<E: End> Affixes<E> {
    /// A table of distinct literals.
    pub(crate) fn new(literals: Vec<Entry>) -> Self {
        let mut literals = literals;
        literals.sort_unstable_by(|left, right| E::order(&left.0, &right.0));
        let mut affixes: Vec<Affix> = Vec::with_capacity(literals.len());
        for (text, members) in literals {
            // The one before has all affixes of this one that are listed, or is one itself.
            let mut shorter = (affixes.len() as u32).checked_sub(1).unwrap_or(NONE);
            while shorter != NONE && !E::has(&text, &affixes[shorter as usize].text) {
                shorter = affixes[shorter as usize].shorter;
            }
            affixes.push(Affix {
                text,
                members,
                shorter,
            });
        }
        Self {
            keys: affixes.iter().map(|affix| E::key(&affix.text)).collect(),
            affixes: affixes.into_boxed_slice(),
            end: PhantomData,
        }
    }

    /// Calls `found` with the members of every literal that `value` has at this end.
    #[inline]
    pub(crate) fn look_up(&self, value: &[u8], found: &mut impl FnMut(&[MemberId])) {
        if self.affixes.is_empty() {
            return;
        }
        let mut at = self.last_not_above(value);
        while let Some(affix) = self.affixes.get(at as usize) {
            if E::has(value, &affix.text) {
                found(&affix.members);
            }
            at = affix.shorter;
        }
    }

    /// Whether `value` has some literal at this end.
    pub(crate) fn any(&self, value: &[u8]) -> bool {
        let mut any = false;
        self.look_up(value, &mut |_| any = true);
        any
    }

    /// Position of the greatest literal that is not above `value`, or [`NONE`].
    #[inline]
    fn last_not_above(&self, value: &[u8]) -> u32 {
        let key = E::key(value);
        let mut end = self.keys.partition_point(|&known| known < key);
        if self.keys.get(end) == Some(&key) {
            let ties = self.keys[end..].partition_point(|&known| known == key);
            end += self.affixes[end..end + ties]
                .partition_point(|affix| E::order(&affix.text, value) != Ordering::Greater);
        }
        (end as u32).checked_sub(1).unwrap_or(NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table<E: End>(texts: &[Vec<u8>]) -> Affixes<E> {
        let members = |(at, text): (usize, &Vec<u8>)| {
            (text.clone().into_boxed_slice(), [at as MemberId].into())
        };
        Affixes::new(texts.iter().enumerate().map(members).collect())
    }

    fn found<E: End>(table: &Affixes<E>, value: &[u8]) -> Vec<usize> {
        let mut members = Vec::new();
        table.look_up(value, &mut |group| {
            members.extend(group.iter().map(|&m| m as usize))
        });
        members.sort_unstable();
        members
    }

    proptest! {
        /// Two letters and a zero byte: many literals are affixes of others, keys often tie.
        #[test]
        fn finds_what_a_plain_search_finds(
            texts in prop::collection::btree_set(
                prop::collection::vec(prop::sample::select(&[0u8, b'a', b'b']), 0..12), 0..40),
            value in prop::collection::vec(prop::sample::select(&[0u8, b'a', b'b']), 0..14),
        ) {
            let texts: Vec<Vec<u8>> = texts.into_iter().collect();
            let plain = |has: fn(&[u8], &[u8]) -> bool| -> Vec<usize> {
                (0..texts.len()).filter(|&at| has(&value, &texts[at])).collect()
            };
            prop_assert_eq!(found(&table::<Front>(&texts), &value), plain(<[u8]>::starts_with));
            prop_assert_eq!(found(&table::<Back>(&texts), &value), plain(<[u8]>::ends_with));
        }
    }

    #[test]
    fn no_literals_and_the_empty_one() {
        assert!(found(&table::<Front>(&[]), b"x").is_empty());
        let empty = table::<Back>(&[Vec::new()]);
        assert_eq!(
            (found(&empty, b""), found(&empty, b"x")),
            (vec![0], vec![0])
        );
    }
}
