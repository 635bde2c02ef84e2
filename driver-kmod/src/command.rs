//! Runs a program to its end, bounded in time and output.

use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

/// What is kept of a program's output; the rest is read and dropped.
const MAX_OUTPUT: usize = 4 << 20;

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub status: ExitStatus,
    /// Standard output and error, as they came, at most [`MAX_OUTPUT`] bytes.
    pub output: String,
}

/// A program that did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot be started: {0}")]
    Start(#[source] io::Error),
    #[error("did not end within {} s and was killed", .0.as_secs())]
    TimedOut(Duration),
    #[error("was stopped")]
    Stopped,
}

/// Runs a program and everything it starts in a process group of its own; nothing of it is left when
/// this returns. A program counts as ended when nobody holds its output any more.
pub(crate) fn run(command: Command, timeout: Duration) -> Result<Finished, RunError> {
    run_until(command, timeout, None)
}

/// As [`run`], and ends the program at once when the other end of the pipe `stop` is closed.
pub(crate) fn run_until(
    mut command: Command,
    timeout: Duration,
    stop: Option<&PipeReader>,
) -> Result<Finished, RunError> {
    let (mut reader, writer) = io::pipe().map_err(RunError::Start)?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(RunError::Start)?)
        .stderr(writer)
        .process_group(0);
    let mut child = command.spawn().map_err(RunError::Start)?;
    // The command holds the writing ends: the pipe would never end.
    drop(command);

    let deadline = Instant::now() + timeout;
    let mut output = Vec::new();
    let mut buffer = [0; 16 << 10];
    let outcome = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Err(RunError::TimedOut(timeout));
        }
        let fds = [Some(&reader), stop];
        let fds = fds.into_iter().flatten();
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let left = Timespec::try_from(left).expect("timeouts are minutes");
        match poll(&mut fds, Some(&left)) {
            Ok(0) => break Err(RunError::TimedOut(timeout)),
            Ok(_) if fds.get(1).is_some_and(|fd| !fd.revents().is_empty()) => {
                break Err(RunError::Stopped);
            }
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => break Err(RunError::Start(error.into())),
        }
        match reader.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(length) => {
                let room = MAX_OUTPUT - output.len();
                output.extend_from_slice(&buffer[..length.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(RunError::Start(error)),
        }
    };
    let status = stop_and_wait(&mut child).map_err(RunError::Start)?;
    outcome?;
    Ok(Finished {
        status,
        output: String::from_utf8_lossy(&output).into_owned(),
    })
}

/// Ends the group and reaps its leader. A leader that has ended by itself keeps its own status, and
/// until it is reaped its number belongs to nobody else.
fn stop_and_wait(child: &mut Child) -> io::Result<ExitStatus> {
    let leader = Pid::from_child(child);
    match kill_process_group(leader, Signal::KILL) {
        // Nobody but the ended leader is left.
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    child.wait()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Waits until a process that was killed is gone, or is only a corpse for its parent to see.
    pub(crate) fn assert_ends(pid: i32) {
        let deadline = Instant::now() + MINUTE;
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z"))
        };
        while !gone() {
            assert!(Instant::now() < deadline, "{pid} lives");
            std::thread::yield_now();
        }
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_status_arrive() {
        let finished = run(shell("echo one; echo two >&2; exit 3"), MINUTE).expect("ran");
        assert_eq!(finished.status.code(), Some(3));
        assert_eq!(finished.output, "one\ntwo\n");
    }

    #[test]
    fn what_does_not_end_is_killed_with_its_children() {
        let started = Instant::now();
        let error = run(shell("sleep 1000 & sleep 1000"), Duration::from_millis(100));
        assert!(matches!(error, Err(RunError::TimedOut(_))), "{error:?}");
        assert!(started.elapsed() < MINUTE);
    }

    #[test]
    fn what_is_left_behind_is_killed() {
        let finished = run(shell("sleep 1000 >/dev/null 2>&1 & echo $!"), MINUTE).expect("ran");
        assert!(finished.status.success());
        assert_ends(finished.output.trim().parse().expect("a number"));
    }

    #[test]
    fn endless_output_is_cut() {
        let finished = run(shell("head -c 9000000 /dev/zero"), MINUTE).expect("ran");
        assert!(finished.status.success());
        assert_eq!(finished.output.len(), MAX_OUTPUT);
    }

    #[test]
    fn a_missing_program_says_so() {
        let error = run(Command::new("/no/such/program"), MINUTE).expect_err("not there");
        assert!(matches!(error, RunError::Start(_)));
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}
