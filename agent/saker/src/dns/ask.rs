//! Asking name servers.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::files::Configuration;
use super::known::Found;
use super::stop::{Stop, Stopped};
use super::wire::{self, FAMILIES, Family, Reply};

/// Asks servers for names, first the one that answered last.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) stop: &'a Stop,
    /// Port of the servers.
    pub(super) port: u16,
    /// Time a server has for an answer.
    pub(super) patience: Duration,
    /// The server that answered last.
    pub(super) answered: Option<IpAddr>,
}

impl Asker<'_> {
    /// Addresses of `name`.
    pub(super) fn look_up(
        &mut self,
        name: &str,
        configuration: &Configuration,
    ) -> Result<Found, Stopped> {
        let candidates = configuration.candidates(name);
        let (last, others) = candidates.split_last().expect("the name itself");
        for candidate in others {
            let found = self.ask_all(candidate, &configuration.servers)?;
            if found.iter().flatten().any(|found| !found.is_empty()) {
                return Ok(found);
            }
            if found.iter().any(Option::is_none) {
                // It may be this one: nothing is known of the name until somebody answers.
                return Ok(Found::default());
            }
        }
        self.ask_all(last, &configuration.servers)
    }

    /// Asks one server after the other for what the ones before did not tell.
    fn ask_all(&mut self, name: &str, servers: &[IpAddr]) -> Result<Found, Stopped> {
        let mut found = Found::default();
        let mut servers = servers.to_vec();
        servers.sort_by_key(|&server| Some(server) != self.answered);
        for server in servers {
            self.ask(server, name, &mut found)?;
            if found.iter().all(Option::is_some) {
                break;
            }
        }
        Ok(found)
    }

    /// Asks a server for the families that are not found yet, for both at once.
    fn ask(&mut self, server: IpAddr, name: &str, found: &mut Found) -> Result<(), Stopped> {
        let at = SocketAddr::new(server, self.port);
        let mut open = Vec::with_capacity(FAMILIES.len());
        for (family, found) in FAMILIES.into_iter().zip(&mut *found) {
            if found.is_some() {
                continue;
            }
            match Question::new(name, family) {
                Some(question) => open.extend(question.send(at).ok()),
                // Not the name of a host: it has no addresses, whoever is asked.
                None => *found = Some(Vec::new()),
            }
        }
        let end = Instant::now() + self.patience;
        while !open.is_empty() && self.stop.wait(&open, end)? {
            open.retain(|asked| match asked.reply() {
                None | Some(Reply::Foreign) => true,
                Some(Reply::Failed) => false,
                Some(Reply::Addresses(addresses)) => {
                    found[asked.family as usize] = Some(addresses);
                    self.answered = Some(server);
                    false
                }
            });
        }
        Ok(())
    }
}

struct Question {
    family: Family,
    bytes: Vec<u8>,
}

impl Question {
    fn new(name: &str, family: Family) -> Option<Self> {
        // Made with keys that the system drew at random: whoever does not know them cannot guess it.
        let id = RandomState::new().hash_one(name) as u16;
        let bytes = wire::question(id, name, family)?;
        Some(Self { family, bytes })
    }

    fn send(self, server: SocketAddr) -> io::Result<Asked> {
        let any: IpAddr = if server.is_ipv4() {
            [0; 4].into()
        } else {
            [0; 16].into()
        };
        // Only answers of this server arrive at a connected socket; the kernel takes a port at random.
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(server)?;
        socket.send(&self.bytes)?;
        Ok(Asked {
            socket,
            family: self.family,
            question: self.bytes,
        })
    }
}

/// A question under way.
struct Asked {
    socket: UdpSocket,
    family: Family,
    question: Vec<u8>,
}

impl Asked {
    /// What has arrived, if something has.
    fn reply(&self) -> Option<Reply> {
        let mut buffer = [0; wire::MAX_ANSWER_BYTES];
        match self.socket.recv(&mut buffer) {
            Ok(length) => Some(wire::reply(&self.question, &buffer[..length])),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            // Such as: there is no server.
            Err(_) => Some(Reply::Failed),
        }
    }
}

impl AsFd for Asked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
