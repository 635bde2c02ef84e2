//! State that fields show, and the events that keep it besides those that are always recorded
//! (`SAKER_EF_STATE`).

use std::ops::BitOr;

use saker_abi::driver::EventSet;
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::*;

/// Kinds of such state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Keepers(u8);

impl Keepers {
    /// None.
    pub(super) const NONE: Self = Self(0);
    /// Names of directories: paths begin at their descriptors, and fchdir goes there.
    pub(super) const DIRECTORIES: Self = Self(1);
    /// Ends of sockets, and who is the server.
    pub(super) const SOCKETS: Self = Self(1 << 1);
    /// Where sockets that are not connected have sent to.
    pub(super) const SENT: Self = Self(1 << 2);
    /// Whom they have heard from.
    pub(super) const RECEIVED: Self = Self(1 << 3);
    /// How connects in progress have ended.
    pub(super) const OUTCOMES: Self = Self(1 << 4);
    /// What each number stands for.
    pub(super) const TABLE: Self = Self(1 << 5);
    /// Which numbers stand for nothing any more.
    pub(super) const CLOSED: Self = Self(1 << 6);
    /// Capabilities that come with a user namespace.
    pub(super) const CAPABILITIES: Self = Self(1 << 7);

    const ALL: [Self; 8] = [
        Self::DIRECTORIES,
        Self::SOCKETS,
        Self::SENT,
        Self::RECEIVED,
        Self::OUTCOMES,
        Self::TABLE,
        Self::CLOSED,
        Self::CAPABILITIES,
    ];

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds the events that keep it.
    pub(super) fn add_to(self, events: &mut EventSet) {
        for kind in Self::ALL.into_iter().filter(|&kind| self.has(kind)) {
            kind.each(&mut |event| events.insert(event));
        }
    }

    fn each(self, add: &mut dyn FnMut(u16)) {
        let named: &[u32] = match self {
            Self::DIRECTORIES => {
                of_table(EventInfo::tells_reached, add);
                of_table(renumbers, add);
                &RENUMBERS
            }
            Self::SOCKETS => {
                of_table(renumbers, add);
                RENUMBERS.iter().for_each(|&event| add(event as u16));
                &SOCKETS
            }
            Self::SENT => &[SAKER_EV_SENDTO, SAKER_EV_SENDMSG, SAKER_EV_SENDMMSG],
            Self::RECEIVED => &[SAKER_EV_RECVFROM, SAKER_EV_RECVMSG, SAKER_EV_RECVMMSG],
            Self::OUTCOMES => &[SAKER_EV_GETSOCKOPT],
            Self::TABLE => {
                of_table(EventInfo::creates_fd, add);
                RENUMBERS.iter().for_each(|&event| add(event as u16));
                &TABLE
            }
            Self::CLOSED => &[SAKER_EV_CLOSE],
            Self::CAPABILITIES => &[SAKER_EV_SETNS, SAKER_EV_UNSHARE],
            _ => &[],
        };
        named.iter().for_each(|&event| add(event as u16));
    }
}

impl BitOr for Keepers {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What gives an open file another number; but for those by which it comes from another process in a message,
/// which are frequent.
fn renumbers(event: &EventInfo) -> bool {
    event.creates_fd() && event.uses_fd() || u32::from(event.id) == SAKER_EV_PIDFD_GETFD
}

/// The same, and what closes numbers at the next exec, or for one of the processes that share them.
const RENUMBERS: [u32; 3] = [SAKER_EV_FCNTL, SAKER_EV_CLOSE_RANGE, SAKER_EV_UNSHARE];

const SOCKETS: [u32; 7] = [
    SAKER_EV_SOCKET,
    SAKER_EV_SOCKETPAIR,
    SAKER_EV_CONNECT,
    SAKER_EV_ACCEPT,
    SAKER_EV_ACCEPT4,
    SAKER_EV_BIND,
    SAKER_EV_LISTEN,
];

/// What else changes what a number stands for; messages bring descriptors along.
const TABLE: [u32; 5] = [
    SAKER_EV_CONNECT,
    SAKER_EV_BIND,
    SAKER_EV_LISTEN,
    SAKER_EV_RECVMSG,
    SAKER_EV_RECVMMSG,
];

fn of_table(fits: impl Fn(&EventInfo) -> bool, add: &mut dyn FnMut(u16)) {
    let found = EVENTS
        .iter()
        .filter(|event| !event.is_internal() && fits(event));
    found.for_each(|event| add(event.id));
}
