//! `record SAKER GOLDEN`: records the suite's attacks and twins on the host anew (tests/captures/record.sh attacks).

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use saker_tests_attacks::recorder::Recorder;
use saker_tests_attacks::recording::{self, Recorded};
use saker_tests_attacks::run::perform;
use saker_tests_attacks::stage::Stage;

fn main() -> Result<()> {
    let programs: Vec<String> = std::env::args().skip(1).collect();
    let [saker, golden] = &programs[..] else {
        anyhow::bail!("record SAKER GOLDEN");
    };
    let stage = Stage::new()?;
    let recorder = Recorder::start(Path::new(saker), &stage)?;
    // One after the other: the order in the recording is that of the table.
    let recorded: Result<Vec<_>> = recording::parts()
        .map(|part| {
            let ran = perform(&stage, &part.action());
            let ran = ran.with_context(|| format!("{} {}", part.kind(), part.name()))?;
            Ok(Recorded::new(part, ran))
        })
        .collect();
    let recorded = recorded?;
    let (whole, log) = recorder.stop()?;
    eprint!("{log}");
    let keep = recorded.iter().map(|action| action.ran.session.to_string());
    if recording::capture().exists() {
        std::fs::remove_file(recording::capture())?;
    }
    let kept = Command::new(golden)
        .arg(&whole)
        .arg(recording::capture())
        .args(keep)
        .status()
        .context(golden.clone())?;
    ensure!(kept.success(), "{golden}: {kept}");
    recording::write(&recorded)
}
