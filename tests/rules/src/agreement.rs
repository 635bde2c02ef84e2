//! Compiled rules against the oracle, event by event.

use std::sync::Arc;

use saker_engine::compiler::RuleSet;
use saker_engine::loader::LoadedRule;
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::schema::Event;

use crate::oracle;

/// A rule set that is compared.
#[derive(Debug)]
pub struct Agreement<'r> {
    rules: &'r [LoadedRule],
    matcher: Matcher,
    found: Vec<usize>,
    wanted: Vec<usize>,
}

impl<'r> Agreement<'r> {
    /// `set` must be made of all of `rules`.
    ///
    /// # Panics
    /// When it is not.
    pub fn new(rules: &'r [LoadedRule], set: &Arc<RuleSet>) -> Self {
        assert_eq!(set.rules().len(), rules.len(), "all rules are enabled");
        Self {
            rules,
            matcher: Matcher::new(Arc::clone(set)),
            found: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Positions of the rules that match, if both sides agree on them.
    ///
    /// # Errors
    /// What the compiled rules found, and what they should have.
    pub fn check(&mut self, event: &dyn Event) -> Result<&[usize], String> {
        let Self {
            rules,
            matcher,
            found,
            wanted,
        } = self;
        oracle::matching(rules.iter(), event, wanted);
        // Rules of "any type" are tried last, and only if no other matched (rules-spec A9).
        let set = Arc::clone(matcher.rules());
        let untyped = |at: &usize| set.rules()[*at].untyped;
        wanted.sort_by_key(|at| (untyped(at), *at));
        let mut first = None;
        matcher.matches(event, Matching::First, &mut |rule| first = Some(rule.index));
        if first != wanted.first().copied() {
            return Err(format!("first of {wanted:?} wanted, {first:?} found"));
        }
        if wanted.iter().any(|at| !untyped(at)) {
            wanted.retain(|at| !untyped(at));
        }
        found.clear();
        matcher.matches(event, Matching::All, &mut |rule| found.push(rule.index));
        if found != wanted {
            return Err(format!("{wanted:?} wanted, {found:?} found"));
        }
        Ok(wanted)
    }
}
