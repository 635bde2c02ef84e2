//! Requests of io_uring and the events that they amount to.

use super::EventSet;
use crate::raw::*;

/// `IORING_OP_*` of include/uapi/linux/io_uring.h, and the events.
pub const REQUESTS: [(usize, u32); 29] = [
    (1, SAKER_EV_READV),
    (2, SAKER_EV_WRITEV),
    (4, SAKER_EV_READ_CALL),  // READ_FIXED
    (5, SAKER_EV_WRITE_CALL), // WRITE_FIXED
    (9, SAKER_EV_SENDMSG),
    (10, SAKER_EV_RECVMSG),
    (13, SAKER_EV_ACCEPT4),
    (16, SAKER_EV_CONNECT),
    (18, SAKER_EV_OPENAT),
    (19, SAKER_EV_CLOSE),
    (22, SAKER_EV_READ_CALL),
    (23, SAKER_EV_WRITE_CALL),
    (26, SAKER_EV_SENDTO),
    (27, SAKER_EV_RECVFROM),
    (28, SAKER_EV_OPENAT2),
    (35, SAKER_EV_RENAMEAT2),
    (36, SAKER_EV_UNLINKAT),
    (37, SAKER_EV_MKDIRAT),
    (38, SAKER_EV_SYMLINKAT),
    (39, SAKER_EV_LINKAT),
    (45, SAKER_EV_SOCKET),
    (47, SAKER_EV_SENDTO),    // SEND_ZC
    (48, SAKER_EV_SENDMSG),   // SENDMSG_ZC
    (49, SAKER_EV_READ_CALL), // READ_MULTISHOT
    (54, SAKER_EV_DUP3),      // FIXED_FD_INSTALL
    (56, SAKER_EV_BIND),
    (57, SAKER_EV_LISTEN),
    (60, SAKER_EV_READV),  // READV_FIXED
    (61, SAKER_EV_WRITEV), // WRITEV_FIXED
];

/// The events of those that move data.
const MOVES: [u32; 8] = [
    SAKER_EV_SENDTO,
    SAKER_EV_SENDMSG,
    SAKER_EV_RECVFROM,
    SAKER_EV_RECVMSG,
    SAKER_EV_READ_CALL,
    SAKER_EV_WRITE_CALL,
    SAKER_EV_READV,
    SAKER_EV_WRITEV,
];

/// Whether requests that amount to `event` move data.
pub fn moves(event: u32) -> bool {
    MOVES.contains(&event)
}

/// The requests whose events are in `events`.
pub fn wanted(events: &EventSet) -> impl Iterator<Item = (usize, u32)> {
    REQUESTS
        .into_iter()
        .filter(|&(_, event)| events.contains(event as u16))
}
