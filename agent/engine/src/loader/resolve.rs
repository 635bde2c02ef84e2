//! From definitions to checked rules: lists, macros, conditions, outputs.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::Expr;
use crate::diagnostics::{Code, Context, Diagnostic, Severity};
use crate::loader::collect::Collection;
use crate::loader::defs::{MacroDef, RuleDef, Table};
use crate::loader::exceptions::full_condition;
use crate::loader::lists::ListTexts;
use crate::loader::{LoaderOptions, Outcome, SkippedRule, UnknownField};
use crate::output::OutputFormat;
use crate::parser::{MAX_DEPTH, parse_condition};
use crate::schema::Schema;
use crate::source::{Locus, Sources, Text};
use crate::typeck::{Checker, MAX_CONDITION_NODES, Problem, ProblemKind, Vocabulary};
use crate::typed::{Checked, Condition};

/// Event types a rule may look at without a warning.
const MANY_EVENT_TYPES: usize = 100;
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

/// A parsed macro.
struct ParsedMacro<'a> {
    def: &'a MacroDef,
    text: Text,
    expr: Option<Expr>,
}

/// An error of a condition or output, with its kind until it is known what to do with the rule.
#[derive(Debug, Clone)]
struct Finding {
    kind: ProblemKind,
    diagnostic: Diagnostic,
}

/// Result of checking a macro for one source.
struct MacroResult {
    checked: Option<Checked>,
    findings: Vec<Finding>,
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
    /// Parses the condition of every macro; errors are reported even for unused ones.
    fn parse_macros(&mut self) {
        for def in self.collection.macros.as_slice() {
            let (text, expr) = self.parse(&def.condition, "macro", &def.name, def.at);
            self.macros.push(ParsedMacro { def, text, expr });
        }
    }

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

    fn step(&self, item_type: &'static str, name: &str, at: Locus) -> Context {
        let position = self.sources.position(at);
        Context {
            item_type,
            item_name: name.to_owned(),
            line: position.line,
            column: position.column,
            offset: position.offset,
        }
    }

    fn diagnostic(
        &self,
        code: Code,
        text: &Text,
        problem: &Problem,
        fallback: Locus,
        context: Vec<Context>,
    ) -> Diagnostic {
        let at = text.locate(self.sources, problem.at).unwrap_or(fallback);
        let mut context = context;
        context.push(self.step("condition expression", "", at));
        Diagnostic::at(self.sources, code, at, problem.message.clone())
            .with_hint(problem.hint.clone())
            .with_context(context)
    }

    /// Adds a diagnostic unless the same one is there (macros are checked once per rule source).
    fn report(&mut self, diagnostic: Diagnostic) {
        let key = (
            diagnostic.file.clone(),
            diagnostic.line,
            diagnostic.column,
            diagnostic.message.clone(),
        );
        if self.reported.insert(key) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Position of the macro `name` as seen from macro `from`, if it is visible there.
    fn visible(&self, from: usize, name: &str) -> Option<usize> {
        let table: &Table<MacroDef> = &self.collection.macros;
        let position = table.position(name)?;
        (table.as_slice()[position].index < self.macros[from].def.visibility).then_some(position)
    }

    /// Sorts macros so that each comes after those it names, without recursion. Macros on a cycle
    /// are reported and lose their condition.
    fn order_macros(&mut self) {
        let mut state = vec![Mark::New; self.macros.len()];
        for root in 0..self.macros.len() {
            if state[root] != Mark::New {
                continue;
            }
            state[root] = Mark::Open;
            let mut stack = vec![(root, self.references(root), 0)];
            while let Some((node, references, next)) = stack.last_mut() {
                let (node, reference) = (*node, references.get(*next).copied());
                *next += 1;
                match reference {
                    None => {
                        state[node] = Mark::Done;
                        self.order.push(node);
                        stack.pop();
                    }
                    Some((inner, at)) if state[inner] == Mark::Open => self.cycle(node, inner, at),
                    Some((inner, _)) if state[inner] == Mark::New => {
                        state[inner] = Mark::Open;
                        stack.push((inner, self.references(inner), 0));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn references(&self, index: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        if let Some(expr) = &self.macros[index].expr {
            expr.each_macro(&mut |name, at| {
                found.extend(self.visible(index, name).map(|position| (position, at)));
            });
        }
        found
    }

    fn cycle(&mut self, from: usize, to: usize, at: usize) {
        let (name, place) = (self.macros[to].def.name.clone(), self.macros[from].def);
        let problem = Problem::new(at, format!("reference loop in macro '{name}'"));
        let context = vec![self.step("macro", &place.name, place.at)];
        let text = self.macros[from].text.clone();
        let diagnostic = self.diagnostic(Code::Validate, &text, &problem, place.at, context);
        self.report(diagnostic);
        self.macros[from].expr = None;
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

    fn mark_used(&mut self, parsed: &[(Text, Option<Expr>)]) {
        let table = &self.collection.macros;
        let mut queue: Vec<usize> = Vec::new();
        for expr in parsed.iter().filter_map(|(_, expr)| expr.as_ref()) {
            expr.each_macro(&mut |name, _| queue.extend(table.position(name)));
        }
        while let Some(index) = queue.pop() {
            if self.used_macros.insert(index) {
                queue.extend(self.references(index).into_iter().map(|(inner, _)| inner));
            }
        }
    }

    /// Checks every used macro against one vocabulary, dependencies first.
    fn check_macros(&mut self, vocabulary: &Vocabulary<'_>) -> Vec<MacroResult> {
        let mut results: Vec<MacroResult> = self
            .macros
            .iter()
            .map(|_| MacroResult {
                checked: None,
                findings: Vec::new(),
            })
            .collect();
        for index in self.order.clone() {
            if !self.used_macros.contains(&index) {
                continue;
            }
            let ParsedMacro {
                def,
                text,
                expr: Some(expr),
            } = &self.macros[index]
            else {
                continue;
            };
            let mut checker = Checker::new(vocabulary);
            let checked = checker.condition(expr, &|name| match self.visible(index, name) {
                Some(inner) => results[inner].checked.clone().ok_or(None),
                None => Err(Some(undefined(name))),
            });
            let context = vec![self.step("macro", &def.name, def.at)];
            let mut findings = self.findings(&checker.problems, text, def.at, &context);
            expr.each_macro(&mut |name, _| {
                if let Some(inner) = self.visible(index, name) {
                    findings.extend(results[inner].findings.iter().cloned());
                }
            });
            results[index] = MacroResult {
                checked,
                findings: without_repeats(findings),
            };
            let (text, at, notices) = (text.clone(), def.at, checker.notices);
            self.notices(&text, at, &context, notices);
        }
        results
    }

    fn notices(
        &mut self,
        text: &Text,
        fallback: Locus,
        context: &[Context],
        notices: Vec<crate::typeck::Notice>,
    ) {
        for notice in notices {
            let problem = Problem::new(notice.at, notice.message);
            let mut diagnostic =
                self.diagnostic(notice.code, text, &problem, fallback, context.to_vec());
            diagnostic.deprecated_field = notice.deprecated_field;
            self.report(diagnostic);
        }
    }

    fn findings(
        &self,
        problems: &[Problem],
        text: &Text,
        fallback: Locus,
        context: &[Context],
    ) -> Vec<Finding> {
        let finding = |problem: &Problem| {
            let undefined = problem.message.starts_with("Undefined macro");
            let code = if undefined {
                Code::Validate
            } else {
                Code::CompileConditionError
            };
            let diagnostic = self.diagnostic(code, text, problem, fallback, context.to_vec());
            Finding {
                kind: problem.kind.clone(),
                diagnostic,
            }
        };
        problems.iter().map(finding).collect()
    }

    fn rule(
        &mut self,
        def: &RuleDef,
        text: &Text,
        expr: &Expr,
        macros: &[MacroResult],
        vocabulary: &Vocabulary<'_>,
    ) -> Option<LoadedRule> {
        let table = &self.collection.macros;
        let context = vec![self.step("rule", &def.name, def.at)];
        let mut checker = Checker::new(vocabulary);
        let checked = checker.condition(expr, &|name| match table.position(name) {
            Some(inner) => macros[inner].checked.clone().ok_or(None),
            None => Err(Some(undefined(name))),
        });
        let mut findings = self.findings(&checker.problems, text, def.at, &context);
        let mut broken = checked.is_none();
        expr.each_macro(&mut |name, _| {
            let inner = table.position(name).map(|inner| &macros[inner]);
            findings.extend(
                inner
                    .iter()
                    .flat_map(|inner| inner.findings.iter().cloned()),
            );
        });
        self.notices(text, def.at, &context, checker.notices);
        let output = self.output(def, &context, vocabulary, &mut findings);
        broken |= output.is_none();
        if !findings.is_empty() || broken {
            self.reject(def, without_repeats(findings));
            return None;
        }
        let (checked, output) = (checked?, output?);
        self.total_nodes = self.total_nodes.saturating_add(checked.nodes);
        let too_deep = checked.depth > MAX_DEPTH;
        let too_large = checked.nodes > MAX_CONDITION_NODES || self.total_nodes > MAX_TOTAL_NODES;
        if too_deep || too_large {
            let message = if too_deep {
                format!("exceeded max depth: more than {MAX_DEPTH} levels with macros")
            } else {
                format!("rule expands to too many checks ({})", checked.nodes)
            };
            let diagnostic = Diagnostic::at(self.sources, Code::Validate, def.at, message);
            self.report(diagnostic.with_context(context));
            return None;
        }
        let position = self.sources.position(def.at);
        self.warn_event_types(def, &checked.condition, vocabulary.schema, context);
        Some(LoadedRule {
            def: def.clone(),
            file: self.sources.file(def.at.file).name.clone(),
            line: position.line,
            condition: checked.condition,
            output,
        })
    }

    fn output(
        &mut self,
        def: &RuleDef,
        context: &[Context],
        vocabulary: &Vocabulary<'_>,
        findings: &mut Vec<Finding>,
    ) -> Option<OutputFormat> {
        let mut checker = Checker::new(vocabulary);
        let schema = vocabulary.schema;
        let lookup = |name: &str, arg: Option<&str>| schema.resolve(name, arg).map(|_| ());
        let output = OutputFormat::parse(def.output.as_str(), &mut checker, &lookup);
        for problem in &checker.problems {
            let code = Code::CompileOutput;
            let diagnostic = self.diagnostic(code, &def.output, problem, def.at, context.to_vec());
            findings.push(Finding {
                kind: problem.kind.clone(),
                diagnostic,
            });
        }
        self.notices(&def.output, def.at, context, checker.notices);
        output
    }

    /// Reports a rule with errors, or leaves it out where that was asked for.
    fn reject(&mut self, def: &RuleDef, findings: Vec<Finding>) {
        let unknown = |f: &Finding| f.kind != ProblemKind::Other;
        if def.skip_if_unknown_filter && findings.iter().any(unknown) {
            if let Some(finding) = findings.iter().find(|f| unknown(f)) {
                let mut diagnostic = finding.diagnostic.clone();
                diagnostic.code = Code::UnknownFilter;
                diagnostic.severity = Severity::Warning;
                diagnostic.message = format!("{}, skipping", diagnostic.message);
                self.report(diagnostic);
            }
            return;
        }
        let missing: Vec<String> = findings
            .iter()
            .filter_map(|finding| match &finding.kind {
                ProblemKind::UnknownField(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let only_fields = !missing.is_empty() && missing.len() == findings.len();
        if only_fields && self.options.unknown_field == UnknownField::Skip {
            let mut missing = missing;
            missing.sort_unstable();
            missing.dedup();
            let (name, at) = (def.name.clone(), self.sources.position(def.at));
            let file = self.sources.file(def.at.file).name.clone();
            self.skipped.push(SkippedRule {
                name,
                file,
                line: at.line,
                missing,
            });
            return;
        }
        for finding in findings {
            self.report(finding.diagnostic);
        }
    }

    fn warn_event_types(
        &mut self,
        def: &RuleDef,
        condition: &Condition,
        schema: &dyn Schema,
        context: Vec<Context>,
    ) {
        if !def.warn_evttypes || def.source != super::DEFAULT_SOURCE {
            return;
        }
        let types = crate::compiler::static_event_types(condition, schema);
        if types.count() > MANY_EVENT_TYPES {
            let message = "Rule matches too many evt.type values. This has a significant \
                performance penalty.";
            let diagnostic = Diagnostic::at(self.sources, Code::NoEvttype, def.at, message);
            self.report(diagnostic.with_context(context));
        }
    }

    fn warn_unused(&mut self) {
        let collection = self.collection;
        for (index, def) in collection.macros.as_slice().iter().enumerate() {
            if !self.used_macros.contains(&index) {
                let message = format!(
                    "Macro '{}' not referred to by any other rule/macro",
                    def.name
                );
                let context = vec![self.step("macro", &def.name, def.at)];
                let diagnostic = Diagnostic::at(self.sources, Code::UnusedMacro, def.at, message);
                self.report(diagnostic.with_context(context));
            }
        }
        for (index, def) in collection.lists.as_slice().iter().enumerate() {
            if !self.lists.used().contains(&index) {
                let message = format!(
                    "List '{}' not referred to by any other rule/macro/list",
                    def.name
                );
                let context = vec![self.step("list", &def.name, def.at)];
                let diagnostic = Diagnostic::at(self.sources, Code::UnusedList, def.at, message);
                self.report(diagnostic.with_context(context));
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

fn undefined(name: &str) -> Problem {
    Problem::new(0, format!("Undefined macro '{name}' used in filter."))
}

/// A macro used twice brings its findings twice.
fn without_repeats(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = FxHashSet::default();
    let key = |d: &Diagnostic| (d.file.clone(), d.line, d.column, d.message.clone());
    findings
        .into_iter()
        .filter(|finding| seen.insert(key(&finding.diagnostic)))
        .collect()
}
