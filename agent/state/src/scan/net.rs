//! Sockets by inode, from the tables of each network namespace (proc_net(5) of the kernel's docs).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::read::{Reader, link, number};
use crate::apply::{canonical, write_inet};
use crate::fd::{Fd, FdKind, Role, Socket};

/// Namespaces kept at once.
const MAX_NAMESPACES: usize = 256;

/// Sockets kept per namespace.
const MAX_SOCKETS: usize = 1 << 20;

/// Bytes read of one table.
const MAX_TABLE: usize = 256 << 20;

/// How long a table is good for.
const FRESH: Duration = Duration::from_secs(1);

/// `TCP_LISTEN` of the kernel's states, as the tables print it.
const TCP_LISTEN: u64 = 0x0a;

/// `__SO_ACCEPTCON`: a listening unix socket.
const SO_ACCEPTCON: u64 = 1 << 16;

/// The tables: name, protocol, socket type.
const INET_TABLES: [(&str, u8, u8); 6] = [
    ("net/tcp", 6, 1),
    ("net/tcp6", 6, 1),
    ("net/udp", 17, 2),
    ("net/udp6", 17, 2),
    ("net/raw", 0, 3),
    ("net/raw6", 0, 3),
];

type Table = FxHashMap<u64, Fd>;

/// Socket tables of the namespaces met so far.
#[derive(Debug, Default)]
pub(super) struct Nets {
    by_namespace: FxHashMap<Vec<u8>, (Instant, Table)>,
}

impl Nets {
    pub(super) fn clear(&mut self) {
        self.by_namespace.clear();
    }

    /// The socket with inode `ino` of the process whose directory is `dir`.
    pub(super) fn socket(&mut self, reader: &mut Reader, dir: &OwnedFd, ino: u64) -> Fd {
        let unknown = Fd {
            kind: FdKind::OtherSocket,
            ino,
            ..Fd::default()
        };
        let Some(namespace) = link(dir, "ns/net") else {
            return unknown;
        };
        let fresh = |entry: &(Instant, Table)| entry.0.elapsed() < FRESH;
        if !self.by_namespace.get(&namespace).is_some_and(fresh) {
            if self.by_namespace.len() >= MAX_NAMESPACES {
                self.by_namespace.clear();
            }
            let table = load(reader, dir);
            self.by_namespace
                .insert(namespace.clone(), (Instant::now(), table));
        }
        let table = self.by_namespace.get(&namespace).map(|entry| &entry.1);
        table
            .and_then(|table| table.get(&ino))
            .cloned()
            .unwrap_or(unknown)
    }
}

fn load(reader: &mut Reader, dir: &OwnedFd) -> Table {
    let mut table = Table::default();
    for (file, proto, sock_type) in INET_TABLES {
        if let Some(text) = reader.file(dir, file, MAX_TABLE) {
            inet(text, proto, sock_type, &mut table);
        }
    }
    if let Some(text) = reader.file(dir, "net/unix", MAX_TABLE) {
        unix(text, &mut table);
    }
    if let Some(text) = reader.file(dir, "net/netlink", MAX_TABLE) {
        for fields in rows(text) {
            let ino = fields.get(9).map_or(0, |field| number(field, 10));
            insert(
                &mut table,
                Fd {
                    kind: FdKind::Netlink,
                    ino,
                    ..Fd::default()
                },
            );
        }
    }
    table
}

fn insert(table: &mut Table, fd: Fd) {
    if fd.ino != 0 && table.len() < MAX_SOCKETS {
        table.insert(fd.ino, fd);
    }
}

/// Lines but the first, in columns.
fn rows(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let lines = text
        .split(|&b| b == b'\n')
        .skip(1)
        .filter(|line| !line.is_empty());
    lines.map(|line| {
        line.split(|b| b.is_ascii_whitespace())
            .filter(|part| !part.is_empty())
            .collect()
    })
}

fn inet(text: &[u8], proto: u8, sock_type: u8, table: &mut Table) {
    let end = |fields: &[&[u8]], n: usize| fields.get(n).and_then(|field| address(field));
    let state = |fields: &[&[u8]]| fields.get(3).map_or(0, |field| number(field, 16));
    let listens = |fields: &[&[u8]]| proto == 6 && state(fields) == TCP_LISTEN;
    let mut listening = FxHashSet::default();
    for fields in rows(text).filter(|fields| listens(fields)) {
        listening.extend(end(&fields, 1).map(|(_, port)| port));
    }
    for fields in rows(text) {
        let (Some(near), Some(far)) = (end(&fields, 1), end(&fields, 2)) else {
            continue;
        };
        let ino = fields.get(9).map_or(0, |field| number(field, 10));
        let connected = far.1 != 0;
        let role = match () {
            () if listens(&fields) || !connected => Role::Listener,
            // Whoever uses a port that is listened on is the server of the connection.
            () if listening.contains(&near.1) => Role::Server,
            () => Role::Client,
        };
        let (local, remote) = canonical(Some(near), Some(far));
        let kind = match local {
            Some((IpAddr::V4(_), _)) => FdKind::Ipv4,
            _ => FdKind::Ipv6,
        };
        // Raw sockets show their protocol where others have a port.
        let proto = if sock_type == 3 { near.1 as u8 } else { proto };
        let remote = remote.filter(|_| connected);
        let (sock_id, peer_id) = (0, 0);
        let socket = Socket {
            proto,
            sock_type,
            role,
            local,
            remote,
            connected,
            sock_id,
            peer_id,
        };
        let mut fd = Fd {
            kind,
            ino,
            socket: Some(Box::new(socket)),
            ..Fd::default()
        };
        if write_inet(&mut fd.name, role, local, remote).is_ok() {
            insert(table, fd);
        }
    }
}

/// `ADDRESS:PORT` in hexadecimal, the address as words in the machine's order.
fn address(text: &[u8]) -> Option<(IpAddr, u16)> {
    let colon = text.iter().position(|&b| b == b':')?;
    let (hex, port) = (&text[..colon], number(&text[colon + 1..], 16) as u16);
    let mut bytes = [0u8; 16];
    for (word, digits) in bytes.chunks_exact_mut(4).zip(hex.chunks_exact(8)) {
        word.copy_from_slice(&(number(digits, 16) as u32).to_ne_bytes());
    }
    match hex.len() {
        8 => Some((
            Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
            port,
        )),
        32 => Some((Ipv6Addr::from(bytes).into(), port)),
        _ => None,
    }
}

fn unix(text: &[u8], table: &mut Table) {
    for fields in rows(text) {
        let (Some(flags), Some(sock_type), Some(ino)) =
            (fields.get(3), fields.get(4), fields.get(6))
        else {
            continue;
        };
        let path = fields.get(7).copied().unwrap_or_default();
        let listens = number(flags, 16) & SO_ACCEPTCON != 0;
        let role = if listens {
            Role::Listener
        } else {
            Role::Unknown
        };
        // The table hides the identities of both ends.
        let name = if listens {
            path.to_vec()
        } else {
            [b"0->0 ", path].concat()
        };
        let sock_type = number(sock_type, 16) as u8;
        let socket = Socket {
            sock_type,
            role,
            ..Socket::default()
        };
        let ino = number(ino, 10);
        let socket = Some(Box::new(socket));
        insert(
            table,
            Fd {
                kind: FdKind::Unix,
                name,
                ino,
                socket,
                ..Fd::default()
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(table: &Table, ino: u64) -> &str {
        std::str::from_utf8(&table[&ino].name).expect("text")
    }

    #[test]
    fn tables() {
        let mut table = Table::default();
        let tcp = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n\
            0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 11 1\n\
            1: 0100007F:0016 0200007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 12 1\n\
            2: 0100007F:C351 0200007F:01BB 01 00000000:00000000 00:00000000 00000000 0 0 13 1\n\
            damaged\n";
        inet(tcp, 6, 1, &mut table);
        assert_eq!(name(&table, 11), "0.0.0.0:22");
        assert_eq!(name(&table, 12), "127.0.0.2:50000->127.0.0.1:22");
        assert_eq!(name(&table, 13), "127.0.0.1:50001->127.0.0.2:443");
        let tcp6 = b"head\n0: 0000000000000000FFFF00000100007F:1F90 \
            0000000000000000FFFF00000200007F:0050 01 0:0 0:0 0 0 0 21 1\n\
            1: 00000000000000000000000001000000:1F90 \
            00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 22 1\n";
        inet(tcp6, 6, 1, &mut table);
        assert_eq!(
            (table[&21].kind, name(&table, 21).len()),
            (FdKind::Ipv4, 28)
        );
        assert_eq!(
            (table[&22].kind, name(&table, 22)),
            (FdKind::Ipv6, "::1:8080")
        );
        unix(
            b"head\n0000: 00000002 00000000 00010000 0001 01 31 /run/x\n",
            &mut table,
        );
        assert_eq!(name(&table, 31), "/run/x");
    }
}
