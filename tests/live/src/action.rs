//! Shell scripts as actors, away from the test's own ancestry.

use std::fmt::Write as _;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its session, which is the process id of the shell that ran it.
    pub session: i64,
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
    let output = release(&mut setsid)?;
    let (first, rest) = output
        .split_once('\n')
        .context("the script printed nothing")?;
    let session = first
        .parse()
        .with_context(|| format!("not a process id: {first}"))?;
    ensure!(
        rest.ends_with(&format!("{DONE}\n")),
        "the script stopped early: {rest}\n{script}"
    );
    Ok(Action { session })
}

/// Lets the script go once its parent has ended; returns all it prints.
fn release(setsid: &mut Child) -> Result<String> {
    let mut input = setsid.stdin.take().context("no pipe to the script")?;
    let mut output = setsid.stdout.take().context("no pipe from the script")?;
    // Ends as soon as it has forked; the shell waits for its line of input meanwhile.
    let status = process::wait(setsid, LIMIT)?;
    ensure!(status.success(), "setsid: {status}");
    input
        .write_all(b"go\n")
        .context("the script does not listen")?;
    drop(input);
    read_all(&mut output)
}

fn read_all(output: &mut ChildStdout) -> Result<String> {
    let deadline = Instant::now() + LIMIT;
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    while process::readable(&*output, deadline)? {
        match output.read(&mut part)? {
            0 => return Ok(String::from_utf8_lossy(&all).into_owned()),
            n => all.extend_from_slice(&part[..n]),
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
