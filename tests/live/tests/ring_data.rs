//! What is sent and received through io_uring: rules see the calls that it amounts to.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;

const RULES: &str = r#"
- rule: moved by a ring
  desc: A program sends or receives without a call.
  condition: >
    evt.type in (sendto, sendmsg, recvfrom, recvmsg) and evt.via=io_uring and proc.name=talker
  output: "%evt.type %fd.num %fd.name %fd.type %fd.lport %fd.rip %fd.rport %fd.is_server %evt.rawres %evt.rawarg.size"
  priority: INFO
- rule: moved by a call
  desc: The same by a call.
  condition: evt.type=sendto and evt.via=syscall and proc.name=talker
  output: "%evt.type %fd.rport"
  priority: INFO
"#;

/// A way of the program, in a network of its own: the port is free there.
macro_rules! talk {
    ($rule:literal, $way:literal, $fields:expr) => {
        Case {
            rule: $rule,
            script: concat!(
                "unshare -n sh -eu <<'END'\nip link set lo up\n$LAB/talker ",
                $way,
                "\nEND"
            ),
            fields: $fields,
        }
    };
}

const CASES: &[Case] = &[
    talk!(
        "moved by a ring",
        "pair",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("fd.type", "unix"),
            ("evt.rawres", "4"),
            ("evt.rawarg.size", "4"),
        ]
    ),
    talk!(
        "moved by a ring",
        "pair",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "101"),
            ("fd.type", "unix"),
            ("evt.rawres", "4"),
            ("evt.rawarg.size", "64"),
        ]
    ),
    talk!(
        "moved by a ring",
        "pair",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "7")
        ]
    ),
    // The first place of the ring's own table.
    talk!(
        "moved by a ring",
        "table",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "1073741824"),
            ("fd.type", "unix"),
            ("evt.rawres", "5"),
        ]
    ),
    talk!(
        "moved by a ring",
        "address",
        &[
            ("evt.type", "sendto"),
            ("fd.rip", "127.0.0.1"),
            ("fd.rport", "6310"),
            ("evt.rawres", "3"),
        ]
    ),
    talk!(
        "moved by a ring",
        "message",
        &[
            ("evt.type", "sendmsg"),
            ("fd.rip", "127.0.0.1"),
            ("fd.rport", "6310"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "11"),
        ]
    ),
    talk!(
        "moved by a ring",
        "message",
        &[
            ("evt.type", "recvmsg"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.is_server", "true"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "64"),
        ]
    ),
    // One request, two receipts.
    talk!(
        "moved by a ring",
        "stay",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "100"),
            ("fd.type", "ipv4"),
            ("evt.rawres", "6"),
        ]
    ),
    talk!(
        "moved by a ring",
        "stay",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "100"),
            ("evt.rawres", "9")
        ]
    ),
    talk!("moved by a call", "stay", &[("fd.rport", "6310")]),
];

#[test]
fn what_rings_send_and_receive_is_seen() {
    let lab = Lab::new().expect("a laboratory, as root");
    let source = concat!(
        include_str!("../src/ring.c"),
        include_str!("../src/talker.c")
    );
    lab.compile("talker", source, &[]).expect("compiled");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let agent = Agent::start(&Options::rules([rules])).expect("an agent");
    check_all(&agent, &lab, CASES).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}
