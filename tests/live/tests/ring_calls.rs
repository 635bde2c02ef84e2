//! What is opened, connected and accepted through io_uring: each request is one event, however often the kernel tries.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::alert::Alert;
use saker_tests_live::case::{Case, check, of_session, outputs, stop_cleanly};
use saker_tests_live::driver::Driver;
use saker_tests_live::evader;
use saker_tests_live::lab::Lab;
use saker_tests_live::talker;

const RULES: &str = r#"
- rule: connection
  desc: A program connects or accepts without a call.
  condition: evt.type in (connect, accept4) and evt.via=io_uring and proc.name=talker
  output: "%evt.type %fd.lport %fd.rport %evt.rawres %fd.num %fd.type"
  priority: INFO
- rule: open
  desc: A program opens a file without a call.
  condition: evt.type in (openat, openat2) and evt.via=io_uring and proc.name=evader
  output: "%evt.type %evt.arg.name %fd.name %evt.rawres %fd.num %evt.arg.flags %fd.ino"
  priority: INFO
- rule: both
  desc: A request that is taken for a call, too.
  condition: evt.type in (openat, openat2) and evt.via=syscall and proc.name=evader and fd.name endswith shadow
  output: "%evt.type %fd.name"
  priority: INFO
- rule: end
  desc: The last action
  condition: evt.type=openat and fd.name endswith /the-last-one
  output: last
  priority: INFO
"#;

/// Results, as a call returns them.
const ENOENT: i64 = -2;
const ECONNREFUSED: i64 = -111;
const EINPROGRESS: i64 = -115;
/// Numbers that a ring's own files have, and one that is not known.
const RINGS_OWN: i64 = 0x4000_0000;

fn start() -> (Agent, Lab) {
    let lab = Lab::new().expect("a laboratory, as root");
    talker::compile(&lab).expect("compiled");
    evader::compile(&lab).expect("compiled");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    (
        Agent::start(&Options::rules([rules])).expect("an agent"),
        lab,
    )
}

/// The alerts of `script`, but for the one that tells that there are no more.
fn alerts(script: &'static str) -> Vec<Alert> {
    let (agent, lab) = start();
    let case = Case {
        rule: "end",
        script,
        fields: &[],
    };
    let last = check(&agent, &lab, &case).expect("the last alert");
    let stopped = stop_cleanly(agent).expect("a clean end");
    let mut raised = of_session(&stopped.alerts, last.session().expect("a session"));
    raised.retain(|alert| alert.rule() != "end");
    raised
}

fn number(alert: &Alert, name: &str) -> i64 {
    let value = alert.field(name).unwrap_or_default();
    value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
}

#[test]
fn connections_are_seen_once() {
    let raised = alerts(
        "unshare -n sh -eu <<'END'\nip link set lo up\n$LAB/talker join\n: > $LAB/the-last-one\nEND",
    );
    let text = outputs(&raised);
    let mut seen = Vec::new();
    for alert in &raised {
        let kind = alert.field("evt.type").unwrap_or_default();
        let (fd, result) = (number(alert, "fd.num"), number(alert, "evt.rawres"));
        assert_eq!(alert.field("fd.type").as_deref(), Some("ipv4"), "{text}");
        let (ends, went) = match kind.as_str() {
            "accept4" => {
                assert!(fd == result && (3..RINGS_OWN).contains(&fd), "{text}");
                (("fd.lport", "fd.rport"), true)
            }
            _ => {
                assert_eq!(fd, 101, "{text}");
                (("fd.rport", "fd.lport"), went(result, &text))
            }
        };
        // A socket that was refused has no ends.
        let port = |name| if went { number(alert, name) } else { 0 };
        seen.push((kind, port(ends.0), port(ends.1), went));
    }
    // Of one that is refused the module sees that it begins.
    let refused = match Driver::tested() {
        Driver::Kmod => ("connect", 6319, 6318, true),
        _ => ("connect", 0, 0, false),
    };
    let wanted = [
        ("connect", 6310, 6316, true),
        ("connect", 6310, 6317, true),
        refused,
        ("accept4", 6310, 6316, true),
        ("accept4", 6310, 6317, true),
        ("accept4", 6310, 6318, true),
    ];
    let wanted = wanted.map(|(kind, to, from, went)| (kind.to_owned(), to, from, went));
    assert_eq!(seen, wanted, "{text}");
}

/// Whether a connect went well, or that is not known yet.
fn went(result: i64, text: &str) -> bool {
    match (Driver::tested(), result) {
        (_, 0) | (Driver::Kmod, EINPROGRESS) => true,
        (Driver::Ebpf, ECONNREFUSED) => false,
        _ => panic!("{result}: {text}"),
    }
}

#[test]
fn opens_are_seen_once() {
    let raised = alerts(
        "for way in uring worker poller linked drained fixed; do $LAB/evader $way /etc/shadow; done\n\
         $LAB/evader uring /etc/there-is-none || :\n\
         : > $LAB/the-last-one",
    );
    let (missing, opened): (Vec<_>, Vec<_>) = raised
        .iter()
        .partition(|alert| alert.field("evt.arg.name").as_deref() != Some("/etc/shadow"));
    assert_eq!(opened.len(), 6, "{}", outputs(&raised));
    for alert in &opened {
        let fd = number(alert, "fd.num");
        assert!(
            fd > 2 && number(alert, "fd.ino") > 0,
            "{}",
            outputs(&raised)
        );
    }
    let own = opened
        .iter()
        .filter(|alert| number(alert, "fd.num") >= RINGS_OWN)
        .count();
    assert_eq!(own, 1, "the file of the ring alone: {}", outputs(&raised));
    let results: Vec<_> = missing
        .iter()
        .map(|alert| number(alert, "evt.rawres"))
        .collect();
    assert_eq!(results, [ENOENT], "{}", outputs(&raised));
}
