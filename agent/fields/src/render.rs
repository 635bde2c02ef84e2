//! Raw values as text (rules-spec E4): numbers, addresses, times, bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use saker_abi::raw::saker_tuple;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// What stands for an empty parameter.
pub(crate) const NOT_AVAILABLE: &[u8] = b"<NA>";
/// What stands for an empty parameter of bytes, addresses or a socket's ends.
pub(crate) const NULL: &[u8] = b"NULL";

/// Appends formatted text. Writing to memory cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        _ = std::io::Write::write_fmt(&mut *$out, format_args!($($arg)*))
    };
}
pub(crate) use put;

/// Octal with a leading zero.
pub(crate) fn octal(out: &mut Vec<u8>, value: u64) {
    if value == 0 {
        out.push(b'0');
    } else {
        put!(out, "0{value:o}");
    }
}

/// Printable ASCII stays, every other byte (the NUL between arguments, too) becomes a dot.
pub(crate) fn printable(out: &mut Vec<u8>, bytes: &[u8]) {
    let dotted = bytes
        .iter()
        .map(|&b| if matches!(b, b' '..=b'~') { b } else { b'.' });
    out.extend(dotted);
}

/// Nanoseconds as seconds; `u64::MAX` is no span at all.
pub(crate) fn seconds(out: &mut Vec<u8>, ns: u64) {
    if ns != u64::MAX {
        let (seconds, rest) = (ns as i64 / 1_000_000_000, (ns as i64 % 1_000_000_000).abs());
        put!(out, "{seconds}.{rest:09}s");
    }
}

/// Address and port.
pub(crate) type End = (IpAddr, u16);

/// One end of an inet socket. IPv4-mapped addresses are IPv4 (rules-spec F7).
pub(crate) fn end(tuple: &saker_tuple, remote: bool) -> Option<End> {
    let (bytes, port) = if remote {
        (&tuple.remote_addr, tuple.remote_port)
    } else {
        (&tuple.local_addr, tuple.local_port)
    };
    let ip = match tuple.family {
        AF_INET => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(*bytes)).to_canonical(),
        _ => return None,
    };
    Some((ip, port))
}

/// Both ends, the source first: `ip:port->ip:port`, or kernel identities and path of a unix
/// socket. `from_remote`: the peer is the source (accept, receives). `known`: local and remote end of the descriptor, which
/// tell an address that the tuple leaves open. False for other families.
pub(crate) fn tuple(
    out: &mut Vec<u8>,
    tuple: &saker_tuple,
    from_remote: bool,
    known: Option<(End, End)>,
) -> bool {
    if let (Some(local), Some(remote)) = (end(tuple, false), end(tuple, true)) {
        let (local, remote) = known
            .filter(|known| completes(known.0, local) && completes(known.1, remote))
            .unwrap_or((local, remote));
        let (from, to) = if from_remote {
            (remote, local)
        } else {
            (local, remote)
        };
        put!(out, "{}:{}->{}:{}", from.0, from.1, to.0, to.1);
        return true;
    }
    if tuple.family != AF_UNIX {
        return false;
    }
    let (from, to) = (tuple.sock_id, tuple.peer_id);
    let (from, to) = if from_remote { (to, from) } else { (from, to) };
    put!(out, "{from:x}->{to:x}");
    if tuple.path[..2] != [0, 0] {
        out.push(b' ');
        unix_path(out, &tuple.path);
    }
    true
}

/// Whether `known` is `told`, or has an address where that has none.
fn completes(known: End, told: End) -> bool {
    known.1 == told.1 && (known.0 == told.0 || told.0.is_unspecified())
}

/// A `struct sockaddr` as the caller gave it; false when it is none of the families with names.
pub(crate) fn address(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let Some((family, rest)) = bytes.split_first_chunk::<2>() else {
        return false;
    };
    let port = || {
        rest.first_chunk::<2>()
            .map(|port| u16::from_be_bytes(*port))
    };
    match u16::from_le_bytes(*family) {
        AF_INET => {
            let Some((ip, port)) = rest.get(2..6).zip(port()) else {
                return false;
            };
            put!(out, "{}.{}.{}.{}:{port}", ip[0], ip[1], ip[2], ip[3]);
        }
        AF_INET6 => {
            let ip = rest.get(6..).and_then(|rest| rest.first_chunk::<16>());
            let Some((ip, port)) = ip.zip(port()) else {
                return false;
            };
            put!(
                out,
                "{}:{port}",
                IpAddr::V6(Ipv6Addr::from(*ip)).to_canonical()
            );
        }
        AF_UNIX => unix_path(out, rest),
        _ => return false,
    }
    true
}

/// A path up to its NUL; an abstract name, which begins with one, is shown with `@` (unix(7)).
fn unix_path(out: &mut Vec<u8>, path: &[u8]) {
    let name = match path {
        [0, name @ ..] if name.first().is_some_and(|&b| b != 0) => {
            out.push(b'@');
            name
        }
        _ => path,
    };
    out.extend(name.iter().take_while(|&&b| b != 0));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What is written, as text.
    pub(crate) fn shown(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn numbers_and_bytes() {
        assert_eq!(shown(|out| octal(out, 0o644)), "0644");
        assert_eq!(shown(|out| octal(out, 0)), "0");
        assert_eq!(shown(|out| printable(out, b"a\0b c\xff")), "a.b c.");
    }

    #[test]
    fn spans() {
        assert_eq!(shown(|out| seconds(out, 1_500_000_000)), "1.500000000s");
        assert_eq!(shown(|out| seconds(out, u64::MAX)), "");
        assert!(!shown(|out| seconds(out, 1 << 63)).is_empty());
    }

    #[test]
    fn addresses() {
        let at = |bytes: &[u8]| shown(|out| _ = address(out, bytes));
        assert_eq!(at(&[2, 0, 1, 187, 10, 0, 0, 1, 0, 0]), "10.0.0.1:443");
        let mut v6 = vec![10, 0, 0, 80, 0, 0, 0, 0];
        v6.extend_from_slice(&Ipv6Addr::LOCALHOST.octets());
        assert_eq!(at(&v6), "::1:80");
        assert_eq!(at(b"\x01\0/run/x\0rest"), "/run/x");
        assert_eq!(at(b"\x01\0\0abstract"), "@abstract");
        for bytes in [
            &b""[..],
            b"\x02",
            b"\x02\0\0\0",
            b"\x0a\0\0\0",
            b"\x10\0\0\0",
        ] {
            assert!(!address(&mut Vec::new(), bytes));
        }
    }

    #[test]
    fn socket_ends() {
        let mut pair = saker_tuple::default_zero();
        (pair.family, pair.local_port, pair.remote_port) = (AF_INET6, 5000, 443);
        pair.local_addr = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        pair.remote_addr = Ipv4Addr::new(8, 8, 8, 8).to_ipv6_mapped().octets();
        let text = |remote| shown(|out| assert!(tuple(out, &pair, remote, None)));
        assert_eq!(text(false), "10.0.0.1:5000->8.8.8.8:443");
        assert_eq!(text(true), "8.8.8.8:443->10.0.0.1:5000");
        let near = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 5000);
        let far = (IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), 443);
        pair.local_addr = [0; 16];
        let text = |known| shown(|out| assert!(tuple(out, &pair, false, Some(known))));
        assert_eq!(text((near, far)), "10.0.0.1:5000->8.8.8.8:443");
        assert_eq!(
            text((near, (near.0, 443))),
            ":::5000->8.8.8.8:443",
            "another peer"
        );
        let mut unix = saker_tuple::default_zero();
        (unix.family, unix.sock_id, unix.peer_id) = (AF_UNIX, 0xffff_8880, 0xab);
        unix.path[..6].copy_from_slice(b"/run/x");
        assert_eq!(
            shown(|out| assert!(tuple(out, &unix, false, None))),
            "ffff8880->ab /run/x"
        );
    }
}
