//! Ordinary work ([`saker_tests_attacks::busy`]), recorded once and replayed with the stock rules and either
//! `path_identity`: real names raise what names as given raise, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use saker_tests_attacks::busy::{CONTROL, PACKAGES, WORK, Work};
use saker_tests_attacks::recorder::Recorder;
use saker_tests_attacks::run::{Ran, perform};
use saker_tests_attacks::stage::Stage;
use saker_tests_attacks::stock;
use saker_tests_live::alert::Alert;
use saker_tests_live::host;

/// Set where the work may change the host: in guests.
const ALLOWED: &str = "SAKER_TEST_BUSY";
/// For part of it, as in attacks.rs; the control is always done.
const ONLY: &str = "SAKER_TEST_ATTACKS";

/// What tells the alerts of one recording apart: rule, time of the event.
type Key = (String, String);

/// Alerts of the recording by [`Key`].
fn replay(capture: &Path, stage: &Stage, identity: &str) -> Result<BTreeMap<Key, Alert>> {
    let options = stock::options()?.set("path_identity", identity.into());
    let config = stage.path().join(format!("{identity}.yaml"));
    std::fs::write(&config, options.config(stage.path()))?;
    let output = Command::new(host::agent_program()?)
        .arg("replay")
        .arg("-c")
        .arg(&config)
        .arg(capture)
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{identity}: {errors}");
    let text = String::from_utf8(output.stdout)?;
    let mut alerts = BTreeMap::new();
    for line in text.lines() {
        let alert = Alert::parse(line)?;
        let time = alert.field("evt.time").context("no time")?;
        let key = (alert.rule().to_owned(), time);
        ensure!(alerts.insert(key, alert).is_none(), "twice: {line}");
    }
    Ok(alerts)
}

/// The work that an alert is of.
fn work_of(alert: &Alert, done: &[(&'static Work, Ran)]) -> Option<&'static Work> {
    let mut done = done.iter();
    done.find(|(_, ran)| ran.owns(alert)).map(|(work, _)| *work)
}

/// A work's name; alerts may be of nobody's work.
fn name(work: Option<&Work>) -> &'static str {
    work.map_or("something else on the host", |work| work.what)
}

#[test]
#[ignore = "changes the host; for guests: make vm-attacks"]
fn real_names_raise_nothing_more_of_ordinary_work() {
    assert!(
        std::env::var_os(ALLOWED).is_some(),
        "installs packages, adds users and more: make vm-attacks does so in a guest"
    );
    assert!(Path::new(PACKAGES).is_dir(), "no {PACKAGES}");
    let only = std::env::var(ONLY).unwrap_or_default();
    let about = |work: &&Work| work.what.contains(&only) || work.action.script.contains(&only);
    let program = host::agent_program().expect("an agent");
    let stage = Stage::new().expect("a stage");
    let recorder = Recorder::start(&program, &stage).expect("a recorder");
    let (mut done, mut failures) = (Vec::new(), String::new());
    for work in WORK.iter().filter(about).chain([&CONTROL]) {
        match perform(&stage, &work.action) {
            Ok(ran) => done.push((work, ran)),
            Err(error) => writeln!(failures, "{}: {error:#}", work.what).expect("text"),
        }
    }
    let (capture, log) = recorder.stop().expect("a recording");
    println!("{}", log.trim());
    let given = replay(&capture, &stage, "given").expect("alerts");
    let any = replay(&capture, &stage, "any").expect("alerts");

    let mut counts: BTreeMap<_, u32> = BTreeMap::new();
    for alert in given.values() {
        let work = name(work_of(alert, &done));
        *counts.entry((work, alert.rule())).or_default() += 1;
    }
    for ((work, rule), count) in counts {
        println!("by given names, {work}: {count} of {rule}");
    }
    for (key, alert) in given.iter().filter(|(key, _)| !any.contains_key(key)) {
        let work = name(work_of(alert, &done));
        writeln!(failures, "{work}: {key:?} by given names alone").expect("text");
    }
    let mut explained = BTreeSet::new();
    for (key, alert) in any.iter().filter(|(key, _)| !given.contains_key(key)) {
        let work = work_of(alert, &done);
        let known = work.is_some_and(|work| {
            let mut rules = work.explained.iter();
            rules.any(|(rule, _)| *rule == key.0)
        });
        if known {
            explained.insert((name(work), key.0.as_str()));
        } else {
            writeln!(failures, "{}: {}", name(work), alert.json).expect("text");
        }
    }
    for (work, _) in &done {
        for (rule, reason) in work.explained {
            println!("by real names, {}: {rule}: {reason}", work.what);
            if !explained.contains(&(work.what, *rule)) {
                writeln!(failures, "{}: no alert of {rule}", work.what).expect("text");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    println!(
        "{} works, {} alerts by given names, {} more by real names, all explained",
        done.len(),
        given.len(),
        any.len() - given.len()
    );
}
