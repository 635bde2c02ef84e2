//! What a condition can say of events of which a few things are known: whether anybody needs to hear of them.

use std::ops::ControlFlow;

use crate::ast::Op;
use crate::compiler::Compiled;
use crate::schema::{Arity, Event, EventType, FieldRef};
use crate::terms::Pool;
use crate::typed::{Condition, Literal, Predicate, Side, Term};
use crate::value::Value;

/// What is known of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known<'a> {
    /// Its value.
    Exactly(Value<'a>),
    /// It is a number below zero.
    Negative,
}

/// Whether a condition may hold for an event of which `known` tells what is known. Never false for one that it
/// holds for.
pub fn may_hold<'a>(condition: &Condition, known: &dyn Fn(FieldRef) -> Option<Known<'a>>) -> bool {
    outcomes(condition, known).holds
}

/// What may come out.
#[derive(Debug, Clone, Copy)]
struct Outcomes {
    holds: bool,
    fails: bool,
}

fn outcomes<'a>(condition: &Condition, known: &dyn Fn(FieldRef) -> Option<Known<'a>>) -> Outcomes {
    match condition {
        Condition::And(items) => {
            let none = Outcomes {
                holds: true,
                fails: false,
            };
            let all = items.iter().map(|item| outcomes(item, known));
            all.fold(none, |so_far, item| Outcomes {
                holds: so_far.holds && item.holds,
                fails: so_far.fails || item.fails,
            })
        }
        Condition::Or(items) => {
            let none = Outcomes {
                holds: false,
                fails: true,
            };
            let all = items.iter().map(|item| outcomes(item, known));
            all.fold(none, |so_far, item| Outcomes {
                holds: so_far.holds || item.holds,
                fails: so_far.fails && item.fails,
            })
        }
        Condition::Not(inner) => {
            let inner = outcomes(inner, known);
            Outcomes {
                holds: inner.fails,
                fails: inner.holds,
            }
        }
        Condition::Check(predicate) => match check(predicate, known) {
            Some(holds) => Outcomes {
                holds,
                fails: !holds,
            },
            None => Outcomes {
                holds: true,
                fails: true,
            },
        },
    }
}

fn check<'a>(predicate: &Predicate, known: &dyn Fn(FieldRef) -> Option<Known<'a>>) -> Option<bool> {
    let Term::Field {
        field,
        arity: Arity::One,
        ..
    } = &predicate.lhs
    else {
        return None;
    };
    let literals: &[Literal] = match &predicate.rhs {
        Side::Nothing => &[],
        Side::Literals(literals) => literals,
        Side::Term(_) => return None,
    };
    let value = match known(*field)? {
        Known::Exactly(value) => value,
        // To numbers that are not negative all that are compare alike.
        Known::Negative => {
            let not_negative = |literal: &Literal| matches!(literal, Literal::Int(0..));
            let compares = predicate.op == Op::Exists || literals.iter().all(not_negative);
            compares.then_some(Value::Int(-1))?
        }
    };
    Some(Compiled::new(predicate).eval(&Single(value), &mut Pool::default()))
}

/// An event with one value, whichever field is asked for.
struct Single<'a>(Value<'a>);

impl Event for Single<'_> {
    fn event_type(&self) -> EventType {
        EventType(0)
    }

    fn get(&self, _field: FieldRef) -> Option<Value<'_>> {
        Some(self.0)
    }

    fn each(&self, _field: FieldRef, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool {
        let _ = visit(self.0);
        true
    }
}
