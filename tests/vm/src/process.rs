//! Programs of the host, each with a deadline.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Most bytes of a program's output that are kept: the last ones.
const MAX_OUTPUT: u64 = 16 << 20;
/// Lines of a program's output in an error.
const ERROR_LINES: usize = 40;

/// Waits for `child`, `limit` at most; `None` when it still runs then.
///
/// # Errors
/// When waiting fails.
pub fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.context("not a process id")?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty()).context("pidfd_open")?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let left = Timespec::try_from(left).context("a limit out of range")?;
        let mut ready = [PollFd::new(&descriptor, PollFlags::IN)];
        match poll(&mut ready, Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("poll"),
        }
    }
}

/// Runs a program to its end, `limit` at most; returns what it wrote to both streams.
///
/// # Errors
/// When it cannot be run, fails, or does not end in time, with the end of its output.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let (status, output) = run_any(command, limit)?;
    if !status.success() {
        bail!(
            "{}: {status}\n{}",
            describe(command),
            tail(&output, ERROR_LINES)
        );
    }
    Ok(output)
}

/// As [`run`], whatever the exit status.
///
/// # Errors
/// When it cannot be run or does not end in time.
pub fn run_any(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String)> {
    // A file, not a pipe: nobody has to read while it runs, and grandchildren may outlive it.
    let output = tempfile::tempfile().context("a temporary file")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot run {}", describe(command)))?;
    let status = wait(&mut child, limit)?;
    if status.is_none() {
        child.kill().context("kill")?;
        child.wait().context("wait")?;
    }
    let output = last_bytes(output)?;
    let Some(status) = status else {
        bail!(
            "{} did not end within {} s\n{}",
            describe(command),
            limit.as_secs(),
            tail(&output, ERROR_LINES)
        );
    };
    Ok((status, output))
}

fn last_bytes(mut file: File) -> Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_OUTPUT)))?;
    let mut bytes = Vec::new();
    file.take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The command as one would type it.
pub fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}

/// The last `lines` lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Whether `program` is in one of the directories of `PATH` or of root's usual ones.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    std::env::split_paths(&path)
        .chain(usual.map(Into::into))
        .any(|directory| directory.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn output_comes_back() {
        let output = run(Command::new("sh").args(["-c", "echo a; echo b >&2"]), LIMIT);
        assert_eq!(output.expect("success"), "a\nb\n");
    }

    #[test]
    fn failures_show_the_end_of_the_output() {
        let error = run(Command::new("sh").args(["-c", "echo why; exit 3"]), LIMIT);
        let error = error.expect_err("status 3").to_string();
        assert!(
            error.contains("exit status: 3") && error.ends_with("why"),
            "{error}"
        );
        let error = run(&mut Command::new("/nonexistent/program"), LIMIT);
        assert!(format!("{:#}", error.expect_err("none")).contains("/nonexistent/program"));
    }

    #[test]
    fn deadlines_end_programs() {
        let started = Instant::now();
        let error = run(
            Command::new("sh").args(["-c", "echo begun; exec sleep 600"]),
            Duration::from_millis(300),
        );
        let error = error.expect_err("too long").to_string();
        assert!(
            error.contains("did not end") && error.ends_with("begun"),
            "{error}"
        );
        assert!(started.elapsed() < LIMIT);
    }

    #[test]
    fn tails() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
        assert!(installed("sh") && !installed("no-such-program"));
    }
}
