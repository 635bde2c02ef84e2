//! How a worker waits when there is nothing to do.
//!
//! Polling with a short sleep is cheaper than being woken: a wake-up costs the traced process 6 us
//! and more, a look at a position nothing. So the worker sleeps a fixed short time after work and
//! longer and longer when there is none; only a ring that fills faster than that wakes it, once, and
//! another worker that cannot go on without it (see [`crate::wake`]).

use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fd::OwnedFd;
use saker_abi::ring::{Counters, RingReader};

use crate::wake::Wakers;

/// Sleep after work, and the first one without.
pub const MIN_SLEEP: Duration = Duration::from_micros(500);

/// Longest sleep, when the configuration does not say.
pub const DEFAULT_MAX_SLEEP: Duration = Duration::from_millis(4);

/// Drivers wake at `data_bytes / WAKE_FRACTION` bytes waiting.
pub const WAKE_FRACTION: u64 = 4;

/// Ready descriptors taken from the kernel at once.
const READY_MAX: usize = 64;

/// What epoll reports for a wake-up by another worker; no CPU has this number.
const PEER: u64 = u64::MAX;

/// Sleeps left out in a row because others wait for this worker. When that many turns did not help
/// them it waits for something itself, such as a producer that was interrupted within a record and
/// may need this very CPU.
const SKIPS_MAX: u32 = 8;

/// Waits for time to pass or a ring to fill.
#[derive(Debug)]
pub struct Sleeper {
    /// Edge-triggered: a ring that merely holds something does not end a sleep, a wake-up does.
    epoll: OwnedFd,
    counters: Arc<Counters>,
    /// Counters of the rings that can wake.
    indices: Vec<usize>,
    wakers: Arc<Wakers>,
    partition: u32,
    skipped: u32,
    next: Duration,
    max: Duration,
}

impl Sleeper {
    /// Waits on the descriptors of `rings`, those of worker `partition`; rings that have none are
    /// polled only. `wakers` has an entry for `partition`.
    ///
    /// # Errors
    /// When the kernel refuses an epoll instance or a descriptor.
    pub fn new(
        partition: u32,
        rings: &[RingReader],
        counters: Arc<Counters>,
        wakers: Arc<Wakers>,
        max: Duration,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        let peer = epoll::EventData::new_u64(PEER);
        epoll::add(&epoll, wakers.event(partition), peer, edge)?;
        let mut indices = Vec::new();
        for ring in rings {
            let Some(fd) = ring.fd() else { continue };
            let data = epoll::EventData::new_u64(u64::from(ring.cpu()));
            epoll::add(&epoll, fd, data, edge)?;
            indices.extend(counters.index(ring.cpu(), ring.partition()));
        }
        Ok(Self {
            epoll,
            counters,
            indices,
            wakers,
            partition,
            skipped: 0,
            next: MIN_SLEEP,
            max: max.max(MIN_SLEEP),
        })
    }

    /// Sleeps after a turn that did something: short. `awaited` says whether other workers wait for
    /// this one. Returns whether a producer ended the sleep.
    pub fn after_work(&mut self, rings: &[RingReader], awaited: impl FnOnce() -> bool) -> bool {
        self.next = MIN_SLEEP;
        self.sleep(rings, awaited)
    }

    /// Sleeps after a turn that did nothing: twice as long each time, up to the maximum.
    pub fn idle(&mut self, rings: &[RingReader], awaited: impl FnOnce() -> bool) -> bool {
        let woken = self.sleep(rings, awaited);
        self.next = (self.next * 2).min(self.max);
        woken
    }

    /// Returns whether a producer ended the sleep.
    fn sleep(&mut self, rings: &[RingReader], awaited: impl FnOnce() -> bool) -> bool {
        self.wakers.set_sleeping(self.partition, true);
        self.arm(true);
        // The words are stored before the positions are loaded, see `Counters::arm`.
        fence(Ordering::SeqCst);
        let filled =
            |ring: &RingReader| ring.waiting_bytes() >= ring.data_bytes() as u64 / WAKE_FRACTION;
        let woken = rings.iter().any(filled);
        self.skipped = if awaited() { self.skipped + 1 } else { 0 };
        let stay = woken || (1..=SKIPS_MAX).contains(&self.skipped);
        let woken = woken || (!stay && self.wait());
        if !stay {
            self.skipped = 0;
        }
        self.arm(false);
        self.wakers.set_sleeping(self.partition, false);
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
        epoll::wait(&self.epoll, &mut ready, Some(&now))
            .is_ok_and(|(ready, _)| ready.iter().any(|event| event.data.u64() != PEER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::ring::memory_ring;
    use std::time::Instant;

    fn sleeper(rings: &[RingReader], max: Duration) -> (Sleeper, Arc<Wakers>) {
        let counters = Arc::new(Counters::in_memory(1, 1));
        let wakers = Arc::new(Wakers::new(1).expect("an eventfd"));
        let sleeper = Sleeper::new(0, rings, counters, Arc::clone(&wakers), max);
        (sleeper.expect("a sleeper"), wakers)
    }

    #[test]
    fn sleeps_grow_and_shrink() {
        let (mut sleeper, _) = sleeper(&[], Duration::from_millis(2));
        let start = Instant::now();
        let lengths: Vec<Duration> = (0..4)
            .map(|_| {
                assert!(!sleeper.idle(&[], || false));
                sleeper.next
            })
            .collect();
        assert_eq!(lengths, [1, 2, 2, 2].map(Duration::from_millis));
        assert!(start.elapsed() >= MIN_SLEEP + Duration::from_millis(1 + 2 + 2));
        sleeper.after_work(&[], || false);
        assert_eq!(sleeper.next, MIN_SLEEP);
    }

    #[test]
    fn a_ring_that_is_filled_already_needs_no_wake_up() {
        let (mut producer, reader) = memory_ring(0, 0, 4096);
        let rings = [reader];
        let (mut sleeper, _) = sleeper(&rings, MIN_SLEEP);
        assert!(producer.push(&[0; 1008]));
        assert!(
            !sleeper.idle(&rings, || false),
            "1016 bytes are less than a quarter"
        );
        assert!(producer.push(&[]));
        assert!(sleeper.idle(&rings, || false), "1024 bytes are a quarter");
    }

    #[test]
    fn another_worker_ends_a_sleep_every_time() {
        /// Sleeps that only a wake-up ends within the time a test may take.
        const FOREVER: Duration = Duration::from_secs(600);
        let (mut sleeper, wakers) = sleeper(&[], FOREVER);
        wakers.wake(0);
        for _ in 0..100 {
            sleeper.next = FOREVER;
            let waker = Arc::clone(&wakers);
            let thread = std::thread::spawn(move || {
                while !waker.is_sleeping(0) {
                    std::thread::yield_now();
                }
                waker.wake(0);
            });
            assert!(!sleeper.idle(&[], || false), "no producer did");
            thread.join().expect("no panic");
        }
        // A reason that appears between the flag and the sleep.
        assert!(!sleeper.idle(&[], || {
            wakers.wake(0);
            false
        }));
    }

    #[test]
    fn who_is_awaited_does_not_sleep_but_does_not_spin_for_ever() {
        let (mut sleeper, _) = sleeper(&[], MIN_SLEEP);
        let mut slept = Vec::new();
        for _ in 0..=SKIPS_MAX {
            sleeper.after_work(&[], || true);
            slept.push(sleeper.skipped == 0);
        }
        let mut expected = vec![false; SKIPS_MAX as usize];
        expected.push(true);
        assert_eq!(slept, expected);
    }
}
