//! Look-ups of processes nothing is known about, in the background.
//!
//! A worker that meets an unknown process goes on with a placeholder and asks; the answer comes
//! through its inbox and is used for what no record has told in the meantime.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::handover::Message;
use crate::scan::Scanner;
use crate::shared::SharedState;

/// Look-ups that may wait.
pub const RECOVERY_QUEUE_LEN: usize = 4096;

/// Which process a worker asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) tgid: u32,
    pub(crate) partition: u32,
}

/// Answers the workers' questions from /proc; to be run by one background thread.
#[derive(Debug)]
pub struct Recovery {
    shared: Arc<SharedState>,
    requests: Receiver<Request>,
    scanner: Option<Scanner>,
}

impl Recovery {
    pub(crate) fn new(shared: Arc<SharedState>, requests: Receiver<Request>) -> Self {
        Self {
            shared,
            requests,
            scanner: None,
        }
    }

    /// Answers what is asked within `timeout`; true when it answered something. Call it in a loop
    /// with a timeout short enough for a stop flag to be seen.
    pub fn serve(&mut self, timeout: Duration) -> bool {
        let Ok(request) = self.requests.recv_timeout(timeout) else {
            return false;
        };
        let root = self.shared.config.host_root.clone();
        let scanner = match &mut self.scanner {
            Some(scanner) => scanner,
            none => match Scanner::open(&root) {
                Ok(scanner) => none.insert(scanner),
                Err(error) => {
                    tracing::warn!(%error, "cannot read /proc: unknown processes stay unknown");
                    return false;
                }
            },
        };
        let found = scanner.process(request.tgid).map(Box::new);
        let message = Message::Recovered {
            tgid: request.tgid,
            found,
        };
        // A full inbox means a worker in trouble; the placeholder stays, marked doubtful.
        self.shared.send(request.partition, message)
    }
}
