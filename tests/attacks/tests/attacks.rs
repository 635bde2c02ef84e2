//! Every stock rule against its attack, its twin, and Falco's own alerts.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use saker_tests_attacks::judge::judge;
use saker_tests_attacks::part::Part;
use saker_tests_attacks::run::{Ran, perform};
use saker_tests_attacks::stage::Stage;
use saker_tests_attacks::table::attacks;
use saker_tests_attacks::waiting::WAITING;
use saker_tests_attacks::{reference, stock};
use saker_tests_live::agent::Agent;
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::{command, host};

/// Longest wait for the alerts of all attacks once the last action has ended.
const ALERT_LIMIT: Duration = Duration::from_secs(10);
/// Actions at a time; most of their time they wait for each other's processes.
const ACTORS: usize = 4;
/// Least number of rules that must be detected.
const LEAST_DETECTED: usize = 75;

/// What was done, and how it went.
type Done = (Part, Result<Ran>);

/// Everything there is to perform.
fn parts() -> Vec<Part> {
    let mut parts: Vec<_> = Part::all().collect();
    // The slow ones first: the others go on beside them.
    parts.sort_by_key(|part| !part.action().script.contains("lateread"));
    parts
}

/// Performs all actions, several at a time.
fn perform_all(stage: &Stage) -> Vec<Done> {
    let (parts, next) = (parts(), AtomicUsize::new(0));
    let actor = || {
        let mut done = Vec::new();
        while let Some(&part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((part, perform(stage, &part.action())));
        }
        done
    };
    std::thread::scope(|scope| {
        let actors: Vec<_> = (0..ACTORS).map(|_| scope.spawn(actor)).collect();
        actors
            .into_iter()
            .flat_map(|actor| actor.join().expect("an actor"))
            .collect()
    })
}

/// Waits until every attack has as many alerts as it should, or the time is over.
fn wait_for_alerts(agent: &Agent, done: &[Done]) {
    let deadline = Instant::now() + ALERT_LIMIT;
    for (part, ran) in done {
        let (Part::Attack(attack), Ok(ran)) = (part, ran) else {
            continue;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let count = std::cell::Cell::new(0);
        agent.wait_alert(left, |alert| {
            if alert.rule() == attack.rule && ran.owns(alert) {
                count.set(count.get() + 1);
            }
            count.get() == attack.times
        });
    }
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_every_stock_rule_is_attacked_or_waits() {
    let rules = stock::load().expect("the stock rules");
    let attacked: BTreeSet<&str> = attacks().map(|attack| attack.rule).collect();
    let waiting: BTreeSet<&str> = WAITING.iter().map(|waiting| waiting.rule).collect();
    let known: BTreeSet<&str> = attacked.union(&waiting).copied().collect();
    let stock: BTreeSet<&str> = rules.keys().map(String::as_str).collect();
    assert_eq!(known, stock);
    assert!(attacked.len() >= LEAST_DETECTED, "{}", attacked.len());
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_the_stock_rules_load_unmodified() {
    let mut check = Command::new(host::agent_program().expect("an agent"));
    check.arg("check").args(stock::files().expect("files"));
    let ended = command::run(&mut check).expect("an end");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let rules = stock::load().expect("the stock rules").len();
    assert!(
        ended
            .stdout
            .contains(&format!("{rules} rule(s) in 3 file(s)")),
        "{ended:?}"
    );
    let agent = Agent::start(&stock::options().expect("rules")).expect("an agent");
    let active = format!("rules: {rules} of {rules} active, 0 disabled, 0 skipped");
    assert!(agent.stderr().contains(&active), "{:#?}", agent.stderr());
    stop_cleanly(agent).expect("a clean end");
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_attacks_are_detected_and_twins_are_not() {
    let rules = stock::load().expect("the stock rules");
    let falco = reference::load().expect("the reference");
    let stage = Stage::new().expect("a stage");
    let options = stock::options().expect("rules").hosts(stage.hosts());
    let agent = Agent::start(&options).expect("an agent");
    let begin = Instant::now();
    let done = perform_all(&stage);
    wait_for_alerts(&agent, &done);
    let took = begin.elapsed();
    let trouble = agent.trouble();
    let alerts = stop_cleanly(agent).expect("a clean end").alerts;
    let (mut failures, mut failed) = (String::new(), BTreeSet::new());
    for (part, ran) in &done {
        let result = match ran {
            Ok(ran) => judge(*part, ran, &alerts, &rules, &falco),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        if let Err(error) = result {
            failed.insert(part.name());
            writeln!(failures, "{} {}: {error:#}", part.kind(), part.name()).expect("text");
        }
    }
    let attacked: BTreeSet<&str> = attacks().map(|attack| attack.rule).collect();
    println!(
        "{} of {} rules detected as they must be; {took:?}",
        attacked.difference(&failed).count(),
        rules.len()
    );
    for waiting in WAITING {
        println!("waiting: {}: {}", waiting.rule, waiting.reason);
    }
    assert!(failures.is_empty(), "{failures}\n{trouble}");
}
