//! What the fuzz targets call. `agent/engine/tests/fuzz.rs` calls the same with fixed seeds.

use std::sync::Arc;

use saker_engine::compiler::{Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions, Outcome, UnknownField};
use saker_engine::matcher::Matcher;
use saker_engine::parser::parse_condition;
use saker_engine::schema::Schema;

/// A rules file of any bytes is loaded, or refused with places that exist.
pub(crate) fn rules(bytes: &[u8], schema: &dyn Schema) {
    for unknown_field in [UnknownField::Error, UnknownField::Skip] {
        let mut loader = Loader::new(LoaderOptions {
            unknown_field,
            ..LoaderOptions::default()
        });
        loader.add_file("first.yaml", bytes);
        // What a file says can change what an equal one means after it.
        loader.add_file("second.yaml", bytes);
        look_at(&loader.finish(schema), schema);
    }
}

/// A condition of any text is parsed or refused, alone and as part of a rule.
pub(crate) fn condition(text: &str, schema: &dyn Schema) {
    if let Err(error) = parse_condition(text) {
        assert!(error.at <= text.len(), "{error:?}");
    }
    rules(rule(text, "o").as_bytes(), schema);
}

/// An output of any text is parsed or refused.
pub(crate) fn output(text: &str, schema: &dyn Schema) {
    rules(rule("evt.type = open", text).as_bytes(), schema);
}

fn rule(condition: &str, output: &str) -> String {
    let (condition, output) = (
        serde_json::Value::from(condition),
        serde_json::Value::from(output),
    );
    format!(
        "- list: shells\n  items: [bash, 'a b', inner]\n- list: empty\n  items: []\n\
         - list: inner\n  items: [x]\n- macro: m\n  condition: evt.type = open\n\
         - rule: r\n  desc: d\n  condition: {condition}\n  output: {output}\n  priority: info\n"
    )
}

fn look_at(outcome: &Outcome, schema: &dyn Schema) {
    for diagnostic in &outcome.diagnostics {
        let file = outcome
            .sources
            .iter()
            .find(|file| file.name == diagnostic.file);
        // Beyond the end there may be the line after the last newline.
        let lines = file.map_or(1, |file| file.text.split('\n').count());
        assert!((1..=lines).contains(&diagnostic.line), "{diagnostic}");
        assert!(diagnostic.column >= 1, "{diagnostic}");
        assert!(!diagnostic.to_string().is_empty());
        assert!(diagnostic.to_json()["code"].is_string());
    }
    if outcome.has_errors() {
        return;
    }
    let set = compile(outcome, schema, &Selection::default()).expect("nothing is appended");
    let _ = Matcher::new(Arc::new(set));
}
