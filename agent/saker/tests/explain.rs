//! `saker explain` as its users meet it.

#[allow(dead_code, reason = "other tests run agents")]
mod common;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use common::{run, saker};

const RULES: &str = "\
- list: secrets
  items: [/etc/shadow, /etc/gshadow]
- macro: open_read
  condition: (evt.type in (open, openat) and evt.is_open_read = true and fd.num >= 0)
- rule: Secret read
  desc: d
  condition: open_read and fd.name in (secrets) and not proc.name in (sshd, login)
  output: read %fd.name
  priority: WARNING
  tags: [mine]
- rule: Secret written
  desc: d
  condition: evt.type in (open, openat) and evt.is_open_write = true and fd.name in (secrets)
  output: written %fd.name
  priority: ERROR
- rule: Connection
  desc: d
  condition: evt.type = connect and fd.sport = 4444
  output: connected
  priority: NOTICE
  enabled: false
";

const EVENT: &str = r#"{"evt.type": "openat", "evt.is_open_read": true,
    "evt.is_open_write": false, "fd.num": 3, "fd.name": "/etc/shadow", "proc.name": "cat"}"#;

struct Files {
    dir: tempfile::TempDir,
    rules: String,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let rules = dir.path().join("rules.yaml");
        fs::write(&rules, RULES).expect("written");
        let rules = rules.display().to_string();
        Self { dir, rules }
    }

    fn event(&self, text: &str) -> String {
        let path = self.dir.path().join("event.json");
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }
}

#[test]
fn a_rule_is_shown_with_everything_in_place() {
    let files = Files::new();
    let output = run(saker().args(["explain", "Secret read", "-r", &files.rules]));
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    for part in [
        &format!("defined      {}:5\n", files.rules),
        "priority     Warning\n",
        "event types  open openat\n",
        "fields       evt.is_open_read evt.type fd.name fd.num proc.name\n",
        "and fd.name in (/etc/gshadow, /etc/shadow)\n",
        "Evaluation for open openat:\n",
        "not proc.name in (login, sshd)",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let part = run(saker().args(["explain", "connection", "-r", &files.rules]));
    assert!(part.stdout.contains("enabled      no"), "{}", part.stdout);
}

#[test]
fn an_event_tells_why_rules_match_or_do_not() {
    let files = Files::new();
    let event = files.event(EVENT);
    let output = run(saker().args(["explain", "--event", &event, "-r", &files.rules]));
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let wanted = format!(
        "Event openat, 8 field(s)\n\
         MATCH     Secret read (Warning, {rules}:5)\n  \
           true   all of:\n    \
             true   all of:\n      \
               true   evt.type in (open, openat)  <- evt.type is \"openat\"\n      \
               true   evt.is_open_read = true  <- evt.is_open_read is true\n      \
               true   fd.num >= 0  <- fd.num is 3\n    \
             true   fd.name in (/etc/gshadow, /etc/shadow)  <- fd.name is \"/etc/shadow\"\n    \
             true   not proc.name in (login, sshd)  <- proc.name is \"cat\"\n\
         no match  Secret written (Error, {rules}:11)\n  \
           false  evt.is_open_write = true  <- evt.is_open_write is false\n\
         1 more rule(s) are not about openat\n\
         The first to match, were all enabled: Secret read\n",
        rules = files.rules
    );
    assert_eq!(output.stdout, wanted);
}

#[test]
fn events_come_from_standard_input_too_and_one_rule_may_be_asked_for() {
    let files = Files::new();
    let mut child = saker()
        .args(["explain", "Connection", "--event", "-", "-r", &files.rules])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(br#"{"evt.type": "connect"}"#)
        .expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    assert!(
        text.contains("false  fd.sport = 4444  <- fd.sport is not in the event\n"),
        "{text}"
    );
}

#[test]
fn both_forms_come_as_json() {
    let files = Files::new();
    let json = |args: &[&str]| -> serde_json::Value {
        let common = ["--format", "json", "-r", &files.rules];
        let output = run(saker().arg("explain").args(args).args(common));
        assert_eq!((output.status, output.stderr.as_str()), (0, ""));
        serde_json::from_str(&output.stdout).expect("JSON")
    };
    let rule = json(&["Secret read"]);
    assert_eq!(rule["rule"], "Secret read");
    assert_eq!(
        (&rule["line"], &rule["file"]),
        (&5.into(), &files.rules.as_str().into())
    );
    assert_eq!(
        (&rule["enabled"], &rule["priority"]),
        (&true.into(), &"Warning".into())
    );
    assert_eq!(rule["tags"], serde_json::json!(["mine"]));
    assert_eq!(rule["event_types"], serde_json::json!(["open", "openat"]));
    assert_eq!(rule["evaluation"][0]["event_types"], rule["event_types"]);
    let condition = rule["condition"].as_str().expect("text");
    assert!(
        condition.contains("fd.name in (/etc/gshadow, /etc/shadow)"),
        "{condition}"
    );

    let event = files.event(&EVENT.replace("3,", "null,"));
    let events = json(&["--event", &event]);
    let [event] = events.as_array().expect("a list").as_slice() else {
        panic!("one event: {events}");
    };
    assert_eq!(
        (&event["event_type"], &event["fields"]),
        (&"openat".into(), &8.into())
    );
    assert_eq!(event["rules_of_other_event_types"], 1);
    assert!(event["first_match"].is_null());
    let verdict = &event["rules"][0];
    assert_eq!(
        (&verdict["rule"], &verdict["matches"]),
        (&"Secret read".into(), &false.into())
    );
    let because = serde_json::json!({
        "holds": false, "check": "fd.num >= 0", "values": {"fd.num": null}
    });
    assert_eq!(verdict["because"], because);
    let one = json(&[
        "Connection",
        "--event",
        &files.event(r#"{"evt.type": "connect"}"#),
    ]);
    assert!(one[0]["rules_of_other_event_types"].is_null(), "{one}");
    assert_eq!(
        one[0]["rules"][0]["because"]["values"],
        serde_json::json!({})
    );
}

#[test]
fn bad_input_is_named() {
    let files = Files::new();
    let status_and_error = |args: &[&str]| {
        let output = run(saker().arg("explain").args(args).args(["-r", &files.rules]));
        assert_eq!(output.stdout, "");
        (output.status, output.stderr)
    };
    assert_eq!(
        status_and_error(&["Secret red"]),
        (
            1,
            "saker: no rule is called 'Secret red'\n  = hint: did you mean Secret read, or \
             Secret written?\n"
                .to_owned()
        )
    );
    assert!(
        status_and_error(&[])
            .1
            .starts_with("saker: nothing to explain\n  = hint: ")
    );
    let event = files.event(r#"{"evt.type": "openat", "fd.nam": 1}"#);
    assert_eq!(
        status_and_error(&["--event", &event]),
        (
            1,
            format!(
                "saker: {event}: event 1: no field is called 'fd.nam': did you mean fd.name?\n"
            )
        )
    );
    let (status, error) = status_and_error(&["--event", "/no/such/event.json"]);
    assert_eq!(status, 1);
    assert!(
        error.contains("/no/such/event.json: No such file"),
        "{error}"
    );
    let event = files.event(&"[".repeat(100_000));
    let (status, error) = status_and_error(&["--event", &event]);
    assert_eq!(status, 1);
    assert!(
        error.contains("not JSON: recursion limit exceeded"),
        "{error}"
    );
}
