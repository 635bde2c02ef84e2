//! Sets of event types, and which of them a condition can concern (rules-spec A9).

use crate::ast::{Modifier, Op};
use crate::schema::{EventType, Schema};
use crate::typed::{Condition, Literal, Predicate, Side};

/// A set of event types.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventSet {
    words: Vec<u64>,
    len: usize,
}

impl EventSet {
    /// The empty set over `len` event types.
    pub fn none(len: u16) -> Self {
        let len = usize::from(len);
        Self {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// All of `len` event types.
    pub fn all(len: u16) -> Self {
        let mut set = Self::none(len);
        (0..len).for_each(|event| set.insert(EventType(event)));
        set
    }

    /// Adds an event type; one beyond the end is ignored.
    pub fn insert(&mut self, event: EventType) {
        let index = usize::from(event.0);
        if index < self.len {
            self.words[index / 64] |= 1 << (index % 64);
        }
    }

    /// Whether the event type is in the set.
    pub fn contains(&self, event: EventType) -> bool {
        let index = usize::from(event.0);
        index < self.len && self.words[index / 64] >> (index % 64) & 1 == 1
    }

    /// How many are in the set.
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether every event type is in the set.
    pub fn is_all(&self) -> bool {
        self.count() == self.len
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = EventType> + '_ {
        (0..self.len as u16)
            .map(EventType)
            .filter(|&event| self.contains(event))
    }

    /// Adds the members of `other`.
    pub fn union(&mut self, other: &EventSet) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(word, more)| *word |= more);
    }

    fn intersect(&mut self, other: &EventSet) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(word, more)| *word &= more);
    }

    fn complement(&self) -> EventSet {
        let mut result = Self::none(self.len as u16);
        let outside = (0..self.len as u16)
            .map(EventType)
            .filter(|&event| !self.contains(event));
        outside.for_each(|event| result.insert(event));
        result
    }
}

/// The event types Falco indexes a condition under: derived from `= == != in` on the event type,
/// everything else counting as all. A superset of the types the condition can be true for.
pub fn static_event_types(condition: &Condition, schema: &dyn Schema) -> EventSet {
    walk(condition, schema, false)
}

fn walk(condition: &Condition, schema: &dyn Schema, inverted: bool) -> EventSet {
    let (items, intersect) = match condition {
        Condition::Not(inner) => return walk(inner, schema, !inverted),
        Condition::Check(predicate) => return leaf(predicate, schema, inverted),
        Condition::And(items) => (items, !inverted),
        Condition::Or(items) => (items, inverted),
    };
    let count = schema.event_count();
    let mut set = if intersect {
        EventSet::all(count)
    } else {
        EventSet::none(count)
    };
    for item in items {
        let other = walk(item, schema, inverted);
        if intersect {
            set.intersect(&other)
        } else {
            set.union(&other)
        }
    }
    set
}

fn leaf(predicate: &Predicate, schema: &dyn Schema, inverted: bool) -> EventSet {
    let count = schema.event_count();
    if let Some(truth) = event_number_truth(predicate, schema) {
        return if truth == inverted {
            EventSet::none(count)
        } else {
            EventSet::all(count)
        };
    }
    let is_type = predicate
        .lhs
        .field()
        .is_some_and(|field| schema.is_event_type_field(field));
    let indexed = matches!(predicate.op, Op::Eq | Op::Ne | Op::In) && predicate.modifier.is_none();
    let Side::Literals(literals) = &predicate.rhs else {
        return EventSet::all(count);
    };
    if !is_type || !indexed {
        return EventSet::all(count);
    }
    let mut set = EventSet::none(count);
    for event in (0..count).map(EventType) {
        let name = schema.event_name(event).as_bytes();
        if literals
            .iter()
            .any(|l| matches!(l, Literal::Bytes(bytes) if **bytes == *name))
        {
            set.insert(event);
        }
    }
    if (predicate.op == Op::Ne) != inverted {
        set.complement()
    } else {
        set
    }
}

/// Truth of a comparison with the event number that holds for every event: numbers start at 1.
pub(super) fn event_number_truth(predicate: &Predicate, schema: &dyn Schema) -> Option<bool> {
    let field = predicate.lhs.field()?;
    if !schema.is_event_number_field(field) {
        return None;
    }
    let Side::Literals(literals) = &predicate.rhs else {
        return (predicate.op == Op::Exists).then_some(true);
    };
    let numbers: Vec<i128> = literals
        .iter()
        .map(|literal| match literal {
            Literal::Int(value) => i128::from(*value),
            Literal::Uint(value) => i128::from(*value),
            _ => 1,
        })
        .collect();
    let never_equal = numbers.iter().all(|&number| number < 1);
    let first = *numbers.first()?;
    match (predicate.op, predicate.modifier) {
        (Op::Eq, None | Some(Modifier::AnyOf)) | (Op::In | Op::Intersects, None) => {
            never_equal.then_some(false)
        }
        (_, Some(_)) => None,
        (Op::Ne, None) => never_equal.then_some(true),
        (Op::Lt, None) => (first <= 1).then_some(false),
        (Op::Le, None) => (first < 1).then_some(false),
        (Op::Gt, None) => (first < 1).then_some(true),
        (Op::Ge, None) => (first <= 1).then_some(true),
        _ => None,
    }
}
