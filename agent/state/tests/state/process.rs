//! Fork, exec, threads, exit, credentials.

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::{Doubt, Origin, Partition};

const SHELL: Who = Who {
    pid: 100,
    start_ns: 100 << 20,
};
const CHILD: Who = Who {
    pid: 200,
    start_ns: 200 << 20,
};

/// A partition with a shell in /home.
fn with_shell() -> Partition {
    let mut partition = state(1).partitions.remove(0);
    let rec = exec(10, SHELL, "bash", "-c\0x").var(SAKER_P_EXECVE_cwd, b"/home");
    let rec = rec
        .var(SAKER_P_EXECVE_env, b"A=1\0B=2")
        .num(SAKER_P_EXECVE_tty, 34816);
    run(&mut partition, &rec.num(SAKER_P_EXECVE_uid, 1000).build());
    partition
}

#[test]
fn exec_says_who_a_process_is() {
    let partition = with_shell();
    let shell = partition.process(100).expect("known");
    assert_eq!(text(&shell.image.cmdline), "bash -c x");
    assert_eq!(
        (text(&shell.image.args), &*shell.image.arg_ends),
        ("-c x".into(), &[2, 4][..])
    );
    assert_eq!(text(&shell.image.env), "A=1\0B=2\0");
    assert_eq!(
        (text(&shell.cwd), shell.cred.uid, shell.tty),
        ("/home/".into(), 1000, 34816)
    );
    assert!(!shell.doubt.has(Doubt::IMAGE) && shell.doubt.has(Doubt::FDS));
    assert_eq!(shell.cgroup.container_id(), "host");
}

#[test]
fn a_failed_exec_changes_nothing() {
    let mut partition = with_shell();
    let rec = exec(20, SHELL, "nosuch", "")
        .num(SAKER_P_EXECVE_res, -2)
        .build();
    let seen = step(&mut partition, &rec, |view, _| view.comm().map(text));
    assert_eq!(seen.as_deref(), Some("bash"));
}

#[test]
fn a_child_inherits_and_goes_its_own_way() {
    let mut partition = with_shell();
    run(&mut partition, &openat(20, 100, 3, -100, "notes", 0));
    run(
        &mut partition,
        &openat(21, 100, 4, -100, "secret", 0o2_000_000),
    );
    let (parents, birth) = fork(30, SHELL, CHILD, "bash");
    run(&mut partition, &parents);
    let seen = step(&mut partition, &birth, |view, _| {
        let names: Vec<_> = [3, 4]
            .map(|fd| view.fd_at(fd).map(|fd| text(&fd.name)))
            .into();
        (view.comm().map(text), names)
    });
    assert_eq!(seen.0.as_deref(), Some("bash"));
    assert_eq!(
        seen.1,
        [Some("/home/notes".into()), Some("/home/secret".into())]
    );
    let child = partition.process(200).expect("born");
    assert_eq!((child.vpid, child.cell.vpid()), (200, 200), "its own");
    run(&mut partition, &exec(40, CHILD, "cat", "notes").build());
    run(&mut partition, &close(41, 100, 3));
    let child = partition.process(200).expect("born");
    assert_eq!(
        (text(&child.image.comm), text(&child.cwd)),
        ("cat".into(), "/home/".into())
    );
    assert_eq!(
        (child.clone_ts_ns, child.ppid),
        (30, 100),
        "exec does not change the clone time"
    );
    assert!(
        child.fds.get(3).is_some() && child.fds.get(4).is_none(),
        "close-on-exec"
    );
    assert!(
        partition
            .process(100)
            .is_some_and(|shell| shell.fds.get(3).is_none())
    );
    let names: Vec<_> = partition
        .reader(50)
        .ancestors(&child.cell)
        .map(|cell| text(&partition.reader(50).image(&cell).comm))
        .collect();
    assert_eq!(names, ["bash"]);
}

/// As runc makes the first process of a container: what rules ask for is the program that waits for it.
#[test]
fn a_sibling_has_the_parent_of_its_maker() {
    let mut partition = with_shell();
    let (caller, birth) = fork(20, SHELL, CHILD, "maker");
    run(&mut partition, &caller);
    run(&mut partition, &birth);
    let sibling = who(300, 300 << 20);
    for record in fork_sibling(30, SHELL, CHILD, sibling) {
        run(&mut partition, &record);
    }
    run(&mut partition, &exit(40, CHILD.pid, 1));
    let parent = step(
        &mut partition,
        &exec(50, sibling, "sh", "").build(),
        |view, _| {
            let cell = view.lineage().parent(&view.process()?.cell)?;
            Some((
                view.process()?.ppid,
                text(&view.lineage().image(&cell).comm),
            ))
        },
    );
    assert_eq!(parent, Some((100, "bash".to_owned())));
}

#[test]
fn threads_have_names_and_exec_ends_them() {
    let mut partition = with_shell();
    run(&mut partition, &thread(20, SHELL, 101, "worker"));
    let by_thread = |ts| {
        RecordBuilder::new(SAKER_EV_UNLINK, ts, 100, 101)
            .var(SAKER_P_UNLINK_path, b"/x")
            .build()
    };
    let name = |view: saker_state::View<'_>, _| view.comm().map(text);
    assert_eq!(
        step(&mut partition, &by_thread(21), name).as_deref(),
        Some("worker")
    );
    let end = RecordBuilder::new(SAKER_EV_PROCEXIT, 22, 100, 100).build();
    run(&mut partition, &end);
    let shell = partition.process(100).expect("its thread lives");
    assert!(shell.leader_exited && shell.vtid(101) == 101);
    run(
        &mut partition,
        &exec(30, SHELL, "ls", "")
            .num(SAKER_P_EXECVE_old_tid, 101)
            .build(),
    );
    let shell = partition.process(100).expect("alive");
    assert!(!shell.leader_exited && shell.threads.is_empty());
    assert_eq!(shell.comm(100), b"ls");
}

#[test]
fn a_renamed_thread_names_its_child() {
    let mut partition = with_shell();
    let (parents, _) = fork(30, SHELL, CHILD, "renamed");
    run(&mut partition, &parents);
    let child = partition.process(200).expect("born");
    assert_eq!(text(&child.image.cmdline), "renamed -c x");
    assert_eq!(text(&child.image.exepath), "/bin/bash");
}

#[test]
fn rules_see_a_process_exit_and_then_it_is_gone() {
    let mut partition = with_shell();
    let seen = step(&mut partition, &exit(20, 100, 1), |view, _| {
        view.comm().map(text)
    });
    assert_eq!(seen.as_deref(), Some("bash"));
    assert!(partition.process(100).is_none());
    assert!(
        partition.shared().directory().get(100).is_some(),
        "its children may still ask"
    );
    partition.round_done(5_000_000_000);
    assert!(partition.shared().directory().get(100).is_none());
    assert!(step(&mut partition, &exit(21, 100, 1), |view, _| view
        .process()
        .is_none()));
}

#[test]
fn orphans_go_to_the_reaper() {
    let mut partition = with_shell();
    run(&mut partition, &exec(11, who(1, 1), "init", "").build());
    let (parents, birth) = fork(30, SHELL, CHILD, "bash");
    run(&mut partition, &parents);
    run(&mut partition, &birth);
    run(&mut partition, &exit(40, 100, 1));
    let rec = openat(50, 200, 3, -100, "x", 0);
    let parent = step(&mut partition, &rec, |view, _| {
        let cell = view.lineage().parent(&view.process()?.cell)?;
        Some(text(&view.lineage().image(&cell).comm))
    });
    assert_eq!(parent.as_deref(), Some("init"));
}

/// The ancestors of process 400, nearest first, by their ids.
fn line(partition: &mut Partition, ts: u64) -> Vec<u32> {
    step(partition, &openat(ts, 400, 3, -100, "x", 0), |view, _| {
        let cell = &view.process().expect("alive").cell;
        let line = view.lineage().ancestors(cell);
        line.map(|cell| cell.tgid()).collect()
    })
}

/// The walk of rules-spec F4: past who only lives to who asked for orphans, and to its heir when that one ends.
#[test]
fn orphans_go_past_their_living_line_to_a_subreaper() {
    let mut partition = with_shell();
    let chain = [SHELL, CHILD, who(300, 300 << 20), who(400, 400 << 20)];
    run(&mut partition, &exec(11, who(1, 1), "init", "").build());
    for (at, (pair, comm)) in (0..).zip(chain.windows(2).zip(["manager", "sh", "cat"])) {
        let (parents, birth) = fork(20 + at * 3, pair[0], pair[1], "bash");
        run(&mut partition, &parents);
        run(&mut partition, &birth);
        run(
            &mut partition,
            &exec(21 + at * 3, pair[1], comm, "").build(),
        );
    }
    run(&mut partition, &exit(40, 300, 100));
    assert_eq!(
        line(&mut partition, 50),
        [100],
        "bash asked for orphans, manager only lives"
    );
    run(&mut partition, &exit(60, 100, 1));
    assert_eq!(line(&mut partition, 70), [1]);
}

/// What a fork copies (rules-spec F2), and that an exec of the child takes none of it from the parent.
#[test]
fn a_child_has_all_that_forks_copy() {
    let mut partition = with_shell();
    let rec = exec(11, SHELL, "bash", "")
        .var(SAKER_P_EXECVE_env, b"A=1")
        .num(SAKER_P_EXECVE_tty, 34816)
        .num(SAKER_P_EXECVE_vpgid, 7)
        .num(SAKER_P_EXECVE_loginuid, 1000)
        .num(SAKER_P_EXECVE_cap_effective, 3)
        .num(SAKER_P_EXECVE_exe_ino, 77)
        .num(SAKER_P_EXECVE_flags, SAKER_EXE_WRITABLE.into());
    run(&mut partition, &rec.build());
    let chroot = RecordBuilder::new(SAKER_EV_CHROOT, 12, 100, 100);
    run(
        &mut partition,
        &chroot.var(SAKER_P_CHROOT_path, b"/jail").build(),
    );
    let (parents, birth) = fork(30, SHELL, CHILD, "bash");
    run(&mut partition, &parents);
    run(&mut partition, &birth);
    let child = partition.process(200).expect("born");
    assert_eq!((child.tty, child.vpgid), (34816, 7));
    assert_eq!((child.cred.loginuid, child.cred.cap_effective), (1000, 3));
    assert_eq!(
        (text(&child.root), text(&child.image.env)),
        ("/jail".into(), "A=1\0".into())
    );
    assert_eq!(
        (child.image.exe_ino, child.image.exe_flags),
        (77, SAKER_EXE_WRITABLE)
    );
    assert_eq!(child.clone_ts_ns, 30);
    let rec = exec(40, CHILD, "su", "")
        .num(SAKER_P_EXECVE_loginuid, 0)
        .num(SAKER_P_EXECVE_gid, 5)
        .num(SAKER_P_EXECVE_cap_effective, 1);
    run(&mut partition, &rec.build());
    let child = partition.process(200).expect("born");
    assert_eq!((child.tty, child.vpgid, child.cred.gid), (0, 0, 5));
    assert_eq!((child.cred.loginuid, child.cred.cap_effective), (0, 1));
    assert_eq!((child.image.exe_ino, child.image.exe_flags), (0, 0));
    assert_eq!((text(&child.root), child.clone_ts_ns), ("/jail".into(), 30));
}

#[test]
fn strangers_get_a_placeholder_and_numbers_are_reused() {
    let mut partition = state(1).partitions.remove(0);
    run(&mut partition, &openat(5, 77, 3, -100, "rel", 0));
    let stranger = partition.process(77).expect("made up");
    assert_eq!(
        (stranger.origin, stranger.comm(77)),
        (Origin::Placeholder, &b"<NA>"[..])
    );
    assert_eq!(
        stranger.fds.get(3).map(|fd| text(&fd.name)).as_deref(),
        Some("<UNKNOWN>/rel")
    );
    assert_eq!(partition.counters().placeholders, 1);
    assert_eq!(partition.counters().recovery_requests, 1);
    let tagged = |ts, tag| {
        let rec = RecordBuilder::new(SAKER_EV_SETSID, ts, 77, 77).num(SAKER_P_SETSID_res, 77);
        rec.hdr(|h| h.start_tag = tag).build()
    };
    run(&mut partition, &tagged(6, 9));
    assert!(
        partition
            .process(77)
            .is_some_and(|process| process.fds.get(3).is_some())
    );
    run(&mut partition, &tagged(7, 10));
    assert!(
        partition
            .process(77)
            .is_some_and(|process| process.fds.get(3).is_none())
    );
    assert_eq!(partition.counters().pid_reused, 1);
}

#[test]
fn credentials_are_what_the_kernel_says() {
    let mut partition = with_shell();
    let failed = RecordBuilder::new(SAKER_EV_SETUID, 20, 100, 100).num(SAKER_P_SETUID_res, -1);
    run(
        &mut partition,
        &failed.num(SAKER_P_SETUID_now_euid, 0).build(),
    );
    assert_eq!(
        partition.process(100).map(|process| process.cred.uid),
        Some(1000)
    );
    let rec = RecordBuilder::new(SAKER_EV_SETRESUID, 21, 100, 100).num(SAKER_P_SETRESUID_euid, -1);
    let rec = rec.num(SAKER_P_SETRESUID_now_euid, 33).build();
    let uid = step(&mut partition, &rec, |view, _| {
        view.process().map(|p| p.cred.uid)
    });
    assert_eq!(uid, Some(33), "before the rules look");
    let rec = RecordBuilder::new(SAKER_EV_SETREGID, 22, 100, 100);
    run(
        &mut partition,
        &rec.num(SAKER_P_SETREGID_now_egid, 34).build(),
    );
    let rec = RecordBuilder::new(SAKER_EV_CAPSET, 23, 100, 100);
    run(
        &mut partition,
        &rec.num(SAKER_P_CAPSET_cap_effective, 5).build(),
    );
    let cred = partition.process(100).expect("known").cred;
    assert_eq!((cred.gid, cred.cap_effective), (34, 5));
    let rec = RecordBuilder::new(SAKER_EV_UNSHARE, 24, 100, 100);
    run(
        &mut partition,
        &rec.num(SAKER_P_UNSHARE_now_effective, 0x1ff_ffff_ffff)
            .build(),
    );
    let cred = partition.process(100).expect("known").cred;
    assert_eq!(cred.cap_effective, 0x1ff_ffff_ffff);
}

#[test]
fn containers_come_with_the_exec() {
    let mut partition = with_shell();
    let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    let rec = exec(20, SHELL, "sh", "").hdr(|h| h.cgroup_id = 55);
    let rec = rec.var(
        SAKER_P_EXECVE_cgroups,
        format!("cpu=/docker/{id}").as_bytes(),
    );
    run(&mut partition, &rec.build());
    assert_eq!(
        partition.process(100).map(|p| p.cgroup.container_id()),
        Some(&id[..12])
    );
    let (parents, birth) = fork(30, SHELL, CHILD, "sh");
    run(&mut partition, &parents);
    run(&mut partition, &birth);
    assert!(
        partition
            .process(200)
            .is_some_and(|child| child.in_container())
    );
}

/// Groups far below that of a container do not lead out of it: not while a path tells its beginning, and not when it
/// tells nothing.
#[test]
fn containers_cannot_be_left_downwards() {
    let mut partition = with_shell();
    let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    let into = |ts, group, path: &str, flags| {
        let rec = exec(ts, SHELL, "sh", "").hdr(|h| h.cgroup_id = group);
        rec.var_with_flags(SAKER_P_EXECVE_cgroups, path.as_bytes(), flags)
            .build()
    };
    let container = |partition: &Partition| {
        let shell = partition.process(100).expect("known");
        shell.cgroup.container_id().to_owned()
    };
    let shortened = format!("/docker/{id}/n/.../n");
    run(
        &mut partition,
        &into(20, 55, &shortened, SAKER_VF_SHORTENED),
    );
    assert_eq!(container(&partition), id[..12]);
    run(&mut partition, &into(30, 56, "", SAKER_VF_TRUNCATED));
    assert_eq!(container(&partition), id[..12], "too deep to be followed");
    run(
        &mut partition,
        &into(40, 57, "/n/.../n", SAKER_VF_SHORTENED),
    );
    assert_eq!(container(&partition), id[..12], "its group is in the gap");
    run(&mut partition, &into(50, 58, "/init.scope", 0));
    assert_eq!(container(&partition), "host", "a whole path");
    run(
        &mut partition,
        &into(60, 59, "/n/.../n", SAKER_VF_SHORTENED),
    );
    assert_eq!(container(&partition), "host", "nothing says otherwise");
    assert_eq!(partition.counters().cgroups_cut, 4);
}

/// A path that the driver could not follow is none: the name given stands for it.
#[test]
fn programs_too_deep_to_be_followed_have_their_given_name() {
    let mut partition = with_shell();
    let lost = |ts, name: &str| {
        RecordBuilder::new(SAKER_EV_EXECVE, ts, 100, 100)
            .var_with_flags(SAKER_P_EXECVE_trusted_exepath, b"", SAKER_VF_TRUNCATED)
            .var(SAKER_P_EXECVE_filename, name.as_bytes())
            .var_with_flags(SAKER_P_EXECVE_cwd, b"", SAKER_VF_TRUNCATED)
    };
    let exepath = |partition: &Partition| {
        let shell = partition.process(100).expect("known");
        text(&shell.image.exepath)
    };
    run(&mut partition, &lost(20, "./prog").build());
    assert_eq!(
        exepath(&partition),
        "/home/prog",
        "the directory known before"
    );
    let elsewhere = lost(30, "../prog").var(SAKER_P_EXECVE_cwd, b"/tmp/d");
    run(&mut partition, &elsewhere.build());
    assert_eq!(exepath(&partition), "/tmp/prog");
    run(&mut partition, &lost(40, "").build());
    assert_eq!(exepath(&partition), "");
    let short = exec(50, SHELL, "sh", "");
    let path = b"/tmp/.../prog";
    let short = short.var_with_flags(SAKER_P_EXECVE_trusted_exepath, path, SAKER_VF_SHORTENED);
    run(&mut partition, &short.build());
    assert_eq!(exepath(&partition), "/tmp/.../prog");
    let counters = partition.counters();
    assert_eq!((counters.exepaths_cut, counters.cwds_cut), (4, 2));
}

#[test]
fn sessions() {
    let mut partition = with_shell();
    let rec = RecordBuilder::new(SAKER_EV_SETSID, 20, 100, 100).num(SAKER_P_SETSID_res, 100);
    run(&mut partition, &rec.build());
    let shell = partition.process(100).expect("known");
    assert_eq!((shell.sid, shell.cell.sid(), shell.tty), (100, 100, 0));
}

#[test]
fn the_four_fork_events_are_laid_out_alike() {
    for pair in [
        [SAKER_P_FORK_res, SAKER_P_CLONE_res],
        [SAKER_P_VFORK_comm, SAKER_P_CLONE_comm],
        [SAKER_P_CLONE3_child_pid, SAKER_P_CLONE_child_pid],
        [SAKER_P_VFORK_pidns_start_ns, SAKER_P_CLONE_pidns_start_ns],
        [SAKER_P_EXECVEAT_ruid, SAKER_P_EXECVE_ruid],
        [SAKER_P_ACCEPT4_tuple, SAKER_P_ACCEPT_tuple],
    ] {
        assert_eq!(pair[0], pair[1]);
    }
}
