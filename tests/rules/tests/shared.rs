//! Rules that ask the same of the same fields, in indexes, gates and programs that they share, and
//! events whose values nearly fit: the compiled rules find what the oracle finds.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use saker_engine::loader::Outcome;
use saker_engine::schema::{Event, Schema};
use saker_engine::table::TableEvent;
use saker_engine::value::OwnedValue;
use saker_fields::FieldSchema;
use saker_tests_rules::agreement::Agreement;
use saker_tests_rules::{corpus, oracle};

static SCHEMA: LazyLock<FieldSchema> = LazyLock::new(FieldSchema::new);

/// Event types of the events; rules name all but the last.
const EVENTS: [&str; 4] = ["open", "openat", "connect", "execve"];

/// Literals and values of which many are ends of others; "" and prefixes of prefixes among them.
const NESTED: [&str; 14] = [
    "",
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/",
    "/a/b/c",
    "/a/b/c.so",
    "a",
    "b",
    "b/c",
    "c.so",
    ".so",
    "/c",
];

fn quoted() -> impl Strategy<Value = String> {
    select(&NESTED[..]).prop_map(|word| format!("\"{word}\""))
}

fn list(least: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(quoted(), least..4).prop_map(|items| format!("({})", items.join(", ")))
}

/// A check of one of two fields that many rules ask for.
fn nested_check() -> impl Strategy<Value = String> {
    let field = || select(&["fd.name", "fd.name", "proc.name"][..]);
    let one = select(&["=", "!=", "startswith", "endswith", "contains"][..]);
    let any = select(&["startswith", "endswith", "contains", "="][..]);
    let set = select(&["in", "intersects"][..]);
    let rare = select(&["exists", "pmatch (/a)", "icontains A/B"][..]);
    prop_oneof![
        6 => (field(), one, quoted()).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        3 => (field(), any, list(1)).prop_map(|(f, o, v)| format!("{f} {o} anyof {v}")),
        3 => (field(), set, list(0)).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        1 => (field(), rare).prop_map(|(f, o)| format!("{f} {o}")),
    ]
}

/// A rule as people write them: an event, a cheap check that others share, what it is about, and
/// exceptions. Parts may be missing, so that some rules have no key, no gate or no type.
fn rule_like_others() -> impl Strategy<Value = String> {
    let of_type = select(
        &[
            "evt.type in (open, openat) and ",
            "evt.type = openat and ",
            "evt.type startswith open and ",
            "(evt.type = connect or fd.num >= 1) and ",
            "",
        ][..],
    );
    let gate = select(
        &[
            "evt.is_open_read = true and ",
            "fd.num >= 1 and ",
            "evt.is_open_read = true and fd.num >= 1 and ",
            "(evt.is_open_read = true and fd.num < 2 or evt.is_open_read = true) and ",
            "not fd.num >= 1 and ",
            "",
        ][..],
    );
    let subject = prop_oneof![
        3 => nested_check(),
        2 => prop::collection::vec(nested_check(), 2..4)
            .prop_map(|parts| format!("({})", parts.join(" or "))),
        1 => (nested_check(), nested_check()).prop_map(|(a, b)| format!("({a} and {b})")),
        1 => nested_check().prop_map(|part| format!("not {part}")),
    ];
    let exception = prop::option::of(nested_check());
    (of_type, gate, subject, exception).prop_map(|(of_type, gate, subject, exception)| {
        let exception = exception.map_or(String::new(), |check| format!(" and not {check}"));
        format!("{of_type}{gate}{subject}{exception}")
    })
}

/// Opens and connects with nested names, values missing now and then.
fn nested_event() -> impl Strategy<Value = TableEvent> {
    let name = || prop::option::weighted(0.9, select(&NESTED[..]).prop_map(OwnedValue::text));
    let number = prop::option::weighted(0.9, (0i64..3).prop_map(OwnedValue::Int));
    let read = prop::option::weighted(0.9, any::<bool>().prop_map(OwnedValue::Bool));
    let parts = (select(&EVENTS[..]), name(), name(), number, read);
    parts.prop_map(|(event, file, process, number, read)| {
        let mut made = TableEvent::new(SCHEMA.event_type(event).expect("an event"));
        for (field, value) in [
            ("evt.type", Some(OwnedValue::text(event))),
            ("fd.name", file),
            ("proc.name", process),
            ("fd.num", number),
            ("evt.is_open_read", read),
        ] {
            let field = SCHEMA.resolve(field, None).expect("a field").field;
            made.set(field, value.map(|value| vec![value]));
        }
        made
    })
}

fn load(conditions: &[String]) -> Outcome {
    let rule = |(number, condition): (usize, &String)| {
        format!(
            "- rule: r{number}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  \
             priority: info\n"
        )
    };
    let text: String = conditions.iter().enumerate().map(rule).collect();
    corpus::load(
        &vec![("shared.yaml".to_owned(), text.into_bytes())],
        &SCHEMA,
    )
}

/// What the compiled rules report for each event is what the oracle finds, and the event types of a
/// rule are all for which it can match.
fn agree(conditions: &[String], events: &[TableEvent]) -> Result<(), TestCaseError> {
    let outcome = load(conditions);
    let set = corpus::compile_all(&outcome, &SCHEMA);
    // One matcher over all events: results of one must not leak into the next.
    let mut agreement = Agreement::new(&outcome.rules, &set);
    for event in events {
        if let Err(difference) = agreement.check(event) {
            prop_assert!(false, "{difference}: {conditions:?} on {event:?}");
        }
        for (rule, meta) in outcome.rules.iter().zip(set.rules()) {
            let sent = meta.event_types.contains(event.event_type());
            prop_assert!(
                sent || !oracle::holds(&rule.condition, event),
                "{}",
                meta.name
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(400)
    })]

    #[test]
    fn rules_that_share_fields_agree_with_the_oracle(
        conditions in prop::collection::vec(rule_like_others(), 2..12),
        events in prop::collection::vec(nested_event(), 1..12),
    ) {
        agree(&conditions, &events)?;
    }
}

proptest! {
    // Large cases, so few of them.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(30)
    })]

    #[test]
    fn more_rules_than_bits_in_a_word_agree_with_the_oracle(
        some in prop::collection::vec(rule_like_others(), 16..24),
        events in prop::collection::vec(nested_event(), 1..6),
    ) {
        let conditions: Vec<String> = some.iter().cycle().take(140).cloned().collect();
        agree(&conditions, &events)?;
    }
}
