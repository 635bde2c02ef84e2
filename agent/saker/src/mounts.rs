//! The host's mounts, kept as they are now: the kernel tells when they change.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use saker_fields::{HostInfo, Mounts};

use crate::worker::Context;

/// The first process is in the host's mount namespace, whatever the agent's is.
const HOST: &str = "/proc/1/mountinfo";
/// Where that is not readable.
const OWN: &str = "/proc/self/mountinfo";
/// Bytes read at most.
const MAX_BYTES: u64 = 64 << 20;
/// Shortest time between two looks: containers come and go by the dozen.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// The mounts now; none where they are not readable.
pub(crate) fn mounts() -> Mounts {
    open()
        .and_then(|mut file| read(&mut file))
        .unwrap_or_default()
}

fn open() -> io::Result<File> {
    File::open(HOST).or_else(|_| File::open(OWN))
}

fn read(file: &mut File) -> io::Result<Mounts> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(MAX_BYTES).read_to_end(&mut text)?;
    let mounts = Mounts::parse(&text);
    if mounts.left_out() > 0 {
        let left_out = mounts.left_out();
        tracing::warn!(
            left_out,
            "too many mounts: real names of files there stay unknown"
        );
    }
    Ok(mounts)
}

/// A thread that looks again whenever something is mounted. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct MountWatch {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl MountWatch {
    /// Starts it.
    ///
    /// # Errors
    /// When the thread cannot be started or the mounts are not readable.
    pub(crate) fn start(context: Arc<Context>) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let stopped = Arc::clone(&stop);
        let mut file = open()?;
        let thread = thread::Builder::new()
            .name("saker-mounts".into())
            .spawn(move || {
                while let Ok(true) = changed(&file, &stopped) {
                    match read(&mut file) {
                        Ok(mounts) => publish(&context, mounts),
                        Err(error) => tracing::warn!("reading the host's mounts: {error}"),
                    }
                }
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for MountWatch {
    fn drop(&mut self) {
        // Its counter is zero: there is room for one more.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Waits for a change of the mounts; `false` when it is time to stop.
fn changed(file: &File, stop: &OwnedFd) -> rustix::io::Result<bool> {
    let stopping = |timeout: Option<&Timespec>, watched: &mut [PollFd<'_>]| loop {
        match poll(watched, timeout) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(!watched[0].revents().is_empty()),
        }
    };
    if stopping(Some(&PAUSE), &mut [PollFd::new(stop, PollFlags::IN)])? {
        return Ok(false);
    }
    let stop = PollFd::new(stop, PollFlags::IN);
    let mounts = PollFd::from_borrowed_fd(file.as_fd(), PollFlags::PRI);
    Ok(!stopping(None, &mut [stop, mounts])?)
}

fn publish(context: &Context, mounts: Mounts) {
    let mounts = Arc::new(mounts);
    if context.host.load().mounts == mounts {
        return;
    }
    context.host.rcu(|host| HostInfo {
        mounts: Arc::clone(&mounts),
        ..(**host).clone()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_root() {
        assert_ne!(mounts(), Mounts::default());
    }
}
