//! Descriptors without a file: event counters, timers, rings and the like; and files opened by handle, which
//! are named by the kernel.

use std::io::Write;

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::file::{O_CLOEXEC, opened_kind};
use crate::fd::FdKind;
use crate::process::Process;
use crate::view::{Applied, fd_in};

/// Whether the descriptor goes with an exec.
enum CloseOnExec {
    Never,
    Always,
    /// The flags in this slot say.
    Asked(u32),
}
use CloseOnExec::{Always, Asked, Never};

/// What a call makes.
fn made(event: u32) -> Option<(FdKind, CloseOnExec)> {
    Some(match event {
        SAKER_EV_EVENTFD => (FdKind::Event, Never),
        SAKER_EV_EVENTFD2 => (FdKind::Event, Asked(SAKER_P_EVENTFD2_flags)),
        SAKER_EV_SIGNALFD => (FdKind::Signal, Never),
        SAKER_EV_SIGNALFD4 => (FdKind::Signal, Asked(SAKER_P_SIGNALFD4_flags)),
        SAKER_EV_TIMERFD_CREATE => (FdKind::Timer, Asked(SAKER_P_TIMERFD_CREATE_flags)),
        SAKER_EV_INOTIFY_INIT => (FdKind::Inotify, Never),
        SAKER_EV_INOTIFY_INIT1 => (FdKind::Inotify, Asked(SAKER_P_INOTIFY_INIT1_flags)),
        SAKER_EV_EPOLL_CREATE => (FdKind::EventPoll, Never),
        SAKER_EV_EPOLL_CREATE1 => (FdKind::EventPoll, Asked(SAKER_P_EPOLL_CREATE1_flags)),
        SAKER_EV_USERFAULTFD => (FdKind::UserFault, Asked(SAKER_P_USERFAULTFD_flags)),
        SAKER_EV_IO_URING_SETUP => (FdKind::IoUring, Always),
        SAKER_EV_PIDFD_OPEN => (FdKind::Pidfd, Always),
        _ => return None,
    })
}

pub(super) fn create(process: &mut Process, rec: &Record<'_>, applied: &mut Applied) {
    let number = fd_in(rec, 0);
    let Some((kind, close)) = made(rec.event()).filter(|_| number >= 0) else {
        return;
    };
    if let Some(fd) = process.fds.open(number, kind) {
        fd.cloexec = match close {
            Never => false,
            Always => true,
            Asked(slot) => rec.u64(slot) as u32 & O_CLOEXEC != 0,
        };
        if kind == FdKind::Pidfd {
            // Writing to memory does not fail.
            let _ = write!(fd.name, "/proc/{}", rec.u64(SAKER_P_PIDFD_OPEN_pid) as u32);
            applied.name_changed = true;
        }
    }
}

pub(super) fn open_by_handle(process: &mut Process, rec: &Record<'_>, applied: &mut Applied) {
    let number = fd_in(rec, SAKER_P_OPEN_BY_HANDLE_AT_fd);
    if number < 0 {
        return;
    }
    let flags = rec.u64(SAKER_P_OPEN_BY_HANDLE_AT_flags) as u32;
    let Some(fd) = process.fds.open(number, opened_kind(flags)) else {
        return;
    };
    fd.name
        .extend_from_slice(rec.var(SAKER_P_OPEN_BY_HANDLE_AT_path).bytes);
    fd.open_flags = flags;
    fd.cloexec = flags & O_CLOEXEC != 0;
    fd.dev = rec.u64(SAKER_P_OPEN_BY_HANDLE_AT_dev) as u32;
    fd.ino = rec.u64(SAKER_P_OPEN_BY_HANDLE_AT_ino);
    fd.file_facts = rec.u64(SAKER_P_OPEN_BY_HANDLE_AT_facts) as u32;
    applied.name_changed = !fd.name.is_empty();
}
