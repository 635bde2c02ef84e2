//! Processes that share one table of descriptors.

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::Partition;

const CHILD: Who = who(70, 70);
const OTHER: Who = who(80, 80);
const O_CLOEXEC: i64 = 0o2_000_000;

/// [`PROG`] with descriptor 3, and a child with the same table.
fn with_child(flags: u32) -> Partition {
    let mut partition = alone();
    run(&mut partition, &openat(10, PROG.pid, 3, -100, "/tmp/3", 0));
    born(&mut partition, 20, CHILD, flags);
    partition
}

fn born(partition: &mut Partition, ts: u64, child: Who, flags: u32) {
    let (parents, birth) = fork_with(ts, PROG, child, "prog", flags);
    run(partition, &parents);
    run(partition, &birth);
}

/// What the numbers stand for, as the process sees it at its next event.
fn names<const N: usize>(
    partition: &mut Partition,
    ts: u64,
    pid: u32,
    numbers: [i32; N],
) -> [Option<String>; N] {
    let event = RecordBuilder::new(SAKER_EV_KILL, ts, pid, pid).build();
    step(partition, &event, |view, _| {
        numbers.map(|number| view.fd_at(number).map(|fd| text(&fd.name)))
    })
}

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

fn close_range(ts: u64, pid: u32, (first, last): (i64, i64), flags: i64) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_CLOSE_RANGE, ts, pid, pid)
        .num(SAKER_P_CLOSE_RANGE_first, first)
        .num(SAKER_P_CLOSE_RANGE_last, last)
        .num(SAKER_P_CLOSE_RANGE_flags, flags)
        .build()
}

#[test]
fn what_one_changes_the_others_see() {
    let mut partition = with_child(SAKER_CL_FILES);
    born(&mut partition, 25, OTHER, SAKER_CL_FILES);
    run(&mut partition, &openat(30, CHILD.pid, 4, -100, "/tmp/4", 0));
    for pid in [PROG.pid, OTHER.pid] {
        let seen = names(&mut partition, 40, pid, [3, 4]);
        assert_eq!(seen, [some("/tmp/3"), some("/tmp/4")], "{pid}");
    }
    let dup = RecordBuilder::new(SAKER_EV_DUP2, 50, OTHER.pid, OTHER.pid)
        .num(SAKER_P_DUP2_res, 9)
        .num(SAKER_P_DUP2_oldfd, 4)
        .num(SAKER_P_DUP2_newfd, 9);
    run(&mut partition, &dup.build());
    run(&mut partition, &close(51, PROG.pid, 4));
    let seen = names(&mut partition, 60, CHILD.pid, [4, 9]);
    assert_eq!(seen, [None, some("/tmp/4")]);
    run(&mut partition, &close_range(70, CHILD.pid, (3, 100), 0));
    assert_eq!(names(&mut partition, 80, PROG.pid, [3, 9]), [None, None]);
    assert_eq!(names(&mut partition, 80, OTHER.pid, [3, 9]), [None, None]);
}

/// Paths after a directory that another process has opened.
#[test]
fn directories_of_the_others_are_known() {
    let mut partition = with_child(SAKER_CL_FILES);
    let opened = openat(30, CHILD.pid, 4, -100, "/etc", 0o200_000);
    run(&mut partition, &opened);
    let seen = step(
        &mut partition,
        &openat(40, PROG.pid, 5, 4, "shadow", 0),
        |view, _| view.fd().map(|fd| text(&fd.name)),
    );
    assert_eq!(seen, some("/etc/shadow"));
}

#[test]
fn without_the_flag_each_has_a_table_of_its_own() {
    let mut partition = with_child(0);
    run(&mut partition, &openat(30, CHILD.pid, 4, -100, "/tmp/4", 0));
    run(&mut partition, &close(31, PROG.pid, 3));
    assert_eq!(names(&mut partition, 40, PROG.pid, [3, 4]), [None, None]);
    let seen = names(&mut partition, 40, CHILD.pid, [3, 4]);
    assert_eq!(seen, [some("/tmp/3"), some("/tmp/4")]);
}

/// An exec takes a copy, and closes in that alone.
#[test]
fn exec_ends_the_share() {
    let mut partition = with_child(SAKER_CL_FILES);
    let opened = openat(30, PROG.pid, 4, -100, "/tmp/4", O_CLOEXEC);
    run(&mut partition, &opened);
    run(&mut partition, &exec(40, CHILD, "ls", "").build());
    let seen = names(&mut partition, 50, CHILD.pid, [3, 4]);
    assert_eq!(seen, [some("/tmp/3"), None]);
    run(&mut partition, &close(60, CHILD.pid, 3));
    let seen = names(&mut partition, 70, PROG.pid, [3, 4]);
    assert_eq!(seen, [some("/tmp/3"), some("/tmp/4")]);
}

#[test]
fn unshare_and_close_range_end_it_too() {
    let unshare = |flags| {
        let call = RecordBuilder::new(SAKER_EV_UNSHARE, 30, CHILD.pid, CHILD.pid);
        call.num(SAKER_P_UNSHARE_flags, flags).build()
    };
    let ends = [unshare(0x400), close_range(30, CHILD.pid, (50, 60), 2)];
    for end in ends {
        let mut partition = with_child(SAKER_CL_FILES);
        run(&mut partition, &end);
        run(&mut partition, &close(40, CHILD.pid, 3));
        assert_eq!(names(&mut partition, 50, PROG.pid, [3]), [some("/tmp/3")]);
    }
    let mut partition = with_child(SAKER_CL_FILES);
    run(&mut partition, &unshare(0x200));
    run(&mut partition, &close(40, CHILD.pid, 3));
    assert_eq!(
        names(&mut partition, 50, PROG.pid, [3]),
        [None],
        "of CLONE_FS"
    );
}

/// What the one who is gone did stays, and nothing waits for it.
#[test]
fn the_end_of_a_process_ends_its_share() {
    let mut partition = with_child(SAKER_CL_FILES);
    run(&mut partition, &openat(30, CHILD.pid, 4, -100, "/tmp/4", 0));
    run(&mut partition, &exit(40, CHILD.pid, 1));
    assert_eq!(names(&mut partition, 50, PROG.pid, [4]), [some("/tmp/4")]);
    run(&mut partition, &close(60, PROG.pid, 4));
    assert_eq!(names(&mut partition, 70, PROG.pid, [4]), [None]);
    assert_eq!(partition.counters().fds, 1);
}

/// The other does not look for long: what it would see last is what it sees.
#[test]
fn changes_that_wait_are_bounded() {
    let mut partition = with_child(SAKER_CL_FILES);
    for ts in 0..2 * saker_state::limits::MAX_SHARED_CHANGES as u64 {
        let number = 4 + (ts % 8) as i32;
        let name = format!("/tmp/{ts}");
        let opened = openat(100 + ts, CHILD.pid, number, -100, &name, 0);
        run(&mut partition, &opened);
    }
    let last = 2 * saker_state::limits::MAX_SHARED_CHANGES as u64 - 1;
    let number = 4 + (last % 8) as i32;
    let seen = names(&mut partition, 1_000_000, PROG.pid, [number]);
    assert_eq!(seen, [some(&format!("/tmp/{last}"))]);
    assert_eq!(partition.counters().fd_overflow, 0);
}

#[test]
fn sharers_are_bounded() {
    let mut partition = alone();
    for pid in 100..100 + saker_state::limits::MAX_SHARERS as u32 {
        let child = who(pid, pid.into());
        born(&mut partition, u64::from(pid), child, SAKER_CL_FILES);
    }
    run(&mut partition, &openat(300, PROG.pid, 3, -100, "/tmp/3", 0));
    let last = 99 + saker_state::limits::MAX_SHARERS as u32;
    assert_eq!(names(&mut partition, 400, 100, [3]), [some("/tmp/3")]);
    assert_eq!(
        names(&mut partition, 400, last, [3]),
        [None],
        "it has a copy"
    );
    assert_eq!(partition.counters().fd_overflow, 1);
}
