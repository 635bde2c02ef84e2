//! Predicates ready to be evaluated, and how operators combine the values of a field.

use std::ops::ControlFlow;

use crate::ast::{Modifier, Op};
use crate::operators::{Test, compare, count};
use crate::schema::{Arity, Event, FieldRef};
use crate::terms::{Pool, each_value};
use crate::typed::{Literal, Predicate, Side, Term};
use crate::value::{Value, ValueType};

/// A predicate with its right-hand side compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A field with one value, the common case. `negated`: `!=`.
    Field {
        field: FieldRef,
        test: Test,
        negated: bool,
    },
    /// Any other left-hand side with one value.
    One {
        lhs: Term,
        test: Test,
        negated: bool,
    },
    /// Is there a value (of a list: is the list there)?
    Present { lhs: Term, arity: Arity },
    /// True if some value passes.
    Some { lhs: Term, test: Test },
    /// True if there are values and none passes: `!=` on alternatives.
    NoneOf { lhs: Term, test: Test },
    /// True if every value passes; an empty list passes.
    Every { lhs: Term, test: Test },
    /// Alternatives with a modifier: each listed value is a predicate of its own.
    Counted {
        modifier: Modifier,
        each: Vec<Compiled>,
    },
    /// Both sides are terms.
    Terms { lhs: Term, op: Op, rhs: Term },
    /// Never asked: an index answers it.
    Answered,
}

impl Compiled {
    /// Compiles a checked predicate.
    pub(crate) fn new(predicate: &Predicate) -> Self {
        Self {
            kind: kind(predicate),
        }
    }

    /// Stands for a predicate that an index answers.
    pub(super) const ANSWERED: Self = Self {
        kind: Kind::Answered,
    };

    /// Whether the predicate holds; false when a value is absent (rules-spec B5).
    #[inline]
    pub(crate) fn eval<E: Event + ?Sized>(&self, event: &E, pool: &mut Pool) -> bool {
        match &self.kind {
            Kind::Field {
                field,
                test,
                negated,
            } => match event.get(*field) {
                Some(value) => test.holds(value) != *negated,
                None => false,
            },
            _ => self.eval_rare(event, pool),
        }
    }

    fn eval_rare<E: Event + ?Sized>(&self, event: &E, pool: &mut Pool) -> bool {
        match &self.kind {
            Kind::Field {
                field,
                test,
                negated,
            } => event
                .get(*field)
                .is_some_and(|value| test.holds(value) != *negated),
            Kind::One { lhs, test, negated } => some_value(lhs, event, pool, &mut |value, _| {
                test.holds(value) != *negated
            }),
            Kind::Present {
                lhs,
                arity: Arity::Any,
            } => some_value(lhs, event, pool, &mut |_, _| true),
            Kind::Present { lhs, .. } => {
                each_value(lhs, event, pool, &mut |_, _| ControlFlow::Break(()))
            }
            Kind::Some { lhs, test } => {
                some_value(lhs, event, pool, &mut |value, _| test.holds(value))
            }
            Kind::NoneOf { lhs, test } => {
                let (mut values, mut passed) = (lhs.differs_without_value(), false);
                let present = each_value(lhs, event, pool, &mut |value, _| {
                    values = true;
                    passed = test.holds(value);
                    if passed {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                });
                present && values && !passed
            }
            Kind::Every { lhs, test } => {
                every_value(lhs, event, pool, &mut |value, _| test.holds(value))
            }
            Kind::Counted { modifier, each } => {
                count(*modifier, each, |predicate| predicate.eval(event, pool))
            }
            Kind::Terms { lhs, op, rhs } => terms(lhs, *op, rhs, event, pool),
            Kind::Answered => false,
        }
    }
}

type Passes<'v> = dyn FnMut(Value<'_>, &mut Pool) -> bool + 'v;

/// Whether the term is there and some value passes.
fn some_value<E: Event + ?Sized>(
    term: &Term,
    event: &E,
    pool: &mut Pool,
    passes: &mut Passes<'_>,
) -> bool {
    let mut found = false;
    let present = each_value(term, event, pool, &mut |value, pool| {
        found = passes(value, pool);
        if found {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    present && found
}

/// Whether the term is there and every value passes.
fn every_value<E: Event + ?Sized>(
    term: &Term,
    event: &E,
    pool: &mut Pool,
    passes: &mut Passes<'_>,
) -> bool {
    let mut all = true;
    let present = each_value(term, event, pool, &mut |value, pool| {
        all = passes(value, pool);
        if all {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    present && all
}

fn terms<E: Event + ?Sized>(lhs: &Term, op: Op, rhs: &Term, event: &E, pool: &mut Pool) -> bool {
    let negated = op == Op::Ne;
    let op = if negated { Op::Eq } else { op };
    if negated && lhs.arity() == Arity::Ends {
        // All alternatives must differ from a right-hand side that is there.
        let there = each_value(rhs, event, pool, &mut |_, _| ControlFlow::Break(()));
        let (mut values, mut equal) = (false, false);
        some_value(lhs, event, pool, &mut |left, pool| {
            values = true;
            equal = some_value(rhs, event, pool, &mut |right, pool| {
                compare(op, left, right, pool)
            });
            equal
        });
        return there && values && !equal;
    }
    let mut holds = |left: Value<'_>, pool: &mut Pool| {
        some_value(rhs, event, pool, &mut |right, pool| {
            compare(op, left, right, pool) != negated
        })
    };
    if lhs.arity() == Arity::List && op == Op::In {
        let mut right_values = false;
        some_value(rhs, event, pool, &mut |_, _| {
            right_values = true;
            true
        });
        return right_values && every_value(lhs, event, pool, &mut holds);
    }
    some_value(lhs, event, pool, &mut holds)
}

fn kind(predicate: &Predicate) -> Kind {
    let lhs = predicate.lhs.clone();
    let (op, arity) = (predicate.op, lhs.arity());
    let literals: &[Literal] = match &predicate.rhs {
        Side::Term(rhs) => {
            return Kind::Terms {
                lhs,
                op,
                rhs: rhs.clone(),
            };
        }
        Side::Literals(literals) => literals,
        Side::Nothing => return Kind::Present { lhs, arity },
    };
    if let (Arity::Ends, Some(modifier)) = (arity, predicate.modifier) {
        let each = literals.iter().map(|literal| {
            let rhs = Side::Literals([literal.clone()].into());
            Compiled::new(&Predicate {
                rhs,
                modifier: None,
                ..predicate.clone()
            })
        });
        return Kind::Counted {
            modifier,
            each: each.collect(),
        };
    }
    let test = Test::new(op, predicate.modifier, literals);
    let negated = op == Op::Ne && predicate.modifier.is_none();
    match (arity, lhs.field()) {
        (Arity::One, Some(field)) => Kind::Field {
            field,
            test,
            negated,
        },
        (Arity::One, None) => Kind::One { lhs, test, negated },
        (Arity::Ends, _) if negated => Kind::NoneOf { lhs, test },
        (Arity::Any, _) if negated => Kind::Some {
            lhs,
            test: Test::Not(Box::new(test)),
        },
        (Arity::Ends | Arity::Any, _) => Kind::Some { lhs, test },
        // `in ()` is false even for an empty list.
        (Arity::List, _) if op == Op::In && !literals.is_empty() => Kind::Every { lhs, test },
        (Arity::List, _) => Kind::Some { lhs, test },
    }
}

/// Relative cost of evaluation.
pub(super) fn predicate_cost(predicate: &Predicate) -> u32 {
    predicate.lhs.cost() * 4 + rhs_cost(predicate)
}

/// How likely it holds, as a guess: rules look for what is rare and except what is common.
pub(super) fn predicate_chance(predicate: &Predicate) -> f32 {
    let many = match &predicate.rhs {
        Side::Literals(literals) if literals.is_empty() => return 0.0,
        Side::Literals(literals) => literals.len() > 8,
        _ => false,
    };
    let one = match (predicate.op, predicate.lhs.ty()) {
        (Op::Exists, _) => return 0.8,
        (_, ValueType::Bool) => return 0.5,
        (Op::Ne, _) => return 0.9,
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, _) => return 0.5,
        (Op::Startswith | Op::Bstartswith | Op::Pmatch, _) => 0.1,
        _ => 0.05,
    };
    if many { 3.0 * one } else { one }
}

fn rhs_cost(predicate: &Predicate) -> u32 {
    let op = match predicate.op {
        Op::Exists | Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge => 1,
        Op::In | Op::Intersects | Op::Startswith | Op::Bstartswith | Op::Endswith => 2,
        Op::Contains | Op::Bcontains => 4,
        Op::Icontains | Op::Pmatch => 6,
        Op::Glob | Op::Iglob => 10,
        Op::Regex => 30,
    };
    match (&predicate.rhs, predicate.modifier) {
        (Side::Term(term), _) => op + 4 * term.cost(),
        (Side::Literals(literals), Some(_)) => {
            op * u32::try_from(literals.len())
                .unwrap_or(u32::MAX)
                .clamp(1, 8)
        }
        _ => op,
    }
}
