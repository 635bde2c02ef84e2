//! Records of a small world, and what is seen when they are applied.
#![allow(dead_code, reason = "each test file uses its part")]

use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_state::{Applied, Outcome, Partition, State, StateConfig, View};

/// A state of `partitions` partitions in which nobody waits for anybody.
pub(crate) fn state(partitions: u32) -> State {
    let config = StateConfig {
        partitions,
        ancestor_wait_us: 0,
        ..StateConfig::default()
    };
    State::new(config).expect("a power of two")
}

/// Applies one record, looks, settles.
pub(crate) fn step<R>(
    partition: &mut Partition,
    bytes: &[u8],
    look: impl FnOnce(View<'_>, Applied) -> R,
) -> R {
    let rec = Record::parse(bytes).expect("built by the builder");
    let applied = partition.apply(&rec);
    assert_eq!(applied.outcome, Outcome::Evaluate);
    let seen = look(partition.view(&rec, &applied), applied);
    partition.settle(&rec);
    seen
}

/// Applies one record that nobody looks at.
pub(crate) fn run(partition: &mut Partition, bytes: &[u8]) {
    step(partition, bytes, |_, _| ());
}

/// A program that is alone in its world.
pub(crate) const PROG: Who = Who {
    pid: 60,
    start_ns: 60,
};

/// The partition of [`PROG`], which has executed.
pub(crate) fn alone() -> Partition {
    let mut partition = state(1).partitions.remove(0);
    run(&mut partition, &exec(1, PROG, "prog", "").build());
    partition
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process id with its start time, as records name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) pid: u32,
    pub(crate) start_ns: u64,
}

pub(crate) const fn who(pid: u32, start_ns: u64) -> Who {
    Who { pid, start_ns }
}

fn fork_like(rec: RecordBuilder, ts: u64, parent: Who, child: Who, comm: &str) -> RecordBuilder {
    rec.num(SAKER_P_CLONE_child_pid, child.pid.into())
        .num(SAKER_P_CLONE_child_tid, child.pid.into())
        .num(SAKER_P_CLONE_child_start_ns, child.start_ns as i64)
        .num(SAKER_P_CLONE_parent_pid, parent.pid.into())
        .num(SAKER_P_CLONE_parent_tid, parent.pid.into())
        .num(SAKER_P_CLONE_parent_start_ns, parent.start_ns as i64)
        .num(SAKER_P_CLONE_vpid, child.pid.into())
        .num(SAKER_P_CLONE_vtid, child.pid.into())
        .num(SAKER_P_CLONE_pgid, parent.pid.into())
        .num(SAKER_P_CLONE_sid, 1)
        .var(SAKER_P_CLONE_comm, comm.as_bytes())
        .hdr(|h| h.ts_ns = ts)
}

/// Both records of a fork: the parent's, the birth.
pub(crate) fn fork(ts: u64, parent: Who, child: Who, comm: &str) -> (Vec<u8>, Vec<u8>) {
    fork_with(ts, parent, child, comm, 0)
}

/// The same with `SAKER_CL_*`.
pub(crate) fn fork_with(
    ts: u64,
    parent: Who,
    child: Who,
    comm: &str,
    flags: u32,
) -> (Vec<u8>, Vec<u8>) {
    let side = |who: Who, res: u32| {
        let rec = RecordBuilder::new(SAKER_EV_CLONE, ts, who.pid, who.pid)
            .num(SAKER_P_CLONE_res, res.into())
            .num(SAKER_P_CLONE_flags, flags.into());
        fork_like(rec, ts, parent, child, comm)
            .num(SAKER_P_CLONE_vpid, who.pid.into())
            .num(SAKER_P_CLONE_vtid, who.pid.into())
            .build()
    };
    (side(parent, child.pid), side(child, 0))
}

/// Both records of a fork with CLONE_PARENT: `parent` is the caller's and the child's.
pub(crate) fn fork_sibling(ts: u64, parent: Who, caller: Who, child: Who) -> [Vec<u8>; 2] {
    [(caller, child.pid), (child, 0)].map(|(who, res)| {
        let rec = RecordBuilder::new(SAKER_EV_CLONE, ts, who.pid, who.pid)
            .num(SAKER_P_CLONE_res, res.into());
        fork_like(rec, ts, caller, child, "sibling")
            .num(SAKER_P_CLONE_vpid, who.pid.into())
            .num(SAKER_P_CLONE_vtid, who.pid.into())
            .num(SAKER_P_CLONE_flags, SAKER_CL_PARENT.into())
            .num(SAKER_P_CLONE_ptid, parent.pid.into())
            .build()
    })
}

/// The one record of a new thread.
pub(crate) fn thread(ts: u64, group: Who, tid: u32, comm: &str) -> Vec<u8> {
    let rec = RecordBuilder::new(SAKER_EV_CLONE, ts, group.pid, group.pid)
        .num(SAKER_P_CLONE_res, tid.into());
    fork_like(rec, ts, group, group, comm)
        .num(SAKER_P_CLONE_child_tid, tid.into())
        .num(SAKER_P_CLONE_vtid, tid.into())
        .num(SAKER_P_CLONE_flags, SAKER_CL_THREAD.into())
        .build()
}

/// A successful exec of `/bin/COMM`; arguments separated by NUL.
pub(crate) fn exec(ts: u64, process: Who, comm: &str, args: &str) -> RecordBuilder {
    RecordBuilder::new(SAKER_EV_EXECVE, ts, process.pid, process.pid)
        .var(SAKER_P_EXECVE_exe, comm.as_bytes())
        .var(SAKER_P_EXECVE_comm, comm.as_bytes())
        .var(SAKER_P_EXECVE_args, args.as_bytes())
        .var(
            SAKER_P_EXECVE_trusted_exepath,
            format!("/bin/{comm}").as_bytes(),
        )
        .num(SAKER_P_EXECVE_start_ns, process.start_ns as i64)
        .num(SAKER_P_EXECVE_vpid, process.pid.into())
        .num(SAKER_P_EXECVE_sid, 1)
}

/// The end of a whole process.
pub(crate) fn exit(ts: u64, pid: u32, reaper: u32) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_PROCEXIT, ts, pid, pid)
        .num(SAKER_P_PROCEXIT_group_dead, 1)
        .num(SAKER_P_PROCEXIT_reaper_tid, reaper.into())
        .build()
}

/// openat(2) with result `fd`.
pub(crate) fn openat(ts: u64, pid: u32, fd: i32, dirfd: i32, name: &str, flags: i64) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_OPENAT, ts, pid, pid)
        .num(SAKER_P_OPENAT_fd, fd.into())
        .num(SAKER_P_OPENAT_dirfd, dirfd.into())
        .var(SAKER_P_OPENAT_name, name.as_bytes())
        .num(SAKER_P_OPENAT_flags, flags)
        .num(SAKER_P_OPENAT_ino, 7)
        .build()
}

/// close(2) with success.
pub(crate) fn close(ts: u64, pid: u32, fd: i32) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_CLOSE, ts, pid, pid)
        .num(SAKER_P_CLOSE_fd, fd.into())
        .build()
}

/// chdir(2) with success.
pub(crate) fn chdir(ts: u64, pid: u32, path: &str) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_CHDIR, ts, pid, pid)
        .var(SAKER_P_CHDIR_path, path.as_bytes())
        .build()
}
