//! How far each worker has come, so that another may know when it can read that worker's cells.
//!
//! A reader at event time `t` that needs a foreign process waits until the process's owner has
//! applied everything older than `t`. There can be no cycle: whoever waits at `t` has published
//! that everything of its own before `t` is done, and it waits only for work strictly before `t`.
//! So along a chain of waits the times strictly decrease, and the oldest waits for nobody. A birth
//! that waits for its parent's fork record, of the same time, fits in: what is younger in its
//! partition waits behind it. The wait is bounded by [`ANCESTOR_WAIT_US`] whatever happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for another worker, microseconds; afterwards the reader takes what there is.
pub const ANCESTOR_WAIT_US: u64 = 2_000;

/// How much longer than anybody can ask for it the past is kept, ns: readers whose wait timed out
/// and children that look for a reaper which ended about when their parent did still find it.
const GRACE_NS: u64 = 1_000_000_000;

/// Polls before the thread begins to yield: about the time of a few events of the other worker.
const SPINS: u32 = 256;

/// A word on its own pair of cache lines (the adjacent-line prefetcher works on pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

/// One `done_ts` a worker: all its events with `ts_ns <= done_ts` have been applied.
#[derive(Debug)]
pub struct Progress {
    done: Box<[Padded]>,
    wait_us: u64,
}

impl Progress {
    /// For `partitions` workers; `wait_us` as [`ANCESTOR_WAIT_US`].
    pub fn new(partitions: u32, wait_us: u64) -> Self {
        Self {
            done: (0..partitions).map(|_| Padded::default()).collect(),
            wait_us,
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
        while Instant::now() < deadline {
            std::thread::yield_now();
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
