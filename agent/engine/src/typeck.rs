//! Type checking of conditions against a [`Schema`] (rules-spec B3, B4, B7, B8).
//!
//! All problems of a condition are collected, not just the first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::{Check, Expr, Op, Operand, Rhs};
use crate::diagnostics::{Code, clip, nearest};
use crate::lexer::is_blank;
use crate::parser::MAX_DEPTH;
use crate::schema::{Arity, EventType, FieldError, IntFormat, Resolved, Schema};
use crate::typed::{Checked, Condition, Predicate, Side, Term};
use crate::typelists::{ListResult, ListUse, MAX_COPIED_LITERALS};
use crate::typerules::{call, refuse_operator, refuse_place, type_name};
use crate::value::ValueType;

/// Most nodes a condition may have once its macros are written out.
pub const MAX_CONDITION_NODES: usize = 200_000;

/// Longest name of a field that is looked up.
pub(crate) const MAX_FIELD_BYTES: usize = 256;
/// Misspelt names that are compared with all known ones; after that there are no more hints.
const MAX_HINTS: usize = 1_000;

/// Fields that still work but should not be used (rules-spec A8).
const DEPRECATED_FIELDS: [&str; 6] = [
    "evt.dir",
    "evt.latency",
    "evt.latency.s",
    "evt.latency.ns",
    "evt.latency.human",
    "evt.wait_latency",
];

/// What kind of error it is, for rules that ask to be skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A field the schema does not know, by its name as written.
    UnknownField(String),
    /// An event type the schema does not know.
    UnknownEventType,
    /// Anything else.
    Other,
}

/// A value of a list that is named in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InList {
    /// The list, by the number its owner gave it.
    pub list: usize,
    /// Byte offset in the joined text of the list.
    pub at: usize,
}

/// An error in a condition or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Byte offset in the text.
    pub at: usize,
    /// The value it is about, if a list named at [`Problem::at`] brought it in.
    pub in_list: Option<InList>,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
    /// Kind.
    pub kind: ProblemKind,
}

impl Problem {
    /// A problem of kind [`ProblemKind::Other`].
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            in_list: None,
            message: clip(message.into()),
            hint: None,
            kind: ProblemKind::Other,
        }
    }
}

/// A warning about a condition or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Byte offset in the text.
    pub at: usize,
    /// The value it is about, if a list named at [`Notice::at`] brought it in.
    pub in_list: Option<InList>,
    /// Which warning.
    pub code: Code,
    /// What is suspicious.
    pub message: String,
    /// The deprecated field.
    pub deprecated_field: Option<String>,
}

/// A field as written and how to print it.
#[derive(Debug, Clone)]
pub struct NamedField {
    /// Name with argument.
    pub name: String,
    /// The field.
    pub term: Term,
    /// Print form of integers.
    pub int_format: IntFormat,
}

/// What a schema knows, prepared for checking many conditions.
pub struct Vocabulary<'a> {
    /// The schema.
    pub schema: &'a dyn Schema,
    pub(crate) event_names: FxHashSet<String>,
    field_names: FxHashSet<&'a str>,
    /// Nearest names of misspelt ones.
    hints: RefCell<FxHashMap<String, Option<String>>>,
    /// Lists converted for a kind of comparison.
    pub(crate) lists: RefCell<FxHashMap<ListUse, Rc<ListResult>>>,
    /// How many more literals may be copied out of shared lists.
    pub(crate) literals_left: Cell<usize>,
}

impl<'a> Vocabulary<'a> {
    /// Collects the names of all event types.
    pub fn new(schema: &'a dyn Schema) -> Self {
        let names = (0..schema.event_count()).map(|n| schema.event_name(EventType(n)).to_owned());
        Self {
            schema,
            event_names: names.collect(),
            field_names: schema.fields().iter().map(|field| field.name).collect(),
            hints: RefCell::default(),
            lists: RefCell::default(),
            literals_left: Cell::new(MAX_COPIED_LITERALS),
        }
    }

    /// "did you mean" for the name of a field.
    fn field_hint(&self, name: &str) -> Option<String> {
        self.hint(name, &mut self.field_names.iter().copied())
    }

    /// "did you mean" for the name of an event type.
    pub(crate) fn event_hint(&self, name: &str) -> Option<String> {
        self.hint(name, &mut self.event_names.iter().map(String::as_str))
    }

    fn hint(&self, name: &str, known: &mut dyn Iterator<Item = &str>) -> Option<String> {
        let mut hints = self.hints.borrow_mut();
        if let Some(hint) = hints.get(name) {
            return hint.clone();
        }
        if hints.len() >= MAX_HINTS {
            return None;
        }
        let hint = nearest(name, known).map(|near| format!("did you mean {near}?"));
        hints.insert(name.to_owned(), hint.clone());
        hint
    }

    /// Whether text on the right-hand side could be meant as a field.
    pub(crate) fn looks_like_field(&self, text: &str) -> bool {
        let (name, arg) = match text.split_once('[') {
            Some((name, arg)) => (name, arg.strip_suffix(']').filter(|arg| !arg.is_empty())),
            None => (text, Some("")),
        };
        arg.is_some() && name.contains('.') && self.field_names.contains(name)
    }
}

/// Looks up a macro's checked body; the error is the sentence to report.
pub type MacroLookup<'a> = dyn Fn(&str) -> Result<Checked, Option<Problem>> + 'a;

/// Checks conditions and operands, collecting problems and notices.
pub struct Checker<'a> {
    pub(crate) vocabulary: &'a Vocabulary<'a>,
    /// Errors so far.
    pub problems: Vec<Problem>,
    /// Warnings so far.
    pub notices: Vec<Notice>,
    /// Fields named so far, for outputs.
    pub fields: Vec<NamedField>,
}

impl<'a> Checker<'a> {
    /// A checker without findings.
    pub fn new(vocabulary: &'a Vocabulary<'a>) -> Self {
        Self {
            vocabulary,
            problems: Vec::new(),
            notices: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Checks a condition; `None` if it has problems.
    pub fn condition(&mut self, expr: &Expr, macros: &MacroLookup<'_>) -> Option<Checked> {
        match expr {
            Expr::And(items) => self.group(items, macros, Condition::And),
            Expr::Or(items) => self.group(items, macros, Condition::Or),
            Expr::Not(inner) => {
                let inner = self.condition(inner, macros)?;
                let condition = Arc::new(Condition::Not(inner.condition));
                let (nodes, depth) = (inner.nodes.saturating_add(1), inner.depth + 1);
                Some(Checked {
                    condition,
                    nodes,
                    depth,
                })
            }
            Expr::Macro { name, at } => self.macro_body(name, *at, macros),
            Expr::Check(check) => {
                let predicate = Arc::new(self.check(check)?);
                let condition = Arc::new(Condition::Check(predicate));
                Some(Checked {
                    condition,
                    nodes: 1,
                    depth: 1,
                })
            }
        }
    }

    fn group(
        &mut self,
        items: &[Expr],
        macros: &MacroLookup<'_>,
        make: fn(Vec<Arc<Condition>>) -> Condition,
    ) -> Option<Checked> {
        let parts: Vec<_> = items
            .iter()
            .map(|item| self.condition(item, macros))
            .collect();
        let parts: Vec<Checked> = parts.into_iter().collect::<Option<_>>()?;
        let nodes = parts
            .iter()
            .fold(1, |sum: usize, part| sum.saturating_add(part.nodes));
        let depth = 1 + parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let conditions = parts.into_iter().map(|part| part.condition).collect();
        Some(Checked {
            condition: Arc::new(make(conditions)),
            nodes,
            depth,
        })
    }

    fn macro_body(&mut self, name: &str, at: usize, macros: &MacroLookup<'_>) -> Option<Checked> {
        let body = match macros(name) {
            Ok(body) => body,
            Err(problem) => {
                self.problems
                    .extend(problem.map(|problem| Problem { at, ..problem }));
                return None;
            }
        };
        let problem = if body.depth > MAX_DEPTH {
            format!("exceeded max depth: macro '{name}' nests more than {MAX_DEPTH} levels")
        } else if body.nodes > MAX_CONDITION_NODES {
            format!("macro '{name}' expands to more than {MAX_CONDITION_NODES} checks")
        } else {
            return Some(body);
        };
        self.problems.push(Problem::new(at, problem));
        None
    }

    /// Checks one comparison.
    fn check(&mut self, check: &Check) -> Option<Predicate> {
        let lhs = self.operand(&check.lhs, Use::Left);
        let rhs_operand = match &check.rhs {
            Rhs::Operand(operand) => Some(self.operand(operand, Use::Right)?),
            _ => None,
        };
        let lhs = lhs?;
        let (ty, op) = (lhs.ty(), check.op);
        if let Some(message) = refuse_operator(ty, lhs.arity(), check) {
            self.problems.push(Problem::new(check.op_at, message));
            return None;
        }
        let rhs = match (&check.rhs, rhs_operand) {
            (Rhs::Nothing, _) => Side::Nothing,
            (Rhs::Operand(operand), Some(term)) => {
                self.check_right(&lhs, op, &term, operand.at())?;
                Side::Term(term)
            }
            (Rhs::Value(word), _) => self.value(check, &lhs, word)?,
            (Rhs::List(list), _) => self.list(check, &lhs, list)?,
            (Rhs::Operand(_), None) => return None,
        };
        Some(Predicate {
            lhs,
            op,
            modifier: check.modifier,
            rhs,
        })
    }

    fn check_right(&mut self, lhs: &Term, op: Op, rhs: &Term, at: usize) -> Option<()> {
        let right_list = rhs.arity() == Arity::List;
        let message = if matches!(op, Op::Pmatch | Op::Regex) {
            // Their right-hand sides are compiled when rules are loaded.
            format!(
                "operator {} does not take a field on the right-hand side",
                op.name()
            )
        } else if lhs.ty() == ValueType::Net {
            "a network is not compared with a field on the right-hand side".to_owned()
        } else if lhs.ty() != rhs.ty() {
            let (left, right) = (type_name(lhs.ty()), type_name(rhs.ty()));
            format!("the types of the two sides differ: {left} and {right}")
        } else if right_list && !op.is_list() {
            format!(
                "operator {} does not take a list on the right-hand side",
                op.name()
            )
        } else {
            return Some(());
        };
        self.problems.push(Problem::new(at, message));
        None
    }

    /// Resolves a field or transformer.
    pub fn operand(&mut self, operand: &Operand, usage: Use) -> Option<Term> {
        match operand {
            Operand::Field { name, arg, at } => self.field(name, arg.as_deref(), *at, usage),
            Operand::Literal(word) => {
                if word.bytes.len() > crate::literal::MAX_LITERAL_BYTES {
                    self.problems
                        .push(Problem::new(word.at, "filter parameter too long"));
                    return None;
                }
                Some(Term::Literal(word.bytes.clone().into()))
            }
            Operand::List { items, .. } => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| self.operand(item, usage.of_arguments()))
                    .collect();
                Some(Term::List(items.into_iter().collect::<Option<_>>()?))
            }
            Operand::Call {
                function,
                args,
                option,
                at,
            } => {
                let args: Vec<_> = args
                    .iter()
                    .map(|arg| self.operand(arg, usage.of_arguments()))
                    .collect();
                let args: Vec<Term> = args.into_iter().collect::<Option<_>>()?;
                match call(*function, args, option.as_deref()) {
                    Ok(term) => Some(term),
                    Err(message) => {
                        let message = format!("{}: {message}", function.name());
                        self.problems.push(Problem::new(*at, message));
                        None
                    }
                }
            }
        }
    }

    fn field(&mut self, name: &str, arg: Option<&str>, at: usize, usage: Use) -> Option<Term> {
        let written = match arg {
            Some(arg) if needs_quotes(arg) => format!("{name}[\"{arg}\"]"),
            Some(arg) => format!("{name}[{arg}]"),
            None => name.to_owned(),
        };
        let resolved = match name.len() {
            ..=MAX_FIELD_BYTES => self.vocabulary.schema.resolve(name, arg),
            _ => Err(FieldError::Unknown),
        };
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(FieldError::Unknown) => {
                let hint = self.vocabulary.field_hint(name);
                let message = format!("filter_check called with nonexistent field {written}");
                let kind = ProblemKind::UnknownField(written);
                self.problems.push(Problem {
                    hint,
                    kind,
                    ..Problem::new(at, message)
                });
                return None;
            }
            Err(FieldError::Argument(why)) => {
                self.problems
                    .push(Problem::new(at, format!("field {written}: {why}")));
                return None;
            }
        };
        if let Some(message) = refuse_place(&written, &resolved, usage) {
            self.problems.push(Problem::new(at, message));
            return None;
        }
        if DEPRECATED_FIELDS.contains(&name) {
            let message = format!("field {name} is deprecated");
            let deprecated_field = Some(name.to_owned());
            let code = Code::DeprecatedItem;
            self.notices.push(Notice {
                at,
                in_list: None,
                code,
                message,
                deprecated_field,
            });
        }
        let Resolved {
            field,
            ty,
            arity,
            cost,
            int_format,
            ..
        } = resolved;
        let term = Term::Field {
            field,
            ty,
            arity,
            cost,
        };
        self.fields.push(NamedField {
            name: written,
            term: term.clone(),
            int_format,
        });
        Some(term)
    }
}

/// Whether an argument between brackets can only be written in quotes.
fn needs_quotes(arg: &str) -> bool {
    arg.bytes()
        .any(|b| is_blank(b) || matches!(b, b'[' | b']' | b'"' | b'\''))
}

/// Where an operand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Left of an operator.
    Left,
    /// In `val()`.
    Right,
    /// Argument of a transformer in a condition.
    Argument,
    /// In an output.
    Output,
    /// Argument of a transformer in an output.
    OutputArgument,
}

impl Use {
    /// Where the arguments of a transformer stand that stands here.
    fn of_arguments(self) -> Self {
        match self {
            Use::Left | Use::Right | Use::Argument => Use::Argument,
            Use::Output | Use::OutputArgument => Use::OutputArgument,
        }
    }
}
