//! The bounded queue between workers and the output thread.

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::alert::{Alert, PRIORITIES, Priority};

/// A queue that holds at most `capacity` alerts.
pub fn queue(capacity: usize) -> (AlertSender, AlertReceiver) {
    let (sender, receiver) = crossbeam_channel::bounded(capacity.max(1));
    let dropped = Arc::new(array::from_fn(|_| AtomicU64::new(0)));
    let monitor = QueueMonitor {
        receiver: receiver.clone(),
        dropped: Arc::clone(&dropped),
    };
    (
        AlertSender {
            sender,
            dropped,
            waits: false,
        },
        AlertReceiver { receiver, monitor },
    )
}

/// The workers' end; clones share the queue.
#[derive(Debug, Clone)]
pub struct AlertSender {
    sender: Sender<Alert>,
    dropped: Arc<[AtomicU64; PRIORITIES.len()]>,
    waits: bool,
}

impl AlertSender {
    /// The same queue, but with time: [`AlertSender::send`] waits for room. Not for workers.
    pub fn waiting(self) -> Self {
        Self {
            waits: true,
            ..self
        }
    }

    /// Queues an alert without waiting. When the queue is full, the alert is dropped,
    /// counted, and `false` returned.
    pub fn send(&self, alert: Alert) -> bool {
        let sent = if self.waits {
            let sent = self.sender.send(alert);
            sent.map_err(|error| TrySendError::Disconnected(error.into_inner()))
        } else {
            self.sender.try_send(alert)
        };
        match sent {
            Ok(()) => true,
            Err(TrySendError::Full(alert) | TrySendError::Disconnected(alert)) => {
                self.dropped[alert.rule.priority as usize].fetch_add(1, Relaxed);
                false
            }
        }
    }
}

/// The output's end.
#[derive(Debug)]
pub struct AlertReceiver {
    receiver: Receiver<Alert>,
    monitor: QueueMonitor,
}

impl AlertReceiver {
    /// A view of the queue for metrics. It keeps the queue in memory, but does not delay its end.
    pub fn monitor(&self) -> QueueMonitor {
        self.monitor.clone()
    }

    /// The next alert; waits for it. `None` when all senders are gone and the queue is empty.
    pub fn recv(&self) -> Option<Alert> {
        self.receiver.recv().ok()
    }

    /// The next alert if one is waiting.
    pub fn try_recv(&self) -> Option<Alert> {
        self.receiver.try_recv().ok()
    }
}

/// The queue as metrics see it.
#[derive(Debug, Clone)]
pub struct QueueMonitor {
    receiver: Receiver<Alert>,
    dropped: Arc<[AtomicU64; PRIORITIES.len()]>,
}

impl QueueMonitor {
    /// Alerts dropped so far, by priority.
    pub fn dropped(&self, priority: Priority) -> u64 {
        self.dropped[priority as usize].load(Relaxed)
    }

    /// Alerts waiting.
    pub fn waiting(&self) -> usize {
        self.receiver.len()
    }

    /// Most alerts the queue holds.
    pub fn capacity(&self) -> usize {
        self.receiver.capacity().unwrap_or(usize::MAX)
    }
}
