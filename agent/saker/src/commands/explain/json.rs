//! What `saker explain --format json` prints (docs/rules.md).

use saker_engine::compiler::RuleMeta;
use saker_engine::explain::{Part, Plan, Trace, condition_text, field_names, predicate_text};
use saker_engine::loader::LoadedRule;
use saker_engine::schema::{Event, EventType, Schema};
use saker_engine::table::TableEvent;
use saker_engine::typed::Predicate;
use saker_engine::value::OwnedValue;
use saker_fields::FieldSchema;
use serde_json::{Map, Value as Json, json};

use super::Explained;
use super::text::for_each_field;

/// One rule: what it is, and how it is evaluated.
pub(super) fn rule(
    rule: &LoadedRule,
    meta: &RuleMeta,
    plans: &[Plan],
    schema: &FieldSchema,
) -> String {
    let plan = |plan: &Plan| {
        let gates = plan.gates.iter().map(|gate| condition_text(gate, schema));
        let keys = plan.keys.iter().map(|key| predicate_text(key, schema));
        json!({
            "event_types": event_names(plan.events.iter().copied(), schema),
            "gates": gates.collect::<Vec<_>>(),
            "keys": keys.collect::<Vec<_>>(),
            "condition": condition_text(&plan.condition, schema),
        })
    };
    let report = json!({
        "rule": meta.name,
        "file": meta.file,
        "line": meta.line,
        "priority": meta.priority.to_string(),
        "source": meta.source,
        "enabled": rule.def.enabled,
        "tags": meta.tags,
        "event_types": event_names(meta.event_types.iter(), schema),
        "fields": field_names(&rule.condition, schema),
        "output": meta.output.source(),
        "condition": condition_text(&rule.condition, schema),
        "evaluation": plans.iter().map(plan).collect::<Vec<_>>(),
    });
    format!("{report:#}\n")
}

fn event_names(events: impl Iterator<Item = EventType>, schema: &FieldSchema) -> Vec<&str> {
    events.map(|event| schema.event_name(event)).collect()
}

/// Events in a list: which rules match each, and why.
pub(super) fn events<'e>(
    explained: &mut dyn Iterator<Item = Explained<'e>>,
    schema: &FieldSchema,
) -> String {
    let events: Vec<Json> = explained.map(|it| event(&it, schema)).collect();
    format!("{:#}\n", Json::Array(events))
}

fn event(explained: &Explained<'_>, schema: &FieldSchema) -> Json {
    let event = explained.event;
    let verdicts = explained.verdicts.iter().map(|(meta, trace)| {
        json!({
            "rule": meta.name,
            "file": meta.file,
            "line": meta.line,
            "priority": meta.priority.to_string(),
            "matches": trace.holds,
            "because": part(&trace.because(), event, schema),
        })
    });
    json!({
        "event_type": schema.event_name(event.event_type()),
        "fields": event.named(),
        "rules": verdicts.collect::<Vec<_>>(),
        "rules_of_other_event_types": explained.others,
        "first_match": explained.first,
    })
}

fn part(trace: &Trace, event: &TableEvent, schema: &FieldSchema) -> Json {
    let all = |items: &[Trace]| -> Json {
        let items = items.iter().map(|item| part(item, event, schema));
        items.collect::<Vec<_>>().into()
    };
    let (name, what) = match &trace.part {
        Part::All(items) => ("all_of", all(items)),
        Part::Some(items) => ("one_of", all(items)),
        Part::Not(inner) => ("not", part(inner, event, schema)),
        Part::Check(check) => {
            return json!({
                "holds": trace.holds,
                "check": predicate_text(check, schema),
                "values": values(check, event, schema),
            });
        }
    };
    json!({ "holds": trace.holds, name: what })
}

/// Fields of a check: those that are absent have null, those the event does not name are left out.
fn values(check: &Predicate, event: &TableEvent, schema: &FieldSchema) -> Map<String, Json> {
    let mut shown = Map::new();
    for_each_field(check, &mut |field, one| {
        if !event.names(field) {
            return;
        }
        let value = match event.values(field) {
            None => Json::Null,
            Some([value]) if one => json_value(value),
            Some(values) => values.iter().map(json_value).collect::<Vec<_>>().into(),
        };
        shown.insert(schema.field_text(field), value);
    });
    shown
}

fn json_value(value: &OwnedValue) -> Json {
    match value {
        OwnedValue::Int(value) => (*value).into(),
        OwnedValue::Uint(value) => (*value).into(),
        OwnedValue::Bool(value) => (*value).into(),
        OwnedValue::Double(value) => (*value).into(),
        OwnedValue::Ip(value) => value.to_string().into(),
        OwnedValue::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
    }
}
