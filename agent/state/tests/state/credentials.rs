//! Credentials are those of a thread, as in the kernel.

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_state::scan::Scanned;
use saker_state::{Cred, Partition};

const WORKER: u32 = 61;
const ALL: i64 = (1 << 41) - 1;

/// The partition of [`PROG`], which is root, with one thread besides the leader.
fn with_worker() -> Partition {
    let mut partition = state(1).partitions.remove(0);
    // As by a first look: of a process nobody knows, what threads inherit is not known.
    partition.adopt([Scanned {
        tgid: PROG.pid,
        start_ns: PROG.start_ns,
        ..Scanned::default()
    }]);
    let rec = exec(1, PROG, "prog", "").num(SAKER_P_EXECVE_loginuid, 1000);
    let rec = rec.num(SAKER_P_EXECVE_cap_effective, ALL);
    run(&mut partition, &rec.build());
    run(&mut partition, &thread(2, PROG, WORKER, "worker"));
    partition
}

fn record(event: u32, tid: u32) -> RecordBuilder {
    RecordBuilder::new(event, 10, PROG.pid, tid)
}

fn cred(partition: &Partition, pid: u32, tid: u32) -> Cred {
    *partition.process(pid).expect("known").cred_of(tid)
}

fn effective(partition: &Partition, tid: u32) -> i64 {
    cred(partition, PROG.pid, tid).cap_effective as i64
}

#[test]
fn what_a_thread_gives_up_the_others_keep() {
    let mut partition = with_worker();
    assert_eq!(effective(&partition, WORKER), ALL, "inherited");
    run(&mut partition, &record(SAKER_EV_CAPSET, WORKER).build());
    let caps = [PROG.pid, WORKER].map(|tid| effective(&partition, tid));
    assert_eq!(caps, [ALL, 0]);
    let rec = record(SAKER_EV_SETRESUID, WORKER).num(SAKER_P_SETRESUID_now_euid, 1234);
    let rec = rec.build();
    let seen = step(&mut partition, &rec, |view, _| {
        let tid = Record::parse(&rec).expect("a record").hdr().tid;
        view.process().map(|process| process.cred_of(tid).uid)
    });
    assert_eq!(seen, Some(1234), "before the rules look");
    assert_eq!(cred(&partition, PROG.pid, PROG.pid).uid, 0);
    let rec = record(SAKER_EV_SETGID, PROG.pid).num(SAKER_P_SETGID_now_egid, 7);
    run(&mut partition, &rec.build());
    let gids = [PROG.pid, WORKER].map(|tid| cred(&partition, PROG.pid, tid).gid);
    assert_eq!(gids, [7, 0]);
    let end = record(SAKER_EV_PROCEXIT, WORKER).num(SAKER_P_PROCEXIT_reaper_tid, 1);
    run(&mut partition, &end.build());
    assert_eq!(partition.counters().threads, 0);
}

/// Its clone was lost.
#[test]
fn a_thread_nobody_heard_of_changes_its_own() {
    let mut partition = with_worker();
    run(&mut partition, &record(SAKER_EV_CAPSET, 77).build());
    let caps = [PROG.pid, WORKER, 77].map(|tid| effective(&partition, tid));
    assert_eq!(caps, [ALL, ALL, 0]);
    assert_eq!(partition.counters().threads, 2);
}

/// The record of a clone, of one that `caller` makes.
fn cloned(mut rec: Vec<u8>, caller: u32, uid: u32) -> Vec<u8> {
    for (slot, value) in [(SAKER_P_CLONE_parent_tid, caller), (SAKER_P_CLONE_uid, uid)] {
        let at = size_of::<saker_hdr>() + 8 * slot as usize;
        rec[at..at + 8].copy_from_slice(&u64::from(value).to_ne_bytes());
    }
    rec
}

#[test]
fn who_is_cloned_has_those_of_the_caller() {
    let mut partition = with_worker();
    run(&mut partition, &record(SAKER_EV_CAPSET, WORKER).build());
    let by_worker = cloned(thread(20, PROG, 62, "second"), WORKER, 5);
    run(&mut partition, &by_worker);
    run(&mut partition, &thread(21, PROG, 63, "third"));
    assert_eq!([62, 63].map(|tid| effective(&partition, tid)), [0, ALL]);
    assert_eq!(cred(&partition, PROG.pid, 62).uid, 5);
    for (child, caller, caps) in [(70, WORKER, 0), (71, PROG.pid, ALL)] {
        let (parents, birth) = fork(30, PROG, who(child, child.into()), "child");
        for rec in [parents, birth] {
            run(&mut partition, &cloned(rec, caller, 0));
        }
        let found = cred(&partition, child, child);
        assert_eq!((found.cap_effective as i64, found.loginuid), (caps, 1000));
    }
}

/// The kernel gives the caller the leader's number.
#[test]
fn an_exec_has_those_of_the_thread_that_calls() {
    let mut partition = with_worker();
    run(&mut partition, &record(SAKER_EV_CAPSET, WORKER).build());
    let rec = exec(20, PROG, "next", "").num(SAKER_P_EXECVE_old_tid, WORKER.into());
    let rec = rec.num(SAKER_P_EXECVE_uid, 1234);
    run(
        &mut partition,
        &rec.num(SAKER_P_EXECVE_cap_effective, 3).build(),
    );
    let found = cred(&partition, PROG.pid, PROG.pid);
    assert_eq!((found.uid, found.cap_effective), (1234, 3));
    assert_eq!(effective(&partition, WORKER), 3, "nobody else is there");
}

/// As the kernel says, which knows of securebits, of real and saved users.
#[test]
fn capabilities_are_those_after_the_call() {
    let mut partition = with_worker();
    let mut after = |rec: RecordBuilder| {
        run(&mut partition, &rec.build());
        effective(&partition, PROG.pid)
    };
    let set = |to| record(SAKER_EV_SETRESUID, PROG.pid).num(SAKER_P_SETRESUID_now_euid, to);
    let kept = set(1234).num(SAKER_P_SETRESUID_now_permitted, ALL);
    assert_eq!(after(kept), 0, "the effective ones alone");
    let root = set(0).num(SAKER_P_SETRESUID_now_permitted, ALL);
    assert_eq!(after(root.num(SAKER_P_SETRESUID_now_effective, ALL)), ALL);
    let old = record(SAKER_EV_SETNS, PROG.pid);
    assert_eq!(after(old), ALL, "a capture that does not tell");
    assert_eq!(after(set(1234)), 0);
    let room = record(SAKER_EV_UNSHARE, PROG.pid).num(SAKER_P_UNSHARE_now_effective, ALL);
    assert_eq!(after(room), ALL, "a user namespace of its own");
    let setns = record(SAKER_EV_SETNS, PROG.pid).num(SAKER_P_SETNS_now_permitted, 5);
    assert_eq!(after(setns), 0);
    let failed = record(SAKER_EV_SETNS, PROG.pid).num(SAKER_P_SETNS_res, -1);
    assert_eq!(after(failed.num(SAKER_P_SETNS_now_effective, ALL)), 0);
    assert_eq!(cred(&partition, PROG.pid, PROG.pid).cap_permitted, 5);
    let caps = cred(&partition, PROG.pid, WORKER).cap_effective;
    assert_eq!(caps as i64, ALL, "of the other thread");
}
