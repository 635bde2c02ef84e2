//! One worker or four: the same actions raise the same alerts.

use std::collections::BTreeMap;

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{of_session, stop_cleanly};
use saker_tests_live::lab::Lab;

/// Rules on everything the script does, with lineage and state in their outputs.
const RULES: &str = r#"
- rule: started
  desc: A program started.
  condition: evt.type in (execve, execveat) and evt.rawres=0
  output: >
    %proc.name %proc.exepath %proc.cmdline %proc.cwd %proc.pname %proc.pcmdline %proc.aname[2]
    %proc.aname[3] %proc.aname[4] %proc.acmdline[2] %proc.is_exe_writable %user.name %user.uid
  priority: INFO
- rule: read
  desc: A file of the test was opened.
  condition: >
    evt.type in (open, openat, openat2) and fd.num>=0 and fd.name contains saker-live-
    and fd.filename startswith data
  output: >
    %fd.name %fd.directory %evt.is_open_read %evt.is_open_write %proc.name %proc.cmdline %proc.cwd
    %proc.pname %proc.aname[2] %proc.aname[3] %user.name
  priority: INFO
- rule: attached
  desc: A standard stream became a socket.
  condition: evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) and fd.type=ipv4
  output: "%evt.type %evt.rawres %fd.type %fd.sip %fd.l4proto %proc.name %proc.pname %proc.aname[2]"
  priority: INFO
- rule: moved
  desc: A process entered a directory.
  condition: evt.type in (chdir, fchdir) and evt.rawres=0
  output: "%proc.cwd %proc.name %proc.pname %proc.aname[2]"
  priority: INFO
- rule: changed identity
  desc: A process took another user.
  condition: evt.type in (setuid, setresuid, setgid, setresgid) and evt.rawres=0
  output: "%evt.type %user.name %user.uid %group.gid %proc.name %proc.pname"
  priority: INFO
"#;

/// Nested shells, forks without exec, relative paths after cd, inherited and duplicated
/// descriptors, a change of user, many short-lived processes.
const SCRIPT: &str = r#"
mkdir -p $LAB/a/b
echo x > $LAB/a/b/data1; echo y > $LAB/a/data2
cd $LAB/a
cat b/data1 data2
sh -c 'cd b; sh -c "cat data1; cat ../data2; (cd ..; cat data2; true); true"; true'
( ( ( cat data2; true ); cd b; cat data1 ); cat data2 )
exec 7< b
perl -e 'open(my $d, "<&=7"); chdir($d) or die; open(my $f, "<", "data1") or die'
exec 7<&-
sh -c 'exec sh -c "exec perl -e \"open(my \\\$f, q(<), q(data2)) or die\""'
perl $LAB/sockets.pl
setpriv --reuid=1 --regid=1 --clear-groups sh -c 'cat data2; id -u'
i=0
while [ $i -lt 40 ]; do
    i=$((i + 1))
    sh -c 'cat data2 | cat - b/data1 | sort; (sh -c "true; cat data2" $1; true)' sh $i
done
"#;

/// A child inherits a connected socket and puts it in the place of its standard streams.
const SOCKETS: &str = r#"
use strict;
use POSIX ();
use Socket;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die;
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) or die;
listen($listener, 1) or die;
my ($port) = sockaddr_in(getsockname $listener);
socket(my $client, PF_INET, SOCK_STREAM, 0) or die;
connect($client, sockaddr_in($port, INADDR_LOOPBACK)) or die;
my $child = fork // die;
if (!$child) {
    POSIX::dup2(fileno $client, $_) // die for 0, 1, 2;
    exec 'true';
}
waitpid $child, 0;
"#;

/// Rule and text of an alert, with how often it was raised.
type Raised = BTreeMap<(String, String), usize>;

/// Runs the script; returns its alerts and what may explain missing ones.
fn raised(lab: &Lab, workers: u32) -> (Raised, String) {
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let options = Options::rules([rules])
        .workers(workers)
        .set("json_include_message_property", true.into());
    let agent = Agent::start(&options).expect("an agent");
    let session = action::run(lab, SCRIPT).expect("an action").session;
    let trouble = agent.trouble();
    let sessionless = agent
        .alerts()
        .iter()
        .filter(|alert| alert.session().is_none())
        .count();
    let trouble = format!("{trouble}\n{sessionless} alerts without a session");
    let stopped = stop_cleanly(agent).expect("a clean end");
    // Whether setsid or its heir is the parent when the script's shell starts is a race.
    let shell = format!("sh -eu {}/action.sh", lab.path().display());
    let mut raised = Raised::new();
    for alert in of_session(&stopped.alerts, session) {
        if alert.output().contains(&format!("dash {shell} / ")) {
            continue;
        }
        let message = alert.json["message"].as_str().expect("a message");
        // The session's number is the one thing that differs.
        let message = message.replace(&session.to_string(), "SID");
        *raised
            .entry((alert.rule().to_owned(), message))
            .or_default() += 1;
    }
    (raised, trouble)
}

#[test]
fn partitions_do_not_change_alerts() {
    let lab = Lab::new().expect("a laboratory");
    lab.write("sockets.pl", SOCKETS).expect("written");
    let (one, _) = raised(&lab, 1);
    let (four, trouble) = raised(&lab, 4);
    let differences: Vec<String> = one
        .keys()
        .chain(four.keys().filter(|key| !one.contains_key(key)))
        .filter(|key| one.get(key) != four.get(key))
        .map(|key| format!("{:?} or {:?} times {key:?}", one.get(key), four.get(key)))
        .collect();
    assert!(differences.is_empty(), "{differences:#?}\n{trouble}");
    // What the script certainly does, so that two silent agents are not taken for equal ones.
    let total = |rule: &str| -> usize {
        one.iter()
            .filter(|((name, _), _)| name == rule)
            .map(|(_, count)| count)
            .sum()
    };
    assert!(total("started") >= 200, "{one:#?}");
    assert!(total("read") >= 130, "{one:#?}");
    assert_eq!(total("attached"), 3, "{one:#?}");
    assert!(total("moved") >= 5, "{one:#?}");
    assert!(total("changed identity") >= 2, "{one:#?}");
}
