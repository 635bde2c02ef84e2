//! A plain interpreter of conditions, as the language is described: no graph, no memo, no sets, no
//! indexes. Slow and easy to check by eye.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::ControlFlow;

use saker_engine::ast::{Modifier, Op, Transformer};
use saker_engine::loader::LoadedRule;
use saker_engine::schema::{Arity, Event};
use saker_engine::typed::{Condition, Literal, Predicate, Side, Term};
use saker_engine::value::{Value, ValueType};

/// Positions of the rules whose conditions hold.
pub fn matching<'r>(
    rules: impl Iterator<Item = &'r LoadedRule>,
    event: &dyn Event,
    found: &mut Vec<usize>,
) {
    found.clear();
    found.extend(
        rules
            .enumerate()
            .filter(|(_, rule)| holds(&rule.condition, event))
            .map(|(at, _)| at),
    );
}

/// Whether the condition holds.
pub fn holds(condition: &Condition, event: &dyn Event) -> bool {
    match condition {
        Condition::And(items) => items.iter().all(|item| holds(item, event)),
        Condition::Or(items) => items.iter().any(|item| holds(item, event)),
        Condition::Not(inner) => !holds(inner, event),
        Condition::Check(predicate) => check(predicate, event),
    }
}

/// Calls `visit` for every value; false when the term is absent.
fn each(term: &Term, event: &dyn Event, visit: &mut dyn FnMut(Value<'_>)) -> bool {
    match term {
        Term::Field {
            field,
            arity: Arity::One,
            ..
        } => event.get(*field).map(visit).is_some(),
        Term::Field { field, .. } => event.each(*field, &mut |value| {
            visit(value);
            ControlFlow::Continue(())
        }),
        Term::Literal(bytes) => {
            visit(Value::Bytes(bytes));
            true
        }
        Term::List(items) => {
            let there = items.iter().all(|item| each(item, event, &mut |_| ()));
            there && items.iter().all(|item| each(item, event, visit))
        }
        Term::Call {
            function,
            args,
            option,
            ..
        } => {
            let Some(texts) = call(*function, args, *option, event) else {
                return false;
            };
            match texts {
                Called::Number(number) => visit(Value::Uint(number)),
                Called::Texts(texts) => texts.iter().for_each(|text| visit(Value::Bytes(text))),
            }
            true
        }
    }
}

enum Called {
    Number(u64),
    Texts(Vec<Vec<u8>>),
}

fn texts(term: &Term, event: &dyn Event) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let there = each(term, event, &mut |value| {
        if let Value::Bytes(bytes) = value {
            found.push(bytes.to_vec());
        }
    });
    there.then_some(found)
}

fn call(
    function: Transformer,
    args: &[Term],
    option: Option<u8>,
    event: &dyn Event,
) -> Option<Called> {
    let mapped = |change: fn(&[u8]) -> Vec<u8>| {
        let all = texts(&args[0], event)?;
        Some(Called::Texts(all.iter().map(|text| change(text)).collect()))
    };
    match function {
        Transformer::ToLower => mapped(<[u8]>::to_ascii_lowercase),
        Transformer::ToUpper => mapped(<[u8]>::to_ascii_uppercase),
        Transformer::Basename => mapped(|text| {
            text.rsplit(|&byte| byte == b'/')
                .next()
                .unwrap_or_default()
                .to_vec()
        }),
        Transformer::Len => {
            let mut count = 0;
            let mut bytes = 0;
            let there = each(&args[0], event, &mut |value| {
                count += 1;
                if let Value::Bytes(text) = value {
                    bytes = text.len();
                }
            });
            let one = args[0].arity() == Arity::One;
            there.then_some(Called::Number(if one { bytes } else { count } as u64))
        }
        Transformer::Concat => {
            let parts: Option<Vec<_>> = args.iter().map(|arg| texts(arg, event)).collect();
            Some(Called::Texts(vec![parts?.concat().concat()]))
        }
        Transformer::Join => {
            let separator = texts(&args[0], event)?.concat();
            Some(Called::Texts(vec![
                texts(&args[1], event)?.join(&separator[..]),
            ]))
        }
        // Their meaning is held by tests of their own; nothing generates them here.
        Transformer::B64 | Transformer::Getopt => {
            unreachable!(
                "{} with option {option:?} is not generated",
                function.name()
            )
        }
    }
}

fn check(predicate: &Predicate, event: &dyn Event) -> bool {
    let Predicate {
        lhs,
        op,
        modifier,
        rhs,
    } = predicate;
    let literals = match rhs {
        Side::Literals(literals) => literals,
        Side::Nothing => {
            let mut values = 0;
            let there = each(lhs, event, &mut |_| values += 1);
            return there && (lhs.arity() != Arity::Any || values > 0);
        }
        Side::Term(rhs) => return sides(lhs, *op, rhs, event),
    };
    let by_modifier = |passed: usize| match modifier {
        None | Some(Modifier::AnyOf) => passed > 0,
        Some(Modifier::AllOf) => passed == literals.len() && passed > 0,
        Some(Modifier::OneOf) => passed == 1,
    };
    let passed = |value: Value<'_>| literals.iter().filter(|l| compare(*op, value, l)).count();
    match lhs.arity() {
        Arity::One => {
            let mut result = false;
            each(lhs, event, &mut |value| result = by_modifier(passed(value)));
            result
        }
        Arity::Any => {
            let mut result = false;
            each(lhs, event, &mut |value| {
                result |= by_modifier(passed(value))
            });
            result
        }
        Arity::List => {
            let (mut some, mut every) = (false, true);
            let there = each(lhs, event, &mut |value| {
                let one = passed(value) > 0;
                some |= one;
                every &= one;
            });
            there
                && if *op == Op::In {
                    every && !literals.is_empty()
                } else {
                    some
                }
        }
        Arity::Ends => by_modifier(
            literals
                .iter()
                .filter(|literal| {
                    let (mut values, mut held) = (0, 0);
                    let there = each(lhs, event, &mut |value| {
                        values += 1;
                        held += usize::from(compare(*op, value, literal));
                    });
                    if *op == Op::Ne {
                        let some = values > 0 || lhs.ty() == ValueType::Net;
                        there && some && held == values
                    } else {
                        held > 0
                    }
                })
                .count(),
        ),
    }
}

/// Both sides are fields or transformers of one value each.
fn sides(lhs: &Term, op: Op, rhs: &Term, event: &dyn Event) -> bool {
    let (mut left_values, mut result) = (0, false);
    each(lhs, event, &mut |left| {
        left_values += 1;
        each(rhs, event, &mut |right| {
            result = match (left, right) {
                (Value::Bytes(a), Value::Bytes(b)) => text(op, a, b),
                _ => ordered(op, left.partial_cmp_with(right)),
            };
        });
    });
    assert!(
        left_values <= 1,
        "only single values are generated on both sides"
    );
    result
}

/// Order of two values of one kind.
trait PartialCmpWith {
    fn partial_cmp_with(self, other: Self) -> Option<std::cmp::Ordering>;
}

impl PartialCmpWith for Value<'_> {
    fn partial_cmp_with(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(&b)),
            (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(&b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(&b)),
            (Value::Ip(a), Value::Ip(b)) => Some(a.cmp(&b)),
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(&b),
            _ => None,
        }
    }
}

fn ordered(op: Op, order: Option<std::cmp::Ordering>) -> bool {
    order.is_some_and(|order| match op {
        Op::Eq | Op::In | Op::Intersects => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        _ => false,
    })
}

/// One value, one operator, one literal.
fn compare(op: Op, value: Value<'_>, literal: &Literal) -> bool {
    match (value, literal) {
        (Value::Bytes(value), Literal::Bytes(literal)) => text(op, value, literal),
        (Value::Int(value), Literal::Int(literal)) => ordered(op, Some(value.cmp(literal))),
        (Value::Uint(value), Literal::Uint(literal)) => ordered(op, Some(value.cmp(literal))),
        (Value::Bool(value), Literal::Bool(literal)) => ordered(op, Some(value.cmp(literal))),
        (Value::Double(value), Literal::Int(literal)) => {
            ordered(op, value.partial_cmp(&(*literal as f64)))
        }
        (Value::Ip(value), Literal::Ip(literal)) => (value == *literal) == (op != Op::Ne),
        (Value::Ip(value), Literal::Net(net)) => {
            in_net(value, net.addr(), net.prefix_len()) == (op != Op::Ne)
        }
        // Of another kind: nothing is equal, and so everything different.
        _ => op == Op::Ne,
    }
}

/// Whether the first bits are the same.
fn in_net(ip: IpAddr, base: IpAddr, bits: u8) -> bool {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (ip, base) = (octets(ip), octets(base));
    let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    ip.len() == base.len() && (0..usize::from(bits)).all(|at| bit(&ip, at) == bit(&base, at))
}

fn text(op: Op, value: &[u8], literal: &[u8]) -> bool {
    let inside = |value: &[u8], literal: &[u8]| {
        literal.is_empty() || value.windows(literal.len()).any(|part| part == literal)
    };
    let lower = <[u8]>::to_ascii_lowercase;
    match op {
        Op::Contains | Op::Bcontains => inside(value, literal),
        Op::Icontains => inside(&lower(value), &lower(literal)),
        Op::Startswith | Op::Bstartswith => value.starts_with(literal),
        Op::Endswith => value.ends_with(literal),
        Op::Glob => fnmatch(literal, value),
        Op::Iglob => fnmatch(&lower(literal), &lower(value)),
        Op::Pmatch => {
            let (path, prefix) = (components(value), components(literal));
            prefix.len() <= path.len() && prefix.iter().zip(path).all(|(p, c)| fnmatch(p, c))
        }
        Op::Regex => {
            let pattern = format!("^(?:{})$", String::from_utf8_lossy(literal));
            let value: Cow<'_, str> = String::from_utf8_lossy(value);
            let regex = regex::RegexBuilder::new(&pattern)
                .dot_matches_new_line(false)
                .build();
            regex.expect("checked by the loader").is_match(&value)
        }
        _ => ordered(op, Some(value.cmp(literal))),
    }
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
        .collect()
}

/// `*`, `?`, sets and escapes.
fn fnmatch(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], rest) => rest.is_empty(),
        ([b'*', pattern @ ..], _) => (0..=text.len()).any(|at| fnmatch(pattern, &text[at..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => fnmatch(pattern, text),
        ([b'\\', byte, pattern @ ..], [other, text @ ..]) => {
            byte == other && fnmatch(pattern, text)
        }
        ([b'[', rest @ ..], [other, text @ ..]) => {
            // A closing bracket that comes first is a member.
            let inverted = matches!(rest.first(), Some(b'!' | b'^'));
            let members = &rest[usize::from(inverted)..];
            let Some(end) = members.iter().skip(1).position(|&byte| byte == b']') else {
                return *other == b'[' && fnmatch(rest, text);
            };
            let (set, pattern) = (&members[..end + 1], &members[end + 2..]);
            let mut found = false;
            let mut at = 0;
            while at < set.len() {
                match &set[at..] {
                    [from, b'-', to, ..] => {
                        found |= (from..=to).contains(&other);
                        at += 3;
                    }
                    rest => {
                        found |= rest[0] == *other;
                        at += 1;
                    }
                }
            }
            found != inverted && fnmatch(pattern, text)
        }
        ([byte, pattern @ ..], [other, text @ ..]) => byte == other && fnmatch(pattern, text),
        (_, []) => false,
    }
}
