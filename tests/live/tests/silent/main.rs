//! Processes that run before the agent: their arguments are known, and whose memory does not answer holds up nobody.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::lab::Lab;
use saker_tests_live::metrics::Page;

const RULES: &str = "
- rule: opened
  desc: By one that was there before
  condition: evt.type in (open, openat) and fd.name endswith /the-file
  output: >
    %proc.name %proc.exe %proc.args %proc.env[FIRST] %proc.cmdline
    %proc.pcmdline %proc.aname[1] %proc.acmdline[1] %proc.aenv[FIRST]
  priority: WARNING
";

/// Longest time until an open has become an alert.
const LIMIT: Duration = Duration::from_secs(10);

/// More than an agent has for its start.
const HELD: Duration = Duration::from_secs(45);

/// A program that has said that it is up, and ends with its input.
struct Waiting {
    child: Child,
    input: Option<ChildStdin>,
}

impl Waiting {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "up\n", "it ended before");
        Self { child, input }
    }

    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Waiting {
    /// Whatever the test came to: nobody's tools may wait for its processes.
    fn drop(&mut self) {
        drop(self.input.take());
        _ = self.child.wait();
    }
}

fn silent(lab: &Lab) -> Waiting {
    let actor = lab
        .compile("actor", include_str!("actor.c"), &[])
        .expect("compiled");
    let mount = lab.path().join("mount");
    fs::create_dir(&mount).expect("a directory");
    Waiting::start(Command::new(actor).arg(mount))
}

/// A program that ends when it is told to, or after [`HELD`]: an agent that waits for it cannot even be killed.
struct Held {
    end: mpsc::Sender<()>,
    keeper: JoinHandle<()>,
}

impl Held {
    fn new(program: Waiting) -> Self {
        let (end, ends) = mpsc::channel();
        let keeper = thread::spawn(move || {
            let told = ends.recv_timeout(HELD);
            program.end();
            told.expect("the agent starts meanwhile");
        });
        Self { end, keeper }
    }

    fn end(self) {
        self.end.send(()).expect("it is there");
        self.keeper.join().expect("its end");
    }
}

fn late(agent: &Agent) -> f64 {
    let page = agent.get("/metrics").expect("metrics").body;
    let page = Page::parse(&page).expect("metrics");
    page.sum("saker_state_events_total", &[("kind", "arguments_late")])
}

#[test]
fn arguments_of_what_runs_are_known_and_who_does_not_tell_them_holds_up_nobody() {
    let lab = Lab::new().expect("a laboratory, as root");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let file = lab.write("the-file", "x").expect("written");
    let script = "echo up; read line; : <\"$1\"; /bin/cat \"$1\" >/dev/null; exit";
    let before = Waiting::start(
        Command::new("/bin/sh")
            .args(["-c", script, "a name", &file.to_string_lossy(), "", "a b"])
            .env_clear()
            .envs([("FIRST", "one"), ("LAST", "a b")]),
    );
    let silent = Held::new(silent(&lab));
    let agent = Agent::start(&Options::rules([rules])).expect("an agent, in time");
    silent.end();
    assert!(late(&agent) >= 1.0, "{}", agent.trouble());
    let said = agent.wait_line(LIMIT, "did not answer in time");
    assert!(said.is_some(), "{}", agent.trouble());

    check(&agent, before, &file, script);
    stop_cleanly(agent).expect("a clean end");
}

/// The shell opens the file, then a child that it starts.
fn check(agent: &Agent, mut before: Waiting, file: &Path, script: &str) {
    let mut input = before.input.take().expect("its input");
    input.write_all(b"\n").expect("it reads");
    before.input = Some(input);
    let of = |name: &str| {
        let found = agent.wait_alert(LIMIT, |alert| {
            alert.field("proc.name").as_deref() == Some(name)
        });
        found.unwrap_or_else(|| panic!("no alert of {name}: {}", agent.trouble()))
    };
    let args = format!("-c {script} a name {}  a b", file.display());
    let cmdline = format!("sh {args}");
    let shell = of("sh");
    for (field, value) in [
        ("proc.exe", "/bin/sh"),
        ("proc.args", &args),
        ("proc.env[FIRST]", "one"),
        ("proc.cmdline", &cmdline),
    ] {
        assert_eq!(shell.field(field).as_deref(), Some(value), "{field}");
    }
    let child = of("cat");
    for (field, value) in [
        ("proc.aname[1]", "sh"),
        ("proc.pcmdline", &*cmdline),
        ("proc.acmdline[1]", &cmdline),
        ("proc.aenv[FIRST]", "one"),
    ] {
        assert_eq!(child.field(field).as_deref(), Some(value), "{field}");
    }
    before.end();
}
