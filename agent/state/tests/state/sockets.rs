//! Sockets: roles, names, healing.

use std::net::IpAddr;

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::{Address, Fd, FdKind, Interfaces, Partition, Role};

fn tuple(family: u16, local: &str, remote: &str) -> saker_tuple {
    let mut tuple = saker_tuple {
        family,
        proto: 6,
        type_: 1,
        ..saker_tuple::default_zero()
    };
    let end = |text: &str, bytes: &mut [u8; 16]| {
        let (ip, port) = text.rsplit_once(' ').expect("address and port");
        match ip.parse().expect("an address") {
            IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes.copy_from_slice(&ip.octets()),
        }
        port.parse().expect("a port")
    };
    tuple.local_port = end(local, &mut tuple.local_addr);
    tuple.remote_port = end(remote, &mut tuple.remote_addr);
    tuple
}

fn socket(ts: u64, fd: i64, domain: i64, ty: i64) -> Vec<u8> {
    let rec = RecordBuilder::new(SAKER_EV_SOCKET, ts, 60, 60).num(SAKER_P_SOCKET_fd, fd);
    rec.num(SAKER_P_SOCKET_domain, domain)
        .num(SAKER_P_SOCKET_type, ty)
        .build()
}

fn connect(ts: u64, fd: i64, res: i64, tuple: &saker_tuple) -> Vec<u8> {
    let rec = RecordBuilder::new(SAKER_EV_CONNECT, ts, 60, 60).num(SAKER_P_CONNECT_fd, fd);
    rec.num(SAKER_P_CONNECT_res, res)
        .tuple(SAKER_P_CONNECT_tuple, tuple)
        .build()
}

fn bind(ts: u64, fd: i64, tuple: &saker_tuple) -> Vec<u8> {
    let rec = RecordBuilder::new(SAKER_EV_BIND, ts, 60, 60).num(SAKER_P_BIND_fd, fd);
    rec.tuple(SAKER_P_BIND_tuple, tuple).build()
}

fn accept(ts: u64, fd: i64, tuple: &saker_tuple) -> Vec<u8> {
    let rec = RecordBuilder::new(SAKER_EV_ACCEPT4, ts, 60, 60).num(SAKER_P_ACCEPT4_fd, fd);
    rec.tuple(SAKER_P_ACCEPT4_tuple, tuple).build()
}

fn fd(partition: &Partition, number: i32) -> &Fd {
    partition
        .process(60)
        .and_then(|p| p.fds.get(number))
        .expect("known")
}

#[test]
fn clients() {
    let mut partition = alone();
    run(&mut partition, &socket(2, 3, 2, 1 | 0o2_000_000));
    assert_eq!(fd(&partition, 3).ends(), (None, None));
    assert!(fd(&partition, 3).cloexec);
    let to = tuple(2, "10.0.0.5 40000", "1.2.3.4 443");
    run(&mut partition, &connect(3, 3, -111, &to));
    assert!(fd(&partition, 3).name.is_empty(), "refused");
    let changed = step(&mut partition, &connect(4, 3, -115, &to), |_, applied| {
        applied.name_changed
    });
    assert!(changed, "in progress");
    let entry = fd(&partition, 3);
    assert_eq!(
        (text(&entry.name), entry.kind),
        ("10.0.0.5:40000->1.2.3.4:443".into(), FdKind::Ipv4)
    );
    let socket = entry.socket.as_ref().expect("a socket");
    assert!(socket.connected && socket.role == Role::Client && socket.proto == 6);
    assert!(entry.cloexec);
    let again = step(&mut partition, &connect(5, 3, 0, &to), |_, applied| {
        applied.name_changed
    });
    assert!(!again);
}

/// connect(2) with AF_UNSPEC: what resolvers do between the addresses they try.
#[test]
fn a_socket_whose_connection_is_dissolved_has_no_peer() {
    let mut partition = alone();
    let own = Address {
        ip: [10, 0, 0, 5].into(),
        prefix: 24,
    };
    partition.shared().set_interfaces(Interfaces::new([own]));
    let dissolve = |ts, tuple: &saker_tuple| {
        RecordBuilder::new(SAKER_EV_CONNECT, ts, 60, 60)
            .num(SAKER_P_CONNECT_fd, 3)
            .tuple(SAKER_P_CONNECT_tuple, tuple)
            .var(SAKER_P_CONNECT_addr, &[0; 16])
            .build()
    };
    let state = |partition: &Partition| {
        let entry = fd(partition, 3);
        let socket = entry.socket.as_ref().expect("a socket");
        assert!(!socket.connected && socket.remote.is_none());
        let local = socket.local.map(|(ip, port)| format!("{ip} {port}"));
        (text(&entry.name), socket.role, local.expect("its own end"))
    };
    let to = tuple(2, "10.0.0.5 40000", "1.2.3.4 53");
    run(&mut partition, &socket(2, 3, 2, 2));
    run(&mut partition, &connect(3, 3, 0, &to));
    let none = tuple(2, "0.0.0.0 0", "0.0.0.0 0");
    let changed = step(&mut partition, &dissolve(4, &none), |_, applied| {
        applied.name_changed
    });
    assert!(changed);
    assert_eq!(
        state(&partition),
        (String::new(), Role::Unknown, "0.0.0.0 0".into())
    );
    assert_eq!(fd(&partition, 3).ends(), (None, None));

    // One that was bound is so still; a stream keeps the address it was connected to.
    run(&mut partition, &connect(5, 3, 0, &to));
    run(
        &mut partition,
        &dissolve(6, &tuple(2, "10.0.0.5 40000", "1.2.3.4 0")),
    );
    assert_eq!(
        state(&partition),
        (
            "10.0.0.5:40000".into(),
            Role::Listener,
            "10.0.0.5 40000".into()
        )
    );

    // Whoever rewrites the address during the call hides no peer, nor does a port that is 0.
    run(&mut partition, &dissolve(7, &to));
    assert_eq!(text(&fd(&partition, 3).name), "10.0.0.5:40000->1.2.3.4:53");
    run(
        &mut partition,
        &connect(8, 3, 0, &tuple(2, "10.0.0.5 40000", "1.2.3.4 0")),
    );
    assert_eq!(text(&fd(&partition, 3).name), "10.0.0.5:40000->1.2.3.4:0");
}

#[test]
fn servers() {
    let mut partition = alone();
    run(&mut partition, &socket(2, 3, 10, 1));
    run(&mut partition, &bind(3, 3, &tuple(10, ":: 8080", ":: 0")));
    let entry = fd(&partition, 3);
    assert_eq!(
        (text(&entry.name), entry.kind),
        ("0.0.0.0:8080".into(), FdKind::Ipv4)
    );
    assert_eq!(entry.ends().1.map(|end| end.1), Some(8080));
    run(
        &mut partition,
        &accept(
            4,
            4,
            &tuple(10, "::ffff:10.0.0.5 8080", "::ffff:1.2.3.4 9999"),
        ),
    );
    let entry = fd(&partition, 4);
    assert_eq!(
        (text(&entry.name), entry.kind),
        ("1.2.3.4:9999->10.0.0.5:8080".into(), FdKind::Ipv4)
    );
    assert_eq!(
        entry.ends().0.map(|end| end.1),
        Some(9999),
        "the client comes first"
    );
    run(
        &mut partition,
        &accept(5, 5, &tuple(10, "2001:db8::1 80", "2001:db8::2 7")),
    );
    assert_eq!(
        text(&fd(&partition, 5).name),
        "2001:db8::2:7->2001:db8::1:80"
    );
    assert_eq!(fd(&partition, 5).kind, FdKind::Ipv6);
}

#[test]
fn the_kernel_is_right_about_stale_entries() {
    let mut partition = alone();
    run(&mut partition, &openat(2, 60, 3, -100, "/etc/passwd", 0));
    run(
        &mut partition,
        &connect(3, 3, 0, &tuple(2, "10.0.0.5 1", "1.2.3.4 2")),
    );
    assert_eq!(fd(&partition, 3).kind, FdKind::Ipv4);
    assert_eq!(partition.counters().fd_healed, 1);
    let rec = RecordBuilder::new(SAKER_EV_DUP2, 4, 60, 60).num(SAKER_P_DUP2_oldfd, 9);
    let stdin = tuple(2, "10.0.0.5 1", "1.2.3.4 2");
    let rec = rec
        .num(SAKER_P_DUP2_res, 0)
        .tuple(SAKER_P_DUP2_tuple, &stdin);
    run(&mut partition, &rec.build());
    assert_eq!(
        fd(&partition, 0).kind,
        FdKind::Ipv4,
        "a socket nobody saw being made"
    );
    let listen = RecordBuilder::new(SAKER_EV_LISTEN, 5, 60, 60).num(SAKER_P_LISTEN_fd, 12);
    let listen = listen.tuple(SAKER_P_LISTEN_tuple, &tuple(2, "0.0.0.0 22", "0.0.0.0 0"));
    run(&mut partition, &listen.build());
    assert_eq!(text(&fd(&partition, 12).name), "0.0.0.0:22");
}

/// Rules that name socket and listen, but not bind.
#[test]
fn listen_tells_the_address_that_bind_gave() {
    let mut partition = alone();
    run(&mut partition, &socket(10, 3, 2, 1));
    let listen = RecordBuilder::new(SAKER_EV_LISTEN, 11, 60, 60).num(SAKER_P_LISTEN_fd, 3);
    let listen = listen.tuple(
        SAKER_P_LISTEN_tuple,
        &tuple(2, "192.0.2.1 7001", "0.0.0.0 0"),
    );
    run(&mut partition, &listen.build());
    assert_eq!(text(&fd(&partition, 3).name), "192.0.2.1:7001");
}

/// The number was closed, which nobody records, and is a pipe by now: a shell that gets its input from
/// there is not talking to the network.
#[test]
fn a_socket_number_reused_for_a_pipe_is_no_socket() {
    let mut partition = alone();
    run(&mut partition, &socket(10, 3, 2, 1));
    run(
        &mut partition,
        &connect(11, 3, 0, &tuple(2, "10.0.0.1 5000", "10.0.0.2 80")),
    );
    let dup = RecordBuilder::new(SAKER_EV_DUP2, 12, 60, 60)
        .num(SAKER_P_DUP2_oldfd, 3)
        .num(SAKER_P_DUP2_newfd, 0)
        .num(SAKER_P_DUP2_res, 0)
        .num(SAKER_P_DUP2_facts, 0o010_600);
    run(&mut partition, &dup.build());
    assert_eq!(fd(&partition, 0).kind, FdKind::Pipe);
    assert_eq!(fd(&partition, 3).kind, FdKind::Pipe);
    assert!(fd(&partition, 0).socket.is_none());
}

#[test]
fn unix_sockets() {
    let mut partition = alone();
    run(&mut partition, &socket(2, 3, 1, 1));
    let mut to = saker_tuple {
        family: 1,
        type_: 1,
        ..saker_tuple::default_zero()
    };
    (to.sock_id, to.peer_id) = (0xabc, 0xdef);
    to.path[..9].copy_from_slice(b"/run/sock");
    run(&mut partition, &connect(3, 3, 0, &to));
    assert_eq!(text(&fd(&partition, 3).name), "abc->def /run/sock");
    run(&mut partition, &accept(4, 4, &to));
    assert_eq!(text(&fd(&partition, 4).name), "def->abc /run/sock");
    to.path.fill(0);
    to.path[1..4].copy_from_slice(b"abs");
    to.sock_id = 0x123;
    run(&mut partition, &bind(5, 5, &to));
    assert_eq!(text(&fd(&partition, 5).name), "@abs");
}

#[test]
fn addresses_stand_in_for_a_tuple() {
    let mut partition = alone();
    run(&mut partition, &socket(2, 3, 2, 2));
    let rec = RecordBuilder::new(SAKER_EV_CONNECT, 3, 60, 60).num(SAKER_P_CONNECT_fd, 3);
    let rec = rec.var(
        SAKER_P_CONNECT_addr,
        &[2, 0, 0, 53, 8, 8, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    run(&mut partition, &rec.build());
    assert_eq!(text(&fd(&partition, 3).name), "0.0.0.0:0->8.8.4.4:53");
    assert_eq!(
        fd(&partition, 3).socket.as_ref().map(|socket| socket.proto),
        Some(17)
    );
    for cut in 0..8 {
        let rec = RecordBuilder::new(SAKER_EV_CONNECT, 4, 60, 60).num(SAKER_P_CONNECT_fd, 3);
        let rec = rec
            .var(SAKER_P_CONNECT_addr, &[2, 0, 0, 80, 1, 1, 1, 1][..cut])
            .build();
        run(&mut partition, &rec);
    }
    assert_eq!(text(&fd(&partition, 3).name), "0.0.0.0:0->8.8.4.4:53");
}

/// The kernel has the protocol where others have their port.
#[test]
fn a_raw_socket_that_is_bound_is_no_server() {
    let mut partition = alone();
    run(&mut partition, &socket(2, 3, 2, 3));
    let tuple = saker_tuple {
        proto: 1,
        type_: 3,
        ..tuple(2, "192.0.2.1 1", "0.0.0.0 0")
    };
    let bind = RecordBuilder::new(SAKER_EV_BIND, 3, 60, 60)
        .num(SAKER_P_BIND_fd, 3)
        .tuple(SAKER_P_BIND_tuple, &tuple)
        .var(
            SAKER_P_BIND_addr,
            &[2, 0, 0, 0, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        );
    run(&mut partition, &bind.build());
    let fd = fd(&partition, 3);
    assert!(fd.name.is_empty(), "{}", text(&fd.name));
    let role = fd.socket.as_ref().map(|socket| socket.role);
    assert_eq!(role, Some(Role::Unknown));
}
