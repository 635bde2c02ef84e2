//! Which rules `saker run` takes, from the configuration and the command line.

use rustix::process::Signal;

use crate::common::{Agent, run, saker};
use crate::{RULE, dir, file};

fn rules() -> String {
    let rule = |name: &str, tags: &str, enabled: bool| {
        RULE.replace("Shadow", name) + &format!("  tags: [{tags}]\n  enabled: {enabled}\n")
    };
    rule("Read shadow", "files", true)
        + &rule("Write below etc", "files, host", true)
        + &rule("Outbound shell", "network", true)
        + &rule("Quiet", "network, host", false)
}

/// What the agent says about its rules.
fn counts(arguments: &[&str]) -> String {
    let dir = dir();
    let rules = file(&dir, "r.yaml", &rules());
    let mut all = vec!["-r", &rules];
    all.extend(arguments);
    let stderr = Agent::start(&all).stop(Signal::TERM).stderr;
    let line = stderr.lines().find_map(|line| line.strip_prefix("rules: "));
    line.unwrap_or_else(|| panic!("{stderr}")).to_owned()
}

#[test]
fn rules_are_selected_in_order() {
    let active = |count: usize| format!("{count} of 4 active, {} disabled, 0 skipped", 4 - count);
    assert_eq!(counts(&[]), active(3));
    assert_eq!(counts(&["-D", "below"]), active(2));
    assert_eq!(counts(&["-D", "R*ad", "-D", "Out"]), active(1));
    assert_eq!(counts(&["-T", "files"]), active(1));
    assert_eq!(
        counts(&["-t", "host"]),
        active(2),
        "-t runs what is off in the file too"
    );
    assert_eq!(counts(&["-t", "files", "-t", "network"]), active(4));
    let off = [
        "-o",
        "rules[].disable.rule=*",
        "-o",
        "rules[].enable.tag=network",
    ];
    assert_eq!(counts(&off), active(2));
    // The command line has the last word.
    assert_eq!(
        counts(&[off.as_slice(), &["-D", "Quiet"]].concat()),
        active(1)
    );
    assert_eq!(counts(&["-o", "priority=error"]), active(0));
}

#[test]
fn outputs_can_be_extended_and_presets_are_named() {
    let dir = dir();
    let rules = file(&dir, "r.yaml", RULE);
    let arguments = [
        "run",
        "-o",
        "driver=none",
        "-r",
        &rules,
        "-p",
        "%nosuch.field",
    ];
    let output = run(saker().args(arguments));
    assert_eq!(output.status, 1);
    assert!(
        output.stderr.contains("nonexistent field nosuch.field"),
        "{}",
        output.stderr
    );
    let agent = Agent::start(&["-r", &rules, "-pc"]);
    let stderr = agent.stop(Signal::TERM).stderr;
    assert!(
        stderr.contains("-p c is deprecated and does nothing"),
        "{stderr}"
    );
    let output = run(saker().args(["run", "-t", "a", "-T", "b"]));
    assert_eq!(output.status, 2, "{}", output.stderr);
}
