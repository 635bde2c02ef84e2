//! Ends of a connection: client and server, local and remote, either.

use std::net::IpAddr;

use saker_engine::value::Value;
use saker_state::{FdKind, Role, Socket};

use super::has_role;
use crate::event::EventView;
use crate::field::Visit;

/// Address and port.
pub(super) type End = (IpAddr, u16);

/// Client and server as far as known.
pub(super) struct Ends {
    pub(super) client: Option<End>,
    pub(super) server: Option<End>,
}

impl<'a> EventView<'a> {
    /// The inet socket the event is about.
    fn inet(&self) -> Option<&'a Socket> {
        let fd = self
            .fd()
            .filter(|fd| matches!(fd.kind, FdKind::Ipv4 | FdKind::Ipv6))?;
        fd.socket.as_deref()
    }

    pub(super) fn ends(&self) -> Option<Ends> {
        self.inet()?;
        let (client, server) = self.fd()?.ends();
        Some(Ends { client, server })
    }

    /// Local and remote end: this process's is the local one, as the kernel has it; no list of the machine's
    /// addresses could tell where both ends are on it, or in a container. Absent while the role is not
    /// known and for listening sockets.
    pub(super) fn sides(&self) -> Option<(End, End)> {
        let Ends { client, server } = self.ends()?;
        let (client, server) = (client?, server?);
        if self.inet()?.role == Role::Server {
            Some((server, client))
        } else {
            Some((client, server))
        }
    }

    /// Whether an address is this machine's. In a container only the container's own would be,
    /// and those are not known: then none is.
    fn is_local(&self, ip: IpAddr) -> bool {
        let in_container = self.process().is_some_and(|process| process.in_container());
        !in_container && (ip.is_loopback() || self.host.addresses.contains(&ip))
    }
}

/// `fd.is_server`.
pub(super) fn is_server(e: &EventView<'_>) -> Option<bool> {
    let fd = e.fd()?;
    let Some(socket) = e.inet() else {
        return Some(false);
    };
    let listens = matches!(socket.role, Role::Listener | Role::Server);
    let server = if has_role(socket.role) {
        fd.ends().1
    } else {
        None
    };
    Some(listens || server.is_some_and(|(ip, _)| e.is_local(ip)))
}

/// `fd.ip`, `fd.net`: any file has them, what is no inet socket without a value, so that even `!=` is false of the first
/// (rules-spec D4).
pub(super) fn ips(e: &EventView<'_>, visit: Visit<'_>) -> bool {
    if let Some(socket) = e.inet() {
        each_end(socket, |end| visit(Value::Ip(end.0)).is_continue());
    }
    e.fd().is_some()
}

/// `fd.port`: likewise.
pub(super) fn ports(e: &EventView<'_>, visit: Visit<'_>) -> bool {
    if let Some(socket) = e.inet() {
        each_end(socket, |end| visit(Value::Uint(end.1.into())).is_continue());
    }
    e.fd().is_some()
}

/// `fd.proto`.
pub(super) fn protos(e: &EventView<'_>, visit: Visit<'_>) -> bool {
    e.inet().is_some_and(|socket| {
        let mut which = 6;
        each_end(socket, |end| {
            which += 1;
            let text = e.port_text(which, end.1).unwrap_or_default();
            visit(Value::Bytes(text)).is_continue()
        });
        true
    })
}

/// Both ends of a connection, client first; the one of a listening socket.
fn each_end(socket: &Socket, mut go_on: impl FnMut(End) -> bool) {
    let ends = match socket.role {
        Role::Listener => [socket.local, None],
        Role::Server => [socket.remote, socket.local],
        Role::Client | Role::Unknown => [socket.local, socket.remote],
    };
    for end in ends.into_iter().flatten() {
        if !go_on(end) {
            return;
        }
    }
}
