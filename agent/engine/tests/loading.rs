//! Items of rules files: appends, overrides, order, lists, exceptions, versions, skipping.

mod common;

use common::{Owned, TestEvent, TestSchema, compiled, fires, load, matching, messages, one_rule};
use saker_engine::loader::{Loader, LoaderOptions, Outcome, Priority, UnknownField};
use saker_engine::matcher::Matching;

const RULE: &str = "- rule: r\n  desc: d\n  condition: fd.num = 1\n  output: ' out %proc.name '\n  \
    priority: WARNING\n  tags: [b, a]\n";

fn has(outcome: &Outcome, expected: &str) -> bool {
    messages(outcome)
        .iter()
        .any(|message| message.contains(expected))
}

fn number(value: i64) -> TestEvent {
    TestEvent::new("open").with("fd.num", &[Owned::Int(value)])
}

fn named(name: &str) -> TestEvent {
    TestEvent::new("open").with("proc.name", &[Owned::text(name)])
}

#[test]
fn rules_have_their_keys_and_defaults() {
    let outcome = load(RULE);
    assert_eq!(messages(&outcome), Vec::<String>::new());
    let def = &outcome.rules[0].def;
    assert_eq!(
        (def.output.as_str(), def.priority),
        ("out %proc.name", Priority::Warning)
    );
    assert_eq!(
        def.tags.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!(def.enabled && def.warn_evttypes && !def.skip_if_unknown_filter && !def.capture);
    let full = RULE.to_owned() + "  enabled: no\n  capture: yes\n  capture_duration: 250\n";
    let outcome = load(&full);
    let def = &outcome.rules[0].def;
    assert!(!def.enabled && def.capture);
    assert_eq!(def.capture_duration_ms, 250);
}

#[test]
fn structure_is_checked() {
    let cases = [
        ("- 1\n", "should be a yaml map"),
        ("- foo: 1\n", "LOAD_UNKNOWN_ITEM"),
        (&(RULE.to_owned() + "  condtion: x\n"), "LOAD_UNKNOWN_KEY"),
        (
            "- rule: r\n  desc: d\n  output: o\n  priority: info\n",
            "no mapping for key 'condition'",
        ),
        ("- list: l\n", "no mapping for key 'items'"),
        ("- macro: m\n  condition:\n", "'condition' is empty"),
        (
            "- macro: 1m\n  condition: fd.num = 1\n",
            "LOAD_INVALID_MACRO_NAME",
        ),
        ("- list: 'a b'\n  items: []\n", "LOAD_INVALID_LIST_NAME"),
        (&RULE.replace("[b, a]", "b"), "'tags' must be a sequence"),
        (
            &(RULE.to_owned() + "  enabled: maybe\n"),
            "'enabled' must be true or false",
        ),
        (
            &(RULE.to_owned() + "  enabled: tRue\n"),
            "'enabled' must be true or false",
        ),
        (
            &(RULE.to_owned() + "  source: k8s\n"),
            "LOAD_UNKNOWN_SOURCE",
        ),
        ("- macro: m\n  condition: fd.num = 1\n", "LOAD_UNUSED_MACRO"),
        ("- list: m\n  items: [a]\n", "LOAD_UNUSED_LIST"),
    ];
    for (text, expected) in cases {
        let outcome = load(text);
        assert!(has(&outcome, expected), "{text}: {:?}", messages(&outcome));
    }
}

#[test]
fn overrides_append_and_replace() {
    let text = RULE.to_owned()
        + "- rule: r\n  condition: or fd.num = 2\n  output: more\n  desc: e\n  tags: [c]\n  \
           priority: error\n  enabled: false\n  override:\n    condition: append\n    \
           output: append\n    desc: append\n    tags: append\n    priority: replace\n    \
           enabled: replace\n";
    let outcome = load(&text);
    assert_eq!(messages(&outcome), Vec::<String>::new());
    let def = &outcome.rules[0].def;
    assert_eq!(def.condition.as_str(), "fd.num = 1 or fd.num = 2");
    assert_eq!(
        (def.output.as_str(), def.desc.as_str()),
        ("out %proc.name more", "d e")
    );
    assert_eq!(def.tags.len(), 3);
    assert!(!def.enabled && def.priority == Priority::Error);
    let replaced =
        RULE.to_owned() + "- rule: r\n  condition: fd.num = 3\n  override: {condition: replace}\n";
    assert!(fires(&replaced, &number(3)) && !fires(&replaced, &number(1)));
}

#[test]
fn inconsistent_overrides_are_errors() {
    let cases = [
        (
            "  condition: x\n  override: {condition: add}\n",
            "must be 'append' or 'replace'",
        ),
        (
            "  priority: info\n  override: {priority: append}\n",
            "cannot be appended to",
        ),
        ("  override: {condition: append}\n", "the key is missing"),
        (
            "  condition: x\n  desc: e\n  override: {condition: append}\n",
            "without an entry",
        ),
        (
            "  condition: x\n  override: {name: append}\n",
            "cannot be overridden",
        ),
        (
            "  condition: x\n  append: true\n  override: {condition: append}\n",
            "used together",
        ),
        ("  append: true\n", "must have exceptions or condition"),
        (
            "  condition: and x\n  append: true\n",
            "LOAD_DEPRECATED_ITEM",
        ),
        ("  enabled: false\n", "LOAD_DEPRECATED_ITEM"),
    ];
    for (change, expected) in cases {
        let outcome = load(&(RULE.to_owned() + "- rule: r\n" + change));
        assert!(
            has(&outcome, expected),
            "{change}: {:?}",
            messages(&outcome)
        );
    }
    for (kind, key) in [
        ("list", "items: [a]"),
        ("macro", "condition: and a"),
        ("rule", "desc: a"),
    ] {
        let name = key.split(':').next().expect("key");
        let text = format!("- {kind}: x\n  {key}\n  override: {{{name}: append}}\n");
        assert!(has(&load(&text), "by that name already exists"), "{text}");
    }
    let replaced = RULE.to_owned() + "- rule: x\n  desc: e\n  override: {desc: replace}\n";
    assert!(has(
        &load(&replaced),
        "'x' has a replace override but no rule by that name"
    ));
    let redefined = RULE.to_owned() + "- rule: x\n  enabled: true\n";
    assert!(has(&load(&redefined), "has 'enabled' key only"));
}

#[test]
fn legacy_append_and_toggle_work() {
    let text = RULE.to_owned() + "- rule: r\n  condition: or fd.num = 2\n  append: true\n";
    assert!(fires(&text, &number(2)));
    let off = RULE.to_owned() + "- rule: r\n  enabled: false\n";
    assert!(!fires(&off, &number(1)));
    let on = off + "- rule: r\n  enabled: true\n";
    assert!(fires(&on, &number(1)));
}

#[test]
fn redefinition_keeps_the_position() {
    let second = RULE.replace("rule: r", "rule: s");
    let again = RULE.replace("fd.num = 1", "fd.num < 9");
    let set = compiled(&(RULE.to_owned() + &second + &again));
    assert_eq!(matching(&set, &number(1), Matching::First), ["r"]);
    assert_eq!(matching(&set, &number(1), Matching::All), ["r", "s"]);
    assert_eq!(matching(&set, &number(5), Matching::All), ["r"]);
}

#[test]
fn what_is_named_by_something_unused_is_not_unused() {
    let text = "- macro: inner\n  condition: fd.num = 1\n- macro: outer\n  condition: not inner\n\
        - list: l\n  items: [a]\n- list: m\n  items: [l]\n";
    let outcome = load(text);
    let unused: Vec<String> = messages(&outcome);
    assert_eq!(unused.len(), 2, "{unused:?}");
    assert!(has(&outcome, "Macro 'outer' not referred") && has(&outcome, "List 'm' not referred"));
    let undefined = load("- macro: m\n  condition: innner\n- macro: inner\n  condition: m\n");
    assert!(has(
        &undefined,
        "error[LOAD_ERR_VALIDATE]: macro 'm': Undefined macro 'innner'"
    ));
    let hint = undefined
        .errors()
        .next()
        .and_then(|error| error.hint.as_deref());
    assert_eq!(hint, Some("did you mean inner?"));
}

#[test]
fn macros_see_only_what_was_defined_before_them() {
    let later = "- macro: a\n  condition: b\n- macro: b\n  condition: fd.num = 1\n";
    let outcome = load(&(later.to_owned() + &one_rule("a")));
    assert!(
        has(&outcome, "Undefined macro 'b'"),
        "{:?}",
        messages(&outcome)
    );
    let again = later.to_owned() + "- macro: a\n  condition: b\n" + &one_rule("a");
    assert!(fires(&again, &number(1)));
    let body = "- macro: m\n  condition: fd.num = 1 or fd.num = 2\n".to_owned()
        + &one_rule("m and proc.name = x");
    assert!(!fires(&body, &number(1)), "the body is one operand");
}

#[test]
fn lists_are_substituted_as_text() {
    let lists = "- list: inner\n  items: [b, 'c d']\n- list: outer\n  items: [a, inner]\n\
        - list: empty\n  items: []\n- list: one\n  items: [e]\n";
    let with = |condition: &str| lists.to_owned() + &one_rule(condition);
    for name in ["a", "b", "c d", "x"] {
        assert!(
            fires(&with("proc.name in (outer, x)"), &named(name)),
            "{name}"
        );
    }
    assert!(!fires(&with("proc.name in (outer)"), &named("inner")));
    assert!(fires(&with("proc.name in (empty, x)"), &named("x")));
    assert!(fires(&with("proc.name in (x, empty)"), &named("x")));
    assert!(fires(&with("proc.name in (x, empty, y)"), &named("y")));
    assert!(!fires(&with("proc.name in (empty)"), &named("empty")));
    assert!(fires(&with("proc.name in one"), &named("e")));
    let bare = load(&with("proc.name in outer"));
    let hint = bare.errors().next().and_then(|error| error.hint.as_deref());
    assert_eq!(hint, Some("a list stands in parentheses: (outer)"));
    assert!(fires(&with("proc.name = one"), &named("e")));
    // Even inside quotes, when it stands between blanks.
    assert!(fires(&with("proc.name = 'x  one y'"), &named("x e y")));
    assert!(
        fires(&with("proc.name = 'one'"), &named("one")),
        "quotes are no blanks"
    );
}

#[test]
fn list_items_keep_their_spelling() {
    let text = "- list: ports\n  items: [0.10, 08, yes, 0x1F, 1e3]\n".to_owned()
        + &one_rule("proc.name in (ports)");
    for name in ["0.10", "08", "yes", "0x1F", "1e3"] {
        assert!(fires(&text, &named(name)), "{name}");
    }
}

#[test]
fn exceptions_become_conditions() {
    let event = |name: &str, file: &str| {
        TestEvent::new("open")
            .with("proc.name", &[Owned::text(name)])
            .with("fd.name", &[Owned::text(file)])
    };
    let tuples = one_rule("proc.name exists or fd.num = 1")
        + "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      \
           comps: [=, startswith]\n      values:\n        - [a, /etc]\n        - ['b c', /usr]\n    \
           - name: s\n      fields: fd.name\n      comps: pmatch\n      values: [/var, /tmp/x]\n    \
           - name: none\n      fields: [proc.name]\n";
    assert!(!fires(&tuples, &event("a", "/etc/x")) && !fires(&tuples, &event("b c", "/usr/x")));
    assert!(fires(&tuples, &event("a", "/usr/x")) && fires(&tuples, &event("c", "/etc/x")));
    assert!(!fires(&tuples, &event("z", "/var/log")) && fires(&tuples, &event("z", "/tmp/y")));
    assert!(
        fires(&tuples, &named("a")),
        "an absent field excepts nothing"
    );
    let lists = one_rule("proc.name exists")
        + "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      \
           comps: [in, contains oneof]\n      values:\n        - [[a, b], [x, y]]\n";
    assert!(!fires(&lists, &event("b", "/x")) && fires(&lists, &event("b", "/xy")));
    let appended = one_rule("proc.name exists")
        + "  exceptions:\n    - name: e\n      fields: [proc.name]\n      values: [[a]]\n\
           - rule: r\n  exceptions:\n    - name: e\n      values: [[b]]\n    - name: f\n      \
           fields: fd.name\n      values: [/q]\n  override: {exceptions: append}\n";
    assert!(!fires(&appended, &named("a")) && !fires(&appended, &named("b")));
    assert!(!fires(&appended, &event("c", "/q")) && fires(&appended, &named("c")));
}

#[test]
fn exceptions_take_lists_and_transformers() {
    let event = |name: &str, file: &str| {
        TestEvent::new("open")
            .with("proc.name", &[Owned::text(name)])
            .with("fd.name", &[Owned::text(file)])
    };
    let lists = "- list: names\n  items: [a, 'b c']\n- list: more\n  items: [names, d]\n\
        - list: paths\n  items: [/etc, /usr/lib]\n- list: none\n  items: []\n";
    let scalar = lists.to_owned()
        + &one_rule("fd.name exists")
        + "  exceptions:\n    - name: e\n      fields: proc.name\n      values: [more, none, x]\n    \
           - name: p\n      fields: fd.name\n      comps: startswith anyof\n      values: [paths]\n";
    for name in ["a", "b c", "d", "x"] {
        assert!(!fires(&scalar, &event(name, "/")), "{name}");
    }
    assert!(fires(&scalar, &event("names", "/")) && !fires(&scalar, &event("z", "/usr/lib/x")));
    let tuples = lists.to_owned()
        + &one_rule("fd.name exists")
        + "  exceptions:\n    - name: e\n      fields: [tolower(proc.name), fd.name]\n      \
           comps: [in, pmatch]\n      values:\n        - [more, paths]\n        \
           - [[x, names], [/opt]]\n        - ['(y)', '(/srv, paths)']\n";
    for (name, file) in [
        ("A", "/etc/x"),
        ("d", "/usr/lib"),
        ("X", "/opt/y"),
        ("Y", "/srv"),
    ] {
        assert!(!fires(&tuples, &event(name, file)), "{name} {file}");
    }
    assert!(fires(&tuples, &event("D", "/opt")) && fires(&tuples, &event("e", "/etc")));
    let legacy = lists.to_owned()
        + &one_rule("fd.name exists")
        + "  exceptions:\n    - name: e\n      fields: [proc.name]\n- rule: r\n  append: true\n  \
           exceptions:\n    - name: e\n      values: [[a], ['b c']]\n    - name: f\n      \
           fields: proc.name\n      values: [q]\n";
    for name in ["a", "b c", "q"] {
        assert!(!fires(&legacy, &event(name, "/")), "{name}");
    }
    let replaced = legacy
        + "- rule: r\n  exceptions:\n    - name: e\n      fields: proc.name\n      \
        values: [z]\n  override: {exceptions: replace}\n";
    assert!(!fires(&replaced, &event("z", "/")) && fires(&replaced, &event("a", "/")));
}

#[test]
fn wrong_exceptions_are_errors() {
    let cases = [
        (
            "    - name: e\n      fields: [proc.name]\n      values: [[a, b]]\n",
            "equal length",
        ),
        (
            "    - name: e\n      values: [[a]]\n",
            "has no fields property",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n      comps: [=, =]\n",
            "equal length",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n      comps: [like]\n",
            "not a supported operator",
        ),
        (
            "    - name: e\n      fields: proc.name\n      comps: =\n",
            "needs fields and comps as lists",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n      values: [a]\n",
            "must be a list",
        ),
        (
            "    - name: e\n      fields: [proc.nam]\n      values: [[a]]\n",
            "nonexistent field proc.nam",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n    - name: e\n      fields: [proc.name]\n",
            "LOAD_EXCEPTION_NAME_NOT_UNIQUE",
        ),
    ];
    for (exceptions, expected) in cases {
        let outcome = load(&(one_rule("fd.num = 1") + "  exceptions:\n" + exceptions));
        assert!(
            has(&outcome, expected),
            "{exceptions}: {:?}",
            messages(&outcome)
        );
    }
    let no_values = one_rule("fd.num = 1")
        + "  exceptions:\n    - name: e\n      fields: [proc.name]\n\
           - rule: r\n  exceptions:\n    - name: e\n  override: {exceptions: append}\n";
    assert!(has(&load(&no_values), "LOAD_APPEND_NO_VALUES"));
}

#[test]
fn versions_are_compared() {
    for good in ["57", "0.57.0", "0.63.0", "'0.1.2'"] {
        assert!(
            !load(&format!("- required_engine_version: {good}\n")).has_errors(),
            "{good}"
        );
    }
    let outcome = load("- required_engine_version: 0.64.0\n");
    assert!(has(
        &outcome,
        "Rules require engine version 0.64.0, but engine version is 0.63.0"
    ));
    assert!(has(
        &load("- required_engine_version: 1.0.0\n"),
        "Rules require"
    ));
    assert!(has(
        &load("- required_engine_version: x\n"),
        "Unable to parse"
    ));
    let plugin = |name: &str, version: &str| {
        format!("- required_plugin_versions:\n    - name: {name}\n      version: {version}\n")
    };
    assert!(!load(&plugin("container", "0.4.0")).has_errors());
    let missing = "must load one of: container (>= 0.8.0)";
    assert!(has(&load(&plugin("container", "0.8.0")), missing));
    let alternative =
        plugin("json", "0.1.0") + "      alternatives: [{name: container, version: 0.7.0}]\n";
    assert!(!load(&alternative).has_errors());
}

#[test]
fn rules_with_unknown_fields_can_be_skipped() {
    let text = "- macro: m\n  condition: proc.nosuch = 1 or other.field exists\n".to_owned()
        + &one_rule("m and proc.nosuch = 2")
        + &RULE.replace("rule: r", "rule: good");
    let mut loader = Loader::new(LoaderOptions {
        unknown_field: UnknownField::Skip,
        ..LoaderOptions::default()
    });
    loader.add_file("f.yaml", text.as_bytes());
    let outcome = loader.finish(&TestSchema::default());
    assert!(!outcome.has_errors(), "{:?}", messages(&outcome));
    assert_eq!(outcome.rules.len(), 1);
    let skipped = &outcome.skipped[0];
    assert_eq!(
        (skipped.name.as_str(), skipped.file.as_str(), skipped.line),
        ("r", "f.yaml", 3)
    );
    assert_eq!(skipped.missing, ["other.field", "proc.nosuch"]);
    assert!(load(&text).has_errors());
    let asks = one_rule("proc.nosuch = 2") + "  skip-if-unknown-filter: true\n";
    let outcome = load(&asks);
    assert!(!outcome.has_errors() && outcome.rules.is_empty());
    assert!(has(&outcome, "LOAD_UNKNOWN_FILTER"));
    let wrong_type = one_rule("evt.type = nosuch") + "  skip-if-unknown-filter: true\n";
    assert!(!load(&wrong_type).has_errors());
    let wrong_value = one_rule("fd.num = x") + "  skip-if-unknown-filter: true\n";
    assert!(load(&wrong_value).has_errors());
}

#[test]
fn rules_that_look_at_everything_are_warned_about() {
    let many = TestSchema::with_events((0..150).map(|n| format!("event{n}")).collect());
    let load = |text: &str| {
        let mut loader = Loader::new(LoaderOptions::default());
        loader.add_file("f.yaml", text.as_bytes());
        loader.finish(&many)
    };
    assert!(has(&load(&one_rule("fd.num = 1")), "LOAD_NO_EVTTYPE"));
    assert!(!has(
        &load(&one_rule("fd.num = 1 and evt.type = event1")),
        "LOAD_NO_EVTTYPE"
    ));
    assert!(!has(&load(&one_rule("evt.num = 0")), "LOAD_NO_EVTTYPE"));
    let silent = one_rule("fd.num = 1") + "  warn_evttypes: false\n";
    assert!(!has(&load(&silent), "LOAD_NO_EVTTYPE"));
}
