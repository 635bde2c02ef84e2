//! Who fills the tables of the state hides nothing by it, nor who has another thread change what the kernel keeps
//! for each thread.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;
use saker_tests_live::metrics::Page;

const RULES: &str = "
- rule: shadow
  desc: By the call whose descriptor is not taken for a file's where nothing is known of it
  condition: evt.type=open and fd.typechar='f' and fd.name=/etc/shadow
  output: opens %fd.name %user.uid %proc.name
  priority: WARNING
- rule: read
  desc: A name from before
  condition: evt.type=read and fd.name=/etc/shadow
  output: reads %fd.name
  priority: WARNING
- rule: connected
  desc: A connection
  condition: evt.type=connect and fd.typechar=4 and fd.sip=127.0.0.1 and proc.name=actor
  output: connects %fd.name
  priority: WARNING
- rule: input
  desc: A connection that stands for input
  condition: evt.type in (dup, dup2, dup3) and fd.num=0 and fd.type in (ipv4, ipv6) and proc.name=actor
  output: input %fd.name %fd.num
  priority: WARNING
- rule: module
  desc: Who may load modules and tries
  condition: evt.type=finit_module and thread.cap_effective icontains sys_module
  output: module %thread.cap_effective %user.uid
  priority: WARNING
- rule: opened
  desc: Whose file it is
  condition: evt.type in (open, openat) and fd.name endswith /the-file
  output: opened %user.uid %thread.cap_effective
  priority: WARNING
";

/// More than a table of descriptors holds.
const CROWD: &str = "4200";

const fn case(
    rule: &'static str,
    script: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        rule,
        script,
        fields,
    }
}

fn start() -> (Agent, Lab) {
    let lab = Lab::new().expect("a laboratory, as root");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    lab.write("the-file", "x").expect("written");
    let agent = Agent::start(&Options::rules([rules])).expect("an agent");
    lab.compile("actor", include_str!("actor.c"), &["-pthread"])
        .expect("compiled");
    (agent, lab)
}

#[test]
fn a_crowd_of_descriptors_hides_nothing() {
    let (agent, lab) = start();
    let cases = [
        case("shadow", "$LAB/actor open 4200 /etc/shadow", &[]),
        case("read", "$LAB/actor before 4200 /etc/shadow", &[]),
        case("connected", "$LAB/actor connect 4200 -", &[]),
        case("input", "$LAB/actor connect 4200 -", &[("fd.num", "0")]),
    ];
    assert!(cases.iter().all(|case| case.script.contains(CROWD)));
    check_all(&agent, &lab, &cases).expect("every alert");
    let page = agent.get("/metrics").expect("metrics").body;
    let page = Page::parse(&page).expect("well formed");
    let forgotten = page.sum("saker_state_events_total", &[("kind", "fd_overflow")]);
    assert!(forgotten >= 4.0 * 100.0, "counted: {forgotten}");
    stop_cleanly(agent).expect("a clean end");
}

#[test]
fn credentials_are_those_of_the_thread() {
    let (agent, lab) = start();
    let cases = [
        case("module", "$LAB/actor caps - -", &[("user.uid", "0")]),
        case(
            "opened",
            "$LAB/actor user - $LAB/the-file",
            &[("user.uid", "0")],
        ),
        case(
            "opened",
            "$LAB/actor worker - $LAB/the-file",
            &[("user.uid", "1234"), ("thread.cap_effective", "")],
        ),
        case("module", "$LAB/actor room - -", &[("user.uid", "1234")]),
    ];
    check_all(&agent, &lab, &cases).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}
