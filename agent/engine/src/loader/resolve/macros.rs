//! Macros: parsed, put in an order in which each comes after those it names, and checked.

use crate::ast::Expr;
use crate::diagnostics::Code;
use crate::loader::defs::{MacroDef, Table};
use crate::loader::resolve::Resolver;
use crate::loader::resolve::report::{Finding, without_repeats};
use crate::source::Text;
use crate::typeck::{Checker, Problem, Vocabulary};
use crate::typed::Checked;

/// A parsed macro.
pub(super) struct ParsedMacro<'a> {
    pub(super) def: &'a MacroDef,
    pub(super) text: Text,
    pub(super) expr: Option<Expr>,
}

/// Result of checking a macro for one source.
pub(super) struct MacroResult {
    pub(super) checked: Option<Checked>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

impl Resolver<'_> {
    /// Parses the condition of every macro; errors are reported even for unused ones.
    pub(super) fn parse_macros(&mut self) {
        for def in self.collection.macros.as_slice() {
            let (text, expr) = self.parse(&def.condition, "macro", &def.name, def.at);
            self.macros.push(ParsedMacro { def, text, expr });
        }
    }

    /// Position of the macro `name` as seen from macro `from`, if it is visible there.
    pub(super) fn visible(&self, from: usize, name: &str) -> Option<usize> {
        let table: &Table<MacroDef> = &self.collection.macros;
        let position = table.position(name)?;
        (table.as_slice()[position].index < self.macros[from].def.visibility).then_some(position)
    }

    /// Sorts macros so that each comes after those it names, without recursion. Macros on a cycle
    /// are reported and lose their condition.
    pub(super) fn order_macros(&mut self) {
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

    pub(super) fn references(&self, index: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        if let Some(expr) = &self.macros[index].expr {
            expr.each_macro(&mut |name, at| {
                found.extend(self.visible(index, name).map(|position| (position, at)));
            });
        }
        found
    }

    pub(super) fn cycle(&mut self, from: usize, to: usize, at: usize) {
        let (name, place) = (self.macros[to].def.name.clone(), self.macros[from].def);
        let problem = Problem::new(at, format!("reference loop in macro '{name}'"));
        let context = vec![self.step("macro", &place.name, place.at)];
        let text = self.macros[from].text.clone();
        let diagnostic = self.diagnostic(Code::Validate, &text, &problem, place.at, context);
        self.report(diagnostic);
        self.macros[from].expr = None;
    }

    pub(super) fn mark_used(&mut self, parsed: &[(Text, Option<Expr>)]) {
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
    pub(super) fn check_macros(&mut self, vocabulary: &Vocabulary<'_>) -> Vec<MacroResult> {
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
}

pub(super) fn undefined(name: &str) -> Problem {
    Problem::new(0, format!("Undefined macro '{name}' used in filter."))
}
