//! Reading the keys of one map: every key that is read is known, every other one is an error.

use std::ops::RangeInclusive;

use super::problem::Problem;
use super::tree::{Entry, Kind, Node};

/// Longest edit distance at which a known key is worth suggesting.
const MAX_HINT_DISTANCE: usize = 3;

/// One map of the configuration while it is read.
pub(super) struct Section<'a> {
    /// Path of the map with a dot at its end; empty for the root.
    prefix: String,
    entries: &'a [Entry],
    /// Keys read so far: the vocabulary for hints, and for the test that documents it.
    known: Vec<&'static str>,
    problems: &'a mut Vec<Problem>,
    keys: &'a mut Vec<String>,
}

impl<'a> Section<'a> {
    /// Opens `node` as a map. `keys` collects the full paths of all keys that are read.
    pub(super) fn open(
        node: &'a Node,
        prefix: String,
        problems: &'a mut Vec<Problem>,
        keys: &'a mut Vec<String>,
    ) -> Self {
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            other => {
                let what = prefix.strip_suffix('.').unwrap_or("the configuration");
                let message = format!("{what} must be a map, not {}", other.name());
                problems.push(Problem::new(node.place.clone(), message));
                &[]
            }
        };
        Self {
            prefix,
            entries,
            known: Vec::new(),
            problems,
            keys,
        }
    }

    /// Reads a key with `convert`; `expected` finishes the sentence "KEY must be ...".
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        into: &mut T,
        convert: impl FnOnce(&Node) -> Option<T>,
    ) {
        let Some(node) = self.find(key) else { return };
        match convert(node) {
            Some(value) => *into = value,
            None => {
                let (prefix, found) = (&self.prefix, describe(node));
                let message = format!("{prefix}{key} must be {expected}, not {found}");
                self.problems
                    .push(Problem::new(node.place.clone(), message));
            }
        }
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, into: &mut bool) {
        self.read(key, "true or false", into, |node| match node.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        });
    }

    /// Reads an integer of a range.
    pub(super) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        into: &mut i64,
    ) {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        self.read(key, &expected, into, |node| integer_in(node, &range));
    }

    /// Reads a non-empty text.
    pub(super) fn text(&mut self, key: &'static str, into: &mut String) {
        self.read(key, "text", into, |node| text(node).map(str::to_owned));
    }

    /// Reads a list, element by element.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        into: &mut Vec<T>,
        mut element: impl FnMut(&Node, &str, &mut Vec<Problem>) -> Option<T>,
    ) {
        let Some(node) = self.find(key) else { return };
        let path = format!("{}{key}", self.prefix);
        match &node.kind {
            Kind::List(nodes) => {
                let elements = nodes.iter().enumerate();
                *into = elements
                    .filter_map(|(n, node)| element(node, &format!("{path}[{n}]"), self.problems))
                    .collect();
            }
            other => {
                let message = format!("{path} must be a list, not {}", other.name());
                self.problems
                    .push(Problem::new(node.place.clone(), message));
            }
        }
    }

    /// Reads a map whose keys are the user's, entry by entry.
    pub(super) fn entries(
        &mut self,
        key: &'static str,
        mut entry: impl FnMut(&str, &Node, &mut Vec<Problem>),
    ) {
        let Some(node) = self.find(key) else { return };
        match &node.kind {
            Kind::Map(entries) => {
                for Entry { key, value, .. } in entries {
                    entry(key, value, self.problems);
                }
            }
            other => {
                let (prefix, found) = (&self.prefix, other.name());
                let message = format!("{prefix}{key} must be a map, not {found}");
                self.problems
                    .push(Problem::new(node.place.clone(), message));
            }
        }
    }

    /// Reads a nested map; `keys` of the inner map are known even when it is absent.
    pub(super) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>)) {
        let absent = Node {
            place: super::Place::file(""),
            kind: Kind::Null,
        };
        let node = self.find(key).unwrap_or(&absent);
        self.keys.pop();
        let prefix = format!("{}{key}.", self.prefix);
        let mut inner = Section::open(node, prefix, self.problems, self.keys);
        read(&mut inner);
        inner.finish();
    }

    /// Whether the key is there; makes it known.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// Reports the keys that nobody read.
    pub(super) fn finish(self) {
        for entry in self
            .entries
            .iter()
            .filter(|e| !self.known.contains(&e.key.as_str()))
        {
            let message = format!("unknown key {}{}", self.prefix, entry.key);
            let problem = Problem::new(entry.place.clone(), message);
            let problem = match nearest(&entry.key, &self.known) {
                Some(known) => problem.with_hint(format!("did you mean {}{known}?", self.prefix)),
                None => problem.with_hint(format!("known keys: {}", self.known.join(", "))),
            };
            self.problems.push(problem);
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.keys.push(format!("{}{key}", self.prefix));
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }
}

/// The text of a node that is one and not empty.
pub(super) fn text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The integer of a node if it lies in `range`.
pub(super) fn integer_in(node: &Node, range: &RangeInclusive<i64>) -> Option<i64> {
    match node.kind {
        Kind::Int(value) if range.contains(&value) => Some(value),
        _ => None,
    }
}

fn describe(node: &Node) -> String {
    match &node.kind {
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        Kind::Text(value) => format!("{value:?}"),
        other => other.name().to_owned(),
    }
}

fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|&candidate| (strsim::damerau_levenshtein(key, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= MAX_HINT_DISTANCE.min(candidate.len() / 2))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}
