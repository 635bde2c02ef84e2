//! What is said about definitions, and where.

use rustc_hash::FxHashSet;

use crate::diagnostics::{Code, Context, Diagnostic};
use crate::loader::resolve::Resolver;
use crate::source::{Locus, Text};
use crate::typeck::{Notice, Problem, ProblemKind};

/// An error of a condition or output, with its kind until it is known what to do with the rule.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) kind: ProblemKind,
    pub(super) diagnostic: Diagnostic,
}

impl Resolver<'_> {
    pub(super) fn step(&self, item_type: &'static str, name: &str, at: Locus) -> Context {
        let position = self.sources.position(at);
        Context {
            item_type,
            item_name: name.to_owned(),
            line: position.line,
            column: position.column,
            offset: position.offset,
        }
    }

    pub(super) fn diagnostic(
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
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
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

    pub(super) fn notices(
        &mut self,
        text: &Text,
        fallback: Locus,
        context: &[Context],
        notices: Vec<Notice>,
    ) {
        for notice in notices {
            let problem = Problem::new(notice.at, notice.message);
            let mut diagnostic =
                self.diagnostic(notice.code, text, &problem, fallback, context.to_vec());
            diagnostic.deprecated_field = notice.deprecated_field;
            self.report(diagnostic);
        }
    }

    pub(super) fn findings(
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

    pub(super) fn warn_unused(&mut self) {
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

/// A macro used twice brings its findings twice.
pub(super) fn without_repeats(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = FxHashSet::default();
    let key = |d: &Diagnostic| (d.file.clone(), d.line, d.column, d.message.clone());
    findings
        .into_iter()
        .filter(|finding| seen.insert(key(&finding.diagnostic)))
        .collect()
}
