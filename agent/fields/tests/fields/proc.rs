//! `proc.*` and `thread.*`: rules-spec D3.

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::limits::MAX_ANCESTORS;

use crate::world::{BOOT_NS, CHILD, INIT, SHELL, World, exec, fork, openat, record};

fn any_event(ts_ns: u64) -> RecordBuilder {
    record(SAKER_EV_RMDIR, ts_ns, CHILD)
}

#[test]
fn own_program() {
    World::new().expect(
        &any_event(5_000),
        &[
            ("proc.name", "cat"),
            ("proc.exe", "cat"),
            ("proc.exepath", "/usr/bin/cat"),
            ("proc.cmdline", "cat /etc/shadow -n"),
            ("proc.exeline", "cat /etc/shadow -n"),
            ("proc.args", "/etc/shadow -n"),
            ("proc.args[0]", "/etc/shadow"),
            ("proc.args[1]", "-n"),
            ("proc.args[2]", ""),
            ("proc.cmdnargs", "2"),
            ("proc.cmdlenargs", "13"),
            ("proc.cwd", "/work/"),
            ("proc.tty", "0"),
            ("proc.pid", "30"),
            ("proc.vpid", "30"),
            ("thread.tid", "30"),
            ("thread.ismain", "true"),
            ("proc.nthreads", "1"),
            ("proc.nchilds", "0"),
            ("thread.nametid", "cat30"),
        ],
    );
}

#[test]
fn environment() {
    let exec = exec(CHILD, SHELL, 5_000, "cat", &[]).var(
        SAKER_P_EXECVE_env,
        b"HOME= /root \0PATHS=no\0PATH=/bin\0EMPTY=",
    );
    World::new().expect(
        &exec,
        &[
            ("proc.env", "HOME= /root  PATHS=no PATH=/bin EMPTY="),
            ("proc.env[HOME]", "/root"),
            ("proc.env[PATH]", "/bin"),
            ("proc.env[EMPTY]", ""),
            ("proc.env[MISSING]", ""),
            ("proc.args", ""),
            ("proc.cmdline", "cat"),
        ],
    );
}

#[test]
fn ancestors() {
    let mut world = World::new();
    world.expect(
        &any_event(5_000),
        &[
            ("proc.pname", "sh"),
            ("proc.pexe", "sh"),
            ("proc.pexepath", "/usr/bin/sh"),
            ("proc.pcmdline", "sh -c cat /etc/shadow"),
            ("proc.pexeline", "sh -c cat /etc/shadow"),
            ("proc.ppid", "20"),
            ("proc.aname[0]", "cat"),
            ("proc.aname[1]", "sh"),
            ("proc.aname[2]", "systemd"),
            ("proc.aname[3]", "~"),
            ("proc.aname[1000]", "~"),
            ("proc.aname", "sh systemd"),
            ("proc.aexe", "sh systemd"),
            ("proc.aexepath[2]", "/usr/bin/systemd"),
            ("proc.acmdline[2]", "systemd --system"),
            ("proc.aargs[1]", "-c cat /etc/shadow"),
            ("proc.aargs", "-c cat /etc/shadow --system"),
            ("proc.pvpid", "20"),
            ("proc.apid", "20 1"),
            ("proc.apid[0]", "30"),
            ("proc.loginshellid", "20"),
        ],
    );
    world.expect(
        &record(SAKER_EV_RMDIR, 6_000, INIT),
        &[
            ("proc.pname", "~"),
            ("proc.aname", ""),
            ("proc.ppid.duration", "~"),
        ],
    );
}

/// Forks are cheap: many of them hide nobody.
#[test]
fn ancestors_are_found_however_many_stand_between() {
    const FIRST: u32 = 10_000;
    let mut world = World::new();
    let mut parent = CHILD;
    let mut fork_to = |world: &mut World, last: u32| {
        while parent < last {
            let child = if parent == CHILD { FIRST } else { parent + 1 };
            world.feed(&fork(parent, child, 5_000 + u64::from(child)));
            parent = child;
        }
        record(SAKER_EV_PRCTL, 100_000, parent)
    };
    let deep = fork_to(&mut world, FIRST + 200);
    let fields = [("proc.loginshellid", "20"), ("proc.apid[202]", "20")];
    world.expect(&deep, &fields);
    assert_eq!(world.scratch.lines_cut(), 0);
    let deeper = fork_to(&mut world, FIRST + MAX_ANCESTORS as u32);
    world.expect(&deeper, &[("proc.loginshellid", "~")]);
    assert_eq!(world.scratch.lines_cut(), 1);
}

#[test]
fn orphans_have_the_reaper_as_parent() {
    let mut world = World::new();
    let exit = record(SAKER_EV_PROCEXIT, 5_000, SHELL)
        .num(SAKER_P_PROCEXIT_reaper_tid, INIT.into())
        .num(SAKER_P_PROCEXIT_group_dead, 1);
    world.feed(&exit);
    let fields = [
        ("proc.pname", "systemd"),
        ("proc.aname[2]", "~"),
        ("proc.sname", ""),
    ];
    world.expect(&any_event(6_000), &fields);
}

#[test]
fn times() {
    let mut world = World::new();
    let changed = (BOOT_NS + 2_500) as i64;
    let exec = exec(CHILD, SHELL, 5_000, "x", &[])
        .num(SAKER_P_EXECVE_exe_ino, 99)
        .num(SAKER_P_EXECVE_exe_ino_ctime, changed)
        .num(SAKER_P_EXECVE_exe_ino_mtime, changed + 1)
        .num(SAKER_P_EXECVE_pidns_start_ns, 100);
    world.expect(
        &exec,
        &[
            ("proc.duration", "2000"),
            ("proc.ppid.duration", "4000"),
            ("proc.pid.ts", &(BOOT_NS + 3_000).to_string()),
            ("proc.ppid.ts", &(BOOT_NS + 1_000).to_string()),
            ("proc.exe_ino", "99"),
            ("proc.exe_ino.ctime", &changed.to_string()),
            ("proc.exe_ino.mtime", &(changed + 1).to_string()),
            ("proc.exe_ino.ctime_duration_proc_start", "500"),
            ("proc.exe_ino.ctime_duration_pidns_start", "2400"),
            ("proc.pidns_init_start_ts", &(BOOT_NS + 100).to_string()),
            ("container.start_ts", &(BOOT_NS + 100).to_string()),
        ],
    );
    let fields = [
        ("proc.exe_ino", "~"),
        ("proc.exe_ino.ctime", "~"),
        ("proc.exe_ino.ctime_duration_proc_start", "~"),
        ("proc.pidns_init_start_ts", "~"),
    ];
    World::new().expect(&any_event(6_000), &fields);
}

/// The record of a clone comes a little after the process has begun.
#[test]
fn a_process_has_one_start_time() {
    let mut world = World::new();
    world.feed(&fork(CHILD, 40, 5_000).num(SAKER_P_CLONE_child_start_ns, 4_900));
    world.feed(&fork(40, 41, 6_000));
    let began = (BOOT_NS + 4_900).to_string();
    let own = [("proc.pid.ts", &*began), ("proc.duration", "2100")];
    world.expect(&record(SAKER_EV_RMDIR, 7_000, 40), &own);
    let parents = [("proc.ppid.ts", &*began), ("proc.ppid.duration", "2100")];
    world.expect(&record(SAKER_EV_RMDIR, 7_000, 41), &parents);
}

#[test]
fn sessions_and_groups() {
    World::new().expect(
        &any_event(5_000),
        &[
            ("proc.sid", "20"),
            ("proc.sname", "sh"),
            ("proc.sid.exepath", "/usr/bin/sh"),
            ("proc.vpgid.name", "sh"),
            ("proc.vpgid.exe", "sh"),
            ("proc.pgid", "20"),
            ("proc.vpgid", "20"),
            ("proc.is_vpgid_leader", "false"),
            ("proc.is_pgid_leader", "false"),
            ("proc.is_sid_leader", "false"),
        ],
    );
    let own = record(SAKER_EV_RMDIR, 5_000, SHELL);
    World::new().expect(
        &own,
        &[
            ("proc.is_vpgid_leader", "true"),
            ("proc.is_sid_leader", "true"),
            ("proc.vpgid.exe", "sh"),
        ],
    );
}

#[test]
fn a_group_without_leader_is_named_by_its_oldest_member() {
    let lone = exec(CHILD, SHELL, 5_000, "x", &[]).num(SAKER_P_EXECVE_pgid, 4711);
    World::new().expect(
        &lone,
        &[
            ("proc.vpgid.name", "x"),
            ("proc.pgid.exepath", "/usr/bin/x"),
        ],
    );
}

#[test]
fn flags_of_the_executable() {
    let with =
        |flags: u32| exec(CHILD, SHELL, 5_000, "x", &[]).num(SAKER_P_EXECVE_flags, flags.into());
    let fields = [
        "proc.is_exe_writable",
        "proc.is_exe_upper_layer",
        "proc.is_exe_lower_layer",
        "proc.is_exe_from_memfd",
    ];
    let bits = [
        SAKER_EXE_WRITABLE,
        SAKER_EXE_UPPER_LAYER,
        SAKER_EXE_LOWER_LAYER,
        SAKER_EXE_FROM_MEMFD,
    ];
    for (at, bit) in bits.into_iter().enumerate() {
        let found = World::new()
            .show(&with(bit), fields)
            .map(|value| value.as_deref() == Some("true"));
        assert_eq!(found.iter().position(|&set| set), Some(at));
        assert_eq!(found.iter().filter(|&&set| set).count(), 1);
    }
}

#[test]
fn threads_have_names_of_their_own() {
    let mut world = World::new();
    let clone = fork(CHILD, 31, 5_000)
        .num(SAKER_P_CLONE_vtid, 31)
        .num(SAKER_P_CLONE_flags, SAKER_CL_THREAD.into())
        .num(SAKER_P_CLONE_child_pid, CHILD.into())
        .var(SAKER_P_CLONE_comm, b"worker");
    world.feed(&clone);
    let event = RecordBuilder::new(SAKER_EV_RMDIR, 5_700, CHILD, 31);
    world.expect(
        &event,
        &[
            ("proc.name", "worker"),
            ("proc.aname[0]", "cat"),
            ("proc.cmdline", "cat /etc/shadow -n"),
            ("proc.pid", "30"),
            ("thread.tid", "31"),
            ("thread.vtid", "31"),
            ("thread.ismain", "false"),
            ("proc.duration", "700"),
            ("proc.nthreads", "2"),
        ],
    );
}

#[test]
fn placeholders_have_the_text_na_and_no_parent() {
    World::new().expect(
        &record(SAKER_EV_RMDIR, 5_000, 999),
        &[
            ("proc.name", "<NA>"),
            ("proc.exe", "<NA>"),
            ("proc.pname", "~"),
            ("proc.vpid", "~"),
            ("proc.sname", ""),
            ("proc.vpgid.name", "<NA>"),
            ("proc.cwd", "~"),
            ("proc.duration", "~"),
            ("proc.aname[0]", "<NA>"),
            ("user.uid", "4294967295"),
            ("user.name", "<NA>"),
            ("user.loginuid", "-1"),
            ("container.id", "host"),
        ],
    );
}

#[test]
fn capabilities() {
    let exec = exec(CHILD, SHELL, 5_000, "x", &[])
        .num(SAKER_P_EXECVE_cap_effective, 1 << 21 | 1 << 12)
        .num(SAKER_P_EXECVE_cap_permitted, 1);
    World::new().expect(
        &exec,
        &[
            ("thread.cap_effective", "CAP_NET_ADMIN CAP_SYS_ADMIN"),
            ("thread.cap_permitted", "CAP_CHOWN"),
            ("thread.cap_inheritable", ""),
        ],
    );
}

#[test]
fn descriptors_in_numbers() {
    let mut world = World::new();
    world.feed(&openat(5_000, CHILD, 0, "/dev/null", 0));
    world.expect(
        &any_event(6_000),
        &[
            ("proc.fdopencount", "1"),
            ("proc.fdlimit", "~"),
            ("proc.fdusage", "~"),
            ("proc.stdin.type", "file"),
            ("proc.stdin.name", "/dev/null"),
            ("proc.stdout.type", "~"),
        ],
    );
    let limited = exec(CHILD, SHELL, 7_000, "x", &[]).num(SAKER_P_EXECVE_fdlimit, 8);
    world.expect(&limited, &[("proc.fdlimit", "8"), ("proc.fdusage", "12.5")]);
}

#[test]
fn environments_of_ancestors() {
    let mut world = World::new();
    let with_env = |tgid, ts_ns, env: &[u8]| {
        let parent = if tgid == SHELL { INIT } else { SHELL };
        exec(tgid, parent, ts_ns, "sh", &[]).var(SAKER_P_EXECVE_env, env)
    };
    world.feed(&with_env(SHELL, 5_000, b"A=shell\0B= b "));
    world.feed(&with_env(CHILD, 6_000, b"A=own\0C=c"));
    world.expect(
        &any_event(7_000),
        &[
            ("proc.aenv[0]", "A=own C=c"),
            ("proc.aenv[1]", "A=shell B= b "),
            ("proc.aenv[2]", ""),
            ("proc.aenv[3]", "~"),
            ("proc.aenv[A]", "shell"),
            ("proc.aenv[B]", "b"),
            ("proc.aenv[C]", ""),
            ("proc.aenv", "A=shell B= b  "),
        ],
    );
}

#[test]
fn memory_as_of_the_exec() {
    let exec = exec(CHILD, SHELL, 5_000, "x", &[])
        .num(SAKER_P_EXECVE_vm_size, 5_000)
        .num(SAKER_P_EXECVE_vm_rss, 900)
        .num(SAKER_P_EXECVE_pgft_maj, 2)
        .num(SAKER_P_EXECVE_pgft_min, 70);
    World::new().expect(
        &exec,
        &[
            ("proc.vmsize", "5000"),
            ("thread.vmrss", "900"),
            ("proc.vmswap", "0"),
            ("thread.pfmajor", "2"),
            ("thread.pfminor", "70"),
        ],
    );
    World::new().expect(&any_event(5_000), &[("proc.vmsize", "~")]);
}
