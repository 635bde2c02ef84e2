//! Events whose fields have whatever values a test wants.
//!
//! Random values make hardly any rule match. So most events are aimed: a rule is chosen, and its
//! condition is walked to collect values that make it hold, or nearly; fields that nobody asked for
//! get literals that some rule compares them with, changed now and then.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use saker_engine::ast::Op;
use saker_engine::loader::LoadedRule;
use saker_engine::schema::{Arity, EventType, FieldRef, Schema};
use saker_engine::table::TableEvent;
use saker_engine::typed::{Condition, Literal, Predicate, Side, Term};
use saker_engine::value::{OwnedValue as Owned, ValueType};

use crate::oracle;

/// Most attempts to make the rule hold that an event is aimed at.
const ATTEMPTS: usize = 16;

/// An address no rule names.
const ELSEWHERE: [u8; 4] = [198, 51, 100, 7];

/// Random numbers from a seed (splitmix64): tests must be repeatable.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() % end.max(1) as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() {
            None
        } else {
            from.get(self.below(from.len()))
        }
    }
}

/// What is known of a field: its shape and what rules compare it with.
struct Known {
    field: FieldRef,
    ty: ValueType,
    arity: Arity,
    literals: Vec<Literal>,
}

/// Makes events for a set of rules.
pub struct Maker<'r> {
    schema: &'r dyn Schema,
    rules: Vec<&'r LoadedRule>,
    known: Vec<Known>,
    /// Event types some rule names, and one nobody does.
    types: Vec<EventType>,
    /// Fields with the name of the event type.
    type_fields: Vec<FieldRef>,
    random: Random,
}

impl std::fmt::Debug for Maker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maker")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl<'r> Maker<'r> {
    /// Looks at all conditions.
    pub fn new(rules: &'r [LoadedRule], schema: &'r dyn Schema, seed: u64) -> Self {
        let type_fields = ["evt.type", "syscall.type"]
            .iter()
            .filter_map(|name| schema.resolve(name, None).ok())
            .map(|resolved| resolved.field)
            .collect();
        let mut maker = Self {
            schema,
            rules: rules.iter().collect(),
            known: Vec::new(),
            types: Vec::new(),
            type_fields,
            random: Random(seed),
        };
        for rule in rules {
            maker.learn(&rule.condition);
        }
        let name_of = |literal: &Literal| match literal {
            Literal::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => unreachable!("event types are texts, not {other:?}"),
        };
        let named: Vec<String> = maker
            .known
            .iter()
            .filter(|known| maker.type_fields.contains(&known.field))
            .flat_map(|known| known.literals.iter().map(name_of))
            .collect();
        let all = (0..schema.event_count()).map(EventType);
        let is_named = |event: &EventType| named.iter().any(|n| n == schema.event_name(*event));
        let (mut types, others): (Vec<_>, Vec<_>) = all.partition(is_named);
        types.extend(others.first());
        maker.types = types;
        maker
    }

    fn learn(&mut self, condition: &Condition) {
        match condition {
            Condition::And(items) | Condition::Or(items) => {
                items.iter().for_each(|item| self.learn(item));
            }
            Condition::Not(inner) => self.learn(inner),
            Condition::Check(predicate) => {
                let literals = match &predicate.rhs {
                    Side::Literals(literals) => literals,
                    Side::Term(term) => return self.learn_terms(&[&predicate.lhs, term], &[]),
                    Side::Nothing => &[][..],
                };
                self.learn_terms(&[&predicate.lhs], literals);
            }
        }
    }

    fn learn_terms(&mut self, terms: &[&Term], literals: &[Literal]) {
        for term in terms {
            match term {
                Term::Field {
                    field, ty, arity, ..
                } => {
                    let place = self.known.iter().position(|known| known.field == *field);
                    let place = place.unwrap_or_else(|| {
                        self.known.push(Known {
                            field: *field,
                            ty: *ty,
                            arity: *arity,
                            literals: Vec::new(),
                        });
                        self.known.len() - 1
                    });
                    self.known[place].literals.extend(literals.iter().cloned());
                }
                Term::Call { args, .. } => {
                    let texts = literals.iter().filter(|l| matches!(l, Literal::Bytes(_)));
                    let texts: Vec<Literal> = texts.cloned().collect();
                    args.iter().for_each(|arg| self.learn_terms(&[arg], &texts));
                }
                Term::List(items) => items.iter().for_each(|i| self.learn_terms(&[i], literals)),
                Term::Literal(_) => {}
            }
        }
    }

    /// The next event.
    pub fn event(&mut self) -> TableEvent {
        let target = if self.random.percent(85) {
            self.random.pick(&self.rules).copied()
        } else {
            None
        };
        let mut event = self.attempt(target);
        // Most take one attempt; a near miss is as good a test as a hit.
        for _ in 0..self.random.below(ATTEMPTS) {
            if target.is_none_or(|rule| oracle::holds(&rule.condition, &event)) {
                break;
            }
            event = self.attempt(target);
        }
        event
    }

    fn attempt(&mut self, target: Option<&LoadedRule>) -> TableEvent {
        let mut values = Wishes::default();
        if let Some(rule) = target {
            self.aim(&rule.condition, true, &mut values);
        }
        let aimed = self
            .type_fields
            .iter()
            .find_map(|field| match values.get(field) {
                Some(Wish::Value(owned)) => self.type_called(owned),
                _ => None,
            });
        let event = match aimed {
            Some(event) if self.random.percent(95) => event,
            _ => *self.random.pick(&self.types).expect("at least one"),
        };
        let mut made = TableEvent::new(event);
        for at in 0..self.known.len() {
            let field = self.known[at].field;
            let wanted = values.remove(&field).map(Wish::value);
            if let Some(list) = self.values_for(at, wanted) {
                made.set(field, Some(list));
            }
        }
        let name = self.schema.event_name(event).as_bytes().to_vec();
        for field in &self.type_fields {
            made.set(*field, Some(vec![Owned::Bytes(name.clone())]));
        }
        if let Ok(number) = self.schema.resolve("evt.num", None) {
            let number_here = Owned::Uint(1 + self.random.number() % 1_000);
            made.set(number.field, Some(vec![number_here]));
        }
        made
    }

    fn type_called(&self, owned: &Owned) -> Option<EventType> {
        let all = (0..self.schema.event_count()).map(EventType);
        let is = |name: &str| matches!(owned, Owned::Bytes(bytes) if **bytes == *name.as_bytes());
        all.into_iter()
            .find(|&event| is(self.schema.event_name(event)))
    }

    /// Values of a known field: the wanted one, a literal, or something else.
    fn values_for(&mut self, at: usize, wanted: Option<Option<Owned>>) -> Option<Vec<Owned>> {
        let arity = self.known[at].arity;
        let first = match wanted {
            Some(value) if self.random.percent(98) => value?,
            _ if self.random.percent(15) => return None,
            _ => self.any_value(at),
        };
        let several = arity != Arity::One && self.random.percent(40);
        let more = if several { self.random.below(3) } else { 0 };
        let mut list = vec![first];
        list.extend((0..more).map(|_| self.any_value(at)));
        if arity != Arity::One && self.random.percent(3) {
            list.clear();
        }
        if self.random.percent(50) {
            list.reverse();
        }
        Some(list)
    }

    fn any_value(&mut self, at: usize) -> Owned {
        let Known { ty, literals, .. } = &self.known[at];
        let ty = *ty;
        if self.random.percent(90)
            && let Some(literal) = self.random.pick(literals)
        {
            let near = self.random.percent(25);
            let op = if near { Op::Contains } else { Op::Eq };
            return satisfying(op, &literal.clone(), ty, &mut self.random);
        }
        let number = self.random.below(2_000) as u64;
        match ty {
            ValueType::Int | ValueType::RelTime => Owned::Int(number as i64 - 100),
            ValueType::Uint | ValueType::AbsTime | ValueType::Port => Owned::Uint(number),
            ValueType::Bool => Owned::Bool(number.is_multiple_of(2)),
            ValueType::Str | ValueType::Bytes => Owned::Bytes(format!("/x{number}").into_bytes()),
            ValueType::Ip | ValueType::Net => Owned::Ip(IpAddr::from(
                (number as u32).wrapping_mul(2_654_435_761).to_be_bytes(),
            )),
            ValueType::Double => Owned::Double(number as f64 / 8.0),
        }
    }

    /// Collects values that make the condition come out as `truth`.
    fn aim(&mut self, condition: &Condition, truth: bool, values: &mut Wishes) {
        match (condition, truth) {
            (Condition::Not(inner), _) => self.aim(inner, !truth, values),
            (Condition::And(items), true) | (Condition::Or(items), false) => {
                // What must hold comes first: what must not hold often holds by itself.
                let denies = |item: &&Arc<Condition>| matches!(***item, Condition::Not(_)) == truth;
                let (last, first): (Vec<_>, Vec<_>) = items.iter().partition(denies);
                first
                    .into_iter()
                    .chain(last)
                    .for_each(|item| self.aim(item, truth, values));
            }
            (Condition::And(items), false) | (Condition::Or(items), true) => {
                if let Some(item) = self.random.pick(items) {
                    self.aim(&item.clone(), truth, values);
                }
            }
            (Condition::Check(predicate), true) => self.aim_check(predicate, values),
            (Condition::Check(predicate), false) => {
                if let Some(field) = predicate.lhs.field()
                    && !self.type_fields.contains(&field)
                    && (predicate.op == Op::Exists || self.random.percent(40))
                {
                    let other = match predicate.lhs.ty() {
                        _ if predicate.op == Op::Exists => None,
                        ValueType::Str => Some(Owned::Bytes(b"something/else".to_vec())),
                        ValueType::Ip | ValueType::Net => Some(Owned::Ip(ELSEWHERE.into())),
                        _ => None,
                    };
                    values
                        .entry(field)
                        .or_insert(other.map_or(Wish::Absent, Wish::Value));
                }
            }
        }
    }

    fn aim_check(&mut self, predicate: &Predicate, values: &mut Wishes) {
        let mut term = &predicate.lhs;
        while let Term::Call { args, .. } = term {
            let Some(inner) = args.iter().find(|arg| !matches!(arg, Term::Literal(_))) else {
                return;
            };
            term = inner;
        }
        let Term::Field { field, ty, .. } = term else {
            return;
        };
        if *ty != predicate.lhs.ty() {
            // The number that `len` gives is none of the field's values.
            return;
        }
        let value = match &predicate.rhs {
            Side::Literals(literals) => match self.random.pick(literals) {
                Some(Literal::Bytes(literal)) if is_part(predicate.op) => {
                    let wish = values
                        .entry(*field)
                        .or_insert_with(|| Wish::Parts(Vec::new()));
                    if let Wish::Parts(parts) = wish {
                        parts.push((predicate.op, literal.to_vec()));
                    }
                    return;
                }
                Some(literal) => satisfying(predicate.op, literal, *ty, &mut self.random),
                None => return,
            },
            // Any value will do for `exists`; the same one on both sides of a comparison.
            Side::Nothing => return,
            Side::Term(other) => {
                let same = Owned::Bytes(b"same".to_vec());
                if let (Some(other), ValueType::Str) = (other.field(), *ty) {
                    values.entry(other).or_insert(Wish::Value(same.clone()));
                    values.entry(*field).or_insert(Wish::Value(same));
                }
                return;
            }
        };
        values.entry(*field).or_insert(Wish::Value(value));
    }
}

/// What a rule wants of the fields; the first wish for a field stands.
type Wishes = FxHashMap<FieldRef, Wish>;

/// What a rule wants of a field.
enum Wish {
    Absent,
    Value(Owned),
    /// A text that begins, goes on and ends in certain ways.
    Parts(Vec<(Op, Vec<u8>)>),
}

impl Wish {
    fn value(self) -> Option<Owned> {
        let parts = match self {
            Wish::Absent => return None,
            Wish::Value(value) => return Some(value),
            Wish::Parts(parts) => parts,
        };
        let of = |place: Op| {
            let those = parts.iter().filter(move |(op, _)| *op == place);
            those.map(|(_, text)| &text[..])
        };
        let inside = of(Op::Contains).collect::<Vec<_>>().join(&b" "[..]);
        let (start, end) = (of(Op::Startswith).next(), of(Op::Endswith).next());
        let text = [start.unwrap_or_default(), &inside, end.unwrap_or_default()].concat();
        Some(Owned::Bytes(text))
    }
}

/// Operators of which several can be met by one text.
fn is_part(op: Op) -> bool {
    matches!(op, Op::Startswith | Op::Contains | Op::Endswith)
}

/// A value of type `ty` for which `op` holds, usually.
fn satisfying(op: Op, literal: &Literal, ty: ValueType, random: &mut Random) -> Owned {
    let step = match op {
        Op::Gt => 1,
        Op::Lt | Op::Ne => -1,
        _ => 0,
    };
    match literal {
        Literal::Int(number) if ty == ValueType::Double => Owned::Double((*number + step) as f64),
        Literal::Int(number) => Owned::Int(number.saturating_add(step)),
        Literal::Uint(number) => Owned::Uint(number.saturating_add_signed(step)),
        Literal::Bool(truth) => Owned::Bool(*truth == (op != Op::Ne)),
        Literal::Ip(_) | Literal::Net(_) if op == Op::Ne => Owned::Ip(ELSEWHERE.into()),
        Literal::Ip(ip) => Owned::Ip(*ip),
        Literal::Net(net) => Owned::Ip(net.addr()),
        Literal::Bytes(bytes) => Owned::Bytes(satisfying_text(op, bytes, random)),
    }
}

fn satisfying_text(op: Op, literal: &[u8], random: &mut Random) -> Vec<u8> {
    let filled = |pattern: &[u8]| -> Vec<u8> {
        let fill = |&byte: &u8| match byte {
            b'*' | b'?' => b'x',
            other => other,
        };
        pattern
            .iter()
            .map(fill)
            .filter(|byte| !matches!(byte, b'[' | b']' | b'\\'))
            .collect()
    };
    let (before, after): (&[u8], &[u8]) = match random.below(4) {
        0 => (b"", b""),
        1 => (b"a ", b""),
        2 => (b"", b" z"),
        _ => (b"/b/", b"/y"),
    };
    match op {
        Op::Ne => [b"not", literal].concat(),
        Op::Contains | Op::Bcontains => [before, literal, after].concat(),
        Op::Icontains => [before, &literal.to_ascii_uppercase(), after].concat(),
        Op::Startswith | Op::Bstartswith => [literal, after].concat(),
        Op::Endswith => [before, literal].concat(),
        Op::Pmatch => [&filled(literal)[..], b"/", after].concat(),
        Op::Glob | Op::Iglob | Op::Regex => filled(literal),
        _ => literal.to_vec(),
    }
}
