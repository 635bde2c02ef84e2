//! Events written down as JSON (docs/rules.md).

use anyhow::{Context, anyhow, bail};
use saker_engine::ast::Operand;
use saker_engine::parser::parse_operand_at;
use saker_engine::schema::{Arity, EventType, FieldError, IntFormat, Resolved, Schema};
use saker_engine::table::TableEvent;
use saker_engine::value::{OwnedValue as Owned, ValueType};
use saker_fields::FieldSchema;
use serde_json::{Map, Value as Json};

/// Most events of one file.
const MAX_EVENTS: usize = 10_000;
/// Most names that a hint is searched in.
const MAX_HINT_DISTANCE: f64 = 0.8;

/// Reads one or several events, one JSON object after the other.
///
/// # Errors
/// What is not JSON, no event, or names fields and values that do not exist, with its place.
pub(super) fn parse(text: &str, schema: &FieldSchema) -> anyhow::Result<Vec<TableEvent>> {
    let mut events = Vec::new();
    for (number, json) in (1..).zip(serde_json::Deserializer::from_str(text).into_iter()) {
        let json: Json = json.map_err(|error| anyhow!("not JSON: {error}"))?;
        let list = match json {
            Json::Array(list) => list,
            other => vec![other],
        };
        for json in list {
            if events.len() == MAX_EVENTS {
                bail!("more than {MAX_EVENTS} events");
            }
            let event = event(&json, schema).with_context(|| format!("event {number}"))?;
            events.push(event);
        }
    }
    if events.is_empty() {
        bail!(
            "no event; write an object of fields, such as \
             {{\"evt.type\": \"openat\", \"fd.name\": \"/etc/shadow\"}}"
        );
    }
    Ok(events)
}

fn event(json: &Json, schema: &FieldSchema) -> anyhow::Result<TableEvent> {
    let Json::Object(object) = json else {
        bail!("an object of fields expected, not {}", kind(json));
    };
    // An alert as the agent prints it carries its fields inside.
    let fields: &Map<String, Json> = match object.get("output_fields") {
        Some(Json::Object(fields)) => fields,
        Some(other) => bail!("output_fields must be an object, not {}", kind(other)),
        None => object,
    };
    let name = match fields.get("evt.type") {
        Some(Json::String(name)) => name,
        Some(other) => bail!("evt.type must be the name of an event, not {}", kind(other)),
        None => bail!("evt.type is missing: it says which event this is, such as \"openat\""),
    };
    let event = schema.event_type(name).ok_or_else(|| {
        let names = (0..schema.event_count()).map(|at| schema.event_name(EventType(at)));
        anyhow!("no event is called '{name}'{}", hint(name, names))
    })?;
    let mut made = TableEvent::new(event);
    for (also, value) in [
        ("syscall.type", Owned::text(name)),
        ("evt.num", Owned::Uint(1)),
    ] {
        if let Ok(resolved) = schema.resolve(also, None) {
            made.set(resolved.field, Some(vec![value]));
        }
    }
    for (field, value) in schema.static_fields() {
        made.set(field, Some(vec![Owned::text(value)]));
    }
    for (written, json) in fields {
        let resolved = resolve(written, schema)?;
        let values = values_of(json, &resolved).map_err(|error| anyhow!("{written}: {error}"))?;
        made.set(resolved.field, values);
    }
    Ok(made)
}

fn resolve(written: &str, schema: &FieldSchema) -> anyhow::Result<Resolved> {
    let operand = parse_operand_at(written, 0)
        .ok()
        .filter(|(_, end)| *end == written.len());
    let Some((Operand::Field { name, arg, .. }, _)) = operand else {
        bail!("'{written}' is not a field");
    };
    schema
        .resolve(&name, arg.as_deref())
        .map_err(|error| match error {
            FieldError::Argument(why) => anyhow!("{written}: {why}"),
            FieldError::Unknown => {
                let names = schema.fields().iter().map(|info| info.name);
                anyhow!("no field is called '{name}'{}", hint(&name, names))
            }
        })
}

fn hint<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    let near = names
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match near {
        Some((score, name)) if score > MAX_HINT_DISTANCE => format!(": did you mean {name}?"),
        _ => String::new(),
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// `None`: absent.
fn values_of(json: &Json, resolved: &Resolved) -> Result<Option<Vec<Owned>>, String> {
    match json {
        Json::Null => Ok(None),
        Json::Array(_) if resolved.arity == Arity::One => {
            Err("has one value, not a list".to_owned())
        }
        Json::Array(list) => {
            let values: Result<Vec<_>, _> = list.iter().map(|json| one(json, resolved)).collect();
            values.map(Some)
        }
        json => Ok(Some(vec![one(json, resolved)?])),
    }
}

fn one(json: &Json, resolved: &Resolved) -> Result<Owned, String> {
    let wrong = |wanted: &str| format!("{wanted} expected, not {json}");
    let text = json.as_str();
    // Alerts print such numbers as strings.
    let digits = |text: &str| {
        let hex = text.strip_prefix("0x");
        match (hex, resolved.int_format) {
            (Some(hex), _) => u64::from_str_radix(hex, 16).ok(),
            (None, IntFormat::Hex) => u64::from_str_radix(text, 16).ok(),
            (None, IntFormat::Octal) => u64::from_str_radix(text, 8).ok(),
            (None, IntFormat::Decimal) => text.parse().ok(),
        }
    };
    match resolved.ty {
        ValueType::Int | ValueType::RelTime => {
            let number = json.as_i64().or_else(|| text?.parse().ok());
            number.map(Owned::Int).ok_or_else(|| wrong("an integer"))
        }
        ValueType::Uint | ValueType::AbsTime | ValueType::Port => {
            let number = json.as_u64().or_else(|| digits(text?));
            let number = number.ok_or_else(|| wrong("a whole number of 0 or more"))?;
            if resolved.ty == ValueType::Port && number > u64::from(u16::MAX) {
                return Err(wrong("a port up to 65535"));
            }
            Ok(Owned::Uint(number))
        }
        ValueType::Bool => match (json, text) {
            (Json::Bool(truth), _) => Ok(Owned::Bool(*truth)),
            (_, Some("true")) => Ok(Owned::Bool(true)),
            (_, Some("false")) => Ok(Owned::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        ValueType::Str | ValueType::Bytes => match (json, text) {
            (_, Some(text)) => Ok(Owned::text(text)),
            (Json::Number(number), _) => Ok(Owned::Bytes(number.to_string().into_bytes())),
            _ => Err(wrong("a string")),
        },
        ValueType::Ip | ValueType::Net => {
            let ip = text.and_then(|text| text.parse().ok());
            ip.map(Owned::Ip).ok_or_else(|| wrong("an IP address"))
        }
        ValueType::Double => {
            let number = json.as_f64().or_else(|| text?.parse().ok());
            number.map(Owned::Double).ok_or_else(|| wrong("a number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use saker_engine::schema::Event as _;

    use super::*;

    fn error(text: &str) -> String {
        let error = parse(text, &FieldSchema::new()).expect_err("an error");
        format!("{error:#}")
    }

    #[test]
    fn values_have_the_types_of_their_fields() {
        let schema = FieldSchema::new();
        let text = r#"{"evt.type": "connect", "fd.sip": "10.0.0.1", "fd.sport": "443", "fd.num": 3,
            "proc.aname": ["sh", "sshd"], "proc.aname[2]": "sshd", "evt.arg.flags": null,
            "fd.net": ["10.0.0.1"], "proc.env[HOME]": "/root"}"#;
        let events = parse(text, &schema).expect("an event");
        let get = |field: &str| {
            let field = resolve(field, &schema).expect("a field").field;
            events[0].get(field).map(|value| format!("{value:?}"))
        };
        assert_eq!(get("fd.sport").as_deref(), Some("Uint(443)"));
        assert_eq!(get("fd.num").as_deref(), Some("Int(3)"));
        assert_eq!(get("fd.sip").as_deref(), Some("Ip(10.0.0.1)"));
        assert_eq!(get("evt.arg.flags"), None);
        assert_eq!(get("evt.num").as_deref(), Some("Uint(1)"));
        let flags = resolve("evt.arg.flags", &schema).expect("a field").field;
        assert!(events[0].names(flags), "said to be absent");
    }

    #[test]
    fn static_fields_have_their_configured_values_unless_the_event_says_otherwise() {
        let values = [("env".to_owned(), "prod".to_owned())].into();
        let schema = FieldSchema::with_static_fields(&values);
        let text = r#"{"evt.type": "open"} {"evt.type": "open", "static.env": "test"}"#;
        let events = parse(text, &schema).expect("events");
        let env = resolve("static.env", &schema).expect("a field").field;
        let values = events.iter().map(|event| format!("{:?}", event.get(env)));
        let wanted = ["prod", "test"].map(|v| format!("Some(Bytes({:?}))", v.as_bytes()));
        assert_eq!(values.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn alerts_and_several_events_are_read() {
        let schema = FieldSchema::new();
        let text = r#"{"rule": "x", "output_fields": {"evt.type": "open", "fd.name": "/x"}}
            [{"evt.type": "execve"}, {"evt.type": "openat"}]"#;
        let events = parse(text, &schema).expect("events");
        let names: Vec<&str> = events
            .iter()
            .map(|e| schema.event_name(e.event_type()))
            .collect();
        assert_eq!(names, ["open", "execve", "openat"]);
    }

    #[test]
    fn bad_input_is_named_with_what_to_do() {
        assert_eq!(
            error(r#"{"evt.type": "opennat"}"#),
            "event 1: no event is called 'opennat': did you mean openat?"
        );
        assert_eq!(
            error(r#"{"evt.type": "open", "proc.nme": "x"}"#),
            "event 1: no field is called 'proc.nme': did you mean proc.name?"
        );
        assert_eq!(
            error(r#"{"evt.type": "open", "fd.num": "x"}"#),
            "event 1: fd.num: an integer expected, not \"x\""
        );
        assert_eq!(
            error(r#"{"evt.type": "open", "proc.name": ["a"]}"#),
            "event 1: proc.name: has one value, not a list"
        );
        assert!(error(r#"{"fd.name": "/x"}"#).contains("evt.type is missing"));
        assert!(error("{").starts_with("not JSON: "), "{}", error("{"));
        assert!(error("").starts_with("no event; write an object of fields"));
        assert_eq!(
            error("3"),
            "event 1: an object of fields expected, not a number"
        );
        assert_eq!(
            error(r#"{"evt.type": "open", "a b": 1}"#),
            "event 1: 'a b' is not a field"
        );
    }
}
