//! /proc of this very machine.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use crate::common::*;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_state::scan::{Scanned, Scanner};
use saker_state::{Doubt, FdKind, Origin, Partition, Process, Recovery, Role, boot_ns};

fn myself() -> Scanned {
    let mut scanner = Scanner::open(Path::new("/")).expect("a /proc");
    let all = scanner.all().expect("processes");
    assert!(all.iter().all(|found| !found.image.comm.is_empty()));
    all.into_iter()
        .find(|found| found.tgid == std::process::id())
        .expect("this process")
}

#[test]
fn this_process_is_found_as_it_is() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"x").expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("bound");
    let client = std::net::TcpStream::connect(address).expect("connected");
    let found = myself();

    let exe = std::env::current_exe().expect("a path");
    assert_eq!(text(&found.image.exepath), exe.to_str().expect("text"));
    let cwd = std::env::current_dir().expect("a directory");
    assert_eq!(text(&found.cwd), format!("{}/", cwd.display()));
    assert_eq!(found.ppid, std::os::unix::process::parent_id());
    assert_eq!(found.cred.uid, rustix::process::geteuid().as_raw());
    assert!(!found.threads.is_empty(), "tests run in threads");
    assert!(found.image.exe_ino != 0 && found.image.exe_mtime_ns != 0 && found.start_ns != 0);
    assert!(found.fdlimit > 0);

    let entry = |number: i32| {
        let found = found.fds.iter().find(|(other, _)| *other == number);
        found.map(|(_, fd)| fd.clone()).expect("open")
    };
    let fd = entry(file.as_raw_fd());
    assert_eq!(
        (text(&fd.name), fd.kind),
        (file.path().display().to_string(), FdKind::File)
    );
    assert!(
        fd.cloexec && fd.ino != 0 && fd.open_flags & 0o3 == 2,
        "read and write"
    );
    let fd = entry(listener.as_raw_fd());
    assert_eq!(
        (text(&fd.name), fd.kind),
        (address.to_string(), FdKind::Ipv4)
    );
    let fd = entry(client.as_raw_fd());
    let near = client.local_addr().expect("bound");
    assert_eq!(text(&fd.name), format!("{near}->{address}"));
    assert_eq!(fd.socket.map(|socket| socket.role), Some(Role::Client));
}

#[test]
fn a_scan_fills_every_partition() {
    let mut world = state(4);
    let found = Scanner::open(Path::new("/"))
        .expect("a /proc")
        .all()
        .expect("processes");
    for partition in &mut world.partitions {
        partition.adopt(found.clone());
    }
    world
        .partitions
        .iter_mut()
        .for_each(|partition| partition.link_adopted());
    let me = std::process::id();
    let owner = world
        .partitions
        .iter()
        .find(|partition| partition.process(me).is_some());
    let owner = owner.expect("one of them has it");
    let process = owner.process(me).expect("just seen");
    assert_eq!((process.origin, process.doubt.any()), (Origin::Proc, false));
    let parent = owner
        .reader(u64::MAX)
        .parent(&process.cell)
        .expect("linked");
    assert_eq!(parent.tgid(), std::os::unix::process::parent_id());
}

#[test]
fn a_stranger_is_looked_up() {
    let mut world = state(1);
    let me = std::process::id();
    let partition = &mut world.partitions[0];
    let rec = RecordBuilder::new(SAKER_EV_SETUID, 1, me, me).num(SAKER_P_SETUID_now_euid, 4242);
    run(partition, &rec.build());
    assert!(world.recovery.serve(Duration::from_secs(10)));
    partition.poll_inbox(2, |_, _, _| ());
    let process = partition.process(me).expect("known");
    let exe = std::env::current_exe().expect("a path");
    assert_eq!(text(&process.image.exepath), exe.to_str().expect("text"));
    assert_eq!(
        process.cred.uid, 4242,
        "the record is newer than the look at /proc"
    );
    assert!(!process.cwd.is_empty() && !process.doubt.any());
    assert_eq!(partition.counters().recovered, 1);
    assert!(!world.recovery.serve(Duration::ZERO));
}

#[test]
fn what_a_loss_made_doubtful_is_looked_up() {
    let mut world = state(1);
    let me = std::process::id();
    let partition = &mut world.partitions[0];
    partition.adopt([myself()]);
    run(partition, &chdir(1, me, "/stale"));
    run(partition, &openat(2, me, 4000, -100, "/closed/since", 0));
    // Of a program before the one that runs: in a container, and of another session.
    let id = "0123456789abcdef".repeat(4);
    let before = exec(3, who(me, 0), "before", "")
        .num(SAKER_P_EXECVE_sid, 4242)
        .num(SAKER_P_EXECVE_tty, 0x401)
        .num(SAKER_P_EXECVE_fdlimit, 17)
        .var(
            SAKER_P_EXECVE_cgroups,
            format!("cpuset=/docker/{id}\0").as_bytes(),
        );
    run(partition, &before.build());
    assert!(partition.process(me).is_some_and(Process::in_container));
    partition.mark_loss();
    assert!(
        partition
            .process(me)
            .is_some_and(|process| process.doubt.has(Doubt::LOSS))
    );
    assert_eq!(
        (partition.recover_some(10), partition.recover_some(10)),
        (1, 0)
    );
    assert!(
        partition
            .process(me)
            .is_some_and(|process| process.doubt.any())
    );
    // The container's users are asked for, too.
    assert!(world.recovery.serve(Duration::from_secs(10)));
    while world.recovery.serve(Duration::ZERO) {}
    partition.poll_inbox(3, |_, _, _| ());
    let process = partition.process(me).expect("known");
    let cwd = std::env::current_dir().expect("a directory");
    assert_eq!(text(&process.cwd), format!("{}/", cwd.display()));
    assert!(process.fds.get(4000).is_none() && !process.doubt.any());
    let found = myself();
    assert_eq!(
        (process.sid, process.tty, process.fdlimit),
        (found.sid, found.tty, found.fdlimit)
    );
    assert!(!process.in_container(), "{:?}", process.cgroup);
    assert_eq!(partition.counters().fds, process.fds.len() as u64);
}

/// Records that come while the answer to a look is under way are newer than the look.
#[test]
fn what_records_tell_after_a_look_stays() {
    let mut world = state(1);
    let me = std::process::id();
    let partition = &mut world.partitions[0];
    let files = [(); 2].map(|()| tempfile::tempfile().expect("a file"));
    let [kept, closed] = [&files[0], &files[1]].map(AsRawFd::as_raw_fd);
    partition.adopt([myself()]);
    run(partition, &openat(1, me, 4000, -100, "/closed/since", 0));
    partition.mark_loss();
    assert_eq!(partition.recover_some(10), 1);
    assert!(world.recovery.serve(Duration::from_secs(10)));
    let now_ns = boot_ns();
    run(partition, &chdir(now_ns, me, "/later"));
    run(
        partition,
        &openat(now_ns, me, 4001, -100, "/opened/later", 0),
    );
    run(partition, &close(now_ns, me, closed));
    let setuid = RecordBuilder::new(SAKER_EV_SETUID, now_ns, me, me);
    run(
        partition,
        &setuid.num(SAKER_P_SETUID_now_euid, 4242).build(),
    );
    partition.poll_inbox(now_ns, |_, _, _| ());
    let process = partition.process(me).expect("known");
    assert!(!process.doubt.any());
    assert_eq!(
        (text(&process.cwd), process.cred.uid),
        ("/later/".to_owned(), 4242)
    );
    let known = |number| process.fds.get(number).is_some();
    assert_eq!(
        [4001, kept, 4000, closed].map(known),
        [true, true, false, false]
    );
}

/// A look is of before a loss that came since.
#[test]
fn who_has_lost_records_since_is_looked_at_again() {
    let mut world = state(1);
    let me = std::process::id();
    let partition = &mut world.partitions[0];
    partition.adopt([myself()]);
    let look = |partition: &mut Partition, recovery: &mut Recovery| {
        assert!(recovery.serve(Duration::from_secs(10)));
        partition.poll_inbox(1, |_, _, _| ());
        partition.process(me).expect("known").doubt
    };
    partition.mark_loss();
    assert_eq!(partition.recover_some(10), 1);
    partition.mark_loss();
    let doubt = look(partition, &mut world.recovery);
    assert!(doubt.has(Doubt::LOSS), "not asked for since the second one");

    assert_eq!(partition.recover_some(10), 1);
    assert!(world.recovery.serve(Duration::from_secs(10)));
    partition.mark_loss();
    assert_eq!(partition.recover_some(10), 1);
    partition.poll_inbox(1, |_, _, _| ());
    assert!(partition.process(me).is_some_and(|it| it.doubt.any()));
    assert!(!look(partition, &mut world.recovery).any());
}

/// The answer is of the program before, when there was an exec meanwhile.
#[test]
fn who_has_executed_since_is_looked_at_again() {
    let mut world = state(1);
    let me = std::process::id();
    let partition = &mut world.partitions[0];
    partition.adopt([myself()]);
    partition.mark_loss();
    assert_eq!(partition.recover_some(10), 1);
    assert!(world.recovery.serve(Duration::from_secs(10)));
    let now_ns = boot_ns();
    let exec = exec(now_ns, who(me, 0), "sudo", "").num(SAKER_P_EXECVE_uid, 4242);
    run(partition, &exec.build());
    partition.poll_inbox(now_ns, |_, _, _| ());
    let process = partition.process(me).expect("known");
    assert_eq!((process.cred.uid, process.doubt.any()), (4242, true));
    assert!(world.recovery.serve(Duration::from_secs(10)), "asked again");
    partition.poll_inbox(now_ns, |_, _, _| ());
    assert!(partition.process(me).is_some_and(|it| !it.doubt.any()));
}

/// /proc does not tell what an exec said of its file.
#[test]
fn facts_of_a_program_outlive_a_loss() {
    let mut world = state(1);
    let me = std::process::id();
    let partition = &mut world.partitions[0];
    let found = myself();
    let program = exec(1, who(me, 0), "test", "")
        .num(SAKER_P_EXECVE_flags, SAKER_EXE_UPPER_LAYER.into())
        .num(SAKER_P_EXECVE_exe_dev, found.image.exe_dev.into())
        .num(SAKER_P_EXECVE_exe_ino, found.image.exe_ino as i64);
    run(partition, &program.build());
    partition.mark_loss();
    assert_eq!(partition.recover_some(10), 1);
    assert!(world.recovery.serve(Duration::from_secs(10)));
    partition.poll_inbox(2, |_, _, _| ());
    let image = &partition.process(me).expect("known").image;
    assert_eq!(image.exe_flags, SAKER_EXE_UPPER_LAYER);
    assert_eq!(image.exepath, found.image.exepath, "of the look");
}

/// A process that the first look found with the parent it has now, while records of its fork and of the end of
/// who forked it were under way.
#[test]
fn the_fork_names_the_parent_of_what_a_look_has_found() {
    let (shell, child) = (who(100, 100 << 20), who(200, 200 << 20));
    let scanned = |who: Who, ppid| Scanned {
        tgid: who.pid,
        ppid,
        start_ns: who.start_ns,
        ..Scanned::default()
    };
    let mut world = state(1);
    let partition = &mut world.partitions[0];
    partition.adopt([scanned(who(1, 1), 0), scanned(child, 1)]);
    partition.link_adopted();
    let (parents, birth) = fork(30, shell, child, "sh");
    run(partition, &exec(20, shell, "sh", "").build());
    run(partition, &parents);
    run(partition, &birth);
    let parent = |partition: &mut Partition, ts| {
        step(partition, &openat(ts, 200, 3, -100, "x", 0), |view, _| {
            let process = view.process().expect("found");
            let parent = view.lineage().parent(&process.cell);
            (process.ppid, parent.map(|cell| cell.tgid()))
        })
    };
    assert_eq!(parent(partition, 40), (100, Some(100)));
    run(partition, &exit(50, 100, 1));
    assert_eq!(parent(partition, 60).1, Some(1));
    assert_eq!(partition.process(200).map(|p| p.origin), Some(Origin::Proc));
}

#[test]
fn what_is_gone_is_no_error() {
    let mut scanner = Scanner::open(Path::new("/")).expect("a /proc");
    assert!(scanner.process(u32::MAX).is_none());
    assert!(
        scanner
            .process(2)
            .is_none_or(|found| !found.image.cmdline.is_empty())
    );
    assert!(Scanner::open(Path::new("/nonexistent")).is_err());
}
