//! The recording of the suite, replayed with the stock rules: the alerts are those of a live run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use saker_tests_attacks::judge::judge;
use saker_tests_attacks::part::Part;
use saker_tests_attacks::sight::Sights;
use saker_tests_attacks::{recording, reference, stock};
use saker_tests_live::alert::Alert;
use saker_tests_live::{command, host};

/// Least number of rules with an attack in the recording; what the tables say otherwise by now is left out.
const LEAST_RULES: usize = 45;

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_the_recording_raises_the_alerts_of_the_attacks() {
    let rules = stock::load().expect("the stock rules");
    let falco = reference::load().expect("the reference");
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("saker.yaml");
    let options = stock::options().expect("rules");
    std::fs::write(&config, options.config(dir.path())).expect("written");
    let mut printed: Option<String> = None;
    for workers in ["1", "2", "4"] {
        let mut replay = Command::new(host::agent_program().expect("an agent"));
        replay.arg("replay").arg("-c").arg(&config);
        replay
            .args(["--workers", workers])
            .arg(recording::capture());
        let ended = command::run(&mut replay).expect("an end");
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        let first = printed.get_or_insert_with(|| ended.stdout.clone());
        assert!(*first == ended.stdout, "{workers} workers: other alerts");
    }
    let alerts: Result<Vec<_>, _> = printed
        .iter()
        .flat_map(|text| text.lines())
        .map(Alert::parse)
        .collect();
    let alerts = alerts.expect("alerts");
    let (mut failures, mut attacked) = (String::new(), BTreeSet::new());
    for action in recording::actions().expect("actions") {
        let Some(part) = action.part() else { continue };
        if let Part::Attack(attack) = part {
            attacked.insert(attack.rule);
        }
        if let Err(error) = judge(part, &action.ran, &alerts, &rules, &falco, Sights::RECORDED) {
            writeln!(failures, "{} {}: {error:#}", part.kind(), part.name()).expect("text");
        }
    }
    assert!(failures.is_empty(), "{failures}");
    println!("{} rules attacked in the recording", attacked.len());
    assert!(
        attacked.len() >= LEAST_RULES,
        "{}: record anew",
        attacked.len()
    );
}
