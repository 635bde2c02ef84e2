//! Look-ups of processes nothing is known about, in the background.
//!
//! A worker that meets an unknown process goes on with a placeholder and asks; the answer comes
//! through its inbox and is used for what no record has told in the meantime. Users of containers are
//! asked for here, too.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::container::UsersQuestion;
use crate::handover::Message;
use crate::patience::{Patient, Threads};
use crate::scan::Scanner;
use crate::shared::SharedState;

/// Look-ups that may wait.
pub const RECOVERY_QUEUE_LEN: usize = 4096;

/// What a worker asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// A process nobody has heard of; the answer goes to the partition.
    Process { tgid: u32, partition: u32 },
    /// The users of a container.
    Users(UsersQuestion),
}

/// Threads that read the files of containers.
static USER_THREADS: Threads = Threads::new("saker-users");

/// Containers whose users could not be read in time, since the agent began. They are known when they have been read,
/// and not asked for until then.
pub fn container_users_late() -> u64 {
    USER_THREADS.late()
}

/// Answers the workers' questions from /proc; to be run by one background thread.
#[derive(Debug)]
pub struct Recovery {
    shared: Arc<SharedState>,
    requests: Receiver<Request>,
    scanner: Option<Scanner>,
    users: Patient<UsersLook, ()>,
}

/// A look at the files of a container.
#[derive(Debug)]
struct UsersLook {
    shared: Arc<SharedState>,
    question: UsersQuestion,
}

impl UsersLook {
    fn take(self) {
        let proc = self.shared.config.host_root.join("proc");
        self.shared
            .count_users_left_out(self.question.answer(&proc));
    }
}

impl Recovery {
    pub(crate) fn new(shared: Arc<SharedState>, requests: Receiver<Request>) -> Self {
        Self {
            shared,
            requests,
            scanner: None,
            users: Patient::new(&USER_THREADS, UsersLook::take),
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
            Request::Users(question) => {
                let shared = Arc::clone(&self.shared);
                self.users.ask(UsersLook { shared, question });
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;
    use crate::container::{Cgroup, Container};
    use crate::shared::{State, StateConfig};

    /// A process in a container of its own, and that container.
    fn contained(host: &Path, tgid: u32, silent: bool) -> Arc<Container> {
        let cgroup = format!("0::/docker/{}\n", format!("{tgid:04x}").repeat(16));
        let (process, image) = (
            host.join(format!("proc/{tgid}")),
            host.join(format!("image{tgid}")),
        );
        fs::create_dir_all(process.join("ns")).expect("a process");
        fs::create_dir_all(image.join("etc")).expect("an image");
        fs::write(image.join("etc/passwd"), "web:x:7:7::/:/bin/sh\n").expect("written");
        symlink("mnt:[1]", process.join("ns/mnt")).expect("mounts of its own");
        symlink(&image, process.join("root")).expect("its root");
        if silent {
            // Opening waits for somebody who writes.
            mknodat(CWD, process.join("cgroup"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        } else {
            fs::write(process.join("cgroup"), &cgroup).expect("written");
        }
        Cgroup::new(cgroup.as_bytes())
            .container
            .expect("a container")
    }

    #[test]
    fn a_container_that_does_not_answer_holds_up_nobody() {
        let host = tempfile::tempdir().expect("a directory");
        let mut state = State::new(StateConfig {
            host_root: host.path().to_owned(),
            ..StateConfig::default()
        })
        .expect("one partition");
        let silent = contained(host.path(), 40, true);
        let talks = contained(host.path(), 41, false);
        let mut ask = |container: &Arc<Container>, tgid| {
            let question = UsersQuestion::of(container, tgid, boot_ns());
            let asked = question.map(|it| state.shared.request(Request::Users(it)));
            asked == Some(true) && state.recovery.serve(Duration::ZERO)
        };
        let name = |container: &Container| {
            let found = container.users.found();
            let user = found.names.as_ref().ok()?.user(7)?;
            Some(user.name.to_string())
        };
        let late = container_users_late();
        assert!(ask(&silent, 40));
        assert_eq!((name(&silent), container_users_late()), (None, late + 1));
        assert!(ask(&talks, 41));
        assert_eq!(name(&talks).as_deref(), Some("web"));

        // Nobody asks it again, and it is known when it has answered.
        assert!(!ask(&silent, 40));
        let cgroup = format!("0::/docker/{}\n", silent.identity.full_id);
        fs::write(host.path().join("proc/40/cgroup"), cgroup).expect("an answer");
        while name(&silent).is_none() {
            std::thread::yield_now();
        }
    }
}
