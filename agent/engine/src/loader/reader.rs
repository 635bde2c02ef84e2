//! Reading keys of YAML items with complaints at the right place.

use std::sync::Arc;

use crate::diagnostics::{Code, Context, Diagnostic, Report, Severity, nearest};
use crate::source::{FileId, Locus, Scalar, Sources};
use crate::yaml::{Kind, Node};

/// Longest condition, output or description in bytes, appended parts included.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Longest name, tag or other single word in bytes.
const MAX_WORD_BYTES: usize = 4096;

/// Reads one item (a map) of a rules file.
pub(super) struct Item<'a> {
    pub(super) sources: &'a Sources,
    pub(super) file: FileId,
    pub(super) node: &'a Node,
    /// `list`, `macro`, `rule`, ...
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Exception that is being read, and where it stands.
    pub(super) exception: Option<(String, Locus)>,
    /// Values in exceptions read so far, each element of a tuple counted.
    pub(super) values_read: usize,
    pub(super) found: Vec<Diagnostic>,
    /// How many more errors and warnings are kept.
    room: (usize, usize),
    /// Codes of those there was no room for.
    dropped: Vec<Code>,
}

impl<'a> Item<'a> {
    pub(super) fn new(
        sources: &'a Sources,
        file: FileId,
        node: &'a Node,
        kind: &'static str,
        report: &Report,
    ) -> Self {
        Self {
            sources,
            file,
            node,
            kind,
            name: String::new(),
            exception: None,
            values_read: 0,
            found: Vec::new(),
            room: report.room(),
            dropped: Vec::new(),
        }
    }

    pub(super) fn locus(&self, node: &Node) -> Locus {
        Locus {
            file: self.file,
            offset: node.span.start,
        }
    }

    /// Where the item stands.
    pub(super) fn at(&self) -> Locus {
        self.locus(self.node)
    }

    pub(super) fn context(&self) -> Vec<Context> {
        let start = Locus {
            file: self.file,
            offset: 0,
        };
        let mut steps = vec![
            Context::at(self.sources, "rules content", "", start),
            Context::at(self.sources, self.kind, &self.name, self.at()),
        ];
        let exception = self.exception.as_ref();
        steps.extend(exception.map(|(name, at)| Context::at(self.sources, "exception", name, *at)));
        steps
    }

    /// Adds a diagnostic at `node`.
    pub(super) fn report(&mut self, code: Code, node: &Node, message: impl Into<String>) {
        self.report_hint(code, node, message, None);
    }

    pub(super) fn report_hint(
        &mut self,
        code: Code,
        node: &Node,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        if !self.take_room(code) {
            return;
        }
        let diagnostic = Diagnostic::at(self.sources, code, self.locus(node), message)
            .with_hint(hint)
            .with_context(self.context());
        self.found.push(diagnostic);
    }

    /// Whether one more is kept; if not, it is only counted.
    fn take_room(&mut self, code: Code) -> bool {
        let room = match code.severity() {
            Severity::Error => &mut self.room.0,
            Severity::Warning => &mut self.room.1,
        };
        let kept = *room > 0;
        *room = room.saturating_sub(1);
        if !kept {
            self.dropped.push(code);
        }
        kept
    }

    /// Hands over what was found.
    pub(super) fn report_to(&mut self, report: &mut Report) {
        for diagnostic in self.found.drain(..) {
            report.push(diagnostic);
        }
        for code in self.dropped.drain(..) {
            report.count(code);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        let found = self.found.iter().map(|d| d.severity);
        let dropped = self.dropped.iter().map(|code| code.severity());
        found
            .chain(dropped)
            .any(|severity| severity == Severity::Error)
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key)
    }

    /// Warns about keys that are not in `known`.
    pub(super) fn check_keys(&mut self, known: &[&str]) {
        let Kind::Map(entries) = &self.node.kind else {
            return;
        };
        for (key, _) in entries.iter() {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let hint = match self.room.1 {
                    0 => None,
                    _ => nearest(name, known.iter().copied()),
                };
                let hint = hint.map(|near| format!("did you mean {near}?"));
                let message = format!("Unknown key '{name}' in {}", self.kind);
                self.report_hint(Code::UnknownKey, key, message, hint);
            }
        }
    }

    /// A non-empty scalar under `key`; absent is `None` without complaint.
    pub(super) fn scalar(&mut self, key: &str) -> Option<Arc<Scalar>> {
        let node = self.get(key)?;
        self.scalar_of(node, key)
    }

    /// A non-empty scalar.
    pub(super) fn scalar_of(&mut self, node: &Node, what: &str) -> Option<Arc<Scalar>> {
        let limit = match what {
            "condition" | "output" | "desc" => MAX_TEXT_BYTES,
            _ => MAX_WORD_BYTES,
        };
        match &node.kind {
            Kind::Scalar(scalar) if scalar.value.len() > limit => {
                let len = scalar.value.len();
                let message = format!("'{what}' has {len} bytes, at most {limit} are allowed");
                self.report(Code::YamlValidate, node, message);
                None
            }
            Kind::Scalar(scalar) if !scalar.value.is_empty() => Some(Arc::clone(scalar)),
            kind => {
                let problem = match kind {
                    Kind::Scalar(_) | Kind::Null => "is empty",
                    Kind::Seq(_) => "is a list, not a scalar",
                    Kind::Map(_) => "is a map, not a scalar",
                };
                self.report(Code::YamlValidate, node, format!("'{what}' {problem}"));
                None
            }
        }
    }

    /// A scalar that may be empty.
    pub(super) fn value_of(&mut self, node: &Node, what: &str) -> Option<Arc<Scalar>> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.value.len() > MAX_TEXT_BYTES => {
                let len = scalar.value.len();
                let message =
                    format!("{what} has {len} bytes, at most {MAX_TEXT_BYTES} are allowed");
                self.report(Code::YamlValidate, node, message);
                None
            }
            Kind::Scalar(scalar) => Some(Arc::clone(scalar)),
            _ => {
                let message = format!("{what} must be a scalar and not null");
                self.report(Code::YamlValidate, node, message);
                None
            }
        }
    }

    /// The same, required.
    pub(super) fn required(&mut self, key: &str) -> Option<Arc<Scalar>> {
        if self.get(key).is_none() {
            let message = format!("Item has no mapping for key '{key}'");
            self.report(Code::YamlValidate, self.node, message);
        }
        self.scalar(key)
    }

    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        let value = node.as_bool();
        if value.is_none() {
            self.report(
                Code::YamlValidate,
                node,
                format!("'{key}' must be true or false"),
            );
        }
        value
    }

    /// Elements of a sequence under `key`; `None` when absent or (with a complaint) not one.
    pub(super) fn sequence(&mut self, key: &str) -> Option<&'a [Node]> {
        let node = self.get(key)?;
        let elements = node.elements();
        if elements.is_none() {
            self.report(
                Code::YamlValidate,
                node,
                format!("'{key}' must be a sequence"),
            );
        }
        elements
    }
}

/// What an item does to an earlier one of its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Override {
    pub(super) append: Vec<String>,
    pub(super) replace: Vec<String>,
}

impl Item<'_> {
    /// Reads `override` and checks it against the keys present (rules-spec A4).
    pub(super) fn overrides(
        &mut self,
        appendable: &[&str],
        replaceable: &[&str],
    ) -> Option<Override> {
        let node = self.get("override")?;
        let Kind::Map(entries) = &node.kind else {
            self.report(Code::YamlValidate, node, "'override' must be a map");
            return None;
        };
        let mut result = Override::default();
        for (key, operation) in entries.iter() {
            let name = key.text().unwrap_or_default();
            if !replaceable.contains(&name) {
                let hint = nearest(name, replaceable.iter().copied());
                let hint = hint.map(|near| format!("did you mean {near}?"));
                let message = format!("Key '{name}' cannot be overridden in a {}", self.kind);
                self.report_hint(Code::YamlValidate, key, message, hint);
                continue;
            }
            match operation.text() {
                Some("replace") => result.replace.push(name.to_owned()),
                Some("append") if appendable.contains(&name) => result.append.push(name.to_owned()),
                Some("append") => {
                    let message = format!("Key '{name}' cannot be appended to");
                    let hint = Some("use 'replace' instead".to_owned());
                    self.report_hint(Code::YamlValidate, operation, message, hint);
                }
                _ => {
                    let message = format!("Override of '{name}' must be 'append' or 'replace'");
                    self.report(Code::YamlValidate, operation, message);
                }
            }
            if self.get(name).is_none() {
                let message = format!("An override for '{name}' is given but the key is missing");
                self.report(Code::YamlValidate, key, message);
            }
        }
        for &key in replaceable {
            let named = entries.iter().any(|(name, _)| name.text() == Some(key));
            if let (Some(value), false) = (self.get(key), named) {
                let message = format!("Key '{key}' is given without an entry under 'override'");
                self.report(Code::YamlValidate, value, message);
            }
        }
        if let Some(append) = self.get("append") {
            let message = "Keys 'override' and 'append' cannot be used together";
            self.report(Code::YamlValidate, append, message);
        }
        Some(result)
    }
}
