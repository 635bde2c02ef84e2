//! Lists, macros and rules as defined by the files, after appends and overrides.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::source::{Locus, Scalar, Text};

/// Severity of a rule, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// 0
    Emergency,
    /// 1
    Alert,
    /// 2
    Critical,
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Informational,
    /// 7
    Debug,
}

impl Priority {
    const ALL: [(Priority, &'static str); 8] = [
        (Priority::Emergency, "Emergency"),
        (Priority::Alert, "Alert"),
        (Priority::Critical, "Critical"),
        (Priority::Error, "Error"),
        (Priority::Warning, "Warning"),
        (Priority::Notice, "Notice"),
        (Priority::Informational, "Informational"),
        (Priority::Debug, "Debug"),
    ];

    /// Reads a name in any case; `info` is informational.
    pub fn from_name(name: &str) -> Option<Priority> {
        if name.eq_ignore_ascii_case("info") {
            return Some(Priority::Informational);
        }
        let found = Self::ALL
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name));
        found.map(|&(priority, _)| priority)
    }

    /// The name alerts print.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// 0 (emergency) to 7 (debug), as in syslog(3).
    pub fn number(self) -> u8 {
        self as u8
    }

    /// All names, for hints.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|&(_, name)| name)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A list.
#[derive(Debug, Clone)]
pub struct ListDef {
    /// Name.
    pub name: String,
    /// Items as written.
    pub items: Vec<Arc<Scalar>>,
    /// Where it was last defined.
    pub at: Locus,
    /// Global counter at first definition.
    pub index: usize,
    /// Global counter at last definition (rules-spec A5).
    pub visibility: usize,
}

/// A macro.
#[derive(Debug, Clone)]
pub struct MacroDef {
    /// Name.
    pub name: String,
    /// Condition as written, appends included.
    pub condition: Text,
    /// Where it was last defined.
    pub at: Locus,
    /// Global counter at first definition.
    pub index: usize,
    /// Global counter at last definition.
    pub visibility: usize,
}

/// A value of an exception: one, or several for a list operator.
#[derive(Debug, Clone)]
pub enum ExceptionValue {
    /// One value.
    One(Arc<Scalar>),
    /// Several.
    Many(Vec<Arc<Scalar>>),
}

/// An exception of a rule (rules-spec A7).
#[derive(Debug, Clone)]
pub struct ExceptionDef {
    /// Name.
    pub name: Arc<Scalar>,
    /// Whether `fields` is one field and not a list.
    pub scalar_form: bool,
    /// Fields.
    pub fields: Vec<Arc<Scalar>>,
    /// Operators, one per field; empty means the default.
    pub comps: Vec<Arc<Scalar>>,
    /// Tuples; in scalar form each has one element.
    pub values: Vec<Vec<ExceptionValue>>,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct RuleDef {
    /// Name.
    pub name: String,
    /// Condition as written, appends included, exceptions not.
    pub condition: Text,
    /// Output as written.
    pub output: Text,
    /// Description.
    pub desc: String,
    /// Priority.
    pub priority: Priority,
    /// Event source.
    pub source: String,
    /// Initial state.
    pub enabled: bool,
    /// Tags, sorted.
    pub tags: BTreeSet<String>,
    /// Exceptions.
    pub exceptions: Vec<ExceptionDef>,
    /// Whether to warn about too many event types.
    pub warn_evttypes: bool,
    /// Whether to drop the rule when it names something unknown.
    pub skip_if_unknown_filter: bool,
    /// Whether a match starts a capture file.
    pub capture: bool,
    /// Length of that capture in milliseconds; 0 is the configured default.
    pub capture_duration_ms: u64,
    /// Where it was last defined.
    pub at: Locus,
}

/// Things by name in order of first definition.
#[derive(Debug, Clone)]
pub struct Table<T> {
    items: Vec<T>,
    by_name: FxHashMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            by_name: FxHashMap::default(),
        }
    }
}

impl<T> Table<T> {
    /// The thing of that name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|index| &self.items[index])
    }

    /// The thing of that name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        let index = self.position(name)?;
        Some(&mut self.items[index])
    }

    /// Position of the thing of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Adds a thing, or replaces the one of that name in place.
    pub fn set(&mut self, name: &str, item: T) {
        match self.position(name) {
            Some(index) => self.items[index] = item,
            None => {
                self.by_name.insert(name.to_owned(), self.items.len());
                self.items.push(item);
            }
        }
    }

    /// All, in order.
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
