//! `saker check`: formats, several files, the stock rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use saker_engine::source::FileId;
use saker_engine::yaml::{self, Kind, Node};
use serde_json::Value as Json;

use crate::common::{run, saker};
use crate::{RULE, dir, file};

/// A list with a bad item, a macro that names it, a rule that names the macro, and a wrong key.
const CHAIN: &str = "- list: l\n  items: [1, x]\n- macro: m\n  condition: fd.num in (l)\n\
    - rule: r\n  desc: d\n  condition: evt.type = openat and m\n  output: o\n  priority: info\n  \
    colour: red\n";

#[test]
fn json_is_that_of_falco() {
    let dir = dir();
    let (wrong, right) = (file(&dir, "a.yaml", CHAIN), file(&dir, "b.yaml", RULE));
    let output = run(saker().args(["check", "--format", "json", &wrong, &right]));
    assert_eq!(output.status, 1);
    let report: Json = serde_json::from_str(&output.stdout).expect("JSON");
    let results = report["falco_load_results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    let keys: Vec<&String> = results[0].as_object().expect("an object").keys().collect();
    let expected = [
        "errors",
        "name",
        "schema_valid",
        "schema_warnings",
        "successful",
        "warnings",
    ];
    assert_eq!(keys, expected);
    assert_eq!(results[0]["name"], wrong);
    assert_eq!(results[0]["schema_valid"], false);
    assert_eq!(
        results[0]["schema_warnings"][0],
        "10:3: Unknown key 'colour' in rule"
    );
    assert_eq!(results[1]["successful"], true);
    assert_eq!(results[1]["schema_valid"], true);
    let error = &results[0]["errors"][0];
    let keys: Vec<&String> = error.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["code", "codedesc", "context", "message"]);
    assert_eq!(
        error["context"]["snippet"],
        "  items: [1, x]\n             ^"
    );
    let locations = error["context"]["locations"].as_array().expect("locations");
    let steps: Vec<String> = locations
        .iter()
        .map(|step| {
            assert_eq!(step["position"]["name"], wrong);
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            let (kind, name) = (text(&step["item_type"]), text(&step["item_name"]));
            let (line, column) = (&step["position"]["line"], &step["position"]["column"]);
            format!("{kind} '{name}' {line}:{column}")
        })
        .collect();
    assert_eq!(
        steps,
        [
            "rules content '' 1:1",
            "rule 'r' 5:3",
            "rule condition '' 7:36",
            "macro 'm' 3:3",
            "macro condition '' 4:25",
            "list 'l' 1:3",
            "list item '' 2:14",
        ]
    );
    assert_eq!(results[0]["warnings"][0]["code"], "LOAD_UNKNOWN_KEY");
}

#[test]
fn sarif_has_the_same_findings() {
    let dir = dir();
    let wrong = file(&dir, "a.yaml", CHAIN);
    let output = run(saker().args(["check", "--format", "sarif", &wrong]));
    assert_eq!(output.status, 1);
    let report: Json = serde_json::from_str(&output.stdout).expect("JSON");
    let results = report["runs"][0]["results"].as_array().expect("results");
    let ids: Vec<&str> = results
        .iter()
        .filter_map(|r| r["ruleId"].as_str())
        .collect();
    assert_eq!(ids, ["LOAD_ERR_COMPILE_CONDITION", "LOAD_UNKNOWN_KEY"]);
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], format!("file://{wrong}"));
}

#[test]
fn directories_and_files_are_loaded_in_order() {
    let dir = dir();
    file(
        &dir,
        "10-first.yaml",
        "- macro: m\n  condition: evt.type = openat\n",
    );
    file(
        &dir,
        "20-second.yml",
        &RULE.replace("evt.type = openat", "m"),
    );
    file(&dir, "ignored.txt", "not: yaml: at all");
    let later = crate::dir();
    let later = file(
        &later,
        "z.yaml",
        "- rule: Shadow\n  condition: and fd.nam = x\n  override: {condition: append}\n",
    );
    let path = dir.path().display().to_string();
    let output = run(saker().args(["check", &path, &later]));
    assert_eq!(output.status, 1);
    let lines: Vec<&str> = output.stdout.lines().collect();
    let error = format!("{later}:2:18: error[LOAD_ERR_COMPILE_CONDITION]: rule 'Shadow': ");
    assert!(lines[0].starts_with(&error), "{}", output.stdout);
    let verdicts = [
        format!("{path}/10-first.yaml: ok"),
        format!("{path}/20-second.yml: ok"),
        format!("{later}: 1 error(s), 0 warning(s)"),
    ];
    let end = lines.len() - 1;
    assert_eq!(&lines[end - 3..end], verdicts, "{}", output.stdout);
}

fn stock_files() -> Vec<(String, usize)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/compat");
    let data = std::env::var_os("SAKER_COMPAT").map_or_else(|| default.into(), PathBuf::from);
    let path = |name: &str| data.join("falco-rules").join(name).display().to_string();
    vec![
        (path("falco_rules.yaml"), 25),
        (path("falco-incubating_rules.yaml"), 31),
        (path("falco-sandbox_rules.yaml"), 37),
    ]
}

/// What the files define at the end: by kind and name, all text that may name something.
fn definitions(files: &[&str]) -> BTreeMap<(&'static str, String), Vec<String>> {
    let mut found = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
        let documents = yaml::parse(FileId(0), &text);
        let items = documents.roots.iter().filter_map(Node::elements).flatten();
        for item in items {
            for kind in ["list", "macro", "rule"] {
                let Some(name) = item.get(kind).and_then(Node::text) else {
                    continue;
                };
                assert!(item.get("append").is_none() && item.get("override").is_none());
                let mut texts = Vec::new();
                for key in ["items", "condition", "exceptions"] {
                    item.get(key)
                        .into_iter()
                        .for_each(|node| scalars(node, &mut texts));
                }
                found.insert((kind, name.to_owned()), texts);
            }
        }
    }
    found
}

fn scalars(node: &Node, texts: &mut Vec<String>) {
    match &node.kind {
        Kind::Null => {}
        Kind::Scalar(scalar) => texts.push(scalar.value.clone()),
        Kind::Seq(nodes) => nodes.iter().for_each(|node| scalars(node, texts)),
        Kind::Map(entries) => entries.iter().for_each(|(_, node)| scalars(node, texts)),
    }
}

/// Lists and macros that no other definition names: what the specification warns about. Rules of
/// the stock files deserve no other warning.
fn predicted(files: &[&str]) -> BTreeSet<(String, String)> {
    let all = definitions(files);
    let mut named: BTreeMap<&str, BTreeSet<&(&'static str, String)>> = BTreeMap::new();
    for (key, texts) in &all {
        for text in texts {
            for word in text.split([' ', '\t', '\n', '(', ')', ',', '=']) {
                named.entry(word).or_default().insert(key);
            }
        }
    }
    let unnamed = |key: &&(&'static str, String)| {
        let by = named.get(key.1.as_str());
        key.0 != "rule" && by.is_none_or(|by| by.iter().all(|other| other == key))
    };
    let code = |kind: &str| format!("LOAD_UNUSED_{}", kind.to_uppercase());
    let unnamed = all.keys().filter(unnamed);
    unnamed
        .map(|(kind, name)| (code(kind), name.clone()))
        .collect()
}

fn check_stock(files: &[&str], rules: usize) {
    let output = run(saker().args(["check", "--format", "json"]).args(files));
    assert_eq!(output.status, 0, "{}", output.stdout);
    let report: Json = serde_json::from_str(&output.stdout).expect("JSON");
    let mut warnings = BTreeSet::new();
    for result in report["falco_load_results"].as_array().expect("results") {
        assert_eq!(result["successful"], true);
        assert_eq!(
            result["schema_valid"], true,
            "{}",
            result["schema_warnings"]
        );
        for warning in result["warnings"].as_array().expect("warnings") {
            let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
            let name = &warning["context"]["locations"][1]["item_name"];
            assert!(warnings.insert((text(&warning["code"]), text(name))));
        }
    }
    assert_eq!(warnings, predicted(files), "{files:?}");
    let text = run(saker().arg("check").args(files)).stdout;
    let last = format!("{rules} rule(s) in {} file(s)", files.len());
    assert_eq!(text.lines().last(), Some(last.as_str()));
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_stock_rules_have_the_predicted_warnings() {
    let files = stock_files();
    for (file, rules) in &files {
        check_stock(&[file], *rules);
    }
    let names: Vec<&str> = files.iter().map(|(file, _)| file.as_str()).collect();
    check_stock(&names, 93);
}
