//! The suite's recording: what happened on the host while attacks and twins ran, kept with the other golden
//! captures, with who did what.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::part::Part;
use crate::run::Ran;
use crate::sight::Sights;

/// Rules that need more than records: names are looked up where the agent runs.
const NOT_RECORDED: [&str; 1] = ["Detect outbound connections to common miner pool ports"];

/// Rules of which containers are recorded, too: each takes 7 kB, most of it its runtime's work.
const CONTAINERS: [&str; 8] = [
    "Change namespace privileges via unshare",
    "Container Drift Detected (chmod)",
    "Container Drift Detected (open+create)",
    "Drop and execute new binary in container",
    "Launch Excessively Capable Container",
    "Launch Package Management Process in Container",
    "Terminal shell in container",
    "Write below rpm database",
];

/// An action in the recording.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    kind: String,
    name: String,
    script: String,
    /// How it ran.
    pub ran: Ran,
}

impl Recorded {
    /// That `part` ran.
    pub fn new(part: Part, ran: Ran) -> Self {
        Self {
            kind: part.kind().to_owned(),
            name: part.name().to_owned(),
            script: part.action().script.to_owned(),
            ran,
        }
    }

    /// What it is to the suite as it is now; `None` when the tables say something else by now.
    pub fn part(&self) -> Option<Part> {
        parts().find(|part| {
            (part.kind(), part.name(), part.action().script)
                == (&*self.kind, &*self.name, &*self.script)
        })
    }
}

/// What belongs into a recording: what happens on the host, by processes of the suite alone, and in some containers.
pub fn parts() -> impl Iterator<Item = Part> {
    Part::all().filter(|part| {
        let here = !part.action().place.is_container() || CONTAINERS.contains(&part.name());
        let seen = part.missing(Sights::RECORDED).is_none();
        here && seen && !matches!(part, Part::Waiting(_)) && !NOT_RECORDED.contains(&part.name())
    })
}

/// The directory of the recording.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/attacks")
}

/// The capture.
pub fn capture() -> PathBuf {
    directory().join("attacks.saker")
}

fn list() -> PathBuf {
    directory().join("actions.json")
}

/// Who did what in it.
///
/// # Errors
/// When the list cannot be read.
pub fn actions() -> Result<Vec<Recorded>> {
    let path = list();
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// Writes the list.
///
/// # Errors
/// When it cannot be written.
pub fn write(actions: &[Recorded]) -> Result<()> {
    let path = list();
    let text = serde_json::to_string_pretty(actions)? + "\n";
    fs::write(&path, text).with_context(|| path.display().to_string())
}
