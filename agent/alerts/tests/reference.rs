//! The alerts that Falco printed, printed again from their fields: the same bytes.
//!
//! What the fields of an event are is another matter (`agent/fields`, `tests/live`); here the values
//! come from the reference and everything else from the stock rules.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use saker_alerts::{Alert, FormatOptions, Formatter, JsonOptions, RuleLabel};
use saker_engine::compiler::{AppendOutput, RuleMeta, RuleSet, Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions};
use saker_engine::output::RenderOptions;
use saker_engine::schema::{Event, EventType, FieldError, FieldInfo, FieldRef, Resolved, Schema};
use saker_engine::value::{Value, ValueType};
use saker_fields::FieldSchema;
use serde_json::Value as Json;

const FILES: [&str; 3] = [
    "falco_rules.yaml",
    "falco-incubating_rules.yaml",
    "falco-sandbox_rules.yaml",
];
/// What `suggested_output` appends.
const SUGGESTED: [&str; 6] = [
    "container.id",
    "container.name",
    "container.image.repository",
    "container.image.tag",
    "k8s.pod.name",
    "k8s.ns.name",
];

fn directory() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/compat");
    std::env::var_os("SAKER_COMPAT").map_or_else(|| default.into(), PathBuf::from)
}

fn read(file: &str) -> Vec<u8> {
    let path = directory().join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The real vocabulary, which remembers under which names a field was asked for.
struct Remembering {
    schema: FieldSchema,
    names: RefCell<HashMap<FieldRef, (Vec<String>, ValueType)>>,
}

impl Schema for Remembering {
    fn resolve(&self, name: &str, arg: Option<&str>) -> Result<Resolved, FieldError> {
        let resolved = self.schema.resolve(name, arg)?;
        let written = match arg {
            Some(arg) => format!("{name}[{arg}]"),
            None => name.to_owned(),
        };
        let mut names = self.names.borrow_mut();
        let entry = names
            .entry(resolved.field)
            .or_insert_with(|| (Vec::new(), resolved.ty));
        if !entry.0.contains(&written) {
            entry.0.push(written);
        }
        Ok(resolved)
    }

    fn fields(&self) -> &[FieldInfo] {
        self.schema.fields()
    }

    fn event_count(&self) -> u16 {
        self.schema.event_count()
    }

    fn event_name(&self, event: EventType) -> &str {
        self.schema.event_name(event)
    }

    fn is_event_type_field(&self, field: FieldRef) -> bool {
        self.schema.is_event_type_field(field)
    }

    fn is_event_number_field(&self, field: FieldRef) -> bool {
        self.schema.is_event_number_field(field)
    }
}

/// An event whose fields are those of an alert.
struct Replay<'a> {
    schema: &'a Remembering,
    fields: &'a serde_json::Map<String, Json>,
}

impl Replay<'_> {
    fn json(&self, field: FieldRef) -> Option<(&Json, ValueType)> {
        let names = self.schema.names.borrow();
        let (names, ty) = &names[&field];
        let value = names.iter().find_map(|name| self.fields.get(name));
        let value = value.unwrap_or_else(|| panic!("the alert has no field {names:?}"));
        (!value.is_null()).then_some((value, *ty))
    }
}

impl Event for Replay<'_> {
    fn event_type(&self) -> EventType {
        EventType(0)
    }

    fn get(&self, field: FieldRef) -> Option<Value<'_>> {
        let (value, ty) = self.json(field)?;
        Some(match (value, ty) {
            (Json::String(text), ValueType::Ip) => Value::Ip(text.parse().expect("an address")),
            (Json::String(text), _) => Value::Bytes(text.as_bytes()),
            (Json::Bool(value), _) => Value::Bool(*value),
            (Json::Number(number), ValueType::Int | ValueType::RelTime) => {
                Value::Int(number.as_i64().expect("an integer"))
            }
            (Json::Number(number), _) => Value::Uint(number.as_u64().expect("an integer")),
            other => panic!("{other:?}"),
        })
    }

    fn each(&self, field: FieldRef, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool {
        // The reference has lists only as joined text.
        self.get(field).map(visit).is_some()
    }
}

fn stock_rules(schema: &Remembering) -> RuleSet {
    let mut loader = Loader::new(LoaderOptions::default());
    for file in FILES {
        loader.add_file(file, &read(&format!("falco-rules/{file}")));
    }
    let outcome = loader.finish(schema);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let suggested = SUGGESTED
        .iter()
        .map(|f| (f.replace('.', "_"), (*f).to_owned()));
    let append_output = vec![AppendOutput {
        suggested: suggested.collect(),
        ..AppendOutput::default()
    }];
    let selection = Selection {
        append_output,
        switches: vec![saker_engine::compiler::Switch {
            enable: true,
            target: saker_engine::compiler::Target::Rule("*".to_owned()),
        }],
        ..Selection::default()
    };
    compile(&outcome, schema, &selection).expect("outputs that parse")
}

fn alert(rule: &RuleMeta, event: &Replay<'_>, time_ns: u64, render: RenderOptions) -> Alert {
    let mut message = String::new();
    rule.output.render(event, render, &mut message);
    Alert {
        rule: Arc::new(RuleLabel {
            name: rule.name.clone(),
            priority: rule.priority,
            source: rule.source.clone(),
            tags: rule.tags.iter().cloned().collect(),
        }),
        time_ns,
        message,
        fields: rule.output.fields(event, render),
    }
}

fn line(formatter: &Formatter, alert: &Alert) -> String {
    let mut line = Vec::new();
    formatter.line(alert, &mut line);
    String::from_utf8(line).expect("text")
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_alerts_have_the_bytes_of_the_reference() {
    let schema = Remembering {
        schema: FieldSchema::new(),
        names: RefCell::default(),
    };
    let rules = stock_rules(&schema);
    let json = Formatter::with_zone(
        FormatOptions {
            json: Some(JsonOptions {
                message: true,
                ..JsonOptions::default()
            }),
            hostname: "vm".to_owned(),
            ..FormatOptions::default()
        },
        TimeZone::UTC,
    );
    let text = Formatter::with_zone(FormatOptions::default(), TimeZone::UTC);
    let reference: Vec<Json> =
        serde_json::from_slice(&read("falco-alerts/reference.json")).expect("JSON");
    let mut compared = 0;
    for action in &reference {
        for key in ["alerts_stable_rules", "alerts_all_rules"] {
            for expected in action[key].as_array().expect("alerts") {
                let name = expected["rule"].as_str().expect("a name");
                let rule = rules.rules().iter().find(|rule| rule.name == name);
                let rule = rule.unwrap_or_else(|| panic!("no rule {name}"));
                let event = Replay {
                    schema: &schema,
                    fields: expected["output_fields"].as_object().expect("fields"),
                };
                let time_ns = expected["output_fields"]["evt.time"]
                    .as_u64()
                    .expect("a time");
                let plain = alert(rule, &event, time_ns, RenderOptions::default());
                // Keys are sorted and nothing is between the tokens, in the reference's lines too.
                assert_eq!(line(&json, &plain), format!("{expected}\n"), "{name}");
                let escape = RenderOptions {
                    escape: true,
                    ..RenderOptions::default()
                };
                let escaped = alert(rule, &event, time_ns, escape);
                let output = expected["output"].as_str().expect("a line");
                assert_eq!(line(&text, &escaped), format!("{output}\n"), "{name}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 44);
}
