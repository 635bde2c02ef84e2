//! What is sent, received, read, written and accepted through io_uring: rules see the calls that it amounts to.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check, check_all, of_session, outputs, stop_cleanly};
use saker_tests_live::lab::Lab;
use saker_tests_live::talker;

const RULES: &str = r#"
- rule: moved by a ring
  desc: A program sends or receives without a call.
  condition: >
    evt.type in (sendto, sendmsg, recvfrom, recvmsg) and evt.via=io_uring and proc.name=talker
  output: "%evt.type %fd.num %fd.name %fd.type %fd.lport %fd.rip %fd.rport %fd.is_server %evt.rawres %evt.rawarg.size"
  priority: INFO
- rule: read or written by a ring
  desc: A program reads or writes without a call.
  condition: evt.type in (read, write, readv, writev) and evt.via=io_uring and proc.name=talker
  output: "%evt.type %fd.num %fd.name %fd.type %fd.rport %evt.rawres %evt.rawarg.size"
  priority: INFO
- rule: accepted by a ring
  desc: A program accepts a connection without a call.
  condition: evt.type=accept4 and evt.via=io_uring and proc.name=talker
  output: "%evt.type %fd.num %fd.type %fd.lport %fd.rip %fd.rport %fd.is_server %evt.rawres"
  priority: INFO
- rule: bound
  desc: A program binds a socket or listens.
  condition: evt.type in (bind, listen) and evt.rawres=0 and proc.name=talker
  output: "%evt.type %fd.num %fd.name %fd.sport %evt.arg.backlog"
  priority: INFO
- rule: removed by a ring
  desc: A program removes a name without a call.
  condition: evt.type=unlinkat and evt.via=io_uring and proc.name=talker and evt.arg.name contains the-last-one
  output: "%evt.type %evt.arg.name %evt.rawres"
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
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "7"),
            ("evt.rawarg.size", "7")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "7"),
            ("evt.rawarg.size", "12")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "writev"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "11")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "readv"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "11"),
            ("evt.rawarg.size", "30")
        ]
    ),
    // From and to buffers that were registered.
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "13"),
            ("evt.rawarg.size", "13")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "13"),
            ("evt.rawarg.size", "14")
        ]
    ),
    // By a worker.
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "6"),
            ("evt.rawarg.size", "6")
        ]
    ),
    // Sockets.
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("evt.rawres", "8"),
            ("evt.rawarg.size", "8")
        ]
    ),
    talk!(
        "read or written by a ring",
        "file",
        &[
            ("evt.type", "read"),
            ("fd.num", "101"),
            ("evt.rawres", "8"),
            ("evt.rawarg.size", "64")
        ]
    ),
    talk!(
        "read or written by a ring",
        "vectors",
        &[
            ("evt.type", "writev"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "15"),
            ("evt.rawarg.size", "15")
        ]
    ),
    talk!(
        "read or written by a ring",
        "vectors",
        &[
            ("evt.type", "readv"),
            ("fd.num", "100"),
            ("fd.type", "file"),
            ("evt.rawres", "15"),
            ("evt.rawarg.size", "25")
        ]
    ),
    // One request, two reads.
    talk!(
        "read or written by a ring",
        "again",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "pipe"),
            ("evt.rawres", "5"),
            ("evt.rawarg.size", "5")
        ]
    ),
    talk!(
        "read or written by a ring",
        "again",
        &[
            ("evt.type", "read"),
            ("fd.num", "100"),
            ("fd.type", "pipe"),
            ("evt.rawres", "6"),
            ("evt.rawarg.size", "6")
        ]
    ),
    // One request, two connections, and what another of the same number receives.
    talk!(
        "accepted by a ring",
        "accept",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6311"),
            ("fd.is_server", "true")
        ]
    ),
    talk!(
        "accepted by a ring",
        "accept",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6312"),
            ("fd.is_server", "true")
        ]
    ),
    talk!(
        "moved by a ring",
        "accept",
        &[
            ("evt.type", "recvfrom"),
            ("fd.num", "101"),
            ("fd.rport", "6311"),
            ("evt.rawres", "6")
        ]
    ),
    talk!(
        "read or written by a ring",
        "accept",
        &[
            ("evt.type", "write"),
            ("fd.num", "101"),
            ("evt.rawres", "8"),
        ]
    ),
    // Into the table of the ring.
    talk!(
        "accepted by a ring",
        "places",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6313"),
            ("fd.is_server", "true"),
            ("fd.num", "1073741824")
        ]
    ),
    talk!(
        "accepted by a ring",
        "places",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6314"),
            ("fd.is_server", "true"),
            ("fd.num", "1073741825")
        ]
    ),
    talk!(
        "accepted by a ring",
        "once",
        &[
            ("fd.type", "ipv4"),
            ("fd.rip", "127.0.0.1"),
            ("fd.lport", "6310"),
            ("fd.rport", "6315"),
            ("fd.is_server", "true"),
            ("fd.num", "1073741824")
        ]
    ),
    talk!(
        "bound",
        "serve",
        &[
            ("evt.type", "bind"),
            ("fd.num", "100"),
            ("fd.name", "127.0.0.1:6310"),
            ("fd.sport", "6310")
        ]
    ),
    talk!(
        "bound",
        "serve",
        &[
            ("evt.type", "listen"),
            ("fd.num", "100"),
            ("fd.sport", "6310"),
            ("evt.arg.backlog", "7")
        ]
    ),
    // A ring of 32 bits.
    talk!(
        "moved by a ring",
        "narrow",
        &[
            ("evt.type", "sendmsg"),
            ("fd.rport", "6310"),
            ("evt.rawres", "17"),
            ("evt.rawarg.size", "17")
        ]
    ),
    talk!(
        "moved by a ring",
        "narrow",
        &[
            ("evt.type", "recvmsg"),
            ("fd.name", "127.0.0.1:6310"),
            ("evt.rawres", "17"),
            ("evt.rawarg.size", "17")
        ]
    ),
    talk!(
        "read or written by a ring",
        "narrow",
        &[
            ("evt.type", "writev"),
            ("fd.name", "/dev/null"),
            ("evt.rawres", "17"),
            ("evt.rawarg.size", "17")
        ]
    ),
    // By a worker, behind another request, behind all others.
    talk!(
        "moved by a ring",
        "ways",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "21")
        ]
    ),
    talk!(
        "moved by a ring",
        "ways",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "22")
        ]
    ),
    talk!(
        "moved by a ring",
        "ways",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "23")
        ]
    ),
    // Success is not told.
    talk!(
        "moved by a ring",
        "quiet",
        &[
            ("evt.type", "sendto"),
            ("fd.num", "100"),
            ("evt.rawres", "0"),
            ("evt.rawarg.size", "31")
        ]
    ),
    talk!(
        "read or written by a ring",
        "quiet",
        &[
            ("evt.type", "write"),
            ("fd.num", "100"),
            ("evt.rawres", "0"),
            ("evt.rawarg.size", "32")
        ]
    ),
    talk!("moved by a call", "stay", &[("fd.rport", "6310")]),
];

/// Without copies there is a second completion, when the memory is free again.
const ZERO: Case = talk!(
    "moved by a ring",
    "zero",
    &[("evt.type", "sendto"), ("evt.rawres", "4")]
);

fn start() -> (Agent, Lab) {
    let lab = Lab::new().expect("a laboratory, as root");
    talker::compile(&lab).expect("compiled");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    (
        Agent::start(&Options::rules([rules])).expect("an agent"),
        lab,
    )
}

#[test]
fn what_rings_move_is_seen() {
    let (agent, lab) = start();
    check_all(&agent, &lab, CASES).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn what_rings_send_without_copies_is_seen_once() {
    let (agent, lab) = start();
    let last = check(&agent, &lab, &ZERO).expect("the last alert");
    let stopped = stop_cleanly(agent).expect("a clean end");
    let raised = of_session(&stopped.alerts, last.session().expect("a session"));
    let moved: Vec<_> = raised
        .iter()
        .filter(|alert| alert.rule() == "moved by a ring")
        .map(|alert| {
            let field = |name| alert.field(name).unwrap_or_default();
            ["evt.type", "fd.rport", "evt.rawres", "evt.rawarg.size"].map(field)
        })
        .collect();
    let wanted = [
        ["sendto", "6310", "14", "14"],
        ["sendmsg", "6310", "11", "11"],
        ["sendto", "6310", "4", "4"],
    ];
    assert_eq!(moved, wanted, "{}", outputs(&raised));
}

/// Of 8192 requests on their way the names of 1024, and of 128 for each processor, are kept: the others are counted.
#[test]
fn what_rings_make_forget_is_counted() {
    const FORGOTTEN: f64 = 256.0;
    let (agent, lab) = start();
    let case = talk!(
        "removed by a ring",
        "many",
        &[("evt.type", "unlinkat"), ("evt.rawres", "-2")]
    );
    check(&agent, &lab, &case).expect("an alert");
    let page = agent.get("/metrics").expect("metrics").body;
    let count = page.lines().find_map(|line| {
        let count = line.strip_prefix("saker_uring_forgotten_total ")?;
        count.parse::<f64>().ok()
    });
    assert!(count >= Some(FORGOTTEN), "{count:?}");
    stop_cleanly(agent).expect("a clean end");
}
