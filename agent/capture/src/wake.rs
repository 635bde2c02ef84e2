//! How workers end each other's sleeps.
//!
//! A worker that waits for another writes the other's eventfd(2), but only if that one sleeps or is
//! about to: in the steady state a wake-up is one load. The flag is used as the drivers use
//! `Counters::arm`: the sleeper sets it, fences, and looks once more for reasons to stay awake; the
//! waker makes such a reason, fences, and looks at the flag. One of them sees the other.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

/// One for each worker.
#[derive(Debug)]
pub struct Wakers(Box<[Waker]>);

/// On cache lines of its own: others poll the flag.
#[derive(Debug)]
#[repr(align(128))]
struct Waker {
    sleeping: AtomicBool,
    /// Never read: an edge-triggered epoll reports every write, and 2^64 of them do not happen.
    event: OwnedFd,
}

impl Wakers {
    /// For `workers` workers.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub fn new(workers: usize) -> io::Result<Self> {
        let waker = |_| {
            let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok(Waker {
                sleeping: AtomicBool::new(false),
                event,
            })
        };
        (0..workers).map(waker).collect::<io::Result<_>>().map(Self)
    }

    /// Ends the sleep of worker `partition` if it sleeps or is about to. The caller has published
    /// why before.
    pub fn wake(&self, partition: u32) {
        let Some(waker) = self.0.get(partition as usize) else {
            return;
        };
        fence(Ordering::SeqCst);
        // The first of several writes, the others have nothing to do.
        if waker.sleeping.load(Ordering::Relaxed) && waker.sleeping.swap(false, Ordering::Relaxed) {
            // It cannot fail but for a counter at its end, and then the descriptor is ready anyway.
            let _ = rustix::io::write(&waker.event, &1_u64.to_ne_bytes());
        }
    }

    /// Worker `partition` is about to sleep, or awake again. Reasons not to sleep are to be looked
    /// for after this call.
    pub(crate) fn set_sleeping(&self, partition: u32, sleeping: bool) {
        self.0[partition as usize]
            .sleeping
            .store(sleeping, Ordering::Relaxed);
        if sleeping {
            fence(Ordering::SeqCst);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_sleeping(&self, partition: u32) -> bool {
        self.0[partition as usize].sleeping.load(Ordering::Relaxed)
    }

    /// The descriptor that ends worker `partition`'s sleep.
    pub(crate) fn event(&self, partition: u32) -> &OwnedFd {
        &self.0[partition as usize].event
    }
}
