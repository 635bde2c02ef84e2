//! One rule: its condition and output checked, and what becomes of it if they do not pass.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use rustc_hash::FxHashSet;

use crate::ast::Expr;
use crate::diagnostics::{Code, Context, Diagnostic, Severity};
use crate::loader::defs::RuleDef;
use crate::loader::lists::Expanded;
use crate::loader::resolve::macros::MacroResult;
use crate::loader::resolve::report::Finding;
use crate::loader::resolve::{LoadedRule, MAX_TOTAL_NODES, Owner, Resolver};
use crate::loader::{DEFAULT_SOURCE, SkippedRule, UnknownField};
use crate::output::OutputFormat;
use crate::parser::MAX_DEPTH;
use crate::schema::Schema;
use crate::typeck::{Checker, MAX_CONDITION_NODES, ProblemKind, Vocabulary};
use crate::typed::Condition;

/// Event types a rule may look at without a warning.
const MANY_EVENT_TYPES: usize = 100;
/// Most steps of the way from a rule to a faulty macro that are shown.
const MAX_SHOWN_STEPS: usize = 10;

/// Faults of a macro and the way to it from the rule that needs it.
struct Inherited {
    macro_index: usize,
    findings: Rc<[Finding]>,
    way: Vec<Context>,
}

/// A macro on the way from a rule to a faulty one.
struct Visit {
    macro_index: usize,
    /// The visit that led here, and where the macro is named there.
    from: Option<usize>,
    named_at: usize,
}

impl Resolver<'_> {
    pub(super) fn rule(
        &mut self,
        def: &RuleDef,
        text: &Expanded,
        expr: &Expr,
        macros: &[MacroResult],
        vocabulary: &Vocabulary<'_>,
    ) -> Option<LoadedRule> {
        let owner = Owner::from(def);
        let context = self.root(owner);
        let mut checker = Checker::new(vocabulary);
        let table = &self.collection.macros;
        let checked = checker.condition(expr, &|name| match table.position(name) {
            Some(inner) => macros[inner].checked.clone().ok_or(None),
            None => Err(Some(self.undefined(name))),
        });
        let Checker {
            problems, notices, ..
        } = checker;
        let code = Code::CompileConditionError;
        let mut findings = self.findings(code, &problems, text, owner, &context);
        let inherited = match checked {
            Some(_) => Vec::new(),
            None => self.inherited(def, text, expr, macros),
        };
        self.notices(text, owner, &context, notices);
        let output = self.output(def, vocabulary, &mut findings);
        let (Some(checked), Some(output)) = (checked, output) else {
            self.reject(def, findings, inherited);
            return None;
        };
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

    /// Checks the output of a rule whose condition is faulty already.
    pub(super) fn check_output(&mut self, def: &RuleDef, vocabulary: &Vocabulary<'_>) {
        let mut findings = Vec::new();
        self.output(def, vocabulary, &mut findings);
        for finding in findings {
            self.report(finding.diagnostic);
        }
    }

    fn output(
        &mut self,
        def: &RuleDef,
        vocabulary: &Vocabulary<'_>,
        findings: &mut Vec<Finding>,
    ) -> Option<OutputFormat> {
        let mut checker = Checker::new(vocabulary);
        let schema = vocabulary.schema;
        let lookup = |name: &str, arg: Option<&str>| schema.resolve(name, arg).map(|_| ());
        let output = OutputFormat::parse(def.output.as_str(), &mut checker, &lookup);
        if checker.problems.is_empty() && checker.notices.is_empty() {
            return output;
        }
        let text = Expanded {
            text: def.output.clone(),
            ..Expanded::default()
        };
        let owner = Owner {
            kind: "rule",
            ..Owner::from(def)
        };
        let context = self.root(owner);
        let code = Code::CompileOutput;
        let mut own = self.findings(code, &checker.problems, &text, owner, &context);
        for finding in &mut own {
            name_output(&mut finding.diagnostic);
        }
        findings.append(&mut own);
        self.notices(&text, owner, &context, checker.notices);
        output
    }

    /// What is wrong with the macros that a rule needs, each with the shortest way to it.
    fn inherited(
        &mut self,
        def: &RuleDef,
        text: &Expanded,
        expr: &Expr,
        macros: &[MacroResult],
    ) -> Vec<Inherited> {
        // Once reported is enough, unless the rule's fate depends on what the faults are.
        let once = !def.skip_if_unknown_filter && self.options.unknown_field == UnknownField::Error;
        let mut seen = FxHashSet::default();
        let mut visits: Vec<Visit> = Vec::new();
        let mut queue = VecDeque::new();
        let table = &self.collection.macros;
        let mut named = Vec::new();
        expr.each_macro(&mut |name, at| named.extend(table.position(name).map(|m| (m, at))));
        queue.push_back((None, named));
        while let Some((from, named)) = queue.pop_front() {
            for (macro_index, named_at) in named {
                let faulty = macros[macro_index].checked.is_none();
                let told = once && self.reported_macros.contains(&macro_index);
                if !faulty || told || self.follow_left == 0 || !seen.insert(macro_index) {
                    continue;
                }
                self.follow_left -= 1;
                visits.push(Visit {
                    macro_index,
                    from,
                    named_at,
                });
                queue.push_back((Some(visits.len() - 1), self.references(macro_index)));
            }
        }
        let mut inherited = Vec::new();
        for at in 0..visits.len() {
            let macro_index = visits[at].macro_index;
            let findings = Rc::clone(&macros[macro_index].findings);
            if once {
                self.reported_macros.insert(macro_index);
            }
            if !findings.is_empty() {
                let way = self.way(def, text, &visits, at);
                inherited.push(Inherited {
                    macro_index,
                    findings,
                    way,
                });
            }
        }
        inherited
    }

    /// From the rule to the place that names the macro of a visit.
    fn way(&self, def: &RuleDef, text: &Expanded, visits: &[Visit], to: usize) -> Vec<Context> {
        let mut steps = Vec::new();
        let mut at = to;
        while steps.len() < 2 * MAX_SHOWN_STEPS {
            let visit = &visits[at];
            let Some(from) = visit.from else { break };
            let outer = &self.macros[visits[from].macro_index];
            let owner = Owner::from(outer.def);
            steps.push(self.naming(&outer.text, visit.named_at, owner));
            steps.push(self.step(owner));
            at = from;
        }
        if let Visit {
            from: None,
            named_at,
            ..
        } = visits[at]
        {
            steps.push(self.naming(text, named_at, def.into()));
        }
        let mut way = self.root(def.into());
        way.extend(steps.into_iter().rev());
        way
    }

    fn naming(&self, text: &Expanded, at: usize, owner: Owner<'_>) -> Context {
        let at = text.text.locate(self.sources, at).unwrap_or(owner.at);
        Context::at(self.sources, owner.condition(), "", at)
    }

    /// Reports a rule with errors, or leaves it out where that was asked for.
    fn reject(&mut self, def: &RuleDef, findings: Vec<Finding>, inherited: Vec<Inherited>) {
        let all = || {
            let of_macros = inherited
                .iter()
                .flat_map(|inherited| inherited.findings.iter());
            findings.iter().chain(of_macros)
        };
        if self.follow_left == 0 {
            let message = "the macros it needs have faults, too many to follow";
            let diagnostic = Diagnostic::at(self.sources, Code::Validate, def.at, message);
            let context = self.root(def.into());
            self.report(diagnostic.with_context(context));
        }
        let unknown = |finding: &&Finding| finding.kind != ProblemKind::Other;
        if def.skip_if_unknown_filter
            && let Some(finding) = all().find(unknown)
        {
            let mut diagnostic = finding.diagnostic.clone();
            diagnostic.code = Code::UnknownFilter;
            diagnostic.severity = Severity::Warning;
            diagnostic.message = format!("{}, skipping", diagnostic.message);
            if diagnostic
                .context
                .first()
                .is_some_and(|step| step.item_type == "macro")
            {
                let way = inherited.first().map(|first| first.way.clone());
                diagnostic.context.splice(0..0, way.unwrap_or_default());
            }
            self.report(diagnostic);
            return;
        }
        let missing: BTreeSet<&String> = all()
            .filter_map(|finding| match &finding.kind {
                ProblemKind::UnknownField(name) => Some(name),
                _ => None,
            })
            .collect();
        let field = |finding: &Finding| matches!(finding.kind, ProblemKind::UnknownField(_));
        let only_fields = !missing.is_empty() && all().all(field);
        if only_fields && self.options.unknown_field == UnknownField::Skip {
            let (name, at) = (def.name.clone(), self.sources.position(def.at));
            let file = self.sources.file(def.at.file).name.clone();
            let missing = missing.into_iter().cloned().collect();
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
        for Inherited {
            macro_index,
            findings,
            way,
        } in inherited
        {
            if !self.reported_macros.insert(macro_index)
                && self.options.unknown_field == UnknownField::Skip
            {
                continue;
            }
            for finding in findings.iter() {
                let mut diagnostic = finding.diagnostic.clone();
                diagnostic.context.splice(0..0, way.iter().cloned());
                self.report(diagnostic);
            }
        }
    }

    fn warn_event_types(
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

/// The innermost step of an error in an output.
fn name_output(diagnostic: &mut Diagnostic) {
    if let Some(step) = diagnostic.context.last_mut() {
        step.item_type = "rule output expression";
    }
}
