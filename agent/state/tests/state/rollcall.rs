//! Processes and threads whose end was lost.

use std::fs::{self, File};
use std::time::Duration;

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::limits::RECOVERY_QUEUE_LEN;
use saker_state::{Partition, RollCall, SharedState, State};
use tempfile::TempDir;

use crate::common::*;

/// Later than any look at the host.
const LATER_NS: u64 = 1 << 62;

const SHELL: Who = Who {
    pid: 100,
    start_ns: 1,
};

/// A host on which just these live.
fn call(shared: &SharedState, living: &[u32]) -> usize {
    let proc = TempDir::new().expect("a directory");
    for tgid in living {
        fs::create_dir(proc.path().join(tgid.to_string())).expect("an entry");
    }
    let dir = File::open(proc.path()).expect("a directory");
    RollCall::over(dir.into()).call(shared)
}

/// The shell and children of it: one file is open in each.
fn family(partition: &mut Partition, children: &[u32]) {
    run(partition, &exec(2, SHELL, "bash", "").build());
    for &pid in children {
        let (parents, birth) = fork(u64::from(pid), SHELL, who(pid, u64::from(pid)), "bash");
        run(partition, &parents);
        run(partition, &birth);
        run(
            partition,
            &openat(u64::from(pid) + 1, pid, 3, -100, "/x", 0),
        );
    }
}

#[test]
fn whose_end_was_lost_is_let_go_of() {
    let mut world = state(1);
    let partition = &mut world.partitions[0];
    family(partition, &[201, 202, 203]);
    let (parents, birth) = fork(300, who(201, 201), who(301, 300), "bash");
    run(partition, &parents);
    run(partition, &birth);
    assert_eq!(call(&world.shared, &[1, 100, 202, 301]), 2);
    partition.poll_inbox(1, |_, _, _| ());
    partition.round_done(1_000);
    assert_eq!(
        partition.counters().processes,
        5,
        "their last records may still be on the way"
    );
    // One of them is.
    run(partition, &exit(1_001, 203, 1));
    partition.round_done(LATER_NS);
    let counters = *partition.counters();
    assert_eq!((counters.processes, counters.ends_missed), (3, 1));
    assert_eq!(counters.fds, 2, "the file of 202 and the one 301 inherited");
    assert!(partition.process(201).is_none() && partition.process(203).is_none());
    let orphan = partition.process(301).expect("alive").cell.clone();
    let parent = partition.reader(LATER_NS).parent(&orphan);
    assert!(parent.is_none(), "the dead is nobody's parent");
    partition.round_done(LATER_NS + 5_000_000_000);
    assert_eq!(partition.counters().ended, 0);
    assert_eq!(world.shared.directory().len(), 3);
    assert_eq!(call(&world.shared, &[1, 100, 202, 301]), 0);
}

#[test]
fn a_successor_is_not_taken_for_the_missing() {
    let mut world = state(1);
    let partition = &mut world.partitions[0];
    family(partition, &[201]);
    assert_eq!(call(&world.shared, &[100]), 1);
    let (parents, birth) = fork(500, SHELL, who(201, 500), "bash");
    run(partition, &parents);
    run(partition, &birth);
    partition.poll_inbox(1, |_, _, _| ());
    partition.round_done(LATER_NS);
    assert!(partition.process(201).is_some());
    assert_eq!(partition.counters().ends_missed, 0);
}

#[test]
fn every_worker_hears_of_its_own() {
    let mut world = state(4);
    let children: Vec<u32> = (201..265).collect();
    for partition in &mut world.partitions {
        for &pid in &children {
            if saker_abi::event::partition(pid, 4) == partition.index() {
                run(partition, &exec(2, who(pid, 2), "job", "").build());
            }
        }
    }
    assert_eq!(call(&world.shared, &[]), children.len());
    for partition in &mut world.partitions {
        partition.poll_inbox(1, |_, _, _| ());
        partition.round_done(LATER_NS);
        assert_eq!(partition.counters().processes, 0);
    }
    let lost: u64 = (0..4).map(|n| world.shared.counters(n).ends_missed).sum();
    assert_eq!(lost, children.len() as u64);
}

/// However many a loss made doubtful: those that find the queue full wait for their turn.
#[test]
fn all_that_a_loss_made_doubtful_are_asked_for() {
    const FIRST: u32 = 1_000_000;
    let count = RECOVERY_QUEUE_LEN as u32 + 100;
    let State {
        shared: _shared,
        mut partitions,
        mut recovery,
    } = state(1);
    let partition = &mut partitions[0];
    let children: Vec<u32> = (FIRST..FIRST + count).collect();
    family(partition, &children);
    while recovery.serve(Duration::ZERO) {}
    partition.mark_loss();
    let mut answered = 0;
    // Each round asks for a few; the queue is emptied only once it has been full.
    while partition.recover_some(16) != 0 {
        if partition.counters().recovery_overflow > 0 {
            while recovery.serve(Duration::ZERO) {
                answered += 1;
            }
        }
    }
    while recovery.serve(Duration::ZERO) {
        answered += 1;
    }
    assert!(partition.counters().recovery_overflow > 0);
    assert!(answered >= count, "{answered} of {count}");
}

#[test]
fn threads_whose_end_was_lost_go_with_the_look_at_their_process() {
    let mut world = state(1);
    let me = who(std::process::id(), 1);
    let partition = &mut world.partitions[0];
    run(partition, &exec(2, me, "job", "").build());
    run(partition, &thread(3, me, u32::MAX - 1, "gone"));
    partition.mark_loss();
    assert_eq!(partition.recover_some(16), 1);
    assert!(world.recovery.serve(Duration::from_secs(10)));
    // It began after the look, whose answer has not come yet.
    run(partition, &thread(LATER_NS, me, u32::MAX - 2, "new"));
    partition.poll_inbox(LATER_NS, |_, _, _| ());
    let process = partition.process(me.pid).expect("alive");
    assert!(!process.threads.contains_key(&(u32::MAX - 1)));
    assert!(process.threads.contains_key(&(u32::MAX - 2)));
    assert_eq!(partition.counters().threads, process.threads.len() as u64);
}

/// What the kernel tells of a process that nobody has heard of and that has gone.
#[test]
fn strangers_that_are_gone_do_not_stay() {
    let mut world = state(1);
    let partition = &mut world.partitions[0];
    let stranger = RecordBuilder::new(SAKER_EV_SETUID, 5, u32::MAX - 1, u32::MAX - 1);
    run(partition, &stranger.num(SAKER_P_SETUID_now_euid, 1).build());
    assert_eq!(partition.counters().placeholders, 1);
    assert_eq!(call(&world.shared, &[1]), 1);
    partition.poll_inbox(6, |_, _, _| ());
    partition.round_done(LATER_NS);
    assert_eq!(partition.counters().processes, 0);
}
