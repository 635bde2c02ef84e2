//! Parser of conditions (rules-spec B1).
//!
//! The boolean level keeps its own stack, so that a thousand parentheses cost no machine stack;
//! only transformers, whose nesting is small, recurse.

use std::sync::Arc;

use crate::ast::{
    Check, Expr, ListPart, Modifier, Op, Operand, Rhs, SharedWords, Transformer, ValueList, Word,
};
use crate::diagnostics::nearest;
use crate::lexer::{Lexer, Result, SyntaxError, is_blank};

/// Deepest nesting of parentheses in a condition, and of the tree made from it: what walks trees
/// may recurse. Falco has the same limit for rules.
pub const MAX_DEPTH: usize = 1000;

/// Deepest nesting of transformers; real rules use two or three.
pub const MAX_TRANSFORMER_DEPTH: usize = 32;

/// Stands in a text for the values of a list; it means that only where [`Named`] says so.
pub const LIST_MARK: char = '\u{1a}';

/// The list that a [`LIST_MARK`] at a byte offset stands for.
pub type Named<'a> = dyn Fn(usize) -> Option<Arc<SharedWords>> + 'a;

/// Parses a whole condition.
pub fn parse_condition(text: &str) -> Result<Expr> {
    parse_condition_with(text, &|_| None).0
}

/// The same with marks for lists. Also tells how many of them stood where values of a list may
/// stand; the others were read as ordinary characters.
pub fn parse_condition_with(text: &str, named: &Named<'_>) -> (Result<Expr>, usize) {
    let mut parser = Parser {
        lexer: Lexer::new(text, 0),
        named,
        taken: 0,
    };
    (parser.condition(), parser.taken)
}

/// Parses one field or transformer from `text` at `at`; returns it and the offset behind it.
pub fn parse_operand_at(text: &str, at: usize) -> Result<(Operand, usize)> {
    let mut parser = Parser {
        lexer: Lexer::new(text, at),
        named: &|_| None,
        taken: 0,
    };
    let operand = parser.left_operand()?;
    let Some(operand) = operand else {
        let message = format!("expected a field, found {}", parser.lexer.found());
        return Err(SyntaxError::new(at, message));
    };
    Ok((operand, parser.lexer.at()))
}

/// One level of parentheses that is still open.
#[derive(Default)]
struct Level {
    or_terms: Vec<Expr>,
    and_terms: Vec<Expr>,
    /// Whether the parentheses are negated as a whole.
    negated: bool,
    /// Where the parenthesis stands.
    at: usize,
    /// Depth of the deepest term so far.
    depth: usize,
    /// Whether some terms are joined by `and`.
    has_and: bool,
}

impl Level {
    fn add(&mut self, term: Expr, depth: usize) {
        self.and_terms.push(term);
        self.depth = self.depth.max(depth);
    }

    fn close_and(&mut self) {
        self.has_and |= self.and_terms.len() > 1;
        let terms = std::mem::take(&mut self.and_terms);
        self.or_terms.push(group(terms, Expr::And));
    }

    /// The expression of the level and its depth.
    fn close(mut self) -> Result<(Expr, usize)> {
        self.close_and();
        let groups = [self.has_and, self.or_terms.len() > 1, self.negated];
        let depth = self.depth + groups.into_iter().filter(|&group| group).count();
        if depth > MAX_DEPTH {
            let message = format!("exceeded max depth: more than {MAX_DEPTH} levels");
            return Err(SyntaxError::new(self.at, message));
        }
        Ok((negate(group(self.or_terms, Expr::Or), self.negated), depth))
    }
}

fn group(mut terms: Vec<Expr>, make: fn(Vec<Expr>) -> Expr) -> Expr {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            make(terms)
        }
        None => make(terms),
    }
}

fn negate(expr: Expr, negated: bool) -> Expr {
    match (negated, expr) {
        (false, expr) => expr,
        (true, Expr::Not(inner)) => *inner,
        (true, expr) => Expr::Not(Box::new(expr)),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    named: &'a Named<'a>,
    /// Marks read as lists.
    taken: usize,
}

impl Parser<'_> {
    fn condition(&mut self) -> Result<Expr> {
        let mut levels: Vec<Level> = Vec::new();
        let mut level = Level::default();
        loop {
            self.lexer.skip_blanks();
            let mut negated = false;
            while self.lexer.take_keyword("not") {
                negated = !negated;
                self.lexer.skip_blanks();
            }
            let at = self.lexer.at();
            if self.lexer.take(b'(') {
                if levels.len() >= MAX_DEPTH {
                    let message = format!("exceeded max depth: more than {MAX_DEPTH} levels");
                    return Err(SyntaxError::new(at, message));
                }
                levels.push(std::mem::replace(
                    &mut level,
                    Level {
                        negated,
                        at,
                        ..Level::default()
                    },
                ));
                continue;
            }
            let check = self.check()?;
            level.add(negate(check, negated), 1 + usize::from(negated));
            if self.close_levels(&mut levels, &mut level)? {
                return Ok(level.close()?.0);
            }
        }
    }

    /// After an operand: closes parentheses until `and`, `or` (false) or the end (true).
    fn close_levels(&mut self, levels: &mut Vec<Level>, level: &mut Level) -> Result<bool> {
        loop {
            self.lexer.skip_blanks();
            if self.lexer.is_end() {
                if levels.is_empty() {
                    return Ok(true);
                }
                let mut error = SyntaxError::new(self.lexer.at(), "expected ')', found the end");
                // The innermost one that is open: the likeliest to have been forgotten.
                error.hint = Some(format!(
                    "'(' at byte {} of the condition is not closed",
                    level.at
                ));
                return Err(error);
            }
            if self.lexer.take_keyword("and") {
                return Ok(false);
            }
            if self.lexer.take_keyword("or") {
                level.close_and();
                return Ok(false);
            }
            if self.lexer.peek() != Some(b')') {
                let message = format!(
                    "expected 'and', 'or' or the end, found {}",
                    self.lexer.found()
                );
                return Err(SyntaxError::new(self.lexer.at(), message));
            }
            let Some(outer) = levels.pop() else {
                return Err(SyntaxError::new(self.lexer.at(), "')' without '('"));
            };
            self.lexer.take(b')');
            let inner = std::mem::replace(level, outer);
            let (inner, depth) = inner.close()?;
            level.add(inner, depth);
        }
    }

    fn check(&mut self) -> Result<Expr> {
        let at = self.lexer.at();
        if let Some(lhs) = self.left_operand()? {
            return Ok(Expr::Check(Box::new(self.comparison(lhs)?)));
        }
        let name = self.lexer.identifier();
        match name {
            Some(name) if !matches!(name, "and" | "or" | "not") => Ok(Expr::Macro {
                name: name.to_owned(),
                at,
            }),
            _ => {
                self.lexer.seek(at);
                let found = self.lexer.found();
                let message = format!("expected a field, a macro or '(', found {found}");
                Err(SyntaxError::new(at, message))
            }
        }
    }

    /// A field or transformer, if one is next.
    fn left_operand(&mut self) -> Result<Option<Operand>> {
        let at = self.lexer.at();
        if let Some(name) = self.lexer.field_name() {
            let name = name.to_owned();
            let arg = self.lexer.bracket_argument()?;
            return Ok(Some(Operand::Field { name, arg, at }));
        }
        self.call(0)
    }

    /// A transformer, if one is next.
    fn call(&mut self, depth: usize) -> Result<Option<Operand>> {
        let at = self.lexer.at();
        let name = self.lexer.identifier();
        let Some(name) = name.filter(|_| self.lexer.peek() == Some(b'(')) else {
            self.lexer.seek(at);
            return Ok(None);
        };
        if matches!(name, "and" | "or" | "not") {
            self.lexer.seek(at);
            return Ok(None);
        }
        let Some(function) = Transformer::from_name(name) else {
            let mut error = SyntaxError::new(at, format!("unknown transformer '{name}'"));
            error.hint = nearest(name, Transformer::names()).map(|n| format!("did you mean {n}?"));
            return Err(error);
        };
        if depth >= MAX_TRANSFORMER_DEPTH {
            let message = format!("more than {MAX_TRANSFORMER_DEPTH} nested transformers");
            return Err(SyntaxError::new(at, message));
        }
        let args = self.arguments(depth, true)?;
        let option = self.lexer.bracket_argument()?;
        Ok(Some(Operand::Call {
            function,
            args,
            option,
            at,
        }))
    }

    /// Arguments between parentheses; `nested` tells whether lists may be among them.
    fn arguments(&mut self, depth: usize, nested: bool) -> Result<Vec<Operand>> {
        self.lexer.expect(b'(', "before the arguments")?;
        let mut args = Vec::new();
        self.lexer.skip_blanks();
        if self.lexer.take(b')') {
            return Ok(args);
        }
        loop {
            self.lexer.skip_blanks();
            args.push(self.argument(depth, nested)?);
            self.lexer.skip_blanks();
            if self.lexer.take(b')') {
                return Ok(args);
            }
            self.lexer.expect(b',', "or ')' between arguments")?;
        }
    }

    fn argument(&mut self, depth: usize, nested: bool) -> Result<Operand> {
        let at = self.lexer.at();
        match self.lexer.peek() {
            Some(b'"' | b'\'') => return Ok(Operand::Literal(self.lexer.quoted()?)),
            Some(b'(') if nested => {
                let items = self.arguments(depth, false)?;
                return Ok(Operand::List { items, at });
            }
            _ => {}
        }
        if let Some(number) = self.lexer.number() {
            return Ok(Operand::Literal(number));
        }
        if let Some(name) = self.lexer.field_name() {
            let name = name.to_owned();
            let arg = self.lexer.bracket_argument()?;
            return Ok(Operand::Field { name, arg, at });
        }
        if let Some(call) = self.call(depth + 1)? {
            return Ok(call);
        }
        let found = self.lexer.found();
        let message =
            format!("expected a field, a string, a number or a transformer, found {found}");
        Err(SyntaxError::new(at, message))
    }

    fn comparison(&mut self, lhs: Operand) -> Result<Check> {
        self.lexer.skip_blanks();
        let op_at = self.lexer.at();
        let op = self.operator()?;
        self.lexer.skip_blanks();
        let (modifier, rhs) = match op {
            Op::Exists => (None, Rhs::Nothing),
            _ if op.is_order() => (None, self.number_or_operand()?),
            _ if op.is_list() => match self.right_operand()? {
                Some(operand) => (None, Rhs::Operand(operand)),
                None => (None, Rhs::List(self.list()?)),
            },
            _ => match self.modifier() {
                Some(modifier) => (Some(modifier), Rhs::List(self.list()?)),
                None => match self.right_operand()? {
                    Some(operand) => (None, Rhs::Operand(operand)),
                    None => (None, Rhs::Value(self.lexer.value()?)),
                },
            },
        };
        Ok(Check {
            lhs,
            op,
            op_at,
            modifier,
            rhs,
        })
    }

    fn operator(&mut self) -> Result<Op> {
        let at = self.lexer.at();
        for symbol in ["<=", ">=", "==", "!=", "<", ">", "="] {
            if self.lexer.rest().starts_with(symbol) {
                self.lexer.seek(at + symbol.len());
                return Op::from_name(symbol).ok_or_else(|| self.no_operator(at));
            }
        }
        let name = self.lexer.identifier().unwrap_or_default();
        let Some(op) = Op::from_name(name) else {
            return Err(self.no_operator(at));
        };
        let next = self.lexer.peek();
        let separated = match next {
            Some(b'(') => op.is_list(),
            Some(b')') | None => op == Op::Exists,
            Some(byte) => is_blank(byte),
        };
        if separated {
            return Ok(op);
        }
        let message = format!(
            "expected a blank after '{name}', found {}",
            self.lexer.found()
        );
        Err(SyntaxError::new(self.lexer.at(), message))
    }

    fn no_operator(&mut self, at: usize) -> SyntaxError {
        self.lexer.seek(at);
        let found = self.lexer.found();
        let mut error = SyntaxError::new(at, format!("expected an operator, found {found}"));
        let names = Op::ALL.into_iter().map(Op::name);
        let word = found.trim_matches('\'');
        error.hint = nearest(word, names).map(|name| format!("did you mean {name}?"));
        error
    }

    fn number_or_operand(&mut self) -> Result<Rhs> {
        if let Some(operand) = self.right_operand()? {
            return Ok(Rhs::Operand(operand));
        }
        let at = self.lexer.at();
        self.lexer.number().map(Rhs::Value).ok_or_else(|| {
            let message = format!("expected a number, found {}", self.lexer.found());
            SyntaxError::new(at, message)
        })
    }

    /// `val(field)` or a transformer, if one is next.
    fn right_operand(&mut self) -> Result<Option<Operand>> {
        let at = self.lexer.at();
        if !self.lexer.rest().starts_with("val(") {
            return self.call(0);
        }
        self.lexer.seek(at + 4);
        self.lexer.skip_blanks();
        let Some(operand) = self.left_operand()? else {
            let message = format!("expected a field in val(), found {}", self.lexer.found());
            return Err(SyntaxError::new(self.lexer.at(), message));
        };
        self.lexer.skip_blanks();
        self.lexer.expect(b')', "after the field of val(")?;
        Ok(Some(operand))
    }

    /// A modifier, which counts as one only when a list can follow it.
    fn modifier(&mut self) -> Option<Modifier> {
        let at = self.lexer.at();
        let modifier = self.lexer.identifier().and_then(Modifier::from_name);
        if modifier.is_some() {
            let blank = self.lexer.skip_blanks();
            let before_list = self.lexer.at();
            let open = self.lexer.peek() == Some(b'(');
            let word = self.lexer.identifier();
            self.lexer.seek(before_list);
            let named = word.is_some_and(|word| !matches!(word, "and" | "or" | "not"));
            if open || (blank && named) {
                return modifier;
            }
        }
        self.lexer.seek(at);
        None
    }

    fn list(&mut self) -> Result<ValueList> {
        let at = self.lexer.at();
        if !self.lexer.take(b'(') {
            let Some(name) = self.lexer.identifier() else {
                let message = format!("expected '(' or a name, found {}", self.lexer.found());
                return Err(SyntaxError::new(at, message));
            };
            let bytes = name.as_bytes().to_vec();
            let quoted = false;
            let parts = vec![ListPart::Word(Word { bytes, quoted, at })];
            return Ok(ValueList { parts });
        }
        self.lexer.skip_blanks();
        let mut parts = Vec::new();
        if self.lexer.take(b')') {
            return Ok(ValueList { parts });
        }
        loop {
            self.lexer.skip_blanks();
            parts.push(self.list_part()?);
            self.lexer.skip_blanks();
            if self.lexer.take(b')') {
                return Ok(ValueList { parts });
            }
            self.lexer.expect(b',', "or ')' in the list")?;
        }
    }

    fn list_part(&mut self) -> Result<ListPart> {
        let at = self.lexer.at();
        if self.lexer.peek() == Some(LIST_MARK as u8)
            && let Some(words) = (self.named)(at)
        {
            self.lexer.seek(at + LIST_MARK.len_utf8());
            self.taken += 1;
            return Ok(ListPart::Shared { words, at });
        }
        self.lexer.value().map(ListPart::Word)
    }
}

/// Reads `value { "," value }`, the joined text of a list; `None` if it is anything else.
pub fn parse_values(text: &str) -> Option<Vec<Word>> {
    let mut lexer = Lexer::new(text, 0);
    let mut words = Vec::new();
    lexer.skip_blanks();
    if lexer.is_end() {
        return Some(words);
    }
    loop {
        lexer.skip_blanks();
        words.push(lexer.value().ok()?);
        lexer.skip_blanks();
        if lexer.is_end() {
            return Some(words);
        }
        lexer.expect(b',', "").ok()?;
    }
}
