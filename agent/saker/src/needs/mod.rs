//! What the kernel must send besides the events that rules name: data of calls, and the events that keep the
//! state which rules look at.

mod keepers;
pub(crate) mod looks;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use saker_abi::driver::EventSet;
use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_engine::compiler::{ExtraOutput, RuleMeta, RuleSet};
use saker_engine::schema::Schema as _;
use saker_fields::FieldSchema;

use crate::rules::wanted_events;

/// What rules need of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Events.
    pub events: EventSet,
    /// Whether a rule looks at what was read, written, sent or received.
    pub data: bool,
}

impl Needs {
    /// With what amounts to events that are wanted, where files are known by all their names: an open by a handle
    /// is an `openat` of the real name.
    #[must_use]
    pub(crate) fn by_any_name(mut self) -> Self {
        if self.events.contains(SAKER_EV_OPENAT as u16) {
            self.events.insert(SAKER_EV_OPEN_BY_HANDLE_AT as u16);
        }
        self
    }

    /// Those of `rules`.
    pub(crate) fn of(rules: &RuleSet, schema: &FieldSchema) -> Self {
        let wanted = wanted_events(rules, schema);
        let mut conditions = BTreeSet::new();
        for predicate in rules.predicates() {
            predicate.fields(&mut |field| _ = conditions.insert(schema.field_text(field)));
        }
        let mut needs = Self {
            events: wanted,
            data: false,
        };
        // What only state depends on no rule looks at.
        let mut evaluated = EventSet::new();
        for rule in rules.rules() {
            let mut output = BTreeSet::new();
            outputs(rule, &mut |field| _ = output.insert(field.to_owned()));
            let events = rule.event_types.iter().map(|event| event.0);
            let events: EventSet = events.filter(|&event| wanted.contains(event)).collect();
            events.iter().for_each(|event| evaluated.insert(event));
            needs.look(&output, events.iter());
        }
        needs.look(&conditions, evaluated.iter());
        needs
    }

    /// What one who looks at these fields of these events needs.
    fn look(&mut self, fields: &BTreeSet<String>, events: impl Iterator<Item = u16>) {
        for event in events.filter_map(|event| EVENTS.get(usize::from(event))) {
            for field in fields {
                self.data |= looks::at_data(field, event);
                looks::keepers(field, event).add_to(&mut self.events);
            }
        }
    }
}

pub(crate) fn outputs(rule: &RuleMeta, see: &mut dyn FnMut(&str)) {
    rule.output.field_names().for_each(&mut *see);
    for extra in &rule.extra {
        match extra {
            ExtraOutput::Field(field) => see(&field.name),
            ExtraOutput::Format { format, .. } => format.field_names().for_each(&mut *see),
        }
    }
}
