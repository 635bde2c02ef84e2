//! Waiting for answers, or for time to pass, that a stop ends at once.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

/// It is time to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;

/// Asks a thread to stop, and is asked by it.
#[derive(Debug)]
pub(super) struct Stop(OwnedFd);

impl Stop {
    pub(super) fn new() -> rustix::io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC)?))
    }

    /// Ends all waiting, now and later.
    pub(super) fn stop(&self) {
        // Its counter is zero: there is room for one more.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Waits until one of `sockets` can be read; `false` when none could up to `end`.
    pub(super) fn wait(&self, sockets: &[impl AsFd], end: Instant) -> Result<bool, Stopped> {
        let mut watched = vec![PollFd::new(&self.0, PollFlags::IN)];
        let sockets = sockets.iter();
        watched.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::IN)));
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut watched, timeout.as_ref()) {
                Err(Errno::INTR) => {}
                Err(error) => {
                    tracing::warn!("names of hosts are no longer looked up: poll: {error}");
                    return Err(Stopped);
                }
                Ok(_) if !watched[0].revents().is_empty() => return Err(Stopped),
                // Whoever goes on sending gets no more time by it.
                Ok(ready) => return Ok(ready > 0 && !left.is_zero()),
            }
        }
    }

    /// Waits for `end`.
    pub(super) fn pause(&self, end: Instant) -> Result<(), Stopped> {
        self.wait(&[] as &[OwnedFd], end).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stop_ends_every_wait() {
        let stop = Stop::new().expect("an eventfd");
        assert_eq!(stop.pause(Instant::now()), Ok(()));
        stop.stop();
        let far = Instant::now() + Duration::from_secs(3600);
        assert_eq!(stop.pause(far), Err(Stopped));
        assert_eq!(stop.pause(Instant::now()), Err(Stopped));
    }
}
