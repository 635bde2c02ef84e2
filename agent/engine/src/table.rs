//! Events that are tables of values: read from a file, or made up.

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use crate::schema::{Event, EventType, FieldRef};
use crate::value::{OwnedValue, Value};

/// An event whose fields have the values they were given; all others are absent. Nothing is
/// derived from anything.
#[derive(Debug, Clone)]
pub struct TableEvent {
    event: EventType,
    /// `None`: said to be absent.
    values: FxHashMap<FieldRef, Option<Vec<OwnedValue>>>,
}

impl TableEvent {
    /// An event of this type without a field, not even one for its type.
    pub fn new(event: EventType) -> Self {
        Self {
            event,
            values: FxHashMap::default(),
        }
    }

    /// Gives a field its values; `None` says that it is absent.
    pub fn set(&mut self, field: FieldRef, values: Option<Vec<OwnedValue>>) {
        self.values.insert(field, values);
    }

    /// Whether anything was said about the field, be it that it is absent.
    pub fn names(&self, field: FieldRef) -> bool {
        self.values.contains_key(&field)
    }

    /// Number of fields about which something was said.
    pub fn named(&self) -> usize {
        self.values.len()
    }

    /// The values of a field; `None` when it is absent.
    pub fn values(&self, field: FieldRef) -> Option<&[OwnedValue]> {
        self.values.get(&field)?.as_deref()
    }
}

impl Event for TableEvent {
    fn event_type(&self) -> EventType {
        self.event
    }

    fn get(&self, field: FieldRef) -> Option<Value<'_>> {
        self.values(field)?.first().map(OwnedValue::value)
    }

    fn each(&self, field: FieldRef, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool {
        let Some(values) = self.values(field) else {
            return false;
        };
        // Whoever breaks off has what it wants.
        let _ = values.iter().try_for_each(|value| visit(value.value()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_absent_is_named_and_has_no_value() {
        let field = |id| FieldRef { id, arg: 0 };
        let mut event = TableEvent::new(EventType(3));
        event.set(field(1), Some(vec![OwnedValue::Int(1), OwnedValue::Int(2)]));
        event.set(field(2), None);
        event.set(field(3), Some(Vec::new()));
        assert_eq!((event.event_type(), event.named()), (EventType(3), 3));
        assert_eq!(event.get(field(1)), Some(Value::Int(1)));
        let mut seen = Vec::new();
        let mut see = |value: Value<'_>| {
            seen.push(format!("{value:?}"));
            ControlFlow::Continue(())
        };
        assert!(event.each(field(1), &mut see) && event.each(field(3), &mut see));
        assert!(!event.each(field(2), &mut see) && !event.each(field(4), &mut see));
        assert_eq!(seen, ["Int(1)", "Int(2)"]);
        assert!(event.names(field(2)) && !event.names(field(4)));
        assert_eq!((event.get(field(2)), event.get(field(3))), (None, None));
    }
}
