//! What programs become by vfork, clone3, namespaces and sessions (rules-spec F2 to F4).

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::Partition;

const CHILD: Who = who(70, 70);

fn record(event: u32, ts: u64) -> RecordBuilder {
    RecordBuilder::new(event, ts, PROG.pid, PROG.pid)
}

/// [`PROG`] in /home with descriptor 3, which an exec closes.
fn at_home() -> Partition {
    let mut partition = alone();
    run(&mut partition, &chdir(5, PROG.pid, "/home"));
    run(
        &mut partition,
        &openat(10, PROG.pid, 3, -100, "x", 0o2_000_000),
    );
    partition
}

fn comm(partition: &Partition, pid: u32) -> String {
    text(&partition.process(pid).expect("known").image.comm)
}

/// The child borrows the parent's memory, nothing else.
#[test]
fn the_exec_of_a_vforked_child_is_its_own() {
    let mut partition = at_home();
    for side in [(PROG, CHILD.pid), (CHILD, 0)] {
        let fork = RecordBuilder::new(SAKER_EV_VFORK, 20, side.0.pid, side.0.pid)
            .num(SAKER_P_VFORK_res, side.1.into())
            .num(SAKER_P_VFORK_flags, (SAKER_CL_VM | SAKER_CL_VFORK).into())
            .num(SAKER_P_VFORK_child_pid, CHILD.pid.into())
            .num(SAKER_P_VFORK_child_tid, CHILD.pid.into())
            .num(SAKER_P_VFORK_child_start_ns, CHILD.start_ns as i64)
            .num(SAKER_P_VFORK_parent_pid, PROG.pid.into());
        run(&mut partition, &fork.build());
    }
    run(&mut partition, &chdir(25, CHILD.pid, "/tmp"));
    run(&mut partition, &exec(30, CHILD, "ls", "-l").build());
    assert_eq!(comm(&partition, CHILD.pid), "ls");
    assert_eq!(comm(&partition, PROG.pid), "prog");
    let [parent, child] = [PROG, CHILD].map(|who| partition.process(who.pid).expect("known"));
    assert!(parent.fds.get(3).is_some() && child.fds.get(3).is_none());
    assert_eq!(
        (text(&parent.cwd), text(&child.cwd)),
        ("/home/".into(), "/tmp/".into())
    );
}

/// clone3 with CLONE_INTO_CGROUP: the birth is in the container, the fork is not.
#[test]
fn a_child_may_begin_in_a_container() {
    let mut partition = alone();
    let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    let inside = who(65, 65);
    let there = exec(2, inside, "init", "").hdr(|hdr| hdr.cgroup_id = 55);
    let there = there.var(
        SAKER_P_EXECVE_cgroups,
        format!("cpu=/docker/{id}").as_bytes(),
    );
    run(&mut partition, &there.build());
    for (side, res, cgroup) in [(PROG, CHILD.pid, 1), (CHILD, 0, 55)] {
        let clone = RecordBuilder::new(SAKER_EV_CLONE3, 20, side.pid, side.pid)
            .num(SAKER_P_CLONE3_res, res.into())
            .num(SAKER_P_CLONE3_child_pid, CHILD.pid.into())
            .num(SAKER_P_CLONE3_child_tid, CHILD.pid.into())
            .num(SAKER_P_CLONE3_child_start_ns, CHILD.start_ns as i64)
            .num(SAKER_P_CLONE3_parent_pid, PROG.pid.into())
            .hdr(|hdr| hdr.cgroup_id = cgroup);
        run(&mut partition, &clone.build());
    }
    let container = |pid| {
        partition
            .process(pid)
            .map(|process| process.cgroup.container_id())
    };
    assert_eq!(container(CHILD.pid), Some(&id[..12]));
    assert_eq!(container(PROG.pid), Some("host"));
}

/// A new pid namespace: the numbers inside come with the records, the table goes by those outside.
#[test]
fn the_first_process_of_a_pid_namespace_is_number_one_there() {
    let mut partition = alone();
    let (parents, birth) = fork(20, PROG, CHILD, "prog");
    let inside = |bytes: &[u8]| {
        let rec = saker_abi::record::Record::parse(bytes).expect("a record");
        let (tgid, res) = (rec.hdr().tgid, rec.i64(SAKER_P_CLONE_res));
        // Each side's own.
        let number = if res == 0 { 1 } else { PROG.pid.into() };
        RecordBuilder::new(SAKER_EV_CLONE, 20, tgid, tgid)
            .num(SAKER_P_CLONE_res, res)
            .num(SAKER_P_CLONE_child_pid, CHILD.pid.into())
            .num(SAKER_P_CLONE_child_tid, CHILD.pid.into())
            .num(SAKER_P_CLONE_parent_pid, PROG.pid.into())
            .num(SAKER_P_CLONE_child_start_ns, CHILD.start_ns as i64)
            .num(SAKER_P_CLONE_vpid, number)
            .num(SAKER_P_CLONE_vtid, number)
            .num(
                SAKER_P_CLONE_flags,
                (SAKER_CL_NEWPID | SAKER_CL_CHILD_IN_PIDNS).into(),
            )
            .build()
    };
    run(&mut partition, &inside(&parents));
    let child = partition.process(CHILD.pid).expect("born");
    assert_eq!((child.vpid, child.cell.vpid()), (-1, -1), "not told yet");
    run(&mut partition, &inside(&birth));
    let child = partition.process(CHILD.pid).expect("born");
    assert_eq!(
        (child.vpid, child.cell.vpid(), child.vtid(CHILD.pid)),
        (1, 1, 1)
    );
}

/// setsid(2) returns what the caller's pid namespace calls it; sessions go by the host's numbers, as those of its
/// children do.
#[test]
fn the_leader_of_a_session_in_a_namespace_is_found() {
    let mut partition = alone();
    let inside = exec(20, CHILD, "daemon", "").num(SAKER_P_EXECVE_vpid, 7);
    run(&mut partition, &inside.build());
    let failed = RecordBuilder::new(SAKER_EV_SETSID, 25, CHILD.pid, CHILD.pid);
    run(&mut partition, &failed.num(SAKER_P_SETSID_res, -1).build());
    assert_eq!(partition.process(CHILD.pid).map(|child| child.sid), Some(1));
    let setsid = RecordBuilder::new(SAKER_EV_SETSID, 30, CHILD.pid, CHILD.pid);
    run(&mut partition, &setsid.num(SAKER_P_SETSID_res, 7).build());
    let session = CHILD.pid as i32;
    let leader = step(
        &mut partition,
        &openat(40, PROG.pid, 3, -100, "/x", 0),
        |view, _| {
            let any = &view.process()?.cell;
            let leader = view.lineage().session_leader(any, session)?;
            Some(text(&view.lineage().image(&leader).comm))
        },
    );
    assert_eq!(leader.as_deref(), Some("daemon"));
}

/// What is not followed (rules-spec F4): names that prctl(2) sets, process groups that setpgid(2) makes.
#[test]
fn names_and_groups_are_those_of_the_last_exec_or_fork() {
    let mut partition = alone();
    let before = partition
        .process(PROG.pid)
        .map(|prog| (prog.pgid, prog.vpgid));
    let rename = record(SAKER_EV_PRCTL, 20)
        .num(SAKER_P_PRCTL_option, 15)
        .var(SAKER_P_PRCTL_arg2_str, b"innocent");
    run(&mut partition, &rename.build());
    run(
        &mut partition,
        &record(SAKER_EV_SETPGID, 21)
            .num(SAKER_P_SETPGID_pgid, 9)
            .build(),
    );
    assert_eq!(comm(&partition, PROG.pid), "prog");
    assert_eq!(
        partition
            .process(PROG.pid)
            .map(|prog| (prog.pgid, prog.vpgid)),
        before
    );
}

#[test]
fn a_foreign_user_namespace_brings_capabilities() {
    let mut partition = alone();
    let caps = |partition: &Partition| {
        partition
            .process(PROG.pid)
            .map(|prog| prog.cred.cap_effective)
    };
    let setns = |ts, res, caps| {
        record(SAKER_EV_SETNS, ts)
            .num(SAKER_P_SETNS_res, res)
            .num(SAKER_P_SETNS_now_effective, caps)
            .build()
    };
    run(&mut partition, &setns(21, -1, 7));
    assert_eq!(caps(&partition), Some(0));
    run(&mut partition, &setns(22, 0, 7));
    assert_eq!(caps(&partition), Some(7));
}

/// What the driver had to cut is said to be cut, and what there is of it is kept.
#[test]
fn long_arguments_are_kept_as_far_as_they_go() {
    let mut partition = alone();
    let args = "a\0".repeat(2047);
    let cut = exec(20, PROG, "long", "").var_with_flags(
        SAKER_P_EXECVE_args,
        args.as_bytes(),
        SAKER_VF_TRUNCATED,
    );
    run(&mut partition, &cut.build());
    let image = &partition.process(PROG.pid).expect("known").image;
    assert!(image.incomplete);
    assert_eq!(
        (image.arg_ends.len(), image.args.len()),
        (2047, 2 * 2047 - 1)
    );
    assert_eq!(image.cmdline.len(), "long ".len() + image.args.len());
    run(&mut partition, &exec(30, PROG, "short", "a\0").build());
    let image = &partition.process(PROG.pid).expect("known").image;
    assert!(!image.incomplete);
}

/// Ids and capabilities are each thread's own (credentials(7)), and go to what it makes.
#[test]
fn what_one_thread_gives_up_the_others_keep() {
    let mut partition = alone();
    let first = exec(10, PROG, "prog", "").num(SAKER_P_EXECVE_cap_effective, 7);
    run(&mut partition, &first.build());
    run(&mut partition, &thread(20, PROG, 61, "worker"));
    let by = |event, ts, tid| RecordBuilder::new(event, ts, PROG.pid, tid);
    let setuid = by(SAKER_EV_SETRESUID, 30, 61).num(SAKER_P_SETRESUID_now_euid, 33);
    run(&mut partition, &setuid.build());
    run(
        &mut partition,
        &by(SAKER_EV_CAPSET, 31, 61)
            .num(SAKER_P_CAPSET_cap_effective, 1)
            .build(),
    );
    let seen = |partition: &Partition, tid| {
        let cred = partition.process(PROG.pid).expect("known").cred_of(tid);
        (cred.uid, cred.cap_effective)
    };
    assert_eq!(seen(&partition, 60), (0, 7));
    assert_eq!(seen(&partition, 61), (33, 1));
    assert_eq!(seen(&partition, 99), (0, 7), "one that nobody knows");
    let (parents, _) = fork(40, PROG, CHILD, "worker");
    let by_thread = {
        let rec = saker_abi::record::Record::parse(&parents).expect("a record");
        RecordBuilder::new(SAKER_EV_CLONE, 40, PROG.pid, 61)
            .num(SAKER_P_CLONE_res, CHILD.pid.into())
            .num(SAKER_P_CLONE_child_pid, CHILD.pid.into())
            .num(SAKER_P_CLONE_child_tid, CHILD.pid.into())
            .num(
                SAKER_P_CLONE_child_start_ns,
                rec.i64(SAKER_P_CLONE_child_start_ns),
            )
            .num(SAKER_P_CLONE_parent_pid, PROG.pid.into())
            .num(SAKER_P_CLONE_parent_tid, 61)
            .num(SAKER_P_CLONE_uid, 33)
    };
    run(&mut partition, &by_thread.build());
    let child = partition.process(CHILD.pid).expect("born");
    assert_eq!((child.cred.uid, child.cred.cap_effective), (33, 1));
    run(&mut partition, &exec(50, PROG, "next", "").build());
    assert_eq!(seen(&partition, 61), (0, 0), "the exec's");
}
