//! Captures of rules end: after their time, at their size, and before the disk is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::lab::Lab;
use saker_tests_live::metrics::Page;
use serde_json::json;

/// Longest wait for what the agent is to do, and the pause between two looks.
const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

const RULES: &str = r#"
- rule: short
  desc: A file of the test was opened.
  condition: evt.type in (open, openat, openat2) and fd.num>=0 and fd.filename=short-TOKEN
  output: "%fd.name"
  priority: INFO
  capture: true
  capture_duration: 200
- rule: long
  desc: Another one was.
  condition: evt.type in (open, openat, openat2) and fd.num>=0 and fd.filename=long-TOKEN
  output: "%fd.name"
  priority: INFO
  capture: true
  capture_duration: 600000
"#;

/// Names that compress badly, so that a file grows.
const MANY_OPENS: &str = r#"perl -e '
    for (1 .. 20000) {
        my $name = join "", map { chr(97 + int rand 26) } 1 .. 200;
        open my $file, "<", "/dev/null/$name";
    }'"#;

fn wait(agent: &Agent, what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: {:#?}", agent.stderr());
        std::thread::sleep(POLL);
    }
}

fn logged(agent: &Agent, text: &str) -> usize {
    let lines = agent.stderr();
    lines.iter().filter(|line| line.contains(text)).count()
}

fn captures(agent: &Agent, result: &str) -> f64 {
    let answer = agent.get("/metrics").expect("an answer");
    let page = Page::parse(&answer.body).expect("metrics");
    page.sum("saker_captures_total", &[("result", result)])
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the captures' directory");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn captures_end_after_their_time_at_their_size_and_before_the_disk_is_full() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab
        .write("rules.yaml", &RULES.replace("TOKEN", &lab.token()))
        .expect("written");
    let directory = lab.path().join("captures");
    let options = Options::rules([rules]).set(
        "capture",
        json!({
            "enabled": true,
            "path_prefix": directory.join("test"),
            "max_file_size_mb": 1,
            "max_total_size_mb": 3,
        }),
    );
    let agent = Agent::start(&options).expect("an agent");
    let touch = |name: &str| {
        action::run(&lab, &format!("echo x > $LAB/{name}-$TOKEN")).expect("an action");
    };

    touch("short");
    wait(&agent, "an end after its time", || {
        captures(&agent, "written") == 1.0
    });
    assert_eq!(files(&directory).len(), 1);

    let other = directory.join("test_0_0.saker");
    fs::write(&other, vec![0; 3 << 20]).expect("written");
    touch("short");
    wait(&agent, "a full disk", || captures(&agent, "full") == 1.0);
    assert_eq!(logged(&agent, "no room for a capture"), 1);
    assert_eq!(files(&directory).len(), 2, "nothing new, nothing removed");
    fs::remove_file(&other).expect("removed");

    touch("long");
    let deadline = Instant::now() + LIMIT;
    while logged(&agent, "ends early") == 0 {
        assert!(Instant::now() < deadline, "{:#?}", agent.stderr());
        action::run(&lab, MANY_OPENS).expect("an action");
    }
    wait(&agent, "an end at its size", || {
        captures(&agent, "written") == 2.0
    });
    let largest = files(&directory)
        .iter()
        .map(|path| fs::metadata(path).expect("a file").len())
        .max();
    // What ends it comes after the last chunk that had room: a few hundred bytes.
    assert!(largest < Some((1 << 20) + 4096), "{largest:?}");
    stop_cleanly(agent).expect("a clean stop");
}
