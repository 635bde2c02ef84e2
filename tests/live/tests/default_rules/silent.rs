//! What everybody does must stay silent.

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check, of_session, outputs, stop_cleanly};
use saker_tests_live::lab::Lab;

/// Twins of the actions that raise alerts, and ordinary work.
const SCRIPTS: &[&str] = &[
    "ls -la / /etc /root /tmp; id; id daemon; getent passwd root; getent group; date; hostname; df",
    "cat /etc/passwd /etc/group /etc/hosts /proc/self/status; head -c 1 /proc/self/mem || :",
    "grep -r root /etc/passwd; find /etc -name '*.conf' > $LAB/found; wc -l $LAB/found",
    "cp /bin/ls $LAB/copy; $LAB/copy $LAB; mv $LAB/copy $LAB/moved; chmod 755 $LAB/moved",
    "echo text > /tmp/$TOKEN; cat /tmp/$TOKEN; ln -s $TOKEN /tmp/$TOKEN-l; rm /tmp/$TOKEN*",
    "cd $LAB; mkdir -p a/b; echo x > a/b/c; tar -czf a.tar.gz a; tar -xzf a.tar.gz; rm -r a",
    "dpkg -l > /dev/null; dpkg -S /bin/ls; apt-cache policy coreutils > /dev/null",
    "mkdir $LAB/.ssh; echo key > $LAB/.ssh/id_rsa.pub; cat $LAB/.ssh/id_rsa.pub",
    "echo a > $LAB/.bash_history; echo b >> $LAB/.bash_history; cat $LAB/.bash_history",
    "perl $LAB/loopback.pl",
    "sh -c 'sh -c \"true | true\"; (true; true) & wait'; nice true; env A=b true; sleep 0",
    "unshare -m sh -c 'mount -t tmpfs none /mnt; echo x > /mnt/x'; unshare -n true",
    "kill -0 $$; sh -c 'kill -TERM $$' || :",
];

const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";

/// A connection over the loopback interface, and back.
const LOOPBACK: &str = r#"
use strict;
use Socket;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die;
bind($listener, sockaddr_in(0, INADDR_LOOPBACK)) or die;
listen($listener, 1) or die;
my ($port) = sockaddr_in(getsockname $listener);
socket(my $client, PF_INET, SOCK_STREAM, 0) or die;
connect($client, sockaddr_in($port, INADDR_LOOPBACK)) or die;
accept(my $server, $listener) or die;
"#;

/// Comes last: its alert shows that the agent was looking all the time.
const MARKER: Case = Case {
    rule: "Password hashes read by an unusual program",
    script: "cat /etc/shadow > /dev/null",
    fields: &[("proc.cmdline", "cat /etc/shadow")],
};

#[test]
fn ordinary_work_is_silent() {
    // One worker handles events in the order of time, so the marker's alert is the last one.
    let agent = Agent::start(&Options::default_rules().workers(1)).expect("an agent");
    let lab = Lab::new().expect("a laboratory");
    lab.write("hello.c", HELLO).expect("written");
    lab.write("loopback.pl", LOOPBACK).expect("written");
    let compile = "gcc -O2 -o $LAB/hello $LAB/hello.c; $LAB/hello";
    let scripts = SCRIPTS.iter().chain([&compile]);
    let sessions: Vec<_> = scripts
        .map(|script| {
            (
                script,
                action::run(&lab, script).expect("an action").session,
            )
        })
        .collect();
    check(&agent, &lab, &MARKER).expect("the agent looks");
    let stopped = stop_cleanly(agent).expect("a clean end");
    for (script, session) in sessions {
        let raised = of_session(&stopped.alerts, session);
        assert!(raised.is_empty(), "{script}\nraised {}", outputs(&raised));
    }
}
