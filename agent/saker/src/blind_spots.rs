//! What rules ask for and no driver records.

use std::collections::BTreeMap;

use saker_engine::compiler::{RuleMeta, RuleSet};
use saker_engine::explain::field_names;
use saker_engine::schema::{EventType, Schema};
use saker_fields::FieldSchema;

use crate::rules::names_events;

/// Names with the number of rules that ask for them.
pub(crate) type Counts = BTreeMap<String, usize>;

/// What enabled rules will not see.
#[derive(Debug, Default)]
pub(crate) struct BlindSpots {
    /// Event types.
    pub events: Counts,
    /// Parameters (`evt.arg.queuelen`) that none of the rule's recorded events has.
    pub parameters: Counts,
    /// Rules none of whose event types is recorded.
    pub rules: Vec<String>,
}

impl BlindSpots {
    /// Those of `set`.
    pub(crate) fn of(set: &RuleSet, schema: &FieldSchema) -> Self {
        let mut spots = Self::default();
        for rule in set.rules() {
            spots.look_at(rule, schema);
        }
        spots
    }

    fn look_at(&mut self, rule: &RuleMeta, schema: &FieldSchema) {
        let types = rule.event_types.iter();
        let (captured, missing): (Vec<EventType>, Vec<EventType>) =
            types.partition(|&event| schema.captured(event));
        if names_events(rule) {
            for event in missing {
                let name = schema.event_name(event).to_owned();
                *self.events.entry(name).or_default() += 1;
            }
            if captured.is_empty() {
                self.rules.push(rule.name.clone());
                return;
            }
        }
        for field in field_names(&rule.condition, schema) {
            if let Some(name) = parameter(&field)
                && !captured
                    .iter()
                    .any(|&event| schema.has_parameter(event, name))
            {
                *self.parameters.entry(field).or_default() += 1;
            }
        }
    }
}

/// The name in `evt.arg.NAME` and `evt.rawarg.NAME`.
fn parameter(field: &str) -> Option<&str> {
    let name = |start: &str| field.strip_prefix(start);
    name("evt.arg.").or_else(|| name("evt.rawarg."))
}
