//! The thread that looks up names, with servers on this host that the tests play.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};

use super::*;

/// Far more than anything here takes, and far less than a server has for an answer.
const LONG: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(3600);
const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const KIND_A: u8 = 1;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn server(address: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(ip(address), port)).expect("a socket");
    socket.set_read_timeout(Some(LONG)).expect("a timeout");
    socket
}

fn port(server: &UdpSocket) -> u16 {
    server.local_addr().expect("an address").port()
}

/// A question as it arrives.
struct Question {
    bytes: Vec<u8>,
    from: SocketAddr,
}

impl Question {
    fn next(server: &UdpSocket) -> Self {
        let mut buffer = [0; 512];
        let (length, from) = server.recv_from(&mut buffer).expect("a question");
        Self {
            bytes: buffer[..length].to_vec(),
            from,
        }
    }

    /// The first label of the name.
    fn host(&self) -> &str {
        let length = usize::from(self.bytes[12]);
        std::str::from_utf8(&self.bytes[13..13 + length]).expect("a name")
    }

    fn is_v4(&self) -> bool {
        self.bytes[self.bytes.len() - 3] == KIND_A
    }

    fn answer(&self, server: &UdpSocket, code: u8, address: Option<[u8; 4]>) {
        let mut answer = self.bytes.clone();
        answer[2..4].copy_from_slice(&[0x81, 0x80 | code]);
        if let Some(address) = address {
            answer[7] = 1;
            answer.extend_from_slice(&[0xc0, 12, 0, KIND_A, 0, 1, 0, 0, 0, 1, 0, 4]);
            answer.extend_from_slice(&address);
        }
        server.send_to(&answer, self.from).expect("sent");
    }
}

/// Answers to both questions for `host`: one address and none, or an error.
fn answer_both(server: &UdpSocket, host: &str, code: u8, address: Option<[u8; 4]>) {
    // Both are under way before one is answered.
    let both = [Question::next(server), Question::next(server)];
    assert_ne!(both[0].is_v4(), both[1].is_v4());
    for question in both {
        assert_eq!(question.host(), host);
        let address = address.filter(|_| question.is_v4());
        question.answer(server, code, address);
    }
}

struct World {
    resolver: Resolver,
    published: Receiver<HostNames>,
    _files: tempfile::TempDir,
}

impl World {
    fn new(names: &[&str], hosts: &str, resolv_conf: &str, port: u16) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let sources = Sources {
            hosts: files.path().join("hosts"),
            resolv_conf: files.path().join("resolv.conf"),
            port,
            patience: PATIENCE,
            refresh: Duration::from_millis(1),
        };
        std::fs::write(&sources.hosts, hosts).expect("written");
        std::fs::write(&sources.resolv_conf, resolv_conf).expect("written");
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let (sender, published) = channel();
        let publish = move |names| sender.send(names).expect("the test listens");
        Self {
            resolver: Resolver::spawn(names, sources, publish).expect("a thread"),
            published,
            _files: files,
        }
    }

    fn next(&self) -> HostNames {
        self.published.recv_timeout(LONG).expect("published")
    }

    /// Stops the thread, which must take no time.
    fn stop(self) {
        let begin = Instant::now();
        drop(self.resolver);
        assert!(begin.elapsed() < LONG, "took {:?}", begin.elapsed());
    }
}

fn names_of(names: &HostNames, address: &str) -> Vec<String> {
    let names = names.of(ip(address)).iter();
    names.map(|name| name.to_string()).collect()
}

#[test]
fn a_name_waits_for_no_other_and_the_hosts_file_for_nobody() {
    let server = server("127.0.0.1", 0);
    let world = World::new(
        &["a.example", "b.example", "c.example"],
        "192.0.2.7 c.example\n2001:db8::7 c.example\n",
        "nameserver 127.0.0.1\n",
        port(&server),
    );
    let at_once = world.published.try_recv().expect("published");
    assert_eq!(names_of(&at_once, "192.0.2.7"), ["c.example"]);
    assert_eq!(names_of(&at_once, "2001:db8::7"), ["c.example"]);

    answer_both(&server, "a", NO_ERROR, Some([192, 0, 2, 1]));
    assert_eq!(names_of(&world.next(), "192.0.2.1"), ["a.example"]);
    assert_eq!(Question::next(&server).host(), "b");
    world.stop();
}

#[test]
fn a_silent_server_holds_up_no_stop() {
    let server = server("127.0.0.1", 0);
    let conf = "nameserver 127.0.0.1\nnameserver 127.0.0.1\nsearch x y\n";
    let world = World::new(&["a"], "", conf, port(&server));
    // It waits for the answer.
    assert_eq!(Question::next(&server).host(), "a");
    world.stop();
}

#[test]
fn a_name_that_is_no_more_has_no_addresses() {
    let server = server("127.0.0.1", 0);
    let conf = "nameserver 127.0.0.1\n";
    let world = World::new(&["a.example"], "", conf, port(&server));
    assert_eq!(world.next(), HostNames::default().awaited(true));
    answer_both(&server, "a", NO_ERROR, Some([192, 0, 2, 1]));
    assert_eq!(names_of(&world.next(), "192.0.2.1"), ["a.example"]);
    // A server in trouble says nothing of the name.
    answer_both(&server, "a", SERVER_FAILURE, None);
    answer_both(&server, "a", NO_SUCH_NAME, None);
    assert_eq!(world.next(), HostNames::default());
    answer_both(&server, "a", NO_ERROR, Some([192, 0, 2, 2]));
    assert_eq!(names_of(&world.next(), "192.0.2.2"), ["a.example"]);
    // There is such a name, without an address.
    answer_both(&server, "a", NO_ERROR, None);
    assert_eq!(world.next(), HostNames::default());
    world.stop();
}

#[test]
fn the_server_that_answered_last_is_asked_first() {
    let first = server("127.0.0.1", 0);
    let second = server("127.0.0.2", port(&first));
    let conf = "nameserver 127.0.0.1\nnameserver 127.0.0.2\n";
    let world = World::new(&["a.example", "b.example"], "", conf, port(&first));
    answer_both(&first, "a", SERVER_FAILURE, None);
    answer_both(&second, "a", NO_ERROR, Some([192, 0, 2, 1]));
    answer_both(&second, "b", SERVER_FAILURE, None);
    answer_both(&first, "b", NO_ERROR, Some([192, 0, 2, 2]));
    answer_both(&first, "a", NO_ERROR, Some([192, 0, 2, 1]));
    world.stop();
}

#[test]
fn a_short_name_is_looked_for_in_domains() {
    let server = server("127.0.0.1", 0);
    let conf = "nameserver 127.0.0.1\nsearch one.example two.example\n";
    let world = World::new(&["db", "no host"], "", conf, port(&server));
    assert_eq!(world.next(), HostNames::default().awaited(true));
    answer_both(&server, "db", NO_SUCH_NAME, None);
    let second = [Question::next(&server), Question::next(&server)];
    for question in &second {
        assert!(question.bytes[12..].starts_with(b"\x02db\x03two\x07example\0"));
        // Somebody else's answer first.
        server.send_to(&[1, 2, 3], question.from).expect("sent");
        let address = question.is_v4().then_some([192, 0, 2, 9]);
        question.answer(&server, NO_ERROR, address);
    }
    let found = world.next();
    assert_eq!(names_of(&found, "192.0.2.9"), ["db"]);
    assert!(found.are_awaited());
    assert!(!world.next().are_awaited(), "every name has been looked up");
    // What is no name of a host is not asked for: it is this one's turn again.
    assert_eq!(Question::next(&server).host(), "db");
    world.stop();
}
