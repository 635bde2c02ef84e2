//! Conditions over an event whose object has more than one name.
//!
//! A file is reached by the name a program gave, and has a real one. Who opens `/tmp/x`, a link to
//! `/etc/shadow`, opens `/etc/shadow`: what a rule looks for may be either name. What a rule makes an
//! exception for may be either as well: an exception for `/var/run/app` holds although the file is really
//! in `/run`.

use crate::ast::Op;
use crate::compiler::Compiled;
use crate::schema::Event;
use crate::terms::Pool;
use crate::typed::{Condition, Predicate};

/// Whether a condition holds by the name that `real` answers with, and nothing that it excludes holds by
/// the name that `given` answers with. Both are the same event.
///
/// Comparisons under a `not`, and `!=`, are what a condition excludes; two negations are none. Compiles each
/// comparison anew: for the few rules that hold by the real name alone, not for every event.
pub fn holds_by_real_name(condition: &Condition, real: &dyn Event, given: &dyn Event) -> bool {
    holds(condition, &Views { real, given }, false)
}

struct Views<'a> {
    real: &'a dyn Event,
    given: &'a dyn Event,
}

fn holds(condition: &Condition, views: &Views<'_>, negated: bool) -> bool {
    match condition {
        Condition::And(items) => items.iter().all(|item| holds(item, views, negated)),
        Condition::Or(items) => items.iter().any(|item| holds(item, views, negated)),
        Condition::Not(inner) => !holds(inner, views, !negated),
        Condition::Check(predicate) => check(predicate, views, negated),
    }
}

fn check(predicate: &Predicate, views: &Views<'_>, negated: bool) -> bool {
    let compiled = Compiled::new(predicate);
    let mut pool = Pool::default();
    let by_real = compiled.eval(views.real, &mut pool);
    let unequal = predicate.op == Op::Ne;
    if negated == unequal {
        return by_real;
    }
    let by_given = compiled.eval(views.given, &mut pool);
    if unequal {
        by_real && by_given
    } else {
        by_real || by_given
    }
}
