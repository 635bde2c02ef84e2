//! What is recorded is what happened: replayed alerts are those of the run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use saker_tests_live::action;
use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::alert::Alert;
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::command::{Ended, run};
use saker_tests_live::host::agent_program;
use saker_tests_live::lab::Lab;
use serde_json::{Value, json};

/// Longest wait for a capture to begin.
const LIMIT: Duration = Duration::from_secs(20);

/// Rules on what the script does, with lineage and state; the first one asks for a capture.
const RULES: &str = r#"
- rule: begin
  desc: The first file of the test was opened.
  condition: evt.type in (open, openat, openat2) and fd.num>=0 and fd.filename=data-TOKEN
  output: "%fd.name %proc.name %proc.cmdline %proc.cwd %proc.pname %proc.aname[2] %user.name"
  priority: INFO
  capture: true
  capture_duration: 60000
- rule: started
  desc: A program started.
  condition: evt.type in (execve, execveat) and evt.rawres=0
  output: >
    %proc.name %proc.exepath %proc.cmdline %proc.cwd %proc.pname %proc.pcmdline %proc.aname[2]
    %proc.aname[3] %proc.is_exe_writable %user.name %user.uid
  priority: INFO
- rule: attached
  desc: A standard stream became a socket.
  condition: evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) and fd.type=ipv4
  output: "%evt.type %evt.rawres %fd.type %fd.sip %fd.l4proto %proc.name %proc.pname"
  priority: INFO
- rule: moved
  desc: A process entered a directory.
  condition: evt.type in (chdir, fchdir) and evt.rawres=0
  output: "%proc.cwd %proc.name %proc.pname %proc.aname[2]"
  priority: INFO
- rule: changed identity
  desc: A process took another user.
  condition: evt.type in (setuid, setresuid, setgid, setresgid) and evt.rawres=0
  output: "%evt.type %user.name %user.uid %group.gid %proc.name %proc.pname"
  priority: INFO
"#;

/// What begins the capture.
const FIRST: &str = r#"
echo x > $LAB/data-$TOKEN
cat $LAB/data-$TOKEN
mkdir $LAB/a
"#;

const SCRIPT: &str = r#"
cd $LAB/a
sh -c 'cd ..; sh -c "cat data-$TOKEN; true"; true'
( ( ( cat ../data-$TOKEN; true ); cd /; true ); true )
perl -e 'use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die; bind($s, sockaddr_in(0, INADDR_LOOPBACK));
    use POSIX (); POSIX::dup2(fileno $s, 0); exec "true"'
setpriv --reuid=1 --regid=1 --clear-groups sh -c 'id -u'
i=0
while [ $i -lt 20 ]; do
    i=$((i + 1))
    sh -c 'true | cat | sort; (sh -c "true" $1; true)' sh $i
done
"#;

/// Alerts of a session without their times, with how often they were raised.
fn of(alerts: &[Alert], session: i64) -> BTreeMap<String, usize> {
    let mut raised = BTreeMap::new();
    let ours = alerts
        .iter()
        .filter(|alert| alert.session() == Some(session));
    for alert in ours {
        let mut json = alert.json.clone();
        if let Some(object) = json.as_object_mut() {
            object.remove("time");
        }
        if let Some(fields) = json["output_fields"].as_object_mut() {
            fields.retain(|name, _| !name.starts_with("evt.time"));
        }
        *raised.entry(json.to_string()).or_default() += 1;
    }
    raised
}

fn alerts(ended: &Ended) -> Vec<Alert> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| Alert::parse(line).expect("an alert"))
        .collect()
}

fn captures(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the captures' directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    paths
}

#[test]
fn a_capture_replays_to_the_alerts_of_the_run() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab
        .write("rules.yaml", &RULES.replace("TOKEN", &lab.token()))
        .expect("written");
    let directory = lab.path().join("captures");
    let capture = json!({
        "enabled": true,
        "path_prefix": directory.join("test"),
        "pre_ms": 10_000,
    });
    let options = Options::rules([rules])
        .workers(2)
        .set("capture", capture)
        .set("json_include_output_property", json!(false))
        .set("json_include_message_property", json!(true));
    let agent = Agent::start(&options).expect("an agent");
    let first = action::run(&lab, FIRST).expect("an action").session;
    // What ran before is in the file then: all of the script is told by records.
    let begun = agent.wait_line(LIMIT, " begins: ");
    assert!(begun.is_some(), "{:#?}", agent.stderr());
    let session = action::run(&lab, SCRIPT).expect("an action").session;
    let trouble = agent.trouble();
    let stopped = stop_cleanly(agent).expect("a clean stop");
    let live = of(&stopped.alerts, session);
    assert!(live.len() > 20, "{live:#?}");

    let files = captures(&directory);
    let [file] = &files[..] else {
        panic!("one capture, not {files:?}; {:#?}", stopped.stderr);
    };
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .expect("UTF-8");
    let parts: Vec<&str> = name.trim_end_matches(".saker").split('_').collect();
    assert!(
        matches!(parts[..], ["test", ns, number] if ns.len() == 20 && number.len() == 20),
        "{name}"
    );
    let config = lab
        .write("replay.yaml", &options.config(lab.path()))
        .expect("written");
    let mut printed: Option<String> = None;
    for workers in ["1", "2", "4"] {
        let mut command = Command::new(agent_program().expect("the program"));
        command.args(["replay", "--workers", workers, "-c"]);
        let ended = run(command.arg(&config).arg(file)).expect("a replay");
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        let alerts = alerts(&ended);
        let begun = |alerts: &[Alert]| {
            let begin = alerts.iter().filter(|alert| alert.rule() == "begin");
            begin.filter(|alert| alert.session() == Some(first)).count()
        };
        assert_eq!(
            begun(&alerts),
            begun(&stopped.alerts),
            "what was before the capture"
        );
        let replayed = of(&alerts, session);
        let differ = |(alert, count): &(&String, &usize), other: &BTreeMap<String, usize>| {
            other.get(*alert) != Some(count)
        };
        let missing: Vec<_> = live.iter().filter(|one| differ(one, &replayed)).collect();
        let new: Vec<_> = replayed.iter().filter(|one| differ(one, &live)).collect();
        assert!(
            missing.is_empty() && new.is_empty(),
            "only in the run: {missing:#?}\nonly in the replay: {new:#?}\n{trouble}\n{}",
            ended.stderr
        );
        // The same bytes whatever the number of workers.
        assert_eq!(printed.get_or_insert(ended.stdout.clone()), &ended.stdout);
    }
}

#[test]
fn a_recording_ends_by_itself_and_says_what_it_has() {
    let lab = Lab::new().expect("a laboratory");
    let lock = format!("lock_file={}", lab.path().join("lock").display());
    let file = lab.path().join("all.saker");
    let mut command = Command::new(agent_program().expect("the program"));
    command.args(["record", "--all", "--duration", "2", "-o", &lock, "-w"]);
    let ended = run(command.arg(&file)).expect("a recording");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("of what ran before"),
        "{}",
        ended.stderr
    );
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let mut command = Command::new(agent_program().expect("the program"));
    command.args(["replay", "--json", "-r"]);
    let ended = run(command.arg(rules).arg(&file)).expect("a replay");
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("processes ran before it began"));
    let all = alerts(&ended);
    assert!(all.iter().all(|alert| alert.json["time"] != Value::Null));
}
