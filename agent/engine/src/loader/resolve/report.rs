//! What is said about definitions, and where.

use std::sync::Arc;

use crate::diagnostics::{Code, Context, Diagnostic, MAX_REPORTED};
use crate::loader::lists::{Expanded, Insert};
use crate::loader::resolve::{Owner, Resolver};
use crate::source::{Locus, Scalar};
use crate::typeck::{InList, Notice, Problem, ProblemKind};

/// An error of a condition or output, with its kind until it is known what to do with the rule.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) kind: ProblemKind,
    pub(super) diagnostic: Diagnostic,
}

impl Resolver<'_> {
    /// A diagnostic at a byte of a condition or output; `context` is the way to its owner.
    pub(super) fn diagnostic(
        &mut self,
        code: Code,
        text: &Expanded,
        problem: &Problem,
        owner: Owner<'_>,
        mut context: Vec<Context>,
    ) -> Diagnostic {
        let (at, steps) = self.place(text, problem.at, problem.in_list, owner);
        context.extend(steps);
        Diagnostic::at(self.sources, code, at, problem.message.clone())
            .with_hint(problem.hint.clone())
            .with_context(context)
    }

    /// Where a byte of a condition stands in the files, and the way to it from the condition's owner
    /// through the lists it came from.
    fn place(
        &mut self,
        text: &Expanded,
        at: usize,
        in_list: Option<InList>,
        owner: Owner<'_>,
    ) -> (Locus, Vec<Context>) {
        if let Some(insert) = text.insert_at(at) {
            let item = match in_list {
                Some(InList { list, at }) => {
                    let item = self.lists.item(list, at);
                    item.map(|item| (item.scalar, item.offset, item.owner))
                }
                None => text.text.origin(at).and_then(|(scalar, offset)| {
                    let list = self.lists.owner(scalar)?;
                    let written = insert.words.is_none() && text.text.is_verbatim(at);
                    written.then(|| (Arc::clone(scalar), offset, list))
                }),
            };
            if let Some((scalar, offset, list)) = item {
                let at = self.locate(&scalar, offset);
                return (at, self.way_to_item(insert, list, at, owner));
            }
            let at = self.locate(&insert.name.0, insert.name.1);
            let step = Context::at(self.sources, "condition expression", "", at);
            return (at, vec![step]);
        }
        let at = text.text.locate(self.sources, at).unwrap_or(owner.at);
        let step = Context::at(self.sources, "condition expression", "", at);
        (at, vec![step])
    }

    fn locate(&self, scalar: &Scalar, offset: usize) -> Locus {
        let text = &self.sources.file(scalar.file).text;
        Locus {
            file: scalar.file,
            offset: scalar.source_offset(text, offset),
        }
    }

    /// From the name in a condition through the list, and maybe one within it, to an item.
    fn way_to_item(
        &self,
        insert: &Insert,
        list: usize,
        item: Locus,
        owner: Owner<'_>,
    ) -> Vec<Context> {
        let place = |what, at| Context::at(self.sources, what, "", at);
        let step = |list: usize| {
            let def = self.lists.def(list);
            Context::at(self.sources, "list", &def.name, def.at)
        };
        let name = self.locate(&insert.name.0, insert.name.1);
        let mut steps = vec![place(owner.condition(), name), step(insert.list)];
        if list != insert.list {
            let inner = &self.lists.def(list).name;
            let items = &self.lists.def(insert.list).items;
            let named = items.iter().find(|item| item.value == *inner);
            steps.extend(named.map(|named| place("list item", self.locate(named, 0))));
            steps.push(step(list));
        }
        steps.push(place("list item", item));
        steps
    }

    /// Adds a diagnostic unless the same one is there (macros are checked once per rule source).
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        let key = (
            diagnostic.file.clone(),
            diagnostic.line,
            diagnostic.column,
            diagnostic.message.clone(),
        );
        if self.report.has_room(diagnostic.code) && !self.reported.insert(key) {
            return;
        }
        self.report.push(diagnostic);
    }

    /// Reports warnings about a condition or output.
    pub(super) fn notices(
        &mut self,
        text: &Expanded,
        owner: Owner<'_>,
        context: &[Context],
        notices: Vec<Notice>,
    ) {
        for notice in notices {
            if !self.report.has_room(notice.code) {
                self.report.count(notice.code);
                continue;
            }
            let problem = Problem {
                in_list: notice.in_list,
                ..Problem::new(notice.at, notice.message)
            };
            let mut diagnostic =
                self.diagnostic(notice.code, text, &problem, owner, context.to_vec());
            diagnostic.deprecated_field = notice.deprecated_field;
            self.report(diagnostic);
        }
    }

    /// Errors of a condition or output as findings; what is more than can be reported is one of
    /// them.
    pub(super) fn findings(
        &mut self,
        code: Code,
        problems: &[Problem],
        text: &Expanded,
        owner: Owner<'_>,
        context: &[Context],
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for problem in problems.iter().take(MAX_REPORTED) {
            let undefined = problem.message.starts_with("Undefined macro");
            let code = if undefined { Code::Validate } else { code };
            let diagnostic = self.diagnostic(code, text, problem, owner, context.to_vec());
            findings.push(Finding {
                kind: problem.kind.clone(),
                diagnostic,
            });
        }
        if let Some(more @ 1..) = problems.len().checked_sub(MAX_REPORTED) {
            let message = format!("{more} more errors in it are not shown");
            let diagnostic = Diagnostic::at(self.sources, code, owner.at, message);
            findings.push(Finding {
                kind: ProblemKind::Other,
                diagnostic: diagnostic.with_context(context.to_vec()),
            });
        }
        findings
    }

    pub(super) fn warn_unused(&mut self) {
        let collection = self.collection;
        for (index, def) in collection.macros.as_slice().iter().enumerate() {
            if !self.used_macros.contains(&index) {
                let name = &def.name;
                let message = format!("Macro '{name}' not referred to by any other rule/macro");
                let owner = Owner::from(def);
                self.warn_about(Code::UnusedMacro, owner, message);
            }
        }
        for (index, def) in collection.lists.as_slice().iter().enumerate() {
            if !self.lists.used().contains(&index) {
                let name = &def.name;
                let message = format!("List '{name}' not referred to by any other rule/macro/list");
                let owner = Owner {
                    kind: "list",
                    name,
                    at: def.at,
                };
                self.warn_about(Code::UnusedList, owner, message);
            }
        }
    }

    fn warn_about(&mut self, code: Code, owner: Owner<'_>, message: String) {
        if !self.report.has_room(code) {
            self.report.count(code);
            return;
        }
        let diagnostic = Diagnostic::at(self.sources, code, owner.at, message);
        let context = self.root(owner);
        self.report(diagnostic.with_context(context));
    }
}
