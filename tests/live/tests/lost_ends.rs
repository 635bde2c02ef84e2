//! Processes whose end the agent never heard of do not stay in its tables.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::lab::Lab;
use saker_tests_live::metrics::Page;
use serde_json::json;

/// Processes that end while every ring is full. Many more than begin and end on the rest of the host between
/// two looks at it.
const SLEEPERS: usize = 60;
/// Of which so many may still be there, or others instead of them.
const SLACK: f64 = 20.0;
/// Forks on each CPU that fill the rings.
const FORKS: usize = 4_000;
/// Longest time until all have started, and until the dead are gone.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at the metrics.
const POLL: Duration = Duration::from_millis(50);

const STARTED: &str = r#"
- rule: started
  desc: A sleeper started.
  condition: evt.type=execve and evt.rawres=0 and proc.name=sleeper
  output: "%proc.pid"
  priority: INFO
"#;

/// Ended and waited for when dropped.
struct Sleepers(Vec<Child>);

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail for one that was ended before.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(agent: &Agent, signal: Signal) {
    let pid = i32::try_from(agent.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), signal).expect("signalled");
}

/// Forks on all CPUs at once.
fn flood() {
    let script = format!("i=0; while [ $i -lt {FORKS} ]; do (:); i=$((i + 1)); done");
    let cpus = std::thread::available_parallelism().expect("CPUs").get();
    let shells: Vec<Child> = (0..cpus)
        .map(|cpu| {
            let mut shell = Command::new("taskset");
            shell.args(["-c", &cpu.to_string(), "sh", "-c", &script]);
            shell.spawn().expect("a shell")
        })
        .collect();
    for mut shell in shells {
        assert!(shell.wait().expect("an end").success());
    }
}

/// Processes that have a program.
fn living() -> f64 {
    let entries = std::fs::read_dir("/proc").expect("/proc");
    let programs = entries.filter(|entry| {
        let path = entry.as_ref().expect("an entry").path();
        path.join("exe").read_link().is_ok()
    });
    // One of them is a link to another.
    programs.count() as f64
}

fn page(agent: &Agent) -> Page {
    let answer = agent.get("/metrics").expect("an answer");
    Page::parse(&answer.body).expect("metrics")
}

#[test]
fn the_dead_do_not_stay_when_their_end_was_lost() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab.write("started.yaml", STARTED).expect("written");
    let options = Options::rules([rules]).set("ring_buffer_total_mib", json!(1));
    let agent = Agent::start(&options).expect("an agent");
    let sleeper = lab
        .copy_program("/bin/sleep".as_ref(), "sleeper")
        .expect("copied");
    let spawn = |_| Command::new(&sleeper).arg("1000").spawn().expect("asleep");
    let sleepers = Sleepers((0..SLEEPERS).map(spawn).collect());
    for child in &sleepers.0 {
        let pid = child.id().to_string();
        let told = agent.wait_alert(LIMIT, |alert| {
            alert.field("proc.pid").as_deref() == Some(&*pid)
        });
        assert!(told.is_some(), "{pid}: {}", agent.trouble());
    }
    signal(&agent, Signal::STOP);
    flood();
    drop(sleepers);
    signal(&agent, Signal::CONT);
    let deadline = Instant::now() + LIMIT;
    loop {
        let page = page(&agent);
        let found = page.sum("saker_state_events_total", &[("kind", "ends_missed")]);
        let held = page.sum("saker_state_entries", &[("kind", "processes")]);
        let living = living();
        if found > 0.0 && held <= living + SLACK {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{held} processes are known, {living} live\n{}",
            agent.trouble()
        );
        std::thread::sleep(POLL);
    }
    let lost = page(&agent).sum("saker_dropped_records_total", &[]);
    assert!(lost > 0.0, "nothing was lost, so nothing was tested");
    stop_cleanly(agent).expect("a clean end");
}
