//! Records about what exists.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use rustix::io::Errno;
use saker_abi::raw::*;
use saker_abi::record::Record;
use saker_vm_guest::device::Device;

use crate::{refused, roles};

/// Processes that come and go while iterators look, in each of two threads.
const SHORT_LIVES: usize = 400;
/// Of these so many at a time.
const AT_A_TIME: usize = 8;

/// One record: whose, and its descriptor, if it is about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    event: u32,
    tgid: u32,
    tid: u32,
    fd: Option<u64>,
}

/// All frames of a read.
fn frames(mut bytes: &[u8]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (header, rest) = bytes.split_at_checked(8).context("half a header")?;
        let len = u32::from_le_bytes(header[..4].try_into().expect("4 bytes")) as usize;
        ensure!(header[4..] == [0; 4], "header {header:?}");
        let padded = len.next_multiple_of(8);
        let (record, rest) = rest.split_at_checked(padded).context("half a record")?;
        ensure!(record[len..].iter().all(|&byte| byte == 0), "padding");
        // Records are aligned in a ring, bytes of a read are not.
        let aligned: Vec<u64> = record
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")))
            .collect();
        let bytes_again: Vec<u8> = aligned.iter().flat_map(|word| word.to_le_bytes()).collect();
        let record = Record::parse(&bytes_again[..len]).context("a damaged record")?;
        let event = record.event();
        let fd = (event == SAKER_EV_FILE).then(|| record.u64(SAKER_P_FILE_fd));
        let (tgid, tid) = (record.hdr().tgid, record.hdr().tid);
        found.push(Found {
            event,
            tgid,
            tid,
            fd,
        });
        bytes = rest;
    }
    Ok(found)
}

/// Everything that an iterator says in reads of `bytes`.
fn read_all(mut file: File, bytes: usize) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut buffer = vec![0; bytes];
    loop {
        let read = file.read(&mut buffer).context("read")?;
        if read == 0 {
            return Ok(found);
        }
        found.extend(frames(&buffer[..read])?);
    }
}

pub(crate) fn contents() -> Result<()> {
    let device = Device::open()?;
    let me = std::process::id();
    let tasks = read_all(device.iterate(SAKER_ITERATE_TASKS, 0)?, 1 << 16)?;
    ensure!(tasks.iter().all(|t| t.event == SAKER_EV_TASK), "{tasks:?}");
    for pid in [1, me] {
        let leaders = tasks
            .iter()
            .filter(|t| t.tid == pid && t.tgid == pid)
            .count();
        ensure!(
            leaders == 1,
            "process {pid}: {leaders} records of {tasks:?}"
        );
    }
    let file = File::open("/dev/null")?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file) as u64;
    let files = read_all(device.iterate(SAKER_ITERATE_FILES, 0)?, 1 << 16)?;
    ensure!(files.iter().all(|f| f.event == SAKER_EV_FILE), "{files:?}");
    let ours = files
        .iter()
        .filter(|f| f.tgid == me && f.fd == Some(number))
        .count();
    ensure!(
        ours == 1,
        "descriptor {number}: {ours} records of {files:?}"
    );
    Ok(())
}

pub(crate) fn short_reads() -> Result<()> {
    let device = Device::open()?;
    // Many, so that one lock does not hold them all.
    let files: Vec<File> = (0..300)
        .map(|_| File::open("/dev/null"))
        .collect::<Result<_, _>>()?;
    let me = std::process::id();
    let mine = |found: Vec<Found>| {
        found
            .into_iter()
            .filter(|f| f.tgid == me)
            .collect::<Vec<_>>()
    };
    for (what, bytes) in [(SAKER_ITERATE_TASKS, 16 << 10), (SAKER_ITERATE_FILES, 9000)] {
        let long = mine(read_all(device.iterate(what, 0)?, 1 << 20)?);
        let short = mine(read_all(device.iterate(what, 0)?, bytes)?);
        ensure!(!long.is_empty(), "iterator {what}: nothing of this process");
        // Each has its own iterator open, with the same number.
        ensure!(
            long == short,
            "iterator {what}: {long:?}, in short reads {short:?}"
        );
    }
    let in_files = mine(read_all(device.iterate(SAKER_ITERATE_FILES, 0)?, 1 << 16)?).len();
    ensure!(
        in_files >= files.len(),
        "{in_files} descriptors of {}",
        files.len()
    );
    Ok(())
}

pub(crate) fn one_process() -> Result<()> {
    let device = Device::open()?;
    let me = std::process::id();
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let (ready, started) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        let _ = ready.send(());
        let _ = wait.recv();
    });
    started.recv()?;
    let tasks = read_all(device.iterate(SAKER_ITERATE_TASKS, me)?, 1 << 16)?;
    let files = read_all(device.iterate(SAKER_ITERATE_FILES, me)?, 1 << 16)?;
    let nobody = read_all(
        device.iterate(SAKER_ITERATE_TASKS, i32::MAX as u32)?,
        1 << 16,
    )?;
    drop(stop);
    other.join().expect("no panic");
    ensure!(
        tasks.len() == 2 && tasks.iter().all(|t| t.tgid == me),
        "{tasks:?}"
    );
    ensure!(
        !files.is_empty() && files.iter().all(|f| f.tgid == me),
        "{files:?}"
    );
    ensure!(nobody.is_empty(), "{nobody:?}");
    // A leader that has ended, while another thread goes on with the files.
    let orphaned = roles::Player::start("leader-ends")?;
    let files = read_all(device.iterate(SAKER_ITERATE_FILES, orphaned.id())?, 1 << 16)?;
    ensure!(
        !files.is_empty(),
        "no files of a process without its leader"
    );
    Ok(())
}

/// Starts processes that end at once.
fn short_lives() -> Result<()> {
    for _ in 0..SHORT_LIVES / AT_A_TIME {
        let ending: Vec<_> = (0..AT_A_TIME)
            .map(|_| roles::start("end"))
            .collect::<Result<_>>()?;
        for mut child in ending {
            ensure!(child.wait()?.success(), "a process that only ends");
        }
    }
    Ok(())
}

/// A process may end between any two looks at it: nothing of it but its task is held.
pub(crate) fn ending_processes() -> Result<()> {
    let device = Device::open()?;
    std::thread::scope(|scope| {
        let lives: Vec<_> = (0..2).map(|_| scope.spawn(short_lives)).collect();
        let mut met = 0;
        let me = std::process::id();
        while !lives.iter().all(|life| life.is_finished()) {
            for what in [SAKER_ITERATE_TASKS, SAKER_ITERATE_FILES] {
                let found = read_all(device.iterate(what, 0)?, 1 << 16)?;
                met += found.iter().filter(|f| f.tgid > me).count();
            }
        }
        for life in lives {
            life.join().expect("no panic")?;
        }
        ensure!(met > 0, "none of the processes was met");
        Ok(())
    })
}

/// What was told of a process that ends halfway says nothing of the next one.
pub(crate) fn who_ends_halfway() -> Result<()> {
    let device = Device::open()?;
    let ending = roles::Player::start("many-files")?;
    let next = roles::Player::start("stay")?;
    ensure!(ending.id() < next.id(), "numbers have begun again");
    let expected = read_all(device.iterate(SAKER_ITERATE_FILES, next.id())?, 1 << 16)?;
    ensure!(!expected.is_empty(), "no files of a process that stays");

    let mut file = device.iterate(SAKER_ITERATE_FILES, 0)?;
    let mut buffer = vec![0; 9000];
    let met = loop {
        let read = file.read(&mut buffer)?;
        let found = frames(&buffer[..read])?;
        ensure!(!found.is_empty(), "the process was not met");
        let met = found.iter().filter(|f| f.tgid == ending.id()).count();
        if met > 0 {
            break met;
        }
    };
    ensure!(met < roles::MANY_FILES, "{met} files in one read");
    drop(ending);
    let mut rest = read_all(file, 9000)?;
    rest.retain(|f| f.tgid == next.id());
    ensure!(rest == expected, "{rest:?}, alone {expected:?}");
    Ok(())
}

pub(crate) fn unreadable_arguments() -> Result<()> {
    let hidden = roles::Player::start("hide-arguments")?;
    let mut file = Device::open()?.iterate(SAKER_ITERATE_TASKS, hidden.id())?;
    let mut buffer = vec![0; 1 << 16];
    let read = file.read(&mut buffer)?;
    ensure!(frames(&buffer[..read])?.len() == 1, "{read} bytes");
    let len = u32::from_le_bytes(buffer[..4].try_into()?) as usize;
    let aligned = buffer[8..8 + len].to_vec();
    let record = Record::parse(&aligned).context("a damaged record")?;
    for slot in [SAKER_P_TASK_exe, SAKER_P_TASK_args] {
        let var = record.var(slot);
        ensure!(var.fault && var.bytes.is_empty(), "slot {slot}: {var:?}");
    }
    // What follows is in its place.
    let cwd = record.var(SAKER_P_TASK_cwd);
    ensure!(cwd.bytes == b"/" && !cwd.fault, "working directory {cwd:?}");
    Ok(())
}

pub(crate) fn impossible() -> Result<()> {
    let device = Device::open()?;
    refused("0", device.iterate(0, 0), Errno::INVAL)?;
    refused("3", device.iterate(3, 0), Errno::INVAL)?;
    refused("2^32 - 1", device.iterate(u32::MAX, 0), Errno::INVAL)?;
    refused(
        "no such number",
        device.iterate(SAKER_ITERATE_TASKS, 1 << 31),
        Errno::INVAL,
    )?;
    let mut file = device.iterate(SAKER_ITERATE_TASKS, 0)?;
    refused("a byte", file.read(&mut [0]), Errno::INVAL)?;
    refused("a header", file.read(&mut [0; 8]), Errno::INVAL)?;
    // A refused read loses nothing.
    ensure!(
        !read_all(file, 1 << 16)?.is_empty(),
        "nothing after short reads"
    );
    Ok(())
}
