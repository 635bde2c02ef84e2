//! Names of socket calls: shutdown(2), getsockopt(2).

use super::Name;

/// What shutdown(2) ends.
pub const SHUTDOWN: &[Name] = &[("SHUT_RD", 0), ("SHUT_WR", 1), ("SHUT_RDWR", 2)];

/// `SOL_SOCKET`: the level whose options have names.
pub const SOL_SOCKET: u64 = 1;

/// Levels of socket options (include/linux/socket.h).
pub const LEVEL: &[Name] = &[
    ("SOL_IP", 0),
    ("SOL_SOCKET", SOL_SOCKET),
    ("SOL_TCP", 6),
    ("SOL_UDP", 17),
    ("SOL_IPV6", 41),
    ("SOL_ICMPV6", 58),
    ("SOL_SCTP", 132),
    ("SOL_UDPLITE", 136),
    ("SOL_RAW", 255),
    ("SOL_PACKET", 263),
    ("SOL_NETLINK", 270),
    ("SOL_TIPC", 271),
    ("SOL_ALG", 279),
    ("SOL_XDP", 283),
];

/// Options of `SOL_SOCKET` (include/uapi/asm-generic/socket.h, x86).
pub const OPTION: &[Name] = &[
    ("SO_DEBUG", 1),
    ("SO_REUSEADDR", 2),
    ("SO_TYPE", 3),
    ("SO_ERROR", 4),
    ("SO_DONTROUTE", 5),
    ("SO_BROADCAST", 6),
    ("SO_SNDBUF", 7),
    ("SO_RCVBUF", 8),
    ("SO_KEEPALIVE", 9),
    ("SO_OOBINLINE", 10),
    ("SO_NO_CHECK", 11),
    ("SO_PRIORITY", 12),
    ("SO_LINGER", 13),
    ("SO_BSDCOMPAT", 14),
    ("SO_REUSEPORT", 15),
    ("SO_PASSCRED", 16),
    ("SO_PEERCRED", 17),
    ("SO_RCVLOWAT", 18),
    ("SO_SNDLOWAT", 19),
    ("SO_RCVTIMEO", 20),
    ("SO_SNDTIMEO", 21),
    ("SO_SECURITY_AUTHENTICATION", 22),
    ("SO_SECURITY_ENCRYPTION_TRANSPORT", 23),
    ("SO_SECURITY_ENCRYPTION_NETWORK", 24),
    ("SO_BINDTODEVICE", 25),
    ("SO_ATTACH_FILTER", 26),
    ("SO_DETACH_FILTER", 27),
    ("SO_PEERNAME", 28),
    ("SO_TIMESTAMP", 29),
    ("SO_ACCEPTCONN", 30),
    ("SO_PEERSEC", 31),
    ("SO_SNDBUFFORCE", 32),
    ("SO_RCVBUFFORCE", 33),
    ("SO_PASSSEC", 34),
    ("SO_TIMESTAMPNS", 35),
    ("SO_MARK", 36),
    ("SO_TIMESTAMPING", 37),
    ("SO_PROTOCOL", 38),
    ("SO_DOMAIN", 39),
    ("SO_RXQ_OVFL", 40),
    ("SO_WIFI_STATUS", 41),
    ("SO_PEEK_OFF", 42),
    ("SO_NOFCS", 43),
    ("SO_LOCK_FILTER", 44),
    ("SO_SELECT_ERR_QUEUE", 45),
    ("SO_BUSY_POLL", 46),
    ("SO_MAX_PACING_RATE", 47),
    ("SO_BPF_EXTENSIONS", 48),
    ("SO_INCOMING_CPU", 49),
    ("SO_ATTACH_BPF", 50),
    ("SO_PEERGROUPS", 59),
    ("SO_ZEROCOPY", 60),
    ("SO_BINDTOIFINDEX", 62),
];

/// Flags of close_range(2).
pub const CLOSE_RANGE: &[Name] = &[("CLOSE_RANGE_UNSHARE", 2), ("CLOSE_RANGE_CLOEXEC", 4)];

/// All tables, for the tests.
#[cfg(test)]
pub(crate) const ALL: &[&[Name]] = &[SHUTDOWN, LEVEL, OPTION, CLOSE_RANGE];
