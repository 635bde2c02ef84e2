//! What bad input costs: memory in proportion to the file, time that does not grow faster than it.
//!
//! Memory is counted, which does not depend on the machine. Time is that of this thread on a CPU, and
//! only ever compared with what a quarter of the same input takes.

mod common;

use std::time::Duration;

use common::{Owned, TestEvent, TestSchema, matching, messages, one_rule};
use rustix::time::{ClockId, clock_gettime};
use saker_engine::compiler::{Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions, Outcome, UnknownField};
use saker_engine::matcher::Matching;

/// What a load may take beyond a multiple of its input.
const BASE_BYTES: u64 = 64 << 20;
/// Below this, time is noise.
const SLACK: Duration = Duration::from_millis(50);

/// Time this thread was on a CPU: other work on the machine does not count.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .expect("a time since the thread began")
}

fn load_with(text: &str, unknown_field: UnknownField) -> Outcome {
    let mut loader = Loader::new(LoaderOptions {
        unknown_field,
        ..LoaderOptions::default()
    });
    loader.add_file("bad.yaml", text.as_bytes());
    loader.finish(&TestSchema::default())
}

/// Loads and, if there are no errors, compiles; returns the first lines of all diagnostics.
fn all(text: &str) -> Vec<String> {
    let outcome = load_with(text, UnknownField::Error);
    if !outcome.has_errors() {
        let set = compile(&outcome, &TestSchema::default(), &Selection::default());
        assert!(set.is_ok());
    }
    messages(&outcome)
}

/// Loads within `factor` times the size of the input; returns the diagnostics.
fn bounded(text: &str, factor: u64) -> Vec<String> {
    let mut found = Vec::new();
    let start = cpu_time();
    let used = allocation_counter::measure(|| found = all(text));
    let limit = BASE_BYTES + factor * text.len() as u64;
    println!(
        "{} KiB of input: {} KiB at most, {} ms, {} diagnostics",
        text.len() >> 10,
        used.bytes_max >> 10,
        (cpu_time() - start).as_millis(),
        found.len()
    );
    assert!(
        used.bytes_max <= limit,
        "{} bytes, limit {limit}",
        used.bytes_max
    );
    found
}

/// Four times the input takes not much more than four times the time.
fn linear(make: impl Fn(usize) -> String, size: usize) {
    let fastest = |text: &str| {
        let times = (0..3).map(|_| {
            let start = cpu_time();
            all(text);
            cpu_time() - start
        });
        times.min().unwrap_or_default()
    };
    let (small, large) = (fastest(&make(size)), fastest(&make(4 * size)));
    println!("{size}: {small:?}, {}: {large:?}", 4 * size);
    assert!(large < 8 * small + SLACK, "{small:?} became {large:?}");
}

fn has(found: &[String], expected: &str) -> bool {
    found.iter().any(|message| message.contains(expected))
}

fn short(found: &[String]) {
    let longest = found.iter().map(String::len).max().unwrap_or(0);
    assert!(longest < 2000, "a message of {longest} bytes");
}

#[test]
fn scalars_of_ten_megabytes() {
    let big = "x".repeat(10 << 20);
    let rule = |key: &str, value: &str| {
        let mut text =
            "- rule: r\n  desc: d\n  condition: fd.num = 1\n  output: o\n  priority: info\n"
                .to_owned();
        let from = text.find(&format!("{key}: ")).expect("a key") + key.len() + 2;
        let to = from + text[from..].find('\n').expect("a line");
        text.replace_range(from..to, value);
        text
    };
    for key in ["rule", "desc", "condition", "output", "priority"] {
        let found = bounded(&rule(key, &big), 10);
        assert!(has(&found, "bytes, at most"), "{key}: {found:?}");
        short(&found);
    }
    let found = bounded(&format!("- list: l\n  items: [{big}]\n"), 10);
    assert!(has(&found, "bytes, at most"));
    let found = bounded(&format!("- {big}: l\n"), 10);
    short(&found);
    for open in ["- rule: '", "- rule: \"", "- rule: |\n  ", "- [", "- {"] {
        let found = bounded(&format!("{open}{big}"), 10);
        assert!(!found.is_empty(), "{open}");
        short(&found);
    }
    // Many references to one large scalar must not copy it each time.
    let text = "x = ".repeat(250_000);
    let mut shared = format!("- macro: m\n  condition: &c {text}\n");
    for n in 0..2000 {
        shared +=
            &format!("- rule: r{n}\n  desc: *c\n  condition: *c\n  output: *c\n  priority: info\n");
    }
    let found = bounded(&shared, 100);
    assert!(
        has(&found, "bytes of conditions, outputs and descriptions"),
        "{:?}",
        &found[..1]
    );
}

#[test]
fn alias_bombs() {
    let mut text = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("- &a{level} [{below}]\n");
    }
    let found = bounded(&text, 10);
    assert!(has(&found, "YAML nodes"), "{found:?}");
    let items = vec!["x"; 100_000].join(", ");
    let mut lists = format!("- list: l0\n  items: &i [{items}]\n");
    for n in 1..400 {
        lists += &format!("- list: l{n}\n  items: *i\n");
    }
    let found = bounded(&lists, 300);
    assert!(has(&found, "YAML nodes"), "{:?}", found.last());
    let values = vec!["[a, b]"; 50_000].join(", ");
    let mut exceptions = String::new();
    for n in 0..10 {
        let anchor = if n == 0 {
            format!("&v [{values}]")
        } else {
            "*v".to_owned()
        };
        exceptions += &one_rule("fd.num = 1").replace("rule: r", &format!("rule: r{n}"));
        exceptions += &format!(
            "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      values: {anchor}\n"
        );
    }
    let found = bounded(&exceptions, 2000);
    assert!(has(&found, "values in exceptions"), "{:?}", found.first());
}

fn list_in_rules(items: usize, rules: usize) -> String {
    let items: Vec<String> = (0..items).map(|n| format!("item{n}")).collect();
    let mut text = format!("- list: big\n  items: [{}]\n", items.join(", "));
    for n in 0..rules {
        let condition = format!("fd.num = {n} and proc.name in (big)");
        text += &one_rule(&condition).replace("rule: r", &format!("rule: r{n}"));
    }
    text
}

#[test]
fn large_lists_are_shared() {
    let found = bounded(&list_in_rules(100_000, 400), 400);
    assert!(found.is_empty(), "{found:?}");
    linear(|rules| list_in_rules(20_000, rules), 100);
    let mixed = list_in_rules(50_000, 200).replace("in (big)", "in (big, other)");
    let found = bounded(&mixed, 1000);
    assert!(has(&found, "stand beside other values"), "{found:?}");
    // Not values: written out, as long as that stays bounded.
    let text = list_in_rules(100_000, 400).replace("item5,", "\"'item5\",");
    let found = bounded(&text, 400);
    assert!(
        has(&found, "is not closed") && has(&found, "makes too much text"),
        "{:?}",
        found.first()
    );
    short(&found);
}

#[test]
fn a_million_list_items() {
    let mut text = "- list: many\n  items:\n".to_owned();
    for item in 0..1_000_000 {
        text += &format!("  - i{item}\n");
    }
    text += &one_rule("proc.name in (many)");
    let found = bounded(&text, 60);
    assert!(found.is_empty(), "{found:?}");
    let set = common::compiled(&text);
    for (name, hits) in [("i999999", 1), ("i1000000", 0)] {
        let event = TestEvent::new("open").with("proc.name", &[Owned::text(name)]);
        assert_eq!(matching(&set, &event, Matching::First).len(), hits);
    }
    let many = "a,".repeat(4_000_000);
    let found = bounded(&format!("- list: many\n  items: [{many}]\n"), 60);
    assert!(has(&found, "YAML nodes"), "{found:?}");
}

#[test]
fn lists_in_lists_in_lists() {
    let names = vec!["big"; 50_000].join(", ");
    let text = format!(
        "- list: big\n  items: [{}]\n- list: outer\n  items: [{names}]\n",
        vec!["item"; 10_000].join(", ")
    );
    let found = bounded(&(text + &one_rule("proc.name in (outer)")), 600);
    assert!(has(&found, "makes too much text"), "{found:?}");
    let mut bomb = String::new();
    for level in (0..60).rev() {
        let below = level - 1;
        bomb += &match level {
            0 => "- list: l0\n  items: [x, x, x]\n".to_owned(),
            _ => format!("- list: l{level}\n  items: [l{below}, l{below}, y l{below}]\n"),
        };
    }
    for level in 0..60 {
        let condition = format!("proc.name in (l{level})");
        bomb += &one_rule(&condition).replace("rule: r", &format!("rule: r{level}"));
    }
    // Exponential: what is refused may reach the fixed limit, whatever the size of the file.
    let found = bounded(&bomb, 40_000);
    assert!(has(&found, "makes too much text"), "{:?}", found.first());
}

#[test]
fn thousands_of_faults() {
    let fields = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("proc.nam{n} = x")).collect();
        names.join(" or ")
    };
    let found = bounded(&one_rule(&fields(16_000)), 100);
    assert_eq!(found.len(), 10_001);
    assert!(
        found[10_000].contains("more errors are not shown"),
        "{}",
        found[10_000]
    );
    linear(|count| one_rule(&fields(count)), 2_000);
    let shared = |count: usize| {
        let mut text = format!("- macro: m\n  condition: {}\n", fields(count));
        for n in 0..count {
            text += &one_rule("m").replace("rule: r", &format!("rule: r{n}"));
        }
        text
    };
    assert_eq!(bounded(&shared(400), 100).len(), 400);
    linear(shared, 500);
    let text = shared(2000);
    let used = allocation_counter::measure(|| {
        let outcome = load_with(&text, UnknownField::Skip);
        assert_eq!(outcome.skipped.len(), 2000);
    });
    // Each skipped rule keeps the names it lacks.
    assert!(used.bytes_max < 2000 * 2000 * 50, "{}", used.bytes_max);
    let output = "%nosuch.field ".repeat(50_000);
    let found = bounded(
        &one_rule("fd.num = 1").replace("output: o", &format!("output: '{output}'")),
        200,
    );
    assert_eq!(found.len(), 10_001);
    let dots = format!("%a{}", ".a".repeat(400_000));
    bounded(
        &one_rule("fd.num = 1").replace("output: o", &format!("output: '{dots}'")),
        50,
    );
    bounded(&one_rule(&format!("a{} = 1", ".a".repeat(400_000))), 50);
    let items = "- nosuch: 1\n".repeat(300_000);
    let found = bounded(&items, 100);
    assert_eq!(found.len(), 10_001);
    let keys: String = (0..200_000).map(|n| format!("  key{n}: 1\n")).collect();
    assert_eq!(
        bounded(&(one_rule("fd.num = 1") + &keys), 100).len(),
        10_001
    );
    let undefined: Vec<String> = (0..20_000).map(|n| format!("nosuch{n}")).collect();
    assert_eq!(
        bounded(&one_rule(&undefined.join(" or ")), 100).len(),
        10_001
    );
    bounded(&"---\n- [\n".repeat(200_000), 50);
}

#[test]
fn deep_nesting() {
    for (open, close) in [("(", ")"), ("not (", ")"), ("tolower(", ")")] {
        let text = format!("{}fd.num = 1{}", open.repeat(10_000), close.repeat(10_000));
        let found = bounded(&one_rule(&text), 50);
        assert_eq!(found.len(), 1, "{found:?}");
        short(&found);
    }
    for text in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
    ] {
        let found = bounded(&text, 200);
        assert!(has(&found, "LOAD_ERR_YAML_PARSE"), "{found:?}");
    }
    let lines: String = (0..5_000)
        .map(|n| format!("{}- \n", " ".repeat(n)))
        .collect();
    assert!(has(&bounded(&lines, 10), "LOAD_ERR_YAML_PARSE"));
}

#[test]
fn chains_of_macros() {
    let chain = |length: usize| {
        let mut text = "- macro: m0\n  condition: fd.nam = 1\n".to_owned();
        for n in 1..length {
            text += &format!("- macro: m{n}\n  condition: m{}\n", n - 1);
        }
        for n in 0..length {
            text += &one_rule(&format!("m{n}")).replace("rule: r", &format!("rule: r{n}"));
        }
        text
    };
    assert_eq!(bounded(&chain(5_000), 100).len(), 1);
    linear(chain, 1_000);
    let text = chain(5_000);
    let used = allocation_counter::measure(|| {
        let outcome = load_with(&text, UnknownField::Skip);
        assert!(outcome.skipped.len() > 900);
    });
    assert!(used.bytes_max < 1 << 29, "{}", used.bytes_max);
}
