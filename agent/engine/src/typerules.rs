//! The rules of types: where fields may stand, which operators fit, what transformers take and give
//! (rules-spec B3, B7, B8).

use crate::ast::{Check, Op, Operand, Transformer};
use crate::schema::{Arity, Place, Resolved};
use crate::typeck::Use;
use crate::typed::Term;
use crate::value::ValueType;

/// Why a field may not stand where it does, if it may not.
pub(crate) fn refuse_place(name: &str, resolved: &Resolved, usage: Use) -> Option<String> {
    let in_output = matches!(usage, Use::Output | Use::OutputArgument);
    let is_argument = matches!(usage, Use::Argument | Use::OutputArgument);
    match resolved.place {
        Place::ConditionOnly if in_output => {
            return Some(format!("field {name} cannot be used in outputs"));
        }
        Place::OutputOnly if !in_output => {
            return Some(format!("field {name} can be used in outputs only"));
        }
        _ => {}
    }
    let one = matches!(resolved.arity, Arity::One | Arity::List);
    match usage {
        Use::Right if !resolved.on_right => Some(format!(
            "field {name} cannot be used on the right-hand side"
        )),
        _ if is_argument && !resolved.in_transformer => {
            Some(format!("field {name} cannot be used in a transformer"))
        }
        Use::Right | Use::Argument | Use::OutputArgument if !one => {
            Some(format!("field {name} has no single value to use here"))
        }
        _ => None,
    }
}

/// Name of a type for messages.
pub(crate) fn type_name(ty: ValueType) -> &'static str {
    match ty {
        ValueType::Int => "integer",
        ValueType::Uint => "unsigned integer",
        ValueType::Bool => "boolean",
        ValueType::Str => "string",
        ValueType::Bytes => "bytes",
        ValueType::Ip => "IP address",
        ValueType::Net => "IP network",
        ValueType::Port => "port",
        ValueType::RelTime => "time span",
        ValueType::AbsTime => "time",
        ValueType::Double => "floating-point number",
    }
}

/// Why an operator does not fit its left-hand side, if it does not (rules-spec B3).
pub(crate) fn refuse_operator(ty: ValueType, arity: Arity, check: &Check) -> Option<String> {
    let op = check.op;
    let set = matches!(op, Op::In | Op::Intersects | Op::Exists);
    let equality = set || matches!(op, Op::Eq | Op::Ne);
    let allowed = match ty {
        _ if arity == Arity::List => set,
        ValueType::Bool | ValueType::Ip | ValueType::Net => equality,
        ValueType::Str => !matches!(op, Op::Bcontains | Op::Bstartswith),
        ValueType::Bytes => {
            equality
                || matches!(op, Op::Contains | Op::Startswith | Op::Endswith)
                || matches!(op, Op::Bcontains | Op::Bstartswith)
        }
        _ => equality || op.is_order(),
    };
    if op == Op::Exists && !matches!(check.lhs, Operand::Field { .. }) {
        // `exists` asks for a field; of a transformer it asks whether it has a result.
        return None;
    }
    let kind = if arity == Arity::List {
        "list"
    } else {
        type_name(ty)
    };
    (!allowed).then(|| format!("operator {} cannot be used with a {kind} field", op.name()))
}

/// Types a transformer; the error is a sentence (rules-spec B7).
pub(crate) fn call(
    function: Transformer,
    args: Vec<Term>,
    option: Option<&str>,
) -> Result<Term, String> {
    use Transformer as T;
    if option.is_some() && function != T::Getopt {
        return Err("takes no argument between brackets".to_owned());
    }
    let one = |term: &Term| term.arity() == Arity::One;
    let text = |term: &Term| term.ty() == ValueType::Str;
    let (ty, arity) = match (function, args.as_slice()) {
        (T::ToLower | T::ToUpper, [arg]) if text(arg) => (ValueType::Str, arg.arity()),
        (T::B64, [arg]) if one(arg) && (text(arg) || arg.ty() == ValueType::Bytes) => {
            (arg.ty(), Arity::One)
        }
        (T::Basename, [arg]) if one(arg) && text(arg) => (ValueType::Str, Arity::One),
        (T::Len, [arg]) if !one(arg) || text(arg) || arg.ty() == ValueType::Bytes => {
            (ValueType::Uint, Arity::One)
        }
        (T::Join, [separator, list])
            if one(separator) && text(separator) && !one(list) && list_of_text(list) =>
        {
            (ValueType::Str, Arity::One)
        }
        (T::Concat, parts) if parts.len() >= 2 && parts.iter().all(|p| one(p) && text(p)) => {
            (ValueType::Str, Arity::One)
        }
        (T::Getopt, [list, Term::Literal(_)]) if !one(list) && list_of_text(list) => (
            ValueType::Str,
            if option.is_some() {
                Arity::One
            } else {
                Arity::List
            },
        ),
        _ => return Err(format!("expected {}", expectation(function))),
    };
    let option = match option.map(str::as_bytes) {
        None => None,
        Some(&[letter]) => Some(letter),
        Some(_) => return Err("the option between brackets must be one character".to_owned()),
    };
    Ok(Term::Call {
        function,
        args,
        option,
        ty,
        arity,
    })
}

fn list_of_text(term: &Term) -> bool {
    match term {
        Term::List(items) => items
            .iter()
            .all(|i| i.arity() == Arity::One && i.ty() == ValueType::Str),
        other => other.ty() == ValueType::Str,
    }
}

fn expectation(function: Transformer) -> &'static str {
    match function {
        Transformer::ToLower | Transformer::ToUpper => "one string or list of strings",
        Transformer::B64 => "one string or bytes",
        Transformer::Basename => "one string",
        Transformer::Len => "one string, bytes or list",
        Transformer::Join => "a separator and a list of strings",
        Transformer::Concat => "two or more strings",
        Transformer::Getopt => "a list of strings and an option string",
    }
}
