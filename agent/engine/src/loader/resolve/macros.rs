//! Macros: parsed, put in an order in which each comes after those it names, and checked.

use std::rc::Rc;

use crate::ast::Expr;
use crate::diagnostics::{Code, nearest};
use crate::loader::defs::{MacroDef, Table};
use crate::loader::lists::Expanded;
use crate::loader::resolve::report::Finding;
use crate::loader::resolve::{Owner, Resolver};
use crate::typeck::{Checker, Problem, Vocabulary};
use crate::typed::Checked;

/// A parsed macro.
pub(super) struct ParsedMacro<'a> {
    pub(super) def: &'a MacroDef,
    pub(super) text: Rc<Expanded>,
    pub(super) expr: Option<Rc<Expr>>,
}

/// Result of checking a macro for one source.
pub(super) struct MacroResult {
    pub(super) checked: Option<Checked>,
    /// What is wrong with its own text.
    pub(super) findings: Rc<[Finding]>,
}

impl<'a> From<&'a MacroDef> for Owner<'a> {
    fn from(def: &'a MacroDef) -> Self {
        Owner {
            kind: "macro",
            name: &def.name,
            at: def.at,
        }
    }
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
            let (text, expr) = self.parse(&def.condition, def.into());
            self.macros.push(ParsedMacro {
                def,
                text: Rc::new(text),
                expr: expr.map(Rc::new),
            });
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

    /// Macros that a macro names and sees, and where it names them.
    pub(super) fn references(&self, index: usize) -> Vec<(usize, usize)> {
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
        let text = Rc::clone(&self.macros[from].text);
        let context = self.root(place.into());
        let diagnostic = self.diagnostic(Code::Validate, &text, &problem, place.into(), context);
        self.report(diagnostic);
        // Whoever lies on the loop names others all the same.
        let named = self.references(from);
        self.used_macros
            .extend(named.iter().map(|&(inner, _)| inner));
        self.macros[from].expr = None;
    }

    /// Finds out which macros something names, and which of them rules need.
    pub(super) fn mark_used(&mut self, parsed: &[(Expanded, Option<Expr>)]) {
        let table = &self.collection.macros;
        let mut queue: Vec<usize> = Vec::new();
        for expr in parsed.iter().filter_map(|(_, expr)| expr.as_ref()) {
            expr.each_macro(&mut |name, _| queue.extend(table.position(name)));
        }
        self.used_macros.extend(queue.iter().copied());
        while let Some(index) = queue.pop() {
            if self.needed_macros.insert(index) {
                queue.extend(self.references(index).into_iter().map(|(inner, _)| inner));
            }
        }
        for index in 0..self.macros.len() {
            let named = self.references(index);
            self.used_macros
                .extend(named.into_iter().map(|(inner, _)| inner));
        }
    }

    /// Macros no rule needs are not checked against a vocabulary, since it is not known which, but
    /// the macros they name must be there.
    pub(super) fn check_unneeded(&mut self) {
        for index in 0..self.macros.len() {
            let Some(expr) = self.macros[index].expr.clone() else {
                continue;
            };
            if self.needed_macros.contains(&index) {
                continue;
            }
            let mut problems = Vec::new();
            expr.each_macro(&mut |name, at| {
                if self.visible(index, name).is_none() {
                    let problem = self.undefined(name);
                    problems.push(Problem { at, ..problem });
                }
            });
            let (def, text) = (self.macros[index].def, Rc::clone(&self.macros[index].text));
            let context = self.root(def.into());
            for finding in self.findings(Code::Validate, &problems, &text, def.into(), &context) {
                self.report(finding.diagnostic);
            }
        }
    }

    /// Checks every needed macro against one vocabulary, dependencies first.
    pub(super) fn check_macros(&mut self, vocabulary: &Vocabulary<'_>) -> Vec<MacroResult> {
        self.reported_macros.clear();
        let mut results: Vec<MacroResult> = self
            .macros
            .iter()
            .map(|_| MacroResult {
                checked: None,
                findings: Rc::new([]),
            })
            .collect();
        for index in self.order.clone() {
            let Some(expr) = self.macros[index].expr.clone() else {
                continue;
            };
            if !self.needed_macros.contains(&index) {
                continue;
            }
            let mut checker = Checker::new(vocabulary);
            let checked = checker.condition(&expr, &|name| match self.visible(index, name) {
                Some(inner) => results[inner].checked.clone().ok_or(None),
                None => Err(Some(self.undefined(name))),
            });
            let Checker {
                problems, notices, ..
            } = checker;
            let (def, text) = (self.macros[index].def, Rc::clone(&self.macros[index].text));
            let owner = Owner::from(def);
            // The way from a rule to the macro is known when a rule names it.
            let own = [self.step(owner)];
            let code = Code::CompileConditionError;
            let findings = self.findings(code, &problems, &text, owner, &own).into();
            results[index] = MacroResult { checked, findings };
            let context = self.root(owner);
            self.notices(&text, owner, &context, notices);
        }
        results
    }

    /// What is said about a macro that is not there.
    pub(super) fn undefined(&self, name: &str) -> Problem {
        /// Most macros that a name is compared with, and most names that are.
        const MAX_COMPARED: usize = 500;
        let mut hints = self.macro_hints.borrow_mut();
        let known = self.macros.iter().take(MAX_COMPARED);
        let known = known.map(|known| known.def.name.as_str());
        let near = match hints.get(name) {
            Some(near) => near.clone(),
            None if hints.len() >= MAX_COMPARED => None,
            None => {
                let near = nearest(name, known).map(str::to_owned);
                hints.insert(name.to_owned(), near.clone());
                near
            }
        };
        Problem {
            hint: near.map(|near| format!("did you mean {near}?")),
            ..Problem::new(0, format!("Undefined macro '{name}' used in filter."))
        }
    }
}
