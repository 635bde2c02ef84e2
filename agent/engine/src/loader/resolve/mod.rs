//! From definitions to checked rules: lists, macros, conditions, outputs.

mod macros;
mod report;
mod rule;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::Expr;
use crate::diagnostics::{Code, Diagnostic};
use crate::loader::collect::Collection;
use crate::loader::defs::RuleDef;
use crate::loader::exceptions::full_condition;
use crate::loader::lists::ListTexts;
use crate::loader::resolve::macros::{MacroResult, ParsedMacro};
use crate::loader::{LoaderOptions, Outcome, SkippedRule};
use crate::output::OutputFormat;
use crate::parser::parse_condition;
use crate::schema::Schema;
use crate::source::{Locus, Sources, Text};
use crate::typeck::{Problem, Vocabulary};
use crate::typed::Condition;

/// Most checks of all rules together once macros are written out.
const MAX_TOTAL_NODES: usize = 20_000_000;

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

struct Resolver<'a> {
    options: &'a LoaderOptions,
    sources: &'a Sources,
    collection: &'a Collection,
    lists: ListTexts,
    macros: Vec<ParsedMacro<'a>>,
    /// Macros in an order in which each comes after those it names.
    order: Vec<usize>,
    used_macros: FxHashSet<usize>,
    diagnostics: Vec<Diagnostic>,
    reported: FxHashSet<(String, usize, usize, String)>,
    skipped: Vec<SkippedRule>,
    total_nodes: usize,
}

pub(super) fn resolve(
    options: LoaderOptions,
    sources: Sources,
    collection: Collection,
    diagnostics: Vec<Diagnostic>,
    schemas: &[(&str, &dyn Schema)],
) -> Outcome {
    let mut resolver = Resolver {
        options: &options,
        sources: &sources,
        collection: &collection,
        lists: ListTexts::new(&collection.lists),
        macros: Vec::new(),
        order: Vec::new(),
        used_macros: FxHashSet::default(),
        diagnostics,
        reported: FxHashSet::default(),
        skipped: Vec::new(),
        total_nodes: 0,
    };
    resolver.parse_macros();
    resolver.order_macros();
    let mut rules = resolver.rules(schemas);
    resolver.warn_unused();
    let Resolver {
        mut diagnostics,
        skipped,
        ..
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
    diagnostics.sort_by_key(|d| (files.get(d.file.as_str()).copied(), d.line, d.column));
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
    fn parse(
        &mut self,
        text: &Text,
        kind: &'static str,
        name: &str,
        at: Locus,
    ) -> (Text, Option<Expr>) {
        let expanded = match self.lists.expand(text, &self.collection.lists) {
            Ok(expanded) => expanded,
            Err(message) => {
                let diagnostic = Diagnostic::at(self.sources, Code::Validate, at, message)
                    .with_context(vec![self.step(kind, name, at)]);
                self.report(diagnostic);
                return (text.clone(), None);
            }
        };
        match parse_condition(expanded.as_str()) {
            Ok(expr) => (expanded, Some(expr)),
            Err(error) => {
                let context = vec![self.step(kind, name, at)];
                let problem = Problem {
                    hint: error.hint,
                    ..Problem::new(error.at, error.message)
                };
                let code = Code::CompileConditionError;
                let diagnostic = self.diagnostic(code, &expanded, &problem, at, context);
                self.report(diagnostic);
                (expanded, None)
            }
        }
    }

    /// Checks all rules of the sources that have a schema.
    fn rules(&mut self, schemas: &[(&str, &dyn Schema)]) -> Vec<LoadedRule> {
        let mut rules = Vec::new();
        let all: &'a [RuleDef] = self.collection.rules.as_slice();
        let parsed: Vec<(Text, Option<Expr>)> = all
            .iter()
            .map(|def| {
                let full = full_condition(&def.condition, &def.exceptions);
                self.parse(&full, "rule", &def.name, def.at)
            })
            .collect();
        self.mark_used(&parsed);
        for &(source, schema) in schemas {
            let vocabulary = Vocabulary::new(schema);
            let of_source = all
                .iter()
                .zip(&parsed)
                .filter(|(def, _)| def.source == source);
            let mut macros: Option<Vec<MacroResult>> = None;
            for (def, (text, expr)) in of_source {
                let Some(expr) = expr else { continue };
                let macros = macros.get_or_insert_with(|| self.check_macros(&vocabulary));
                rules.extend(self.rule(def, text, expr, macros, &vocabulary));
            }
        }
        rules
    }
}
