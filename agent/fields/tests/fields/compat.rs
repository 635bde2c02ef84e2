//! Against real rules, the stock ones and our own: every field they name resolves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use saker_engine::schema::Schema;
use saker_engine::value::ValueType;
use saker_fields::FieldSchema;

use crate::world::resolve;

/// Families of fields of this source.
const FAMILIES: [&str; 9] = [
    "evt.",
    "syscall.",
    "proc.",
    "thread.",
    "user.",
    "group.",
    "fd.",
    "container.",
    "k8s.",
];

/// Texts in comments and descriptions that look like fields.
const NO_FIELDS: [&str; 3] = ["k8s.io", "user.log", "evt.arg.res_or_fd"];

pub(crate) fn compat_dir() -> PathBuf {
    let default = || {
        PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/compat"
        ))
    };
    std::env::var_os("SAKER_COMPAT").map_or_else(default, PathBuf::from)
}

/// Words that look like a field, with their argument in brackets.
fn fields_in(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    for line in code {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
        let mut rest = line;
        while let Some(start) = rest.find(is_word) {
            rest = &rest[start..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let mut word = word.trim_end_matches('.').to_owned();
            rest = after;
            if let Some(close) = after.strip_prefix('[').and_then(|key| key.find(']')) {
                word.push_str(&after[..close + 2]);
                rest = &after[close + 2..];
            }
            if FAMILIES.iter().any(|family| word.starts_with(family)) {
                found.insert(word);
            }
        }
    }
    found
}

fn unknown_fields(schema: &FieldSchema, path: &Path, at_least: usize) -> Vec<String> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let fields = fields_in(&text);
    let count = fields.len();
    assert!(
        count >= at_least,
        "{}: only {count} fields found",
        path.display()
    );
    let resolves = |field: &String| match field.strip_suffix(']').and_then(|f| f.split_once('[')) {
        Some((name, arg)) => schema.resolve(name, Some(arg)).is_ok(),
        None => schema.resolve(field, None).is_ok() || NO_FIELDS.contains(&field.as_str()),
    };
    fields
        .into_iter()
        .filter(|field| !resolves(field))
        .collect()
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_all_fields_of_the_stock_rules_resolve() {
    let schema = FieldSchema::new();
    for file in [
        "falco_rules",
        "falco-incubating_rules",
        "falco-sandbox_rules",
    ] {
        let path = compat_dir()
            .join("falco-rules")
            .join(file)
            .with_extension("yaml");
        assert_eq!(unknown_fields(&schema, &path, 40), [""; 0], "{file}");
    }
}

/// What Falco printed for a field must fit the type the field has here.
#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_values_falco_printed_fit_the_types() {
    let schema = FieldSchema::new();
    let path = compat_dir().join("falco-alerts/reference.json");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let alerts = cases.as_array().expect("a list").iter().flat_map(|case| {
        ["alerts_stable_rules", "alerts_all_rules"]
            .map(|key| case[key].as_array())
            .into_iter()
    });
    let mut compared = 0;
    for alert in alerts.flatten().flatten() {
        for (field, value) in alert["output_fields"].as_object().expect("fields") {
            let ty = resolve(&schema, field).ty;
            let fits = match ty {
                ValueType::Bool => value.is_boolean(),
                ValueType::Int | ValueType::RelTime => value.is_i64(),
                ValueType::Uint | ValueType::Port | ValueType::AbsTime => value.is_u64(),
                ValueType::Double => value.is_number(),
                ValueType::Str | ValueType::Bytes | ValueType::Ip | ValueType::Net => {
                    value.is_string()
                }
            };
            assert!(fits || value.is_null(), "{field}: {value} is no {ty:?}");
            compared += 1;
        }
    }
    assert!(compared > 500, "only {compared} values compared");
}

#[test]
fn all_fields_of_our_own_rules_resolve() {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules"));
    let schema = FieldSchema::new();
    let mut files = 0;
    for entry in std::fs::read_dir(dir).expect("the rules of the project") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            assert_eq!(
                unknown_fields(&schema, &path, 1),
                [""; 0],
                "{}",
                path.display()
            );
            files += 1;
        }
    }
    assert!(files > 0, "no rules in {}", dir.display());
}
