//! Waiting for processes with a deadline, without polling.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// The process id of a child that was not waited for yet.
pub(crate) fn pid(child: &Child) -> Result<Pid> {
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("a process id out of range")
}

/// Sends `signal` to a child that was not waited for yet.
pub(crate) fn signal(child: &Child, signal: Signal) -> Result<()> {
    kill_process(pid(child)?, signal).context("cannot send a signal")
}

/// Waits until `child` ends, `limit` at most.
///
/// # Errors
/// When it does not; it is killed then.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let handle = pidfd_open(pid(child)?, PidfdFlags::empty()).context("pidfd_open")?;
    if readable(&handle, Instant::now() + limit)? {
        return child.wait().context("wait");
    }
    child.kill().context("kill")?;
    child.wait().context("wait")?;
    bail!("the process did not end within {limit:?} and was killed");
}

/// Waits until `file` can be read without blocking; false when `deadline` passes before.
pub(crate) fn readable(file: impl std::os::fd::AsFd, deadline: Instant) -> Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).context("a deadline out of range")?;
        match poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("poll"),
        }
    }
}
