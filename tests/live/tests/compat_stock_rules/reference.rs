//! Comparison with the reference alerts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use saker_tests_live::alert::Alert;
use saker_tests_live::host;
use serde_json::Value;

/// Where the reference's actors were.
const REFERENCE_LAB: &str = "/tmp/lab";
/// What the tests add to every alert.
const OWN_FIELD: &str = "proc.sid";
/// Fields that depend on the run or on who started the actor.
const VARYING: [&str; 8] = [
    "evt.time",
    "container.start_ts",
    "proc.pname",
    "proc.pcmdline",
    "proc.pexe",
    "proc.pexepath",
    "proc.sname",
    "proc.cwd",
];

/// Reads the reference.
pub(crate) fn load() -> Result<Value> {
    let path = host::compat_data()?.join("falco-alerts/reference.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// Compares an alert with the reference's for the action `name` under the stable rules.
pub(crate) fn compare(
    alert: &Alert,
    reference: &Value,
    name: &str,
    rule: &str,
    lab: &Path,
) -> Result<()> {
    let actions = reference.as_array().context("a list of actions")?;
    let action = actions
        .iter()
        .find(|action| action["name"] == name)
        .context("no such action")?;
    let alerts = action["alerts_stable_rules"]
        .as_array()
        .context("a list of alerts")?;
    let expected = alerts
        .iter()
        .find(|alert| alert["rule"] == rule)
        .context("no such alert")?;
    for key in ["rule", "priority", "source", "tags"] {
        let (got, want) = (&alert.json[key], &expected[key]);
        ensure!(got == want, "{key} is {got}, not {want}");
    }
    let keys = |json: &Value| -> BTreeSet<String> {
        json.as_object()
            .into_iter()
            .flat_map(|map| map.keys().cloned())
            .collect()
    };
    ensure!(
        keys(&alert.json) == keys(expected),
        "properties {:?}",
        keys(&alert.json)
    );
    let (got, want) = (&alert.json["output_fields"], &expected["output_fields"]);
    let mut got_keys = keys(got);
    got_keys.remove(OWN_FIELD);
    ensure!(
        got_keys == keys(want),
        "fields {got_keys:?}, not {:?}",
        keys(want)
    );
    let differences: Vec<String> = keys(want)
        .into_iter()
        .filter(|key| !VARYING.contains(&key.as_str()) && !key.starts_with("proc.aname["))
        .filter(|key| got[key] != relocated(&want[key], lab))
        .map(|key| {
            format!(
                "{key} is {}, not {}",
                got[&key],
                relocated(&want[&key], lab)
            )
        })
        .collect();
    ensure!(differences.is_empty(), "{}", differences.join(", "));
    Ok(())
}

/// A value with the reference's directory replaced by `lab`.
fn relocated(value: &Value, lab: &Path) -> Value {
    match value {
        Value::String(text) => text.replace(REFERENCE_LAB, &lab.to_string_lossy()).into(),
        other => other.clone(),
    }
}
