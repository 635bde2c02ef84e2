//! Why a condition holds for an event, or does not.

use std::sync::Arc;

use crate::compiler::Compiled;
use crate::schema::Event;
use crate::terms::Pool;
use crate::typed::{Condition, Predicate};

/// A condition with the truth of its parts. Everything is evaluated, needed or not.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Whether it holds.
    pub holds: bool,
    /// Which condition.
    pub part: Part,
}

/// What a [`Trace`] is about.
#[derive(Debug, Clone)]
pub enum Part {
    /// All must hold.
    All(Vec<Trace>),
    /// One must hold.
    Some(Vec<Trace>),
    /// The other must not hold.
    Not(Box<Trace>),
    /// A comparison.
    Check(Arc<Predicate>),
}

impl Trace {
    /// Evaluates a condition.
    pub fn new(condition: &Condition, event: &dyn Event) -> Self {
        let all = |items: &[Arc<Condition>]| -> Vec<Trace> {
            items.iter().map(|item| Trace::new(item, event)).collect()
        };
        match condition {
            Condition::Check(predicate) => Self {
                holds: Compiled::new(predicate).eval(event, &mut Pool::default()),
                part: Part::Check(Arc::clone(predicate)),
            },
            Condition::Not(inner) => {
                let inner = Trace::new(inner, event);
                Self {
                    holds: !inner.holds,
                    part: Part::Not(Box::new(inner)),
                }
            }
            Condition::And(items) => {
                let items = all(items);
                Self {
                    holds: items.iter().all(|item| item.holds),
                    part: Part::All(items),
                }
            }
            Condition::Or(items) => {
                let items = all(items);
                Self {
                    holds: items.iter().any(|item| item.holds),
                    part: Part::Some(items),
                }
            }
        }
    }

    /// The smallest part that explains the outcome: of parts that all must hold, those that do not,
    /// if there are any; of alternatives, those that hold, if there are any. `None` for a group in
    /// which everything counts (`self` explains itself).
    pub fn because(&self) -> Trace {
        let decisive = |items: &[Trace], truth: bool| -> Vec<Trace> {
            let some = items.iter().any(|item| item.holds == truth);
            let counts = |item: &&Trace| !some || item.holds == truth;
            items.iter().filter(counts).map(Trace::because).collect()
        };
        let part = match &self.part {
            Part::Check(predicate) => Part::Check(Arc::clone(predicate)),
            Part::Not(inner) => Part::Not(Box::new(inner.because())),
            Part::All(items) => Part::All(decisive(items, false)),
            Part::Some(items) => Part::Some(decisive(items, true)),
        };
        let mut trace = Self {
            holds: self.holds,
            part,
        };
        // A group of one is that one.
        while let Part::All(items) | Part::Some(items) = &mut trace.part
            && items.len() == 1
            && let Some(only) = items.pop()
        {
            trace = only;
        }
        trace
    }
}
