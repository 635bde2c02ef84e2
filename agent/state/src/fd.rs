//! File descriptors of a process.

use std::net::IpAddr;

/// What a descriptor refers to; decides `fd.type` and `fd.typechar` (rules-spec D4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FdKind {
    /// Regular file, device or fifo opened by path.
    File,
    /// Directory.
    Directory,
    /// IPv4 socket.
    Ipv4,
    /// IPv6 socket.
    Ipv6,
    /// Unix-domain socket.
    Unix,
    /// Netlink socket.
    Netlink,
    /// Pipe.
    Pipe,
    /// eventfd(2).
    Event,
    /// signalfd(2).
    Signal,
    /// epoll(7).
    EventPoll,
    /// inotify(7).
    Inotify,
    /// timerfd_create(2).
    Timer,
    /// bpf(2) map, program or link.
    Bpf,
    /// userfaultfd(2).
    UserFault,
    /// io_uring_setup(2).
    IoUring,
    /// memfd_create(2).
    Memfd,
    /// pidfd_open(2).
    Pidfd,
    /// A socket of another family (packet, vsock, ...).
    OtherSocket,
    /// Not known.
    #[default]
    Unknown,
}

/// Which end of a connection this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Not known yet; client and server fields are absent.
    #[default]
    Unknown,
    /// It connected.
    Client,
    /// It accepted.
    Server,
    /// It listens or is bound: only its own end is known.
    Listener,
}

/// Socket facts: both ends in client/server order plus what the kernel gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Socket {
    /// IPPROTO_*; 0 unknown.
    pub proto: u8,
    /// SOCK_*.
    pub sock_type: u8,
    /// Role of this process.
    pub role: Role,
    /// Local end.
    pub local: Option<(IpAddr, u16)>,
    /// Remote end.
    pub remote: Option<(IpAddr, u16)>,
    /// Connected (`fd.connected`).
    pub connected: bool,
    /// Unix sockets: kernel identities of both ends.
    pub sock_id: u64,
    /// Of the peer.
    pub peer_id: u64,
}

/// One entry of a descriptor table. Buffers are reused when a number is reused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fd {
    /// Kind.
    pub kind: FdKind,
    /// `fd.name`: normalised path, `ip:port->ip:port`, ...
    pub name: Vec<u8>,
    /// `fd.nameraw`: path as given; empty when it equals `name`.
    pub name_raw: Vec<u8>,
    /// Kernel open flags (O_*), as given.
    pub open_flags: u32,
    /// Device, kernel encoding; 0 unknown.
    pub dev: u32,
    /// Inode; 0 unknown.
    pub ino: u64,
    /// What the kernel says the file is: `S_IFMT` bits and `SAKER_FILE_*`; 0 unknown. `kind` keeps
    /// to the rule language, where a directory opened without `O_DIRECTORY` is a file.
    pub file_facts: u32,
    /// Close-on-exec.
    pub cloexec: bool,
    /// Present for sockets.
    pub socket: Option<Box<Socket>>,
}

impl Fd {
    /// Client and server ends of an IP connection, in that order; absent ends are unknown.
    #[allow(clippy::type_complexity)]
    pub fn ends(&self) -> (Option<(IpAddr, u16)>, Option<(IpAddr, u16)>) {
        let Some(socket) = &self.socket else {
            return (None, None);
        };
        match socket.role {
            Role::Client => (socket.local, socket.remote),
            Role::Server => (socket.remote, socket.local),
            Role::Listener => (None, socket.local),
            Role::Unknown => (None, None),
        }
    }
}

impl Fd {
    /// Forgets everything but the memory of the names.
    pub(crate) fn clear(&mut self) {
        let (mut name, mut name_raw) = (
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.name_raw),
        );
        name.clear();
        name_raw.clear();
        *self = Self {
            name,
            name_raw,
            ..Self::default()
        };
    }

    /// Becomes a copy of `other` but for its socket, in the memory there is.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.clear();
        self.name.extend_from_slice(&other.name);
        self.name_raw.extend_from_slice(&other.name_raw);
        self.kind = other.kind;
        self.open_flags = other.open_flags;
        self.dev = other.dev;
        self.ino = other.ino;
        self.file_facts = other.file_facts;
        self.cloexec = other.cloexec;
    }

    /// What rules compare `fd.nameraw` with.
    pub fn raw_name(&self) -> &[u8] {
        if self.name_raw.is_empty() {
            &self.name
        } else {
            &self.name_raw
        }
    }
}
