//! Rules files: YAML items, lists, macros and rules, resolved and type-checked (rules-spec A).

mod collect;
mod defs;
mod exceptions;
mod lists;
mod reader;
mod resolve;
mod rules;
mod versions;

use std::fmt;

pub use collect::{MAX_DEFINITIONS, MAX_LIST_ITEMS, MAX_RULES};
pub use defs::{ExceptionDef, ExceptionValue, ListDef, MacroDef, Priority, RuleDef, Table};
pub use resolve::LoadedRule;
pub use rules::DEFAULT_SOURCE;
pub use versions::{BUILT_IN_PLUGINS, ENGINE_VERSION, Version};

use crate::diagnostics::{Code, Diagnostic, Report, Severity};
use crate::loader::collect::Collection;
use crate::schema::Schema;
use crate::source::{Locus, SourceFile, Sources};
use crate::yaml;

/// Largest rules file in bytes.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// What to do with a rule that names a field the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownField {
    /// Report an error (`saker check`).
    #[default]
    Error,
    /// Leave the rule out and list it in [`Outcome::skipped`] (the agent).
    Skip,
}

/// How to load.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// Rules that name unknown fields.
    pub unknown_field: UnknownField,
    /// Event sources rules may have; rules of other sources are dropped with a warning.
    pub sources: Vec<String>,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            unknown_field: UnknownField::Error,
            sources: vec![DEFAULT_SOURCE.to_owned()],
        }
    }
}

/// A rule that was left out because the schema lacks fields it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRule {
    /// Name of the rule.
    pub name: String,
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// The fields, as written.
    pub missing: Vec<String>,
}

/// What the files say.
#[derive(Debug)]
pub struct Outcome {
    /// Rules that may be compiled, in order of first definition, disabled ones included.
    pub rules: Vec<LoadedRule>,
    /// Errors and warnings in order of file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// Rules left out because of unknown fields.
    pub skipped: Vec<SkippedRule>,
    /// All lists.
    pub lists: Table<ListDef>,
    /// All macros.
    pub macros: Table<MacroDef>,
    /// Highest `required_engine_version`.
    pub required_engine_version: Option<Version>,
    /// The files.
    pub sources: Sources,
}

impl Outcome {
    /// Whether there is an error in any file.
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
    }

    /// The warnings.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Warning)
    }
}

/// Reads rules files in order.
pub struct Loader {
    options: LoaderOptions,
    sources: Sources,
    collection: Collection,
    report: Report,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("rules", &self.collection.rules.len())
            .finish()
    }
}

impl Loader {
    /// A loader that has read nothing.
    pub fn new(options: LoaderOptions) -> Self {
        let known_sources = options.sources.clone();
        let collection = Collection {
            known_sources,
            ..Collection::default()
        };
        Self {
            options,
            sources: Sources::default(),
            collection,
            report: Report::default(),
        }
    }

    /// Reads one file. Later files append to, override and redefine what earlier ones say.
    pub fn add_file(&mut self, name: &str, bytes: &[u8]) {
        if bytes.len() > MAX_FILE_BYTES {
            let len = bytes.len();
            let message = format!("the file has {len} bytes, at most {MAX_FILE_BYTES} are read");
            self.report
                .push(Diagnostic::elsewhere(name, Code::FileRead, 1, message));
            return;
        }
        let invalid = std::str::from_utf8(bytes)
            .err()
            .map(|error| error.valid_up_to());
        let text = String::from_utf8_lossy(bytes).into_owned();
        let text = match text.strip_prefix('\u{feff}') {
            Some(stripped) => stripped.to_owned(),
            None => text,
        };
        let file = self.sources.add(SourceFile::new(name, text));
        if let Some(offset) = invalid {
            let at = Locus { file, offset };
            let message = "the file is not valid UTF-8";
            self.report
                .push(Diagnostic::at(&self.sources, Code::YamlParse, at, message));
            return;
        }
        let documents = yaml::parse(file, &self.sources.file(file).text);
        for root in &documents.roots {
            self.collection
                .document(&self.sources, file, root, &mut self.report);
        }
        for error in documents.errors {
            let at = Locus {
                file,
                offset: error.offset,
            };
            let code = Code::YamlParse;
            self.report
                .push(Diagnostic::at(&self.sources, code, at, error.message));
        }
    }

    /// Records a file that could not be read, so that it is reported with the others.
    pub fn add_unreadable(&mut self, name: &str, reason: &str) {
        self.report
            .push(Diagnostic::elsewhere(name, Code::FileRead, 1, reason));
    }

    /// Resolves and type-checks everything against the schema of source `syscall`.
    pub fn finish(self, schema: &dyn Schema) -> Outcome {
        self.finish_sources(&[(DEFAULT_SOURCE, schema)])
    }

    /// The same for several event sources, each with its own schema. Rules of a source without a
    /// schema here are dropped.
    pub fn finish_sources(self, schemas: &[(&str, &dyn Schema)]) -> Outcome {
        resolve::resolve(
            self.options,
            self.sources,
            self.collection,
            self.report,
            schemas,
        )
    }
}
