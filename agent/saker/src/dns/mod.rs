//! Names of hosts in rules (`fd.sip.name`): looked up in the background, so that workers only look into a table.
//!
//! The names that rules compare with are resolved to addresses, never addresses to names: whoever owns an
//! address also owns what it says its name is. libc's resolver would load the host's shared objects into a static
//! binary, so the questions are our own.

mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use saker_engine::compiler::RuleSet;
use saker_engine::schema::Schema as _;
use saker_engine::typed::{Literal, Side};
use saker_fields::{FieldSchema, HostInfo, HostNames};

use crate::worker::Context;
use wire::Family;

/// Names of all rules together; more are not looked up.
const MAX_NAMES: usize = 1024;
/// Servers that are asked, one after the other.
const MAX_SERVERS: usize = 3;
/// Time a server has for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// A name is looked up again after so long, then after twice as long, up to the second.
const REFRESH_FIRST: Duration = Duration::from_secs(10);
const REFRESH_LAST: Duration = Duration::from_secs(320);

/// Names that rules compare addresses of hosts with.
pub(crate) fn names(rules: &RuleSet, schema: &FieldSchema) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for predicate in rules.predicates() {
        let field = predicate.lhs.field().map(|field| schema.field_text(field));
        let is_name =
            field.is_some_and(|field| field.starts_with("fd.") && field.ends_with("ip.name"));
        let Side::Literals(literals) = &predicate.rhs else {
            continue;
        };
        let texts = literals.iter().filter_map(|literal| match literal {
            Literal::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            _ => None,
        });
        names.extend(texts.filter(|_| is_name));
    }
    if names.len() > MAX_NAMES {
        tracing::warn!(
            "rules name {} hosts; only {MAX_NAMES} are looked up, the others are never equal to an address",
            names.len()
        );
    }
    names.into_iter().take(MAX_NAMES).collect()
}

/// The running thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Resolver {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Looks up `names` and goes on to do so; nothing to do without any.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        names: BTreeSet<String>,
        context: Arc<Context>,
    ) -> io::Result<Option<Self>> {
        if names.is_empty() {
            return Ok(None);
        }
        // Those of the host's file are known from the first event on.
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let mut known: BTreeMap<String, Vec<IpAddr>> = names
            .iter()
            .map(|name| (name.clone(), in_hosts(name, &hosts)))
            .filter(|(_, found)| !found.is_empty())
            .collect();
        publish(&context, &known);
        let (stop, stopped) = sync_channel(1);
        let run = move || {
            let mut pause = REFRESH_FIRST;
            loop {
                let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
                let servers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
                let servers = name_servers(&servers);
                for name in &names {
                    // An answer that does not come changes nothing.
                    if let Some(found) = look_up(name, &hosts, &servers) {
                        known.insert(name.clone(), found);
                    }
                    if !matches!(
                        stopped.try_recv(),
                        Err(std::sync::mpsc::TryRecvError::Empty)
                    ) {
                        return;
                    }
                }
                publish(&context, &known);
                match stopped.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(REFRESH_LAST),
                    _ => return,
                }
            }
        };
        let thread = thread::Builder::new()
            .name("saker-names".into())
            .spawn(run)?;
        Ok(Some(Self {
            stop: Some(stop),
            thread: Some(thread),
        }))
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Tells the workers.
fn publish(context: &Context, known: &BTreeMap<String, Vec<IpAddr>>) {
    let names = HostNames::new(known);
    context.host.rcu(|old| HostInfo {
        names: names.clone(),
        ..(**old).clone()
    });
}

/// Addresses of `name`; `None` when nobody answers.
fn look_up(name: &str, hosts: &str, servers: &[IpAddr]) -> Option<Vec<IpAddr>> {
    let local = in_hosts(name, hosts);
    if !local.is_empty() {
        return Some(local);
    }
    servers.iter().find_map(|&server| {
        let at = SocketAddr::new(server, 53);
        let v4 = ask(at, name, Family::V4);
        let v6 = ask(at, name, Family::V6);
        match (v4, v6) {
            (Ok(v4), Ok(v6)) => Some([v4, v6].concat()),
            (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Some(found),
            _ => None,
        }
    })
}

fn ask(server: SocketAddr, name: &str, family: Family) -> io::Result<Vec<IpAddr>> {
    let any: IpAddr = if server.is_ipv4() {
        [0; 4].into()
    } else {
        [0; 16].into()
    };
    // Keyed anew by the system for each: nobody can guess it.
    let id = RandomState::new().hash_one(name) as u16;
    let question = wire::question(id, name, family)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a host"))?;
    // Only answers of this server arrive at a connected socket; the kernel takes a port at random.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    socket.send(&question)?;
    let end = Instant::now() + ANSWER_TIMEOUT;
    let mut buffer = [0; wire::MAX_ANSWER_BYTES];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.recv(&mut buffer)?;
        if let Some(found) = wire::addresses(&question, &buffer[..length]) {
            return Ok(found);
        }
        // Not this question's: an error of the server's has its number, and is the end.
        if buffer[..length].starts_with(&question[..2]) {
            return Err(io::Error::other("the server does not know"));
        }
    }
}

/// `nameserver` lines of resolv.conf(5).
fn name_servers(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "nameserver").then(|| words.next()?.parse().ok())?
    };
    text.lines().filter_map(server).take(MAX_SERVERS).collect()
}

/// Addresses of a name in hosts(5).
fn in_hosts(name: &str, text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let line = line.split('#').next()?;
        let mut words = line.split_whitespace();
        let ip = words.next()?.parse().ok()?;
        words
            .any(|word| word.eq_ignore_ascii_case(name))
            .then_some(ip)
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_host() {
        let servers =
            name_servers("# x\nnameserver 10.0.0.2\nsearch a\nnameserver ::1\nnameserver what\n");
        assert_eq!(
            servers,
            ["10.0.0.2", "::1"].map(|ip| ip.parse::<IpAddr>().expect("an address"))
        );
        let hosts = "127.0.0.1 localhost\n10.1.1.1 Db.local db # the database\n::1 localhost\n";
        assert_eq!(
            in_hosts("db.local", hosts),
            ["10.1.1.1".parse::<IpAddr>().expect("an address")]
        );
        assert_eq!(in_hosts("localhost", hosts).len(), 2);
        assert!(in_hosts("database", hosts).is_empty());
    }

    /// A server of one answer on this host.
    #[test]
    fn a_server_is_asked() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let at = server.local_addr().expect("an address");
        let answering = thread::spawn(move || {
            let mut buffer = [0; 512];
            let (length, from) = server.recv_from(&mut buffer).expect("a question");
            // Somebody else's answer first.
            server.send_to(&[1, 2, 3], from).expect("sent");
            let mut answer = buffer[..length].to_vec();
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = 1;
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 9]);
            server.send_to(&answer, from).expect("sent");
        });
        let found = ask(at, "host.example", Family::V4).expect("an answer");
        assert_eq!(found, ["192.0.2.9".parse::<IpAddr>().expect("an address")]);
        answering.join().expect("the server");
        assert!(ask(at, "no host", Family::V4).is_err());
    }
}
