//! `evt.args`, `evt.arg.X`, `evt.rawarg.X`: rules-spec E4.

use saker_abi::raw::*;

use crate::world::{CHILD, SHELL, World, connect, exec, fork, openat, record, tcp};

const O_DIRECTORY: i64 = 0o200_000;
const O_CLOEXEC: i64 = 0o2_000_000;

#[test]
fn a_packet_socket_as_falco_prints_it() {
    let socket = record(SAKER_EV_SOCKET, 5_000, CHILD)
        .num(SAKER_P_SOCKET_fd, 3)
        .num(SAKER_P_SOCKET_domain, 17)
        .num(SAKER_P_SOCKET_type, 3)
        .num(SAKER_P_SOCKET_proto, 768);
    let args = "fd=3(<o>) domain=17(AF_PACKET) type=3 proto=768 flags=0(O_NONE)";
    World::new().expect(
        &socket,
        &[
            ("evt.args", args),
            ("evt.arg.domain", "AF_PACKET"),
            ("evt.arg.flags", "O_NONE"),
            ("evt.rawarg.domain", "17"),
            ("evt.arg[1]", "AF_PACKET"),
        ],
    );
}

#[test]
fn opens() {
    let mut world = World::new();
    world.expect(
        &openat(5_000, CHILD, 3, "/etc//shadow", O_CLOEXEC),
        &[
            (
                "evt.args",
                "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc//shadow \
                 flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=0 ino=0",
            ),
            ("evt.arg.name", "/etc//shadow"),
            ("evt.arg.fd", "<f>/etc/shadow"),
            ("evt.arg.dirfd", "AT_FDCWD"),
            ("evt.rawarg.flags", "4097"),
            ("evt.rawarg.fd", "3"),
        ],
    );
    world.expect(
        &openat(6_000, CHILD, -2, "a/../b", 0o101).num(SAKER_P_OPENAT_mode, 0o644),
        &[
            (
                "evt.args",
                "fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=a/../b(/work/b) \
                 flags=6(O_CREAT|O_WRONLY) mode=0644 dev=0 ino=0",
            ),
            ("evt.arg.name", "/work/b"),
            ("evt.rawarg.name", "a/../b"),
            ("evt.arg.mode", "0644"),
            ("evt.arg.fd", "ENOENT"),
        ],
    );
}

#[test]
fn paths_relative_to_a_directory_descriptor() {
    let mut world = World::new();
    world.feed(&openat(5_000, CHILD, 5, "/etc", O_DIRECTORY));
    let open = openat(6_000, CHILD, 6, "shadow", 0).num(SAKER_P_OPENAT_dirfd, 5);
    let name = [
        ("evt.arg.name", "/etc/shadow"),
        ("evt.arg.dirfd", "<d>/etc"),
    ];
    world.expect(&open, &name);
    // What the register holds above an int means nothing.
    let open = openat(7_000, CHILD, 6, "shadow", 0).num(SAKER_P_OPENAT_dirfd, 0xffff_ff9c);
    world.expect(
        &open,
        &[
            ("evt.arg.name", "/work/shadow"),
            ("evt.arg.dirfd", "AT_FDCWD"),
        ],
    );
    let open = openat(8_000, CHILD, -9, "shadow", 0).num(SAKER_P_OPENAT_dirfd, 77);
    world.expect(
        &open,
        &[
            ("evt.arg.name", "<UNKNOWN>/shadow"),
            ("evt.arg.dirfd", "77"),
        ],
    );
}

#[test]
fn facts_about_the_file_are_flags() {
    let facts = SAKER_FILE_CREATED | SAKER_FILE_UPPER | 0o100_644;
    let open = openat(5_000, CHILD, 3, "/x", 0o101).num(SAKER_P_OPENAT_facts, facts.into());
    let flags = "O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER";
    World::new().expect(&open, &[("evt.arg.flags", flags)]);
    let creat = record(SAKER_EV_CREAT, 5_000, CHILD)
        .num(SAKER_P_CREAT_fd, 3)
        .num(SAKER_P_CREAT_facts, facts.into())
        .num(SAKER_P_CREAT_mode, 0o600)
        .var(SAKER_P_CREAT_name, b"/x");
    World::new().expect(
        &creat,
        &[
            ("evt.arg.creat_flags", "FD_UPPER_LAYER_CREAT"),
            ("evt.arg.mode", "0600"),
            ("evt.arg.flags", "~"),
        ],
    );
}

#[test]
fn a_mode_counts_only_with_flags_that_create() {
    let open = |flags| openat(5_000, CHILD, 3, "/x", flags).num(SAKER_P_OPENAT_mode, 0x7fff_0755);
    World::new().expect(&open(0), &[("evt.arg.mode", "0")]);
    World::new().expect(&open(O_DIRECTORY), &[("evt.arg.mode", "0")]);
    World::new().expect(&open(0o100), &[("evt.arg.mode", "03525")]);
}

#[test]
fn chmod_names_its_bits() {
    let chmod = record(SAKER_EV_FCHMODAT, 5_000, CHILD)
        .num(SAKER_P_FCHMODAT_dirfd, -100)
        .num(SAKER_P_FCHMODAT_mode, 0o4711)
        .var(SAKER_P_FCHMODAT_filename, b"tool");
    World::new().expect(
        &chmod,
        &[
            (
                "evt.arg.mode",
                "S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID",
            ),
            ("evt.arg.filename", "/work/tool"),
            ("evt.rawarg.mode", "04711"),
            (
                "evt.args",
                "res=0 dirfd=-100(AT_FDCWD) filename=tool(/work/tool) \
                 mode=04711(S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)",
            ),
        ],
    );
}

#[test]
fn links() {
    let symlink = record(SAKER_EV_SYMLINKAT, 5_000, CHILD)
        .num(SAKER_P_SYMLINKAT_linkdirfd, -100)
        .var(SAKER_P_SYMLINKAT_target, b"../etc/shadow")
        .var(SAKER_P_SYMLINKAT_linkpath, b"link");
    World::new().expect(
        &symlink,
        &[
            ("evt.arg.target", "../etc/shadow"),
            ("evt.arg.linkpath", "/work/link"),
        ],
    );
    let link = record(SAKER_EV_LINKAT, 5_000, CHILD)
        .num(SAKER_P_LINKAT_olddir, -100)
        .num(SAKER_P_LINKAT_newdir, -100)
        .num(SAKER_P_LINKAT_flags, 0x400)
        .var(SAKER_P_LINKAT_oldpath, b"/etc/shadow")
        .var(SAKER_P_LINKAT_newpath, b"copy");
    World::new().expect(
        &link,
        &[
            ("evt.arg.oldpath", "/etc/shadow"),
            ("evt.arg.newpath", "/work/copy"),
            ("evt.arg.flags", "AT_SYMLINK_FOLLOW"),
        ],
    );
}

#[test]
fn users_signals_processes() {
    let setuid = |uid: i64| {
        let record = record(SAKER_EV_SETUID, 5_000, CHILD).num(SAKER_P_SETUID_uid, uid);
        record.num(SAKER_P_SETUID_now_euid, uid)
    };
    let name = |uid, name| World::new().expect(&setuid(uid), &[("evt.arg.uid", name)]);
    name(33, "www-data");
    name(0, "root");
    name(77, "<NA>");
    name(0xffff_ffff, "<NONE>");
    World::new().expect(&setuid(-1), &[("evt.args", "res=0 uid=-1(<NONE>)")]);
    World::new().expect(
        &setuid(33),
        &[("evt.rawarg.uid", "33"), ("user.name", "www-data")],
    );
    let kill = record(SAKER_EV_KILL, 5_000, CHILD)
        .num(SAKER_P_KILL_res, -1)
        .num(SAKER_P_KILL_pid, SHELL.into())
        .num(SAKER_P_KILL_sig, 9);
    World::new().expect(
        &kill,
        &[("evt.args", "res=-1(EPERM) pid=20(sh) sig=9(SIGKILL)")],
    );
    let stranger = kill.num(SAKER_P_KILL_pid, 4711);
    World::new().expect(
        &stranger,
        &[("evt.arg.pid", "4711"), ("evt.arg.sig", "SIGKILL")],
    );
}

/// Whom a signal ends may be gone before the call that sent it returns.
#[test]
fn processes_that_a_call_ended_have_a_name() {
    let mut world = World::new();
    let exit = record(SAKER_EV_PROCEXIT, 5_000, SHELL).num(SAKER_P_PROCEXIT_group_dead, 1);
    world.feed(&exit);
    let kill = |res| {
        record(SAKER_EV_KILL, 5_100, CHILD)
            .num(SAKER_P_KILL_res, res)
            .num(SAKER_P_KILL_pid, SHELL.into())
            .num(SAKER_P_KILL_sig, 9)
    };
    world.expect(&kill(0), &[("evt.arg.pid", "sh")]);
    world.expect(&kill(-3), &[("evt.arg.pid", "20")]);
}

#[test]
fn requests_and_commands() {
    let one = |event, slot, value: i64, field: &str, name: &str| {
        World::new().expect(
            &record(event, 5_000, CHILD).num(slot, value),
            &[(field, name)],
        );
    };
    one(
        SAKER_EV_PTRACE,
        SAKER_P_PTRACE_request,
        16,
        "evt.arg.request",
        "PTRACE_ATTACH",
    );
    one(
        SAKER_EV_BPF,
        SAKER_P_BPF_cmd,
        5,
        "evt.arg.cmd",
        "BPF_PROG_LOAD",
    );
    one(
        SAKER_EV_BPF,
        SAKER_P_BPF_cmd,
        10,
        "evt.arg.cmd",
        "BPF_PROG_TEST_RUN|BPF_PROG_RUN",
    );
    one(SAKER_EV_BPF, SAKER_P_BPF_cmd, 999, "evt.arg.cmd", "999");
    one(
        SAKER_EV_PRCTL,
        SAKER_P_PRCTL_option,
        38,
        "evt.arg.option",
        "PR_SET_NO_NEW_PRIVS",
    );
    one(
        SAKER_EV_FCNTL,
        SAKER_P_FCNTL_cmd,
        1030,
        "evt.arg.cmd",
        "F_DUPFD_CLOEXEC",
    );
    one(
        SAKER_EV_UNSHARE,
        SAKER_P_UNSHARE_flags,
        0x1000_0000,
        "evt.arg.flags",
        "CLONE_NEWUSER",
    );
    one(
        SAKER_EV_SETNS,
        SAKER_P_SETNS_nstype,
        0x0002_0000,
        "evt.arg.nstype",
        "CLONE_NEWNS",
    );
    one(
        SAKER_EV_MOUNT,
        SAKER_P_MOUNT_flags,
        0xc0ed_1000,
        "evt.arg.flags",
        "BIND",
    );
    one(
        SAKER_EV_UMOUNT2,
        SAKER_P_UMOUNT2_flags,
        2,
        "evt.arg.flags",
        "DETACH",
    );
    one(
        SAKER_EV_UNLINKAT,
        SAKER_P_UNLINKAT_flags,
        0x200,
        "evt.arg.flags",
        "AT_REMOVEDIR",
    );
    one(
        SAKER_EV_DELETE_MODULE,
        SAKER_P_DELETE_MODULE_flags,
        0o4000,
        "evt.arg.flags",
        "O_NONBLOCK",
    );
    one(
        SAKER_EV_OPENAT2,
        SAKER_P_OPENAT2_resolve,
        8,
        "evt.arg.resolve",
        "RESOLVE_BENEATH",
    );
    one(
        SAKER_EV_MKDIR,
        SAKER_P_MKDIR_mode,
        0o755,
        "evt.arg.mode",
        "1ED",
    );
}

#[test]
fn programs() {
    let exec = exec(CHILD, SHELL, 5_000, "id", &["-u", "\u{1}"])
        .num(
            SAKER_P_EXECVE_flags,
            (SAKER_EXE_WRITABLE | SAKER_EXE_FROM_MEMFD).into(),
        )
        .num(SAKER_P_EXECVE_exe_ino_mtime, 1_000_000_001)
        .var(SAKER_P_EXECVE_filename, b"./id");
    World::new().expect(
        &exec,
        &[
            ("evt.arg.flags", "EXE_WRITABLE|EXE_FROM_MEMFD"),
            ("evt.arg.exe", "id"),
            ("evt.arg.args", "-u..."),
            ("evt.arg.filename", "/work/id"),
            ("evt.arg.ptid", "sh"),
            ("evt.arg.loginuid", "<NONE>"),
            ("evt.arg.env", "NULL"),
            (
                "evt.arg.exe_ino_mtime",
                "1970-01-01 00:00:01.000000001 +0000",
            ),
            ("evt.rawarg.exe_ino_mtime", "1000000001"),
            ("evt.rawarg.flags", "5"),
        ],
    );
}

#[test]
fn socket_ends() {
    let tuple = tcp(([10, 0, 0, 5], 5000), ([8, 8, 8, 8], 443));
    let call =
        connect(5_000, -115, 4, &tuple).var(SAKER_P_CONNECT_addr, &[2, 0, 1, 187, 8, 8, 8, 8]);
    World::new().expect(
        &call,
        &[(
            "evt.args",
            "res=-115(EINPROGRESS) tuple=10.0.0.5:5000->8.8.8.8:443 \
             fd=4(<4t>10.0.0.5:5000->8.8.8.8:443) addr=8.8.8.8:443",
        )],
    );
    let accept = record(SAKER_EV_ACCEPT, 5_000, CHILD)
        .num(SAKER_P_ACCEPT_fd, 4)
        .tuple(SAKER_P_ACCEPT_tuple, &tuple);
    World::new().expect(&accept, &[("evt.arg.tuple", "8.8.8.8:443->10.0.0.5:5000")]);
    for (event, slot, from) in [
        (
            SAKER_EV_SENDTO,
            SAKER_P_SENDTO_tuple,
            "10.0.0.5:5000->8.8.8.8:443",
        ),
        (
            SAKER_EV_RECVFROM,
            SAKER_P_RECVFROM_tuple,
            "8.8.8.8:443->10.0.0.5:5000",
        ),
        (
            SAKER_EV_RECVMSG,
            SAKER_P_RECVMSG_tuple,
            "8.8.8.8:443->10.0.0.5:5000",
        ),
        (
            SAKER_EV_RECVMMSG,
            SAKER_P_RECVMMSG_tuple,
            "8.8.8.8:443->10.0.0.5:5000",
        ),
    ] {
        let moved = record(event, 5_000, CHILD).tuple(slot, &tuple);
        World::new().expect(&moved, &[("evt.arg.tuple", from)]);
    }
    let nothing = record(SAKER_EV_CONNECT, 5_000, CHILD).num(SAKER_P_CONNECT_fd, 9);
    World::new().expect(&nothing, &[("evt.args", "res=0 tuple=NULL fd=9 addr=NULL")]);
}

#[test]
fn forks_print_plain_ids() {
    let clone = fork(SHELL, 40, 5_000).num(SAKER_P_CLONE_flags, SAKER_CL_FILES.into());
    World::new().expect(
        &clone,
        &[
            ("evt.arg.flags", "CLONE_FILES"),
            ("evt.arg.uid", "0"),
            ("evt.arg.res", "sh"),
        ],
    );
}

#[test]
fn what_an_event_lacks_is_absent() {
    let rmdir = record(SAKER_EV_RMDIR, 5_000, CHILD);
    World::new().expect(
        &rmdir,
        &[
            ("evt.arg.flags", "~"),
            ("evt.rawarg.flags", "~"),
            ("evt.arg[9]", "~"),
            ("evt.arg.path", "<NA>"),
            ("evt.arg.queuelen", "~"),
        ],
    );
    // `data` is a number of ptrace and bytes elsewhere, of which the type is.
    let ptrace = record(SAKER_EV_PTRACE, 5_000, CHILD).num(SAKER_P_PTRACE_data, 0xabc);
    World::new().expect(
        &ptrace,
        &[("evt.arg.data", "ABC"), ("evt.rawarg.data", "~")],
    );
}
