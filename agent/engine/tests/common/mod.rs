//! A small vocabulary and events made by hand.
#![allow(dead_code, unreachable_pub)]

use std::ops::ControlFlow;
use std::sync::Arc;

use saker_engine::compiler::{RuleSet, Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions, Outcome};
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::schema::{
    ArgKind, Arity, Event, EventType, FieldError, FieldInfo, FieldRef, IntFormat, Place, Resolved,
    Schema,
};
use saker_engine::table::TableEvent;
pub use saker_engine::value::OwnedValue as Owned;
use saker_engine::value::{Value, ValueType};

/// Event types of the test vocabulary.
pub const EVENTS: [&str; 4] = ["open", "openat", "connect", "execve"];

/// Names, types and arities of the test vocabulary; `evt.type` is 0 and `evt.num` 1.
pub const FIELDS: &[(&str, ValueType, Arity)] = &[
    ("evt.type", ValueType::Str, Arity::One),
    ("evt.num", ValueType::Uint, Arity::One),
    ("proc.name", ValueType::Str, Arity::One),
    ("proc.pname", ValueType::Str, Arity::One),
    ("proc.aname", ValueType::Str, Arity::Any),
    ("fd.name", ValueType::Str, Arity::One),
    ("fd.num", ValueType::Int, Arity::One),
    ("user.uid", ValueType::Uint, Arity::One),
    ("evt.is_open_read", ValueType::Bool, Arity::One),
    ("fd.ip", ValueType::Ip, Arity::Ends),
    ("fd.net", ValueType::Net, Arity::Ends),
    ("fd.port", ValueType::Port, Arity::Ends),
    ("fd.sip", ValueType::Ip, Arity::One),
    ("evt.buffer", ValueType::Bytes, Arity::One),
    ("proc.tags", ValueType::Str, Arity::List),
    ("proc.ids", ValueType::Uint, Arity::List),
    ("evt.load", ValueType::Double, Arity::One),
    ("proc.cmdline", ValueType::Str, Arity::One),
    ("evt.mode", ValueType::Uint, Arity::One),
    ("ka.user", ValueType::Str, Arity::One),
    ("evt.outputtime", ValueType::Str, Arity::One),
];

/// The vocabulary: [`FIELDS`] and [`EVENTS`]; `proc.aname[N]` is one value, stored under `N + 1`.
pub struct TestSchema {
    infos: Vec<FieldInfo>,
    events: Vec<String>,
    /// Accept any other field with a dot as a string (for files whose fields are not at hand).
    pub lenient: bool,
}

impl Default for TestSchema {
    fn default() -> Self {
        let infos = FIELDS.iter().map(|&(name, ty, arity)| FieldInfo {
            name,
            ty,
            arity,
            arg: if name == "proc.aname" {
                ArgKind::OptionalIndex
            } else {
                ArgKind::None
            },
            place: match arity {
                Arity::Ends => Place::ConditionOnly,
                _ if name == "evt.outputtime" => Place::OutputOnly,
                _ => Place::Anywhere,
            },
            int_format: if name == "evt.mode" {
                IntFormat::Octal
            } else {
                IntFormat::Decimal
            },
            on_right: matches!(arity, Arity::One | Arity::List),
            in_transformer: matches!(arity, Arity::One | Arity::List),
            cost: 2,
            description: "A test field.",
        });
        let events = EVENTS.iter().map(|name| (*name).to_owned()).collect();
        Self {
            infos: infos.collect(),
            events,
            lenient: false,
        }
    }
}

impl TestSchema {
    pub fn with_events(events: Vec<String>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }

    fn unknown(&self, name: &str, arg: Option<&str>) -> Result<Resolved, FieldError> {
        if !self.lenient {
            return Err(FieldError::Unknown);
        }
        let numeric = [
            "fd.num",
            "evt.rawres",
            "proc.tty",
            "proc.vpid",
            "proc.duration",
        ];
        let is_number = numeric.contains(&name);
        let is_list = name.starts_with("ka.") && name.contains(".containers.");
        let hash = name.bytes().chain(arg.unwrap_or("").bytes());
        let hash = hash.fold(7u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        Ok(Resolved {
            field: FieldRef {
                id: u16::MAX,
                arg: hash,
            },
            ty: if is_number {
                ValueType::Int
            } else {
                ValueType::Str
            },
            arity: if is_list { Arity::List } else { Arity::One },
            int_format: IntFormat::Decimal,
            place: Place::Anywhere,
            on_right: true,
            in_transformer: true,
            cost: 2,
        })
    }
}

impl Schema for TestSchema {
    fn resolve(&self, name: &str, arg: Option<&str>) -> Result<Resolved, FieldError> {
        let Some(id) = self.infos.iter().position(|info| info.name == name) else {
            return self.unknown(name, arg);
        };
        let info = &self.infos[id];
        let (arity, number) = match (arg, info.arg) {
            (None, _) => (info.arity, 0),
            (Some(index), ArgKind::OptionalIndex) => match index.parse::<u32>() {
                Ok(index) => (Arity::One, index + 1),
                Err(_) => return Err(FieldError::Argument("needs a number".to_owned())),
            },
            (Some(_), _) => return Err(FieldError::Argument("takes no argument".to_owned())),
        };
        Ok(Resolved {
            field: FieldRef {
                id: id as u16,
                arg: number,
            },
            ty: info.ty,
            arity,
            int_format: info.int_format,
            place: info.place,
            on_right: info.on_right,
            in_transformer: info.in_transformer,
            cost: info.cost,
        })
    }

    fn fields(&self) -> &[FieldInfo] {
        &self.infos
    }

    fn event_count(&self) -> u16 {
        self.events.len() as u16
    }

    fn event_name(&self, event: EventType) -> &str {
        &self.events[usize::from(event.0)]
    }

    fn is_event_type_field(&self, field: FieldRef) -> bool {
        field.id == 0
    }

    fn is_event_number_field(&self, field: FieldRef) -> bool {
        field.id == 1
    }
}

/// An event with values by field.
#[derive(Debug, Clone)]
pub struct TestEvent(TableEvent);

impl TestEvent {
    pub fn new(event: &str) -> Self {
        let number = EVENTS
            .iter()
            .position(|known| *known == event)
            .expect("known event") as u16;
        let made = TestEvent(TableEvent::new(EventType(number)));
        made.with("evt.type", &[Owned::text(event)])
            .with("evt.num", &[Owned::Uint(1)])
    }

    pub fn with(self, field: &str, values: &[Owned]) -> Self {
        self.with_arg(field, 0, values)
    }

    pub fn with_arg(mut self, field: &str, arg: u32, values: &[Owned]) -> Self {
        let id = FIELDS
            .iter()
            .position(|known| known.0 == field)
            .expect("known field") as u16;
        self.0.set(FieldRef { id, arg }, Some(values.to_vec()));
        self
    }
}

impl Event for TestEvent {
    fn event_type(&self) -> EventType {
        self.0.event_type()
    }

    fn get(&self, field: FieldRef) -> Option<Value<'_>> {
        self.0.get(field)
    }

    fn each(&self, field: FieldRef, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool {
        self.0.each(field, visit)
    }
}

/// Loads one file against the test vocabulary.
pub fn load(text: &str) -> Outcome {
    let mut loader = Loader::new(LoaderOptions::default());
    loader.add_file("test.yaml", text.as_bytes());
    loader.finish(&TestSchema::default())
}

/// Errors and warnings as text without source lines.
pub fn messages(outcome: &Outcome) -> Vec<String> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    outcome
        .diagnostics
        .iter()
        .map(|d| first_line(d.to_string()))
        .collect()
}

/// A file with one rule of that condition.
pub fn one_rule(condition: &str) -> String {
    let condition = serde_json::Value::from(condition);
    format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: info\n")
}

/// Compiles a file that must be free of errors.
pub fn compiled(text: &str) -> Arc<RuleSet> {
    let outcome = load(text);
    let errors: Vec<String> = outcome.errors().map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let set = compile(&outcome, &TestSchema::default(), &Selection::default());
    Arc::new(set.expect("nothing appended to outputs"))
}

/// Names of the rules that match.
pub fn matching(set: &Arc<RuleSet>, event: &TestEvent, mode: Matching) -> Vec<String> {
    let mut names = Vec::new();
    let mut matcher = Matcher::new(Arc::clone(set));
    matcher.matches(event, mode, &mut |rule| names.push(rule.name.clone()));
    names
}

/// Whether the condition holds for the event.
pub fn holds(condition: &str, event: &TestEvent) -> bool {
    !matching(&compiled(&one_rule(condition)), event, Matching::First).is_empty()
}

/// The conditions of `yes` hold for the event, those of `no` do not.
pub fn check(event: &TestEvent, yes: &[&str], no: &[&str]) {
    for condition in yes {
        assert!(holds(condition, event), "should hold: {condition}");
    }
    for condition in no {
        assert!(!holds(condition, event), "should not hold: {condition}");
    }
}

/// The text loads with a finding that contains `expected`.
pub fn finds(text: &str, expected: &str) {
    let all = messages(&load(text));
    assert!(all.iter().any(|m| m.contains(expected)), "{text}\n{all:?}");
}

/// Whether some rule of the file matches.
pub fn fires(text: &str, event: &TestEvent) -> bool {
    !matching(&compiled(text), event, Matching::First).is_empty()
}
