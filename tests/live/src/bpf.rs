//! What is loaded into the kernel, seen from outside the agent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How the names of the agent's programs begin.
const PREFIX: &str = "saker_";
/// The kernel frees programs some time after their last user is gone.
const FREE_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks.
const FREE_POLL: Duration = Duration::from_millis(20);

/// Waits until the kernel holds no program of an agent that no process has a descriptor of: what an
/// agent that has ended left behind. Agents that others run meanwhile do not count.
///
/// # Errors
/// When something is left, or bpftool cannot be run.
pub fn wait_no_orphans() -> Result<()> {
    let deadline = Instant::now() + FREE_LIMIT;
    loop {
        // First the programs, then the holders: what an agent loads in between is in neither.
        let programs = loaded_programs()?;
        let held = held_by_processes()?;
        let orphans: Vec<_> = programs
            .iter()
            .filter(|(id, _)| !held.contains(id))
            .collect();
        if orphans.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("in the kernel, and nobody's: {orphans:?}");
        }
        std::thread::sleep(FREE_POLL);
    }
}

/// Ids and names of all agents' programs that the kernel holds.
fn loaded_programs() -> Result<Vec<(u64, String)>> {
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
    let named = programs.iter().filter_map(|program| {
        let name = program["name"]
            .as_str()
            .filter(|name| name.starts_with(PREFIX))?;
        Some((program["id"].as_u64()?, name.to_owned()))
    });
    Ok(named.collect())
}

/// Ids of the programs that any process holds, by themselves or through a link.
fn held_by_processes() -> Result<BTreeSet<u64>> {
    let mut held = BTreeSet::new();
    for process in fs::read_dir("/proc")? {
        let name = process?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            held.extend(held_by(pid));
        }
    }
    Ok(held)
}

/// Ids of the programs that a process holds; none when it has ended.
pub fn held_by(pid: u32) -> BTreeSet<u64> {
    let directory = format!("/proc/{pid}/fd");
    let Ok(descriptors) = fs::read_dir(directory) else {
        return BTreeSet::new();
    };
    let paths = descriptors.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter_map(|path| program_of(&path)).collect()
}

/// The program behind one descriptor, `/proc/PID/fd/N`.
fn program_of(descriptor: &Path) -> Option<u64> {
    let kind = fs::read_link(descriptor).ok()?;
    kind.to_str()
        .filter(|kind| kind.starts_with("anon_inode:bpf"))?;
    let number = descriptor.file_name()?;
    let info = descriptor.parent()?.with_file_name("fdinfo").join(number);
    let info = fs::read_to_string(info).ok()?;
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("prog_id:"))?;
    id.trim().parse().ok()
}
