//! Marks for lists mean what their text means.

use std::sync::Arc;

use crate::ast::{Expr, Rhs};
use crate::loader::defs::{ListDef, Table};
use crate::loader::lists::Lists;
use crate::loader::resolve::is_apart_from_lists;
use crate::parser::{parse_condition, parse_condition_with};
use crate::source::{FileId, Locus, Scalar, Style, Text};

const LISTS: [(&str, &[&str]); 8] = [
    ("late", &["nil", "q"]),
    ("two", &["a", "b c"]),
    ("one", &["x"]),
    ("nil", &[]),
    ("pair", &["two", "'y'", "late"]),
    ("open", &["(z", "w)"]),
    ("odd", &["\"k", "one"]),
    ("last", &["nil", "one"]),
];
const PIECES: [&str; 20] = [
    "two", "one", "nil", "pair", "open", "odd", "last", "late", "(", ")", ",", " ", " ", "v", "'",
    "\"", "f.g in (", ") and ", "f.g = ", "m",
];

fn scalar(value: &str) -> Arc<Scalar> {
    let (file, span) = (FileId(0), 0..value.len());
    Arc::new(Scalar::new(value.to_owned(), Style::Plain, file, span))
}

fn table() -> Table<ListDef> {
    let mut table = Table::default();
    for (index, (name, items)) in LISTS.iter().enumerate() {
        let at = Locus {
            file: FileId(0),
            offset: 0,
        };
        let list = ListDef {
            name: (*name).to_owned(),
            items: items.iter().map(|item| scalar(item)).collect(),
            at,
            index,
            visibility: index,
        };
        table.set(name, list);
    }
    table
}

/// The tree without places, lists written out.
fn shape(expr: &Expr) -> String {
    let all = |items: &[Expr]| items.iter().map(shape).collect::<Vec<_>>().join(" ");
    match expr {
        Expr::And(items) => format!("and[{}]", all(items)),
        Expr::Or(items) => format!("or[{}]", all(items)),
        Expr::Not(inner) => format!("not[{}]", shape(inner)),
        Expr::Macro { name, .. } => format!("macro {name}"),
        Expr::Check(check) => {
            let values: Vec<String> = match &check.rhs {
                Rhs::Value(word) => vec![word.text().into_owned()],
                Rhs::List(list) => list
                    .iter()
                    .map(|word| format!("{:?}", word.text()))
                    .collect(),
                other => vec![format!("{other:?}")],
            };
            format!("{} {values:?}", check.op.name())
        }
    }
}

/// Reads a condition both ways; tells whether marks were good enough.
fn compare(condition: &str) -> bool {
    let table = table();
    let mut lists = Lists::new(&table);
    let text = Text::of(&scalar(condition));
    let marked = lists.mark(&text).expect("short lists");
    let written = lists.write_out(&text).expect("short lists");
    let named = |at| {
        let insert = marked.inserts.iter().find(|insert| insert.at == at)?;
        insert.words.clone()
    };
    let (result, taken) = parse_condition_with(marked.text.as_str(), &named);
    let plain = parse_condition(written.text.as_str());
    let context = || format!("{condition}\n{}\n{plain:?}", written.text.as_str());
    match result {
        Ok(expr) if taken == marked.mark_count() => {
            let plain = plain.as_ref().unwrap_or_else(|_| panic!("{}", context()));
            assert_eq!(shape(&expr), shape(plain), "{}", context());
            true
        }
        Err(error) if is_apart_from_lists(&marked, error.at, taken) => {
            let plain = plain.as_ref().expect_err(condition);
            assert_eq!(error.message, plain.message, "{}", context());
            true
        }
        Ok(_) | Err(_) => false,
    }
}

#[test]
fn marks_and_text_are_read_alike() {
    let mut state = 0x1157_u64;
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % limit
    };
    let mut good = 0;
    for _ in 0..60_000 {
        let mut condition = "f.g in (".to_owned();
        for _ in 0..=below(9) {
            condition += PIECES[below(PIECES.len())];
        }
        if below(2) == 0 {
            condition.push(')');
        }
        good += usize::from(compare(&condition));
    }
    assert!(
        good > 6_000,
        "{good}: too few conditions were read with marks"
    );
    for condition in [
        "f.g in (two, one)",
        "f.g in (nil)",
        "f.g in (v, nil, pair)",
        "f.g in (last) and m",
        "f.g in (two) v",
        "f.g in (pair",
    ] {
        assert!(compare(condition), "{condition}");
    }
}
