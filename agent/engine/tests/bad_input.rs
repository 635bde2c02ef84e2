//! Whatever the bytes are: no panic, no endless loop, a message.

mod common;

use common::{TestSchema, compiled, load, messages, one_rule};
use proptest::prelude::*;
use saker_engine::loader::{Loader, LoaderOptions, MAX_FILE_BYTES};
use saker_engine::parser::parse_condition;

fn load_bytes(bytes: &[u8]) -> Vec<String> {
    let mut loader = Loader::new(LoaderOptions::default());
    loader.add_file("bad.yaml", bytes);
    messages(&loader.finish(&TestSchema::default()))
}

#[test]
fn deep_parentheses_hit_the_limit_and_not_the_stack() {
    let nested = |depth: usize| format!("{}fd.num = 1{}", "(".repeat(depth), ")".repeat(depth));
    let error = parse_condition(&nested(10_000)).expect_err("too deep");
    assert!(
        error.message.contains("exceeded max depth"),
        "{}",
        error.message
    );
    assert_eq!(error.at, 1000);
    assert!(!load(&one_rule(&nested(1000))).has_errors());
    let unclosed = parse_condition(&"(".repeat(100_000)).expect_err("never closed");
    assert!(unclosed.message.contains("exceeded max depth"));
    let calls = "tolower(".repeat(10_000);
    assert!(
        parse_condition(&calls)
            .expect_err("too deep")
            .message
            .contains("nested transformers")
    );
    assert!(parse_condition(&"not ".repeat(100_000)).is_err());
}

#[test]
fn a_tree_of_the_greatest_depth_is_compiled_and_evaluated() {
    let mut condition = "fd.num = 0".to_owned();
    // Each round adds three levels: or, and, not.
    for depth in 1..=333 {
        condition = format!("fd.num = {depth} or proc.name = a{depth} and not ({condition})");
    }
    let deeper = format!("fd.num = 1 or not (fd.num = 2 and not ({condition}))");
    assert!(
        parse_condition(&deeper)
            .expect_err("too deep")
            .message
            .contains("exceeded max depth")
    );
    let set = compiled(&one_rule(&condition));
    let event = common::TestEvent::new("open")
        .with("fd.num", &[common::Owned::Int(-1)])
        .with("proc.name", &[common::Owned::text("b")]);
    assert!(common::matching(&set, &event, saker_engine::matcher::Matching::All).is_empty());
}

#[test]
fn macro_bombs_and_cycles_are_refused() {
    let mut bomb = "- macro: m0\n  condition: fd.num = 1\n".to_owned();
    for level in 1..60 {
        let below = level - 1;
        bomb += &format!("- macro: m{level}\n  condition: m{below} or m{below}\n");
    }
    let all = messages(&load(&(bomb + &one_rule("m59"))));
    assert!(
        all.iter().any(|m| m.contains("expands to more than")),
        "{all:?}"
    );

    let mut chain = "- macro: c0\n  condition: fd.num = 1\n".to_owned();
    for level in 1..3000 {
        chain += &format!("- macro: c{level}\n  condition: not c{}\n", level - 1);
    }
    let all = messages(&load(&(chain + &one_rule("c2999"))));
    assert!(
        all.iter().any(|m| m.contains("exceeded max depth")),
        "{all:?}"
    );

    // A macro sees later ones once it is defined again, and so can come to name itself.
    let cycle = "- macro: a\n  condition: fd.num = 1\n- macro: b\n  condition: a\n\
        - macro: a\n  condition: b\n";
    let all = messages(&load(&(cycle.to_owned() + &one_rule("a"))));
    assert!(
        all.iter()
            .any(|m| m.contains("LOAD_ERR_VALIDATE") && m.contains("loop")),
        "{all:?}"
    );
    let own = "- macro: a\n  condition: fd.num = 1\n- macro: a\n  condition: a or a\n";
    let all = messages(&load(&(own.to_owned() + &one_rule("a"))));
    assert!(all.iter().any(|m| m.contains("loop")), "{all:?}");
}

#[test]
fn lists_that_name_each_other_end() {
    let text = "- list: a\n  items: [b, x]\n- list: b\n  items: [a, y]\n\
        - list: a\n  items: [b, z]\n- list: c\n  items: [c]\n";
    let outcome = load(&(text.to_owned() + &one_rule("proc.name in (a, b, c)")));
    assert!(!outcome.has_errors(), "{:?}", messages(&outcome));
}

#[test]
fn broken_bytes_are_syntax_errors() {
    let all = load_bytes(b"- list: a\n  items: [\xff\xfe]\n");
    assert!(
        all[0]
            .starts_with("bad.yaml:2:11: error[LOAD_ERR_YAML_PARSE]: the file is not valid UTF-8")
    );
    for text in [
        "- rule: [",
        "- rule: 'a",
        "\"",
        "- {a: b",
        "- a\n b:\n- c",
        "%",
        "- *x",
        "\0",
    ] {
        let all = load_bytes(text.as_bytes());
        assert!(
            all.iter().any(|m| m.contains("LOAD_ERR_YAML")),
            "{text}: {all:?}"
        );
    }
    assert!(load_bytes(b"").is_empty() && load_bytes(b"---\n---\n- \n").is_empty());
    let large = vec![b' '; MAX_FILE_BYTES + 1];
    assert!(load_bytes(&large)[0].contains("LOAD_ERR_FILE_READ"));
}

#[test]
fn every_prefix_of_a_file_is_read_or_refused() {
    let text = "- list: l\n  items: [a, 'b c']\n- macro: m\n  condition: proc.name in (l)\n\
        - rule: r\n  desc: d\n  condition: >\n    m and (fd.num = 1\n    or evt.type = open)\n  \
        output: \"%proc.name \\x41\"\n  priority: info\n  tags: [a]\n  exceptions:\n   - name: e\n     \
        fields: [proc.name]\n     comps: [in]\n     values: [[[a, b]]]\n";
    assert!(!load(text).has_errors(), "{:?}", messages(&load(text)));
    for end in 0..text.len() {
        load_bytes(&text.as_bytes()[..end]);
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load_bytes(&bytes);
    }

    #[test]
    fn rules_with_pieces_moved_about(
        order in prop::collection::vec(0usize..24, 1..30),
    ) {
        let pieces = ["- rule: r\n", "- list: l\n", "- macro: m\n", "  condition: ", "m and ", "(", ")",
            "fd.num = 1", "\n", "  items: [", "l, ", "]\n", "  output: ", "%proc.name", "%", "  desc: d\n",
            "  priority: info\n", "  override:\n", "    condition: append\n", "  exceptions:\n",
            "    - name: e\n", "      fields: [fd.num]\n", "      values: [[1]]\n", "  append: true\n"];
        let text: String = order.iter().map(|&index| pieces[index]).collect();
        load_bytes(text.as_bytes());
    }
}
