//! What rules look like to the engine, and why they match or do not.

mod plan;
mod render;
mod trace;

use std::collections::BTreeSet;

pub use plan::Plan;
pub use render::{condition_text, predicate_text, term_text};
pub use trace::{Part, Trace};

use crate::schema::{FieldRef, Schema};
use crate::typed::{Condition, Side, Term};

/// Calls `visit` for every field the condition names, as often as it does.
pub fn each_field(condition: &Condition, visit: &mut dyn FnMut(FieldRef)) {
    match condition {
        Condition::And(items) | Condition::Or(items) => {
            items.iter().for_each(|item| each_field(item, visit));
        }
        Condition::Not(inner) => each_field(inner, visit),
        Condition::Check(predicate) => {
            fields_of(&predicate.lhs, visit);
            if let Side::Term(term) = &predicate.rhs {
                fields_of(term, visit);
            }
        }
    }
}

/// Calls `visit` for every field in a term.
pub fn fields_of(term: &Term, visit: &mut dyn FnMut(FieldRef)) {
    match term {
        Term::Field { field, .. } => visit(*field),
        Term::Literal(_) => {}
        Term::List(items) | Term::Call { args: items, .. } => {
            items.iter().for_each(|item| fields_of(item, visit));
        }
    }
}

/// Fields the condition names, as rules write them.
pub fn field_names(condition: &Condition, schema: &dyn Schema) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    each_field(condition, &mut |field| {
        names.insert(schema.field_text(field));
    });
    names
}
