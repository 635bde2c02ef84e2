//! What is sent, received, read, written and accepted through io_uring: rules see the calls that it amounts to.

#[macro_use]
mod cases;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check, check_all, of_session, outputs, stop_cleanly};
use saker_tests_live::lab::Lab;
use saker_tests_live::talker;

use crate::cases::CASES;

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
