//! One rule: its condition and output checked, and what becomes of it if they do not pass.

use crate::ast::Expr;
use crate::diagnostics::{Code, Context, Diagnostic, Severity};
use crate::loader::defs::RuleDef;
use crate::loader::resolve::macros::{MacroResult, undefined};
use crate::loader::resolve::report::{Finding, without_repeats};
use crate::loader::resolve::{LoadedRule, MAX_TOTAL_NODES, Resolver};
use crate::loader::{DEFAULT_SOURCE, SkippedRule, UnknownField};
use crate::output::OutputFormat;
use crate::parser::MAX_DEPTH;
use crate::schema::Schema;
use crate::source::Text;
use crate::typeck::{Checker, MAX_CONDITION_NODES, ProblemKind, Vocabulary};
use crate::typed::Condition;

/// Event types a rule may look at without a warning.
const MANY_EVENT_TYPES: usize = 100;

impl Resolver<'_> {
    pub(super) fn rule(
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

    pub(super) fn output(
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
    pub(super) fn reject(&mut self, def: &RuleDef, findings: Vec<Finding>) {
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

    pub(super) fn warn_event_types(
        &mut self,
        def: &RuleDef,
        condition: &Condition,
        schema: &dyn Schema,
        context: Vec<Context>,
    ) {
        if !def.warn_evttypes || def.source != DEFAULT_SOURCE {
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
}
