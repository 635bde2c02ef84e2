//! Programs that start and end are known from records alone: the agent opens nothing of theirs in /proc.

use std::collections::BTreeSet;
use std::time::Duration;

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::lab::Lab;

/// Programs started.
const PROGRAMS: usize = 300;

/// Longest time until a record has become an alert.
const LIMIT: Duration = Duration::from_secs(30);

const STARTS: &str = r#"
- rule: started
  desc: A program started.
  condition: evt.type=execve and evt.rawres=0 and proc.name in (true, last)
  output: "%proc.pid %proc.name %proc.pname %proc.cmdline %user.name %container.id"
  priority: INFO
- rule: ended
  desc: A program ended.
  condition: evt.type=procexit and proc.name=true
  output: "%proc.pid %proc.name %proc.aname[2]"
  priority: INFO
"#;

/// What the other agent sees of the first: every path in /proc that it opens, or cannot open any more because
/// the program has ended meanwhile.
fn opens(pid: u32) -> String {
    format!(
        "- rule: opened\n  desc: The agent under test opened something.\n  condition: >\n    \
         evt.type in (open, openat, openat2) and proc.pid={pid} and\n    \
         (fd.name startswith /proc/ or evt.abspath startswith /proc/)\n  \
         output: \"%evt.abspath %fd.name\"\n  priority: INFO\n\
         - rule: over\n  desc: All has been done.\n  \
         condition: evt.type=execve and proc.name=last\n  output: over\n  priority: INFO\n"
    )
}

#[test]
fn nothing_is_opened_for_starts_and_ends() {
    let lab = Lab::new().expect("a laboratory");
    let starts = lab.write("starts.yaml", STARTS).expect("written");
    let agent = Agent::start(&Options::rules([starts])).expect("an agent");
    let watch = lab
        .write("opens.yaml", &opens(agent.pid()))
        .expect("written");
    let watcher = Agent::start(&Options::rules([watch])).expect("another agent");
    let last = lab
        .copy_program("/bin/true".as_ref(), "last")
        .expect("copied");
    let script = format!(
        "i=0; while [ $i -lt {PROGRAMS} ]; do /bin/true; i=$((i + 1)); done; {}",
        last.display()
    );
    action::run(&lab, &script).expect("an action");
    for (name, agent) in [("last", &agent), ("over", &watcher)] {
        let done = |alert: &saker_tests_live::alert::Alert| {
            alert.rule() == name || alert.field("proc.name").as_deref() == Some(name)
        };
        let done = agent.wait_alert(LIMIT, done);
        assert!(done.is_some(), "{name}\n{}", agent.trouble());
    }
    let pids: BTreeSet<String> = agent
        .alerts()
        .iter()
        .filter_map(|alert| alert.field("proc.pid"))
        .collect();
    assert!(pids.len() > PROGRAMS, "{}: {}", pids.len(), agent.trouble());
    let opened: Vec<String> = watcher
        .alerts()
        .iter()
        .filter_map(|alert| {
            alert
                .field("evt.abspath")
                .or_else(|| alert.field("fd.name"))
        })
        .filter(|name| {
            let pid = name.split('/').nth(2).unwrap_or_default();
            pids.contains(pid)
        })
        .collect();
    assert!(opened.is_empty(), "{opened:?}");
    // The other agent does see what the first one opens: its memory's use is read from /proc.
    agent.get("/metrics").expect("metrics");
    let own = watcher.wait_alert(LIMIT, |alert| {
        alert
            .field("fd.name")
            .is_some_and(|name| name.ends_with("/statm"))
    });
    assert!(own.is_some(), "the watcher is blind: {}", watcher.trouble());
    watcher.stop().expect("an end");
    stop_cleanly(agent).expect("a clean end");
}
