//! What each event changes, by family.

mod anonymous;
mod birth;
mod cred;
mod file;
mod io;
mod process;
mod socket;

pub(crate) use self::birth::fork_owner;
pub(crate) use self::file::O_CLOEXEC;
pub(crate) use self::io::closed_range;
pub(crate) use self::process::{cmdline, joined, new_image, terminated, told_cred};
pub(crate) use self::socket::{End, canonical, existing, listening_port, write_inet};

use std::sync::Arc;

use saker_abi::raw::*;
use saker_abi::record::Record;

use crate::container::UsersQuestion;
use crate::counters::Counters;
use crate::path;
use crate::process::{Blank, Process};
use crate::recovery::Request;
use crate::shared::SharedState;
use crate::view::Applied;

/// What applying needs besides the process, and memory it reuses.
#[derive(Debug)]
pub(crate) struct Ctx {
    pub(crate) index: u32,
    pub(crate) shared: Arc<SharedState>,
    pub(crate) counters: Counters,
    pub(crate) blank: Blank,
    /// A name under construction.
    name: Vec<u8>,
}

impl Ctx {
    pub(crate) fn new(index: u32, shared: Arc<SharedState>) -> Self {
        Self {
            index,
            shared,
            counters: Counters::default(),
            blank: Blank::default(),
            name: Vec::with_capacity(path::MAX_JOINED_LEN),
        }
    }

    /// Asks for the users of the process's container unless they are known and young.
    pub(crate) fn ask_users(&mut self, process: &Process, now_ns: u64) {
        let Some(container) = &process.cgroup.container else {
            return;
        };
        let question = UsersQuestion::of(container, process.tgid, now_ns);
        if question.is_some_and(|it| !self.shared.request(Request::Users(it))) {
            self.counters.recovery_overflow += 1;
        }
    }
}

/// Whether there is a process to apply a record to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Yes, now.
    Yes,
    /// Not before its parent's snapshot has come.
    Waits,
    /// No, and none is made up.
    Nobody,
}

/// Applies `rec` to its process. Returns the child of a fork, to be delivered to its owner.
pub(crate) fn dispatch(
    ctx: &mut Ctx,
    process: &mut Process,
    rec: &Record<'_>,
    applied: &mut Applied,
) -> Option<Box<Process>> {
    match rec.event() {
        SAKER_EV_EXECVE | SAKER_EV_EXECVEAT => process::exec(ctx, process, rec),
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK => {
            return process::fork(ctx, process, rec);
        }
        SAKER_EV_OPEN | SAKER_EV_OPENAT | SAKER_EV_OPENAT2 | SAKER_EV_CREAT => {
            file::open(ctx, process, rec, applied);
        }
        SAKER_EV_DUP | SAKER_EV_DUP2 | SAKER_EV_DUP3 => file::dup(ctx, process, rec),
        SAKER_EV_FCNTL => file::fcntl(process, rec),
        SAKER_EV_MEMFD_CREATE => file::memfd(process, rec, applied),
        SAKER_EV_BPF => file::bpf(process, rec, applied),
        SAKER_EV_OPEN_BY_HANDLE_AT => anonymous::open_by_handle(process, rec, applied),
        SAKER_EV_EVENTFD..=SAKER_EV_EPOLL_CREATE1
        | SAKER_EV_USERFAULTFD
        | SAKER_EV_IO_URING_SETUP
        | SAKER_EV_PIDFD_OPEN => anonymous::create(process, rec, applied),
        SAKER_EV_SOCKET => socket::socket(process, rec),
        SAKER_EV_CONNECT => socket::connect(ctx, process, rec, applied),
        SAKER_EV_ACCEPT | SAKER_EV_ACCEPT4 => socket::accept(ctx, process, rec, applied),
        SAKER_EV_BIND => socket::bind(ctx, process, rec, applied),
        SAKER_EV_LISTEN => socket::listen(ctx, process, rec, applied),
        SAKER_EV_READ_CALL..=SAKER_EV_RECVMMSG => io::move_data(ctx, process, rec, applied),
        SAKER_EV_PIPE | SAKER_EV_PIPE2 | SAKER_EV_SOCKETPAIR => io::pair(process, rec),
        SAKER_EV_FILE => io::adopt(ctx, process, rec),
        SAKER_EV_PIDFD_GETFD => io::pidfd_getfd(process, rec, applied),
        SAKER_EV_CLOSE_RANGE => io::close_range(process, rec),
        SAKER_EV_GETSOCKOPT => io::getsockopt(ctx, process, rec, applied),
        SAKER_EV_CHDIR | SAKER_EV_FCHDIR | SAKER_EV_CHROOT => file::directory(ctx, process, rec),
        SAKER_EV_GETCWD => file::working_directory(process, rec),
        SAKER_EV_SETSID => process::setsid(process, rec),
        SAKER_EV_SETUID..=SAKER_EV_SETRESGID
        | SAKER_EV_CAPSET
        | SAKER_EV_SETNS
        | SAKER_EV_UNSHARE => cred::apply(ctx, process, rec),
        _ => {}
    }
    None
}

/// The working directory, as far as it is known.
fn working_dir(process: &Process) -> &[u8] {
    match &*process.cwd {
        [] => path::UNKNOWN_DIR,
        cwd => cwd,
    }
}

/// Paths of the record that tell what a call reached and are not all there.
pub(crate) fn reached_cut(rec: &Record<'_>) -> u64 {
    let cut = |slot| u64::from(rec.var(slot).is_cut());
    match rec.event() {
        SAKER_EV_OPEN => cut(SAKER_P_OPEN_real),
        SAKER_EV_OPENAT => cut(SAKER_P_OPENAT_real),
        SAKER_EV_OPENAT2 => cut(SAKER_P_OPENAT2_real),
        SAKER_EV_CREAT => cut(SAKER_P_CREAT_real),
        SAKER_EV_OPEN_BY_HANDLE_AT => cut(SAKER_P_OPEN_BY_HANDLE_AT_path),
        SAKER_EV_ACTED => cut(SAKER_P_ACTED_real) + cut(SAKER_P_ACTED_real2),
        _ => 0,
    }
}

/// Whether a handle has opened a file that the kernel has no name for.
pub fn opens_nameless(rec: &Record<'_>) -> bool {
    let path = || rec.var(SAKER_P_OPEN_BY_HANDLE_AT_path);
    rec.event() == SAKER_EV_OPEN_BY_HANDLE_AT
        && crate::view::fd_in(rec, SAKER_P_OPEN_BY_HANDLE_AT_fd) >= 0
        && path().bytes.is_empty()
        && !path().truncated
}

/// Directory that paths of an event are relative to: the working directory for `AT_FDCWD`, else
/// the name of the descriptor.
pub(crate) fn base_dir(process: &Process, dirfd: i32) -> &[u8] {
    /// openat(2).
    const AT_FDCWD: i32 = -100;
    if dirfd == AT_FDCWD {
        return working_dir(process);
    }
    let name = process.fds.get(dirfd).map_or(&[][..], |fd| &fd.name);
    if name.is_empty() {
        path::UNKNOWN_DIR
    } else {
        name
    }
}
