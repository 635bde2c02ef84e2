//! Runs of the agent's program that are expected to end by themselves.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;

/// Longest run.
const LIMIT: Duration = Duration::from_secs(120);

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `command` to its end.
///
/// # Errors
/// When it cannot be started or does not end within [`LIMIT`]; what it printed is in the error.
pub fn run(command: &mut Command) -> Result<Ended> {
    // Files, not pipes: nobody reads while it runs.
    let dir = tempfile::tempdir()?;
    let (stdout, stderr) = (dir.path().join("stdout"), dir.path().join("stderr"));
    command
        .stdin(Stdio::null())
        .stdout(fs::File::create(&stdout)?);
    command.stderr(fs::File::create(&stderr)?);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let result = process::wait(&mut child, LIMIT);
    let text = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (stdout, stderr) = (text(&stdout)?, text(&stderr)?);
    let status = result.with_context(|| format!("{command:?} printed {stdout}\n{stderr}"))?;
    Ok(Ended {
        status: status.code(),
        stdout,
        stderr,
    })
}
