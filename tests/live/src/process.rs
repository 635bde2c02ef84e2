//! Waiting for processes with a deadline, without polling.

use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

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
    let pid = pid(child)?;
    let (sender, ended) = mpsc::channel();
    // Kernels before 5.3 have no descriptors of processes. The child stays one to wait for: its number is not reused.
    thread::spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
        // Nobody listens any more once the time is up.
        let _ = sender.send(());
    });
    if ended.recv_timeout(limit).is_ok() {
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
            Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("poll"),
        }
    }
}
