//! From definitions to checked rules: lists, macros, conditions, outputs.

mod macros;
mod report;
mod rule;

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::Expr;
use crate::diagnostics::{Code, Context, Diagnostic, Report};
use crate::lexer::SyntaxError;
use crate::loader::collect::Collection;
use crate::loader::defs::RuleDef;
use crate::loader::exceptions::full_condition;
use crate::loader::lists::{Expanded, Insert, Lists};
use crate::loader::resolve::macros::{MacroResult, ParsedMacro};
use crate::loader::{LoaderOptions, Outcome, SkippedRule};
use crate::output::OutputFormat;
use crate::parser::{parse_condition, parse_condition_with};
use crate::schema::Schema;
use crate::source::{Locus, Sources, Text};
use crate::typeck::{Problem, Vocabulary};
use crate::typed::Condition;

/// Most checks of all rules together once macros are written out.
const MAX_TOTAL_NODES: usize = 20_000_000;
/// Most references from rules to faulty macros that are followed in one load.
const MAX_FOLLOWED: usize = 5_000_000;
/// Most bytes of a condition with its exceptions.
const MAX_CONDITION_BYTES: usize = 16 << 20;

/// A rule that passed all checks.
#[derive(Debug, Clone)]
pub struct LoadedRule {
    /// Its definition.
    pub def: RuleDef,
    /// File it was last defined in.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Condition with exceptions and macros.
    pub condition: Arc<Condition>,
    /// Output format.
    pub output: OutputFormat,
}

/// What a condition belongs to.
#[derive(Debug, Clone, Copy)]
struct Owner<'a> {
    /// `rule` or `macro`.
    kind: &'static str,
    name: &'a str,
    at: Locus,
}

impl Owner<'_> {
    /// What the place in its condition is called.
    fn condition(&self) -> &'static str {
        match self.kind {
            "macro" => "macro condition",
            _ => "rule condition",
        }
    }
}

impl<'a> From<&'a RuleDef> for Owner<'a> {
    fn from(def: &'a RuleDef) -> Self {
        Owner {
            kind: "rule",
            name: &def.name,
            at: def.at,
        }
    }
}

struct Resolver<'a> {
    options: &'a LoaderOptions,
    sources: &'a Sources,
    collection: &'a Collection,
    lists: Lists<'a>,
    macros: Vec<ParsedMacro<'a>>,
    /// Macros in an order in which each comes after those it names.
    order: Vec<usize>,
    /// Macros that a rule needs, directly or through others.
    needed_macros: FxHashSet<usize>,
    /// Macros that anything names.
    used_macros: FxHashSet<usize>,
    /// Macros whose faults were reported.
    reported_macros: FxHashSet<usize>,
    /// Nearest names of macros that are not there.
    macro_hints: RefCell<FxHashMap<String, Option<String>>>,
    report: Report,
    reported: FxHashSet<(String, usize, usize, String)>,
    skipped: Vec<SkippedRule>,
    total_nodes: usize,
    /// How many more references to faulty macros are followed.
    follow_left: usize,
}

pub(super) fn resolve(
    options: LoaderOptions,
    sources: Sources,
    collection: Collection,
    report: Report,
    schemas: &[(&str, &dyn Schema)],
) -> Outcome {
    let mut resolver = Resolver {
        options: &options,
        sources: &sources,
        collection: &collection,
        lists: Lists::new(&collection.lists),
        macros: Vec::new(),
        order: Vec::new(),
        needed_macros: FxHashSet::default(),
        used_macros: FxHashSet::default(),
        reported_macros: FxHashSet::default(),
        macro_hints: RefCell::default(),
        report,
        reported: FxHashSet::default(),
        skipped: Vec::new(),
        total_nodes: 0,
        follow_left: MAX_FOLLOWED,
    };
    resolver.parse_macros();
    resolver.order_macros();
    let mut rules = resolver.rules(schemas);
    resolver.warn_unused();
    let Resolver {
        report, skipped, ..
    } = resolver;
    let position: FxHashMap<&str, usize> = collection
        .rules
        .as_slice()
        .iter()
        .enumerate()
        .map(|(i, r)| (r.name.as_str(), i))
        .collect();
    rules.sort_by_key(|rule| position.get(rule.def.name.as_str()).copied());
    let files: FxHashMap<&str, usize> = sources
        .iter()
        .enumerate()
        .map(|(index, file)| (file.name.as_str(), index))
        .collect();
    let diagnostics = report.finish(|d| (files.get(d.file.as_str()).copied(), d.line, d.column));
    let Collection {
        lists,
        macros,
        required_engine_version,
        ..
    } = collection;
    Outcome {
        rules,
        diagnostics,
        skipped,
        lists,
        macros,
        required_engine_version,
        sources,
    }
}

impl<'a> Resolver<'a> {
    /// Substitutes lists and parses.
    fn parse(&mut self, text: &Text, owner: Owner<'_>) -> (Expanded, Option<Expr>) {
        let (expanded, error) = match self.parse_marked(text) {
            Ok((expanded, Ok(expr))) => return (expanded, Some(expr)),
            Ok((expanded, Err(error))) => (expanded, error),
            Err(message) => {
                let diagnostic = Diagnostic::at(self.sources, Code::Validate, owner.at, message)
                    .with_context(self.root(owner));
                self.report(diagnostic);
                return (Expanded::default(), None);
            }
        };
        let context = self.root(owner);
        let made = |list: &&Insert| list.words.is_some() || !expanded.text.is_verbatim(error.at);
        let list = expanded.insert_at(error.at).filter(made);
        let bare = list.map(|list| {
            let name = &self.lists.def(list.list).name;
            format!("a list stands in parentheses: ({name})")
        });
        let problem = Problem {
            hint: error.hint.or(bare),
            ..Problem::new(error.at, error.message)
        };
        let code = Code::CompileConditionError;
        let diagnostic = self.diagnostic(code, &expanded, &problem, owner, context);
        self.report(diagnostic);
        (Expanded::default(), None)
    }

    /// Parses with marks for lists; where a list does not stand among values, as text. The outer
    /// error is a sentence about the substitution.
    #[allow(clippy::type_complexity)]
    fn parse_marked(
        &mut self,
        text: &Text,
    ) -> Result<(Expanded, Result<Expr, SyntaxError>), String> {
        let marked = self.lists.mark(text)?;
        let named = |at| {
            let index = marked.inserts.binary_search_by_key(&at, |i| i.at).ok()?;
            marked.inserts[index].words.clone()
        };
        let (result, taken) = parse_condition_with(marked.text.as_str(), &named);
        let as_meant = match &result {
            Ok(_) => taken == marked.mark_count(),
            Err(error) => is_apart_from_lists(&marked, error.at, taken),
        };
        if as_meant {
            return Ok((marked, result));
        }
        let written = self.lists.write_out(text)?;
        let result = parse_condition(written.text.as_str());
        Ok((written, result))
    }

    /// The way to an item: its file and itself.
    fn root(&self, owner: Owner<'_>) -> Vec<Context> {
        let start = Locus {
            file: owner.at.file,
            offset: 0,
        };
        vec![
            Context::at(self.sources, "rules content", "", start),
            self.step(owner),
        ]
    }

    fn step(&self, owner: Owner<'_>) -> Context {
        Context::at(self.sources, owner.kind, owner.name, owner.at)
    }

    /// Checks all rules of the sources that have a schema.
    fn rules(&mut self, schemas: &[(&str, &dyn Schema)]) -> Vec<LoadedRule> {
        let mut rules = Vec::new();
        let all: &'a [RuleDef] = self.collection.rules.as_slice();
        let parsed: Vec<(Expanded, Option<Expr>)> =
            all.iter().map(|def| self.parse_rule(def)).collect();
        self.mark_used(&parsed);
        self.check_unneeded();
        for &(source, schema) in schemas {
            let vocabulary = Vocabulary::new(schema);
            let of_source = all
                .iter()
                .zip(&parsed)
                .filter(|(def, _)| def.source == source);
            let mut macros: Option<Vec<MacroResult>> = None;
            for (def, (text, expr)) in of_source {
                // A condition that does not parse does not hide what is wrong with the output.
                let Some(expr) = expr else {
                    self.check_output(def, &vocabulary);
                    continue;
                };
                let macros = macros.get_or_insert_with(|| self.check_macros(&vocabulary));
                rules.extend(self.rule(def, text, expr, macros, &vocabulary));
            }
        }
        rules
    }

    fn parse_rule(&mut self, def: &RuleDef) -> (Expanded, Option<Expr>) {
        match full_condition(&def.condition, &def.exceptions, MAX_CONDITION_BYTES) {
            Some(full) => self.parse(&full, def.into()),
            None => {
                let message = format!(
                    "with its exceptions the condition is longer than {MAX_CONDITION_BYTES} bytes"
                );
                let owner = def.into();
                let diagnostic = Diagnostic::at(self.sources, Code::Validate, def.at, message)
                    .with_context(self.root(owner));
                self.report(diagnostic);
                (Expanded::default(), None)
            }
        }
    }
}

/// Whether a syntax error found with marks is the one that would be found in the text: all marks
/// before it were read as lists, none is at it, no list is empty, since an empty list takes a comma
/// with it, and it is no open string, which the text of a later list might close.
pub(super) fn is_apart_from_lists(marked: &Expanded, at: usize, taken: usize) -> bool {
    let marks = || {
        marked
            .inserts
            .iter()
            .filter(|insert| insert.words.is_some())
    };
    let empty = |words: &crate::ast::SharedWords| words.words.is_empty();
    let quote = matches!(marked.text.as_str().as_bytes().get(at), Some(b'"' | b'\''));
    marks().filter(|mark| mark.at < at).count() == taken
        && marks().all(|mark| mark.at != at && !mark.words.as_deref().is_some_and(empty))
        && !(quote && marks().any(|mark| mark.at > at))
}
