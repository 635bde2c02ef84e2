//! Output formats and the selection of rules.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{Owned, TestEvent, TestSchema, load, matching, messages};
use saker_engine::compiler::{
    AppendOutput, ExtraField, ExtraOutput, RuleSet, Selection, Switch, Target, compile,
};
use saker_engine::loader::Priority;
use saker_engine::matcher::Matching;
use saker_engine::output::RenderOptions;
use serde_json::json;

fn rule(name: &str, output: &str) -> String {
    let output = serde_json::Value::from(output);
    format!(
        "- rule: {name}\n  desc: d\n  condition: evt.type = open\n  output: {output}\n  \
         priority: notice\n  tags: [t, {name}]\n"
    )
}

fn select(text: &str, selection: &Selection) -> Arc<RuleSet> {
    let outcome = load(text);
    assert!(!outcome.has_errors(), "{:?}", messages(&outcome));
    Arc::new(compile(&outcome, &TestSchema::default(), selection).expect("compiles"))
}

fn render(output: &str, event: &TestEvent, options: RenderOptions) -> String {
    let set = select(&rule("r", output), &Selection::default());
    let mut text = String::new();
    set.rules()[0].output.render(event, options, &mut text);
    text
}

fn event() -> TestEvent {
    TestEvent::new("open")
        .with("proc.name", &[Owned::Bytes(b"b\"a\n\xff".to_vec())])
        .with("fd.num", &[Owned::Int(-3)])
        .with("evt.mode", &[Owned::Uint(0o644)])
        .with("evt.is_open_read", &[Owned::Bool(true)])
        .with("evt.load", &[Owned::Double(1.25)])
        .with("fd.sip", &[Owned::Ip("::1".parse().expect("address"))])
        .with("evt.buffer", &[Owned::Bytes(vec![b'x', 0, 200])])
        .with("proc.tags", &[Owned::text("p"), Owned::text("q")])
        .with("proc.aname", &[Owned::text("sh"), Owned::text("init")])
        .with("fd.name", &[Owned::text("/etc/Passwd")])
}

#[test]
fn values_are_printed_by_type() {
    let plain = RenderOptions::default();
    let shown = |output: &str| render(output, &event(), plain);
    assert_eq!(shown("n=%fd.num, m=%evt.mode)"), "n=-3, m=0644)");
    assert_eq!(shown("%evt.is_open_read %evt.load %fd.sip"), "true 1.2 ::1");
    assert_eq!(
        shown("%evt.buffer %proc.tags %proc.aname"),
        "x.. (p,q) sh init"
    );
    assert_eq!(shown("%proc.pname|%proc.aname[1]."), "<NA>|<NA>.");
    assert_eq!(shown("[%5fd.num][%2evt.type]"), "[-3   ][op]");
    assert_eq!(shown("%tolower(basename(fd.name))!"), "passwd!");
    assert_eq!(
        shown("* %fd.nums"),
        " -3s",
        "the longest field name ends the token"
    );
    assert_eq!(shown("%proc.name"), "b\"a\n\u{fffd}");
    assert_eq!(shown("[%9tolower(fd.name)]"), "[/etc/pass]");
    assert_eq!(shown("%evt.type. %evt.type,%evt.type"), "open. open,open");
    assert_eq!(
        shown("*%evt.outputtime %tolower(evt.outputtime)"),
        "<NA> <NA>"
    );
    assert_eq!(shown("%toupper(proc.tags) %len(proc.tags)"), "(P,Q) 2");
    let escaped = RenderOptions {
        escape: true,
        base64_bytes: true,
    };
    assert_eq!(render("%proc.name", &event(), escaped), "b\\\"a\\n\u{fffd}");
    assert_eq!(render("%evt.buffer", &event(), escaped), "eADI");
    let acting = event().with("proc.name", &[Owned::text("\x1b\x7f\u{9b}\u{2028}")]);
    assert_eq!(
        render("%proc.name", &acting, escaped),
        "\\u001b\\u007f\\u009b\\u2028"
    );
}

#[test]
fn fields_keep_their_types() {
    let output = "%fd.num %evt.mode %evt.is_open_read %evt.load %proc.tags %proc.aname %proc.aname[1] \
        %fd.sip %tolower(fd.name)";
    let set = select(&rule("r", output), &Selection::default());
    let fields = set.rules()[0]
        .output
        .fields(&event(), RenderOptions::default());
    let fields: serde_json::Map<_, _> = fields.into_iter().collect();
    let expected = json!({
        "fd.num": -3, "evt.mode": "0644", "evt.is_open_read": true, "evt.load": 1.25,
        "proc.tags": ["p", "q"], "proc.aname": "sh init", "proc.aname[1]": null, "fd.sip": "::1",
        "fd.name": "/etc/Passwd",
    });
    assert_eq!(serde_json::Value::Object(fields), expected);
}

#[test]
fn wrong_tokens_are_errors() {
    let cases = [
        ("100%", "invalid formatting token"),
        ("%%proc.name", "invalid formatting token"),
        ("%nosuch.field", "nonexistent field nosuch.field"),
        ("%fd.ip", "cannot be used in outputs"),
        ("%99999fd.num", "wider than"),
        ("%proc.aname[x]", "needs a number"),
        ("%len(fd.num)", "len: expected"),
        ("%tolower(fd.ip)", "cannot be used in outputs"),
        ("%tolower(proc.aname)", "cannot be used in a transformer"),
        ("%proc.", "invalid formatting token"),
        ("% proc.name", "invalid formatting token"),
    ];
    for (output, expected) in cases {
        let all = messages(&load(&rule("r", output)));
        assert!(
            all.iter()
                .any(|m| m.contains(expected) && m.contains("LOAD_ERR_COMPILE_OUTPUT")),
            "{output}: {all:?}"
        );
    }
    let outcome = load(&rule("r", "a %container.info b"));
    assert!(!outcome.has_errors());
    assert_eq!(
        outcome.diagnostics[0].deprecated_field.as_deref(),
        Some("container.info")
    );
}

fn switch(enable: bool, target: Target) -> Switch {
    Switch { enable, target }
}

#[test]
fn later_switches_win_and_priority_leaves_rules_out() {
    let text = rule("one", "o") + &rule("two", "o") + &(rule("three", "o") + "  enabled: false\n");
    let names = |switches: Vec<Switch>, priority: Priority| -> Vec<String> {
        let set = select(
            &text,
            &Selection {
                switches,
                priority,
                ..Selection::default()
            },
        );
        set.rules().iter().map(|rule| rule.name.clone()).collect()
    };
    let pattern = |text: &str| Target::Rule(text.to_owned());
    assert_eq!(names(vec![], Priority::Debug), ["one", "two"]);
    assert_eq!(names(vec![], Priority::Notice), ["one", "two"]);
    assert!(names(vec![], Priority::Warning).is_empty());
    let only = vec![
        switch(false, pattern("*")),
        switch(true, Target::Tag("three".to_owned())),
    ];
    assert_eq!(names(only, Priority::Debug), ["three"]);
    let all = vec![
        switch(true, Target::Tag("t".to_owned())),
        switch(false, pattern("t*")),
    ];
    assert_eq!(names(all, Priority::Debug), ["one"]);
}

#[test]
fn outputs_are_extended_where_they_fit() {
    let text = rule("one", "o") + &rule("two", "o");
    let append_output = vec![
        AppendOutput {
            rule: Some("two".to_owned()),
            extra_output: Some("n=%fd.num".to_owned()),
            extra_fields: vec![
                ExtraField::Field("proc.aname[2]".to_owned()),
                ExtraField::Format {
                    key: "k".to_owned(),
                    format: "<%evt.type>".to_owned(),
                },
            ],
            ..AppendOutput::default()
        },
        AppendOutput {
            tags: BTreeSet::from(["t".to_owned(), "one".to_owned()]),
            suggested: vec![("proc_name".to_owned(), "proc.name".to_owned())],
            ..AppendOutput::default()
        },
    ];
    let set = select(
        &text,
        &Selection {
            append_output,
            ..Selection::default()
        },
    );
    assert_eq!(set.rules()[0].output.source(), "o proc_name=%proc.name");
    assert_eq!(set.rules()[1].output.source(), "o n=%fd.num");
    assert!(set.rules()[0].extra.is_empty());
    let [
        ExtraOutput::Field(field),
        ExtraOutput::Format { key, format },
    ] = set.rules()[1].extra.as_slice()
    else {
        panic!("two extra fields");
    };
    assert_eq!((field.name.as_str(), key.as_str()), ("proc.aname[2]", "k"));
    let mut text = String::new();
    format.render(&event(), RenderOptions::default(), &mut text);
    assert_eq!(text, "<open>");
    assert_eq!(matching(&set, &event(), Matching::All), ["one", "two"]);
}

/// In the order of the configuration; within an entry first its text, then the suggested fields.
#[test]
fn additions_come_in_order() {
    let text = rule("one", "o  %container.info");
    let addition = |text: &str, source: Option<&str>| AppendOutput {
        source: source.map(str::to_owned),
        extra_output: Some(text.to_owned()),
        ..AppendOutput::default()
    };
    let append_output = vec![
        addition("a=%fd.num", Some("syscall")),
        addition("b", Some("other")),
        AppendOutput {
            suggested: vec![("proc_name".to_owned(), "proc.name".to_owned())],
            ..addition("c %container.info", None)
        },
    ];
    let selection = Selection {
        append_output,
        ..Selection::default()
    };
    let output = select(&text, &selection).rules()[0].output.clone();
    let mut shown = String::new();
    output.render(
        &TestEvent::new("open"),
        RenderOptions::default(),
        &mut shown,
    );
    assert_eq!(shown, "o   a=<NA> c  proc_name=<NA>");
    assert_eq!(
        output.field_names().collect::<Vec<_>>(),
        ["fd.num", "proc.name"]
    );
}

#[test]
fn wrong_additions_are_errors() {
    let outcome = load(&rule("one", "o"));
    let bad = AppendOutput {
        extra_output: Some("%nosuch.f".to_owned()),
        ..AppendOutput::default()
    };
    let selection = Selection {
        append_output: vec![bad],
        ..Selection::default()
    };
    let errors = compile(&outcome, &TestSchema::default(), &selection).expect_err("unknown field");
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0]
            .to_string()
            .starts_with("append_output:1:4: error[LOAD_ERR_COMPILE_OUTPUT]")
    );
}
