//! Sockets, pairs, datagrams.

use saker_abi::raw::*;

use super::*;

const INET: u16 = 2;
const UNIX: u16 = 1;
const STREAM: u8 = 1;

impl Host {
    pub(super) fn pairs(&mut self, who: usize, arg: u8) {
        let first = self.free(who);
        if arg % 3 == 2 {
            let at = self.sockets.len();
            let ids = [self.number(), self.number()].map(u64::from);
            for (own, peer) in [(ids[0], ids[1]), (ids[1], ids[0])] {
                let mut tuple = saker_tuple::default_zero();
                (tuple.family, tuple.type_) = (UNIX, STREAM);
                (tuple.sock_id, tuple.peer_id) = (own, peer);
                self.sockets.push(tuple);
            }
            self.open(who, first, File::Socket(at), false);
            let second = self.free(who);
            self.open(who, second, File::Socket(at + 1), false);
            let told = self
                .record(SAKER_EV_SOCKETPAIR, who)
                .num("fd1", first.into())
                .num("fd2", second.into());
            let told = told.num("source", ids[0] as i64).num("peer", ids[1] as i64);
            self.tell(told.num("domain", UNIX.into()).num("type", STREAM.into()));
            return;
        }
        let ino = self.open(who, first, File::Pipe, false);
        let second = self.free(who);
        self.open(who, second, File::Pipe, false);
        let event = [SAKER_EV_PIPE, SAKER_EV_PIPE2][usize::from(arg) % 2];
        let told = self
            .record(event, who)
            .num("fd1", first.into())
            .num("fd2", second.into());
        self.tell(told.num("ino", ino));
    }

    pub(super) fn socket(&mut self, who: usize, arg: u8) {
        let (family, ty, proto) =
            [(INET, STREAM, 6), (INET, DGRAM, 17), (UNIX, STREAM, 0)][usize::from(arg) % 3];
        let mut tuple = saker_tuple::default_zero();
        (tuple.family, tuple.type_, tuple.proto) = (family, ty, proto);
        tuple.sock_id = self.number().into();
        self.sockets.push(tuple);
        let number = self.free(who);
        self.open(who, number, File::Socket(self.sockets.len() - 1), false);
        let told = self.record(SAKER_EV_SOCKET, who).num("fd", number.into());
        self.tell(told.num("domain", family.into()).num("type", ty.into()));
    }

    /// One of the program's sockets that fit: its number and place.
    pub(super) fn pick_socket(
        &self,
        who: usize,
        arg: u8,
        fits: impl Fn(&saker_tuple) -> bool,
    ) -> Option<(i32, usize)> {
        let of = |file: &File| match file {
            File::Socket(at) => Some(*at),
            _ => None,
        };
        let number = self.pick(who, arg, |file| {
            of(file).is_some_and(|at| fits(&self.sockets[at]))
        })?;
        Some((number, of(&self.programs[who].fds[&number].file)?))
    }

    /// Whether the socket has no other number, here or in another program: what is done to it there is not told
    /// of this one.
    pub(super) fn own(&self, at: usize) -> bool {
        let is_it = |open: &&Open| matches!(open.file, File::Socket(other) if other == at);
        let all = self
            .programs
            .iter()
            .flat_map(|program| program.fds.values());
        all.filter(is_it).count() == 1
    }

    pub(super) fn far(arg: u8) -> ([u8; 4], u16) {
        (
            [10, 0, 0, 9 + arg % 2],
            [53, 443][usize::from(arg >> 1) % 2],
        )
    }

    pub(super) fn connect(&mut self, who: usize, arg: u8) {
        let free = |tuple: &saker_tuple| tuple.remote_port == 0 && tuple.peer_id == 0;
        let Some((number, at)) = self.pick_socket(who, arg, free) else {
            return;
        };
        if !self.own(at) {
            return;
        }
        let port = 40_000 + self.number() as u16 % 10_000;
        let peer = u64::from(self.number());
        let tuple = &mut self.sockets[at];
        let stream = tuple.type_ == STREAM;
        let res = match arg >> 6 {
            0 if stream => -111,
            1 if stream && tuple.family == INET => -115,
            _ => 0,
        };
        let mut addr = tuple.family.to_ne_bytes().to_vec();
        if tuple.family == UNIX {
            addr.extend_from_slice(b"/run/s\0");
            if res == 0 {
                tuple.peer_id = peer;
                tuple.path[..6].copy_from_slice(b"/run/s");
            }
        } else {
            let (ip, to) = Self::far(arg);
            addr.extend_from_slice(&to.to_be_bytes());
            addr.extend_from_slice(&ip);
            addr.extend_from_slice(&[0; 8]);
            if res != -111 {
                tuple.local_addr[..4].copy_from_slice(&[10, 0, 0, 5]);
                tuple.remote_addr[..4].copy_from_slice(&ip);
                tuple.remote_port = to;
                if tuple.local_port == 0 {
                    tuple.local_port = port;
                }
            }
        }
        let tuple = *tuple;
        let told = self
            .record(SAKER_EV_CONNECT, who)
            .num("res", res)
            .num("fd", number.into());
        self.tell(told.tuple(&tuple, false).var("addr", &addr));
    }

    pub(super) fn bind(&mut self, who: usize, arg: u8) {
        let free = |tuple: &saker_tuple| (tuple.local_port, tuple.family) == (0, INET);
        if let Some((number, at)) = self.pick_socket(who, arg, free)
            && self.own(at)
        {
            let asked: u16 = if arg.is_multiple_of(4) {
                0
            } else {
                5_000 + u16::from(arg)
            };
            let tuple = &mut self.sockets[at];
            tuple.local_port = if asked == 0 { 33_333 } else { asked };
            let mut addr = INET.to_ne_bytes().to_vec();
            addr.extend_from_slice(&asked.to_be_bytes());
            addr.extend_from_slice(&[0; 12]);
            let tuple = *tuple;
            let told = self
                .record(SAKER_EV_BIND, who)
                .num("fd", number.into())
                .var("addr", &addr);
            self.tell(told.tuple(&tuple, false));
            if tuple.type_ == STREAM && arg & 64 == 0 {
                let told = self.record(SAKER_EV_LISTEN, who).num("fd", number.into());
                self.tell(told.tuple(&tuple, false));
            }
        }
    }

    pub(super) fn accept(&mut self, who: usize, arg: u8) {
        let listens = |tuple: &saker_tuple| {
            (tuple.family, tuple.type_, tuple.remote_port) == (INET, STREAM, 0)
                && tuple.local_port != 0
        };
        let Some((_, at)) = self.pick_socket(who, arg, listens) else {
            return;
        };
        let mut tuple = self.sockets[at];
        tuple.sock_id = self.number().into();
        tuple.local_addr[..4].copy_from_slice(&[10, 0, 0, 5]);
        tuple.remote_addr[..4].copy_from_slice(&[10, 0, 0, 7]);
        tuple.remote_port = 50_000 + u16::from(arg);
        self.sockets.push(tuple);
        let number = self.free(who);
        self.open(who, number, File::Socket(self.sockets.len() - 1), false);
        let event = [SAKER_EV_ACCEPT, SAKER_EV_ACCEPT4][usize::from(arg) % 2];
        let told = self.record(event, who).num("fd", number.into());
        self.tell(told.tuple(&tuple, false));
    }

    /// Sockets that can move data, and the tuple of one message.
    pub(super) fn message(
        &mut self,
        who: usize,
        arg: u8,
        sends: bool,
    ) -> Option<(i32, saker_tuple, bool)> {
        let able = |tuple: &saker_tuple| {
            let connected = tuple.remote_port != 0 || tuple.peer_id != 0;
            // One that is bound to a port of the kernel's choice hears nothing before it has sent.
            let datagrams = (tuple.family, tuple.type_) == (INET, DGRAM);
            connected || datagrams && (sends || tuple.local_port != 0 && tuple.local_port != 33_333)
        };
        let (number, at) = self.pick_socket(who, arg, able)?;
        let port = 20_000 + self.number() as u16 % 10_000;
        let own = self.own(at);
        let tuple = &mut self.sockets[at];
        if tuple.remote_port != 0 || tuple.peer_id != 0 {
            return Some((number, *tuple, false));
        }
        if !own {
            return None;
        }
        if tuple.local_port == 0 {
            tuple.local_port = port;
        }
        let mut one = *tuple;
        let (ip, to) = Self::far(arg >> 2);
        one.remote_addr[..4].copy_from_slice(&ip);
        one.remote_port = to;
        Some((number, one, true))
    }

    pub(super) fn send(&mut self, who: usize, arg: u8) {
        let Some((number, tuple, given)) = self.message(who, arg, true) else {
            return;
        };
        let event = [SAKER_EV_SENDTO, SAKER_EV_SENDMSG, SAKER_EV_SENDMMSG][usize::from(arg) % 3];
        let told = self
            .record(event, who)
            .num("res", 1)
            .num("fd", number.into());
        self.tell(told.tuple(&tuple, given));
    }

    pub(super) fn receive(&mut self, who: usize, arg: u8) {
        let Some((number, tuple, given)) = self.message(who, arg, false) else {
            return;
        };
        let event = [SAKER_EV_RECVFROM, SAKER_EV_RECVMSG, SAKER_EV_RECVMMSG][usize::from(arg) % 3];
        if event != SAKER_EV_RECVFROM && tuple.family == UNIX {
            let new = self.free(who);
            self.pass(who, new, event, arg & 16 != 0);
        }
        let told = self
            .record(event, who)
            .num("res", 1)
            .num("fd", number.into());
        self.tell(told.tuple(&tuple, given));
    }

    /// getsockopt(SO_ERROR) on a connection.
    pub(super) fn ask_outcome(&mut self, who: usize, arg: u8) {
        let connection =
            |tuple: &saker_tuple| (tuple.type_, tuple.remote_port != 0) == (STREAM, true);
        let Some((number, at)) = self.pick_socket(who, arg, connection) else {
            return;
        };
        let tuple = self.sockets[at];
        if arg % 2 == 1 {
            // It has failed: nothing moves any more.
            (self.sockets[at].remote_port, self.sockets[at].local_port) = (0, 0);
        }
        let told = self
            .record(SAKER_EV_GETSOCKOPT, who)
            .num("fd", number.into());
        let told = told.num("level", 1).num("optname", 4);
        let val = i64::from(arg % 2) * 111;
        self.tell(told.num("val", val).tuple(&tuple, false));
    }
}
