//! Why values of an alert are absent (`absent_reasons`).

use saker_engine::schema::Schema;
use saker_fields::{EventView, FieldSchema};
use serde_json::{Map, Value as Json};

/// Key among an alert's fields.
pub(super) const KEY: &str = "absent_fields";

/// Adds to an alert's `fields` which of them have no value, and why; nothing when all have one.
pub(super) fn add_reasons(
    fields: &mut Vec<(String, Json)>,
    event: &EventView<'_>,
    schema: &FieldSchema,
) {
    let reason = |written: &str| {
        let (name, arg) = match written.strip_suffix(']').and_then(|w| w.split_once('[')) {
            Some((name, arg)) => (name, Some(arg)),
            None => (written, None),
        };
        // Formats and transformers are no fields.
        let field = schema.resolve(name, arg).ok()?.field;
        event.why_absent(field)
    };
    let reasons: Map<String, Json> = fields
        .iter()
        .filter_map(|(name, _)| Some((name.clone(), reason(name)?.name().into())))
        .collect();
    if !reasons.is_empty() {
        fields.push((KEY.to_owned(), Json::Object(reasons)));
    }
}
