//! What is loaded into the kernel, seen from outside the agent.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// How the agent's programs begin.
const PREFIX: &str = "saker_";

/// Names of the agent's programs that the kernel holds, whoever keeps them.
///
/// # Errors
/// When bpftool cannot be run.
pub fn loaded_programs() -> Result<Vec<String>> {
    let output = Command::new("bpftool")
        .args(["prog", "show", "--json"])
        .output()
        .context("cannot run bpftool (packaging/install-build-deps.sh installs it)")?;
    ensure!(
        output.status.success(),
        "bpftool: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let all: Value = serde_json::from_slice(&output.stdout).context("bpftool's JSON")?;
    let programs = all.as_array().context("bpftool's list of programs")?;
    let names = programs
        .iter()
        .filter_map(|program| program["name"].as_str());
    Ok(names
        .filter(|name| name.starts_with(PREFIX))
        .map(str::to_owned)
        .collect())
}
