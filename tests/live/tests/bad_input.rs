//! What is wrong is said once: what, where, and what to do. Nothing starts then.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::command::{self, Ended};
use saker_tests_live::driver::Driver;
use saker_tests_live::host;
use saker_tests_live::lab::Lab;
use serde_json::{Value, json};

/// User and group without rights.
const NOBODY: u32 = 65534;

/// `saker run` with a configuration, which must fail: status 1, no output, nothing attached.
fn refused(options: &Options, prepare: impl FnOnce(&mut Command)) -> String {
    let program = host::agent_program().expect("an agent");
    let lab = Lab::new().expect("a laboratory");
    // A copy where everybody can run it and everybody could take its lock.
    let copy = lab.copy_program(&program, "saker").expect("copied");
    let config = lab
        .write("saker.yaml", &options.config(&std::env::temp_dir()))
        .expect("written");
    let mut run = Command::new(copy);
    run.arg("run").arg("-c").arg(config);
    prepare(&mut run);
    let Ended {
        status,
        stdout,
        stderr,
    } = command::run(&mut run).expect("an end");
    assert_eq!(status, Some(1), "{stdout}{stderr}");
    assert_eq!(stdout, "");
    assert!(!stderr.contains("panicked"), "{stderr}");
    Driver::tested().wait_nothing_left().expect("nothing left");
    stderr
}

/// Checks that a message names everything in `parts`.
fn assert_names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

/// A rule at fault in one place.
struct Fault {
    what: &'static str,
    /// The file.
    rules: &'static str,
    /// Line and column of the fault.
    place: (u32, u32),
    /// What the message names besides the place and the line.
    named: &'static [&'static str],
}

const FAULTS: &[Fault] = &[
    Fault {
        what: "unknown field",
        rules: "- rule: R\n  desc: d\n  condition: evt.type=open and proc.nmae=cat\n  \
                output: o\n  priority: INFO\n",
        place: (3, 32),
        named: &["proc.nmae", "proc.name"],
    },
    Fault {
        what: "unknown operator",
        rules: "- rule: R\n  desc: d\n  condition: evt.type=open and proc.name resembles cat\n  \
                output: o\n  priority: INFO\n",
        place: (3, 42),
        named: &[],
    },
    Fault {
        what: "unknown event type",
        rules: "- rule: R\n  desc: d\n  condition: evt.type=opne\n  output: o\n  priority: INFO\n",
        place: (3, 23),
        named: &["opne", "open"],
    },
    Fault {
        what: "type error",
        rules: "- rule: R\n  desc: d\n  condition: evt.type=open and fd.num=many\n  output: o\n  \
                priority: INFO\n",
        place: (3, 39),
        named: &["many", "integer"],
    },
    Fault {
        what: "broken YAML",
        rules: "- rule: R\n  desc: \"d\n  condition: evt.type=open\n",
        place: (3, 3),
        named: &["quoted"],
    },
    Fault {
        what: "missing key",
        rules: "- rule: R\n  desc: d\n  condition: evt.type=open\n  output: o\n",
        place: (1, 3),
        named: &["priority"],
    },
    Fault {
        what: "unknown output field",
        rules: "- rule: R\n  desc: d\n  condition: evt.type=open\n  output: by %proc.nmae\n  \
                priority: INFO\n",
        place: (4, 15),
        named: &["proc.nmae", "proc.name"],
    },
];

#[test]
fn rules_at_fault_are_shown() {
    let program = host::agent_program().expect("an agent");
    for fault in FAULTS {
        let lab = Lab::new().expect("a laboratory");
        let file = lab.write("rules.yaml", fault.rules).expect("written");
        let ended = command::run(Command::new(&program).arg("check").arg(&file)).expect("an end");
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert_shows(fault, &file, &ended.stdout);
        let options = Options::rules([file.clone()]);
        assert_shows(fault, &file, &refused(&options, |_| {}));
    }
}

/// Checks that a message shows the place and the line of a fault, once.
fn assert_shows(fault: &Fault, file: &Path, message: &str) {
    let (line, column) = fault.place;
    let place = format!("{}:{line}:{column}: error", file.display());
    assert!(
        message.contains(&place),
        "{}: no {place} in\n{message}",
        fault.what
    );
    let shown = fault
        .rules
        .lines()
        .nth(line as usize - 1)
        .unwrap_or_default()
        .trim();
    assert_names(message, &[shown, "^"]);
    assert_names(message, fault.named);
    assert_eq!(
        message.matches(": error[").count(),
        1,
        "{}: {message}",
        fault.what
    );
}

#[test]
fn check_reports_every_error_of_every_file() {
    let lab = Lab::new().expect("a laboratory");
    let one = "- macro: m\n  condition: evt.tpye=open\n- rule: A\n  desc: d\n  condition: m and \
               proc.nmae=a and evt.type=open\n  output: by %user.nmae\n  priority: INFO\n- rule: \
               B\n  desc: d\n  condition: evt.type=open and\n  output: o\n  priority: INFO\n- \
               rule: C\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: URGENT\n";
    let two = "- rule: S\n  desc: d\n  condition: evt.type=opne\n  output: o\n  priority: INFO\n";
    let one = lab.write("one.yaml", one).expect("written");
    let two = lab.write("two.yaml", two).expect("written");
    let program = host::agent_program().expect("an agent");
    let mut check = Command::new(&program);
    let ended = command::run(check.arg("check").args([&one, &two])).expect("an end");
    assert_eq!(ended.status, Some(1));
    let errors: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.contains(": error["))
        .collect();
    assert_eq!(errors.len(), 6, "{}", ended.stdout);
    let at = |file: &Path, line: u32| format!("{}:{line}:", file.display());
    for place in [
        at(&one, 2),
        at(&one, 5),
        at(&one, 6),
        at(&one, 10),
        at(&one, 17),
        at(&two, 3),
    ] {
        assert!(
            errors.iter().any(|error| error.starts_with(&place)),
            "{place}: {errors:#?}"
        );
    }

    let mut check = Command::new(program);
    check.args(["check", "--format", "json"]).args([&one, &two]);
    let ended = command::run(&mut check).expect("an end");
    assert_eq!(ended.status, Some(1));
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let results = report["falco_load_results"].as_array().expect("results");
    let counts: Vec<_> = results
        .iter()
        .map(|r| r["errors"].as_array().map(Vec::len))
        .collect();
    assert_eq!(counts, [Some(5), Some(1)]);
}

#[test]
fn missing_rules_are_named() {
    let message = refused(&Options::rules(["/nonexistent/rules.yaml".into()]), |_| {});
    assert_names(&message, &["/nonexistent/rules.yaml", "rules_files"]);
    let program = host::agent_program().expect("an agent");
    let ended = command::run(Command::new(program).args(["check", "/nonexistent/rules.yaml"]));
    let ended = ended.expect("an end");
    assert_eq!(ended.status, Some(1));
    assert_names(&ended.stderr, &["/nonexistent/rules.yaml"]);
}

#[test]
fn configuration_at_fault_is_shown() {
    let message = refused(&Options::default_rules().set("woerkers", json!(2)), |_| {});
    assert_names(&message, &["saker.yaml:1:", "woerkers", "workers"]);
    let message = refused(&Options::default_rules().set("workers", json!(3)), |_| {});
    assert_names(&message, &["saker.yaml:1:", "workers", "1, 2, 4"]);
    let message = refused(&Options::default_rules(), |run| {
        run.args(["-o", "http.listen_adress=1"]);
    });
    assert_names(&message, &["http.listen_adress", "listen_address"]);
}

#[test]
fn a_taken_port_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let options = Options::default_rules().set("http", json!({"listen_address": address}));
    let message = refused(&options, |_| {});
    assert_names(&message, &[&address, "http.listen_address"]);
}

#[test]
fn a_second_agent_is_refused() {
    let first = Agent::start(&Options::default_rules()).expect("an agent");
    let lock = first.directory().join("saker.lock");
    let config = first.directory().join("saker.yaml");
    let mut run = Command::new(host::agent_program().expect("an agent"));
    let second = command::run(run.args(["run", "-c"]).arg(config)).expect("an end");
    assert_eq!(second.status, Some(1), "{second:?}");
    let process = format!("process {}", first.pid());
    assert_names(
        &second.stderr,
        &[&process, &lock.to_string_lossy(), "lock_file"],
    );
    assert_eq!(first.get("/readyz").expect("the first goes on").status, 200);
    stop_cleanly(first).expect("a clean end");
}

/// Options whose files everybody can read, whatever the rights of the source tree.
fn readable_by_everybody(lab: &Lab) -> Options {
    let rules = "- rule: R\n  desc: d\n  condition: evt.type=open\n  output: o\n  priority: INFO\n";
    Options::rules([lab.write("rules.yaml", rules).expect("written")])
}

#[test]
fn without_rights_it_says_so() {
    let lab = Lab::new().expect("a laboratory");
    let options = readable_by_everybody(&lab).set("driver", json!("ebpf"));
    let own = tempfile::tempdir().expect("a directory");
    let lock = own.path().join("saker.lock");
    std::os::unix::fs::chown(own.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
    let message = refused(&options.set("lock_file", json!(lock)), |run| {
        run.uid(NOBODY).gid(NOBODY);
    });
    assert_names(&message, &["the eBPF driver", "root", "CAP_BPF"]);
}

#[test]
fn a_lock_it_may_not_make_is_named() {
    let lab = Lab::new().expect("a laboratory");
    let lock = lab.path().join("saker.lock");
    let options = readable_by_everybody(&lab).set("lock_file", json!(lock));
    let message = refused(&options, |run| {
        run.uid(NOBODY).gid(NOBODY);
    });
    assert_names(
        &message,
        &["run as root", "lock_file", &lock.to_string_lossy()],
    );
}
