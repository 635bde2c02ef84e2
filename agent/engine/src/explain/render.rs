//! Checked conditions as text again.

use crate::ast::Modifier;
use crate::schema::Schema;
use crate::typed::{Condition, Literal, Predicate, Side, Term};

/// Columns of a line before a group is broken into several.
const LINE_COLUMNS: usize = 100;
/// Literals shown of a list; a rule may have thousands.
const MAX_SHOWN: usize = 64;

/// The condition as rules write it, one line for each part that does not fit into one.
pub fn condition_text(condition: &Condition, schema: &dyn Schema) -> String {
    let mut out = String::new();
    write_condition(condition, schema, 0, &mut out);
    out
}

fn write_condition(condition: &Condition, schema: &dyn Schema, depth: usize, out: &mut String) {
    let flat = flat_text(condition, schema, LINE_COLUMNS);
    if let Some(flat) = flat {
        out.push_str(&flat);
        return;
    }
    let (items, word) = match condition {
        Condition::Check(predicate) => {
            out.push_str(&predicate_text(predicate, schema));
            return;
        }
        Condition::Not(inner) => {
            out.push_str("not ");
            return write_nested(inner, schema, depth, out);
        }
        Condition::And(items) => (items, "and"),
        Condition::Or(items) => (items, "or"),
    };
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
            out.push_str(word);
            out.push(' ');
        }
        write_nested(item, schema, depth, out);
    }
}

/// A part of a group, in parentheses if it is a group.
fn write_nested(item: &Condition, schema: &dyn Schema, depth: usize, out: &mut String) {
    let group = matches!(item, Condition::And(_) | Condition::Or(_));
    let lines = flat_text(item, schema, LINE_COLUMNS).is_none();
    match (group, lines) {
        (false, _) => write_condition(item, schema, depth, out),
        (true, false) => {
            out.push('(');
            write_condition(item, schema, depth, out);
            out.push(')');
        }
        (true, true) => {
            let pad = "  ".repeat(depth + 1);
            out.push_str(&format!("(\n{pad}"));
            write_condition(item, schema, depth + 1, out);
            out.push_str(&format!("\n{})", "  ".repeat(depth)));
        }
    }
}

/// The condition on one line, if it has at most `limit` bytes.
fn flat_text(condition: &Condition, schema: &dyn Schema, limit: usize) -> Option<String> {
    let nested = |item: &Condition| {
        let text = flat_text(item, schema, limit)?;
        let group = matches!(item, Condition::And(_) | Condition::Or(_));
        Some(if group { format!("({text})") } else { text })
    };
    let joined = |items: &[std::sync::Arc<Condition>], word: &str| {
        let mut out = String::new();
        for item in items {
            if !out.is_empty() {
                out.push_str(word);
            }
            out.push_str(&nested(item)?);
            if out.len() > limit {
                return None;
            }
        }
        Some(out)
    };
    let text = match condition {
        Condition::Check(predicate) => predicate_text(predicate, schema),
        Condition::Not(inner) => format!("not {}", nested(inner)?),
        Condition::And(items) => joined(items, " and ")?,
        Condition::Or(items) => joined(items, " or ")?,
    };
    (text.len() <= limit).then_some(text)
}

/// One comparison as rules write it.
pub fn predicate_text(predicate: &Predicate, schema: &dyn Schema) -> String {
    let lhs = term_text(&predicate.lhs, schema);
    let op = predicate.op.name();
    let modifier = match predicate.modifier {
        None => "",
        Some(Modifier::OneOf) => " oneof",
        Some(Modifier::AnyOf) => " anyof",
        Some(Modifier::AllOf) => " allof",
    };
    match &predicate.rhs {
        Side::Nothing => format!("{lhs} {op}"),
        Side::Term(term) => match term {
            Term::Field { .. } => format!("{lhs} {op} val({})", term_text(term, schema)),
            _ => format!("{lhs} {op} {}", term_text(term, schema)),
        },
        Side::Literals(literals) => {
            let list = predicate.op.is_list() || predicate.modifier.is_some();
            let mut shown: Vec<String> =
                literals.iter().take(MAX_SHOWN).map(literal_text).collect();
            if literals.len() > MAX_SHOWN {
                shown.push(format!("... {} more", literals.len() - MAX_SHOWN));
            }
            let shown = shown.join(", ");
            let shown = if list { format!("({shown})") } else { shown };
            format!("{lhs} {op}{modifier} {shown}")
        }
    }
}

/// A field or transformer as rules write it.
pub fn term_text(term: &Term, schema: &dyn Schema) -> String {
    let all = |terms: &[Term]| {
        let texts: Vec<String> = terms.iter().map(|term| term_text(term, schema)).collect();
        texts.join(", ")
    };
    match term {
        Term::Field { field, .. } => schema.field_text(*field),
        Term::Literal(bytes) => quoted(bytes),
        Term::List(items) => format!("({})", all(items)),
        Term::Call {
            function,
            args,
            option,
            ..
        } => {
            let option = option.map(|letter| format!("[{}]", char::from(letter)));
            format!(
                "{}({}){}",
                function.name(),
                all(args),
                option.unwrap_or_default()
            )
        }
    }
}

fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::Int(value) => value.to_string(),
        Literal::Uint(value) => value.to_string(),
        Literal::Bool(value) => value.to_string(),
        Literal::Ip(value) => value.to_string(),
        Literal::Net(value) => value.to_string(),
        Literal::Bytes(bytes) => {
            let plain = |byte: &u8| byte.is_ascii_graphic() && !b"(),=\"'\\".contains(byte);
            match std::str::from_utf8(bytes) {
                Ok(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
                _ => quoted(bytes),
            }
        }
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                control if control.is_ascii_control() => {
                    out.push_str(&format!("\\x{:02x}", u32::from(control)));
                }
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}
