//! Data and descriptors that travel.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::{Address, Fd, FdKind, Interfaces, Partition, Role};

fn record(event: u32, ts: u64) -> RecordBuilder {
    RecordBuilder::new(event, ts, 60, 60)
}

fn udp(local: ([u8; 4], u16), remote: ([u8; 4], u16)) -> saker_tuple {
    let mut tuple = saker_tuple {
        family: 2,
        proto: 17,
        type_: 2,
        local_port: local.1,
        remote_port: remote.1,
        sock_id: 0xabc,
        ..saker_tuple::default_zero()
    };
    tuple.local_addr[..4].copy_from_slice(&local.0);
    tuple.remote_addr[..4].copy_from_slice(&remote.0);
    tuple
}

fn sendto(ts: u64, fd: i64, tuple: &saker_tuple) -> Vec<u8> {
    let rec = record(SAKER_EV_SENDTO, ts).num(SAKER_P_SENDTO_fd, fd);
    rec.tuple_given(SAKER_P_SENDTO_tuple, tuple).build()
}

fn recvfrom(ts: u64, fd: i64, tuple: &saker_tuple) -> Vec<u8> {
    let rec = record(SAKER_EV_RECVFROM, ts).num(SAKER_P_RECVFROM_fd, fd);
    rec.tuple_given(SAKER_P_RECVFROM_tuple, tuple).build()
}

fn fd(partition: &Partition, number: i32) -> &Fd {
    known(partition, number).expect("known")
}

fn known(partition: &Partition, number: i32) -> Option<&Fd> {
    partition.process(60).and_then(|p| p.fds.get(number))
}

/// Name, whether it changed, whether the socket is connected.
fn after(partition: &mut Partition, record: &[u8], number: i32) -> (String, bool, bool) {
    let changed = step(partition, record, |_, applied| applied.name_changed);
    let entry = fd(partition, number);
    let connected = entry.socket.as_ref().is_some_and(|socket| socket.connected);
    (text(&entry.name), changed, connected)
}

const ANY: [u8; 4] = [0; 4];
const HERE: [u8; 4] = [10, 0, 0, 1];
const RESOLVER: [u8; 4] = [8, 8, 8, 8];

#[test]
fn a_sender_of_datagrams_is_a_client_and_counts_as_connected() {
    let mut partition = alone();
    let socket = record(SAKER_EV_SOCKET, 2).num(SAKER_P_SOCKET_fd, 3);
    let socket = socket
        .num(SAKER_P_SOCKET_domain, 2)
        .num(SAKER_P_SOCKET_type, 2);
    run(&mut partition, &socket.build());
    let to = udp((ANY, 4000), (RESOLVER, 53));
    let name = "0.0.0.0:4000->8.8.8.8:53".to_owned();
    assert_eq!(
        after(&mut partition, &sendto(3, 3, &to), 3),
        (name.clone(), true, true)
    );
    assert_eq!(
        after(&mut partition, &sendto(4, 3, &to), 3),
        (name.clone(), false, true)
    );
    assert_eq!(
        after(&mut partition, &recvfrom(5, 3, &to), 3),
        (name, false, true)
    );
    let role = fd(&partition, 3).socket.as_ref().map(|socket| socket.role);
    assert_eq!(role, Some(Role::Client));
    let elsewhere = udp((ANY, 4000), ([1, 1, 1, 1], 53));
    let (name, changed, _) = after(&mut partition, &sendto(6, 3, &elsewhere), 3);
    assert_eq!((&*name, changed), ("0.0.0.0:4000->1.1.1.1:53", true));
}

#[test]
fn who_is_bound_serves_and_the_client_comes_first() {
    let mut partition = alone();
    let bind = record(SAKER_EV_BIND, 2).num(SAKER_P_BIND_fd, 3);
    let bind = bind.tuple(SAKER_P_BIND_tuple, &udp((HERE, 53), (ANY, 0)));
    run(&mut partition, &bind.build());
    let from = udp((HERE, 53), ([10, 0, 0, 9], 40_000));
    let name = "10.0.0.9:40000->10.0.0.1:53".to_owned();
    assert_eq!(
        after(&mut partition, &recvfrom(3, 3, &from), 3),
        (name.clone(), true, false)
    );
    assert_eq!(
        after(&mut partition, &sendto(4, 3, &from), 3),
        (name, false, false)
    );
    // A socket nobody knew: who receives first serves.
    let (name, ..) = after(&mut partition, &recvfrom(5, 9, &from), 9);
    assert_eq!(name, "10.0.0.9:40000->10.0.0.1:53");
}

/// A state that knows the host's addresses.
fn at_home() -> Partition {
    let partition = alone();
    let address = |ip: &str, prefix| Address {
        ip: ip.parse().expect("an address"),
        prefix,
    };
    let known = [
        ("127.0.0.1", 8),
        ("192.0.2.2", 24),
        ("10.0.0.1", 8),
        ("2001:db8::7", 64),
    ];
    let known = Interfaces::new(known.map(|(ip, prefix)| address(ip, prefix)));
    partition.shared().set_interfaces(known);
    partition
}

fn bind(ts: u64, tuple: &saker_tuple, asked_port: u16) -> Vec<u8> {
    let mut asked = vec![2, 0];
    asked.extend(asked_port.to_be_bytes());
    asked.extend(&tuple.local_addr[..4]);
    let bind = record(SAKER_EV_BIND, ts).num(SAKER_P_BIND_fd, 3);
    bind.tuple(SAKER_P_BIND_tuple, tuple)
        .var(SAKER_P_BIND_addr, &asked)
        .build()
}

#[test]
fn who_is_bound_to_a_port_alone_has_an_address_of_the_host() {
    let mut partition = at_home();
    let listens = udp((ANY, 7000), (ANY, 0));
    assert_eq!(
        after(&mut partition, &bind(2, &listens, 7000), 3),
        ("0.0.0.0:7000".to_owned(), true, false),
        "one end alone is not completed"
    );
    let to = |remote| udp((ANY, 7000), (remote, 53));
    for (ts, remote, name) in [
        (3, RESOLVER, "8.8.8.8:53->192.0.2.2:7000"),
        (4, [10, 9, 9, 9], "10.9.9.9:53->10.0.0.1:7000"),
        (5, [192, 0, 2, 2], "192.0.2.2:53->192.0.2.2:7000"),
        (6, [127, 0, 0, 53], "127.0.0.53:53->127.0.0.1:7000"),
    ] {
        assert_eq!(
            after(&mut partition, &sendto(ts, 3, &to(remote)), 3),
            (name.to_owned(), true, false)
        );
        assert_eq!(
            after(&mut partition, &recvfrom(ts, 3, &to(remote)), 3),
            (name.to_owned(), false, false)
        );
    }
    let ends = fd(&partition, 3).ends();
    let ends = [ends.0, ends.1].map(|end| {
        let (ip, port) = end.expect("known");
        format!("{ip}:{port}")
    });
    assert_eq!(ends, ["127.0.0.53:53", "127.0.0.1:7000"]);
}

#[test]
fn ends_of_both_families_are_completed() {
    let mut partition = at_home();
    let mut tuple = udp((ANY, 7000), (ANY, 53));
    tuple.family = 10;
    tuple.remote_addr = "2001:db8::9".parse::<Ipv6Addr>().expect("v6").octets();
    let (name, ..) = after(&mut partition, &sendto(3, 3, &tuple), 3);
    assert_eq!(name, "2001:db8::7:7000->2001:db8::9:53");
    tuple.remote_addr = Ipv4Addr::new(10, 9, 9, 9).to_ipv6_mapped().octets();
    let (name, ..) = after(&mut partition, &sendto(4, 3, &tuple), 3);
    assert_eq!(name, "10.0.0.1:7000->10.9.9.9:53");
    // A datagram to no address at all goes to this host.
    let nowhere = udp(([10, 0, 0, 1], 7000), (ANY, 53));
    let (name, ..) = after(&mut partition, &sendto(5, 3, &nowhere), 3);
    assert_eq!(name, "10.0.0.1:7000->10.0.0.1:53");
}

#[test]
fn who_is_bound_to_nothing_only_asks() {
    let mut partition = at_home();
    let to = udp((ANY, 4000), (RESOLVER, 53));
    let name = "192.0.2.2:4000->8.8.8.8:53".to_owned();
    assert_eq!(
        after(&mut partition, &sendto(2, 3, &to), 3),
        (name.clone(), true, true)
    );
    // Bound to any address and any port, which is as much.
    let mut partition = at_home();
    let bound = bind(2, &udp((ANY, 4000), (ANY, 0)), 0);
    assert_eq!(
        after(&mut partition, &bound, 3),
        (String::new(), false, false)
    );
    assert_eq!(
        after(&mut partition, &sendto(3, 3, &to), 3),
        (name, true, true)
    );
    let listener = fd(&partition, 3).socket.as_ref().map(|socket| socket.role);
    assert_eq!(listener, Some(Role::Client));
}

#[test]
fn a_port_the_kernel_chose_makes_no_server() {
    let mut partition = alone();
    let bind = |ts, fd, port: u16| {
        let mut asked = 2_u16.to_ne_bytes().to_vec();
        asked.extend(port.to_be_bytes());
        asked.extend(ANY);
        let bind = record(SAKER_EV_BIND, ts).num(SAKER_P_BIND_fd, fd);
        let bind = bind.var(SAKER_P_BIND_addr, &asked);
        // What the kernel made of it: there is a port in either case.
        bind.tuple(SAKER_P_BIND_tuple, &udp((ANY, 4000), (ANY, 0)))
            .build()
    };
    let to = udp((ANY, 4000), (RESOLVER, 53));
    let (name, changed, _) = after(&mut partition, &bind(2, 3, 0), 3);
    assert_eq!((&*name, changed), ("", false));
    let (name, ..) = after(&mut partition, &sendto(3, 3, &to), 3);
    assert_eq!(name, "0.0.0.0:4000->8.8.8.8:53");
    let role = |partition: &Partition, number| {
        let socket = fd(partition, number).socket.as_ref();
        socket.map(|socket| socket.role)
    };
    assert_eq!(role(&partition, 3), Some(Role::Client));
    run(&mut partition, &bind(4, 9, 4000));
    assert_eq!(role(&partition, 9), Some(Role::Listener));
    let (name, ..) = after(&mut partition, &sendto(5, 9, &to), 9);
    assert_eq!(
        name, "8.8.8.8:53->0.0.0.0:4000",
        "a port that was asked for"
    );
}

#[test]
fn the_far_end_of_a_connected_socket_is_its_own() {
    let mut partition = alone();
    let tuple = udp((HERE, 4000), (RESOLVER, 53));
    let send = record(SAKER_EV_SENDTO, 2).num(SAKER_P_SENDTO_fd, 3);
    let send = send.tuple(SAKER_P_SENDTO_tuple, &tuple);
    let name = "10.0.0.1:4000->8.8.8.8:53".to_owned();
    assert_eq!(after(&mut partition, &send.build(), 3), (name, true, true));
    let failed = record(SAKER_EV_SENDTO, 3)
        .num(SAKER_P_SENDTO_fd, 4)
        .num(SAKER_P_SENDTO_res, -111)
        .tuple(SAKER_P_SENDTO_tuple, &tuple);
    run(&mut partition, &failed.build());
    assert!(known(&partition, 4).is_none());
    // Bound to nothing, connected to nothing: there is no end to name.
    let nowhere = record(SAKER_EV_RECVFROM, 4).num(SAKER_P_RECVFROM_fd, 5);
    let nowhere = nowhere.tuple(SAKER_P_RECVFROM_tuple, &udp((ANY, 0), (ANY, 0)));
    let (name, changed, connected) = after(&mut partition, &nowhere.build(), 5);
    assert_eq!((&*name, changed, connected), ("", false, false));
}

#[test]
fn a_number_that_is_read_from_and_no_socket_is_none() {
    let mut partition = alone();
    let tuple = udp((HERE, 4000), (RESOLVER, 53));
    run(&mut partition, &sendto(2, 3, &tuple));
    let read = record(SAKER_EV_READ_CALL, 3)
        .num(SAKER_P_READ_CALL_fd, 3)
        .num(SAKER_P_READ_CALL_res, 5)
        .num(SAKER_P_READ_CALL_facts, 0o100_644);
    run(&mut partition, &read.build());
    assert!(known(&partition, 3).is_none());
}

/// The facts of a write name the sort of file, of sockets, too.
#[test]
fn a_socket_that_is_written_to_stays_one() {
    let mut partition = alone();
    let tuple = udp((HERE, 4000), (RESOLVER, 53));
    run(&mut partition, &sendto(2, 3, &tuple));
    let write = |ts, number| {
        record(SAKER_EV_WRITE_CALL, ts)
            .num(SAKER_P_WRITE_CALL_fd, number)
            .num(SAKER_P_WRITE_CALL_res, 5)
            .num(SAKER_P_WRITE_CALL_facts, 0o140_777)
            .build()
    };
    run(&mut partition, &write(3, 3));
    assert_eq!(fd(&partition, 3).kind, FdKind::Ipv4);
    // A file by the same number was closed, and a socket has come that nobody has told of.
    run(&mut partition, &openat(4, 60, 4, -100, "/tmp/x", 0));
    run(&mut partition, &write(5, 4));
    assert!(known(&partition, 4).is_none());
}

#[test]
fn who_connects_is_the_client_whatever_the_socket_was() {
    let mut partition = alone();
    let (own, peer) = ((HERE, 4000), (RESOLVER, 53));
    run(&mut partition, &bind(2, &udp(own, (ANY, 0)), 4000));
    run(&mut partition, &recvfrom(3, 3, &udp(own, peer)));
    let connect = record(SAKER_EV_CONNECT, 4).num(SAKER_P_CONNECT_fd, 3);
    let connect = connect.tuple(SAKER_P_CONNECT_tuple, &udp(own, peer));
    run(&mut partition, &connect.build());
    assert_eq!(fd(&partition, 3).ends().1, Some((RESOLVER.into(), 53)));
}

#[test]
fn pipes_and_pairs_are_two_descriptors() {
    let mut partition = alone();
    let pipe = record(SAKER_EV_PIPE2, 2)
        .num(SAKER_P_PIPE2_fd1, 3)
        .num(SAKER_P_PIPE2_fd2, 4)
        .num(SAKER_P_PIPE2_ino, 77)
        .num(SAKER_P_PIPE2_flags, 0o2_000_000);
    let seen = step(&mut partition, &pipe.build(), |view, _| view.fd_num());
    assert_eq!(seen, Some(4), "the second one");
    for number in [3, 4] {
        let entry = fd(&partition, number);
        assert_eq!(
            (entry.kind, entry.ino, entry.cloexec),
            (FdKind::Pipe, 77, true)
        );
    }
    let pair = record(SAKER_EV_SOCKETPAIR, 3)
        .num(SAKER_P_SOCKETPAIR_fd1, 5)
        .num(SAKER_P_SOCKETPAIR_fd2, 6)
        .num(SAKER_P_SOCKETPAIR_source, 0xaa)
        .num(SAKER_P_SOCKETPAIR_peer, 0xbb)
        .num(SAKER_P_SOCKETPAIR_domain, 1)
        .num(SAKER_P_SOCKETPAIR_type, 1);
    run(&mut partition, &pair.build());
    assert_eq!(text(&fd(&partition, 5).name), "aa->bb ");
    assert_eq!(text(&fd(&partition, 6).name), "bb->aa ");
    assert_eq!(fd(&partition, 6).kind, FdKind::Unix);
    let failed = record(SAKER_EV_PIPE, 4)
        .num(SAKER_P_PIPE_res, -24)
        .num(SAKER_P_PIPE_fd1, -1)
        .num(SAKER_P_PIPE_fd2, -1);
    let seen = step(&mut partition, &failed.build(), |view, _| view.fd_num());
    assert_eq!(seen, Some(-1));
}

fn file(ts: u64, number: i64, name: &str, facts: i64, flags: i64) -> RecordBuilder {
    record(SAKER_EV_FILE, ts)
        .num(SAKER_P_FILE_fd, number)
        .num(SAKER_P_FILE_facts, facts)
        .num(SAKER_P_FILE_flags, flags)
        .num(SAKER_P_FILE_ino, 9)
        .var(SAKER_P_FILE_name, name.as_bytes())
}

#[test]
fn passed_descriptors_are_known_before_the_message() {
    let mut partition = alone();
    run(&mut partition, &openat(2, 60, 7, -100, "/tmp/old", 0));
    let passed = [
        (
            file(3, 7, "/etc/shadow", 0o100_600, 0o2_000_000),
            FdKind::File,
            "/etc/shadow",
        ),
        (file(4, 8, "", 0o010_600, 0), FdKind::Pipe, ""),
        (file(5, 9, "memfd:x", 0o100_777, 2), FdKind::Memfd, "x"),
        (file(6, 10, "/etc", 0o040_755, 0), FdKind::Directory, "/etc"),
        (file(7, 11, "[eventpoll]", 0, 0), FdKind::EventPoll, ""),
        (file(8, 12, "what", 0o060_000, 0), FdKind::Unknown, ""),
    ];
    for (record, ..) in &passed {
        run(&mut partition, &record.build());
    }
    for (number, (_, kind, name)) in (7..).zip(&passed) {
        let entry = fd(&partition, number);
        assert_eq!((entry.kind, &*text(&entry.name)), (*kind, *name));
    }
    assert!(fd(&partition, 7).cloexec && !fd(&partition, 8).cloexec);
    let mut tuple = udp((HERE, 22), (RESOLVER, 50_000));
    (tuple.proto, tuple.type_) = (6, 1);
    let socket = file(9, 13, "TCP", 0o140_777, 0).tuple(SAKER_P_FILE_tuple, &tuple);
    run(&mut partition, &socket.build());
    assert_eq!(text(&fd(&partition, 13).name), "8.8.8.8:50000->10.0.0.1:22");
    // What was lost or cut is counted.
    let message =
        record(SAKER_EV_RECVMSG, 10).num(SAKER_P_RECVMSG_passed, i64::from(SAKER_PASSED_MAX) + 4);
    run(&mut partition, &message.build());
    assert_eq!(partition.counters().passed_overflow, 4);
    let last = i64::from(SAKER_MESSAGES_MAX) - 1;
    let messages = record(SAKER_EV_SENDMMSG, 11)
        .num(SAKER_P_SENDMMSG_index, last)
        .num(SAKER_P_SENDMMSG_res, last + 6);
    run(&mut partition, &messages.build());
    assert_eq!(partition.counters().messages_overflow, 5);
}

#[test]
fn a_connection_that_failed_later_is_none() {
    let mut partition = alone();
    let mut tuple = udp((HERE, 4000), (RESOLVER, 80));
    (tuple.proto, tuple.type_) = (6, 1);
    let connect = record(SAKER_EV_CONNECT, 2)
        .num(SAKER_P_CONNECT_fd, 3)
        .num(SAKER_P_CONNECT_res, -115)
        .tuple(SAKER_P_CONNECT_tuple, &tuple);
    run(&mut partition, &connect.build());
    let asked = |ts, error| {
        record(SAKER_EV_GETSOCKOPT, ts)
            .num(SAKER_P_GETSOCKOPT_fd, 3)
            .num(SAKER_P_GETSOCKOPT_level, 1)
            .num(SAKER_P_GETSOCKOPT_optname, 4)
            .num(SAKER_P_GETSOCKOPT_val, error)
            .tuple(SAKER_P_GETSOCKOPT_tuple, &tuple)
            .build()
    };
    assert!(!after(&mut partition, &asked(3, 111), 3).2);
    assert!(after(&mut partition, &asked(4, 0), 3).2);
}

#[test]
fn ranges_of_descriptors_close() {
    let mut partition = alone();
    for number in [3, 4, 5, 6] {
        run(&mut partition, &openat(2, 60, number, -100, "/tmp/x", 0));
    }
    let close = |ts, first: i64, last: u32, flags| {
        record(SAKER_EV_CLOSE_RANGE, ts)
            .num(SAKER_P_CLOSE_RANGE_first, first)
            .num(SAKER_P_CLOSE_RANGE_last, last.into())
            .num(SAKER_P_CLOSE_RANGE_flags, flags)
    };
    let failed = close(3, 3, u32::MAX, 0).num(SAKER_P_CLOSE_RANGE_res, -22);
    run(&mut partition, &failed.build());
    run(&mut partition, &close(4, 3, 3, 0).build());
    run(&mut partition, &close(5, 5, 5, 4).build());
    assert!(known(&partition, 3).is_none() && fd(&partition, 5).cloexec);
    // A thread that unshares the table closes its own copies.
    run(&mut partition, &thread(6, PROG, 61, "thread"));
    run(&mut partition, &close(7, 3, u32::MAX, 2).build());
    assert!(known(&partition, 6).is_some());
    run(&mut partition, &close(8, 6, u32::MAX, 0).build());
    assert!(known(&partition, 6).is_none() && known(&partition, 4).is_some());
}
