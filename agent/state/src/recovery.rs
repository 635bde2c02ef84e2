//! Look-ups of processes nothing is known about, in the background.
//!
//! A worker that meets an unknown process goes on with a placeholder and asks; the answer comes
//! through its inbox and is used for what no record has told in the meantime. Users of containers are read
//! here, too.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::container::{Container, read_users};
use crate::handover::Message;
use crate::scan::Scanner;
use crate::shared::SharedState;

/// Look-ups that may wait.
pub const RECOVERY_QUEUE_LEN: usize = 4096;

/// What a worker asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// A process nobody has heard of; the answer goes to the partition.
    Process { tgid: u32, partition: u32 },
    /// The users of a container, by a process of it.
    Users {
        tgid: u32,
        container: Arc<Container>,
    },
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
        match request {
            Request::Process { tgid, partition } => self.process(tgid, partition),
            Request::Users { tgid, container } => {
                let proc = self.shared.config.host_root.join("proc");
                let names = read_users(&proc, tgid, &container.identity.full_id);
                if let Some(Ok(names)) = &names {
                    self.shared.count_users_left_out(names.left_out());
                }
                container.users.answer(names, boot_ns());
                true
            }
        }
    }

    fn process(&mut self, tgid: u32, partition: u32) -> bool {
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
        // Before the look: what begins during it may be missing in what was found.
        let looked_ns = boot_ns();
        let found = scanner.process(tgid).map(Box::new);
        let message = Message::Recovered {
            tgid,
            found,
            looked_ns,
        };
        // A full inbox means a worker in trouble; the placeholder stays, marked doubtful.
        self.shared.send(partition, message)
    }
}

/// The clock of the records (`CLOCK_BOOTTIME`), now.
pub fn boot_ns() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::Boottime);
    let number = |part: i64| u64::try_from(part).unwrap_or(0);
    number(now.tv_sec) * 1_000_000_000 + number(now.tv_nsec)
}
