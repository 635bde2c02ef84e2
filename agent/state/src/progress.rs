//! How far each worker has come, so that another may know when it can read that worker's cells.
//!
//! A reader at event time `t` that needs a foreign process waits until the process's owner has
//! applied everything older than `t`. There can be no cycle: whoever waits at `t` has published
//! that everything of its own before `t` is done, and it waits only for work strictly before `t`.
//! So along a chain of waits the times strictly decrease, and the oldest waits for nobody.
//!
//! A birth that waits for its parent's fork record, of the same time `t`, fits in. What is younger
//! in its partition waits behind it and the partition's progress stays below `t`; the parent's
//! worker sends the snapshot when it *applies* the fork, before it evaluates it, so whatever that
//! evaluation waits for cannot hold the snapshot up. A worker blocked in a read at `t` has sent all
//! snapshots up to `t`; those who need one can go on while it is blocked. A fork record parked
//! behind another birth has a later time than that birth, so chains of held partitions lead to the
//! past as well. (Two partitions each with a birth and the other's fork record in the same
//! nanosecond are the exception; the park timeout ends it.)
//!
//! That nobody waits in a circle is not enough: the other worker may sleep. Who waits says so in
//! `needed` and wakes it; a worker does not go to sleep while somebody needs what it can still do.
//! The wait is bounded by [`ANCESTOR_WAIT_US`] whatever happens.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::wake::Wake;

/// Longest wait for another worker, microseconds; afterwards the reader takes what there is. Long
/// enough for a worker that lost its CPU to others to get it back.
pub const ANCESTOR_WAIT_US: u64 = 50_000;

/// How much longer than anybody can ask for it the past is kept, ns: readers whose wait timed out
/// and children that look for a reaper which ended about when their parent did still find it.
const GRACE_NS: u64 = 1_000_000_000;

/// Polls before the thread begins to yield: about the time of a few events of the other worker.
const SPINS: u32 = 256;

/// Polls that yield before the thread begins to sleep: the other worker runs, or is next.
const YIELDS: u32 = 64;

/// First and longest sleep between polls: the other worker may share this one's CPU and have to
/// get past others of the same priority, which a yield does not bring about.
const SLEEP_MIN: Duration = Duration::from_micros(10);
const SLEEP_MAX: Duration = Duration::from_micros(100);

/// A word on its own pair of cache lines (the adjacent-line prefetcher works on pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

/// What others want of a worker and when a message is urgent to it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Wanted {
    /// Latest time anybody has waited for.
    needed_ns: AtomicU64,
    /// The worker can do nothing until it gets a message.
    held: AtomicBool,
}

/// One `done_ts` a worker: all its events with `ts_ns <= done_ts` have been applied.
#[derive(Debug)]
pub struct Progress {
    done: Box<[Padded]>,
    wanted: Box<[Wanted]>,
    wake: OnceLock<Arc<dyn Wake>>,
    wait_us: u64,
}

impl Progress {
    /// For `partitions` workers; `wait_us` as [`ANCESTOR_WAIT_US`].
    pub fn new(partitions: u32, wait_us: u64) -> Self {
        Self {
            done: (0..partitions).map(|_| Padded::default()).collect(),
            wanted: (0..partitions).map(|_| Wanted::default()).collect(),
            wake: OnceLock::new(),
            wait_us,
        }
    }

    pub(crate) fn set_wake(&self, wake: Arc<dyn Wake>) {
        // Once; a second set of workers over the same state does not exist.
        let _ = self.wake.set(wake);
    }

    /// Worker `partition` should come to `until_ns` soon; ends its sleep.
    pub(crate) fn need(&self, partition: u32, until_ns: u64) {
        if self.done(partition) >= until_ns {
            return;
        }
        let needed = &self.wanted[partition as usize].needed_ns;
        needed.fetch_max(until_ns, Ordering::Relaxed);
        self.wake(partition);
    }

    /// Whether somebody waits for worker `partition` to come further.
    pub(crate) fn needed(&self, partition: u32) -> bool {
        let needed = &self.wanted[partition as usize].needed_ns;
        needed.load(Ordering::Relaxed) > self.done(partition)
    }

    /// Says whether worker `partition` waits for a message. Owner only.
    pub(crate) fn set_held(&self, partition: u32, held: bool) {
        let word = &self.wanted[partition as usize].held;
        if word.load(Ordering::Relaxed) != held {
            word.store(held, Ordering::Relaxed);
        }
    }

    /// A message for worker `partition` is in its inbox; ends its sleep if that is what it waits
    /// for. Anybody else finds the message in time by itself.
    pub(crate) fn mail(&self, partition: u32) {
        // Before the flag is loaded, see `Wake`; a worker sets it before it goes to sleep.
        fence(Ordering::SeqCst);
        if self.wanted[partition as usize].held.load(Ordering::Relaxed) {
            self.wake(partition);
        }
    }

    fn wake(&self, partition: u32) {
        if let Some(wake) = self.wake.get() {
            fence(Ordering::SeqCst);
            wake.wake(partition);
        }
    }

    /// Worker `partition` has applied everything up to and including `done_ts_ns`.
    pub fn publish(&self, partition: u32, done_ts_ns: u64) {
        let word = &self.done[partition as usize].0;
        // Only the owner writes, so load and store need not be one operation.
        if word.load(Ordering::Relaxed) < done_ts_ns {
            word.store(done_ts_ns, Ordering::Release);
        }
    }

    /// How far worker `partition` has come, ns.
    pub fn done(&self, partition: u32) -> u64 {
        self.done[partition as usize].0.load(Ordering::Acquire)
    }

    /// How far all workers have come, ns: nobody asks about an older time any more.
    pub fn min_done(&self) -> u64 {
        self.done
            .iter()
            .map(|word| word.0.load(Ordering::Acquire))
            .min()
            .unwrap_or(0)
    }

    /// What was over by then may be forgotten, ns.
    pub fn oldest_reader(&self) -> u64 {
        self.min_done().saturating_sub(GRACE_NS)
    }

    /// Waits until worker `partition` has done everything up to `until_ns`.
    pub fn wait(&self, partition: u32, until_ns: u64) -> Waited {
        if self.done(partition) >= until_ns {
            return Waited::No;
        }
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if self.done(partition) >= until_ns {
                return Waited::Yes;
            }
        }
        let deadline = Instant::now() + Duration::from_micros(self.wait_us);
        let (mut yields, mut sleep) = (YIELDS, SLEEP_MIN);
        while Instant::now() < deadline {
            // Again each time: it may have slept a little although it is needed.
            self.need(partition, until_ns);
            if yields > 0 {
                yields -= 1;
                std::thread::yield_now();
            } else {
                std::thread::sleep(sleep);
                sleep = (sleep * 2).min(SLEEP_MAX);
            }
            if self.done(partition) >= until_ns {
                return Waited::Yes;
            }
        }
        Waited::TimedOut
    }
}

/// What became of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// It was not necessary.
    No,
    /// The other worker arrived.
    Yes,
    /// It did not: what is read may be older than asked for.
    TimedOut,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_word_never_goes_back() {
        let progress = Progress::new(2, 0);
        progress.publish(0, 10);
        progress.publish(0, 5);
        progress.publish(1, 7);
        assert_eq!(
            (progress.done(0), progress.done(1), progress.min_done()),
            (10, 7, 7)
        );
    }

    #[test]
    fn waits_end() {
        let progress = Arc::new(Progress::new(2, 60_000_000));
        progress.publish(1, 5);
        assert_eq!(progress.wait(1, 5), Waited::No);
        let other = Arc::clone(&progress);
        let waiter = std::thread::spawn(move || other.wait(1, 6));
        progress.publish(1, 6);
        assert_ne!(waiter.join().expect("no panic"), Waited::TimedOut);
        assert_eq!(Progress::new(1, 0).wait(0, 1), Waited::TimedOut);
    }
}
