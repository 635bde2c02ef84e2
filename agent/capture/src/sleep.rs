//! How a worker waits when there is nothing to do.
//!
//! Polling with a short sleep is cheaper than being woken: a wake-up costs the traced process 6 us
//! and more, a look at a position nothing. So the worker sleeps a fixed short time after work and
//! longer and longer when there is none; only a ring that fills faster than that wakes it, once.

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::OwnedFd;
use saker_abi::ring::{Counters, RingReader};

/// Sleep after work, and the first one without.
pub const MIN_SLEEP: Duration = Duration::from_micros(500);

/// Longest sleep, when the configuration does not say.
pub const DEFAULT_MAX_SLEEP: Duration = Duration::from_millis(4);

/// Drivers wake at `data_bytes / WAKE_FRACTION` bytes waiting.
pub const WAKE_FRACTION: u64 = 4;

/// Ready descriptors taken from the kernel at once.
const READY_MAX: usize = 64;

/// Waits for time to pass or a ring to fill.
#[derive(Debug)]
pub struct Sleeper {
    /// Edge-triggered: a ring that merely holds something does not end a sleep, a wake-up does.
    epoll: OwnedFd,
    counters: Arc<Counters>,
    /// Counters of the rings that can wake.
    indices: Vec<usize>,
    next: Duration,
    max: Duration,
}

impl Sleeper {
    /// Waits on the descriptors of `rings`; those that have none are polled only.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance or a descriptor.
    pub fn new(rings: &[RingReader], counters: Arc<Counters>, max: Duration) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut indices = Vec::new();
        for ring in rings {
            let Some(fd) = ring.fd() else { continue };
            let data = epoll::EventData::new_u64(u64::from(ring.cpu()));
            epoll::add(
                &epoll,
                fd,
                data,
                epoll::EventFlags::IN | epoll::EventFlags::ET,
            )?;
            indices.extend(counters.index(ring.cpu(), ring.partition()));
        }
        Ok(Self {
            epoll,
            counters,
            indices,
            next: MIN_SLEEP,
            max: max.max(MIN_SLEEP),
        })
    }

    /// Sleeps after a turn that did something: short.
    pub fn after_work(&mut self, rings: &[RingReader]) -> bool {
        self.next = MIN_SLEEP;
        self.sleep(rings)
    }

    /// Sleeps after a turn that did nothing: twice as long each time, up to the maximum.
    pub fn idle(&mut self, rings: &[RingReader]) -> bool {
        let woken = self.sleep(rings);
        self.next = (self.next * 2).min(self.max);
        woken
    }

    /// Returns whether a producer ended the sleep.
    fn sleep(&mut self, rings: &[RingReader]) -> bool {
        self.arm(true);
        // The words are stored before the positions are loaded, see `Counters::arm`.
        fence(Ordering::SeqCst);
        let filled =
            |ring: &RingReader| ring.waiting_bytes() >= ring.data_bytes() as u64 / WAKE_FRACTION;
        let woken = rings.iter().any(filled) || self.wait();
        self.arm(false);
        woken
    }

    fn arm(&self, armed: bool) {
        self.indices
            .iter()
            .for_each(|&index| self.counters.arm(index, armed));
    }

    /// Waits with ppoll(2), which takes nanoseconds where epoll_wait(2) takes milliseconds.
    fn wait(&self) -> bool {
        let timeout = Timespec {
            tv_sec: i64::try_from(self.next.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(self.next.subsec_nanos()),
        };
        let mut fds = [PollFd::new(&self.epoll, PollFlags::IN)];
        // Interrupted by a signal: as good as woken, the next turn looks.
        if poll(&mut fds, Some(&timeout)).unwrap_or(1) == 0 {
            return false;
        }
        // Takes the edges, else the next sleep would end at once. What does not fit here ends it.
        let mut ready = [const { MaybeUninit::<epoll::Event>::uninit() }; READY_MAX];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        epoll::wait(&self.epoll, &mut ready, Some(&now)).is_ok_and(|(ready, _)| !ready.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::ring::memory_ring;
    use std::time::Instant;

    #[test]
    fn sleeps_grow_and_shrink() {
        let counters = Arc::new(Counters::in_memory(1, 1));
        let mut sleeper = Sleeper::new(&[], counters, Duration::from_millis(2)).expect("a sleeper");
        let start = Instant::now();
        let lengths: Vec<Duration> = (0..4)
            .map(|_| {
                assert!(!sleeper.idle(&[]));
                sleeper.next
            })
            .collect();
        assert_eq!(lengths, [1, 2, 2, 2].map(Duration::from_millis));
        assert!(start.elapsed() >= MIN_SLEEP + Duration::from_millis(1 + 2 + 2));
        sleeper.after_work(&[]);
        assert_eq!(sleeper.next, MIN_SLEEP);
    }

    #[test]
    fn a_ring_that_is_filled_already_needs_no_wake_up() {
        let counters = Arc::new(Counters::in_memory(1, 1));
        let (mut producer, reader) = memory_ring(0, 0, 4096);
        let rings = [reader];
        let mut sleeper = Sleeper::new(&rings, counters, MIN_SLEEP).expect("a sleeper");
        assert!(producer.push(&[0; 1008]));
        assert!(!sleeper.idle(&rings), "1016 bytes are less than a quarter");
        assert!(producer.push(&[]));
        assert!(sleeper.idle(&rings), "1024 bytes are a quarter");
    }
}
