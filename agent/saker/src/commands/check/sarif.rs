//! SARIF 2.1.0, the format in which code hosts take findings (OASIS, 3.13 to 3.49).

use saker_engine::diagnostics::{Code, Context, Diagnostic, Severity};
use serde_json::{Value as Json, json};

/// All diagnostics as one run.
pub(super) fn report(diagnostics: &[Diagnostic]) -> Json {
    let mut codes: Vec<Code> = Vec::new();
    for diagnostic in diagnostics {
        if !codes.contains(&diagnostic.code) {
            codes.push(diagnostic.code);
        }
    }
    let rules: Vec<Json> = codes.iter().map(|&code| rule(code)).collect();
    let results: Vec<Json> = diagnostics
        .iter()
        .map(|diagnostic| result(diagnostic, &codes))
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "saker check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn rule(code: Code) -> Json {
    json!({
        "id": code.name(),
        "shortDescription": {"text": code.description()},
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

fn result(diagnostic: &Diagnostic, codes: &[Code]) -> Json {
    let mut message = diagnostic.message.clone();
    if let Some(hint) = &diagnostic.hint {
        message.push_str(&format!(" ({hint})"));
    }
    let mut location = physical(&diagnostic.file, diagnostic.line, diagnostic.column);
    if let Some(line) = diagnostic.snippet.lines().next() {
        location["region"]["snippet"] = json!({"text": line});
    }
    let mut primary = json!({"physicalLocation": location});
    if let Some(item) = diagnostic.innermost() {
        primary["logicalLocations"] = json!([logical(item)]);
    }
    let related: Vec<Json> = diagnostic
        .chain()
        .enumerate()
        .map(|(id, (named, by, place))| {
            let text = format!(
                "{} '{}' is part of {} '{}' here",
                named.item_type, named.item_name, by.item_type, by.item_name
            );
            json!({
                "id": id + 1,
                "message": {"text": text},
                "physicalLocation": physical(&place.file, place.line, place.column),
            })
        })
        .collect();
    let mut result = json!({
        "ruleId": diagnostic.code.name(),
        "ruleIndex": codes.iter().position(|&code| code == diagnostic.code),
        "level": level(diagnostic.severity),
        "message": {"text": message},
        "locations": [primary],
    });
    if !related.is_empty() {
        result["relatedLocations"] = Json::Array(related);
    }
    result
}

fn physical(file: &str, line: usize, column: usize) -> Json {
    json!({
        "artifactLocation": {"uri": uri(file)},
        "region": {"startLine": line, "startColumn": column},
    })
}

fn logical(item: &Context) -> Json {
    json!({"name": item.item_name, "kind": item.item_type})
}

/// A path as a relative reference, or as a file URI if it is absolute (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if plain {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use saker_engine::loader::{Loader, LoaderOptions};
    use saker_fields::FieldSchema;

    use super::*;

    #[test]
    fn findings_have_places_and_the_way_to_them() {
        let text = "- list: l\n  items: [1, x]\n- macro: m\n  condition: fd.num in (l)\n\
            - rule: r\n  desc: d\n  condition: evt.type = openat and m\n  output: '%fd.nme'\n  \
            priority: info\n  colour: red\n";
        let mut loader = Loader::new(LoaderOptions::default());
        loader.add_file("/etc/my rules/a.yaml", text.as_bytes());
        let outcome = loader.finish(&FieldSchema::new());
        let report = report(&outcome.diagnostics);
        assert_eq!(report["version"], "2.1.0");
        let run = &report["runs"][0];
        let results = run["results"].as_array().expect("results");
        let ids: Vec<&str> = results
            .iter()
            .filter_map(|r| r["ruleId"].as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "LOAD_ERR_COMPILE_CONDITION",
                "LOAD_ERR_COMPILE_OUTPUT",
                "LOAD_UNKNOWN_KEY"
            ]
        );
        for (index, result) in results.iter().enumerate() {
            let rule = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], ids[index]);
        }
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"]["uri"],
            "file:///etc/my%20rules/a.yaml"
        );
        assert_eq!(place["region"]["startLine"], 2);
        assert_eq!(place["region"]["startColumn"], 14);
        assert_eq!(place["region"]["snippet"]["text"], "  items: [1, x]");
        assert_eq!(
            results[0]["locations"][0]["logicalLocations"][0]["name"],
            "l"
        );
        let related = results[0]["relatedLocations"].as_array().expect("related");
        let lines: Vec<_> = related
            .iter()
            .map(|r| r["physicalLocation"]["region"]["startLine"].as_u64())
            .collect();
        assert_eq!(lines, [Some(4), Some(7)]);
        assert!(
            results[1]["message"]["text"]
                .as_str()
                .is_some_and(|t| t.contains("fd.name"))
        );
        assert_eq!(results[2]["level"], "warning");
    }
}
