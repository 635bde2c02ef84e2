//! The binary as its users meet it. Nothing here needs root or a driver.

#[path = "cli/check.rs"]
mod check;
mod common;
#[path = "cli/selection.rs"]
mod selection;

use std::fs;

use common::{Agent, run, saker};
use serde_json::Value as Json;

const RULE: &str = "- rule: Shadow\n  desc: d\n  condition: evt.type = openat and fd.name = \
                    /etc/shadow\n  output: read %fd.name\n  priority: WARNING\n";

fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let output = run(saker().arg("watch"));
    assert_eq!(output.status, 2);
    assert!(output.stderr.contains("Usage:"), "{}", output.stderr);
}

#[test]
fn missing_rules_are_one_message_with_what_to_do() {
    let output = run(saker().args(["run", "-o", "driver=none", "-r", "/no/such/rules"]));
    assert_eq!(output.status, 1);
    assert_eq!(output.stdout, "");
    assert_eq!(
        output.stderr,
        "saker: rules path /no/such/rules: No such file or directory (os error 2)\n  \
         = hint: name rules with -r PATH or set rules_files\n"
    );
}

#[test]
fn an_empty_rules_directory_is_an_error() {
    let dir = dir();
    let output = run(saker()
        .args(["run", "-o", "driver=none", "-r"])
        .arg(dir.path()));
    assert_eq!(output.status, 1);
    assert!(
        output.stderr.contains("no rules found in"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_wrong_configuration_names_its_place() {
    let dir = dir();
    let config = file(&dir, "saker.yaml", "priority: notice\nworkrs: 2\n");
    let output = run(saker().args(["run", "-c", &config]));
    assert_eq!(output.status, 1);
    let expected = format!(
        "saker: {config}:2:1: error: unknown key workrs\n  | workrs: 2\n  | ^\n  \
         = hint: did you mean workers?\n"
    );
    assert_eq!(output.stderr, expected);
    let output = run(saker().args(["run", "-c", "/no/such.yaml"]));
    assert_eq!(output.status, 1);
    assert!(
        output.stderr.contains("/no/such.yaml: error: cannot read"),
        "{}",
        output.stderr
    );
}

#[test]
fn check_reports_every_error_with_its_place() {
    let dir = dir();
    let broken = RULE
        .replace("fd.name = ", "fd.nam = ")
        .replace("%fd.name", "%fd.nme");
    let wrong = file(&dir, "wrong.yaml", &broken);
    let right = file(&dir, "right.yaml", RULE);
    let output = run(saker().args(["check", &right, &wrong]));
    assert_eq!(output.status, 1);
    let errors: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.contains(": error["))
        .collect();
    assert_eq!(errors.len(), 2, "{}", output.stdout);
    assert!(
        errors[0].starts_with(&format!("{wrong}:3:")),
        "{}",
        errors[0]
    );
    assert!(
        errors[0].contains("LOAD_ERR_COMPILE_CONDITION"),
        "{}",
        errors[0]
    );
    assert!(
        errors[1].contains("LOAD_ERR_COMPILE_OUTPUT"),
        "{}",
        errors[1]
    );
    assert!(output.stdout.contains("did you mean"), "{}", output.stdout);
    assert!(
        output.stdout.contains(&format!("{right}: ok\n")),
        "{}",
        output.stdout
    );
}

#[test]
fn check_reports_broken_yaml_and_unknown_events() {
    let dir = dir();
    let yaml = file(&dir, "a.yaml", "- rule: [\n");
    let output = run(saker().args(["check", &yaml]));
    assert_eq!(output.status, 1);
    assert!(
        output.stdout.contains("LOAD_ERR_YAML_PARSE"),
        "{}",
        output.stdout
    );
    let event = file(&dir, "b.yaml", &RULE.replace("= openat", "= opnat"));
    let output = run(saker().args(["check", "--format", "json", &event]));
    assert_eq!(output.status, 1);
    let report: Json = serde_json::from_str(&output.stdout).expect("JSON");
    let result = &report["falco_load_results"][0];
    assert_eq!(result["successful"], Json::Bool(false));
    assert_eq!(result["errors"][0]["code"], "LOAD_ERR_COMPILE_CONDITION");
    let position = &result["errors"][0]["context"]["locations"][0]["position"];
    assert_eq!(position["name"], Json::String(event));
}

#[test]
fn check_of_a_missing_file_is_one_error() {
    let output = run(saker().args(["check", "/no/such.yaml"]));
    assert_eq!(output.status, 1);
    assert_eq!(
        output.stderr,
        "saker: rules path /no/such.yaml: No such file or directory (os error 2)\n"
    );
}

#[test]
fn the_default_rules_have_no_error() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
    let output = run(saker().args(["check", rules]));
    assert_eq!(output.status, 0, "{}", output.stdout);
}

#[test]
fn lists_have_what_rules_use() {
    let fields = run(saker().args(["list", "fields"])).stdout;
    assert!(
        fields
            .lines()
            .any(|line| line.starts_with("proc.aname[N]?")),
        "{fields}"
    );
    let fields = run(saker().args(["list", "fields", "--format", "json"])).stdout;
    let fields: Json = serde_json::from_str(&fields).expect("JSON");
    assert!(fields.as_array().is_some_and(|list| list.len() > 100));
    let events = run(saker().args(["list", "events"])).stdout;
    let openat = events
        .lines()
        .find(|line| line.starts_with("openat "))
        .expect("openat");
    assert!(
        openat.contains("file") && openat.contains("fd dirfd name flags mode"),
        "{openat}"
    );
    let events = run(saker().args(["list", "events", "--format", "json"])).stdout;
    let events: Json = serde_json::from_str(&events).expect("JSON");
    let own = saker_abi::event::EVENTS
        .iter()
        .filter(|event| !event.is_internal() && !event.is_generic());
    let all = own.count() + saker_abi::syscalls::GENERIC.len();
    assert_eq!(events.as_array().map(Vec::len), Some(all));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let pipe = format!("{} list fields | head -n 1", common::BINARY);
    let output = run(std::process::Command::new("sh").args(["-c", &pipe]));
    assert_eq!(output.stdout.lines().count(), 1);
    assert_eq!(output.stderr, "");
}

#[test]
fn doctor_says_what_it_would_take_or_why_not() {
    let output = run(saker().arg("doctor"));
    let expected = if output.status == 0 {
        "driver: ebpf ("
    } else {
        "driver: none can be taken"
    };
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    let json = run(saker().args(["doctor", "--format", "json"]));
    let report: Json = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(report["driver"].is_string(), output.status == 0);
    assert!(
        report["checks"]
            .as_array()
            .is_some_and(|checks| !checks.is_empty())
    );
}

#[test]
fn an_agent_serves_its_pages_and_stops_on_a_signal() {
    let agent = Agent::start(&[]);
    let (status, body) = agent.get("/healthz");
    assert_eq!((status, body.trim()), (200, r#"{"status":"ok"}"#));
    let (status, body) = agent.get("/readyz");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("no driver is attached"), "{body}");
    let (status, body) = agent.get("/metrics");
    assert_eq!(status, 200);
    assert!(body.contains("saker_driver_info{driver=\"none\""), "{body}");
    let (status, body) = agent.get("/versions");
    assert_eq!(status, 200);
    let versions: Json = serde_json::from_str(&body).expect("JSON");
    assert_eq!(versions["saker_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(agent.get("/nothing").0, 404);
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let output = Agent::start(&[]).stop(signal);
        assert_eq!(output.status, 0, "{}", output.stderr);
        assert!(
            output.stderr.contains("Events detected: 0"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_second_agent_names_the_first() {
    let agent = Agent::start(&[]);
    let output = run(saker().args(agent.arguments()));
    assert_eq!(output.status, 1);
    let expected = format!("another agent is running (process {} holds", agent.pid());
    assert!(output.stderr.contains(&expected), "{}", output.stderr);
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let agent = Agent::start(&[]);
    let other = dir();
    let lock = format!("lock_file={}", other.path().join("lock").display());
    let address = format!("http.listen_address={}", agent.address());
    let output = run(saker()
        .args(agent.arguments())
        .args(["-o", &lock, "-o", &address]));
    assert_eq!(output.status, 1);
    let expected = format!(
        "saker: cannot listen on {}; set http.listen_address to a free address and port, \
         or http.enabled to false: Address already in use (os error 98)\n",
        agent.address()
    );
    assert_eq!(output.stderr, expected);
}

#[test]
fn skipped_rules_and_uncaptured_events_are_said() {
    let dir = dir();
    let unknown = RULE
        .replace("Shadow", "Other")
        .replace("fd.name = ", "static.nowhere = ");
    let uncaptured = RULE
        .replace("Shadow", "Third")
        .replace("= openat", "= page_fault");
    let unrecorded = RULE.replace("Shadow", "Fourth").replace(
        "= openat",
        "in (accept, openat) and evt.arg.queuelen > 0 and evt.arg.flags != 1",
    );
    let text = format!("{RULE}{unknown}{uncaptured}{unrecorded}");
    let rules = file(&dir, "r.yaml", &text);
    let agent = Agent::start(&["-r", &rules]);
    let output = agent.stop(rustix::process::Signal::TERM);
    let stderr = output.stderr;
    assert!(
        stderr.contains("rules: 3 of 4 active, 0 disabled, 1 skipped"),
        "{stderr}"
    );
    assert!(stderr.contains("skipped \"Other\""), "{stderr}");
    assert!(stderr.contains("no field static.nowhere"), "{stderr}");
    assert!(stderr.contains("page_fault (1)"), "{stderr}");
    assert!(stderr.contains("silent \"Third\""), "{stderr}");
    let parameters =
        "no event of theirs has, with the rules that name them: evt.arg.queuelen (1)\n";
    assert!(stderr.contains(parameters), "{stderr}");
}

#[test]
fn a_driver_there_is_not_is_named_with_those_there_are() {
    let output = run(saker().args(["run", "--driver", "bpf"]));
    assert_eq!(output.status, 2);
    assert!(
        output
            .stderr
            .contains("[possible values: auto, ebpf, kmod, none]"),
        "{}",
        output.stderr
    );
    let output = run(saker().args(["run", "-o", "driver=bpf"]));
    assert_eq!(output.status, 1);
    assert!(
        output
            .stderr
            .contains("driver must be auto, ebpf, kmod or none, not \"bpf\""),
        "{}",
        output.stderr
    );
}

#[test]
fn the_command_line_wins_over_the_configured_driver() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
    let agent = Agent::start(&["-r", rules, "-o", "driver=ebpf", "--driver", "none"]);
    let (status, body) = agent.get("/readyz");
    assert_eq!(status, 503);
    assert!(
        body.contains("no driver is attached: driver: none is configured"),
        "{body}"
    );
    let (_, body) = agent.get("/metrics");
    assert!(
        body.contains("saker_driver_info{driver=\"none\",reason=\"configured\""),
        "{body}"
    );
    let output = agent.stop(rustix::process::Signal::TERM);
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.stderr.contains("NOT ready"), "{}", output.stderr);
}

#[test]
fn without_privilege_the_agent_says_so() {
    let dir = dir();
    let rules = file(&dir, "r.yaml", RULE);
    // Anybody may read and run the copy, whoever runs the tests.
    let binary = dir.path().join("saker");
    fs::copy(common::BINARY, &binary).expect("copied");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(dir.path(), open).expect("open to all");
    let mut command = std::process::Command::new(&binary);
    if rustix::process::geteuid().is_root() {
        std::os::unix::process::CommandExt::uid(&mut command, 65_534);
    }
    let own = dir.path().join("own");
    fs::create_dir(&own).expect("made");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&own, open).expect("open to all");
    let lock = format!("lock_file={}", own.join("lock").display());
    let output = run(command
        .args(["run", "--driver", "ebpf", "-r", &rules])
        .args(["-o", "http.enabled=false", "-o", &lock]));
    assert_eq!(output.status, 1);
    assert!(
        output.stderr.contains("the eBPF driver cannot be used"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("run as root"), "{}", output.stderr);
}
