//! The order of what comes out.

use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;
use saker_abi::raw::*;
use saker_abi::record::Record;
use saker_abi::record::RecordBuilder;
use saker_capture::Gap;
use saker_capture::file::{
    CaptureError, CaptureWriter, MAX_BLOCK_GAPS, MAX_WAITING_BYTES, Reader, Source,
};
use saker_capture::recorder::{Recorder, chunk_pool};

use crate::bytes::{GAP, Memory, capture, drain, meta, read, record};

#[test]
fn a_file_says_what_was_recorded() {
    let bytes = capture(
        &[vec![record(10, 1), record(30, 1)], vec![record(20, 2)]],
        9,
    );
    let (times, error) = read(&bytes, false);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(times, [10, 20, 30, 0]);
    let reader = Reader::open(Cursor::new(bytes), false).expect("whole");
    assert_eq!(reader.meta().partitions, 2);
    let mut source = Source::new(reader, false).expect("memory");
    let state = source.take_state();
    assert!(state.files.is_empty() && !state.tasks.is_empty());
    while source.next().expect("whole").is_some() {}
    let totals = source.totals().expect("an end");
    assert_eq!(
        (totals.records, totals.state_records, totals.lost),
        (3, 1, 5)
    );
    assert_eq!(source.counts().records, 3);
}

#[test]
fn of_equal_times_the_fork_comes_before_the_birth() {
    let fork = |res, tgid| {
        RecordBuilder::new(SAKER_EV_FORK, 5, tgid, tgid)
            .num(SAKER_P_FORK_res, res)
            .build()
    };
    // The child is of the stream that would go first.
    let bytes = capture(&[vec![fork(0, 9)], vec![fork(9, 1)]], 1);
    let reader = Reader::open(Cursor::new(bytes), false).expect("whole");
    let mut source = Source::new(reader, false).expect("memory");
    let mut tgids = Vec::new();
    while let Some(item) = source.next().expect("whole") {
        if let saker_capture::file::Item::Record(record) = item {
            tgids.push(record.hdr().tgid);
        }
    }
    assert_eq!(tgids, [1, 9]);
}

#[test]
fn files_are_made_for_their_owner_and_never_through_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.saker");
    let writer = CaptureWriter::create(&path, &meta(1)).expect("made");
    let totals = writer.finish().expect("on disk");
    assert_eq!(totals.blocks, 1);
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(CaptureWriter::create(&path, &meta(1)).is_err(), "it exists");
    let link = dir.path().join("link");
    symlink(dir.path().join("target"), &link).expect("linked");
    assert!(CaptureWriter::create(&link, &meta(1)).is_err());
    assert!(!dir.path().join("target").exists());
}

#[test]
fn files_of_one_recording_are_one_stream() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |n: u64| dir.path().join(format!("{n}.saker"));
    for n in 0..3 {
        let description = saker_capture::file::Meta {
            file_number: n,
            ..meta(1)
        };
        let writer = CaptureWriter::create(&path(n), &description).expect("made");
        writer.finish().expect("on disk");
    }
    let end = |numbers: &[u64]| {
        let paths: Vec<_> = numbers.iter().map(|&n| path(n)).collect();
        let mut source = Source::open(&paths, false).expect("the first");
        source.next().map(|item| item.is_none())
    };
    assert!(matches!(end(&[0, 1, 2]), Ok(true)));
    assert!(matches!(end(&[1, 2]), Ok(true)));
    for wrong in [&[0, 2][..], &[1, 0], &[0, 0]] {
        assert!(
            matches!(end(wrong), Err(CaptureError::NotNext(_))),
            "{wrong:?}"
        );
    }
}

/// A stream that never speaks does not make the others wait in memory without end, whatever they wait with.
#[test]
fn gaps_that_wait_take_no_more_than_their_share() {
    let memory = Memory::default();
    let mut writer =
        CaptureWriter::new(memory.clone(), Path::new("memory"), &meta(2)).expect("written");
    let (pool, chunks) = chunk_pool(2);
    let mut recorder = Recorder::new(0, pool);
    let bytes = record(10, 1);
    recorder.record(&Record::parse(&bytes).expect("a record"));
    recorder.flush(10);
    // More than there is room for even if each were but its numbers.
    let mut left = MAX_WAITING_BYTES / size_of::<Gap>() + 1;
    let mut watermark_ns = 10;
    while left > 0 {
        for _ in 0..left.min(MAX_BLOCK_GAPS) {
            recorder.gap(&GAP);
        }
        left = left.saturating_sub(MAX_BLOCK_GAPS);
        watermark_ns += 1;
        recorder.flush(watermark_ns);
        drain(&chunks, &mut writer);
    }
    writer.end().expect("written");
    let reader = Reader::open(Cursor::new(memory.bytes()), false).expect("whole");
    let mut source = Source::new(reader, false).expect("memory");
    assert!(source.next().expect("whole").is_some());
    assert_eq!(source.counts().unordered, 1, "before the end of the file");
}

proptest! {
    /// Whatever the streams hold and however they are cut into blocks: sorted by time, each stream in its
    /// own order, nothing lost.
    #[test]
    fn streams_are_merged_by_time(
        mut streams in prop::collection::vec(prop::collection::vec(1u64..50, 0..40), 1..5),
        block in 1usize..10,
    ) {
        for stream in &mut streams {
            stream.sort_unstable();
        }
        let records: Vec<Vec<Vec<u8>>> = streams
            .iter()
            .map(|times| times.iter().map(|&ts_ns| record(ts_ns, 1)).collect())
            .collect();
        let (mut times, error) = read(&capture(&records, block), false);
        prop_assert!(error.is_none(), "{:?}", error);
        times.retain(|&ts_ns| ts_ns != 0);
        let mut expected: Vec<u64> = streams.concat();
        expected.sort_unstable();
        prop_assert_eq!(times, expected);
    }
}
