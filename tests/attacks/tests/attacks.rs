//! Every stock rule against its attack, its twin, and Falco's own alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use saker_tests_attacks::attack::{Action, Attack, Place};
use saker_tests_attacks::compare::EXTRA_FIELDS;
use saker_tests_attacks::run::{Ran, perform};
use saker_tests_attacks::silent::{SILENT, Silent};
use saker_tests_attacks::stage::Stage;
use saker_tests_attacks::stock::Rule;
use saker_tests_attacks::table::attacks;
use saker_tests_attacks::waiting::WAITING;
use saker_tests_attacks::{compare, container, reference, stock};
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::alert::Alert;
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::{command, host};
use serde_json::json;

/// Longest wait for the alerts of all attacks once the last action has ended.
const ALERT_LIMIT: Duration = Duration::from_secs(10);
/// Actions at a time; most of their time they wait for each other's processes.
const ACTORS: usize = 4;
/// Least number of rules that must be detected.
const LEAST_DETECTED: usize = 75;

/// What an action is to the suite.
#[derive(Debug, Clone, Copy)]
enum Part {
    Attack(&'static Attack),
    Twin(&'static Attack),
    /// Harmless.
    Silent(&'static Silent),
    /// Of a rule that waits.
    Waiting(&'static str),
}

impl Part {
    fn kind(self) -> &'static str {
        match self {
            Self::Attack(_) => "attack on",
            Self::Twin(_) => "twin of the attack on",
            Self::Silent(_) => "what should raise nothing:",
            Self::Waiting(_) => "what should raise",
        }
    }

    /// The rule, or what it is.
    fn name(self) -> &'static str {
        match self {
            Self::Attack(attack) | Self::Twin(attack) => attack.rule,
            Self::Silent(silent) => silent.what,
            Self::Waiting(rule) => rule,
        }
    }
}

/// An action and how it went.
type Done = (Part, Place, Result<Ran>);

/// Everything there is to perform.
fn parts() -> Vec<(Part, Action)> {
    let attacks = attacks().flat_map(|attack| {
        [
            (Part::Attack(attack), attack.action),
            (Part::Twin(attack), attack.twin),
        ]
    });
    let waiting = WAITING
        .iter()
        .map(|waiting| (Part::Waiting(waiting.rule), waiting.action));
    let silent = SILENT
        .iter()
        .map(|silent| (Part::Silent(silent), silent.action));
    let mut parts: Vec<_> = attacks.chain(silent).chain(waiting).collect();
    // The slow ones first: the others go on beside them.
    parts.sort_by_key(|(_, action)| !action.script.contains("lateread"));
    parts
}

/// Performs all actions, several at a time.
fn perform_all(stage: &Stage) -> Vec<Done> {
    let (parts, next) = (parts(), AtomicUsize::new(0));
    let actor = || {
        let mut done = Vec::new();
        while let Some((part, action)) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*part, action.place, perform(stage, action)));
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

/// An agent with all stock rules, those that are disabled by default as well.
fn options() -> Result<Options> {
    let additions = json!([
        {"match": {"source": "syscall"}, "suggested_output": true},
        {"match": {"source": "syscall"}, "extra_fields": EXTRA_FIELDS},
    ]);
    Ok(Options::rules(stock::files()?)
        .set("rules", json!([{"enable": {"rule": "*"}}]))
        .set("rule_matching", "all".into())
        .set("append_output", additions)
        .set("json_include_message_property", true.into()))
}

/// Waits until every attack has as many alerts as it should, or the time is over.
fn wait_for_alerts(agent: &Agent, done: &[Done]) {
    let deadline = Instant::now() + ALERT_LIMIT;
    for (part, _, ran) in done {
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

/// Alerts in short, for messages.
fn told(alerts: &[&Alert]) -> String {
    let line = |alert: &&Alert| {
        let field = |name| alert.field(name).unwrap_or_default();
        format!(
            "\n    [{}] {} by {} below {}, file {}",
            alert.rule(),
            field("evt.type"),
            field("proc.cmdline"),
            field("proc.pname"),
            field("fd.name")
        )
    };
    alerts.iter().map(line).collect()
}

/// Compares the alerts of one action with what it must raise.
fn judge(
    part: Part,
    place: Place,
    ran: &Ran,
    all: &[Alert],
    rules: &BTreeMap<String, Rule>,
    falco: &reference::Reference,
) -> Result<()> {
    let own: Vec<&Alert> = all.iter().filter(|alert| ran.owns(alert)).collect();
    let mut allowed: BTreeSet<&str> = container::raises(place).iter().copied().collect();
    match part {
        Part::Waiting(rule) => {
            ensure!(
                own.iter().all(|alert| alert.rule() != rule),
                "raises an alert now: move it from the waiting rules to a table"
            );
            return Ok(());
        }
        Part::Twin(_) => {}
        Part::Silent(silent) => allowed.extend(silent.by_given),
        Part::Attack(attack) => {
            allowed.insert(attack.rule);
            allowed.extend(attack.also);
        }
    }
    let raised: BTreeSet<&str> = own.iter().map(|alert| alert.rule()).collect();
    let list = || told(&own);
    ensure!(
        raised == allowed,
        "alerts of {:?} are missing, of {:?} too much: {}",
        allowed.difference(&raised).collect::<Vec<_>>(),
        raised.difference(&allowed).collect::<Vec<_>>(),
        list()
    );
    let Part::Attack(attack) = part else {
        return Ok(());
    };
    let its: Vec<_> = own
        .iter()
        .filter(|alert| alert.rule() == attack.rule)
        .collect();
    ensure!(
        its.len() == attack.times,
        "{} alerts, not {}: {}",
        its.len(),
        attack.times,
        list()
    );
    for alert in its {
        compare::compare(alert, &rules[attack.rule], attack, ran)?;
    }
    attack.reference.map_or(Ok(()), |reference| {
        reference::compare(&own, falco, reference, ran)
    })
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
    let agent = Agent::start(&options().expect("rules")).expect("an agent");
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
    let options = options().expect("rules").hosts(stage.hosts());
    let agent = Agent::start(&options).expect("an agent");
    let begin = Instant::now();
    let done = perform_all(&stage);
    wait_for_alerts(&agent, &done);
    let took = begin.elapsed();
    let trouble = agent.trouble();
    let alerts = stop_cleanly(agent).expect("a clean end").alerts;
    let (mut failures, mut failed) = (String::new(), BTreeSet::new());
    for (part, place, ran) in &done {
        let result = match ran {
            Ok(ran) => judge(*part, *place, ran, &alerts, &rules, &falco),
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
