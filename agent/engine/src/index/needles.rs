//! Many texts to be found anywhere in a value, in one pass over it.
//!
//! Of each needle three neighbouring bytes are picked that are rare in names and command lines. The
//! pass looks every three bytes of the value up in a bit set, and only where that says "maybe" are
//! needles compared. The work depends on the length of the value, hardly on the number of needles.
//! Capital letters count as small ones until needles are compared, so that `contains` and
//! `icontains` share the pass.

use rustc_hash::FxHashMap;

use crate::index::{Entry, MemberId};

/// Letters of both cases, three bytes at once; other bytes may fall together, which only costs a
/// comparison.
const FOLD: u32 = 0x0020_2020;
/// Spreads three bytes over 32 bits (Knuth's multiplicative hashing).
const SPREAD: u32 = 0x9e37_79b1;
/// Bits of the filter for each needle: one place in so many is compared in vain.
const BITS_PER_NEEDLE: usize = 64;
/// Least and most bits of the filter, as powers of two: 512 bytes to 128 KiB.
const FILTER_BITS: (u32, u32) = (12, 20);

/// A needle.
#[derive(Debug)]
struct Needle {
    text: Box<[u8]>,
    /// Where the picked bytes are; 0 in short ones, of which none are picked.
    picked_at: usize,
    /// Whether letters of both cases are the same.
    fold: bool,
    members: Box<[MemberId]>,
}

/// The needles of one field.
#[derive(Debug)]
pub(crate) struct Needles {
    /// Members of the empty needle, which is everywhere.
    everywhere: Vec<MemberId>,
    /// Needles of one or two bytes, too short for the pass.
    short: Vec<Needle>,
    needles: Vec<Needle>,
    /// One bit for each hash of picked bytes.
    filter: Box<[u64]>,
    /// 32 less the number of bits of a hash.
    shift: u32,
    /// Needles by picked bytes.
    by_picked: FxHashMap<u32, Vec<u32>>,
}

impl Needles {
    /// A table of needles that are compared as they are, and of needles whose case does not matter.
    pub(crate) fn new(exact: Vec<Entry>, folded: Vec<Entry>) -> Self {
        let count = exact.len() + folded.len();
        let bits = (count * BITS_PER_NEEDLE)
            .next_power_of_two()
            .trailing_zeros();
        let bits = bits.clamp(FILTER_BITS.0, FILTER_BITS.1);
        let mut table = Self {
            everywhere: Vec::new(),
            short: Vec::new(),
            needles: Vec::new(),
            filter: vec![0; 1 << (bits - 6)].into(),
            shift: 32 - bits,
            by_picked: FxHashMap::default(),
        };
        for (text, members) in exact {
            table.add(text, members, false);
        }
        for (text, members) in folded {
            table.add(text, members, true);
        }
        table
    }

    fn add(&mut self, text: Box<[u8]>, members: Box<[MemberId]>, fold: bool) {
        let picked = text
            .windows(3)
            .enumerate()
            .min_by_key(|(_, bytes)| commonness(bytes));
        match picked {
            None if text.is_empty() => self.everywhere.extend(members),
            None => self.short.push(Needle {
                text,
                picked_at: 0,
                fold,
                members,
            }),
            Some((picked_at, bytes)) => {
                let folded = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) | FOLD;
                let hash = self.hash(folded);
                self.filter[hash / 64] |= 1 << (hash % 64);
                self.by_picked
                    .entry(folded)
                    .or_default()
                    .push(self.needles.len() as u32);
                self.needles.push(Needle {
                    text,
                    picked_at,
                    fold,
                    members,
                });
            }
        }
    }

    #[inline]
    fn hash(&self, bytes: u32) -> usize {
        (bytes.wrapping_mul(SPREAD) >> self.shift) as usize
    }

    /// Calls `found` with the members of every needle in `value`, once for each place.
    #[inline]
    pub(crate) fn look_up(&self, value: &[u8], found: &mut impl FnMut(&[MemberId])) {
        if !self.everywhere.is_empty() {
            found(&self.everywhere);
        }
        for needle in &self.short {
            let mut parts = value.windows(needle.text.len());
            if parts.any(|part| same(part, &needle.text, needle.fold)) {
                found(&needle.members);
            }
        }
        let [first, second, rest @ ..] = value else {
            return;
        };
        let mut bytes = u32::from(*first) << 8 | u32::from(*second) << 16;
        for (at, &next) in rest.iter().enumerate() {
            bytes = bytes >> 8 | u32::from(next) << 16;
            let hash = self.hash(bytes | FOLD);
            if self.filter[hash / 64] >> (hash % 64) & 1 == 1 {
                self.compare(value, at, bytes | FOLD, found);
            }
        }
    }

    /// Compares the needles that were picked by the three bytes at `at`.
    #[cold]
    fn compare(&self, value: &[u8], at: usize, bytes: u32, found: &mut impl FnMut(&[MemberId])) {
        for &needle in self.by_picked.get(&bytes).into_iter().flatten() {
            let needle = &self.needles[needle as usize];
            let part = at.checked_sub(needle.picked_at);
            let part = part.and_then(|start| value.get(start..start + needle.text.len()));
            if part.is_some_and(|part| same(part, &needle.text, needle.fold)) {
                found(&needle.members);
            }
        }
    }

    /// Whether some needle is in `value`.
    pub(crate) fn any(&self, value: &[u8]) -> bool {
        let mut any = false;
        self.look_up(value, &mut |_| any = true);
        any
    }
}

fn same(part: &[u8], text: &[u8], fold: bool) -> bool {
    if fold {
        part.eq_ignore_ascii_case(text)
    } else {
        part == text
    }
}

/// A guess at how often three bytes occur in paths and command lines.
fn commonness(bytes: &[u8]) -> u32 {
    let of = |byte: &u8| match byte.to_ascii_lowercase() {
        b'e' | b'/' | b's' | b'r' | b'i' | b't' | b'n' | b'o' | b'a' | b'l' => 12,
        b' ' | b'-' | b'.' | b'u' | b'c' | b'b' | b'd' | b'p' | b'm' | b'h' => 8,
        b'a'..=b'z' | b'0'..=b'9' | b'_' => 4,
        _ => 1,
    };
    bytes.iter().map(of).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(texts: &[Vec<u8>], folded: &[Vec<u8>]) -> Needles {
        let entries = |texts: &[Vec<u8>], from: usize| {
            let entry = |(at, text): (usize, &Vec<u8>)| -> Entry {
                (text.clone().into(), [(from + at) as MemberId].into())
            };
            texts.iter().enumerate().map(entry).collect()
        };
        Needles::new(entries(texts, 0), entries(folded, texts.len()))
    }

    fn found(table: &Needles, value: &[u8]) -> Vec<usize> {
        let mut members = Vec::new();
        table.look_up(value, &mut |group| {
            members.extend(group.iter().map(|&member| member as usize));
        });
        members.sort_unstable();
        members.dedup();
        members
    }

    fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = prop::sample::select(&[b'a', b'A', b'b', b'/', 0]);
        prop::collection::vec(prop::collection::vec(byte, 0..7), 0..30)
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            exact in texts(),
            folded in texts(),
            value in prop::collection::vec(prop::sample::select(&[b'a', b'A', b'b', b'B', b'/', 0]), 0..20),
        ) {
            let inside = |value: &[u8], text: &[u8]| {
                text.is_empty() || value.windows(text.len()).any(|part| part == text)
            };
            let lower = value.to_ascii_lowercase();
            let mut wanted: Vec<usize> =
                (0..exact.len()).filter(|&at| inside(&value, &exact[at])).collect();
            wanted.extend((0..folded.len())
                .filter(|&at| inside(&lower, &folded[at].to_ascii_lowercase()))
                .map(|at| exact.len() + at));
            let table = table(&exact, &folded);
            prop_assert_eq!(found(&table, &value), &wanted[..]);
            prop_assert_eq!(table.any(&value), !wanted.is_empty());
        }
    }

    #[test]
    fn thousands_of_needles() {
        let texts: Vec<Vec<u8>> = (0..5_000)
            .map(|n| format!("needle{n}.").into_bytes())
            .collect();
        let table = table(&texts, &[]);
        assert_eq!(
            found(&table, b"hay needle4711. and needle17. hay"),
            [17, 4711]
        );
        assert_eq!(found(&table, b"needle 4711"), [0usize; 0]);
    }
}
