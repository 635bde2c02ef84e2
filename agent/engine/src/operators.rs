//! Operators over single values, with their right-hand sides compiled once.

use std::cmp::Ordering;
use std::net::IpAddr;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};
use rustc_hash::FxHashSet;

use crate::ast::{Modifier, Op};
use crate::glob::Glob;
use crate::index::{Affixes, Back, Entry, Front, Needles, Networks};
use crate::paths::PathSet;
use crate::terms::Pool;
use crate::typed::Literal;
use crate::value::Value;

/// Largest compiled regular expression in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Sets up to this size are searched one by one: comparing beats hashing.
const SMALL_SET: usize = 4;

/// What is asked of one value. Answers `false` for values of another type.
#[derive(Debug)]
pub(crate) enum Test {
    /// Always true: the value is there.
    Present,
    /// Never true: an empty list.
    Never,
    Int(Op, i64),
    Uint(Op, u64),
    IntSet(FxHashSet<i64>),
    UintSet(FxHashSet<u64>),
    Bool(bool),
    Text(Op, Box<[u8]>),
    TextFew(Box<[Box<[u8]>]>),
    TextSet(TextSet),
    Contains(Box<Finder<'static>>),
    ContainsAny(Box<Needles>),
    Icontains(Box<[u8]>),
    PrefixAny(Box<Affixes<Front>>),
    SuffixAny(Box<Affixes<Back>>),
    Glob(Glob),
    Regex(Box<Regex>),
    Paths(Box<PathSet>),
    IpSet(FxHashSet<IpAddr>),
    NetSet(Box<Networks>),
    /// The other does not hold.
    Not(Box<Test>),
    /// One test per listed value.
    Count(Modifier, Vec<Test>),
}

/// A set of byte strings; lengths are looked at before anything is hashed.
#[derive(Debug)]
pub(crate) struct TextSet {
    items: FxHashSet<Box<[u8]>>,
    /// Bit n: some item has n bytes (63: or more).
    lengths: u64,
}

impl TextSet {
    fn new(items: impl Iterator<Item = Box<[u8]>>) -> Self {
        let items: FxHashSet<_> = items.collect();
        let lengths = items.iter().fold(0, |bits, item| bits | length_bit(item));
        Self { items, lengths }
    }

    fn contains(&self, bytes: &[u8]) -> bool {
        self.lengths & length_bit(bytes) != 0 && self.items.contains(bytes)
    }
}

/// The bit of this length in a set of lengths.
pub(crate) fn length_bit(bytes: &[u8]) -> u64 {
    1 << bytes.len().min(63)
}

/// Compiles a pattern of `regex`: it must match the whole text (rules-spec B3).
pub(crate) fn regex(pattern: &[u8]) -> Result<Regex, String> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| "the regex is not UTF-8".to_owned())?;
    // Compiled alone first: `a)(b` must not become valid through the added group.
    let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build();
    compile(pattern)
        .and_then(|_| compile(&format!("\\A(?:{pattern})\\z")))
        .map_err(|error| format!("invalid regex: {}", last_line(&error.to_string())))
}

fn last_line(text: &str) -> &str {
    let line = text.lines().last().unwrap_or(text).trim();
    line.strip_prefix("error: ").unwrap_or(line)
}

impl Test {
    /// Compiles `op` with literals; `!=` becomes the test of `=` (the caller negates).
    pub(crate) fn new(op: Op, modifier: Option<Modifier>, literals: &[Literal]) -> Test {
        match modifier {
            _ if op == Op::Exists => Test::Present,
            None if op.is_list() => Test::any_of(op, literals),
            Some(Modifier::AnyOf) if op != Op::Ne => Test::any_of(op, literals),
            None => literals
                .first()
                .map_or(Test::Never, |literal| Test::single(op, literal)),
            Some(_) if literals.is_empty() => Test::Never,
            Some(modifier) => {
                let tests = literals.iter().map(|literal| {
                    let test = Test::single(op, literal);
                    if op == Op::Ne {
                        Test::Not(Box::new(test))
                    } else {
                        test
                    }
                });
                Test::Count(modifier, tests.collect())
            }
        }
    }

    fn single(op: Op, literal: &Literal) -> Test {
        match (op, literal) {
            (Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge, _) => {
                let op = if op == Op::Ne { Op::Eq } else { op };
                match literal {
                    Literal::Int(value) => Test::Int(op, *value),
                    Literal::Uint(value) => Test::Uint(op, *value),
                    Literal::Bool(value) => Test::Bool(*value),
                    Literal::Bytes(bytes) => Test::Text(op, bytes.clone()),
                    Literal::Ip(ip) => Test::IpSet([*ip].into_iter().collect()),
                    Literal::Net(_) => Test::NetSet(networks(std::slice::from_ref(literal))),
                }
            }
            (Op::Contains | Op::Bcontains, Literal::Bytes(bytes)) => {
                Test::Contains(Box::new(Finder::new(bytes).into_owned()))
            }
            (Op::Icontains, Literal::Bytes(bytes)) => {
                Test::Icontains(bytes.to_ascii_lowercase().into())
            }
            (Op::Startswith | Op::Bstartswith | Op::Endswith, Literal::Bytes(bytes)) => {
                Test::Text(op, bytes.clone())
            }
            (Op::Glob, Literal::Bytes(bytes)) => Test::Glob(Glob::new(bytes, false)),
            (Op::Iglob, Literal::Bytes(bytes)) => Test::Glob(Glob::new(bytes, true)),
            (Op::Regex, Literal::Bytes(bytes)) => {
                regex(bytes).map_or(Test::Never, |regex| Test::Regex(Box::new(regex)))
            }
            // Set operators come here through modifiers only, which the grammar rules out.
            _ => Test::Never,
        }
    }

    /// At least one of the literals satisfies `op`.
    fn any_of(op: Op, literals: &[Literal]) -> Test {
        let Some(first) = literals.first() else {
            return Test::Never;
        };
        if op == Op::Pmatch {
            let mut set = PathSet::default();
            texts(literals).for_each(|path| set.insert(&path, 0));
            return Test::Paths(Box::new(set));
        }
        let single = if op.is_list() { Op::Eq } else { op };
        if literals.len() == 1 {
            return Test::single(single, first);
        }
        match single {
            Op::Eq => Test::member(first, literals),
            Op::Startswith | Op::Bstartswith => {
                Test::PrefixAny(Box::new(Affixes::new(entries(literals))))
            }
            Op::Endswith => Test::SuffixAny(Box::new(Affixes::new(entries(literals)))),
            Op::Contains | Op::Bcontains => {
                Test::ContainsAny(Box::new(Needles::new(entries(literals), Vec::new())))
            }
            Op::Icontains => {
                Test::ContainsAny(Box::new(Needles::new(Vec::new(), entries(literals))))
            }
            _ => Test::count_any(single, literals),
        }
    }

    /// The value is one of the literals, which are of one type.
    fn member(first: &Literal, literals: &[Literal]) -> Test {
        macro_rules! each {
            ($variant:ident) => {
                literals.iter().filter_map(|literal| match literal {
                    Literal::$variant(value) => Some(*value),
                    _ => None,
                })
            };
        }
        match first {
            Literal::Int(_) => Test::IntSet(each!(Int).collect()),
            Literal::Uint(_) => Test::UintSet(each!(Uint).collect()),
            Literal::Ip(_) => Test::IpSet(each!(Ip).collect()),
            Literal::Net(_) => Test::NetSet(networks(literals)),
            Literal::Bool(_) => Test::count_any(Op::Eq, literals),
            Literal::Bytes(_) if literals.len() <= SMALL_SET => {
                Test::TextFew(texts(literals).collect())
            }
            Literal::Bytes(_) => Test::TextSet(TextSet::new(texts(literals))),
        }
    }

    fn count_any(op: Op, literals: &[Literal]) -> Test {
        let tests = literals
            .iter()
            .map(|literal| Test::single(op, literal))
            .collect();
        Test::Count(Modifier::AnyOf, tests)
    }

    /// Whether the value passes.
    #[inline]
    pub(crate) fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Test::Text(op, rhs), Value::Bytes(bytes)) => text_holds(*op, bytes, rhs),
            (Test::TextFew(items), Value::Bytes(bytes)) => items.iter().any(|i| **i == *bytes),
            (Test::TextSet(set), Value::Bytes(bytes)) => set.contains(bytes),
            (Test::Bool(wanted), Value::Bool(value)) => *wanted == value,
            (Test::Int(op, rhs), Value::Int(value)) => ordered(*op, value.cmp(rhs)),
            (Test::Uint(op, rhs), Value::Uint(value)) => ordered(*op, value.cmp(rhs)),
            (Test::Contains(finder), Value::Bytes(bytes)) => finder.find(bytes).is_some(),
            (Test::ContainsAny(needles), Value::Bytes(bytes)) => needles.any(bytes),
            _ => self.holds_rare(value),
        }
    }

    fn holds_rare(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Test::Present, _) => true,
            (Test::Not(inner), _) => !inner.holds(value),
            (Test::Count(modifier, tests), _) => count(*modifier, tests, |test| test.holds(value)),
            (Test::Int(op, rhs), Value::Double(value)) => {
                // Literals of double fields are integers (rules-spec B3).
                value
                    .partial_cmp(&(*rhs as f64))
                    .is_some_and(|order| ordered(*op, order))
            }
            (Test::IntSet(set), Value::Int(value)) => set.contains(&value),
            (Test::IntSet(set), Value::Double(value)) => {
                set.iter().any(|&item| item as f64 == value)
            }
            (Test::UintSet(set), Value::Uint(value)) => set.contains(&value),
            (Test::Icontains(needle), Value::Bytes(bytes)) => icontains(bytes, needle),
            (Test::PrefixAny(set), Value::Bytes(bytes)) => set.any(bytes),
            (Test::SuffixAny(set), Value::Bytes(bytes)) => set.any(bytes),
            (Test::Glob(glob), Value::Bytes(bytes)) => glob.matches(bytes),
            (Test::Regex(regex), Value::Bytes(bytes)) => regex_holds(regex, bytes),
            (Test::Paths(set), Value::Bytes(bytes)) => set.matches(bytes),
            (Test::IpSet(set), Value::Ip(ip)) => set.contains(&ip),
            (Test::NetSet(set), Value::Ip(ip)) => set.any(ip),
            _ => false,
        }
    }
}

/// Whether as many of `tests` hold as the modifier asks for.
pub(crate) fn count<T>(modifier: Modifier, tests: &[T], mut holds: impl FnMut(&T) -> bool) -> bool {
    match modifier {
        Modifier::AnyOf => tests.iter().any(holds),
        Modifier::AllOf => !tests.is_empty() && tests.iter().all(holds),
        Modifier::OneOf => {
            let mut passed = tests.iter().filter(|test| holds(test));
            passed.next().is_some() && passed.next().is_none()
        }
    }
}

fn texts(literals: &[Literal]) -> impl Iterator<Item = Box<[u8]>> + '_ {
    literals.iter().filter_map(|literal| match literal {
        Literal::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    })
}

/// Distinct texts for tables, whose members do not matter here.
fn entries(literals: &[Literal]) -> Vec<Entry> {
    let distinct: FxHashSet<Box<[u8]>> = texts(literals).collect();
    distinct
        .into_iter()
        .map(|text| (text, Box::from([0])))
        .collect()
}

fn networks(literals: &[Literal]) -> Box<Networks> {
    let mut table = Networks::default();
    for literal in literals {
        if let Literal::Net(net) = literal {
            table.add(*net, 0);
        }
    }
    Box::new(table)
}

#[inline]
fn text_holds(op: Op, bytes: &[u8], rhs: &[u8]) -> bool {
    match op {
        Op::Eq => bytes == rhs,
        Op::Startswith | Op::Bstartswith => bytes.starts_with(rhs),
        Op::Endswith => bytes.ends_with(rhs),
        _ => ordered(op, bytes.cmp(rhs)),
    }
}

#[inline]
fn ordered(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        _ => false,
    }
}

/// `strcasestr(3)` for ASCII; `needle` is in lower case.
fn icontains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some(&first) = needle.first() else {
        return true;
    };
    let upper = first.to_ascii_uppercase();
    memchr::memchr2_iter(first, upper, bytes).any(|at| {
        bytes
            .get(at..at + needle.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(needle))
    })
}

fn regex_holds(regex: &Regex, bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => regex.is_match(bytes),
        // Rare, and the only allocation of an operator: what is not UTF-8 becomes U+FFFD.
        Err(_) => regex.is_match(String::from_utf8_lossy(bytes).as_bytes()),
    }
}

/// Compares two values of one type, for right-hand sides that are fields.
pub(crate) fn compare(op: Op, left: Value<'_>, right: Value<'_>, pool: &mut Pool) -> bool {
    let order = match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.cmp(&b),
        (Value::Uint(a), Value::Uint(b)) => a.cmp(&b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(&b),
        (Value::Ip(a), Value::Ip(b)) => a.cmp(&b),
        (Value::Double(a), Value::Double(b)) => match a.partial_cmp(&b) {
            Some(order) => order,
            None => return false,
        },
        (Value::Bytes(a), Value::Bytes(b)) => {
            return match op {
                Op::Contains | Op::Bcontains => memchr::memmem::find(a, b).is_some(),
                Op::Glob => pool.glob(b, a, false),
                Op::Iglob => pool.glob(b, a, true),
                Op::Icontains => icontains_any_case(a, b),
                Op::In | Op::Intersects => a == b,
                _ => text_holds(op, a, b),
            };
        }
        _ => return false,
    };
    ordered(if op.is_list() { Op::Eq } else { op }, order)
}

fn icontains_any_case(bytes: &[u8], needle: &[u8]) -> bool {
    needle.is_empty()
        || bytes
            .windows(needle.len())
            .any(|part| part.eq_ignore_ascii_case(needle))
}
