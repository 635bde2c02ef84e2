//! The compiler and matcher against a plain interpreter of the syntax tree, on random rules and
//! events.

#[path = "../common/mod.rs"]
mod common;
mod interpreter;
mod nested;

use std::sync::Arc;

use common::{EVENTS, FIELDS, Owned, TestEvent, compiled, matching, one_rule};
use interpreter::interpret;
use nested::{nested_event, rule_like_others};
use proptest::prelude::*;
use saker_engine::ast::Expr;
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::parser::parse_condition;
use saker_engine::schema::Arity;
use saker_engine::value::ValueType;

const TEXTS: [&str; 8] = ["a", "ab", "B", "/a", "/a/b", "/a/bb/c", "", "b/a"];
const PATTERNS: [&str; 6] = ["a*", "*b", "/a/?", "/*/b*", "?", "*"];
const ADDRESSES: [&str; 4] = ["10.0.0.1", "10.1.2.3", "11.0.0.1", "::1"];

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(|word| format!("\"{word}\""))
}

fn list(item: impl Strategy<Value = String>, least: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(item, least..4).prop_map(|items| format!("({})", items.join(", ")))
}

fn modified(item: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let modifiers = prop::sample::select(&["oneof", "anyof", "allof"]);
    let several = (modifiers, list(item.clone(), 0)).prop_map(|(m, l)| format!("{m} {l}"));
    prop_oneof![3 => item, 1 => several]
}

fn text_check() -> impl Strategy<Value = String> {
    let field = || {
        let names = [
            "proc.name",
            "proc.pname",
            "fd.name",
            "proc.aname",
            "proc.aname[1]",
            "tolower(fd.name)",
        ];
        prop::sample::select(names.to_vec())
    };
    let plain =
        prop::sample::select(&["=", "!=", "contains", "icontains", "startswith", "endswith"]);
    let glob = prop::sample::select(&["glob", "iglob"]);
    let sets = prop::sample::select(&["in", "intersects"]);
    prop_oneof![
        4 => (field(), plain, modified(pick(&TEXTS).boxed())).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        1 => (field(), glob, modified(pick(&PATTERNS).boxed())).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        3 => (field(), sets, list(pick(&TEXTS), 0)).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        1 => (field(), list(pick(&["/a", "/a/b", "b", "/*/b", "/"]), 0))
            .prop_map(|(f, v)| format!("{f} pmatch {v}")),
        1 => field().prop_filter("fields", |f| !f.contains('(')).prop_map(|f| format!("{f} exists")),
        1 => prop::sample::select(&["=", "!="])
            .prop_map(|o| format!("proc.name {o} val(proc.pname)")),
        1 => (prop::sample::select(&["in", "intersects"]), list(pick(&TEXTS), 0))
            .prop_map(|(o, v)| format!("proc.tags {o} {v}")),
    ]
}

fn number_check() -> impl Strategy<Value = String> {
    const NUMBERS: [&str; 5] = ["0", "1", "2", "4", "3"];
    let order = prop::sample::select(&["<", "<=", ">", ">=", "=", "!="]);
    let field = prop::sample::select(&[
        "fd.num",
        "user.uid",
        "fd.port",
        "evt.load",
        "len(proc.tags)",
        "len(proc.name)",
        "evt.num",
    ]);
    let value = prop::sample::select(&NUMBERS);
    let integer = prop::sample::select(&NUMBERS).prop_map(str::to_owned);
    let ips = prop::sample::select(&ADDRESSES).prop_map(str::to_owned);
    let nets = prop::sample::select(&["10.0.0.0/8", "11.0.0.0/8"]).prop_map(str::to_owned);
    let equal = || prop::sample::select(&["=", "!="]);
    prop_oneof![
        3 => (field.clone(), order, value).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        2 => (field, list(integer.clone(), 0)).prop_map(|(f, v)| format!("{f} in {v}")),
        1 => (equal(), modified(integer.boxed())).prop_map(|(o, v)| format!("fd.port {o} {v}")),
        1 => (equal(), modified(ips.clone().boxed())).prop_map(|(o, v)| format!("fd.ip {o} {v}")),
        1 => list(ips, 0).prop_map(|v| format!("fd.ip in {v}")),
        1 => (equal(), modified(nets.boxed())).prop_map(|(o, v)| format!("fd.net {o} {v}")),
        1 => prop::sample::select(&["= true", "!= true", "in (false)", "exists"])
            .prop_map(|v| format!("evt.is_open_read {v}")),
    ]
}

fn type_check() -> impl Strategy<Value = String> {
    prop_oneof![
        list(pick(&EVENTS), 1).prop_map(|v| format!("evt.type in {v}")),
        (prop::sample::select(&["=", "!="]), pick(&EVENTS))
            .prop_map(|(o, v)| format!("evt.type {o} {v}")),
        Just("evt.type startswith open".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![4 => text_check(), 3 => number_check(), 2 => type_check()];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..5)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..6)
                .prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

fn field_value(ty: ValueType) -> BoxedStrategy<Owned> {
    match ty {
        ValueType::Int => (-1i64..4).prop_map(Owned::Int).boxed(),
        ValueType::Uint | ValueType::Port => (0u64..4).prop_map(Owned::Uint).boxed(),
        ValueType::Bool => any::<bool>().prop_map(Owned::Bool).boxed(),
        ValueType::Ip | ValueType::Net => prop::sample::select(&ADDRESSES)
            .prop_map(|text| Owned::Ip(text.parse().expect("address")))
            .boxed(),
        ValueType::Double => prop::sample::select(&[0.0, 1.0, 1.5, 3.0])
            .prop_map(Owned::Double)
            .boxed(),
        _ => prop::sample::select(&TEXTS).prop_map(Owned::text).boxed(),
    }
}

fn event() -> impl Strategy<Value = TestEvent> {
    let fields: Vec<BoxedStrategy<Option<Vec<Owned>>>> = FIELDS
        .iter()
        .map(|&(_, ty, arity)| {
            let count = if arity == Arity::One { 1..2 } else { 0..3 };
            prop::option::of(prop::collection::vec(field_value(ty), count)).boxed()
        })
        .collect();
    let ancestor = prop::option::of(field_value(ValueType::Str));
    (prop::sample::select(&EVENTS), fields, ancestor).prop_map(|(name, values, ancestor)| {
        let mut event = TestEvent::new(name);
        for (&(field, ..), values) in FIELDS.iter().zip(values).skip(2) {
            if let Some(values) = values {
                event = event.with(field, &values);
            }
        }
        match ancestor {
            Some(value) => event.with_arg("proc.aname", 2, &[value]),
            None => event,
        }
    })
}

/// One rule per condition: what the matcher reports for each event, all and first, is what the
/// interpreter finds.
fn agree(conditions: &[String], events: &[TestEvent]) -> Result<(), TestCaseError> {
    let text: String = conditions
        .iter()
        .enumerate()
        .map(|(index, text)| one_rule(text).replace("rule: r", &format!("rule: r{index}")))
        .collect();
    let set = compiled(&text);
    let trees: Vec<Expr> = conditions
        .iter()
        .map(|text| parse_condition(text).expect("parses"))
        .collect();
    // One matcher over all events: results of one must not leak into the next.
    let mut matcher = Matcher::new(Arc::clone(&set));
    for event in events {
        let holding: Vec<usize> = (0..trees.len())
            .filter(|&rule| interpret(&trees[rule], event))
            .collect();
        let typed = |rule: &&usize| !set.rules()[**rule].untyped;
        let of_type: Vec<usize> = holding.iter().filter(typed).copied().collect();
        let expected = if of_type.is_empty() { holding } else { of_type };
        let mut all = Vec::new();
        matcher.matches(event, Matching::All, &mut |rule| all.push(rule.index));
        prop_assert_eq!(&all, &expected, "{:?} on {:?}", conditions, event);
        let mut first = Vec::new();
        matcher.matches(event, Matching::First, &mut |rule| first.push(rule.index));
        prop_assert_eq!(first.as_slice(), &expected[..expected.len().min(1)]);
    }
    let total: u64 = matcher.hits().iter().sum();
    prop_assert!(total <= (2 * events.len() * trees.len()) as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn matcher_agrees_with_the_interpreter(
        conditions in prop::collection::vec(condition(), 1..5),
        events in prop::collection::vec(event(), 1..6),
    ) {
        agree(&conditions, &events)?;
    }

    #[test]
    fn rules_that_share_fields_agree_with_the_interpreter(
        conditions in prop::collection::vec(rule_like_others(), 2..12),
        events in prop::collection::vec(nested_event(), 1..8),
    ) {
        agree(&conditions, &events)?;
    }

    #[test]
    fn event_types_of_a_rule_cover_its_matches(text in condition(), event in event()) {
        let set = compiled(&one_rule(&text));
        let rule = &set.rules()[0];
        if !matching(&set, &event, Matching::First).is_empty() {
            prop_assert!(rule.event_types.contains(saker_engine::schema::EventType(event.event)));
        }
        let tree = parse_condition(&text).expect("parses");
        if interpret(&tree, &event) {
            prop_assert!(set.event_types().contains(saker_engine::schema::EventType(event.event)));
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,60}") {
        if let Err(error) = parse_condition(&text) {
            prop_assert!(error.at <= text.len());
        }
    }
}

proptest! {
    // Large cases, so few of them.
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn more_rules_than_bits_in_a_word_agree_with_the_interpreter(
        some in prop::collection::vec(rule_like_others(), 8..12),
        others in prop::collection::vec(condition(), 8..12),
        events in prop::collection::vec(nested_event(), 1..4),
    ) {
        let conditions: Vec<String> =
            some.iter().chain(&others).cycle().take(140).cloned().collect();
        agree(&conditions, &events)?;
    }
}
