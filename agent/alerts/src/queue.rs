//! The bounded queue between workers and the output thread.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError};

use crate::alert::{Alert, Priority};

/// A queue that holds at most `capacity` alerts.
pub fn queue(capacity: usize) -> (AlertSender, AlertReceiver) {
    let (sender, receiver) = crossbeam_channel::bounded(capacity.max(1));
    let dropped = Arc::new(array::from_fn(|_| AtomicU64::new(0)));
    (AlertSender { sender, dropped }, AlertReceiver { receiver })
}

/// The workers' end; clones share the queue.
#[derive(Debug, Clone)]
pub struct AlertSender {
    sender: Sender<Alert>,
    dropped: Arc<[AtomicU64; Priority::ALL.len()]>,
}

impl AlertSender {
    /// Queues an alert without waiting. When the queue is full, or nobody reads it any more, the
    /// alert is dropped, counted, and `false` returned.
    pub fn send(&self, alert: Alert) -> bool {
        match self.sender.try_send(alert) {
            Ok(()) => true,
            Err(TrySendError::Full(alert) | TrySendError::Disconnected(alert)) => {
                self.dropped[alert.rule.priority as usize].fetch_add(1, Relaxed);
                false
            }
        }
    }

    /// Alerts dropped so far, by priority.
    pub fn dropped(&self, priority: Priority) -> u64 {
        self.dropped[priority as usize].load(Relaxed)
    }

    /// Alerts waiting.
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// Whether none is waiting.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }

    /// Most alerts the queue holds.
    pub fn capacity(&self) -> usize {
        self.sender.capacity().unwrap_or(usize::MAX)
    }
}

/// The output's end.
#[derive(Debug)]
pub struct AlertReceiver {
    receiver: Receiver<Alert>,
}

impl AlertReceiver {
    /// The next alert; waits for it. `None` when all senders are gone and the queue is empty.
    pub fn recv(&self) -> Option<Alert> {
        self.receiver.recv().ok()
    }

    /// The next alert if one is waiting.
    pub fn try_recv(&self) -> Option<Alert> {
        match self.receiver.try_recv() {
            Ok(alert) => Some(alert),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}
