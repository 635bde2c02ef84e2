//! Output formats: `%field`, `%20field`, `%transformer(...)` (rules-spec C1).

use std::fmt::Write;
use std::ops::ControlFlow;

use serde_json::Value as Json;

use crate::ast::Transformer;
use crate::diagnostics::{Code, MAX_REPORTED};
use crate::lexer::Lexer;
use crate::parser::parse_operand_at;
use crate::schema::{Arity, Event, FieldError, IntFormat};
use crate::terms::{Pool, base64_encode, each_value};
use crate::typeck::{Checker, MAX_FIELD_BYTES, NamedField, Notice, Problem, Use};
use crate::typed::Term;
use crate::value::{Value, ValueType};

/// What stands for an absent value in text.
pub const ABSENT: &str = "<NA>";

/// Widest column `%NNfield` may ask for.
const MAX_WIDTH: usize = 4096;

/// Most errors looked for in one format.
const MAX_PROBLEMS: usize = 2 * MAX_REPORTED;

/// How values are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenderOptions {
    /// Escape values like the inside of a JSON string (text alerts).
    pub escape: bool,
    /// Print bytes as Base64 instead of with dots (`buffer_format_base64`).
    pub base64_bytes: bool,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Token {
        term: Term,
        int_format: IntFormat,
        width: Option<usize>,
    },
}

/// A parsed output format.
#[derive(Debug, Clone, Default)]
pub struct OutputFormat {
    source: String,
    pieces: Vec<Piece>,
    fields: Vec<NamedField>,
}

impl OutputFormat {
    /// Parses `text`; problems and notices are left in `checker`, and `None` is returned when there
    /// are problems. Every wrong token is reported.
    pub fn parse(
        text: &str,
        checker: &mut Checker<'_>,
        schema_fields: &FieldLookup<'_>,
    ) -> Option<Self> {
        let problems_before = checker.problems.len();
        let fields_before = checker.fields.len();
        let mut pieces = Vec::new();
        // A leading star asks for the output even when values are missing, which is always so here.
        let mut at = usize::from(text.starts_with('*'));
        while let Some(percent) = memchr::memchr(b'%', &text.as_bytes()[at..]) {
            if checker.problems.len() - problems_before >= MAX_PROBLEMS {
                break;
            }
            let percent = at + percent;
            push_text(&mut pieces, &text[at..percent]);
            at = match token(text, percent, checker, schema_fields) {
                Some((piece, end)) => {
                    pieces.extend(piece);
                    end
                }
                None => percent + 1,
            };
        }
        push_text(&mut pieces, &text[at..]);
        if checker.problems.len() > problems_before {
            return None;
        }
        let fields = checker.fields.split_off(fields_before);
        Some(Self {
            source: text.to_owned(),
            pieces,
            fields,
        })
    }

    /// The format as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The fields it names, as written, in order; those of transformers included.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// Appends the text of `event` to `out`.
    pub fn render<E: Event + ?Sized>(&self, event: &E, options: RenderOptions, out: &mut String) {
        let mut pool = Pool::default();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Token {
                    term,
                    int_format,
                    width,
                } => {
                    let mut shown = print_term(term, *int_format, event, &mut pool, options);
                    if options.escape {
                        shown = escape(&shown);
                    }
                    match width {
                        Some(width) => {
                            let len = shown.chars().count();
                            out.extend(shown.chars().take(*width));
                            out.extend(std::iter::repeat_n(' ', width.saturating_sub(len)));
                        }
                        None => out.push_str(&shown),
                    }
                }
            }
        }
    }

    /// Every field it names with its typed value, `null` when absent (rules-spec C4).
    pub fn fields<E: Event + ?Sized>(
        &self,
        event: &E,
        options: RenderOptions,
    ) -> Vec<(String, Json)> {
        self.fields
            .iter()
            .map(|field| (field.name.clone(), field.json(event, options)))
            .collect()
    }
}

impl NamedField {
    /// The typed value of the field: numbers, booleans, strings, arrays, `null` when absent.
    pub fn json<E: Event + ?Sized>(&self, event: &E, options: RenderOptions) -> Json {
        let (mut values, mut joined) = (Vec::new(), String::new());
        let ty = self.term.ty();
        let is_joined = self.term.arity() == Arity::Any;
        let present = each_value(&self.term, event, &mut Pool::default(), &mut |value, _| {
            if is_joined {
                if !joined.is_empty() {
                    joined.push(' ');
                }
                print_value(value, ty, self.int_format, options, &mut joined);
            } else {
                values.push(json_value(value, ty, self.int_format, options));
            }
            ControlFlow::Continue(())
        });
        match self.term.arity() {
            _ if !present => Json::Null,
            Arity::One => values.pop().unwrap_or(Json::Null),
            Arity::Any => Json::String(joined),
            Arity::List | Arity::Ends => Json::Array(values),
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Looks a field name up without side effects, to find where a token ends.
pub type FieldLookup<'a> = dyn Fn(&str, Option<&str>) -> Result<(), FieldError> + 'a;

/// Reads the token after the `%` at `percent`: the piece, if it prints anything, and its end.
fn token(
    text: &str,
    percent: usize,
    checker: &mut Checker<'_>,
    lookup: &FieldLookup<'_>,
) -> Option<(Option<Piece>, usize)> {
    let digits = text[percent + 1..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    let start = percent + 1 + digits;
    let width = match &text[percent + 1..start] {
        "" => None,
        number => match number.parse().ok().filter(|&width| width <= MAX_WIDTH) {
            Some(width) => Some(width),
            None => {
                let message = format!("invalid formatting token: wider than {MAX_WIDTH}");
                checker.problems.push(Problem::new(percent, message));
                return None;
            }
        },
    };
    let rest = &text[start..];
    if let Some(after) = rest.strip_prefix("container.info")
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.')
    {
        let message = "%container.info is deprecated and left out".to_owned();
        let code = Code::DeprecatedItem;
        let deprecated_field = Some("container.info".to_owned());
        checker.notices.push(Notice {
            in_list: None,
            at: percent,
            code,
            message,
            deprecated_field,
        });
        return Some((None, start + "container.info".len()));
    }
    let fields_before = checker.fields.len();
    let (term, end) = if starts_call(rest) {
        let (operand, end) = match parse_operand_at(text, start) {
            Ok(parsed) => parsed,
            Err(error) => {
                let problem = Problem {
                    hint: error.hint,
                    ..Problem::new(error.at, error.message)
                };
                checker.problems.push(problem);
                return None;
            }
        };
        (checker.operand(&operand, Use::Output)?, end)
    } else {
        field_token(text, percent, start, checker, lookup)?
    };
    let format = match &term {
        Term::Field { .. } => checker.fields[fields_before..].last().map(|f| f.int_format),
        _ => None,
    };
    let int_format = format.unwrap_or(IntFormat::Decimal);
    Some((
        Some(Piece::Token {
            term,
            int_format,
            width,
        }),
        end,
    ))
}

fn starts_call(rest: &str) -> bool {
    rest.split_once('(')
        .is_some_and(|(name, _)| Transformer::from_name(name).is_some())
}

/// Finds the longest field name that begins at `start` and resolves it.
fn field_token(
    text: &str,
    percent: usize,
    start: usize,
    checker: &mut Checker<'_>,
    lookup: &FieldLookup<'_>,
) -> Option<(Term, usize)> {
    let mut lexer = Lexer::new(text, start);
    let Some(name) = lexer.field_name() else {
        let mut problem = Problem::new(percent, "invalid formatting token");
        problem.hint = Some("a '%' must be followed by a field; it has no escape".to_owned());
        checker.problems.push(problem);
        return None;
    };
    let name_end = lexer.at();
    let bracket = lexer.bracket_argument();
    if let Ok(Some(arg)) = &bracket {
        let operand = crate::ast::Operand::Field {
            name: name.to_owned(),
            arg: Some(arg.clone()),
            at: start,
        };
        let known = name.len() <= MAX_FIELD_BYTES
            && !matches!(lookup(name, Some(arg)), Err(FieldError::Unknown));
        if known {
            return checker
                .operand(&operand, Use::Output)
                .map(|term| (term, lexer.at()));
        }
    }
    let shorter = (1..=name.len().min(MAX_FIELD_BYTES))
        .rev()
        .map(|len| &name[..len])
        .find(|part| lookup(part, None) != Err(FieldError::Unknown));
    let known = shorter.unwrap_or(name);
    let arg = None;
    let operand = crate::ast::Operand::Field {
        name: known.to_owned(),
        arg,
        at: start,
    };
    let end = if shorter.is_some() {
        start + known.len()
    } else {
        name_end
    };
    checker
        .operand(&operand, Use::Output)
        .map(|term| (term, end))
}

fn print_term<E: Event + ?Sized>(
    term: &Term,
    int_format: IntFormat,
    event: &E,
    pool: &mut Pool,
    options: RenderOptions,
) -> String {
    let mut out = String::new();
    if let Term::Field { field, .. } = term
        && let Some(shown) = event.printed(*field)
    {
        print_value(shown, ValueType::Str, int_format, options, &mut out);
        return out;
    }
    let separator = if term.arity() == Arity::Any { ' ' } else { ',' };
    let mut first = true;
    let present = each_value(term, event, pool, &mut |value, _| {
        if !first {
            out.push(separator);
        }
        first = false;
        print_value(value, term.ty(), int_format, options, &mut out);
        ControlFlow::Continue(())
    });
    match term.arity() {
        _ if !present => ABSENT.to_owned(),
        Arity::One | Arity::Any => out,
        Arity::List | Arity::Ends => format!("({out})"),
    }
}

fn print_value(
    value: Value<'_>,
    ty: ValueType,
    int_format: IntFormat,
    options: RenderOptions,
    out: &mut String,
) {
    // Writing to a String cannot fail.
    let _ = match (value, int_format) {
        (Value::Int(value), IntFormat::Decimal) => write!(out, "{value}"),
        (Value::Int(value), IntFormat::Hex) => write!(out, "{value:X}"),
        (Value::Int(value), IntFormat::Octal) => write!(out, "0{value:o}"),
        (Value::Uint(value), IntFormat::Decimal) => write!(out, "{value}"),
        (Value::Uint(value), IntFormat::Hex) => write!(out, "{value:X}"),
        (Value::Uint(value), IntFormat::Octal) => write!(out, "0{value:o}"),
        (Value::Bool(value), _) => write!(out, "{value}"),
        (Value::Ip(value), _) => write!(out, "{value}"),
        (Value::Double(value), _) => write!(out, "{value:.1}"),
        (Value::Bytes(bytes), _) if ty == ValueType::Bytes => {
            if options.base64_bytes {
                base64_encode(bytes, out);
            } else {
                let shown = |&b: &u8| {
                    if (32..127).contains(&b) {
                        char::from(b)
                    } else {
                        '.'
                    }
                };
                out.extend(bytes.iter().map(shown));
            }
            Ok(())
        }
        (Value::Bytes(bytes), _) => {
            out.push_str(&String::from_utf8_lossy(bytes));
            Ok(())
        }
    };
}

fn json_value(
    value: Value<'_>,
    ty: ValueType,
    int_format: IntFormat,
    options: RenderOptions,
) -> Json {
    match value {
        Value::Int(value) if int_format == IntFormat::Decimal => Json::from(value),
        Value::Uint(value) if int_format == IntFormat::Decimal => Json::from(value),
        Value::Bool(value) => Json::from(value),
        Value::Double(value) => Json::from(value),
        _ => {
            let mut text = String::new();
            print_value(value, ty, int_format, options, &mut text);
            Json::String(text)
        }
    }
}

/// The inside of a JSON string, and no character that JSON leaves alone but a terminal or a reader of lines does not.
fn escape(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    let inside = &quoted[1..quoted.len() - 1];
    let acts = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let mut escaped = String::with_capacity(inside.len());
    for c in inside.chars() {
        if acts(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}
