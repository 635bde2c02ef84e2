//! `golden IN OUT TGID...`: of a capture only some thread groups, what they have started, and nothing that tells
//! of the host; for captures that are kept with the tests (tests/captures/record.sh).

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use saker_abi::driver::Iterate;
use saker_abi::raw::*;
use saker_abi::record::Record;
use saker_capture::file::meta::MetaInterface;
use saker_capture::file::{CaptureWriter, Item, Source, frames};
use saker_capture::recorder::{Recorder, chunk_pool};

/// Users and groups above this are the host's own.
const SYSTEM_ID_MAX: u32 = 1;
/// But for this user and this group, the same everywhere.
const NOBODY_ID: u32 = 65534;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, tgids @ ..] = &arguments[..] else {
        eprintln!("golden IN OUT TGID...");
        return ExitCode::FAILURE;
    };
    let tgids: Result<HashSet<u32>, _> = tgids.iter().map(|tgid| tgid.parse()).collect();
    let kept = tgids
        .map_err(Error::from)
        .and_then(|tgids| keep(from, to, tgids));
    match kept {
        Ok(records) => {
            println!("{to}: {records} records");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("golden: {error}");
            ExitCode::FAILURE
        }
    }
}

fn keep(from: &str, to: &str, mut groups: HashSet<u32>) -> Result<u64, Error> {
    let mut source = Source::open(&[PathBuf::from(from)], false)?;
    let mut meta = source.meta().clone();
    meta.hostname = "golden".to_owned();
    meta.addresses = vec!["127.0.0.1".parse()?];
    // The attack suite's network (tests/attacks/src/stage.rs).
    meta.interfaces = vec![MetaInterface {
        address: "192.0.2.1".parse()?,
        prefix: 24,
    }];
    let everywhere = |id: u32| id <= SYSTEM_ID_MAX || id == NOBODY_ID;
    meta.users.retain(|user| everywhere(user.uid));
    meta.groups.retain(|(gid, _)| everywhere(*gid));
    meta.mounts.retain(|mount| mount.point.is_empty());
    let partitions = u32::from(meta.partitions);
    let mut writer = CaptureWriter::create(Path::new(to), &meta)?;
    let state = source.take_state();
    writer.state(Iterate::Tasks, &of_groups(&state.tasks, &groups))?;
    writer.state(Iterate::Files, &of_groups(&state.files, &groups))?;
    let (pool, chunks) = chunk_pool(64);
    let mut recorders: Vec<Recorder> = (0..meta.partitions)
        .map(|stream| Recorder::new(stream, pool.clone()))
        .collect();
    while let Some(item) = source.next()? {
        let Item::Record(record) = item else { continue };
        if let Some(child) = child(&record).filter(|_| groups.contains(&record.hdr().tgid)) {
            groups.insert(child);
        }
        if groups.contains(&record.hdr().tgid) {
            let stream = saker_abi::event::partition(record.hdr().tgid, partitions);
            let hidden = without_cgroups(&record);
            recorders[stream as usize]
                .record(&Record::parse(&hidden).map_err(|e| format!("{e:?}"))?);
        }
    }
    for recorder in &mut recorders {
        recorder.flush(u64::MAX);
        while let Ok(chunk) = chunks.receiver().try_recv() {
            writer.chunk(&chunk)?;
            chunks.give_back(chunk);
        }
    }
    Ok(writer.finish()?.records)
}

/// The record with the names of the recorder's cgroups, which are the host's, crossed out. Those of the attack suite's
/// containers stay.
fn without_cgroups(record: &Record<'_>) -> Vec<u8> {
    let mut bytes = record.bytes().to_vec();
    if let Some(slot) = record.info().slot("cgroups") {
        let names = record.var(slot as u32).bytes;
        let at = names.as_ptr() as usize - record.bytes().as_ptr() as usize;
        let named = bytes.get_mut(at..at + names.len()).into_iter().flatten();
        let kept = names.split_inclusive(|byte| *byte == 0).flat_map(|path| {
            let host = path.len() - container(path).map_or(0, <[u8]>::len);
            (0..path.len()).map(move |index| index >= host)
        });
        for (byte, _) in named.zip(kept).filter(|(byte, kept)| {
            let letter = byte.is_ascii_alphanumeric() || **byte == b'_';
            letter && !kept
        }) {
            *byte = b'x';
        }
    }
    bytes
}

/// The end of a cgroup's path from a container's group on (tests/attacks/src/container.rs).
fn container(path: &[u8]) -> Option<&[u8]> {
    const PARENT: &[u8] = b"/docker/";
    const DIGITS: usize = 64;
    let mut ends = (0..path.len()).map(|at| &path[at..]);
    ends.find(|end| {
        let id = end.strip_prefix(PARENT).and_then(|id| id.get(..DIGITS));
        id.is_some_and(|id| id.iter().all(u8::is_ascii_hexdigit))
    })
}

/// The child a fork has made, in its parent's record.
fn child(record: &Record<'_>) -> Option<u32> {
    let fork = matches!(
        record.event(),
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK
    );
    (fork && record.i64(SAKER_P_CLONE_res) > 0).then(|| record.u64(SAKER_P_CLONE_child_pid) as u32)
}

fn of_groups(bytes: &[u8], groups: &HashSet<u32>) -> Vec<u8> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while let Some((record, next)) = frames::at(bytes, at) {
        if Record::parse(record).is_ok_and(|record| groups.contains(&record.hdr().tgid)) {
            frames::push(&mut kept, record);
        }
        at = next;
    }
    kept
}
