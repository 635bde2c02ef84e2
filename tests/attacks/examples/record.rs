//! `record SAKER GOLDEN`: records the suite's attacks and twins on the host anew (tests/captures/record.sh attacks).

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use saker_tests_attacks::recording::{self, Recorded};
use saker_tests_attacks::run::perform;
use saker_tests_attacks::stage::Stage;
use saker_tests_attacks::stock;

/// What the recorder says when it looks.
const READY: &str = "recording ";

fn main() -> Result<()> {
    let programs: Vec<String> = std::env::args().skip(1).collect();
    let [saker, golden] = &programs[..] else {
        anyhow::bail!("record SAKER GOLDEN");
    };
    let stage = Stage::new()?;
    let config = stage.path().join("saker.yaml");
    std::fs::write(&config, stock::options()?.config(stage.path()))?;
    let whole = stage.path().join("whole.saker");
    let mut recorder = Command::new(saker)
        .arg("record")
        .arg("-c")
        .arg(&config)
        .arg("-w")
        .arg(&whole)
        .stderr(Stdio::piped())
        .spawn()
        .context(saker.clone())?;
    let recorded = record(&mut recorder, &stage);
    // It has ended already when it failed.
    let _ = recorder.kill();
    let _ = recorder.wait();
    let recorded = recorded?;
    let keep = recorded.iter().map(|action| action.ran.session.to_string());
    let kept = Command::new(golden)
        .arg(&whole)
        .arg(recording::capture())
        .args(keep)
        .status()
        .context(golden.clone())?;
    ensure!(kept.success(), "{golden}: {kept}");
    recording::write(&recorded)
}

fn record(recorder: &mut Child, stage: &Stage) -> Result<Vec<Recorded>> {
    let mut log = BufReader::new(recorder.stderr.take().context("no pipe")?);
    let mut line = String::new();
    while !line.starts_with(READY) {
        line.clear();
        ensure!(log.read_line(&mut line)? != 0, "the recorder has ended");
        eprint!("{line}");
    }
    // One after the other: the order in the recording is that of the table.
    let recorded: Result<Vec<_>> = recording::parts()
        .map(|part| {
            let ran = perform(stage, &part.action());
            let ran = ran.with_context(|| format!("{} {}", part.kind(), part.name()))?;
            Ok(Recorded::new(part, ran))
        })
        .collect();
    let ended = Command::new("kill")
        .args(["-INT", &recorder.id().to_string()])
        .status()?;
    ensure!(ended.success(), "kill: {ended}");
    let mut rest = String::new();
    log.read_to_string(&mut rest)?;
    eprint!("{rest}");
    let status = recorder.wait()?;
    ensure!(status.success(), "the recorder: {status}");
    recorded
}
