//! Events that leave the kernel only when a rule names them.

use std::collections::BTreeMap;

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{of_session, stop_cleanly};
use saker_tests_live::lab::Lab;

/// The last rule names no type: frequent events do not become its own.
const RULES: &str = r#"
- rule: synced
  desc: A call without an event of its own.
  condition: evt.type in (fsync, fdatasync) and evt.arg.res=0
  output: "%evt.type %evt.args %syscall.type %evt.res"
  priority: INFO
- rule: signalled
  desc: A signal was taken.
  condition: evt.type=signaldeliver and evt.arg.sig=SIGTERM
  output: "%evt.arg.sig %evt.dir %evt.rawres"
  priority: INFO
- rule: made not to wait
  desc: A command of fcntl that state has no use for.
  condition: evt.type=fcntl and evt.arg.cmd=F_SETFL and proc.name=perl
  output: "%evt.arg.cmd %fd.num"
  priority: INFO
- rule: set apart
  desc: A child with a host name and mounts of its own.
  condition: evt.type=clone and evt.arg.flags contains CLONE_NEWUTS and proc.name=perl
  output: "%evt.arg.flags"
  priority: INFO
- rule: packets
  desc: A socket for packets, asked for in the old way.
  condition: evt.type=socket and evt.arg.domain contains AF_PACKET and proc.name=perl
  output: "%evt.arg.domain"
  priority: INFO
- rule: no child
  desc: Forks that the kernel refuses.
  condition: evt.type in (clone, clone3) and evt.failed=true and proc.name=perl
  output: "%evt.type %evt.res %evt.arg.flags"
  priority: INFO
- rule: long name
  desc: Arguments behind one that is longer than there is room for.
  condition: evt.type=execve and proc.name=true and proc.args="-c evil"
  output: "%proc.args[0]"
  priority: INFO
- rule: anything
  desc: No event type.
  condition: fd.name endswith unlikely-name-of-saker
  output: "%evt.type"
  priority: INFO
"#;

/// The signal is handled: one that ends the process is taken as SIGKILL (complete_signal() in the kernel).
const SCRIPT: &str = r#"
echo x > $LAB/file
sync $LAB/file
sync -d $LAB/file
sh -c 'trap : TERM; kill -TERM $$'
perl -MFcntl -e 'fcntl(STDIN, F_SETFL, O_NONBLOCK)'
perl -e 'exec {"/bin/true"} "x" x 5000, "-c", "evil" if !fork; wait'
perl -e 'syscall(56, 0x04020011, 0, 0, 0, 0) && wait'
perl -e 'syscall(56, 0x00010011, 0, 0, 0, 0); $how = pack("Q11", 0x10000200); syscall(435, $how, 88); syscall(435, 0, 88)'
perl -e 'syscall(41, 2, 10, 0x300) >= 0 or die "socket: $!"'
"#;

#[test]
fn what_a_rule_names_is_recorded() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab.write("rules.yaml", RULES).expect("a file");
    let options = Options::rules([rules]);
    let agent = Agent::start(&options).expect("an agent");
    let events = agent.stderr();
    let line = events.iter().find(|line| line.starts_with("events: "));
    let line = line.expect("a line with the events");
    assert!(
        line.contains("fsync") && line.contains("signaldeliver"),
        "{line}"
    );
    assert!(
        !line.contains("futex") && !line.contains("newfstatat"),
        "{line}"
    );
    let session = action::run(&lab, SCRIPT).expect("an action").session;
    let stopped = stop_cleanly(agent).expect("an end");
    let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for alert in of_session(&stopped.alerts, session) {
        let output = alert.output().to_owned();
        by_rule
            .entry(alert.rule().to_owned())
            .or_default()
            .push(output);
    }
    let synced = &by_rule["synced"];
    assert!(
        synced[0].contains("fsync ID=74(fsync) nativeID=74 res=0 fsync <NA>")
            && synced[1].contains("fdatasync ID=75(fdatasync)"),
        "{synced:?}"
    );
    let flagged = &by_rule["made not to wait"];
    assert!(flagged[0].contains("F_SETFL 0"), "{flagged:?}");
    let long = &by_rule["long name"];
    assert!(long.len() == 1 && long[0].ends_with(" -c"), "{long:?}");
    let apart = &by_rule["set apart"];
    assert!(
        apart.len() == 2
            && apart
                .iter()
                .all(|flags| flags.ends_with("CLONE_NEWNS|CLONE_NEWUTS")),
        "{apart:?}"
    );
    assert_eq!(by_rule["packets"].len(), 1);
    let refused = by_rule["no child"].iter();
    let refused: Vec<_> = refused
        .filter_map(|line| line.split_once("Informational "))
        .map(|(_, what)| what)
        .collect();
    assert_eq!(
        refused,
        [
            "clone EINVAL CLONE_THREAD",
            "clone3 EINVAL CLONE_FS|CLONE_NEWUSER",
            "clone3 EFAULT 0"
        ]
    );
    let signalled = &by_rule["signalled"];
    assert!(signalled[0].contains("SIGTERM > <NA>"), "{signalled:?}");
}
