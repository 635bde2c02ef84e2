//! Sockets: the kernel's tuple of both ends is the truth, the entry follows it.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::Ctx;
use super::file::O_CLOEXEC;
use crate::fd::{Fd, FdKind, Role, Socket};
use crate::interfaces::incomplete;
use crate::process::Process;
use crate::view::{Applied, fd_in};

const AF_UNSPEC: u16 = 0;
pub(super) const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;
const SOCK_STREAM: u8 = 1;
const SOCK_DGRAM: u8 = 2;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const EINPROGRESS: i64 = 115;

/// The bits of socket(2)'s type that are a type.
pub(super) const SOCK_TYPE_MASK: u64 = 0xf;

/// Address and port of one end of a socket.
pub(crate) type End = Option<(IpAddr, u16)>;

/// Whose word the far end of a tuple is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Far {
    /// The socket's: it is connected.
    Own,
    /// Of one datagram: the socket itself has none.
    Given,
}

pub(super) fn socket(process: &mut Process, rec: &Record<'_>) {
    let number = fd_in(rec, SAKER_P_SOCKET_fd);
    if number < 0 {
        return;
    }
    let raw_type = rec.u64(SAKER_P_SOCKET_type);
    let kind = kind_of(rec.u64(SAKER_P_SOCKET_domain) as u16);
    let sock_type = (raw_type & SOCK_TYPE_MASK) as u8;
    let mut socket = Socket {
        sock_type,
        ..Socket::default()
    };
    if matches!(kind, FdKind::Ipv4 | FdKind::Ipv6) {
        socket.proto = match (rec.u64(SAKER_P_SOCKET_proto) as u8, sock_type) {
            (0, SOCK_STREAM) => IPPROTO_TCP,
            (0, SOCK_DGRAM) => IPPROTO_UDP,
            (given, _) => given,
        };
    }
    if let Some(fd) = process.fds.open_socket(number, kind, socket) {
        fd.cloexec = raw_type as u32 & O_CLOEXEC != 0;
    }
}

pub(super) fn connect(
    ctx: &mut Ctx,
    process: &mut Process,
    rec: &Record<'_>,
    applied: &mut Applied,
) {
    let res = rec.i64(SAKER_P_CONNECT_res);
    if res != 0 && res != -EINPROGRESS {
        return;
    }
    let number = fd_in(rec, SAKER_P_CONNECT_fd);
    let tuple = rec.tuple(SAKER_P_CONNECT_tuple);
    let tuple = tuple.or_else(|| from_address(rec.var(SAKER_P_CONNECT_addr).bytes));
    let Some(tuple) = tuple else { return };
    heal(ctx, process, number, &tuple);
    if has_no_peer(rec, &tuple) {
        applied.name_changed = disconnect(ctx, process, number, &tuple);
        return;
    }
    // Whatever it was before: a bound socket and one that has heard from others are no servers of whom they ask.
    applied.name_changed = update(ctx, process, number, &tuple, Role::Client, Far::Own);
}

/// Whether a successful connect has taken the peer away (AF_UNSPEC, connect(2)). The kernel's tuple must agree: the
/// address may be the caller's memory, which another thread can rewrite. A stream keeps the old address beside port 0.
fn has_no_peer(rec: &Record<'_>, tuple: &saker_tuple) -> bool {
    let inet = matches!(tuple.family, AF_INET | AF_INET6);
    let unspecified = rec
        .var(SAKER_P_CONNECT_addr)
        .bytes
        .starts_with(&AF_UNSPEC.to_ne_bytes());
    inet && tuple.remote_port == 0 && (unspecified || tuple.remote_addr == [0; 16])
}

/// The entry is again what bind or, without a port of its own, socket made of it; true when its name changed.
fn disconnect(ctx: &mut Ctx, process: &mut Process, number: i32, tuple: &saker_tuple) -> bool {
    let alone = saker_tuple {
        remote_addr: [0; 16],
        ..*tuple
    };
    let bound = tuple.local_port != 0;
    let mut changed = bound && update(ctx, process, number, &alone, Role::Listener, Far::Own);
    let Some(fd) = process.fds.get_mut(number) else {
        return false;
    };
    if !bound {
        changed = !fd.name.is_empty();
        fd.name.clear();
        fd.kind = kind_of(tuple.family);
    }
    let socket = fd.socket.get_or_insert_default();
    socket.sock_id = tuple.sock_id;
    // Unspecified, as the kernel has it, where it is not bound: no end would differ from every address in rules.
    (socket.local, socket.remote) = (ends(&alone).0, None);
    socket.role = if bound { Role::Listener } else { Role::Unknown };
    socket.connected = false;
    changed
}

pub(super) fn accept(
    ctx: &mut Ctx,
    process: &mut Process,
    rec: &Record<'_>,
    applied: &mut Applied,
) {
    // Both events begin with the descriptor and the tuple.
    let number = fd_in(rec, SAKER_P_ACCEPT_fd);
    if number < 0 {
        return;
    }
    let flags = match rec.event() {
        SAKER_EV_ACCEPT4 => rec.u64(SAKER_P_ACCEPT4_flags) as u32,
        _ => 0,
    };
    let Some(tuple) = rec.tuple(SAKER_P_ACCEPT_tuple) else {
        process.fds.close(number);
        return;
    };
    process
        .fds
        .open_socket(number, kind_of(tuple.family), Socket::default());
    applied.name_changed = update(ctx, process, number, &tuple, Role::Server, Far::Own);
    if let Some(fd) = process.fds.get_mut(number) {
        fd.cloexec = flags & O_CLOEXEC != 0;
    }
}

pub(super) fn bind(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>, applied: &mut Applied) {
    if rec.i64(SAKER_P_BIND_res) < 0 {
        return;
    }
    let number = fd_in(rec, SAKER_P_BIND_fd);
    let asked = from_address(rec.var(SAKER_P_BIND_addr).bytes).map(|mut tuple| {
        // The address given is this end's.
        (tuple.local_addr, tuple.local_port) = (tuple.remote_addr, tuple.remote_port);
        (tuple.remote_addr, tuple.remote_port) = ([0; 16], 0);
        tuple
    });
    let Some(tuple) = rec.tuple(SAKER_P_BIND_tuple).or(asked) else {
        return;
    };
    heal(ctx, process, number, &tuple);
    let inet = matches!(tuple.family, AF_INET | AF_INET6);
    if inet && tuple.local_port == 0 || !inet && tuple.family != AF_UNIX {
        return;
    }
    // A port that the kernel chose is nobody's to send datagrams to (rules-spec F7), and that of a raw socket is its
    // protocol. Streams listen there yet.
    let chosen = inet && asked.is_some_and(|asked| asked.local_port == 0);
    let socket = process.fds.get(number).and_then(|fd| fd.socket.as_ref());
    if chosen && socket.is_some_and(|socket| socket.sock_type != SOCK_STREAM) {
        return;
    }
    applied.name_changed = update(ctx, process, number, &tuple, Role::Listener, Far::Own);
}

/// Changes nothing (rules-spec F7) unless the socket was not known, or not its address: bind is seen only where a
/// rule names it.
pub(super) fn listen(
    ctx: &mut Ctx,
    process: &mut Process,
    rec: &Record<'_>,
    applied: &mut Applied,
) {
    let number = fd_in(rec, SAKER_P_LISTEN_fd);
    let Some(tuple) = rec.tuple(SAKER_P_LISTEN_tuple) else {
        return;
    };
    if rec.i64(SAKER_P_LISTEN_res) < 0 {
        return;
    }
    let unnamed = process.fds.get(number).is_none_or(|fd| fd.name.is_empty());
    if heal(ctx, process, number, &tuple) || unnamed {
        applied.name_changed = update(ctx, process, number, &tuple, Role::Listener, Far::Own);
    }
}

/// Makes the entry a socket of the tuple's family if it is none; true when it had to.
pub(super) fn heal(ctx: &mut Ctx, process: &mut Process, number: i32, tuple: &saker_tuple) -> bool {
    let family = kind_of(tuple.family);
    let known = process.fds.get(number);
    let inet = |kind| matches!(kind, FdKind::Ipv4 | FdKind::Ipv6);
    // An IPv6 socket that talks IPv4 is typed by what it does, so both count as the same.
    let right = known.is_some_and(|fd| {
        let same_kind = fd.kind == family || inet(fd.kind) && inet(family);
        let id = fd.socket.as_ref().map_or(0, |socket| socket.sock_id);
        same_kind && fd.socket.is_some() && (id == 0 || id == tuple.sock_id)
    });
    if right || number < 0 {
        return false;
    }
    ctx.counters.fd_healed += u64::from(known.is_some());
    let cloexec = known.is_some_and(|fd| fd.cloexec);
    let socket = Socket {
        proto: tuple.proto,
        sock_type: tuple.type_,
        sock_id: tuple.sock_id,
        ..Socket::default()
    };
    let opened = process.fds.open_socket(number, family, socket);
    opened.is_some_and(|fd| {
        fd.cloexec = cloexec;
        true
    })
}

/// Brings the entry up to the tuple; true when its name changed.
pub(super) fn update(
    ctx: &mut Ctx,
    process: &mut Process,
    number: i32,
    tuple: &saker_tuple,
    role: Role,
    far: Far,
) -> bool {
    let (mut local, mut remote) = ends(tuple);
    let unbound = local.is_some_and(|(ip, _)| ip.is_unspecified());
    if role != Role::Listener && incomplete(local, remote) {
        (local, remote) = ctx.shared.interfaces().complete(local, remote);
    }
    let is_same = |socket: &Socket| {
        let ends = (socket.local, socket.remote) == (local, remote);
        ends && (socket.role, socket.sock_id) == (role, tuple.sock_id) && far == Far::Own
    };
    let known = process.fds.get(number).and_then(|fd| fd.socket.as_ref());
    if tuple.family != AF_UNIX && known.is_some_and(|socket| socket.connected && is_same(socket)) {
        return false;
    }
    write_name(&mut ctx.name, tuple, role, local, remote);
    let Some(fd) = process.fds.get_mut(number) else {
        return false;
    };
    fd.kind = kind_with(tuple.family, local, remote);
    let changed = fd.name != ctx.name;
    if changed {
        fd.name.clear();
        fd.name.extend_from_slice(&ctx.name);
    }
    let socket = fd.socket.get_or_insert_default();
    if tuple.proto != 0 {
        socket.proto = tuple.proto;
    }
    if tuple.type_ != 0 {
        socket.sock_type = tuple.type_;
    }
    (socket.local, socket.role) = (local, role);
    (socket.sock_id, socket.peer_id) = (tuple.sock_id, tuple.peer_id);
    if role != Role::Listener {
        socket.remote = remote;
        socket.connected = match far {
            Far::Own => tuple.family != AF_UNIX || tuple.peer_id != 0,
            // Bound sockets serve: this one only asks, as if it were connected (rules-spec F7).
            Far::Given => unbound && role == Role::Client,
        };
    }
    changed
}

/// A socket that was there before anybody looked, as its tuple tells: what connect, accept or bind would
/// have made of it. `listens` says whether a port of a family is that of a listening TCP socket.
pub(crate) fn existing(tuple: &saker_tuple, listens: impl Fn(u16, u16) -> bool) -> Fd {
    let inet = matches!(tuple.family, AF_INET | AF_INET6);
    let mut socket = Socket {
        proto: tuple.proto,
        sock_type: tuple.type_,
        sock_id: tuple.sock_id,
        peer_id: tuple.peer_id,
        ..Socket::default()
    };
    let mut fd = Fd {
        kind: kind_of(tuple.family),
        ..Fd::default()
    };
    if !inet || tuple.local_port != 0 || tuple.remote_port != 0 {
        let (local, remote) = ends(tuple);
        socket.connected = tuple.peer_id != 0 || inet && tuple.remote_port != 0;
        socket.role = match tuple.family {
            AF_INET | AF_INET6 if !socket.connected => Role::Listener,
            // Whoever uses a port that is listened on is the server of the connection.
            AF_INET | AF_INET6 if tuple.proto == IPPROTO_TCP => {
                if listens(tuple.family, tuple.local_port) {
                    Role::Server
                } else {
                    Role::Client
                }
            }
            AF_INET | AF_INET6 => Role::Client,
            AF_UNIX if !socket.connected && tuple.path.iter().any(|&b| b != 0) => Role::Listener,
            // The path is that of one end; of which one it does not tell.
            _ => Role::Unknown,
        };
        fd.kind = kind_with(tuple.family, local, remote);
        write_name(&mut fd.name, tuple, socket.role, local, remote);
        socket.local = local;
        socket.remote = remote.filter(|_| socket.connected);
    }
    fd.socket = Some(Box::new(socket));
    fd
}

/// `AF_INET` or `AF_INET6` and port of a TCP socket that is bound and has no other end.
pub(crate) fn listening_port(tuple: &saker_tuple) -> Option<(u16, u16)> {
    let bound = matches!(tuple.family, AF_INET | AF_INET6)
        && (tuple.proto, tuple.remote_port) == (IPPROTO_TCP, 0)
        && tuple.local_port != 0;
    bound.then_some((tuple.family, tuple.local_port))
}

/// `fd.name` of a socket (rules-spec D4): client first; unix: identities of both ends and path.
fn write_name(name: &mut Vec<u8>, tuple: &saker_tuple, role: Role, local: End, remote: End) {
    name.clear();
    let written = match (tuple.family, role) {
        (AF_UNIX, Role::Listener) => {
            write_unix_path(name, &tuple.path);
            Ok(())
        }
        (AF_UNIX, _) => {
            let (from, to) = match role {
                Role::Server => (tuple.peer_id, tuple.sock_id),
                _ => (tuple.sock_id, tuple.peer_id),
            };
            let written = write!(name, "{from:x}->{to:x} ");
            write_unix_path(name, &tuple.path);
            written
        }
        (AF_INET | AF_INET6, _) => write_inet(name, role, local, remote),
        _ => Ok(()),
    };
    // Writing to memory does not fail.
    debug_assert!(written.is_ok());
}

/// `ip:port->ip:port`, client first, or `ip:port` of a bound end.
pub(crate) fn write_inet(
    name: &mut Vec<u8>,
    role: Role,
    local: End,
    remote: End,
) -> std::io::Result<()> {
    let (first, second) = match role {
        Role::Server => (remote, local),
        Role::Listener => (local, None),
        Role::Client | Role::Unknown => (local, remote),
    };
    if let Some((ip, port)) = first {
        write!(name, "{ip}:{port}")?;
    }
    if let Some((ip, port)) = second {
        write!(name, "->{ip}:{port}")?;
    }
    Ok(())
}

/// A path up to its NUL; an abstract name begins with one and is shown with `@` (unix(7)).
fn write_unix_path(name: &mut Vec<u8>, path: &[u8]) {
    let (sign, text) = match path {
        [0, rest @ ..] if rest.first().is_some_and(|&b| b != 0) => (&b"@"[..], rest),
        _ => (&b""[..], path),
    };
    name.extend_from_slice(sign);
    name.extend(text.iter().copied().take_while(|&b| b != 0));
}

/// Both ends of an IP socket; IPv4 inside IPv6 becomes IPv4.
fn ends(tuple: &saker_tuple) -> (End, End) {
    let address = |bytes: &[u8; 16]| match tuple.family {
        AF_INET => Some(IpAddr::V4(Ipv4Addr::new(
            bytes[0], bytes[1], bytes[2], bytes[3],
        ))),
        AF_INET6 => Some(IpAddr::V6(Ipv6Addr::from(*bytes))),
        _ => None,
    };
    let local = address(&tuple.local_addr).map(|ip| (ip, tuple.local_port));
    let remote = address(&tuple.remote_addr).map(|ip| (ip, tuple.remote_port));
    canonical(local, remote)
}

/// Shows IPv4-mapped addresses as IPv4, and the unspecified IPv6 address next to them or alone
/// (rules-spec F7). Both ends always are of one family.
pub(crate) fn canonical(local: End, remote: End) -> (End, End) {
    let narrow = |end: (IpAddr, u16)| match end.0.to_canonical() {
        IpAddr::V6(ip) if ip.is_unspecified() => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), end.1),
        ip => (ip, end.1),
    };
    let (near, far) = (local.map(narrow), remote.map(narrow));
    let all_v4 = [near, far]
        .into_iter()
        .flatten()
        .all(|(ip, _)| ip.is_ipv4());
    if all_v4 { (near, far) } else { (local, remote) }
}

pub(super) fn kind_of(family: u16) -> FdKind {
    match family {
        AF_UNIX => FdKind::Unix,
        AF_INET => FdKind::Ipv4,
        AF_INET6 => FdKind::Ipv6,
        AF_NETLINK => FdKind::Netlink,
        _ => FdKind::OtherSocket,
    }
}

fn kind_with(family: u16, local: End, remote: End) -> FdKind {
    match [local, remote].into_iter().flatten().next() {
        Some((IpAddr::V4(_), _)) => FdKind::Ipv4,
        Some((IpAddr::V6(_), _)) => FdKind::Ipv6,
        None => kind_of(family),
    }
}

/// The address a caller gave, as the far end of a tuple without any other fact (sockaddr(3type)).
fn from_address(bytes: &[u8]) -> Option<saker_tuple> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let mut tuple = saker_tuple::default_zero();
    tuple.family = u16::from_ne_bytes(*family);
    match tuple.family {
        AF_INET | AF_INET6 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            tuple.remote_port = u16::from_be_bytes(*port);
            // sockaddr_in6 has the flow label before the address.
            let (skip, len) = if tuple.family == AF_INET {
                (0, 4)
            } else {
                (4, 16)
            };
            tuple.remote_addr[..len].copy_from_slice(rest.get(skip..skip + len)?);
        }
        AF_UNIX => {
            let len = rest.len().min(tuple.path.len());
            tuple.path[..len].copy_from_slice(&rest[..len]);
        }
        _ => return None,
    }
    Some(tuple)
}
