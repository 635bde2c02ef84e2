//! Shell scripts as actors, away from the test's own ancestry.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::lab::Lab;
use crate::process;

/// Longest run of a script: for hangs, guests on a busy host are slow.
const LIMIT: Duration = Duration::from_secs(240);
/// The search path of scripts.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a script prints when it reached its end.
const DONE: &str = "script done";

/// A script that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its session, which is the process id of the shell that ran it.
    pub session: i64,
    /// Names of the shell's ancestors, the nearest first, as /proc told when it began.
    pub ancestors: Vec<String>,
}

/// Runs `script` with `/bin/sh -eu` in a session of its own and waits until every process of it has
/// closed its output. `$LAB` is the laboratory's path, `$TOKEN` its [`Lab::token`].
///
/// The shell is an orphan by the time the script begins: rules look at ancestors, and those of a
/// test (cargo, make, a login) are not to decide its outcome. The script comes from a file, so that
/// its text is in nobody's command line.
///
/// # Errors
/// When a command of the script fails, with what it printed.
pub fn run(lab: &Lab, script: &str) -> Result<Action> {
    let mut text = String::from("echo $$\nread -r go\nexec </dev/null 2>&1\n");
    writeln!(text, "{script}\necho {DONE}")?;
    let file = lab.write("action.sh", &text)?;
    let mut setsid = Command::new("setsid")
        .args(["--fork", "/bin/sh", "-eu"])
        .arg(file)
        .env_clear()
        .envs([("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/nonexistent")])
        .env("LAB", lab.path())
        .env("TOKEN", lab.token())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run setsid")?;
    let (action, output) = release(&mut setsid)?;
    ensure!(
        output.ends_with(&format!("{DONE}\n")),
        "the script stopped early: {output}\n{script}"
    );
    Ok(action)
}

/// Lets the script go once its parent has ended; returns what it is and all it prints.
fn release(setsid: &mut Child) -> Result<(Action, String)> {
    let mut input = setsid.stdin.take().context("no pipe to the script")?;
    let mut output = setsid.stdout.take().context("no pipe from the script")?;
    // Ends as soon as it has forked; the shell waits for its line of input meanwhile.
    let status = process::wait(setsid, LIMIT)?;
    ensure!(status.success(), "setsid: {status}");
    let deadline = Instant::now() + LIMIT;
    let first = read_until(&mut output, deadline, |all| all.ends_with(b"\n"))?;
    let session = first
        .trim()
        .parse()
        .with_context(|| format!("not a process id: {first}"))?;
    let ancestors = ancestors(session)?;
    input
        .write_all(b"go\n")
        .context("the script does not listen")?;
    drop(input);
    let rest = read_until(&mut output, deadline, |_| false)?;
    Ok((Action { session, ancestors }, rest))
}

/// Names of the ancestors of a process that does not end meanwhile.
fn ancestors(pid: i64) -> Result<Vec<String>> {
    let (mut names, mut pid) = (Vec::new(), pid);
    loop {
        let status = format!("/proc/{pid}/status");
        let text = fs::read_to_string(&status).context(status)?;
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
        pid = field("PPid:\t").context("no parent")?.parse()?;
        if pid == 0 {
            return Ok(names);
        }
        let name = fs::read_to_string(format!("/proc/{pid}/comm"))?;
        names.push(name.trim_end_matches('\n').to_owned());
    }
}

/// All there is to read, or as much as is `enough`.
fn read_until(
    output: &mut ChildStdout,
    deadline: Instant,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<String> {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    while process::readable(&*output, deadline)? {
        let n = output.read(&mut part)?;
        all.extend_from_slice(&part[..n]);
        if n == 0 || enough(&all) {
            return Ok(String::from_utf8_lossy(&all).into_owned());
        }
    }
    bail!(
        "the script did not end within {LIMIT:?}: {}",
        String::from_utf8_lossy(&all)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_orphans_in_a_session() {
        let lab = Lab::new().expect("a laboratory, as root");
        let script = "read -r _ _ _ parent _ session _ < /proc/$$/stat\n\
                      test \"$session\" = $$\n\
                      echo \"$parent\" > $LAB/parent";
        let action = run(&lab, script).expect("an action");
        let parent = std::fs::read_to_string(lab.path().join("parent")).expect("written");
        assert_ne!(parent.trim(), std::process::id().to_string());
        assert!(action.session > 1);
        let adopted = std::fs::read_to_string(format!("/proc/{}/comm", parent.trim()));
        let adopted = adopted.expect("who adopts orphans stays");
        assert_eq!(action.ancestors[0], adopted.trim_end());
    }

    #[test]
    fn a_failed_command_fails_the_action() {
        let lab = Lab::new().expect("a laboratory, as root");
        let error = run(&lab, "echo before\nfalse\necho after")
            .expect_err("false")
            .to_string();
        assert!(
            error.contains("before") && error.contains("stopped early"),
            "{error}"
        );
    }
}
