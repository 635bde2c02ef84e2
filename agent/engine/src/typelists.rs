//! Literals on the right-hand side: converted, checked, and looked at for mistakes.
//!
//! A list of the rules files is converted once per kind of comparison, however many conditions
//! name it, and all of them share the result.

use std::rc::Rc;

use crate::ast::{Check, ListPart, Op, Operand, SharedWords, Transformer, ValueList, Word};
use crate::diagnostics::Code;
use crate::literal::convert;
use crate::typeck::{Checker, InList, Notice, Problem, ProblemKind, Vocabulary};
use crate::typed::{Literal, Literals, Side, Term};
use crate::value::ValueType;

/// Most literals of one load that are copied because a list stands beside other values.
pub(crate) const MAX_COPIED_LITERALS: usize = 4_000_000;
/// Most problems reported about the values of one list in one kind of comparison.
const MAX_LIST_PROBLEMS: usize = 100;

/// What the conversion of a list depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ListUse {
    list: usize,
    ty: ValueType,
    op: Op,
    names_events: bool,
    warns_na: bool,
}

/// A converted list.
#[derive(Debug)]
pub(crate) struct ListResult {
    literals: Literals,
    problems: Vec<Problem>,
    notices: Vec<Notice>,
}

/// One kind of comparison and what is wrong with the values given to it.
struct Values<'v> {
    vocabulary: &'v Vocabulary<'v>,
    ty: ValueType,
    op: Op,
    field: &'v str,
    names_events: bool,
    warns_na: bool,
    literals: Vec<Literal>,
    problems: Vec<Problem>,
    notices: Vec<Notice>,
}

impl Checker<'_> {
    /// Checks one value.
    pub(crate) fn value(&mut self, check: &Check, lhs: &Term, word: &Word) -> Option<Side> {
        let mut values = Values::new(self.vocabulary, check, lhs);
        values.add(word, word.at, None);
        self.take(values)
    }

    /// Checks the values of a list.
    pub(crate) fn list(&mut self, check: &Check, lhs: &Term, list: &ValueList) -> Option<Side> {
        let mut values = Values::new(self.vocabulary, check, lhs);
        if let [ListPart::Shared { words, at }] = list.parts.as_slice() {
            let result = values.shared(words);
            let usable = self.take_result(&result, *at);
            return usable.then(|| Side::Literals(result.literals.clone()));
        }
        let mut whole = true;
        for part in &list.parts {
            match part {
                ListPart::Word(word) => values.add(word, word.at, None),
                ListPart::Shared { words, at } => {
                    let result = values.shared(words);
                    whole &= self.take_result(&result, *at);
                    if !values.copy(&result.literals) {
                        let message = format!(
                            "more than {MAX_COPIED_LITERALS} values of lists that stand beside \
                             other values, in all conditions"
                        );
                        self.problems.push(Problem::new(*at, message));
                        return None;
                    }
                }
            }
        }
        self.take(values).filter(|_| whole)
    }

    fn take(&mut self, mut values: Values<'_>) -> Option<Side> {
        self.notices.append(&mut values.notices);
        if !values.problems.is_empty() {
            self.problems.append(&mut values.problems);
            return None;
        }
        Some(Side::Literals(values.finish()))
    }

    /// Repeats what is to be said about a list named at `at`; tells whether it can be used.
    fn take_result(&mut self, result: &ListResult, at: usize) -> bool {
        let problems = result.problems.iter().cloned();
        self.problems
            .extend(problems.map(|problem| Problem { at, ..problem }));
        let notices = result.notices.iter().cloned();
        self.notices
            .extend(notices.map(|notice| Notice { at, ..notice }));
        result.problems.is_empty()
    }
}

impl<'v> Values<'v> {
    fn new(vocabulary: &'v Vocabulary<'v>, check: &'v Check, lhs: &Term) -> Self {
        let field = match &check.lhs {
            Operand::Field { name, .. } => name.as_str(),
            _ => "",
        };
        let op = check.op;
        let equality = matches!(op, Op::Eq | Op::Ne | Op::In | Op::Intersects);
        let names_type = |field| vocabulary.schema.is_event_type_field(field);
        Self {
            vocabulary,
            ty: lhs.ty(),
            op,
            field,
            names_events: equality && lhs.field().is_some_and(names_type),
            warns_na: (equality || op == Op::Pmatch)
                && (field.starts_with("ka.") || field.starts_with("jevt.")),
            literals: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn finish(mut self) -> Literals {
        if self.op.is_list() {
            // Order and repetition mean nothing in a set: sorted, equal sets are shared.
            self.literals.sort_unstable();
            self.literals.dedup();
        }
        self.literals.into()
    }

    /// The values of a list, converted now or earlier.
    fn shared(&self, words: &SharedWords) -> Rc<ListResult> {
        let key = ListUse {
            list: words.list,
            ty: self.ty,
            op: self.op,
            names_events: self.names_events,
            warns_na: self.warns_na,
        };
        if let Some(known) = self.vocabulary.lists.borrow().get(&key) {
            return Rc::clone(known);
        }
        let mut values = Values {
            literals: Vec::with_capacity(words.words.len()),
            problems: Vec::new(),
            notices: Vec::new(),
            ..*self
        };
        for word in &words.words {
            if values.problems.len() + values.notices.len() >= MAX_LIST_PROBLEMS {
                break;
            }
            let (list, at) = (words.list, word.at);
            values.add(word, 0, Some(InList { list, at }));
        }
        let problems = std::mem::take(&mut values.problems);
        let notices = std::mem::take(&mut values.notices);
        let result = Rc::new(ListResult {
            literals: values.finish(),
            problems,
            notices,
        });
        let mut lists = self.vocabulary.lists.borrow_mut();
        lists.insert(key, Rc::clone(&result));
        result
    }

    /// Copies converted values; `false` if too many are copied in this load.
    fn copy(&mut self, literals: &Literals) -> bool {
        let left = self.vocabulary.literals_left.get();
        let Some(left) = left.checked_sub(literals.len()) else {
            return false;
        };
        self.vocabulary.literals_left.set(left);
        self.literals.extend(literals.iter().cloned());
        true
    }

    fn add(&mut self, word: &Word, at: usize, in_list: Option<InList>) {
        self.check_event_type(word, at, in_list);
        self.look_for_mistakes(word, at, in_list);
        match convert(word, self.ty, self.op) {
            Ok(literal) => self.literals.push(literal),
            Err(message) => self.problem(at, in_list, message),
        }
        if self.op == Op::Regex
            && let Err(message) = crate::operators::regex(&word.bytes)
        {
            self.problem(at, in_list, message);
        }
    }

    fn problem(&mut self, at: usize, in_list: Option<InList>, message: String) {
        self.problems.push(Problem {
            in_list,
            ..Problem::new(at, message)
        });
    }

    fn check_event_type(&mut self, word: &Word, at: usize, in_list: Option<InList>) {
        if !self.names_events {
            return;
        }
        let name = word.text();
        if self.vocabulary.event_names.contains(name.as_ref()) {
            return;
        }
        self.problems.push(Problem {
            in_list,
            hint: self.vocabulary.event_hint(&name),
            kind: ProblemKind::UnknownEventType,
            ..Problem::new(at, format!("unknown event type {name}"))
        });
    }

    /// Valid conditions that are rarely meant.
    fn look_for_mistakes(&mut self, word: &Word, at: usize, in_list: Option<InList>) {
        let text = word.text();
        let field = self.field;
        if self.warns_na && text == "<NA>" {
            let message = format!("comparing {field} with <NA> is unsafe: use exists");
            self.warn(at, in_list, Code::UnsafeNaCheck, message);
        }
        let code = Code::CompileConditionWarning;
        if self.op == Op::Regex
            && let Some(simpler) = simpler_than_regex(&text)
        {
            let message = format!("regex '{text}' does what a cheaper operator can: use {simpler}");
            self.warn(at, in_list, code, message);
        }
        if !word.quoted && self.vocabulary.looks_like_field(&text) {
            let message =
                format!("'{text}' is compared as text: use val({text}) for the field's value");
            self.warn(at, in_list, code, message);
        }
        let call = text
            .split_once('(')
            .and_then(|(name, _)| Transformer::from_name(name));
        if word.quoted && call.is_some() && text.ends_with(')') {
            let message =
                format!("'{text}' is compared as text: remove the quotes for a transformer");
            self.warn(at, in_list, code, message);
        }
    }

    fn warn(&mut self, at: usize, in_list: Option<InList>, code: Code, message: String) {
        self.notices.push(Notice {
            at,
            in_list,
            code,
            message,
            deprecated_field: None,
        });
    }
}

/// The operator that does what a regular expression without choices does; it matches whole values,
/// so `.*` at an end is what lets it match a part.
fn simpler_than_regex(regex: &str) -> Option<&'static str> {
    let after = regex.strip_prefix('^').unwrap_or(regex);
    let inner = after.strip_suffix('$').unwrap_or(after);
    let start = inner.strip_prefix(".*");
    let inner = start.unwrap_or(inner);
    let end = inner.strip_suffix(".*");
    let inner = end.unwrap_or(inner);
    if inner.bytes().any(|b| b".+*?()|[]{}^$\\".contains(&b)) {
        return None;
    }
    Some(match (start, end) {
        (Some(_), _) if inner.is_empty() => "exists",
        (None, None) => "=",
        (Some(_), None) => "endswith",
        (None, Some(_)) => "startswith",
        (Some(_), Some(_)) => "contains",
    })
}
