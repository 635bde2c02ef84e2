//! Statements of the reference about items of rules files (rules-spec A) that `loading.rs` does not
//! hold, in its order.

mod common;

use common::{Owned, TestEvent, TestSchema, finds, fires, load, messages, one_rule};
use saker_engine::loader::{Loader, LoaderOptions};

fn event() -> TestEvent {
    TestEvent::new("open")
        .with("proc.name", &[Owned::text("bash")])
        .with("fd.num", &[Owned::Int(-1)])
}

/// A2.
#[test]
fn documents_and_items() {
    let rule = one_rule("fd.num = -1");
    // Null documents and items are nothing; the first key in a fixed order says what an item is.
    let text =
        format!("---\n---\n-\n- ~\n{rule}---\n- macro: m\n  rule: x\n  condition: fd.num = 1\n");
    let outcome = load(&text);
    assert!(
        !outcome.has_errors() && outcome.rules.len() == 1,
        "{:?}",
        messages(&outcome)
    );
    finds(&text, "LOAD_UNKNOWN_KEY");
    finds("a: b\n", "error[LOAD_ERR_YAML_VALIDATE]");
    finds("- [a]\n", "error[LOAD_ERR_YAML_VALIDATE]");
    finds("- rule: [a\n", "error[LOAD_ERR_YAML_PARSE]");
    for empty in ["", "''", "[]", "{}"] {
        finds(
            &rule.replace("desc: d", &format!("desc: {empty}")),
            "error[LOAD_ERR_YAML_VALIDATE]",
        );
    }
    finds(
        &(rule.clone() + "  source:\n"),
        "error[LOAD_ERR_YAML_VALIDATE]",
    );
    finds(
        &rule.replace("priority: info", "priority: bad"),
        "Invalid priority",
    );
    for (text, on) in [
        ("Yes", true),
        ("ON", true),
        ("y", true),
        ("N", false),
        ("Off", false),
        ("FALSE", false),
    ] {
        let outcome = load(&format!("{rule}  enabled: {text}\n"));
        assert_eq!(outcome.rules[0].def.enabled, on, "{text}");
    }
    for (name, display) in [
        ("eMergency", "Emergency"),
        ("INFORMATIONAL", "Informational"),
        ("Info", "Informational"),
    ] {
        let outcome = load(&rule.replace("priority: info", &format!("priority: {name}")));
        assert_eq!(outcome.rules[0].def.priority.to_string(), display);
    }
}

/// A4.
#[test]
fn appends_and_overrides() {
    let rule = one_rule("fd.num = -1") + "  tags: [a]\n";
    let item = |keys: &str| format!("{rule}- rule: r\n{keys}");
    // Legacy append takes the condition and leaves the other keys alone.
    let outcome = load(&item(
        "  append: true\n  condition: or fd.num = 2\n  output: p\n  tags: [b]\n",
    ));
    assert!(!outcome.has_errors(), "{:?}", messages(&outcome));
    let def = &outcome.rules[0].def;
    assert_eq!(
        (def.condition.as_str(), def.output.as_str()),
        ("fd.num = -1 or fd.num = 2", "o")
    );
    assert_eq!(def.tags.iter().collect::<Vec<_>>(), ["a"]);
    let sources = ["syscall", "other"].map(str::to_owned).into();
    for keys in [
        "  append: true\n  condition: or fd.num = 2\n  source: other\n",
        "  condition: or fd.num = 2\n  source: other\n  override: {condition: append}\n",
        "  desc: d\n  condition: fd.num = 1\n  output: o\n  priority: info\n  source: other\n",
    ] {
        let mut loader = Loader::new(LoaderOptions {
            sources: Clone::clone(&sources),
            ..LoaderOptions::default()
        });
        loader.add_file("f.yaml", item(keys).as_bytes());
        let all = messages(&loader.finish(&TestSchema::default()));
        let wanted = "Rule 'r' has been re-defined with a different source";
        assert!(all.iter().any(|m| m.contains(wanted)), "{keys}: {all:?}");
    }
    // What changes a rule of a source that nobody has is dropped with the rule.
    let foreign = one_rule("ka.verb = get")
        + "  source: k8s_audit\n- rule: r\n  condition: and x\n  append: true\n- rule: r\n  \
        tags: [b]\n  override: {tags: append}\n- rule: r\n  enabled: false\n";
    let outcome = load(&foreign);
    assert!(
        !outcome.has_errors() && outcome.rules.is_empty(),
        "{:?}",
        messages(&outcome)
    );
    // Lists and macros are replaced without having been there, rules are not.
    let replaced = "- list: l\n  items: [bash]\n  override: {items: replace}\n- macro: m\n  \
                    condition: proc.name in (l)\n  override: {condition: replace}\n"
        .to_owned()
        + &one_rule("m");
    assert!(fires(&replaced, &event()));
    let appended =
        "- list: l\n  items: [a]\n- list: l\n  items: [bash]\n  append: true\n- macro: m\n  \
                    condition: fd.num = 1\n- macro: m\n  condition: or proc.name in (l)\n  \
                    override: {condition: append}\n"
            .to_owned()
            + &one_rule("m");
    assert!(fires(&appended, &event()));
    // Appended text is text: it joins as if it had stood there.
    let text =
        item("  condition: and fd.num = 5 or proc.name = bash\n  override: {condition: append}\n");
    assert!(fires(&text, &event()));
    for key in ["source: x", "rule: y"] {
        let name = key.split(':').next().expect("a key");
        finds(
            &item(&format!("  {key}\n  override: {{{name}: replace}}\n")),
            "error[LOAD_ERR_YAML_VALIDATE]",
        );
    }
}

/// A6.
#[test]
fn lists_and_macros_are_written_out() {
    let with = |lists: &str, condition: &str| lists.to_owned() + &one_rule(condition);
    // One level of lists in lists; a list defined later is written out in the condition.
    let later = "- list: outer\n  items: [inner]\n- list: inner\n  items: [bash]\n";
    assert!(fires(&with(later, "proc.name in (outer)"), &event()));
    let nested = "- list: a\n  items: [bash]\n- list: b\n  items: [a]\n- list: c\n  items: [b]\n";
    assert!(
        !fires(&with(nested, "proc.name in (c)"), &event()),
        "the name of a list stays"
    );
    let names = "- list: my-list.1\n  items: [bash]\n";
    assert!(fires(&with(names, "proc.name in (my-list.1)"), &event()));
    finds(
        &with("", "no_such_macro"),
        "Undefined macro 'no_such_macro' used in filter.",
    );
    let cycle = "- macro: a\n  condition: fd.num = 1\n- macro: b\n  condition: a\n- macro: a\n  condition: b\n";
    finds(&with(cycle, "a"), "error[LOAD_ERR_VALIDATE]");
}
