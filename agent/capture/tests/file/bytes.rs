//! Small captures in memory.

use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use saker_abi::driver::{EventSet, Iterate};
use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder};
use saker_capture::Gap;
use saker_capture::file::{CaptureError, CaptureWriter, Item, Meta, Reader, Source, frames};
use saker_capture::recorder::{Chunks, Recorder, chunk_pool};

/// A file in memory that outlives its writer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Memory {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").clone()
    }
}

pub(crate) fn meta(partitions: u16) -> Meta {
    Meta {
        partitions,
        recording: "test".to_owned(),
        ..Meta::of_this_agent(&EventSet::all())
    }
}

pub(crate) fn record(ts_ns: u64, tgid: u32) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_UNLINK, ts_ns, tgid, tgid)
        .var(SAKER_P_UNLINK_path, b"/tmp/a file that is gone")
        .build()
}

/// A loss of five records.
pub(crate) const GAP: Gap = Gap {
    cpu: 1,
    partition: 0,
    from_ns: 3,
    until_ns: 4,
    records: 5,
    classes: 1,
};

/// Writes what recorders have handed over.
pub(crate) fn drain(chunks: &Chunks, writer: &mut CaptureWriter<Memory>) {
    while let Ok(chunk) = chunks.receiver().try_recv() {
        writer.chunk(&chunk).expect("written");
        chunks.give_back(chunk);
    }
}

/// A capture of what each stream is given, in blocks of at most `block` records.
pub(crate) fn capture(streams: &[Vec<Vec<u8>>], block: usize) -> Vec<u8> {
    let memory = Memory::default();
    let description = meta(streams.len() as u16);
    let mut writer =
        CaptureWriter::new(memory.clone(), Path::new("memory"), &description).expect("written");
    let mut tasks = Vec::new();
    let task = RecordBuilder::new(SAKER_EV_TASK, 1, 7, 7);
    frames::push(&mut tasks, &task.var(SAKER_P_TASK_exe, b"x").build());
    writer.state(Iterate::Tasks, &tasks).expect("written");
    let (pool, chunks) = chunk_pool(4);
    let mut recorders: Vec<Recorder> = (0..streams.len() as u16)
        .map(|stream| Recorder::new(stream, pool.clone()))
        .collect();
    let rounds = streams.iter().map(Vec::len).max().unwrap_or(0);
    for round in 0..rounds.div_ceil(block) {
        for (stream, recorder) in streams.iter().zip(&mut recorders) {
            let part = stream.iter().skip(round * block).take(block);
            let mut last_ns = 0;
            for bytes in part {
                let record = Record::parse(bytes).expect("a record");
                last_ns = record.hdr().ts_ns;
                recorder.record(&record);
            }
            recorder.flush(last_ns.saturating_sub(1));
            drain(&chunks, &mut writer);
        }
    }
    recorders[0].gap(&GAP);
    for recorder in &mut recorders {
        recorder.flush(u64::MAX);
        drain(&chunks, &mut writer);
    }
    writer.end().expect("written");
    memory.bytes()
}

/// What a source gives: times of records, 0 for a gap, and how it ended.
pub(crate) fn read(bytes: &[u8], salvage: bool) -> (Vec<u64>, Option<CaptureError>) {
    let reader = match Reader::open(Cursor::new(bytes.to_vec()), salvage) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut source = Source::new(reader, salvage).expect("memory");
    let mut times = Vec::new();
    loop {
        match source.next() {
            Ok(Some(Item::Record(record))) => times.push(record.hdr().ts_ns),
            Ok(Some(Item::Gap(gap))) => {
                assert_eq!((gap.cpu, gap.records), (1, 5));
                times.push(0);
            }
            Ok(None) => return (times, None),
            Err(error) => return (times, Some(error)),
        }
    }
}
