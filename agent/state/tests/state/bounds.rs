//! A full table hides nothing: the event in hand has the facts of its own record.

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::limits::{MAX_FDS, MAX_GUESTS, MAX_PROCESSES};
use saker_state::{Fd, FdKind, Partition};

const S_IFCHR: i64 = 0o020_000;

/// An open of `/dev/null` with result `fd`.
fn open_null(ts: u64, fd: i64) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_OPEN, ts, 60, 60)
        .num(SAKER_P_OPEN_fd, fd)
        .var(SAKER_P_OPEN_name, b"/dev/null")
        .num(SAKER_P_OPEN_facts, S_IFCHR)
        .build()
}

/// The partition of [`PROG`], which has opened more than its table holds.
fn flooded() -> Partition {
    let mut partition = alone();
    for fd in 0..MAX_FDS as i64 + 100 {
        run(&mut partition, &open_null(2, fd));
    }
    partition
}

/// What rules see of the descriptor of a record.
fn seen<R>(partition: &mut Partition, rec: RecordBuilder, look: impl FnOnce(&Fd) -> R) -> R {
    step(partition, &rec.build(), |view, _| {
        look(view.fd().expect("known by its own record"))
    })
}

fn record(event: u32) -> RecordBuilder {
    RecordBuilder::new(event, 3, 60, 60)
}

fn tuple() -> saker_tuple {
    let mut tuple = saker_tuple {
        family: 2,
        proto: 6,
        type_: 1,
        ..saker_tuple::default_zero()
    };
    tuple.local_addr[..4].copy_from_slice(&[10, 0, 0, 5]);
    tuple.remote_addr[..4].copy_from_slice(&[1, 2, 3, 4]);
    (tuple.local_port, tuple.remote_port) = (40_000, 443);
    tuple
}

#[test]
fn files_that_are_opened() {
    let mut partition = flooded();
    let open = record(SAKER_EV_OPEN).num(SAKER_P_OPEN_fd, 5000);
    let open = open.var(SAKER_P_OPEN_name, b"/etc/shadow");
    let facts = seen(&mut partition, open, |fd| (fd.kind, text(&fd.name)));
    assert_eq!(facts, (FdKind::File, "/etc/shadow".to_owned()));
    let memory = record(SAKER_EV_MEMFD_CREATE).num(SAKER_P_MEMFD_CREATE_fd, 5001);
    assert_eq!(seen(&mut partition, memory, |fd| fd.kind), FdKind::Memfd);
    let counters = partition.counters();
    assert_eq!((counters.fds, counters.fd_overflow), (MAX_FDS as u64, 102));
    assert!(!partition.process(60).expect("known").fds.is_empty());
}

#[test]
fn sockets_that_connect_and_stand_for_input() {
    let mut partition = flooded();
    let name = "10.0.0.5:40000->1.2.3.4:443";
    let connect = record(SAKER_EV_CONNECT).num(SAKER_P_CONNECT_fd, 5000);
    let connect = connect.tuple(SAKER_P_CONNECT_tuple, &tuple());
    let facts = seen(&mut partition, connect, |fd| (fd.kind, text(&fd.name)));
    assert_eq!(facts, (FdKind::Ipv4, name.to_owned()));
    // A flood between the two, while the socket stays open.
    for fd in 6000..6000 + 2 * MAX_FDS as i64 {
        run(&mut partition, &open_null(4, fd));
    }
    let dup = record(SAKER_EV_DUP2)
        .num(SAKER_P_DUP2_oldfd, 5000)
        .tuple(SAKER_P_DUP2_tuple, &tuple());
    let facts = seen(&mut partition, dup, |fd| (fd.kind, text(&fd.name)));
    assert_eq!(facts, (FdKind::Ipv4, name.to_owned()));
    let accept = record(SAKER_EV_ACCEPT4).num(SAKER_P_ACCEPT4_fd, 90_000);
    let accept = accept.tuple(SAKER_P_ACCEPT4_tuple, &tuple());
    let facts = seen(&mut partition, accept, |fd| text(&fd.name));
    assert_eq!(facts, "1.2.3.4:443->10.0.0.5:40000");
}

/// Devices are what it is cheapest to fill a table with.
#[test]
fn names_of_files_outlast_a_flood() {
    let mut partition = alone();
    run(&mut partition, &openat(2, 60, 3, -100, "/etc/shadow", 0));
    for fd in 10..10 + 3 * MAX_FDS as i64 {
        run(&mut partition, &open_null(3, fd));
    }
    let read = record(SAKER_EV_READ_CALL).num(SAKER_P_READ_CALL_fd, 3);
    let name = seen(&mut partition, read, |fd| text(&fd.name));
    assert_eq!(name, "/etc/shadow");
}

/// The first of as many partitions as there can be, with all the processes it has room for, and numbers of further ones.
fn crowded() -> (Partition, impl Iterator<Item = u32>) {
    const PARTITIONS: u32 = SAKER_MAX_PARTITIONS;
    let mut partition = state(PARTITIONS).partitions.remove(0);
    let mut own = (1..).filter(|&pid| saker_abi::event::partition(pid, PARTITIONS) == 0);
    for pid in own.by_ref().take(MAX_PROCESSES / PARTITIONS as usize) {
        run(&mut partition, &exec(1, who(pid, 1), "crowd", "").build());
    }
    assert_eq!(partition.counters().process_overflow, 0);
    (partition, own)
}

#[test]
fn processes_there_is_no_room_for() {
    let (mut partition, mut own) = crowded();
    let name = |partition: &mut Partition, rec: &[u8]| {
        step(partition, rec, |view, _| view.comm().map(text))
    };
    let (first, second) = (own.next().expect("a pid"), own.next().expect("a pid"));
    let run_as = |pid, comm| exec(2, who(pid, 2), comm, "").build();
    let seen = name(&mut partition, &run_as(first, "evil"));
    assert_eq!(seen.as_deref(), Some("evil"), "by its own record");
    // The child of one there is no room for, too; its parent is still there for the record of the fork.
    let (parents, birth) = fork(3, who(first, 2), who(second, 3), "evil");
    for rec in [parents, birth, chdir(4, first, "/"), chdir(4, second, "/")] {
        assert_eq!(name(&mut partition, &rec).as_deref(), Some("evil"));
    }
    let len = |partition: &mut Partition| {
        partition.round_done(5);
        partition.counters().processes as usize
    };
    let room = len(&mut partition) - 2;
    for pid in own.take(2 * MAX_GUESTS) {
        let seen = name(&mut partition, &run_as(pid, "next"));
        assert_eq!(seen.as_deref(), Some("next"));
    }
    assert_eq!(len(&mut partition), room + MAX_GUESTS);
    assert!(partition.process(first).is_none());
    assert!(partition.counters().process_overflow >= 2 * MAX_GUESTS as u64 + 2);
    // One that ends makes no room for the number of another.
    run(&mut partition, &exit(6, first, 1));
    assert_eq!(len(&mut partition), room + MAX_GUESTS);
}

#[test]
fn paths_reached_that_are_cut_are_counted() {
    let mut partition = alone();
    let open = |ts, flags| {
        RecordBuilder::new(SAKER_EV_OPENAT, ts, 60, 60)
            .num(SAKER_P_OPENAT_fd, 3)
            .var_with_flags(SAKER_P_OPENAT_real, b"/shadow", flags)
            .build()
    };
    run(&mut partition, &open(20, 0));
    run(&mut partition, &open(21, SAKER_VF_TRUNCATED));
    run(&mut partition, &open(22, SAKER_VF_SHORTENED));
    let acted = RecordBuilder::new(SAKER_EV_ACTED, 23, 60, 60)
        .var_with_flags(SAKER_P_ACTED_real, b"/x", SAKER_VF_TRUNCATED)
        .var_with_flags(SAKER_P_ACTED_real2, b"/y", SAKER_VF_TRUNCATED);
    run(&mut partition, &acted.build());
    assert_eq!(partition.counters().reached_cut, 4);
}

#[test]
fn handles_of_files_without_a_name_are_counted() {
    let mut partition = alone();
    let open = |ts, fd, path: &[u8]| {
        RecordBuilder::new(SAKER_EV_OPEN_BY_HANDLE_AT, ts, 60, 60)
            .num(SAKER_P_OPEN_BY_HANDLE_AT_fd, fd)
            .var(SAKER_P_OPEN_BY_HANDLE_AT_path, path)
            .build()
    };
    run(&mut partition, &open(20, 3, b"/etc/shadow"));
    run(&mut partition, &open(21, -116, b""));
    assert_eq!(partition.counters().handles_nameless, 0);
    run(&mut partition, &open(22, 4, b""));
    assert_eq!(partition.counters().handles_nameless, 1);
}
