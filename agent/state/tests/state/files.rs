//! Opens, directories, duplicates.

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::{FdKind, Partition};

const P: Who = Who {
    pid: 50,
    start_ns: 50,
};
const O_DIRECTORY: i64 = 0o200_000;
const O_CLOEXEC: i64 = 0o2_000_000;

fn process_in(cwd: &str) -> Partition {
    let mut partition = state(1).partitions.remove(0);
    let rec = exec(1, P, "prog", "").var(SAKER_P_EXECVE_cwd, cwd.as_bytes());
    run(&mut partition, &rec.build());
    partition
}

fn name(partition: &Partition, fd: i32) -> Option<String> {
    partition.process(50)?.fds.get(fd).map(|fd| text(&fd.name))
}

#[test]
fn names_are_normalised_and_the_text_given_is_kept() {
    let mut partition = process_in("/var/lib");
    let rec = openat(2, 50, 3, -100, "../log/./x", 0);
    let seen = step(&mut partition, &rec, |view, applied| {
        let fd = view.fd().expect("opened");
        (
            text(&fd.name),
            text(fd.raw_name()),
            fd.kind,
            fd.ino,
            applied.fd,
            applied.name_changed,
        )
    });
    let expected = (
        "/var/log/x".into(),
        "../log/./x".into(),
        FdKind::File,
        7,
        Some(3),
        true,
    );
    assert_eq!(seen, expected);
    run(&mut partition, &openat(3, 50, 4, -100, "/etc", O_DIRECTORY));
    run(&mut partition, &openat(4, 50, 5, 4, "passwd", 0));
    run(&mut partition, &openat(5, 50, 6, 99, "passwd", 0));
    assert_eq!(name(&partition, 5).as_deref(), Some("/etc/passwd"));
    assert_eq!(name(&partition, 6).as_deref(), Some("<UNKNOWN>/passwd"));
    let kind = partition
        .process(50)
        .and_then(|p| p.fds.get(4))
        .map(|fd| fd.kind);
    assert_eq!(kind, Some(FdKind::Directory));
}

/// Not the name of the directory that an unknown one is relative to.
#[test]
fn a_name_that_could_not_be_read_is_unknown() {
    let mut partition = process_in("/etc");
    run(&mut partition, &openat(2, 50, 3, -100, "", 0));
    assert_eq!(name(&partition, 3).as_deref(), Some(""));
}

#[test]
fn failed_opens_change_nothing() {
    let mut partition = process_in("/");
    let seen = step(
        &mut partition,
        &openat(2, 50, -2, -100, "/x", 0),
        |view, applied| (view.fd().is_none(), applied.fd, applied.name_changed),
    );
    assert_eq!(seen, (true, Some(-2), false));
    assert_eq!(partition.counters().fds, 0);
}

#[test]
fn creat_and_open_too() {
    let mut partition = process_in("/a");
    let rec = RecordBuilder::new(SAKER_EV_CREAT, 2, 50, 50).num(SAKER_P_CREAT_fd, 3);
    run(&mut partition, &rec.var(SAKER_P_CREAT_name, b"new").build());
    let rec = RecordBuilder::new(SAKER_EV_OPEN, 3, 50, 50).num(SAKER_P_OPEN_fd, 4);
    run(&mut partition, &rec.var(SAKER_P_OPEN_name, b"/old").build());
    let rec = RecordBuilder::new(SAKER_EV_OPENAT2, 4, 50, 50).num(SAKER_P_OPENAT2_fd, 5);
    let rec = rec
        .num(SAKER_P_OPENAT2_dirfd, -100)
        .var(SAKER_P_OPENAT2_name, b"b");
    run(
        &mut partition,
        &rec.num(SAKER_P_OPENAT2_flags, O_CLOEXEC).build(),
    );
    let names: Vec<_> = [3, 4, 5]
        .map(|fd| name(&partition, fd).unwrap_or_default())
        .into();
    assert_eq!(names, ["/a/new", "/old", "/a/b"]);
    let fds = &partition.process(50).expect("known").fds;
    assert_eq!(fds.get(3).map(|fd| fd.open_flags), Some(0o1101));
    assert!(fds.get(5).is_some_and(|fd| fd.cloexec));
}

#[test]
fn close_waits_for_the_rules() {
    let mut partition = process_in("/");
    run(&mut partition, &openat(2, 50, 3, -100, "/x", 0));
    let seen = step(&mut partition, &close(3, 50, 3), |view, _| {
        view.fd().map(|fd| text(&fd.name))
    });
    assert_eq!(seen.as_deref(), Some("/x"));
    assert_eq!((name(&partition, 3), partition.counters().fds), (None, 0));
    run(&mut partition, &close(4, 50, 3));
    assert_eq!(partition.counters().fds, 0);
}

#[test]
fn duplicates() {
    let mut partition = process_in("/");
    run(&mut partition, &openat(2, 50, 3, -100, "/x", O_CLOEXEC));
    let dup2 = |ts, old: i64, new: i64| {
        let rec = RecordBuilder::new(SAKER_EV_DUP2, ts, 50, 50).num(SAKER_P_DUP2_oldfd, old);
        rec.num(SAKER_P_DUP2_res, new)
            .num(SAKER_P_DUP2_newfd, new)
            .build()
    };
    run(&mut partition, &dup2(3, 3, 0));
    let fcntl = |ts, cmd: i64, arg: i64, res: i64| {
        let rec = RecordBuilder::new(SAKER_EV_FCNTL, ts, 50, 50).num(SAKER_P_FCNTL_fd, 3);
        let rec = rec.num(SAKER_P_FCNTL_cmd, cmd).num(SAKER_P_FCNTL_arg, arg);
        rec.num(SAKER_P_FCNTL_res, res).build()
    };
    run(&mut partition, &fcntl(4, 1030, 10, 10));
    run(&mut partition, &fcntl(5, 0, 11, 11));
    let cloexec = |partition: &Partition, fd| {
        partition
            .process(50)
            .and_then(|p| p.fds.get(fd))
            .map(|fd| fd.cloexec)
    };
    let flags = [0, 3, 10, 11].map(|fd| cloexec(&partition, fd));
    assert_eq!(flags, [Some(false), Some(true), Some(true), Some(false)]);
    run(&mut partition, &fcntl(6, 2, 0, 0));
    assert_eq!(cloexec(&partition, 3), Some(false));
    run(&mut partition, &dup2(7, 98, 0));
    assert_eq!(
        name(&partition, 0),
        None,
        "what it was is closed, what it is nobody knows"
    );
}

#[test]
fn directories() {
    let mut partition = process_in("/");
    run(&mut partition, &chdir(2, 50, "usr//lib/"));
    let cwd = |partition: &Partition| partition.process(50).map(|p| text(&p.cwd));
    assert_eq!(cwd(&partition).as_deref(), Some("/usr/lib/"));
    run(
        &mut partition,
        &openat(3, 50, 3, -100, "../share", O_DIRECTORY),
    );
    let rec = RecordBuilder::new(SAKER_EV_FCHDIR, 4, 50, 50).num(SAKER_P_FCHDIR_fd, 3);
    run(&mut partition, &rec.build());
    assert_eq!(cwd(&partition).as_deref(), Some("/usr/share/"));
    let rec = RecordBuilder::new(SAKER_EV_CHDIR, 5, 50, 50).num(SAKER_P_CHDIR_res, -2);
    run(
        &mut partition,
        &rec.var(SAKER_P_CHDIR_path, b"/nowhere").build(),
    );
    assert_eq!(cwd(&partition).as_deref(), Some("/usr/share/"));
    run(&mut partition, &chdir(5, 50, ""));
    assert_eq!(cwd(&partition).as_deref(), Some(""), "it was not readable");
    run(&mut partition, &chdir(5, 50, "/usr/share"));
    let rec = RecordBuilder::new(SAKER_EV_CHROOT, 6, 50, 50).var(SAKER_P_CHROOT_path, b"jail");
    run(&mut partition, &rec.build());
    assert_eq!(
        partition.process(50).map(|p| text(&p.root)).as_deref(),
        Some("/usr/share/jail")
    );
}

#[test]
fn a_directory_that_is_not_known_is_told_by_getcwd() {
    let mut partition = state(1).partitions.remove(0);
    let getcwd = |ts, path: &[u8]| {
        RecordBuilder::new(SAKER_EV_GETCWD, ts, 50, 50)
            .num(SAKER_P_GETCWD_res, path.len() as i64 + 1)
            .var(SAKER_P_GETCWD_path, path)
            .build()
    };
    let cwd = |partition: &Partition| partition.process(50).map(|p| text(&p.cwd));
    run(&mut partition, &getcwd(1, b"(unreachable)/x"));
    assert_eq!(cwd(&partition).as_deref(), Some(""));
    run(&mut partition, &getcwd(2, b"/srv"));
    assert_eq!(cwd(&partition).as_deref(), Some("/srv/"));
    run(&mut partition, &getcwd(3, b"/forged"));
    assert_eq!(
        cwd(&partition).as_deref(),
        Some("/srv/"),
        "records know better"
    );
}

#[test]
fn descriptors_without_a_path() {
    let mut partition = process_in("/");
    let rec = RecordBuilder::new(SAKER_EV_MEMFD_CREATE, 2, 50, 50).num(SAKER_P_MEMFD_CREATE_fd, 3);
    let rec = rec
        .var(SAKER_P_MEMFD_CREATE_name, b"evil")
        .num(SAKER_P_MEMFD_CREATE_flags, 1);
    run(&mut partition, &rec.build());
    let bpf = |ts, fd: i64, cmd: i64| {
        let rec = RecordBuilder::new(SAKER_EV_BPF, ts, 50, 50).num(SAKER_P_BPF_fd, fd);
        rec.num(SAKER_P_BPF_cmd, cmd).build()
    };
    run(&mut partition, &bpf(3, 4, 5));
    let lookup = step(&mut partition, &bpf(4, 0, 1), |_, applied| applied.fd);
    assert_eq!(lookup, None, "the result of a look-up is no descriptor");
    let fds = &partition.process(50).expect("known").fds;
    let memory = fds.get(3).expect("created");
    assert_eq!(
        (memory.kind, text(&memory.name), memory.cloexec),
        (FdKind::Memfd, "evil".into(), true)
    );
    assert_eq!(fds.get(4).map(|fd| fd.kind), Some(FdKind::Bpf));
}

/// dup2 of a number onto itself changes nothing; onto another kind of file it replaces all of it.
#[test]
fn duplicates_onto_what_is_open() {
    let mut partition = process_in("/");
    run(&mut partition, &openat(2, 50, 3, -100, "/x", O_CLOEXEC));
    let dup = |event, ts, old: i64, new: i64, flags| {
        let rec = RecordBuilder::new(event, ts, 50, 50);
        if event == SAKER_EV_DUP3 {
            let rec = rec.num(SAKER_P_DUP3_res, new).num(SAKER_P_DUP3_oldfd, old);
            return rec
                .num(SAKER_P_DUP3_newfd, new)
                .num(SAKER_P_DUP3_flags, flags)
                .build();
        }
        let rec = rec.num(SAKER_P_DUP2_res, new).num(SAKER_P_DUP2_oldfd, old);
        rec.num(SAKER_P_DUP2_newfd, new).build()
    };
    run(&mut partition, &dup(SAKER_EV_DUP2, 3, 3, 3, 0));
    let entry = |partition: &Partition, number| {
        let fd = partition.process(50)?.fds.get(number)?;
        Some((text(&fd.name), fd.kind, fd.cloexec, fd.socket.is_some()))
    };
    let file = |cloexec| Some(("/x".to_owned(), FdKind::File, cloexec, false));
    assert_eq!(entry(&partition, 3), file(true));
    let socket = RecordBuilder::new(SAKER_EV_SOCKET, 4, 50, 50)
        .num(SAKER_P_SOCKET_fd, 4)
        .num(SAKER_P_SOCKET_domain, 2)
        .num(SAKER_P_SOCKET_type, 1);
    run(&mut partition, &socket.build());
    assert!(entry(&partition, 4).is_some_and(|socket| socket.3));
    run(&mut partition, &dup(SAKER_EV_DUP2, 5, 3, 4, 0));
    assert_eq!(entry(&partition, 4), file(false));
    run(&mut partition, &dup(SAKER_EV_DUP3, 6, 4, 5, O_CLOEXEC));
    assert_eq!(entry(&partition, 5), file(true));
    run(&mut partition, &exec(7, P, "prog", "").build());
    assert_eq!((entry(&partition, 3), entry(&partition, 5)), (None, None));
    assert_eq!(entry(&partition, 4), file(false));
}

/// fchdir through a descriptor that was not opened as a directory, and through one that nobody knows; chroot.
#[test]
fn relative_names_follow_the_working_directory() {
    let mut partition = process_in("/srv");
    let fchdir = |ts, fd: i64| {
        let rec = RecordBuilder::new(SAKER_EV_FCHDIR, ts, 50, 50);
        rec.num(SAKER_P_FCHDIR_fd, fd).build()
    };
    const O_PATH: i64 = 0o10_000_000;
    run(&mut partition, &openat(2, 50, 3, -100, "www", O_PATH));
    run(&mut partition, &fchdir(3, 3));
    run(&mut partition, &openat(4, 50, 4, -100, "../a", 0));
    assert_eq!(name(&partition, 4).as_deref(), Some("/srv/a"));
    // Names stay those of the process's own view, as in Falco.
    let chroot = RecordBuilder::new(SAKER_EV_CHROOT, 5, 50, 50).var(SAKER_P_CHROOT_path, b"jail");
    run(&mut partition, &chroot.build());
    run(&mut partition, &openat(6, 50, 5, -100, "b", 0));
    run(&mut partition, &openat(7, 50, 6, -100, "/c", 0));
    let names = [5, 6].map(|fd| name(&partition, fd));
    assert_eq!(names, [Some("/srv/www/b".into()), Some("/c".into())]);
    run(&mut partition, &fchdir(8, 77));
    run(&mut partition, &openat(9, 50, 7, -100, "d", 0));
    assert_eq!(name(&partition, 7).as_deref(), Some("<UNKNOWN>/d"));
    let cwd = partition.process(50).map(|process| text(&process.cwd));
    assert_eq!(
        cwd.as_deref(),
        Some(""),
        "so that a look or getcwd can tell it"
    );
}

/// What calls without a path make, and which of it an exec closes.
#[test]
fn descriptors_of_the_kernels_own_kinds() {
    let mut partition = process_in("/");
    let flags = |event, slot| RecordBuilder::new(event, 2, 50, 50).num(slot, O_CLOEXEC);
    let plain = |event| RecordBuilder::new(event, 2, 50, 50);
    let made = [
        (plain(SAKER_EV_EVENTFD), FdKind::Event, false),
        (
            flags(SAKER_EV_EVENTFD2, SAKER_P_EVENTFD2_flags),
            FdKind::Event,
            true,
        ),
        (plain(SAKER_EV_SIGNALFD), FdKind::Signal, false),
        (
            flags(SAKER_EV_SIGNALFD4, SAKER_P_SIGNALFD4_flags),
            FdKind::Signal,
            true,
        ),
        (
            flags(SAKER_EV_TIMERFD_CREATE, SAKER_P_TIMERFD_CREATE_flags),
            FdKind::Timer,
            true,
        ),
        (plain(SAKER_EV_INOTIFY_INIT), FdKind::Inotify, false),
        (
            flags(SAKER_EV_INOTIFY_INIT1, SAKER_P_INOTIFY_INIT1_flags),
            FdKind::Inotify,
            true,
        ),
        (plain(SAKER_EV_EPOLL_CREATE), FdKind::EventPoll, false),
        (
            flags(SAKER_EV_EPOLL_CREATE1, SAKER_P_EPOLL_CREATE1_flags),
            FdKind::EventPoll,
            true,
        ),
        (
            flags(SAKER_EV_USERFAULTFD, SAKER_P_USERFAULTFD_flags),
            FdKind::UserFault,
            true,
        ),
        (plain(SAKER_EV_IO_URING_SETUP), FdKind::IoUring, true),
        (
            plain(SAKER_EV_PIDFD_OPEN).num(SAKER_P_PIDFD_OPEN_pid, 77),
            FdKind::Pidfd,
            true,
        ),
    ];
    for (number, (record, ..)) in (10..).zip(&made) {
        // The descriptor is the first slot of all.
        run(&mut partition, &record.clone().num(0, number).build());
    }
    for (number, (_, kind, on_exec)) in (10..).zip(&made) {
        let fds = &partition.process(50).expect("known").fds;
        let fd = fds.get(number).expect("made");
        assert_eq!((fd.kind, fd.cloexec), (*kind, *on_exec), "{number}");
    }
    assert_eq!(name(&partition, 21).as_deref(), Some("/proc/77"));
    run(&mut partition, &exec(3, P, "prog", "").build());
    let fds = &partition.process(50).expect("known").fds;
    let left: Vec<i32> = fds.iter().map(|(number, _)| number).collect();
    assert_eq!(left, [10, 12, 15, 17]);
}

#[test]
fn handles_open_directories_too() {
    let mut partition = process_in("/");
    for (fd, flags) in [(3, 0), (4, O_DIRECTORY)] {
        let rec = RecordBuilder::new(SAKER_EV_OPEN_BY_HANDLE_AT, 2, 50, 50)
            .num(SAKER_P_OPEN_BY_HANDLE_AT_fd, fd)
            .num(SAKER_P_OPEN_BY_HANDLE_AT_flags, flags)
            .var(SAKER_P_OPEN_BY_HANDLE_AT_path, b"/etc");
        run(&mut partition, &rec.build());
    }
    let fds = &partition.process(50).expect("known").fds;
    let kinds = [3, 4].map(|fd| fds.get(fd).map(|fd| fd.kind));
    assert_eq!(kinds, [Some(FdKind::File), Some(FdKind::Directory)]);
}
