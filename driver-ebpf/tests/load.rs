//! Loads the real object into the running kernel and looks at records of known actions.
//!
//! Needs root and BTF. Run by `make test`; fails with the reason where it cannot run.

use std::collections::HashSet;
use std::fs;

use saker_abi::driver::Feature;
use saker_abi::driver::frames::{read_frames, records};
use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_abi::record::Record;
use saker_abi::ring::{Head, RingReader};
use saker_driver_ebpf::{EbpfDriver, EventSet, Iterate, LoadOptions};

fn online_cpus() -> Vec<u32> {
    (0..std::thread::available_parallelism()
        .expect("a number of CPUs")
        .get() as u32)
        .collect()
}

fn load(events: EventSet, partitions: u32) -> (EbpfDriver, Vec<RingReader>) {
    let options = LoadOptions {
        partitions,
        ring_bytes: 1 << 20,
        cpus: online_cpus(),
        events,
        snaplen_bytes: 0,
        own_tgid: 0,
        reached: false,
        names: false,
    };
    let mut driver =
        EbpfDriver::load(&options).expect("this test needs root and a kernel with BTF");
    let rings = driver.take_rings();
    let readers = rings
        .into_iter()
        .map(|ring| RingReader::map(ring).expect("map a ring"))
        .collect();
    (driver, readers)
}

/// Reads everything committed so far and gives each record to `see`.
fn drain(readers: &mut [RingReader], mut see: impl FnMut(&Record<'_>)) {
    for reader in readers {
        reader.observe();
        while let Head::Record(bytes) = reader.head() {
            see(&Record::parse(bytes).expect("the driver writes valid records"));
            reader.advance();
        }
        reader.release();
    }
}

fn every_event() -> EventSet {
    let mut events = EventSet::new();
    EVENTS.iter().for_each(|event| events.insert(event.id));
    events
}

/// The verifier of this kernel accepts every program of the table, for every partition count.
#[test]
fn every_filler_loads() {
    for partitions in [1, 4] {
        let (driver, readers) = load(every_event(), partitions);
        assert_eq!(readers.len(), online_cpus().len() * partitions as usize);
        let own_calls = EVENTS
            .iter()
            .filter(|event| !event.is_sched() && !event.is_iterated())
            .count();
        // One program serves both exec calls, one the four forks; five more are the dispatcher, the scheduler's and
        // that of signals.
        assert_eq!(driver.program_count(), own_calls - 1 - 3 + 5);
        let lacks = driver.lacks().iter();
        let requests = lacks
            .filter(|lack| lack.feature == Feature::IoUring)
            .count();
        // And the three of io_uring.
        let counts = 5 + 3 * (1 - requests);
        assert_eq!(driver.missed().by_program().count(), counts, "as many");
        driver.detach();
    }
}

/// An open by this very thread comes back with its name, descriptor, inode and type.
#[test]
fn an_open_is_recorded_with_kernel_facts() {
    let dir = std::env::temp_dir().join(format!("saker-load-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory for the test");
    let long = dir.join("x".repeat(200));
    let (driver, mut readers) = load(every_event(), 1);
    let file = fs::File::create(&long).expect("create");
    let meta = file.metadata().expect("stat");
    let missing = fs::File::open("/no/such/file").expect_err("is not there");
    let mut seen = Vec::new();
    drain(&mut readers, |record| {
        if record.hdr().tgid == std::process::id() && record.event() == SAKER_EV_OPENAT {
            let name = record.var(SAKER_P_OPENAT_name);
            assert!(!name.truncated && !name.fault);
            seen.push((
                name.bytes.to_vec(),
                record.i64(SAKER_P_OPENAT_fd),
                record.u64(SAKER_P_OPENAT_ino),
                record.u64(SAKER_P_OPENAT_facts) as u32,
            ));
        }
    });
    driver.detach();
    fs::remove_dir_all(&dir).expect("remove the test's directory");
    use std::os::{fd::AsRawFd, unix::ffi::OsStrExt, unix::fs::MetadataExt};
    let created = seen
        .iter()
        .find(|open| open.0 == long.as_os_str().as_bytes());
    let created = created.expect("the open of the long name");
    assert_eq!(created.1, i64::from(file.as_raw_fd()));
    assert_eq!(created.2, meta.ino());
    assert_eq!(created.3 & 0o170000, 0o100000, "a regular file");
    assert_ne!(created.3 & SAKER_FILE_CREATED, 0);
    let failed = seen
        .iter()
        .find(|open| open.0 == b"/no/such/file")
        .expect("the failed open");
    assert_eq!(
        failed.1,
        -i64::from(missing.raw_os_error().expect("an errno"))
    );
}

/// The exec record of `/bin/sh -c "exit 7" "an argument"` against what stat(2) says.
fn check_shell_exec(record: &Record<'_>) {
    use std::os::unix::fs::MetadataExt;
    let text = |slot| record.var(slot).bytes;
    assert_eq!(record.i64(SAKER_P_EXECVE_res), 0);
    assert_eq!(text(SAKER_P_EXECVE_exe), b"/bin/sh");
    assert_eq!(text(SAKER_P_EXECVE_args), b"-c\0exit 7\0an argument\0");
    assert_eq!(text(SAKER_P_EXECVE_comm), b"sh");
    assert_eq!(text(SAKER_P_EXECVE_cwd), b"/usr/share");
    assert_eq!(text(SAKER_P_EXECVE_filename), b"/bin/sh");
    assert_eq!(text(SAKER_P_EXECVE_env), b"SAKER_TEST=yes\0");
    let exe = fs::canonicalize("/bin/sh").expect("a shell");
    assert_eq!(
        text(SAKER_P_EXECVE_trusted_exepath),
        exe.to_str().expect("UTF-8").as_bytes()
    );
    let meta = fs::metadata(&exe).expect("stat");
    assert_eq!(record.u64(SAKER_P_EXECVE_exe_ino), meta.ino());
    let ctime = meta.ctime() as u64 * 1_000_000_000 + meta.ctime_nsec() as u64;
    assert_eq!(record.u64(SAKER_P_EXECVE_exe_ino_ctime), ctime);
    let mtime = meta.mtime() as u64 * 1_000_000_000 + meta.mtime_nsec() as u64;
    assert_eq!(record.u64(SAKER_P_EXECVE_exe_ino_mtime), mtime);
    let tgid = record.hdr().tgid;
    assert_eq!(record.u64(SAKER_P_EXECVE_pid) as u32, tgid);
    assert_eq!(record.u64(SAKER_P_EXECVE_vpid) as u32, tgid);
}

/// A child's fork, exec and exit arrive in order with everything state needs.
#[test]
fn a_child_is_recorded_from_birth_to_death() {
    let (driver, mut readers) = load(EventSet::state(), 4);
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", "exit 7", "an argument"])
        .env_clear()
        .env("SAKER_TEST", "yes")
        .current_dir("/usr/share")
        .status()
        .expect("run a shell");
    assert_eq!(status.code(), Some(7));
    let mut parent_side = HashSet::new();
    let mut life = Vec::new();
    drain(&mut readers, |record| match record.event() {
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK => {
            let child = record.u64(SAKER_P_CLONE_child_pid) as u32;
            if record.u64(SAKER_P_CLONE_parent_pid) as u32 != std::process::id() {
                return;
            }
            if record.hdr().tgid == std::process::id() {
                parent_side.insert(child);
            } else {
                life.push((record.hdr().ts_ns, child, "birth"));
            }
        }
        SAKER_EV_EXECVE if record.u64(SAKER_P_EXECVE_ptid) as u32 == std::process::id() => {
            check_shell_exec(record);
            life.push((record.hdr().ts_ns, record.hdr().tgid, "exec"));
        }
        SAKER_EV_PROCEXIT if record.u64(SAKER_P_PROCEXIT_ret) == 7 => {
            assert_eq!(record.u64(SAKER_P_PROCEXIT_group_dead), 1);
            life.push((record.hdr().ts_ns, record.hdr().tgid, "death"));
        }
        _ => {}
    });
    driver.detach();
    life.retain(|(_, tgid, _)| parent_side.contains(tgid));
    life.sort_unstable();
    let steps: Vec<_> = life.iter().map(|step| step.2).collect();
    assert_eq!(steps, ["birth", "exec", "death"]);
}

/// The iterators know this very process, its threads and an open file of it.
#[test]
fn iterators_tell_what_is_there() {
    use std::os::{fd::AsRawFd, unix::ffi::OsStrExt, unix::fs::MetadataExt};
    let exe = std::env::current_exe().expect("a program");
    let file = fs::File::open(&exe).expect("open");
    let meta = file.metadata().expect("stat");
    let (mut driver, _readers) = load(EventSet::new(), 1);
    let mut read = |what| {
        let mut iterator = driver.iterate(what).expect("an iterator");
        read_frames(&mut iterator).expect("its records")
    };
    let tasks = read(Iterate::Tasks);
    let files = read(Iterate::Files);
    driver.detach();
    let own = std::process::id();
    let parse = |frame| Record::parse(frame).expect("a valid record");
    let tasks: Vec<_> = records(&tasks).map(parse).collect();
    let mine: Vec<_> = tasks.iter().filter(|task| task.hdr().tgid == own).collect();
    assert!(mine.iter().any(|task| task.hdr().tid != own), "its threads");
    let leader = mine
        .iter()
        .find(|task| task.hdr().tid == own)
        .expect("itself");
    assert_eq!(leader.event(), SAKER_EV_TASK);
    assert_eq!(
        leader.var(SAKER_P_TASK_trusted_exepath).bytes,
        exe.as_os_str().as_bytes()
    );
    assert_eq!(leader.u64(SAKER_P_TASK_exe_ino), meta.ino());
    // The memory of others is not read, and the record says so.
    for slot in [SAKER_P_TASK_exe, SAKER_P_TASK_args, SAKER_P_TASK_env] {
        assert!(leader.var(slot).fault, "slot {slot}");
    }
    let cwd = std::env::current_dir().expect("a directory");
    assert_eq!(
        leader.var(SAKER_P_TASK_cwd).bytes,
        cwd.as_os_str().as_bytes()
    );
    let open = records(&files)
        .map(parse)
        .find(|open| {
            open.hdr().tgid == own && open.i64(SAKER_P_FILE_fd) == i64::from(file.as_raw_fd())
        })
        .expect("the open file");
    assert_eq!(
        open.var(SAKER_P_FILE_name).bytes,
        exe.as_os_str().as_bytes()
    );
    assert_eq!(open.u64(SAKER_P_FILE_ino), meta.ino());
}
