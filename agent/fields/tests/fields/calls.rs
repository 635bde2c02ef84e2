//! Print forms of what only a few events have: lists of descriptors, spans, sets of signals, commands, and the
//! events of calls that have none of their own.

use saker_abi::raw::*;

use crate::world::{CHILD, SHELL, World, connect, openat, record, tcp};

#[test]
fn memory() {
    let mmap = record(SAKER_EV_MMAP, 5_000, CHILD)
        .num(SAKER_P_MMAP_res, 0x7f00_1000)
        .num(SAKER_P_MMAP_vm_size, 100)
        .num(SAKER_P_MMAP_addr, 0xdead_0000)
        .num(SAKER_P_MMAP_length, 8192)
        .num(SAKER_P_MMAP_prot, 7)
        .num(SAKER_P_MMAP_flags, 0x22)
        .num(SAKER_P_MMAP_fd, -1)
        .num(SAKER_P_MMAP_offset, 0);
    World::new().expect(
        &mmap,
        &[
            (
                "evt.args",
                "res=7F001000 vm_size=100 vm_rss=0 vm_swap=0 addr=DEAD0000 length=8192 \
                 prot=7(PROT_READ|PROT_WRITE|PROT_EXEC) flags=10(MAP_PRIVATE|MAP_ANONYMOUS) \
                 fd=-1(EPERM) offset=0",
            ),
            ("evt.res", "SUCCESS"),
            ("evt.arg.prot", "PROT_READ|PROT_WRITE|PROT_EXEC"),
        ],
    );
    let failed = mmap.num(SAKER_P_MMAP_res, -12);
    World::new().expect(&failed, &[("evt.res", "ENOMEM"), ("evt.arg.res", "ENOMEM")]);
    let protect = record(SAKER_EV_MPROTECT, 5_000, CHILD).num(SAKER_P_MPROTECT_addr, 0x1000);
    World::new().expect(
        &protect,
        &[("evt.arg.prot", "PROT_NONE"), ("evt.arg.addr", "1000")],
    );
}

#[test]
fn polled_descriptors() {
    let mut world = World::new();
    world.feed(&openat(4_500, CHILD, 3, "/etc/passwd", 0));
    let mut fds = Vec::new();
    for (fd, reported) in [(3_i32, 0x1_u16), (-1, 0), (9, 0x2011)] {
        fds.extend(fd.to_le_bytes());
        fds.extend([0x01, 0]);
        fds.extend(reported.to_le_bytes());
    }
    let poll = record(SAKER_EV_POLL, 5_000, CHILD)
        .num(SAKER_P_POLL_res, 2)
        .num(SAKER_P_POLL_timeout, -1)
        .var(SAKER_P_POLL_fds, &fds);
    world.expect(
        &poll,
        &[
            ("evt.arg.fds", "3:f1 -1:?0 9:?29"),
            ("evt.args", "res=2 fds=3:f1 -1:?0 9:?29 timeout=-1"),
        ],
    );
    // A cut one is not there.
    let cut = record(SAKER_EV_POLL, 6_000, CHILD).var(SAKER_P_POLL_fds, &fds[..11]);
    world.expect(&cut, &[("evt.arg.fds", "3:f1")]);
    let none = record(SAKER_EV_POLL, 7_000, CHILD);
    world.expect(&none, &[("evt.arg.fds", "NULL")]);
}

#[test]
fn lists_of_descriptors() {
    let mut world = World::new();
    world.feed(&openat(4_100, CHILD, 3, "/etc/passwd", 0));
    let client = tcp(([10, 0, 0, 5], 5000), ([8, 8, 8, 8], 443));
    world.feed(&connect(4_200, 0, 4, &client));
    let served = tcp(([10, 0, 0, 5], 80), ([9, 9, 9, 9], 6000));
    let accept = record(SAKER_EV_ACCEPT4, 4_300, CHILD)
        .num(SAKER_P_ACCEPT4_fd, 5)
        .tuple(SAKER_P_ACCEPT4_tuple, &served);
    world.feed(&accept);
    let list = |numbers: &[i32]| {
        let entries = numbers.iter().flat_map(|number| {
            let bytes = number.to_le_bytes();
            bytes.into_iter().chain([1, 0, 1, 0])
        });
        entries.collect::<Vec<u8>>()
    };
    let ppoll = record(SAKER_EV_PPOLL, 5_000, CHILD).var(SAKER_P_PPOLL_fds, &list(&[3, 5, 9, 4]));
    world.expect(
        &ppoll,
        &[
            ("fdlist.nums", "3,5,9,4"),
            (
                "fdlist.names",
                "/etc/passwd,9.9.9.9:6000->10.0.0.5:80,<NA>,10.0.0.5:5000->8.8.8.8:443",
            ),
            ("fdlist.cips", "9.9.9.9,10.0.0.5"),
            ("fdlist.sips", "10.0.0.5,8.8.8.8"),
            ("fdlist.cports", "6000,5000"),
            ("fdlist.sports", "80,443"),
        ],
    );
    let file = record(SAKER_EV_POLL, 6_000, CHILD).var(SAKER_P_POLL_fds, &list(&[3]));
    let fields = [
        ("fdlist.nums", "3"),
        ("fdlist.names", "/etc/passwd"),
        ("fdlist.cips", "~"),
        ("fdlist.sports", "~"),
    ];
    world.expect(&file, &fields);
    let nothing = [("fdlist.nums", "~"), ("fdlist.names", "~")];
    world.expect(&record(SAKER_EV_POLL, 7_000, CHILD), &nothing);
    world.expect(&record(SAKER_EV_RMDIR, 8_000, CHILD), &nothing);
}

#[test]
fn spans_and_signals() {
    let ppoll = record(SAKER_EV_PPOLL, 5_000, CHILD)
        .num(SAKER_P_PPOLL_timeout, 1_500_000_000)
        .num(SAKER_P_PPOLL_sigmask, 1 << 1 | 1 << 8);
    World::new().expect(
        &ppoll,
        &[
            ("evt.arg.timeout", "1.500000000s"),
            ("evt.rawarg.timeout", "1500000000"),
            ("evt.arg.sigmask", "SIGINT SIGKILL"),
            (
                "evt.args",
                "res=0 fds=NULL timeout=1500000000(1.500000000s) sigmask=0x102(SIGINT SIGKILL)",
            ),
        ],
    );
    let forever = record(SAKER_EV_PPOLL, 5_000, CHILD).num(SAKER_P_PPOLL_timeout, -1);
    World::new().expect(
        &forever,
        &[
            ("evt.arg.timeout", "none"),
            ("evt.rawarg.timeout", "-1"),
            ("evt.arg.sigmask", "0x0"),
        ],
    );
    let killed = record(SAKER_EV_SIGNALDELIVER, 5_000, CHILD)
        .num(SAKER_P_SIGNALDELIVER_spid, SHELL.into())
        .num(SAKER_P_SIGNALDELIVER_dpid, CHILD.into())
        .num(SAKER_P_SIGNALDELIVER_sig, 9);
    World::new().expect(
        &killed,
        &[
            ("evt.args", "spid=20(sh) dpid=30(cat) sig=9(SIGKILL)"),
            ("evt.res", "~"),
            ("evt.dir", ">"),
            ("syscall.type", "~"),
        ],
    );
}

#[test]
fn commands_and_their_parts() {
    let quota = record(SAKER_EV_QUOTACTL, 5_000, CHILD)
        .num(SAKER_P_QUOTACTL_cmd, 0x8000_0701)
        .num(SAKER_P_QUOTACTL_type, 0x8000_0701)
        .num(SAKER_P_QUOTACTL_dqb_btime, 3_000_000_000)
        .var(SAKER_P_QUOTACTL_special, b"/dev/sda1");
    World::new().expect(
        &quota,
        &[
            ("evt.arg.cmd", "Q_GETQUOTA"),
            ("evt.arg.type", "GRPQUOTA"),
            ("evt.arg.dqb_btime", "3.000000000s"),
            ("evt.arg.quota_fmt", "QFMT_NOT_USED"),
            ("evt.arg.quotafilepath", "<NA>"),
            ("evt.arg.special", "/dev/sda1"),
        ],
    );
    let semctl = record(SAKER_EV_SEMCTL, 5_000, CHILD).num(SAKER_P_SEMCTL_cmd, 0x110);
    World::new().expect(
        &semctl,
        &[("evt.arg.cmd", "SETVAL"), ("evt.rawarg.cmd", "16")],
    );
    let futex = |op| record(SAKER_EV_FUTEX, 5_000, CHILD).num(SAKER_P_FUTEX_op, op);
    World::new().expect(
        &futex(0x81),
        &[("evt.arg.op", "FUTEX_PRIVATE_FLAG|FUTEX_WAKE")],
    );
    World::new().expect(&futex(0), &[("evt.arg.op", "FUTEX_WAIT")]);
    World::new().expect(&futex(12), &[("evt.arg.op", "FUTEX_CMP_REQUEUE_PI")]);
    let keyctl = record(SAKER_EV_KEYCTL, 5_000, CHILD)
        .num(SAKER_P_KEYCTL_operation, 11)
        .num(SAKER_P_KEYCTL_arg2, -3);
    World::new().expect(
        &keyctl,
        &[(
            "evt.args",
            "res=0 operation=11(KEYCTL_READ) arg2=-3 arg3=0 arg4=0 arg5=0",
        )],
    );
    let limit = record(SAKER_EV_PRLIMIT, 5_000, CHILD)
        .num(SAKER_P_PRLIMIT_newcur, -1)
        .num(SAKER_P_PRLIMIT_resource, 7);
    World::new().expect(
        &limit,
        &[
            ("evt.arg.resource", "RLIMIT_NOFILE"),
            ("evt.arg.newcur", "-1"),
        ],
    );
}

#[test]
fn nodes_have_a_type_and_a_mode() {
    let mknod = |mode| {
        record(SAKER_EV_MKNOD, 5_000, CHILD)
            .num(SAKER_P_MKNOD_mode, mode)
            .var(SAKER_P_MKNOD_path, b"node")
    };
    let expect = |mode, text: &str| {
        World::new().expect(
            &mknod(mode),
            &[("evt.arg.mode", text), ("evt.arg.path", "/work/node")],
        );
    };
    expect(0o010_600, "S_IWUSR|S_IRUSR|S_IFIFO");
    expect(0o060_000, "S_IFBLK");
    expect(0o020_001, "S_IXOTH|S_IFCHR");
    expect(0o140_000, "S_IFSOCK");
    expect(0o100_000, "S_IFREG");
    expect(0, "0");
}

#[test]
fn descriptors_without_a_file() {
    let mut world = World::new();
    for (ts, event, kind) in [
        (5_000, SAKER_EV_EVENTFD2, "event"),
        (5_001, SAKER_EV_SIGNALFD4, "signalfd"),
        (5_002, SAKER_EV_TIMERFD_CREATE, "timerfd"),
        (5_003, SAKER_EV_INOTIFY_INIT, "inotify"),
        (5_004, SAKER_EV_EPOLL_CREATE1, "eventpoll"),
        (5_005, SAKER_EV_USERFAULTFD, "userfaultfd"),
        (5_006, SAKER_EV_IO_URING_SETUP, "io_uring"),
        (5_007, SAKER_EV_PIDFD_OPEN, "pidfd"),
    ] {
        let made = record(event, ts, CHILD).num(0, 7);
        world.expect(&made, &[("fd.type", kind), ("fd.num", "7")]);
    }
    let flags = record(SAKER_EV_EVENTFD2, 6_000, CHILD)
        .num(SAKER_P_EVENTFD2_res, 8)
        .num(SAKER_P_EVENTFD2_flags, 0o2_004_000);
    world.expect(&flags, &[("evt.arg.flags", "O_NONBLOCK|O_CLOEXEC")]);
    let dup = record(SAKER_EV_DUP3, 6_001, CHILD)
        .num(SAKER_P_DUP3_res, 9)
        .num(SAKER_P_DUP3_oldfd, 8)
        .num(SAKER_P_DUP3_flags, 0o2_000_000)
        .num(SAKER_P_DUP3_facts, SAKER_FILE_CREATED.into());
    world.expect(&dup, &[("evt.arg.flags", "O_CLOEXEC")]);
    let pipe = record(SAKER_EV_PIPE2, 6_002, CHILD).num(SAKER_P_PIPE2_flags, 0o40_000);
    world.expect(&pipe, &[("evt.arg.flags", "O_DIRECT")]);
}

#[test]
fn a_file_opened_by_its_handle_has_the_kernel_s_name() {
    let open = record(SAKER_EV_OPEN_BY_HANDLE_AT, 5_000, CHILD)
        .num(SAKER_P_OPEN_BY_HANDLE_AT_fd, 4)
        .num(SAKER_P_OPEN_BY_HANDLE_AT_mountfd, -100)
        .var(SAKER_P_OPEN_BY_HANDLE_AT_path, b"/etc/shadow");
    World::new().expect(
        &open,
        &[
            ("fd.name", "/etc/shadow"),
            ("fd.typechar", "f"),
            ("evt.is_open_read", "true"),
            ("evt.is_open_write", "false"),
            ("evt.is_open_exec", "false"),
            ("evt.arg.path", "/etc/shadow"),
        ],
    );
}

#[test]
fn calls_without_an_event_have_their_names() {
    let mut world = World::new();
    let generic = |nr| {
        record(SAKER_EV_GENERIC, 5_000, CHILD)
            .num(SAKER_P_GENERIC_ID, nr)
            .num(SAKER_P_GENERIC_nativeID, nr)
            .num(SAKER_P_GENERIC_res, -1)
    };
    world.expect(
        &generic(74),
        &[
            ("evt.type", "fsync"),
            ("syscall.type", "fsync"),
            ("evt.type.is[fsync]", "1"),
            ("evt.type.is[openat]", "0"),
            ("evt.args", "ID=74(fsync) nativeID=74 res=-1(EPERM)"),
            ("evt.arg.ID", "fsync"),
            ("evt.rawarg.nativeID", "74"),
            ("evt.arg.res", "EPERM"),
            ("evt.res", "~"),
            ("evt.rawres", "~"),
            ("evt.failed", "~"),
            ("evt.dir", "<"),
        ],
    );
    // The same number of the other ABI is another call.
    let narrow = generic(118).hdr(|hdr| hdr.flags = SAKER_HF_COMPAT32 as u16);
    world.expect(&narrow, &[("evt.type", "fsync")]);
    // What no driver would send.
    for nr in [2, 511, 512, -1] {
        world.expect(&generic(nr), &[("evt.type", "generic")]);
    }
}
