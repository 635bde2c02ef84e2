//! The stable stock rules, unmodified: they load, and what they detect is told as in the reference.

use std::path::PathBuf;
use std::process::Command;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;
use saker_tests_live::{command, host};
use serde_json::json;

mod reference;

/// Actions whose alerts the reference has, by its names for them.
const REFERENCED: &[(&str, Case)] = &[
    (
        "shadow_cat",
        Case {
            rule: "Read sensitive file untrusted",
            script: "cat /etc/shadow > /dev/null",
            fields: &[("proc.pname", "sh")],
        },
    ),
    (
        "shadow_untrusted_openat",
        Case {
            rule: "Read sensitive file untrusted",
            script: "cd $LAB; PATH=$LAB:$PATH lab_untrusted readfile /etc/shadow",
            fields: &[("proc.pname", "sh")],
        },
    ),
    (
        "shadow_untrusted_dirfd",
        Case {
            rule: "Read sensitive file untrusted",
            script: "$LAB/lab_untrusted openrel /etc shadow",
            fields: &[("proc.pname", "sh")],
        },
    ),
    (
        "shadow_traversal",
        Case {
            rule: "Directory traversal monitored file read",
            // The rule leaves out children of shells.
            script: "$LAB/lab_untrusted spawn $LAB/lab_untrusted readfile \
                     /etc/../etc/../etc/shadow",
            fields: &[("proc.pname", "lab_untrusted")],
        },
    ),
    (
        "trusted_after_startup",
        Case {
            rule: "Read sensitive file trusted after startup",
            script: "$LAB/nginx lateread /etc/shadow",
            fields: &[("proc.pcmdline", "sh -eu $LAB/action.sh")],
        },
    ),
    (
        "shell_from_httpd",
        Case {
            rule: "Run shell untrusted",
            script: "$LAB/httpd spawn /bin/bash -c 'id > /dev/null; true'",
            fields: &[
                ("proc.pname", "httpd"),
                (
                    "proc.pcmdline",
                    "httpd spawn /bin/bash -c id > /dev/null; true",
                ),
                ("proc.pexe", "$LAB/httpd"),
                ("proc.pexepath", "$LAB/httpd"),
                ("proc.aname[2]", "sh"),
            ],
        },
    ),
    (
        "grep_private_key",
        Case {
            rule: "Search Private Keys or Passwords",
            script: "grep -r 'BEGIN RSA PRIVATE' $LAB || :",
            fields: &[("proc.pname", "sh")],
        },
    ),
    (
        "clear_log",
        Case {
            rule: "Clear Log Activities",
            script: "echo text > $LAB/mysqld.log; $LAB/lab_untrusted truncfile $LAB/mysqld.log",
            fields: &[("proc.pname", "sh"), ("proc.name", "lab_untrusted")],
        },
    ),
    (
        "symlink_shadow",
        Case {
            rule: "Create Symlink Over Sensitive Files",
            script: "ln -sf /etc/shadow $LAB/sl_shadow",
            fields: &[("proc.pname", "sh")],
        },
    ),
    (
        "hardlink_shadow",
        Case {
            rule: "Create Hardlink Over Sensitive Files",
            script: "ln /etc/shadow $LAB/hl_shadow; rm $LAB/hl_shadow",
            fields: &[("proc.pname", "sh")],
        },
    ),
    (
        "ptrace_attach",
        Case {
            rule: "PTRACE attached to process",
            script: "$LAB/lab_untrusted attach",
            fields: &[
                ("proc.pname", "sh"),
                ("proc.pcmdline", "sh -eu $LAB/action.sh"),
            ],
        },
    ),
    (
        "exec_dev_shm",
        Case {
            rule: "Execution from /dev/shm",
            script: "sh -c 'cp /bin/true /dev/shm/lab_true; /dev/shm/lab_true arg1; \
                     rm -f /dev/shm/lab_true'",
            fields: &[
                ("proc.name", "lab_true"),
                ("proc.pname", "sh"),
                (
                    "proc.pcmdline",
                    "sh -c cp /bin/true /dev/shm/lab_true; /dev/shm/lab_true arg1; \
                     rm -f /dev/shm/lab_true",
                ),
                ("proc.cwd", "/"),
            ],
        },
    ),
    (
        "memfd_exec",
        Case {
            rule: "Fileless execution via memfd_create",
            script: "$LAB/lab_untrusted memory /bin/true",
            fields: &[("proc.pname", "sh"), ("proc.cwd", "/")],
        },
    ),
];

/// Actions of host rules that the reference does not have.
const OTHERS: &[Case] = &[
    Case {
        rule: "Remove Bulk Data from Disk",
        script: "echo text > $LAB/data; shred $LAB/data",
        fields: &[("proc.name", "shred"), ("proc.cmdline", "shred $LAB/data")],
    },
    Case {
        rule: "PTRACE anti-debug attempt",
        script: "$LAB/lab_untrusted traceme",
        fields: &[
            ("evt.type", "ptrace"),
            ("proc.cmdline", "lab_untrusted traceme"),
        ],
    },
    Case {
        rule: "Find AWS Credentials",
        script: "find $LAB -path '*/.aws/credentials'",
        fields: &[("proc.name", "find"), ("proc.exepath", "/usr/bin/find")],
    },
    Case {
        rule: "System user interactive",
        script: "$LAB/sshd spawn /usr/bin/setpriv --reuid=1 --regid=1 --clear-groups /bin/true",
        fields: &[
            ("user.name", "daemon"),
            ("proc.name", "true"),
            ("user.uid", "1"),
        ],
    },
    Case {
        rule: "Disallowed SSH Connection Non Standard Port",
        script: "cp /usr/bin/perl $LAB/ssh; unshare -n sh -eu <<'END'\n\
            ip address add 192.0.2.1/24 dev lo; ip link set lo up\n\
            $LAB/ssh $LAB/connect.pl 192.0.2.1 443\nEND",
        fields: &[
            ("proc.name", "ssh"),
            ("fd.l4proto", "tcp"),
            ("fd.type", "ipv4"),
        ],
    },
];

/// Silent, as in the reference.
const SILENT: &[&str] = &[
    "bash -c 'read x < /etc/shadow'",
    "setpriv --reuid=65534 --regid=65534 --clear-groups \
     $LAB/lab_untrusted readfile /etc/shadow || :",
];

/// Listens on an address and port and connects to itself.
const CONNECT: &str = r#"
use strict;
use Socket;
my $address = sockaddr_in($ARGV[1], inet_aton($ARGV[0]));
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die;
bind($listener, $address) or die;
listen($listener, 1) or die;
socket(my $client, PF_INET, SOCK_STREAM, 0) or die;
connect($client, $address) or die;
"#;

fn stock_rules() -> PathBuf {
    host::compat_data()
        .expect("compatibility data")
        .join("falco-rules/falco_rules.yaml")
}

/// An agent with the stock rules, and a laboratory with the actors.
fn start() -> (Agent, Lab) {
    // The additions that the reference was made with, and the session.
    let additions = json!([
        {"match": {"source": "syscall"}, "suggested_output": true},
        {"match": {"source": "syscall"}, "extra_fields": ["proc.sid"]},
    ]);
    let options = Options::rules([stock_rules()])
        .set("append_output", additions)
        .set("json_include_message_property", true.into());
    let agent = Agent::start(&options).expect("an agent");
    let lab = Lab::new().expect("a laboratory");
    let actor = lab
        .compile("lab_untrusted", include_str!("actor.c"), &[])
        .expect("compiled");
    for name in ["nginx", "httpd", "sshd"] {
        lab.copy_program(&actor, name).expect("copied");
    }
    lab.write("connect.pl", CONNECT).expect("written");
    (agent, lab)
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_stock_rules_load_unmodified() {
    let program = host::agent_program().expect("an agent");
    let ended =
        command::run(Command::new(program).arg("check").arg(stock_rules())).expect("an end");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("25 rule(s) in 1 file(s)"),
        "{}",
        ended.stdout
    );
    let (agent, _lab) = start();
    let lines = agent.stderr();
    let rules = lines
        .iter()
        .find(|line| line.starts_with("rules: "))
        .expect("a line on rules");
    assert!(rules.contains(" of 25 active"), "{lines:#?}");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_alerts_are_those_of_the_reference() {
    let reference = reference::load().expect("the reference");
    let (agent, lab) = start();
    let mut failures = Vec::new();
    for (name, case) in REFERENCED {
        let result = check(&agent, &lab, case)
            .and_then(|alert| reference::compare(&alert, &reference, name, case.rule, lab.path()));
        failures.extend(result.err().map(|error| format!("{name}: {error:#}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    stop_cleanly(agent).expect("a clean end");
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_host_rules_detect_their_actions() {
    let (agent, lab) = start();
    check_all(&agent, &lab, OTHERS).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_silent_actions_are_silent() {
    let (agent, lab) = start();
    let run = |script| {
        saker_tests_live::action::run(&lab, script)
            .expect("an action")
            .session
    };
    let sessions: Vec<i64> = SILENT.iter().map(|script| run(script)).collect();
    check(&agent, &lab, &REFERENCED[0].1).expect("the agent looks");
    let stopped = stop_cleanly(agent).expect("a clean end");
    for session in sessions {
        let raised = saker_tests_live::case::of_session(&stopped.alerts, session);
        assert!(
            raised.is_empty(),
            "{}",
            saker_tests_live::case::outputs(&raised)
        );
    }
}
