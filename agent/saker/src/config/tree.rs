//! YAML as a tree whose nodes know where they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::problem::{Place, Problem};

/// Deepest nesting of lists and maps; nothing in the configuration needs more than five.
const MAX_DEPTH: usize = 32;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

impl Kind {
    /// The kind as a word for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) => "an integer",
            Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// Reads one document; an empty one is an empty map. `place` says where its first line stands.
pub(super) fn parse(text: &str, origin: &Place) -> Result<Node, Problem> {
    let failed = |error: &serde_yaml::Error| {
        let at = error.location().map(|l| (l.line(), l.column()));
        let message = error.without_snippet().to_string();
        // The message repeats the position that the place already tells.
        let message = message
            .split(" at line ")
            .next()
            .unwrap_or(&message)
            .to_owned();
        Problem::new(origin.at(at), format!("not valid YAML: {message}"))
    };
    let raw: Option<Spanned<Raw>> = serde_yaml::from_str(text).map_err(|error| failed(&error))?;
    let empty = Node {
        place: origin.clone(),
        kind: Kind::Map(Vec::new()),
    };
    raw.map_or(Ok(empty), |raw| located(raw, origin, 0))
}

fn located(raw: Spanned<Raw>, origin: &Place, depth: usize) -> Result<Node, Problem> {
    let at = (raw.referenced.line(), raw.referenced.column());
    let place = origin.at(Some(at));
    if depth > MAX_DEPTH {
        return Err(Problem::new(
            place,
            format!("nested deeper than {MAX_DEPTH} levels"),
        ));
    }
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Bool(value) => Kind::Bool(value),
        Raw::Int(value) => Kind::Int(value),
        Raw::Float(value) => Kind::Float(value),
        Raw::Text(value) => Kind::Text(value),
        Raw::List(values) => Kind::List(
            values
                .into_iter()
                .map(|value| located(value, origin, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let at = (key.referenced.line(), key.referenced.column());
                    let value = located(value, origin, depth + 1)?;
                    Ok(Entry {
                        key: key.value,
                        place: origin.at(Some(at)),
                        value,
                    })
                })
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(Node { place, kind })
}

/// The tree as the YAML library hands it over.
#[derive(Debug)]
enum Raw {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        // No key takes a number that large, so its exact value does not matter.
        Ok(Raw::Int(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Raw::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
