//! Exceptions of rules: shapes, appends and the condition text they stand for (rules-spec A7).

use std::sync::Arc;

use crate::ast::{Modifier, Op};
use crate::diagnostics::Code;
use crate::loader::defs::{ExceptionDef, ExceptionValue};
use crate::loader::reader::Item;
use crate::source::{Scalar, Text};
use crate::yaml::{Kind, Node};

/// Most exceptions of one rule.
const MAX_EXCEPTIONS: usize = 10_000;

/// Reads `exceptions`. With `existing` they are appended to those: an exception of a known name may
/// give values only.
pub(super) fn read(item: &mut Item<'_>, existing: Option<Vec<ExceptionDef>>) -> Vec<ExceptionDef> {
    let appending = existing.is_some();
    let mut result = existing.unwrap_or_default();
    let known = result.len();
    for node in item.sequence("exceptions").unwrap_or_default() {
        if !matches!(node.kind, Kind::Map(_)) {
            item.report(Code::YamlValidate, node, "Rule exception must be a map");
            continue;
        }
        item.exception = None;
        let Some(name) = required_text(item, node, "name") else {
            continue;
        };
        item.exception = Some((name.value.clone(), item.locus(node)));
        let values_missing = node.get("values").is_none_or(|values| {
            values.is_null() || values.elements().is_some_and(<[Node]>::is_empty)
        });
        let earlier = result[..known]
            .iter()
            .position(|e| e.name.value == name.value);
        if appending && values_missing {
            let message = format!("Appending exception '{}' with no values", name.value);
            item.report(Code::AppendNoValues, node, message);
        }
        if let (true, Some(index)) = (appending, earlier) {
            append(item, node, &mut result[index]);
            continue;
        }
        if result.len() >= MAX_EXCEPTIONS {
            let message = format!("A rule has more than {MAX_EXCEPTIONS} exceptions");
            item.report(Code::Validate, node, message);
            break;
        }
        if result.iter().any(|e| e.name.value == name.value) {
            let message = format!("Multiple definitions of exception '{}'", name.value);
            item.report(Code::ExceptionNameNotUnique, node, message);
        }
        result.extend(definition(item, node, name));
    }
    item.exception = None;
    result
}

fn required_text(item: &mut Item<'_>, node: &Node, key: &str) -> Option<Arc<Scalar>> {
    match node.get(key) {
        Some(value) => item.scalar_of(value, key),
        None => {
            let message = format!("Item has no mapping for key '{key}'");
            item.report(Code::YamlValidate, node, message);
            None
        }
    }
}

fn append(item: &mut Item<'_>, node: &Node, exception: &mut ExceptionDef) {
    if node.get("fields").is_some() || node.get("comps").is_some() {
        let message = format!(
            "Cannot append to exception '{}': only values may be given, not fields or comps",
            exception.name.value
        );
        item.report(Code::Validate, node, message);
        return;
    }
    let values = values(item, node, exception);
    exception.values.extend(values);
}

fn definition(item: &mut Item<'_>, node: &Node, name: Arc<Scalar>) -> Option<ExceptionDef> {
    for key in unknown_keys(node) {
        let message = format!(
            "Unknown key '{}' in exception",
            key.text().unwrap_or_default()
        );
        item.report(Code::UnknownKey, &key, message);
    }
    let Some(fields_node) = node.get("fields") else {
        let message = format!("Rule exception '{}' has no fields property", name.value);
        item.report(Code::Validate, node, message);
        return None;
    };
    let scalar_form = fields_node.scalar().is_some();
    let fields = one_or_more(item, fields_node, "exception fields");
    let comps_node = node.get("comps");
    let comps = comps_node
        .map(|node| one_or_more(item, node, "exception comps"))
        .unwrap_or_default();
    let named = &name.value;
    if fields.is_empty() {
        let message = format!("Rule exception '{named}' has no fields");
        item.report(Code::Validate, fields_node, message);
        return None;
    }
    if let Some(comps_node) = comps_node
        && (comps.len() != fields.len() || comps_node.scalar().is_some() != scalar_form)
    {
        let message =
            format!("Rule exception '{named}': fields and comps must have equal length and form");
        item.report(Code::Validate, comps_node, message);
        return None;
    }
    for comp in &comps {
        check_comp(item, comps_node.unwrap_or(node), named, comp, scalar_form);
    }
    let mut exception = ExceptionDef {
        name,
        scalar_form,
        fields,
        comps,
        values: Vec::new(),
    };
    exception.values = values(item, node, &exception);
    Some(exception)
}

fn unknown_keys(node: &Node) -> Vec<Node> {
    let Kind::Map(entries) = &node.kind else {
        return Vec::new();
    };
    let known = |key: &Node| matches!(key.text(), Some("name" | "fields" | "comps" | "values"));
    entries
        .iter()
        .map(|(key, _)| key)
        .filter(|key| !known(key))
        .cloned()
        .collect()
}

fn one_or_more(item: &mut Item<'_>, node: &Node, what: &str) -> Vec<Arc<Scalar>> {
    match &node.kind {
        Kind::Seq(nodes) => nodes
            .iter()
            .filter_map(|node| item.scalar_of(node, what))
            .collect(),
        _ => item.scalar_of(node, what).into_iter().collect(),
    }
}

/// Whether several values follow this operator.
fn takes_list(comp: &str) -> bool {
    let comp = comp.trim();
    let modified = comp.split_whitespace().nth(1).is_some();
    modified || Op::from_name(comp).is_some_and(Op::is_list)
}

fn check_comp(item: &mut Item<'_>, node: &Node, named: &str, comp: &Scalar, scalar_form: bool) {
    let text = comp.value.trim();
    let mut words = text.split_whitespace();
    let op = words.next().and_then(Op::from_name);
    let modifier = words.next();
    let valid = match (op, modifier) {
        (Some(_), None) => true,
        (Some(op), Some(word)) => op.is_value() && Modifier::from_name(word).is_some(),
        (None, _) => false,
    } && words.next().is_none();
    let message = if !valid {
        format!(
            "Rule exception '{named}': comparison operator '{text}' is not a supported operator"
        )
    } else if scalar_form && !takes_list(text) {
        format!("Rule exception '{named}': operator '{text}' needs fields and comps as lists")
    } else {
        return;
    };
    item.report(Code::Validate, node, message);
}

fn values(item: &mut Item<'_>, node: &Node, exception: &ExceptionDef) -> Vec<Vec<ExceptionValue>> {
    let Some(values) = node.get("values").filter(|values| !values.is_null()) else {
        return Vec::new();
    };
    let named = exception.name.value.clone();
    let Some(nodes) = values.elements() else {
        let message = format!("Rule exception '{named}': values must be a sequence");
        item.report(Code::YamlValidate, values, message);
        return Vec::new();
    };
    let mut result = Vec::new();
    for node in nodes {
        let tuple = if exception.scalar_form {
            item.value_of(node, "An exception value")
                .map(|value| vec![ExceptionValue::One(value)])
        } else {
            tuple(item, node, exception)
        };
        let elements = tuple.iter().flatten().map(|value| match value {
            ExceptionValue::One(_) => 1,
            ExceptionValue::Many(values) => values.len().max(1),
        });
        item.values_read += elements.sum::<usize>();
        result.extend(tuple);
    }
    result
}

fn tuple(
    item: &mut Item<'_>,
    node: &Node,
    exception: &ExceptionDef,
) -> Option<Vec<ExceptionValue>> {
    let named = &exception.name.value;
    let Some(elements) = node.elements() else {
        let message = format!("Rule exception '{named}': each value must be a list");
        item.report(Code::Validate, node, message);
        return None;
    };
    if elements.len() != exception.fields.len() {
        let message = format!(
            "Rule exception '{named}': fields and values lists must have equal length, \
             {} and {} are given",
            exception.fields.len(),
            elements.len()
        );
        item.report(Code::Validate, node, message);
        return None;
    }
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        let value = match &element.kind {
            Kind::Seq(nodes) => ExceptionValue::Many(
                nodes
                    .iter()
                    .filter_map(|node| item.value_of(node, "An exception value"))
                    .collect(),
            ),
            _ => ExceptionValue::One(item.value_of(element, "An exception value")?),
        };
        values.push(value);
    }
    Some(values)
}

/// The condition of a rule with its exceptions: `(condition) and not ... and not ...`.
/// `None` if it becomes longer than `limit` bytes.
pub(super) fn full_condition(
    condition: &Text,
    exceptions: &[ExceptionDef],
    limit: usize,
) -> Option<Text> {
    let with_values: Vec<&ExceptionDef> = exceptions
        .iter()
        .filter(|exception| !exception.values.is_empty())
        .collect();
    let Some((start, _)) = condition.origin(0).filter(|_| !with_values.is_empty()) else {
        return Some(condition.clone());
    };
    let start = Arc::clone(start);
    let mut text = Text::default();
    text.push_made("(", &start, 0);
    text.push_text(condition, 0..condition.len());
    text.push_made(")", &start, 0);
    for exception in with_values {
        text.push_made(" and not ", &exception.name, 0);
        clause(&mut text, exception, limit);
        if text.len() > limit {
            return None;
        }
    }
    Some(text)
}

/// Adds an exception; ends early when the text is longer than `limit` bytes.
fn clause(text: &mut Text, exception: &ExceptionDef, limit: usize) {
    if exception.scalar_form {
        let field = &exception.fields[0];
        let comp = exception.comps.first();
        text.push_made("(", field, 0);
        text.push(field, 0..field.value.len());
        push_comp(text, comp, "in", field);
        let values = exception
            .values
            .iter()
            .flatten()
            .filter_map(|value| match value {
                ExceptionValue::One(value) => Some(value),
                ExceptionValue::Many(_) => None,
            });
        push_list(text, values, field);
        text.push_made(")", field, 0);
        return;
    }
    let name = &exception.name;
    text.push_made("(", name, 0);
    for (index, tuple) in exception.values.iter().enumerate() {
        if text.len() > limit {
            return;
        }
        text.push_made(if index > 0 { " or (" } else { "(" }, name, 0);
        for (position, (field, value)) in exception.fields.iter().zip(tuple).enumerate() {
            if position > 0 {
                text.push_made(" and ", field, 0);
            }
            let comp = exception.comps.get(position);
            text.push(field, 0..field.value.len());
            push_comp(text, comp, "=", field);
            match value {
                ExceptionValue::Many(values) => push_list(text, values.iter(), field),
                ExceptionValue::One(value) if comp.is_some_and(|c| takes_list(&c.value)) => {
                    if value.value.starts_with('(') {
                        text.push(value, 0..value.value.len());
                    } else {
                        push_list(text, std::iter::once(value), field);
                    }
                }
                ExceptionValue::One(value) => push_value(text, value),
            }
        }
        text.push_made(")", name, 0);
    }
    text.push_made(")", name, 0);
}

fn push_comp(text: &mut Text, comp: Option<&Arc<Scalar>>, default: &str, field: &Arc<Scalar>) {
    text.push_made(" ", field, 0);
    match comp {
        Some(comp) => {
            let start = comp.value.len() - comp.value.trim_start().len();
            text.push(comp, start..comp.value.trim_end().len().max(start));
        }
        None => text.push_made(default, field, 0),
    }
    text.push_made(" ", field, 0);
}

fn push_list<'a>(
    text: &mut Text,
    values: impl Iterator<Item = &'a Arc<Scalar>>,
    origin: &Arc<Scalar>,
) {
    text.push_made("(", origin, 0);
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push_made(", ", value, 0);
        }
        push_value(text, value);
    }
    text.push_made(")", origin, 0);
}

/// Adds a value, in quotes if it is empty or has a blank in it and is not quoted yet.
pub(super) fn push_value(text: &mut Text, value: &Arc<Scalar>) {
    let quote = needs_quotes(&value.value);
    if quote {
        text.push_made("\"", value, 0);
    }
    text.push(value, 0..value.value.len());
    if quote {
        text.push_made("\"", value, value.value.len());
    }
}

/// Whether a list item or exception value must be quoted in a condition.
pub(super) fn needs_quotes(value: &str) -> bool {
    value.is_empty() || (value.contains(' ') && !value.starts_with(['"', '\'']))
}
