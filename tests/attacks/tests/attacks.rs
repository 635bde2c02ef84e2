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
use saker_tests_attacks::sight::{Sight, Sights};
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

/// For part of the suite: see [`Part::is_about`].
const ONLY_VARIABLE: &str = "SAKER_TEST_ATTACKS";

/// What was done, and how it went.
type Done = (Part, Result<Ran>);

/// Everything there is to perform. Kernels without what rings need do not know all of their requests.
fn parts(sights: Sights) -> Vec<Part> {
    let only = std::env::var(ONLY_VARIABLE).unwrap_or_default();
    let mut parts: Vec<_> = Part::all()
        .filter(|part| {
            let missing = part.missing(sights);
            !matches!(missing, Some(Sight::Rings | Sight::NewRings))
        })
        .filter(|part| part.is_about(&only))
        .collect();
    // The slow ones first: the others go on beside them.
    parts.sort_by_key(|part| !part.action().script.contains("lateread"));
    parts
}

/// Performs all actions, several at a time.
fn perform_all(stage: &Stage, sights: Sights) -> Vec<Done> {
    let (parts, next) = (parts(sights), AtomicUsize::new(0));
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
fn wait_for_alerts(agent: &Agent, done: &[Done], sights: Sights) {
    let deadline = Instant::now() + ALERT_LIMIT;
    for (part, ran) in done {
        let (Part::Attack(attack), Ok(ran)) = (part, ran) else {
            continue;
        };
        if sights.missing(attack).is_some() {
            continue;
        }
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

/// Counts of a run, in one line.
fn summary(done: &[Done], failed: &BTreeSet<&str>, sights: Sights, rules: usize) -> String {
    let seen: Vec<Part> = done.iter().map(|(part, _)| *part).collect();
    let performed = seen.iter().filter(|part| match part {
        Part::Attack(attack) => sights.missing(attack).is_none(),
        _ => false,
    });
    let detected: BTreeSet<&str> = performed.clone().map(|part| part.name()).collect();
    let twins = seen.iter().filter(|part| matches!(part, Part::Twin(_)));
    format!(
        "{} of {rules} rules detected as they must be, by {} attacks of {}; {} twins",
        detected.difference(failed).count(),
        performed.count(),
        attacks().count(),
        twins.count()
    )
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
    let sights = Sights::of(&agent).expect("what the driver sees");
    let begin = Instant::now();
    let done = perform_all(&stage, sights);
    assert!(!done.is_empty(), "{ONLY_VARIABLE}: nothing is about that");
    wait_for_alerts(&agent, &done, sights);
    let took = begin.elapsed();
    let trouble = agent.trouble();
    let alerts = stop_cleanly(agent).expect("a clean end").alerts;
    let (mut failures, mut failed) = (String::new(), BTreeSet::new());
    for (part, ran) in &done {
        let result = match ran {
            Ok(ran) => judge(*part, ran, &alerts, &rules, &falco, sights),
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        if let Err(error) = result {
            failed.insert(part.name());
            writeln!(failures, "{} {}: {error:#}", part.kind(), part.name()).expect("text");
        }
    }
    println!("{}", summary(&done, &failed, sights, rules.len()));
    println!("{took:?}");
    for attack in attacks() {
        if let Some(sight) = sights.missing(attack) {
            let script = attack.action.script.replace('\n', "; ");
            println!(
                "not seen here, {}: {}: {script}",
                sight.needs(),
                attack.rule
            );
        }
    }
    for waiting in WAITING {
        println!("waiting: {}: {}", waiting.rule, waiting.reason);
    }
    assert!(failures.is_empty(), "{failures}\n{trouble}");
}
