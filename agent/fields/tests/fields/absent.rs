//! Why fields of an alert have no value.

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_fields::HostNames;
use saker_state::Absent;
use saker_state::scan::Scanned;

use crate::world::{CHILD, INIT, SHELL, World, connect, exec, fork, openat, record, tcp};

const NOT_HERE: Option<Absent> = Some(Absent::NotApplicable);
const PENDING: Option<Absent> = Some(Absent::Pending);
const LOST: Option<Absent> = Some(Absent::Lost);

#[track_caller]
fn expect(world: &mut World, event: &RecordBuilder, fields: &[(&str, Option<Absent>)]) {
    for (field, wanted) in fields {
        assert_eq!(world.why_absent(event, field), *wanted, "{field}");
    }
}

/// An event about nothing but its process.
fn plain(ts_ns: u64, tgid: u32) -> RecordBuilder {
    record(SAKER_EV_RMDIR, ts_ns, tgid)
}

/// A process that a look at the host found, with no descriptor open.
fn scanned(tgid: u32, ppid: u32) -> Scanned {
    Scanned {
        tgid,
        ppid,
        ..Scanned::default()
    }
}

/// The end of a process.
fn end(ts_ns: u64, tgid: u32) -> RecordBuilder {
    record(SAKER_EV_PROCEXIT, ts_ns, tgid).num(SAKER_P_PROCEXIT_group_dead, 1)
}

/// The record of a new process about itself.
fn birth(ts_ns: u64, parent: u32, tgid: u32) -> RecordBuilder {
    record(SAKER_EV_CLONE, ts_ns, tgid)
        .num(SAKER_P_CLONE_child_tid, tgid.into())
        .num(SAKER_P_CLONE_child_pid, tgid.into())
        .num(SAKER_P_CLONE_parent_tid, parent.into())
        .num(SAKER_P_CLONE_parent_pid, parent.into())
        .num(SAKER_P_CLONE_child_start_ns, ts_ns as i64)
        .num(SAKER_P_CLONE_vpid, tgid.into())
}

#[test]
fn absent_values_say_why() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[])
        .var(SAKER_P_EXECVE_cgroups, format!("/docker/{id}").as_bytes());
    let mut world = World::new();
    let why = |world: &mut World, record: &_, field: &str| world.why_absent(record, field);
    let host = record(SAKER_EV_RMDIR, 4_500, CHILD);
    assert_eq!(why(&mut world, &host, "container.name"), None);
    let not_here = Some(Absent::NotApplicable);
    assert_eq!(why(&mut world, &host, "container.label[x]"), not_here);
    assert_eq!(why(&mut world, &host, "fd.name"), not_here);
    assert_eq!(why(&mut world, &host, "evt.io_dir"), not_here);
    assert_eq!(why(&mut world, &host, "proc.aname[3]"), not_here);
    assert_eq!(why(&mut world, &host, "user.name"), None);
    let denied = Some(Absent::Denied);
    assert_eq!(why(&mut world, &inside, "container.name"), denied);
    assert_eq!(why(&mut world, &inside, "k8s.pod.name"), not_here);
    assert_eq!(why(&mut world, &inside, "user.name"), Some(Absent::Pending));
    let stranger = openat(6_000, 4711, 3, "/x", 0);
    let pending = Some(Absent::Pending);
    assert_eq!(why(&mut world, &stranger, "proc.pname"), pending);
    let unknown = record(SAKER_EV_CLOSE, 7_000, CHILD).num(SAKER_P_CLOSE_fd, 99);
    assert_eq!(why(&mut world, &unknown, "fd.type"), Some(Absent::Lost));
    let end = record(SAKER_EV_PROCEXIT, 8_000, 4712);
    assert_eq!(why(&mut world, &end, "proc.name"), Some(Absent::Lost));
}

#[test]
fn names_of_hosts_are_pending_while_they_are_looked_up() {
    let mut world = World::new();
    let ends = tcp(([10, 0, 0, 5], 5000), ([8, 8, 8, 8], 443));
    let names = ["fd.sip.name", "fd.cip.name", "fd.lip.name", "fd.rip.name"];
    world.set_host_names(HostNames::default().awaited(true));
    for name in names {
        expect(&mut world, &connect(5_000, 0, 4, &ends), &[(name, PENDING)]);
        let file = openat(5_001, CHILD, 3, "/etc/passwd", 0);
        expect(&mut world, &file, &[(name, NOT_HERE)]);
    }
    let bind = record(SAKER_EV_BIND, 5_002, CHILD)
        .num(SAKER_P_BIND_fd, 5)
        .tuple(SAKER_P_BIND_tuple, &tcp(([10, 0, 0, 5], 80), ([0; 4], 0)));
    let one_end = [("fd.sip.name", PENDING), ("fd.cip.name", NOT_HERE)];
    expect(&mut world, &bind, &one_end);
    world.set_host_names(HostNames::default());
    for name in names {
        expect(
            &mut world,
            &connect(5_003, 0, 4, &ends),
            &[(name, NOT_HERE)],
        );
    }
}

#[test]
fn what_every_process_has_is_lost_where_nobody_looks() {
    let mut world = World::new();
    let fchdir = record(SAKER_EV_FCHDIR, 5_000, CHILD).num(SAKER_P_FCHDIR_fd, 99);
    expect(&mut world, &fchdir, &[("proc.cwd", LOST)]);
    world.feed(&fork(CHILD, 31, 5_001));
    expect(&mut world, &plain(5_002, 31), &[("proc.cwd", LOST)]);

    // A child of one that executed before it was looked at is not looked at.
    world.feed(&exec(50, INIT, 5_003, "cat", &[]).var(SAKER_P_EXECVE_cwd, b""));
    let parents = [("proc.cwd", PENDING), ("proc.stdin.name", PENDING)];
    expect(&mut world, &plain(5_004, 50), &parents);
    world.feed(&fork(50, 51, 5_005));
    let childs = [("proc.cwd", LOST), ("proc.stdin.name", LOST)];
    expect(&mut world, &plain(5_006, 51), &childs);
}

#[test]
fn a_process_without_its_fork_record_is_looked_up() {
    let mut world = World::new();
    world.feed(&end(5_000, SHELL));
    world.feed(&birth(4_999, SHELL, 40));
    let event = plain(5_001, 40);
    let looked_up = [
        ("proc.cwd", PENDING),
        ("proc.vpgid", PENDING),
        ("thread.cgroups", PENDING),
        ("proc.stdin.type", PENDING),
        ("proc.stdout.name", PENDING),
        ("proc.vpid", None),
    ];
    expect(&mut world, &event, &looked_up);
    let sh = world.show(&event, ["proc.name"]);
    assert_eq!(
        sh,
        [Some("sh".to_owned())],
        "the program of the parent is known"
    );
}

#[test]
fn descriptors_that_a_known_process_has_not_are_none() {
    let mut world = World::new();
    world.adopt([scanned(60, INIT)]);
    let event = plain(5_000, 60);
    let fields = [
        ("proc.stdin.type", NOT_HERE),
        ("proc.stderr.name", NOT_HERE),
    ];
    expect(&mut world, &event, &fields);
    let stranger = plain(5_001, 4711);
    expect(&mut world, &stranger, &[("proc.stdin.type", PENDING)]);
}

#[test]
fn ancestors_that_nobody_told_of_are_lost() {
    let mut world = World::empty();
    // The parent of the first is not there.
    world.adopt([scanned(60, SHELL), scanned(61, 60), scanned(INIT, 0)]);
    let of_first = [
        ("proc.pname", LOST),
        ("proc.ppid.duration", LOST),
        ("proc.aexe[1]", LOST),
        ("proc.aexe[0]", None),
    ];
    expect(&mut world, &plain(5_000, 60), &of_first);
    let of_second = [
        ("proc.pname", None),
        ("proc.aname[1]", None),
        ("proc.aname[2]", LOST),
        ("proc.apid[2]", LOST),
        ("proc.loginshellid", LOST),
    ];
    expect(&mut world, &plain(5_001, 61), &of_second);
    let of_init = [
        ("proc.pname", NOT_HERE),
        ("proc.ppid", NOT_HERE),
        ("proc.aname[1]", NOT_HERE),
    ];
    expect(&mut world, &plain(5_002, INIT), &of_init);
}
