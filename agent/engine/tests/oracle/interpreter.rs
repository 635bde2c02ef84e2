//! A plain interpreter of the syntax tree. It knows nothing of types, graphs, memos or sets.

use saker_engine::ast::{Check, Expr, Modifier, Op, Operand, Rhs, Transformer};
use saker_engine::schema::Arity;

use crate::common::{FIELDS, Owned, TestEvent};

/// Values of an operand: `None` when absent.
fn values(operand: &Operand, event: &TestEvent) -> Option<Vec<Owned>> {
    match operand {
        Operand::Field { name, arg, .. } => {
            let id = FIELDS
                .iter()
                .position(|field| field.0 == name)
                .expect("field") as u16;
            let arg = arg
                .as_ref()
                .map_or(0, |arg| arg.parse::<u32>().expect("index") + 1);
            event.values.get(&(id, arg)).cloned()
        }
        Operand::Literal(word) => Some(vec![Owned::Bytes(word.bytes.clone())]),
        Operand::List { .. } => unreachable!("not generated"),
        Operand::Call { function, args, .. } => {
            let arg = values(&args[0], event)?;
            let text = |owned: &Owned| match owned {
                Owned::Bytes(bytes) => bytes.clone(),
                _ => unreachable!("texts only"),
            };
            let of_list = arity(&args[0]) == Arity::List;
            Some(match function {
                Transformer::ToLower => arg
                    .iter()
                    .map(|v| Owned::Bytes(text(v).to_ascii_lowercase()))
                    .collect(),
                Transformer::Len if of_list => vec![Owned::Uint(arg.len() as u64)],
                Transformer::Len => vec![Owned::Uint(text(&arg[0]).len() as u64)],
                _ => unreachable!("not generated"),
            })
        }
    }
}

fn arity(operand: &Operand) -> Arity {
    match operand {
        Operand::Field { arg: Some(_), .. } => Arity::One,
        Operand::Field { name, .. } => {
            FIELDS
                .iter()
                .find(|field| field.0 == name)
                .expect("field")
                .2
        }
        Operand::Call {
            function: Transformer::ToLower,
            args,
            ..
        } => arity(&args[0]),
        _ => Arity::One,
    }
}

/// One value, one operator, one literal as text.
fn compare_text(op: Op, left: &Owned, right: &str) -> bool {
    let number = || -> i128 {
        match right.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16).expect("hex"),
            None => right.parse().expect("number"),
        }
    };
    let ordered = |order: std::cmp::Ordering| match op {
        Op::Eq | Op::In | Op::Intersects => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        _ => unreachable!("not for numbers"),
    };
    match left {
        Owned::Int(value) => ordered(i128::from(*value).cmp(&number())),
        Owned::Uint(value) => ordered(i128::from(*value).cmp(&number())),
        Owned::Bool(value) => ordered(value.to_string().as_str().cmp(right)),
        Owned::Double(value) => ordered(value.total_cmp(&(number() as f64))),
        Owned::Ip(ip) => {
            let same = match right.split_once('/') {
                Some((base, "8")) => ip.to_string().split('.').next() == base.split('.').next(),
                Some(_) => unreachable!("only /8 is generated"),
                None => ip.to_string() == right,
            };
            same == (op != Op::Ne)
        }
        Owned::Bytes(bytes) => {
            let left = String::from_utf8_lossy(bytes).into_owned();
            match op {
                Op::Contains => left.contains(right),
                Op::Icontains => left.to_lowercase().contains(&right.to_lowercase()),
                Op::Startswith => left.starts_with(right),
                Op::Endswith => left.ends_with(right),
                Op::Glob => fnmatch(right.as_bytes(), left.as_bytes()),
                Op::Iglob => fnmatch(
                    right.to_lowercase().as_bytes(),
                    left.to_lowercase().as_bytes(),
                ),
                Op::Pmatch => {
                    let parts = |path: &str| -> Vec<String> {
                        path.split('/')
                            .filter(|p| !p.is_empty())
                            .map(str::to_owned)
                            .collect()
                    };
                    let (path, prefix) = (parts(&left), parts(right));
                    prefix.len() <= path.len()
                        && prefix
                            .iter()
                            .zip(&path)
                            .all(|(p, c)| fnmatch(p.as_bytes(), c.as_bytes()))
                }
                _ => ordered(left.as_str().cmp(right)),
            }
        }
    }
}

/// `*` and `?` only.
fn fnmatch(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', pattern)), _) => {
            (0..=text.len()).any(|skipped| fnmatch(pattern, &text[skipped..]))
        }
        (Some((b'?', pattern)), Some((_, text))) => fnmatch(pattern, text),
        (Some((byte, pattern)), Some((other, text))) => byte == other && fnmatch(pattern, text),
        (Some(_), None) => false,
    }
}

fn check(check: &Check, event: &TestEvent) -> bool {
    let Some(left) = values(&check.lhs, event) else {
        return false;
    };
    let arity = arity(&check.lhs);
    let literals: Vec<String> = match &check.rhs {
        Rhs::Nothing => return arity != Arity::Any || !left.is_empty(),
        Rhs::Value(word) => vec![word.text().into_owned()],
        Rhs::List(words) => words.iter().map(|word| word.text().into_owned()).collect(),
        Rhs::Operand(operand) => {
            let Some(right) = values(operand, event) else {
                return false;
            };
            return match check.op {
                Op::Eq => left[0] == right[0],
                Op::Ne => left[0] != right[0],
                _ => unreachable!("not generated"),
            };
        }
    };
    let op = check.op;
    let one = |value: &Owned, literal: &String| compare_text(op, value, literal);
    match arity {
        Arity::List if op == Op::In => {
            !literals.is_empty() && left.iter().all(|v| literals.iter().any(|l| one(v, l)))
        }
        Arity::List => left.iter().any(|v| literals.iter().any(|l| one(v, l))),
        Arity::One => all_literals(check, &literals, |literal| one(&left[0], literal)),
        Arity::Any => left
            .iter()
            .any(|value| all_literals(check, &literals, |literal| one(value, literal))),
        Arity::Ends => all_literals(check, &literals, |literal| {
            if op == Op::Ne {
                !left.is_empty() && left.iter().all(|value| one(value, literal))
            } else {
                left.iter().any(|value| one(value, literal))
            }
        }),
    }
}

fn all_literals(check: &Check, literals: &[String], holds: impl Fn(&String) -> bool) -> bool {
    let passed = literals.iter().filter(|literal| holds(literal)).count();
    match check.modifier {
        None | Some(Modifier::AnyOf) => passed > 0,
        Some(Modifier::AllOf) => passed == literals.len() && passed > 0,
        Some(Modifier::OneOf) => passed == 1,
    }
}

/// Whether the condition holds for the event.
pub(crate) fn interpret(expr: &Expr, event: &TestEvent) -> bool {
    match expr {
        Expr::And(items) => items.iter().all(|item| interpret(item, event)),
        Expr::Or(items) => items.iter().any(|item| interpret(item, event)),
        Expr::Not(inner) => !interpret(inner, event),
        Expr::Macro { .. } => unreachable!("not generated"),
        Expr::Check(inner) => check(inner, event),
    }
}
