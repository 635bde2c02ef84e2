//! Comparison with what Falco itself printed for the same actions.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use saker_tests_live::alert::Alert;
use saker_tests_live::host;
use serde_json::Value;

use crate::compare::is_own;
use crate::run::Ran;

/// Where the reference's actors were.
const REFERENCE_LAB: &str = "/tmp/lab";
/// Fields that depend on the run or on who started the actor.
const VARYING: [&str; 8] = [
    "evt.time",
    "container.id",
    "container.start_ts",
    "proc.pname",
    "proc.pcmdline",
    "proc.pexe",
    "proc.sname",
    "proc.cwd",
];

/// The reference alerts by action; all three rules files were loaded, without the rules they leave disabled.
pub type Reference = BTreeMap<String, Vec<Value>>;

/// Reads them.
///
/// # Errors
/// When there is no compatibility data.
pub fn load() -> Result<Reference> {
    let path = host::compat_data()?.join("falco-alerts/reference.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let actions: Vec<Value> = serde_json::from_str(&text)?;
    let entry = |action: Value| {
        let name = action["name"].as_str().context("no name")?.to_owned();
        let alerts = action["alerts_all_rules"].as_array();
        Ok((name, alerts.context("no alerts")?.clone()))
    };
    actions.into_iter().map(entry).collect()
}

/// Compares the alerts of an attack with the reference's for its action: each that Falco gave must be there, as
/// often, and say the same but for the fields and rules in `differing`.
///
/// # Errors
/// When one is missing or differs.
pub fn compare(
    alerts: &[&Alert],
    reference: &Reference,
    (name, differing): (&str, &[&str]),
    ran: &Ran,
) -> Result<()> {
    let expected = reference.get(name).context("no such action")?;
    let count = |rule: &Value| {
        alerts
            .iter()
            .filter(|alert| alert.json["rule"] == *rule)
            .count()
    };
    let ours = |want: &&Value| {
        want["rule"]
            .as_str()
            .is_none_or(|rule| !differing.contains(&rule))
    };
    for want in expected.iter().filter(ours) {
        let times = expected
            .iter()
            .filter(|other| other["rule"] == want["rule"])
            .count();
        ensure!(
            count(&want["rule"]) == times,
            "{} alerts {}, not {times} as Falco's",
            count(&want["rule"]),
            want["rule"]
        );
        let got: Vec<_> = alerts
            .iter()
            .filter(|alert| alert.json["rule"] == want["rule"])
            .collect();
        for alert in got {
            same(&alert.json, want, differing, ran)?;
        }
    }
    Ok(())
}

fn same(got: &Value, want: &Value, differing: &[&str], ran: &Ran) -> Result<()> {
    for key in ["rule", "priority", "source", "tags"] {
        ensure!(
            got[key] == want[key],
            "{key} is {}, Falco's {}",
            got[key],
            want[key]
        );
    }
    let properties = |json: &Value| -> Vec<String> {
        let map = json.as_object();
        map.into_iter()
            .flat_map(|map| map.keys().cloned())
            .filter(|key| !is_own(key))
            .collect()
    };
    ensure!(
        properties(got) == properties(want),
        "properties {:?}, Falco's {:?}",
        properties(got),
        properties(want)
    );
    let rule = &want["rule"];
    let (got, want) = (&got["output_fields"], &want["output_fields"]);
    ensure!(
        properties(got) == properties(want),
        "fields {:?}, Falco's {:?}",
        properties(got),
        properties(want)
    );
    let mut wrong = Vec::new();
    for key in properties(want) {
        if VARYING.contains(&key.as_str())
            || key.starts_with("proc.aname[")
            || differing.contains(&key.as_str())
        {
            continue;
        }
        let value = relocated(&want[&key], ran);
        if got[&key] != value {
            wrong.push(format!("{key} is {}, Falco's {value}", got[&key]));
        }
    }
    ensure!(wrong.is_empty(), "{rule}: {}", wrong.join(", "));
    Ok(())
}

/// A value with the reference's directory replaced by the laboratory's.
fn relocated(value: &Value, ran: &Ran) -> Value {
    match value {
        Value::String(text) => text
            .replace(REFERENCE_LAB, &ran.lab.to_string_lossy())
            .into(),
        other => other.clone(),
    }
}
