//! What is done to names, by names that hide where they lead: rules see what the kernel acted on, and each action
//! once. Where the kernel does not let the driver see it, the agent says so and goes by the names as given.

use std::fs;

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::alert::Alert;
use saker_tests_live::case::{Case, check_all, of_session, outputs, stop_cleanly};
use saker_tests_live::evader;
use saker_tests_live::functions;
use saker_tests_live::kernel;
use saker_tests_live::lab::Lab;

const RULES: &str = "
- rule: one
  desc: What is done to a name
  condition: >
    evt.type in (chmod, fchmodat, fchmod, chown, lchown, fchownat, fchown, unlink, unlinkat, mkdir,
    mkdirat, rmdir) and fs.path.name startswith /var/lib/ and fs.path.name endswith /real/victim
  output: one %evt.type %fs.path.name
  priority: WARNING
- rule: node
  desc: What is made
  condition: evt.type=mknod and evt.arg.path startswith /var/lib/ and evt.arg.path endswith /real/victim
  output: node %evt.type
  priority: WARNING
- rule: two
  desc: What gets another name
  condition: >
    evt.type in (link, linkat, rename, renameat, renameat2)
    and fs.path.target startswith /var/lib/ and fs.path.target endswith /real/victim
  output: two %evt.type %fs.path.target %fs.path.source
  priority: WARNING
- rule: link
  desc: A symbolic link
  condition: >
    evt.type in (symlink, symlinkat) and fs.path.source startswith /var/lib/ and fs.path.source endswith /real/victim
  output: link %evt.type %fs.path.source
  priority: WARNING
- rule: ring
  desc: What a ring does to directories
  condition: >
    evt.via=io_uring and evt.rawres=0 and ((evt.type=mkdirat and fs.path.name endswith /real/old)
    or (evt.type=unlinkat and fs.path.name endswith /real/new)
    or (evt.type=renameat2 and fs.path.target endswith /real/old))
  output: ring %evt.type %fs.path.name %fs.path.target
  priority: WARNING
";

/// Calls of actor.c that a rule looks for, and the field that has the real name.
const CALLS: [(&str, &str); 20] = [
    ("mknod", "fs.realpath.name"),
    ("chmod", "fs.realpath.name"),
    ("fchmodat", "fs.realpath.name"),
    ("chown", "fs.realpath.name"),
    ("lchown", "fs.realpath.name"),
    ("fchownat", "fs.realpath.name"),
    ("fchmod", "fd.realpath"),
    ("fchown", "fd.realpath"),
    ("link", "fs.realpath.target"),
    ("linkat", "fs.realpath.target"),
    ("rename", "fs.realpath.target"),
    ("renameat", "fs.realpath.target"),
    ("renameat2", "fs.realpath.target"),
    ("unlink", "fs.realpath.name"),
    ("mkdir", "fs.realpath.name"),
    ("rmdir", "fs.realpath.name"),
    ("mkdirat", "fs.realpath.name"),
    ("unlinkat", "fs.realpath.name"),
    ("symlink", "fs.realpath.source"),
    ("symlinkat", "fs.realpath.source"),
];

/// Ways into the directory `$LAB/real` by another name.
const WAYS: [&str; 5] = [
    "$LAB/actor /proc/self/root$LAB/real",
    "ln -s real $LAB/link; $LAB/actor $LAB/link",
    "cd $LAB/real; $LAB/actor /proc/self/cwd",
    "mkdir $LAB/bind\n\
     unshare -m sh -euc 'mount --bind $0/real $0/bind; $0/actor $0/bind' $LAB",
    "$LAB/actor -in $LAB/real /",
];

fn start() -> (Agent, Lab) {
    let lab = Lab::new().expect("a laboratory, as root");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let agent = Agent::start(&Options::rules([rules])).expect("an agent");
    lab.compile("actor", include_str!("actor.c"), &[])
        .expect("compiled");
    (agent, lab)
}

/// Whether the driver sees it here.
fn is_told(agent: &Agent) -> bool {
    functions::has(agent, "acted_paths", "by the names as given alone")
}

/// Runs a script in a fresh `$LAB/real`; returns its session.
fn run(lab: &Lab, script: &str) -> i64 {
    let real = lab.path().join("real");
    match fs::remove_dir_all(&real) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => fs::create_dir(&real).expect("a directory"),
    }
    action::run(lab, script).expect("an action").session
}

/// Calls whose alert is missing or came more than once, or says something else of the real name.
fn wrong(raised: &[Alert], real: Option<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (call, field) in CALLS {
        let of_call: Vec<_> = raised
            .iter()
            .filter(|alert| alert.field("evt.type").as_deref() == Some(call))
            .collect();
        match of_call[..] {
            [alert] if alert.field(field).as_deref() == real => {}
            [alert] => wrong.push(format!("{call}: {}", alert.output())),
            _ => wrong.push(format!("{call}: {} alerts", of_call.len())),
        }
    }
    wrong
}

#[test]
fn what_is_done_to_a_name_is_seen_whatever_it_is_called() {
    let (agent, lab) = start();
    let told = is_told(&agent);
    let plain = run(&lab, "$LAB/actor $LAB/real");
    let sessions = WAYS.map(|way| run(&lab, way));
    let elsewhere = run(&lab, "mkdir $LAB/other; $LAB/actor $LAB/other");
    let path = lab.path().to_string_lossy().into_owned();
    let real = format!("{path}/real/victim");
    let stopped = stop_cleanly(agent).expect("a clean end");

    let raised = of_session(&stopped.alerts, plain);
    let none: Vec<String> = Vec::new();
    assert_eq!(wrong(&raised, None), none, "{}", outputs(&raised));
    for (session, way) in sessions.into_iter().zip(WAYS) {
        let raised = of_session(&stopped.alerts, session);
        if told {
            assert_eq!(
                wrong(&raised, Some(&real)),
                none,
                "{way}{}",
                outputs(&raised)
            );
        } else {
            assert!(raised.is_empty(), "{way}{}", outputs(&raised));
        }
    }
    let raised = of_session(&stopped.alerts, elsewhere);
    assert!(raised.is_empty(), "{}", outputs(&raised));
}

/// What the driver tells of requests is put to them.
#[test]
fn what_io_uring_does_to_a_name_is_seen() {
    let (agent, lab) = start();
    if !is_told(&agent) {
        stop_cleanly(agent).expect("a clean end");
        return;
    }
    evader::compile(&lab).expect("compiled");
    fs::create_dir(lab.path().join("real")).expect("a directory");
    let case = |script, fields| Case {
        rule: "ring",
        script,
        fields,
    };
    let mut cases = vec![
        case(
            "ln -sfn real $LAB/link; mkdir $LAB/real/old\n\
             $LAB/evader ring-rename $LAB/link/old $LAB/link/new; rmdir $LAB/real/new",
            &[
                ("evt.type", "renameat2"),
                ("fs.path.target", "$LAB/link/old"),
                ("fs.realpath.source", "$LAB/real/new"),
                ("fs.realpath.target", "$LAB/real/old"),
            ],
        ),
        case(
            "ln -sfn real $LAB/link; : > $LAB/real/new; $LAB/evader ring-unlink $LAB/link/new",
            &[
                ("evt.type", "unlinkat"),
                ("fs.path.name", "$LAB/link/new"),
                ("fs.realpath.name", "$LAB/real/new"),
            ],
        ),
    ];
    if !kernel::is_old().expect("a release") {
        cases.push(case(
            "ln -sfn real $LAB/link; $LAB/evader change $LAB/link",
            &[
                ("evt.type", "mkdirat"),
                ("fs.path.name", "$LAB/link/old"),
                ("fs.realpath.name", "$LAB/real/old"),
            ],
        ));
    }
    check_all(&agent, &lab, &cases).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}
