//! The stock rules files as they are: which rules there are and what their alerts must contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use saker_tests_live::agent::Options;
use saker_tests_live::host;
use serde::Deserialize;
use serde_json::json;

use crate::compare::EXTRA_FIELDS;

/// The rules files, in the order they are loaded.
pub const FILES: [&str; 3] = [
    "falco_rules.yaml",
    "falco-incubating_rules.yaml",
    "falco-sandbox_rules.yaml",
];

/// What an alert of a rule has.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Priority as alerts write it.
    pub priority: String,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// Fields of its output.
    pub fields: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Item {
    rule: Option<String>,
    #[serde(default)]
    output: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    tags: Vec<String>,
}

/// Paths of the files.
///
/// # Errors
/// When there is no compatibility data.
pub fn files() -> Result<Vec<PathBuf>> {
    let directory = host::compat_data()?.join("falco-rules");
    Ok(FILES.iter().map(|name| directory.join(name)).collect())
}

/// An agent with all stock rules, those that are disabled by default as well, and every match an alert.
///
/// # Errors
/// When there is no compatibility data.
pub fn options() -> Result<Options> {
    let additions = json!([
        {"match": {"source": "syscall"}, "suggested_output": true},
        {"match": {"source": "syscall"}, "extra_fields": EXTRA_FIELDS},
    ]);
    Ok(Options::rules(files()?)
        .set("rules", json!([{"enable": {"rule": "*"}}]))
        .set("rule_matching", "all".into())
        .set("append_output", additions)
        .set("json_include_message_property", true.into()))
}

/// All rules by name.
///
/// # Errors
/// When a file cannot be read.
pub fn load() -> Result<BTreeMap<String, Rule>> {
    let mut rules = BTreeMap::new();
    for path in files()? {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let items: Vec<Item> =
            serde_yaml::from_str(&text).with_context(|| path.display().to_string())?;
        for item in items {
            let Some(name) = item.rule else { continue };
            let rule = Rule {
                priority: priority(&item.priority),
                tags: item.tags.into_iter().collect(),
                fields: fields(&item.output),
            };
            ensure!(
                rules.insert(name.clone(), rule).is_none(),
                "{name}: twice in the stock rules"
            );
        }
    }
    Ok(rules)
}

/// `WARNING` as `Warning`; `INFO` stands for `Informational`.
fn priority(text: &str) -> String {
    if text.eq_ignore_ascii_case("info") {
        return "Informational".to_owned();
    }
    let (first, rest) = text.split_at(text.len().min(1));
    first.to_uppercase() + &rest.to_lowercase()
}

/// The fields that an output names: a percent sign, then a name with an argument in brackets.
fn fields(output: &str) -> BTreeSet<String> {
    output
        .split('%')
        .skip(1)
        .map(|text| {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._[]".contains(c)));
            text[..end.unwrap_or(text.len())].to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_name_fields() {
        let names = fields("text | a=%proc.aname[2] b=%fd.name, c=%evt.arg.flags %evt.type");
        let expected = ["evt.arg.flags", "evt.type", "fd.name", "proc.aname[2]"];
        assert!(names.iter().eq(expected), "{names:?}");
    }

    #[test]
    fn priorities_are_as_in_alerts() {
        assert_eq!(priority("WARNING"), "Warning");
        assert_eq!(priority("INFO"), "Informational");
    }
}
