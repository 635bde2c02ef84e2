//! From the start to the end of an agent: what it says, what it serves, how it goes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::driver::Driver;
use saker_tests_live::lab::Lab;
use saker_tests_live::metrics::Page;
use saker_tests_live::{command, host};
use serde_json::Value;

/// Longest wait for an alert.
const ALERT_LIMIT: Duration = Duration::from_secs(5);
/// Actions just before a signal.
const LAST_ACTIONS: usize = 50;
const SHADOW_RULE: &str = "Password hashes read by an unusual program";

/// What `saker` with `arguments` prints on standard output, with status 0.
fn printed(arguments: &[&str]) -> String {
    let program = host::agent_program().expect("an agent");
    let ended = command::run(Command::new(program).args(arguments)).expect("an end");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ended.stdout
}

#[test]
fn signals_drain_and_detach() {
    for signal in [Signal::TERM, Signal::INT] {
        let agent = Agent::start(&Options::default_rules()).expect("an agent");
        assert!(Driver::tested().used_by(agent.pid()));
        let lab = Lab::new().expect("a laboratory");
        let script =
            format!("i=0; while [ $i -lt {LAST_ACTIONS} ]; do i=$((i + 1)); : < /etc/shadow; done");
        let session = action::run(&lab, &script).expect("an action").session;
        // At once: what happened before the signal is still reported.
        let stopped = agent.stop_by(signal).expect("an end");
        assert_eq!(stopped.status, Some(0), "{signal:?}: {:#?}", stopped.stderr);
        let seen = stopped
            .alerts
            .iter()
            .filter(|alert| alert.session() == Some(session))
            .count();
        assert_eq!(seen, LAST_ACTIONS, "{signal:?}: {:#?}", stopped.stderr);
        Driver::tested().wait_nothing_left().expect("nothing left");
        let log = stopped.stderr.join("\n");
        assert!(log.contains("Events handled"), "no summary: {log}");
    }
}

#[test]
fn a_killed_agent_leaves_nothing_behind() {
    let agent = Agent::start(&Options::default_rules()).expect("an agent");
    let stopped = agent.stop_by(Signal::KILL).expect("an end");
    assert_eq!(stopped.status, None);
    Driver::tested().wait_nothing_left().expect("nothing left");
}

#[test]
fn the_first_lines_tell_what_runs() {
    let agent = Agent::start(&Options::default_rules()).expect("an agent");
    // The last of them comes when the agent is ready, which says so at the same moment elsewhere.
    let last = agent.wait_line(ALERT_LIMIT, "cat /etc/shadow");
    let lines = agent.stderr();
    assert!(last.is_some(), "{lines:#?}");
    let line = |start: &str| lines.iter().find(|line| line.starts_with(start));
    assert!(line("saker ").is_some(), "{lines:#?}");
    assert!(
        line(&format!("driver: {} (", Driver::tested().name())).is_some(),
        "{lines:#?}"
    );
    assert!(
        line("rules: ").is_some_and(|line| line.contains("active")),
        "{lines:#?}"
    );
    assert!(
        line("events: ").is_some_and(|line| line.contains("execve")),
        "{lines:#?}"
    );
    let address = format!("http://{}/metrics", agent.address());
    assert!(
        line("metrics: ").is_some_and(|line| line.contains(&address)),
        "{lines:#?}"
    );
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn pages_are_served() {
    let agent = Agent::start(&Options::default_rules()).expect("an agent");
    for path in ["/healthz", "/readyz"] {
        let answer = agent.get(path).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let versions = agent.get("/versions").expect("an answer");
    let versions: Value = serde_json::from_str(&versions.body).expect("JSON");
    for key in ["saker_version", "abi_version", "engine_version"] {
        assert!(!versions[key].is_null(), "{key}: {versions}");
    }
    let ready = agent.get("/readyz").expect("an answer");
    let ready: Value = serde_json::from_str(&ready.body).expect("JSON");
    assert_eq!(ready["driver"], Driver::tested().name());
    assert_eq!(agent.get("/nothing").expect("an answer").status, 404);
    stop_cleanly(agent).expect("a clean end");
}

/// Names in the tables of docs/metrics.md.
fn documented_metrics() -> Vec<String> {
    let text = fs::read_to_string(host::source_root().join("docs/metrics.md")).expect("docs");
    let cells = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `saker_"));
    cells
        .filter_map(|cell| Some(format!("saker_{}", cell.split_once('`')?.0)))
        .collect()
}

#[test]
fn metrics_are_those_documented_and_they_count() {
    let options = Options::default_rules().set("rules_profile", true.into());
    let agent = Agent::start(&options).expect("an agent");
    let lab = Lab::new().expect("a laboratory");
    let session = action::run(&lab, ": < /etc/shadow")
        .expect("an action")
        .session;
    let ours = agent.wait_alert(ALERT_LIMIT, |alert| alert.session() == Some(session));
    assert!(ours.is_some(), "{:#?}", agent.stderr());

    let answer = agent.get("/metrics").expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(
        answer.headers.contains("text/plain; version=0.0.4"),
        "{}",
        answer.headers
    );
    let page = Page::parse(&answer.body).expect("a page");
    let documented = documented_metrics();
    assert!(documented.len() > 20, "{documented:?}");
    for name in page.types.keys() {
        assert!(
            documented.contains(name),
            "{name} is not in docs/metrics.md"
        );
    }
    for name in &documented {
        // Only series that are not zero: none, if all is well.
        let may_be_absent = matches!(
            name.as_str(),
            "saker_dropped_total"
                | "saker_alert_queue_dropped_total"
                // Of one driver alone.
                | "saker_ebpf_missed_total"
                | "saker_uring_forgotten_total"
                | "saker_kmod_missed_total"
        );
        assert!(
            may_be_absent || page.types.contains_key(name),
            "{name} is not served"
        );
    }
    for (name, labels) in [
        ("saker_events_total", &[("type", "openat")][..]),
        ("saker_events_total", &[("type", "execve")]),
        ("saker_evaluated_total", &[]),
        ("saker_produced_total", &[]),
        (
            "saker_alerts_total",
            &[("rule", SHADOW_RULE), ("priority", "Warning")],
        ),
        ("saker_kernel_to_worker_seconds_count", &[]),
        ("saker_rules", &[("state", "active")]),
        (
            "saker_driver_info",
            &[
                ("driver", Driver::tested().name()),
                ("reason", Driver::tested().reason()),
            ],
        ),
        ("saker_events_total", &[("type", "canary")]),
        ("saker_ring_size_bytes", &[]),
        ("saker_resident_memory_bytes", &[]),
        ("saker_state_entries", &[("kind", "processes")]),
    ] {
        assert!(
            page.sum(name, labels) > 0.0,
            "{name} {labels:?} counts nothing"
        );
    }
    for name in ["saker_undecodable_total", "saker_contained_panics_total"] {
        assert!(page.sum(name, &[]).abs() < f64::EPSILON, "{name}");
    }
    let stopped = stop_cleanly(agent).expect("a clean end");
    assert!(!stopped.alerts.is_empty());
}

#[test]
fn lists_name_what_rules_may_name() {
    let (fields, events) = (printed(&["list", "fields"]), printed(&["list", "events"]));
    for name in [
        "proc.name",
        "fd.name",
        "evt.type",
        "user.name",
        "container.id",
        "proc.aname[N]",
    ] {
        assert!(
            fields.lines().any(|line| line.starts_with(name)),
            "{name}: {fields}"
        );
    }
    for name in ["execve ", "openat ", "connect ", "procexit "] {
        assert!(
            events.lines().any(|line| line.starts_with(name)),
            "{name}: {events}"
        );
    }
    assert!(!events.contains("canary"), "for the agent only: {events}");
    for what in ["fields", "events"] {
        let page = printed(&["list", what, "--format", "json"]);
        let list: Value = serde_json::from_str(&page).expect("JSON");
        assert!(
            list.as_array().is_some_and(|list| list.len() > 50),
            "{what}: {page}"
        );
    }
    assert!(printed(&["--version"]).starts_with("saker "));
}
