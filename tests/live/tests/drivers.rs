//! Which driver an agent takes on this host, why, and what it says when it can take none.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, HIDE_BTF, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::command::{self, Ended};
use saker_tests_live::lab::Lab;
use saker_tests_live::metrics::Page;
use saker_tests_live::{bpf, host};
use serde_json::{Value, json};

/// Exit status of an agent that saw nothing for want of a driver.
const STATUS_BLIND: i32 = 3;
/// Longest wait for an alert.
const ALERT_LIMIT: Duration = Duration::from_secs(5);

/// Default rules; a module is not built. These tests are about a host without one.
fn options() -> Options {
    assert!(
        !Path::new("/dev/saker").exists(),
        "Saker's module is loaded: unload it (saker driver unload) for these tests"
    );
    Options::default_rules().set("kmod", json!({"build_at_start": false}))
}

fn saker(before: &[&str], arguments: &[&str]) -> Ended {
    let program = host::agent_program().expect("an agent");
    let mut all = before.iter().map(Path::new).collect::<Vec<_>>();
    all.push(&program);
    let mut run = Command::new(all[0]);
    run.args(&all[1..]).args(arguments);
    command::run(&mut run).expect("an end")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn auto_takes_ebpf_when_its_canaries_come_back() {
    let agent = Agent::start(&options()).expect("an agent");
    let lines = agent.stderr();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("driver ebpf attached: "), "{lines:#?}");
    assert!(has("canary seen on"), "{lines:#?}");
    let first = lines.iter().find(|line| line.starts_with("driver: "));
    let first = first.expect("the first lines");
    assert!(first.starts_with("driver: ebpf (first choice: "), "{first}");
    let page = agent.get("/metrics").expect("an answer").body;
    let page = Page::parse(&page).expect("a page");
    let online = std::thread::available_parallelism().map_or(1, usize::from);
    let canaries = page.sum("saker_events_total", &[("type", "canary")]);
    assert!(
        canaries as usize >= online,
        "{canaries} canaries, {online} CPUs"
    );
    // The workers read on from where the canaries were looked for.
    let lab = Lab::new().expect("a laboratory");
    let session = action::run(&lab, ": < /etc/shadow")
        .expect("an action")
        .session;
    let ours = agent.wait_alert(ALERT_LIMIT, |alert| alert.session() == Some(session));
    assert!(ours.is_some(), "{:#?}", agent.stderr());
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn a_driver_that_was_asked_for_is_had_or_nothing_starts() {
    let lab = Lab::new().expect("a laboratory");
    let config = lab
        .write("saker.yaml", &options().config(lab.path()))
        .expect("written");
    let config = config.to_string_lossy();
    let module = saker(&[], &["run", "-c", &config, "--driver", "kmod"]);
    assert_eq!(module.status, Some(1), "{module:?}");
    for part in [
        "the kernel module cannot be used",
        "kmod not loaded: ",
        "hint: ",
    ] {
        assert!(module.stderr.contains(part), "{part}: {}", module.stderr);
    }
    let hidden = saker(&HIDE_BTF, &["run", "-c", &config, "--driver", "ebpf"]);
    assert_eq!(hidden.status, Some(1), "{hidden:?}");
    for part in [
        "the eBPF driver cannot be used",
        "/sys/kernel/btf/vmlinux",
        "CONFIG_DEBUG_INFO_BTF",
    ] {
        assert!(hidden.stderr.contains(part), "{part}: {}", hidden.stderr);
    }
    bpf::wait_no_orphans().expect("nothing left");
}

#[test]
fn with_neither_the_agent_says_that_it_sees_nothing() {
    let agent = Agent::start_blind(&options().hide_btf()).expect("an agent");
    let log = agent.stderr().join("\n");
    for part in [
        "ERROR NO DRIVER",
        "ebpf refused: ",
        "CONFIG_DEBUG_INFO_BTF",
        "kmod not loaded: ",
        "driver: none (no driver works here)",
        "NOT ready",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(agent.get("/healthz").expect("an answer").status, 200);
    let ready = agent.get("/readyz").expect("an answer");
    assert_eq!(ready.status, 503);
    let reason = json(&ready.body)["reason"].clone();
    let reason = reason.as_str().expect("a reason");
    assert!(
        reason.starts_with("no driver is attached: ebpf refused: "),
        "{reason}"
    );
    assert!(reason.contains("kmod not loaded: "), "{reason}");
    let page = Page::parse(&agent.get("/metrics").expect("an answer").body).expect("a page");
    let info = [("driver", "none"), ("reason", "no_driver")];
    assert!(page.sum("saker_driver_info", &info) > 0.0);
    let stopped = agent.stop().expect("an end");
    assert_eq!(stopped.status, Some(STATUS_BLIND), "{:#?}", stopped.stderr);
    assert!(stopped.alerts.is_empty());
    bpf::wait_no_orphans().expect("nothing left");
}

#[test]
fn doctor_tries_what_would_be_taken_and_takes_it_back() {
    let doctor = saker(&[], &["doctor"]);
    assert_eq!(doctor.status, Some(0), "{doctor:?}");
    assert!(
        doctor.stdout.contains("ok  ebpf attached: "),
        "{}",
        doctor.stdout
    );
    assert!(
        doctor.stdout.contains("driver: ebpf (first choice"),
        "{}",
        doctor.stdout
    );
    bpf::wait_no_orphans().expect("nothing left");

    let page = json(&saker(&[], &["doctor", "--format", "json"]).stdout);
    assert_eq!(page["driver"], "ebpf");
    assert_eq!(page["steps"][0]["step"], "attach");
    assert!(
        page["checks"]
            .as_array()
            .is_some_and(|checks| checks.len() > 3),
        "{page}"
    );

    let without = ["-o", "kmod.build_at_start=false", "--format", "json"];
    for (before, more) in [(&[][..], &["--driver", "kmod"][..]), (&HIDE_BTF, &[])] {
        let arguments = [&["doctor"][..], &without, more].concat();
        let doctor = saker(before, &arguments);
        assert_eq!(doctor.status, Some(1), "{doctor:?}");
        let page = json(&doctor.stdout);
        assert!(page["driver"].is_null(), "{page}");
        let steps = page["steps"].as_array().expect("steps");
        assert!(steps.iter().all(|step| step["ok"] == false), "{page}");
        assert!(steps.iter().any(|step| step["driver"] == "kmod"), "{page}");
    }
    bpf::wait_no_orphans().expect("nothing left");
}
