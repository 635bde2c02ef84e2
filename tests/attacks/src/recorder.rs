//! `saker record` beside the suite.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::stage::Stage;
use crate::stock;

/// What the recorder says when it looks.
const READY: &str = "recording ";

/// A recorder that looks; dropping it ends it.
#[derive(Debug)]
pub struct Recorder {
    child: Child,
    log: BufReader<ChildStderr>,
    file: PathBuf,
}

impl Recorder {
    /// Begins to record what the stock rules look at into a file of the stage.
    ///
    /// # Errors
    /// When the recorder ends before it looks.
    pub fn start(saker: &Path, stage: &Stage) -> Result<Self> {
        let config = stage.path().join("saker.yaml");
        std::fs::write(&config, stock::options()?.config(stage.path()))?;
        let file = stage.path().join("whole.saker");
        let mut child = Command::new(saker)
            .arg("record")
            .arg("-c")
            .arg(&config)
            .arg("-w")
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| saker.display().to_string())?;
        let log = BufReader::new(child.stderr.take().context("no pipe")?);
        let mut recorder = Self { child, log, file };
        let mut line = String::new();
        while !line.starts_with(READY) {
            line.clear();
            let read = recorder.log.read_line(&mut line)?;
            ensure!(read != 0, "the recorder has ended");
            eprint!("{line}");
        }
        Ok(recorder)
    }

    /// Ends the recording; where it is and what the recorder said of it.
    ///
    /// # Errors
    /// When the recorder failed.
    pub fn stop(mut self) -> Result<(PathBuf, String)> {
        let ended = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()?;
        ensure!(ended.success(), "kill: {ended}");
        let mut rest = String::new();
        self.log.read_to_string(&mut rest)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the recorder: {status}: {rest}");
        Ok((self.file.clone(), rest))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It has ended already when it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
