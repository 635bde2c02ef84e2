//! Errors name the exact line and column, in every style of YAML scalar.

mod common;

use common::{load, messages};
use saker_engine::loader::{Loader, LoaderOptions};

fn rule(condition: &str) -> String {
    format!("- rule: r\n  desc: d\n  output: o\n  priority: info\n{condition}")
}

/// Line and column of the only error.
fn place(text: &str) -> (usize, usize) {
    let outcome = load(text);
    let errors: Vec<_> = outcome.errors().collect();
    assert_eq!(errors.len(), 1, "{:?}", messages(&outcome));
    (errors[0].line, errors[0].column)
}

#[test]
fn plain_and_quoted_scalars() {
    assert_eq!(place(&rule("  condition: proc.nam = x\n")), (5, 14));
    assert_eq!(
        place(&rule("  condition: proc.name=x and\n    fd.nam = y\n")),
        (6, 5)
    );
    assert_eq!(
        place(&rule("  condition: 'proc.name = ''a'' and fd.nam = y'\n")),
        (5, 37)
    );
    assert_eq!(
        place(&rule(
            "  condition: \"proc.name = \\\"a\\\" and fd.nam = y\"\n"
        )),
        (5, 37)
    );
    assert_eq!(
        place(&rule("  condition: \"proc.name = a\\n and fd.nam = y\"\n")),
        (5, 35)
    );
    assert_eq!(
        place(&rule(
            "  condition: \"proc.name = a \\\n     and fd.nam = y\"\n"
        )),
        (6, 10)
    );
    assert_eq!(
        place(&rule("  condition: proc.name = é and fd.nam = y\n")),
        (5, 32)
    );
}

#[test]
fn block_scalars() {
    let folded = "  condition: >\n    proc.name = x\n    and\n    (fd.name = y or fd.nam = z)\n";
    assert_eq!(place(&rule(folded)), (8, 21));
    let literal = "  condition: |-\n\n      proc.name = x\n        and fd.nam = z\n";
    assert_eq!(place(&rule(literal)), (8, 13));
    let indented =
        "  condition: >\n    proc.name = x and\n\n      (proc.name = y or\n       fd.nam = z)\n";
    assert_eq!(place(&rule(indented)), (9, 8));
}

#[test]
fn operators_values_and_the_end() {
    assert_eq!(place(&rule("  condition: fd.num contains x\n")), (5, 21));
    assert_eq!(place(&rule("  condition: fd.num in (1, 2, x)\n")), (5, 31));
    assert_eq!(place(&rule("  condition: (fd.num = 1\n")), (5, 25));
    assert_eq!(
        place(&rule("  condition: fd.num = 1 fd.num = 2\n")),
        (5, 25)
    );
    assert_eq!(place(&rule("  condition: fd.num === 1\n")), (5, 23));
}

#[test]
fn macros_lists_appends_and_exceptions_point_at_their_own_text() {
    let in_macro = "- macro: m\n  condition: >\n    proc.name = a or\n    fd.nam = b\n".to_owned()
        + &rule("  condition: m and m\n");
    assert_eq!(place(&in_macro), (4, 5));
    let in_list = "- list: l\n  items: [1, x]\n".to_owned()
        + &rule("  condition: fd.num = 1 or fd.num in (l, 3)\n");
    assert_eq!(place(&in_list), (2, 14), "the item");
    let after_list = "- list: l\n  items: [a b, c]\n".to_owned()
        + &rule("  condition: proc.name in (l) and fd.nam = x\n");
    assert_eq!(place(&after_list), (7, 35));
    let appended = rule("  condition: fd.num = 1\n")
        + "- rule: r\n  condition: and fd.nam = 2\n  override:\n    condition: append\n";
    assert_eq!(place(&appended), (7, 18));
    let exception = rule("  condition: fd.num = 1\n")
        + "  exceptions:\n    - name: e\n      fields: [fd.num, proc.name]\n      values:\n        - [1, a]\n        - [x, b]\n";
    assert_eq!(place(&exception), (11, 12));
}

#[test]
fn outputs_and_yaml() {
    let output = "- rule: r\n  desc: d\n  condition: fd.num = 1\n  priority: info\n  output: >\n    a %proc.name\n    b %proc.nam c\n";
    assert_eq!(place(output), (7, 8));
    assert_eq!(
        place("- rule: r\n  desc: d\n  condition: fd.num=1\n  output: o\n  priority: bad\n"),
        (5, 13)
    );
    assert_eq!(place("- list: l\n  items: [a\n"), (2, 10));
    assert_eq!(place("a: b\n"), (1, 1));
}

#[test]
fn all_errors_are_reported_in_order() {
    let text = "- macro: m\n  condition: foo bar\n".to_owned()
        + &rule("  condition: fd.nam = 1 and fd.num = x\n")
        + "- rule: s\n  desc: d\n  condition: nosuch\n  output: '%%'\n  priority: infos\n"
        + "- rule: t\n  desc: d\n  condition: nosuch\n  output: '%%'\n  priority: info\n"
        + "---\n- list: l\n  items: {a: b}\n---\n- list: [\n";
    let all = messages(&load(&text));
    let expected = [
        "test.yaml:2:18: error[LOAD_ERR_COMPILE_CONDITION]: macro 'm': expected 'and', 'or' or the end, \
         found 'bar'",
        "test.yaml:7:14: error[LOAD_ERR_COMPILE_CONDITION]: rule 'r': filter_check called with \
         nonexistent field fd.nam",
        "test.yaml:7:38: error[LOAD_ERR_COMPILE_CONDITION]: rule 'r': 'x' is not an integer",
        // A wrong key does not hide what is wrong with the rest of its rule.
        "test.yaml:10:14: error[LOAD_ERR_VALIDATE]: rule 's': Undefined macro 'nosuch'",
        "test.yaml:11:12: error[LOAD_ERR_COMPILE_OUTPUT]: rule 's': invalid formatting token",
        "test.yaml:11:13: error[LOAD_ERR_COMPILE_OUTPUT]: rule 's': invalid formatting token",
        "test.yaml:12:13: error[LOAD_ERR_YAML_VALIDATE]: rule 's': Invalid priority 'infos'",
        "test.yaml:15:14: error[LOAD_ERR_VALIDATE]: rule 't': Undefined macro 'nosuch'",
        "test.yaml:16:12: error[LOAD_ERR_COMPILE_OUTPUT]: rule 't': invalid formatting token",
        "test.yaml:16:13: error[LOAD_ERR_COMPILE_OUTPUT]: rule 't': invalid formatting token",
        "test.yaml:20:10: error[LOAD_ERR_YAML_VALIDATE]: list 'l': 'items' must be a sequence",
        "test.yaml:22:9: error[LOAD_ERR_YAML_PARSE]",
    ];
    let found: Vec<&String> = all.iter().filter(|m| m.contains("error[")).collect();
    assert_eq!(found.len(), expected.len(), "{all:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn a_diagnostic_shows_the_line_a_caret_and_a_hint() {
    let outcome = load(&rule("  condition: proc.nam = x\n"));
    let text = outcome.diagnostics[0].to_string();
    let expected = "test.yaml:5:14: error[LOAD_ERR_COMPILE_CONDITION]: rule 'r': filter_check called \
        with nonexistent field proc.nam\n  |   condition: proc.nam = x\n  |              ^\n  \
        = hint: did you mean proc.name?";
    assert_eq!(text, expected);
    let json = outcome.diagnostics[0].to_json();
    assert_eq!(json["code"], "LOAD_ERR_COMPILE_CONDITION");
    assert_eq!(json["codedesc"], "Error compiling condition");
    let locations = json["context"]["locations"].as_array().expect("locations");
    let types: Vec<&str> = locations
        .iter()
        .filter_map(|l| l["item_type"].as_str())
        .collect();
    assert_eq!(types, ["rules content", "rule", "condition expression"]);
    assert_eq!(locations[1]["item_name"], "r");
    assert_eq!(locations[2]["position"]["line"], 5);
    assert_eq!(locations[2]["position"]["column"], 14);
}

#[test]
fn long_lines_are_cut_around_the_caret() {
    let padding = "proc.name = x or ".repeat(20);
    let outcome = load(&rule(&format!(
        "  condition: {padding} fd.nam = y or {padding} fd.num = 1\n"
    )));
    let snippet = &outcome.diagnostics[0].snippet;
    let mut lines = snippet.lines();
    let (line, caret) = (lines.next().expect("line"), lines.next().expect("caret"));
    assert!(
        line.starts_with("...") && line.ends_with("...") && line.len() <= 166,
        "{line}"
    );
    assert_eq!(&line[caret.len() - 1..caret.len() + 5], "fd.nam");
}

#[test]
fn files_have_their_own_names() {
    let mut loader = Loader::new(LoaderOptions::default());
    loader.add_file("one.yaml", b"- macro: m\n  condition: fd.nam = 1\n");
    loader.add_file("two.yaml", rule("  condition: m\n").as_bytes());
    let outcome = loader.finish(&common::TestSchema::default());
    assert_eq!(outcome.diagnostics[0].file, "one.yaml");
    assert_eq!(
        (outcome.diagnostics[0].line, outcome.diagnostics[0].column),
        (2, 14)
    );
}

/// What is printed below the message and the source line.
fn notes(text: &str) -> Vec<String> {
    let outcome = load(text);
    let errors: Vec<_> = outcome.errors().collect();
    assert_eq!(errors.len(), 1, "{:?}", messages(&outcome));
    let text = errors[0].to_string();
    let lines = text.lines().filter(|line| line.starts_with("  = "));
    lines.map(|line| line["  = ".len()..].to_owned()).collect()
}

#[test]
fn the_way_through_macros_and_lists_is_shown() {
    let text = "- list: inner\n  items: [1, x]\n- list: outer\n  items: [7, inner]\n\
        - macro: m\n  condition: >\n    fd.num = 3 or\n    fd.num in (2, outer)\n\
        - macro: n\n  condition: not m\n"
        .to_owned()
        + &rule("  condition: proc.name = a and n\n")
        + &rule("  condition: proc.name = b and m\n").replace("rule: r", "rule: s");
    assert_eq!(place(&text), (2, 14));
    let first = messages(&load(&text)).remove(0);
    assert!(
        first.starts_with(
            "test.yaml:2:14: error[LOAD_ERR_COMPILE_CONDITION]: list 'inner': 'x' is not"
        ),
        "{first}"
    );
    assert_eq!(
        notes(&text),
        [
            "list 'inner' is part of list 'outer' at test.yaml:4:14",
            "list 'outer' is part of macro 'm' at test.yaml:8:19",
            "macro 'm' is part of macro 'n' at test.yaml:10:18",
            "macro 'n' is part of rule 'r' at test.yaml:15:32",
        ]
    );
    let outcome = load(&text);
    let json = outcome.errors().next().expect("one").to_json();
    let locations = json["context"]["locations"].as_array().expect("locations");
    let types: Vec<&str> = locations
        .iter()
        .filter_map(|l| l["item_type"].as_str())
        .collect();
    let expected = [
        "rules content",
        "rule",
        "rule condition",
        "macro",
        "macro condition",
        "macro",
        "macro condition",
        "list",
        "list item",
        "list",
        "list item",
    ];
    assert_eq!(types, expected);
}

#[test]
fn lists_out_of_place_are_errors_at_their_names() {
    let lists = "- list: two\n  items: [a, b]\n- list: bad\n  items: [c, \"'d\"]\n";
    let with = |condition: &str| lists.to_owned() + &rule(&format!("  condition: {condition}\n"));
    assert_eq!(place(&with("proc.name = two")), (9, 26));
    assert_eq!(place(&with("proc.name in two and fd.num = 1")), (9, 27));
    assert_eq!(place(&with("proc.name in (two) fd.num = 1")), (9, 33));
    assert_eq!(place(&with("proc.name in (x, two y)")), (9, 35));
    assert_eq!(
        place(&with("proc.name in (bad)")),
        (4, 15),
        "the item that is not closed"
    );
    assert_eq!(
        notes(&with("proc.name in (bad)")),
        ["list 'bad' is part of rule 'r' at test.yaml:9:28"]
    );
}

#[test]
fn exceptions_are_named() {
    let text = rule("  condition: fd.num = 1\n")
        + "  exceptions:\n    - name: e\n      fields: [fd.num]\n      values: [[1, 2]]\n";
    let first = messages(&load(&text)).remove(0);
    assert!(
        first.starts_with(
            "test.yaml:9:16: error[LOAD_ERR_VALIDATE]: exception 'e': Rule exception 'e'"
        ),
        "{first}"
    );
    assert_eq!(
        notes(&text),
        ["exception 'e' is part of rule 'r' at test.yaml:7:7"]
    );
}

#[test]
fn long_scalars_have_exact_places_too() {
    let filler = "proc.name = \u{e9}\u{e9} or\n    ".repeat(2000);
    let text = rule(&format!(
        "  condition: >\n    {filler}fd.nam = z or {filler}fd.nun = 1\n"
    ));
    let outcome = load(&text);
    let places: Vec<_> = outcome.errors().map(|e| (e.line, e.column)).collect();
    assert_eq!(places, [(2006, 5), (4006, 5)]);
    assert!(
        outcome.diagnostics[0]
            .snippet
            .contains("fd.nam = z or proc.name")
    );
}
