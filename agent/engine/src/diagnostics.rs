//! Errors and warnings about rules files: codes, places and how they are printed.

use std::fmt;

use serde_json::{Value as Json, json};

use crate::source::{Locus, Sources};

/// Most errors, and most warnings, that one load reports.
pub const MAX_REPORTED: usize = 10_000;
/// Longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 600;
/// Longest name of an item in a diagnostic, in bytes.
const MAX_NAME_BYTES: usize = 200;
/// Longest name worth a look for similar ones.
const MAX_NEAREST_BYTES: usize = 100;

/// Whether loading may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably not as meant.
    Warning,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident, $text:literal;)*) => {
        /// What kind of problem it is; names and texts are those Falco prints (rules-spec A8).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// The printed name, such as `LOAD_ERR_VALIDATE`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }
            /// Error or warning.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }
            /// The `codedesc` of JSON results.
            pub fn description(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// Unreadable file.
    FileRead = "LOAD_ERR_FILE_READ", Error, "File read error";
    /// Not YAML.
    YamlParse = "LOAD_ERR_YAML_PARSE", Error, "YAML parse error";
    /// Wrong shape: types, required keys, overrides, priority.
    YamlValidate = "LOAD_ERR_YAML_VALIDATE", Error,
        "Error validating internal structure of YAML file";
    /// A condition that does not parse or type-check.
    CompileConditionError = "LOAD_ERR_COMPILE_CONDITION", Error, "Error compiling condition";
    /// A wrong output format.
    CompileOutput = "LOAD_ERR_COMPILE_OUTPUT", Error, "Error compiling output";
    /// References that do not hold: macros, appends, versions, exceptions, loops, bounds.
    Validate = "LOAD_ERR_VALIDATE", Error,
        "Error validating rule/macro/list/exception objects";
    /// Reserved.
    Extension = "LOAD_ERR_EXTENSION", Error, "Error in extension item";
    /// Rule for a source nobody provides; it is dropped.
    UnknownSource = "LOAD_UNKNOWN_SOURCE", Warning, "The rule's event source is not known";
    /// `ka.*` or `jevt.*` compared with the text `<NA>`.
    UnsafeNaCheck = "LOAD_UNSAFE_NA_CHECK", Warning,
        "An absent value never equals the text <NA>; use exists";
    /// A rule that looks at nearly every event type.
    NoEvttype = "LOAD_NO_EVTTYPE", Warning,
        "The condition does not narrow down evt.type, which costs performance";
    /// A rule dropped by `skip-if-unknown-filter`.
    UnknownFilter = "LOAD_UNKNOWN_FILTER", Warning,
        "The rule names something unknown and asks to be skipped then";
    /// A macro nothing refers to.
    UnusedMacro = "LOAD_UNUSED_MACRO", Warning, "The macro is not used";
    /// A list nothing refers to.
    UnusedList = "LOAD_UNUSED_LIST", Warning, "The list is not used";
    /// A top-level map of no known kind.
    UnknownItem = "LOAD_UNKNOWN_ITEM", Warning, "The item is of no known kind and is ignored";
    /// Something that still works but should be written differently.
    DeprecatedItem = "LOAD_DEPRECATED_ITEM", Warning, "A deprecated item is used";
    /// Reserved.
    WarningExtension = "LOAD_WARNING_EXTENSION", Warning, "Warning in extension item";
    /// An exception appended without values.
    AppendNoValues = "LOAD_APPEND_NO_VALUES", Warning, "The exception is appended without values";
    /// Two exceptions of one name in a rule.
    ExceptionNameNotUnique = "LOAD_EXCEPTION_NAME_NOT_UNIQUE", Warning,
        "The rule has several exceptions of that name";
    /// A macro name that cannot be written in a condition.
    InvalidMacroName = "LOAD_INVALID_MACRO_NAME", Warning, "The macro's name is invalid";
    /// A list name that cannot be written in a condition.
    InvalidListName = "LOAD_INVALID_LIST_NAME", Warning, "The list's name is invalid";
    /// A condition that is valid but suspicious.
    CompileConditionWarning = "LOAD_COMPILE_CONDITION", Warning,
        "The condition is valid but probably not what was meant";
    /// A key that its item does not have.
    UnknownKey = "LOAD_UNKNOWN_KEY", Warning, "The key is not known here and is ignored";
}

/// One step on the way to the problem: `rule 'X'`, `condition expression`, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Kind, in Falco's words (`rule`, `macro condition`, `rule output`, ...).
    pub item_type: &'static str,
    /// Name, empty where there is none.
    pub item_name: String,
    /// File it stands in.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Byte offset.
    pub offset: usize,
}

impl Context {
    /// A step that stands at a place of a file.
    pub fn at(sources: &Sources, item_type: &'static str, item_name: &str, at: Locus) -> Self {
        let file = sources.file(at.file);
        let position = file.position(at.offset);
        Self {
            item_type,
            item_name: clip_to(item_name.to_owned(), MAX_NAME_BYTES),
            file: file.name.clone(),
            line: position.line,
            column: position.column,
            offset: position.offset,
        }
    }
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning; always that of the code.
    pub severity: Severity,
    /// Kind of problem.
    pub code: Code,
    /// File name as given to the loader.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, in one sentence.
    pub message: String,
    /// The source line and a line with a caret; empty when there is no source.
    pub snippet: String,
    /// What may help.
    pub hint: Option<String>,
    /// From the file down to the place: what stands in what, and what names what.
    pub context: Vec<Context>,
    /// The deprecated field, for [`Code::DeprecatedItem`].
    pub deprecated_field: Option<String>,
}

impl Diagnostic {
    /// A diagnostic at a place of a file.
    pub fn at(sources: &Sources, code: Code, at: Locus, message: impl Into<String>) -> Self {
        let file = sources.file(at.file);
        let position = file.position(at.offset);
        Self {
            severity: code.severity(),
            code,
            file: file.name.clone(),
            line: position.line,
            column: position.column,
            message: clip(message.into()),
            snippet: file.snippet(at.offset),
            hint: None,
            context: Vec::new(),
            deprecated_field: None,
        }
    }

    /// A diagnostic about something outside the rules files, such as an appended output.
    pub fn elsewhere(place: &str, code: Code, column: usize, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            file: place.to_owned(),
            line: 1,
            column,
            message: clip(message.into()),
            snippet: String::new(),
            hint: None,
            context: Vec::new(),
            deprecated_field: None,
        }
    }

    /// The same with a hint.
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The same with the way to it.
    pub fn with_context(mut self, context: Vec<Context>) -> Self {
        self.context = context;
        self
    }

    /// The item whose text it is about.
    pub fn innermost(&self) -> Option<&Context> {
        self.context.iter().rfind(|step| !step.item_name.is_empty())
    }

    /// From the innermost item outwards: an item, the one that it is part of, and the place there.
    pub fn chain(&self) -> impl Iterator<Item = (&Context, &Context, &Context)> {
        (2..self.context.len()).rev().filter_map(|index| {
            let named = &self.context[index];
            let place = &self.context[index - 1];
            let by = self.context[..index]
                .iter()
                .rfind(|step| !step.item_name.is_empty())?;
            let place = if place.item_name.is_empty() {
                place
            } else {
                named
            };
            (!named.item_name.is_empty()).then_some((named, by, place))
        })
    }

    /// The object Falco prints for one error or warning (rules-spec A8).
    pub fn to_json(&self) -> Json {
        let locations: Vec<Json> = self
            .context
            .iter()
            .map(|step| {
                json!({
                    "item_type": step.item_type,
                    "item_name": step.item_name,
                    "position": {"name": step.file, "line": step.line,
                        "column": step.column, "offset": step.offset},
                })
            })
            .collect();
        let mut object = json!({
            "context": {"locations": locations, "snippet": self.snippet},
            "code": self.code.name(),
            "codedesc": self.code.description(),
            "message": self.message,
        });
        if let Some(field) = &self.deprecated_field {
            object["deprecated_field"] = json!(field);
        }
        object
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (file, line, column) = (&self.file, self.line, self.column);
        write!(
            f,
            "{file}:{line}:{column}: {severity}[{}]: ",
            self.code.name()
        )?;
        if let Some(step) = self.innermost() {
            write!(f, "{} '{}': ", step.item_type, step.item_name)?;
        }
        f.write_str(&self.message)?;
        for row in self.snippet.lines() {
            write!(f, "\n  | {row}")?;
        }
        for (named, by, place) in self.chain() {
            let (file, line, column) = (&place.file, place.line, place.column);
            write!(f, "\n  = {} '{}' ", named.item_type, named.item_name)?;
            write!(f, "is part of {} '{}' ", by.item_type, by.item_name)?;
            write!(f, "at {file}:{line}:{column}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  = hint: {hint}")?;
        }
        Ok(())
    }
}

/// Errors and warnings as they are found, no more than [`MAX_REPORTED`] of each.
#[derive(Debug, Default)]
pub(crate) struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// Whether one more of that kind would be kept.
    pub(crate) fn has_room(&self, code: Code) -> bool {
        let count = match code.severity() {
            Severity::Error => self.errors,
            Severity::Warning => self.warnings,
        };
        count < MAX_REPORTED
    }

    /// How many more errors and warnings would be kept.
    pub(crate) fn room(&self) -> (usize, usize) {
        (
            MAX_REPORTED.saturating_sub(self.errors),
            MAX_REPORTED.saturating_sub(self.warnings),
        )
    }

    /// Adds one, or only counts it.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let kept = self.has_room(diagnostic.code);
        self.count(diagnostic.code);
        if kept {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Counts one that is not worth making because there is no room for it.
    pub(crate) fn count(&mut self, code: Code) {
        match code.severity() {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
    }

    /// All that were kept, sorted by `key`, and what is to be said about the others.
    pub(crate) fn finish<K: Ord>(mut self, key: impl FnMut(&Diagnostic) -> K) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(key);
        let last = self.diagnostics.last().map(|last| last.file.clone());
        let file = last.unwrap_or_default();
        let mut more = |code, count: usize, what: &str| {
            if let Some(more @ 1..) = count.checked_sub(MAX_REPORTED) {
                let message = format!("{more} more {what} are not shown");
                let diagnostic = Diagnostic::elsewhere(&file, code, 1, message);
                self.diagnostics.push(diagnostic);
            }
        };
        more(Code::Validate, self.errors, "errors");
        more(Code::UnknownKey, self.warnings, "warnings");
        self.diagnostics
    }
}

/// A text cut to the length of a message.
pub(crate) fn clip(text: String) -> String {
    clip_to(text, MAX_MESSAGE_BYTES)
}

fn clip_to(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("...");
        text.shrink_to_fit();
    }
    text
}

/// The known name nearest to a misspelt one, if it is near enough to be worth a hint.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_NEAREST_BYTES {
        return None;
    }
    let limit = (name.len() / 3).clamp(1, 4);
    known
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= limit)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}
