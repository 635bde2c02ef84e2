//! Data and descriptors that travel: the far ends of datagrams, pairs, passed descriptors.

use std::io::Write;
use std::ops::RangeInclusive;

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::Ctx;
use super::file::{O_CLOEXEC, heal_sort};
use super::socket::{self, Far};
use crate::fd::{FdKind, Role, Socket};
use crate::process::Process;
use crate::scan::told_kind;
use crate::view::{Applied, fd_in};

/// close_range(2).
const CLOSE_RANGE_UNSHARE: u64 = 2;
const CLOSE_RANGE_CLOEXEC: u64 = 4;

/// getsockopt(2).
const SOL_SOCKET: u64 = 1;
const SO_ERROR: u64 = 4;

/// What a call moved.
struct Moved {
    res: i64,
    fd: i32,
    tuple: Option<saker_tuple>,
    /// The far end is the caller's word, not the socket's own.
    given: bool,
    facts: u32,
}

/// Of the events that read, write, send and receive; `res` is the first slot of all.
fn moved(rec: &Record<'_>) -> Moved {
    let described = |fd, facts| Moved {
        res: rec.i64(0),
        fd: fd_in(rec, fd),
        tuple: None,
        given: false,
        facts: rec.u64(facts) as u32,
    };
    let between = |fd, tuple| Moved {
        res: rec.i64(0),
        fd: fd_in(rec, fd),
        tuple: rec.tuple(tuple),
        given: rec.far_end_given(tuple),
        facts: 0,
    };
    match rec.event() {
        SAKER_EV_READ_CALL => described(SAKER_P_READ_CALL_fd, SAKER_P_READ_CALL_facts),
        SAKER_EV_WRITE_CALL => described(SAKER_P_WRITE_CALL_fd, SAKER_P_WRITE_CALL_facts),
        SAKER_EV_READV => described(SAKER_P_READV_fd, SAKER_P_READV_facts),
        SAKER_EV_WRITEV => described(SAKER_P_WRITEV_fd, SAKER_P_WRITEV_facts),
        SAKER_EV_PREAD => described(SAKER_P_PREAD_fd, SAKER_P_PREAD_facts),
        SAKER_EV_PWRITE => described(SAKER_P_PWRITE_fd, SAKER_P_PWRITE_facts),
        SAKER_EV_PREADV => described(SAKER_P_PREADV_fd, SAKER_P_PREADV_facts),
        SAKER_EV_PWRITEV => described(SAKER_P_PWRITEV_fd, SAKER_P_PWRITEV_facts),
        SAKER_EV_SENDTO => between(SAKER_P_SENDTO_fd, SAKER_P_SENDTO_tuple),
        SAKER_EV_SENDMSG => between(SAKER_P_SENDMSG_fd, SAKER_P_SENDMSG_tuple),
        SAKER_EV_SENDMMSG => between(SAKER_P_SENDMMSG_fd, SAKER_P_SENDMMSG_tuple),
        SAKER_EV_RECVFROM => between(SAKER_P_RECVFROM_fd, SAKER_P_RECVFROM_tuple),
        SAKER_EV_RECVMSG => between(SAKER_P_RECVMSG_fd, SAKER_P_RECVMSG_tuple),
        _ => between(SAKER_P_RECVMMSG_fd, SAKER_P_RECVMMSG_tuple),
    }
}

/// Reading, writing, sending, receiving.
pub(super) fn move_data(
    ctx: &mut Ctx,
    process: &mut Process,
    rec: &Record<'_>,
    applied: &mut Applied,
) {
    count_unseen(ctx, rec);
    let moved = moved(rec);
    if moved.res < 0 {
        return;
    }
    let Some(tuple) = moved.tuple else {
        heal_sort(ctx, process, moved.fd, moved.facts);
        return;
    };
    let healed = socket::heal(ctx, process, moved.fd, &tuple);
    let Some(known) = process.fds.get(moved.fd).and_then(|fd| fd.socket.as_ref()) else {
        return;
    };
    let role = match known.role {
        // Bound to a port, so whoever talks with it came to it.
        Role::Listener => Role::Server,
        Role::Unknown if sends(rec.event()) => Role::Client,
        Role::Unknown => Role::Server,
        role => role,
    };
    let far = match (tuple.family, moved.given) {
        // Pairs and the like: nothing tells which end is which.
        (socket::AF_UNIX, _) if !healed && known.sock_id == tuple.sock_id && !moved.given => return,
        (socket::AF_UNIX, _) => Far::Own,
        (_, true) => Far::Given,
        // Neither the socket nor the call has a far end.
        _ if tuple.remote_port == 0 => return,
        _ => Far::Own,
    };
    let role = if tuple.family == socket::AF_UNIX {
        known.role
    } else {
        role
    };
    applied.name_changed = socket::update(ctx, process, moved.fd, &tuple, role, far);
}

fn sends(event: u32) -> bool {
    matches!(
        event,
        SAKER_EV_SENDTO | SAKER_EV_SENDMSG | SAKER_EV_SENDMMSG
    )
}

/// Messages and descriptors beyond those that the drivers record.
fn count_unseen(ctx: &mut Ctx, rec: &Record<'_>) {
    let (index, passed) = match rec.event() {
        SAKER_EV_SENDMMSG => (rec.u64(SAKER_P_SENDMMSG_index), 0),
        SAKER_EV_RECVMMSG => (
            rec.u64(SAKER_P_RECVMMSG_index),
            rec.u64(SAKER_P_RECVMMSG_passed),
        ),
        SAKER_EV_RECVMSG => (0, rec.u64(SAKER_P_RECVMSG_passed)),
        _ => return,
    };
    let counters = &mut ctx.counters;
    // The numbers are the record's: a damaged one may hold anything.
    let passed = passed.saturating_sub(SAKER_PASSED_MAX.into());
    counters.passed_overflow = counters.passed_overflow.saturating_add(passed);
    if index == u64::from(SAKER_MESSAGES_MAX) - 1 {
        let messages = u64::try_from(rec.i64(0)).unwrap_or(0);
        let messages = messages.saturating_sub(SAKER_MESSAGES_MAX.into());
        counters.messages_overflow = counters.messages_overflow.saturating_add(messages);
    }
}

/// pipe, pipe2 and socketpair.
pub(super) fn pair(process: &mut Process, rec: &Record<'_>) {
    if rec.i64(0) < 0 {
        return;
    }
    let (first, second, flags, ino) = match rec.event() {
        SAKER_EV_PIPE => (SAKER_P_PIPE_fd1, SAKER_P_PIPE_fd2, 0, SAKER_P_PIPE_ino),
        SAKER_EV_PIPE2 => (
            SAKER_P_PIPE2_fd1,
            SAKER_P_PIPE2_fd2,
            rec.u64(SAKER_P_PIPE2_flags),
            SAKER_P_PIPE2_ino,
        ),
        _ => return sockets(process, rec),
    };
    for slot in [first, second] {
        if let Some(fd) = process.fds.open(fd_in(rec, slot), FdKind::Pipe) {
            fd.ino = rec.u64(ino);
            fd.cloexec = flags as u32 & O_CLOEXEC != 0;
        }
    }
}

fn sockets(process: &mut Process, rec: &Record<'_>) {
    let raw_type = rec.u64(SAKER_P_SOCKETPAIR_type);
    let family = rec.u64(SAKER_P_SOCKETPAIR_domain) as u16;
    let (source, peer) = (
        rec.u64(SAKER_P_SOCKETPAIR_source),
        rec.u64(SAKER_P_SOCKETPAIR_peer),
    );
    for (slot, sock_id, peer_id) in [
        (SAKER_P_SOCKETPAIR_fd1, source, peer),
        (SAKER_P_SOCKETPAIR_fd2, peer, source),
    ] {
        let socket = Socket {
            sock_type: (raw_type & socket::SOCK_TYPE_MASK) as u8,
            connected: true,
            sock_id,
            peer_id,
            ..Socket::default()
        };
        let kind = socket::kind_of(family);
        if let Some(fd) = process.fds.open_socket(fd_in(rec, slot), kind, socket) {
            // Writing to memory does not fail.
            let _ = write!(fd.name, "{sock_id:x}->{peer_id:x} ");
            fd.cloexec = raw_type as u32 & O_CLOEXEC != 0;
        }
    }
}

/// A descriptor that came from another process, before the record of the call that brought it.
pub(super) fn adopt(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) {
    let number = fd_in(rec, SAKER_P_FILE_fd);
    let flags = rec.u64(SAKER_P_FILE_flags) as u32;
    process.fds.close(number);
    if let Some(tuple) = rec.tuple(SAKER_P_FILE_tuple) {
        if socket::heal(ctx, process, number, &tuple) {
            adopt_socket(ctx, process, number, &tuple);
        }
    } else {
        let (kind, name) = told_kind(rec).unwrap_or((FdKind::Unknown, b""));
        if let Some(fd) = process.fds.open(number, kind) {
            fd.name.extend_from_slice(name);
            (fd.dev, fd.ino) = (rec.u64(SAKER_P_FILE_dev) as u32, rec.u64(SAKER_P_FILE_ino));
            fd.file_facts = rec.u64(SAKER_P_FILE_facts) as u32;
        }
    }
    if let Some(fd) = process.fds.get_mut(number) {
        fd.open_flags = flags;
        fd.cloexec = flags & O_CLOEXEC != 0;
    }
}

fn adopt_socket(ctx: &mut Ctx, process: &mut Process, number: i32, tuple: &saker_tuple) {
    let role = match tuple.family {
        socket::AF_UNIX => Role::Unknown,
        _ if tuple.local_port == 0 => return,
        _ if tuple.remote_port == 0 => Role::Listener,
        // Who connected is not told; clients get ports from the upper range.
        _ if tuple.local_port < tuple.remote_port => Role::Server,
        _ => Role::Client,
    };
    socket::update(ctx, process, number, tuple, role, Far::Own);
}

/// The taken descriptor is known by the record before; without one nothing is known of its number.
pub(super) fn pidfd_getfd(process: &Process, rec: &Record<'_>, applied: &mut Applied) {
    let fd = process.fds.get(fd_in(rec, SAKER_P_PIDFD_GETFD_fd));
    applied.name_changed = fd.is_some_and(|fd| !fd.name.is_empty());
}

pub(super) fn close_range(process: &mut Process, rec: &Record<'_>) {
    let flags = rec.u64(SAKER_P_CLOSE_RANGE_flags);
    let Some((range, on_exec)) = closed_range(rec) else {
        return;
    };
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        // One table stands for all threads: what one of them closes in a copy of its own stays open.
        if !process.threads.is_empty() {
            return;
        }
        process.sharing = None;
    }
    process.fds.close_range(range, on_exec);
}

/// What close_range(2) closes, and whether only at the next exec; `None` when it failed.
pub(crate) fn closed_range(rec: &Record<'_>) -> Option<(RangeInclusive<i32>, bool)> {
    let number = |slot| i32::try_from(rec.u64(slot) as u32).unwrap_or(i32::MAX);
    let range = number(SAKER_P_CLOSE_RANGE_first)..=number(SAKER_P_CLOSE_RANGE_last);
    let on_exec = rec.u64(SAKER_P_CLOSE_RANGE_flags) & CLOSE_RANGE_CLOEXEC != 0;
    (rec.i64(SAKER_P_CLOSE_RANGE_res) >= 0).then_some((range, on_exec))
}

/// getsockopt(SO_ERROR) tells how a connect that was in progress has ended.
pub(super) fn getsockopt(
    ctx: &mut Ctx,
    process: &mut Process,
    rec: &Record<'_>,
    applied: &mut Applied,
) {
    let asked = (
        rec.u64(SAKER_P_GETSOCKOPT_level),
        rec.u64(SAKER_P_GETSOCKOPT_optname),
    );
    if asked != (SOL_SOCKET, SO_ERROR) || rec.i64(SAKER_P_GETSOCKOPT_res) < 0 {
        return;
    }
    let number = fd_in(rec, SAKER_P_GETSOCKOPT_fd);
    let failed = rec.i64(SAKER_P_GETSOCKOPT_val) != 0;
    let tuple = rec.tuple(SAKER_P_GETSOCKOPT_tuple);
    let known = process.fds.get(number).and_then(|fd| fd.socket.as_ref());
    let Some(role) = known.map(|socket| socket.role) else {
        return;
    };
    if failed {
        if let Some(socket) = process
            .fds
            .get_mut(number)
            .and_then(|fd| fd.socket.as_mut())
        {
            socket.connected = false;
        }
    } else if let Some(tuple) = tuple.filter(|tuple| tuple.remote_port != 0 && role == Role::Client)
    {
        applied.name_changed = socket::update(ctx, process, number, &tuple, role, Far::Own);
    }
}
