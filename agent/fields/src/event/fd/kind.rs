//! Kinds of files as words and characters.

use saker_abi::raw::*;
use saker_state::{Fd, FdKind, Role};

use super::has_role;
use crate::event::EventView;
use crate::render::NOT_AVAILABLE;

const IPPROTO_ICMP: u8 = 1;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_ICMPV6: u8 = 58;
const SOCK_STREAM: u8 = 1;
const SOCK_DGRAM: u8 = 2;
const SOCK_RAW: u8 = 3;

/// `fd.type`.
pub(super) fn type_name(kind: FdKind) -> &'static [u8] {
    match kind {
        FdKind::File => b"file",
        FdKind::Directory => b"directory",
        FdKind::Ipv4 => b"ipv4",
        FdKind::Ipv6 => b"ipv6",
        FdKind::Unix => b"unix",
        FdKind::Netlink => b"netlink",
        FdKind::Pipe => b"pipe",
        FdKind::Event => b"event",
        FdKind::Signal => b"signalfd",
        FdKind::EventPoll => b"eventpoll",
        FdKind::Inotify => b"inotify",
        FdKind::Timer => b"timerfd",
        FdKind::Bpf => b"bpf",
        FdKind::UserFault => b"userfaultfd",
        FdKind::IoUring => b"io_uring",
        FdKind::Memfd => b"memfd",
        FdKind::Pidfd => b"pidfd",
        FdKind::OtherSocket | FdKind::Unknown => NOT_AVAILABLE,
    }
}

/// `fd.typechar`.
fn type_char(kind: FdKind) -> &'static [u8] {
    match kind {
        FdKind::File => b"f",
        FdKind::Directory => b"d",
        FdKind::Ipv4 => b"4",
        FdKind::Ipv6 => b"6",
        // Both the same, as in Falco.
        FdKind::Unix | FdKind::UserFault => b"u",
        FdKind::Netlink => b"n",
        FdKind::Pipe => b"p",
        FdKind::Event => b"e",
        FdKind::Signal => b"s",
        FdKind::EventPoll => b"l",
        FdKind::Inotify => b"i",
        FdKind::Timer => b"t",
        FdKind::Bpf => b"b",
        FdKind::IoUring => b"r",
        FdKind::Memfd => b"m",
        FdKind::Pidfd => b"P",
        FdKind::OtherSocket | FdKind::Unknown => b"o",
    }
}

/// The character inside `<>` of a descriptor parameter: for inet sockets with one more for the
/// protocol.
pub(in crate::event) fn write_type_chars(fd: &Fd, out: &mut Vec<u8>) {
    out.extend_from_slice(type_char(fd.kind));
    if matches!(fd.kind, FdKind::Ipv4 | FdKind::Ipv6) {
        out.extend_from_slice(match protocol(fd) {
            Some(b"tcp") => b"t",
            Some(b"udp") => b"u",
            Some(b"icmp") => b"i",
            Some(b"raw") => b"r",
            _ => b"",
        });
    }
}

/// `fd.l4proto`.
pub(super) fn l4proto(fd: &Fd) -> &'static [u8] {
    let role = fd
        .socket
        .as_ref()
        .map_or(Role::Unknown, |socket| socket.role);
    match protocol(fd) {
        Some(b"raw") => b"raw",
        Some(name) if has_role(role) => name,
        _ => NOT_AVAILABLE,
    }
}

fn protocol(fd: &Fd) -> Option<&'static [u8]> {
    if !matches!(fd.kind, FdKind::Ipv4 | FdKind::Ipv6) {
        return None;
    }
    let socket = fd.socket.as_ref()?;
    match (socket.sock_type, socket.proto) {
        (SOCK_RAW, _) => Some(b"raw"),
        (_, IPPROTO_TCP) | (SOCK_STREAM, 0) => Some(b"tcp"),
        (_, IPPROTO_UDP) | (SOCK_DGRAM, 0) => Some(b"udp"),
        (_, IPPROTO_ICMP | IPPROTO_ICMPV6) => Some(b"icmp"),
        _ => None,
    }
}

impl EventView<'_> {
    /// `fd.typechar`: without an entry a guess from the event. Plain open is guessed `o`, not `f`:
    /// the stock rules depend on it (rules-spec D4).
    pub(super) fn fd_type_char(&self) -> Option<&'static [u8]> {
        self.fd_num()?;
        if let Some(fd) = self.fd() {
            return Some(type_char(fd.kind));
        }
        Some(match self.record.event() {
            SAKER_EV_OPENAT | SAKER_EV_OPENAT2 | SAKER_EV_CREAT => b"f",
            SAKER_EV_SOCKET | SAKER_EV_ACCEPT | SAKER_EV_ACCEPT4 => b"4",
            SAKER_EV_PIPE | SAKER_EV_PIPE2 => b"p",
            SAKER_EV_EVENTFD | SAKER_EV_EVENTFD2 => b"e",
            SAKER_EV_SIGNALFD | SAKER_EV_SIGNALFD4 => b"s",
            SAKER_EV_TIMERFD_CREATE => b"t",
            SAKER_EV_INOTIFY_INIT | SAKER_EV_INOTIFY_INIT1 => b"i",
            _ => b"o",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_state::Socket;

    fn socket(kind: FdKind, sock_type: u8, proto: u8, role: Role) -> Fd {
        let socket = Box::new(Socket {
            sock_type,
            proto,
            role,
            ..Socket::default()
        });
        Fd {
            kind,
            socket: Some(socket),
            ..Fd::default()
        }
    }

    #[test]
    fn protocols_need_a_role() {
        let of = |sock_type, proto, role| l4proto(&socket(FdKind::Ipv4, sock_type, proto, role));
        assert_eq!(of(SOCK_STREAM, 0, Role::Client), b"tcp");
        assert_eq!(of(SOCK_DGRAM, IPPROTO_UDP, Role::Listener), b"udp");
        assert_eq!(of(SOCK_DGRAM, IPPROTO_ICMP, Role::Client), b"icmp");
        assert_eq!(of(SOCK_STREAM, IPPROTO_TCP, Role::Unknown), NOT_AVAILABLE);
        assert_eq!(of(SOCK_RAW, IPPROTO_ICMP, Role::Unknown), b"raw");
        let unix = socket(FdKind::Unix, SOCK_STREAM, 0, Role::Client);
        assert_eq!(l4proto(&unix), NOT_AVAILABLE);
        assert_eq!(l4proto(&Fd::default()), NOT_AVAILABLE);
    }

    #[test]
    fn characters_of_sockets_name_the_protocol() {
        let of = |fd: &Fd| {
            let mut out = Vec::new();
            write_type_chars(fd, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(
            of(&socket(FdKind::Ipv4, SOCK_STREAM, 0, Role::Unknown)),
            "4t"
        );
        assert_eq!(of(&socket(FdKind::Ipv6, SOCK_DGRAM, 0, Role::Client)), "6u");
        assert_eq!(of(&socket(FdKind::Unix, SOCK_DGRAM, 0, Role::Client)), "u");
        assert_eq!(
            of(&socket(FdKind::OtherSocket, SOCK_RAW, 0, Role::Unknown)),
            "o"
        );
    }
}
