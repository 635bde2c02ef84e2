//! Rules that ask the same of the same fields, and events whose names nearly fit.

use proptest::prelude::*;

use crate::common::{EVENTS, Owned, TestEvent};
use crate::{list, pick};

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

/// A check of one of two fields that many rules ask for.
fn nested_check() -> impl Strategy<Value = String> {
    let field = || prop::sample::select(&["fd.name", "fd.name", "proc.name"]);
    let one = prop::sample::select(&["=", "!=", "startswith", "endswith", "contains"]);
    let any = prop::sample::select(&["startswith", "endswith", "contains", "="]);
    let set = prop::sample::select(&["in", "intersects"]);
    let rare = prop::sample::select(&["exists", "pmatch (/a)", "icontains A/B"]);
    prop_oneof![
        6 => (field(), one, pick(&NESTED)).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        3 => (field(), any, list(pick(&NESTED), 1))
            .prop_map(|(f, o, v)| format!("{f} {o} anyof {v}")),
        3 => (field(), set, list(pick(&NESTED), 0)).prop_map(|(f, o, v)| format!("{f} {o} {v}")),
        1 => (field(), rare).prop_map(|(f, o)| format!("{f} {o}")),
    ]
}

/// A rule as people write them: an event, a cheap check that others share, what it is about, and
/// exceptions. Parts may be missing, so that some rules have no key, no gate or no type.
pub(crate) fn rule_like_others() -> impl Strategy<Value = String> {
    let of_type = prop::sample::select(&[
        "evt.type in (open, openat) and ",
        "evt.type = openat and ",
        "(evt.type = connect or fd.num >= 1) and ",
        "",
    ]);
    let gate = prop::sample::select(&[
        "evt.is_open_read = true and ",
        "fd.num >= 1 and ",
        "evt.is_open_read = true and fd.num >= 1 and ",
        "(evt.is_open_read = true and fd.num < 2 or evt.is_open_read = true) and ",
        "not fd.num >= 1 and ",
        "",
    ]);
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
pub(crate) fn nested_event() -> impl Strategy<Value = TestEvent> {
    let name = || prop::option::weighted(0.9, prop::sample::select(&NESTED));
    let number = prop::option::weighted(0.9, 0i64..3);
    let read = prop::option::weighted(0.9, any::<bool>());
    let parts = (prop::sample::select(&EVENTS), name(), name(), number, read);
    parts.prop_map(|(event, file, process, number, read)| {
        let mut made = TestEvent::new(event);
        for (field, text) in [("fd.name", file), ("proc.name", process)] {
            if let Some(text) = text {
                made = made.with(field, &[Owned::text(text)]);
            }
        }
        if let Some(number) = number {
            made = made.with("fd.num", &[Owned::Int(number)]);
        }
        match read {
            Some(read) => made.with("evt.is_open_read", &[Owned::Bool(read)]),
            None => made,
        }
    })
}
