//! What `saker explain` prints.

use saker_engine::compiler::RuleMeta;
use saker_engine::explain::{
    Part, Plan, Trace, condition_text, field_names, fields_of, predicate_text,
};
use saker_engine::loader::LoadedRule;
use saker_engine::schema::{Arity, Event, EventType, FieldRef, Schema};
use saker_engine::table::TableEvent;
use saker_engine::typed::{Predicate, Side, Term};
use saker_engine::value::OwnedValue;
use saker_fields::FieldSchema;

use super::Explained;

/// Columns of a check before it is cut.
const CHECK_COLUMNS: usize = 110;
/// Characters of a value before it is cut.
const VALUE_COLUMNS: usize = 80;
/// A rule with more event types than this is said to look at all but some.
const MAX_NAMED_EVENTS: usize = 40;

/// One rule: what it is, and how it is evaluated.
pub(super) fn rule(
    rule: &LoadedRule,
    meta: &RuleMeta,
    plans: &[Plan],
    schema: &FieldSchema,
) -> String {
    let fields: Vec<String> = field_names(&rule.condition, schema).into_iter().collect();
    let tags: Vec<&str> = meta.tags.iter().map(String::as_str).collect();
    let enabled = if rule.def.enabled {
        "yes"
    } else {
        "no, unless switched on"
    };
    let mut out = format!("{}\n", meta.name);
    for (name, value) in [
        ("defined", format!("{}:{}", meta.file, meta.line)),
        ("priority", meta.priority.to_string()),
        ("source", meta.source.clone()),
        ("enabled", enabled.to_owned()),
        ("tags", tags.join(" ")),
        (
            "event types",
            event_names(&meta.event_types.iter().collect::<Vec<_>>(), schema),
        ),
        ("fields", fields.join(" ")),
        ("output", meta.output.source().to_owned()),
    ] {
        out.push_str(&format!("  {name:12} {value}\n"));
    }
    out.push_str("\nCondition, macros and lists written out:\n");
    out.push_str(&indented(&condition_text(&rule.condition, schema), 2));
    if plans.is_empty() {
        out.push_str("\nNo event can meet this condition: it is never evaluated.\n");
    }
    for plan in plans {
        out.push_str(&format!(
            "\nEvaluation for {}:\n",
            event_names(&plan.events, schema)
        ));
        if !plan.gates.is_empty() {
            out.push_str("  first, once for all rules that share them, until one fails:\n");
            for gate in &plan.gates {
                out.push_str(&indented(&condition_text(gate, schema), 4));
            }
        }
        if plan.keys.is_empty() {
            out.push_str("  then, for this rule, in this order:\n");
        } else {
            out.push_str("  then visited only if a look-up finds one of:\n");
            for key in &plan.keys {
                out.push_str(&indented(
                    &cut(&predicate_text(key, schema), CHECK_COLUMNS),
                    4,
                ));
            }
            out.push_str("  and then, in this order:\n");
        }
        out.push_str(&indented(&condition_text(&plan.condition, schema), 4));
    }
    out
}

/// Names of event types, or how many there are.
fn event_names(events: &[EventType], schema: &FieldSchema) -> String {
    if events.len() > MAX_NAMED_EVENTS {
        let all = usize::from(schema.event_count());
        return format!("{} of all {all} event types", events.len());
    }
    let names: Vec<&str> = events
        .iter()
        .map(|&event| schema.event_name(event))
        .collect();
    names.join(" ")
}

/// One event: which rules match, and why.
pub(super) fn event(explained: &Explained<'_>, schema: &FieldSchema) -> String {
    let event = explained.event;
    let name = schema.event_name(event.event_type());
    let mut out = format!("Event {name}, {} field(s)\n", event.named());
    for (meta, trace) in &explained.verdicts {
        out.push_str(&verdict(meta, trace, event, schema));
    }
    if let Some(others) = explained.others {
        out.push_str(&format!("{others} more rule(s) are not about {name}\n"));
    }
    match &explained.first {
        Some(first) => out.push_str(&format!("The first to match, were all enabled: {first}\n")),
        None => out.push_str("No rule matches\n"),
    }
    out
}

/// Why the rule matches the event or does not.
fn verdict(meta: &RuleMeta, trace: &Trace, event: &TableEvent, schema: &FieldSchema) -> String {
    let verdict = if trace.holds { "MATCH   " } else { "no match" };
    let place = format!("{}:{}", meta.file, meta.line);
    let mut out = format!("{verdict}  {} ({}, {place})\n", meta.name, meta.priority);
    write_trace(&trace.because(), event, schema, 1, &mut out);
    out
}

fn write_trace(
    trace: &Trace,
    event: &TableEvent,
    schema: &FieldSchema,
    depth: usize,
    out: &mut String,
) {
    let pad = "  ".repeat(depth);
    let truth = if trace.holds { "true " } else { "false" };
    let mut group = |word: &str, items: &[Trace]| {
        out.push_str(&format!("{pad}{truth}  {word}:\n"));
        for item in items {
            write_trace(item, event, schema, depth + 1, out);
        }
    };
    match &trace.part {
        Part::All(items) => group("all of", items),
        Part::Some(items) => group("one of", items),
        Part::Not(inner) => match &inner.part {
            Part::Check(check) => {
                let text = cut(&predicate_text(check, schema), CHECK_COLUMNS);
                let values = values(check, event, schema);
                out.push_str(&format!("{pad}{truth}  not {text}  <- {values}\n"));
            }
            _ => group("not", std::slice::from_ref(inner)),
        },
        Part::Check(check) => {
            let text = cut(&predicate_text(check, schema), CHECK_COLUMNS);
            let values = values(check, event, schema);
            out.push_str(&format!("{pad}{truth}  {text}  <- {values}\n"));
        }
    }
}

/// The fields of a check with their values.
fn values(check: &Predicate, event: &TableEvent, schema: &FieldSchema) -> String {
    let mut shown: Vec<String> = Vec::new();
    for_each_field(check, &mut |field, one| {
        let name = schema.field_text(field);
        let text = match event.values(field) {
            Some(values) => {
                let values: Vec<String> = values.iter().map(value_text).collect();
                let value = match values.as_slice() {
                    [value] if one => value.clone(),
                    values => format!("({})", values.join(", ")),
                };
                format!("{name} is {}", cut(&value, VALUE_COLUMNS))
            }
            None if event.names(field) => format!("{name} is absent"),
            None => format!("{name} is not in the event"),
        };
        if !shown.contains(&text) {
            shown.push(text);
        }
    });
    shown.join(", ")
}

/// The fields of a check, and whether each stands for one value there.
pub(super) fn for_each_field(check: &Predicate, visit: &mut dyn FnMut(FieldRef, bool)) {
    let mut all = |term: &Term| {
        let one = !matches!(term, Term::Field { arity, .. } if *arity != Arity::One);
        fields_of(term, &mut |field| visit(field, one));
    };
    all(&check.lhs);
    if let Side::Term(term) = &check.rhs {
        all(term);
    }
}

fn value_text(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Int(value) => value.to_string(),
        OwnedValue::Uint(value) => value.to_string(),
        OwnedValue::Bool(value) => value.to_string(),
        OwnedValue::Ip(value) => value.to_string(),
        OwnedValue::Double(value) => value.to_string(),
        OwnedValue::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
    }
}

fn cut(text: &str, columns: usize) -> String {
    match text.char_indices().nth(columns) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

fn indented(text: &str, columns: usize) -> String {
    let pad = " ".repeat(columns);
    text.lines().map(|line| format!("{pad}{line}\n")).collect()
}
