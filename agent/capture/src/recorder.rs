//! Copies of raw records on their way from a worker to the thread that writes them.
//!
//! A worker copies records into a chunk and hands full chunks over; empty ones come back. There are as many
//! chunks as were made in the beginning and no more: when the writer is slow and none is left, records
//! are lost to the recording, counted and reported as a gap. Nothing is allocated per record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, bounded};
use saker_abi::raw::SAKER_EV_CANARY;
use saker_abi::record::Record;

use crate::file::MAX_BLOCK_GAPS;
use crate::file::frames::{frame_bytes, push};
use crate::file::meta::NO_CPU;
use crate::ledger::Gap;

/// Bytes of records in a chunk at most; several of the largest records.
pub const CHUNK_BYTES: usize = 256 << 10;

/// Longest time, by the clock of events, in which a worker says nothing.
pub const FLUSH_NS: u64 = 1_000_000_000;

/// Records of one partition, in order.
#[derive(Debug)]
pub struct Chunk {
    stream: u16,
    generation: u64,
    bytes: Vec<u8>,
    records: u32,
    first_ns: u64,
    last_ns: u64,
    watermark_ns: u64,
    gaps: Vec<Gap>,
}

impl Chunk {
    fn new() -> Self {
        Self {
            stream: 0,
            generation: 0,
            bytes: Vec::with_capacity(CHUNK_BYTES),
            records: 0,
            first_ns: 0,
            last_ns: 0,
            watermark_ns: 0,
            gaps: Vec::with_capacity(MAX_BLOCK_GAPS),
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.gaps.clear();
        (self.records, self.first_ns, self.last_ns, self.watermark_ns) = (0, 0, 0, 0);
    }

    /// Partition the records are of.
    pub const fn stream(&self) -> u16 {
        self.stream
    }

    /// Number of the recording they are for ([`Recorder::start`]).
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Frames of records.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many.
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// Time of the first, 0 when there is none.
    pub const fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Time of the last.
    pub const fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// All records of the partition up to here are in this chunk or an earlier one.
    pub const fn watermark_ns(&self) -> u64 {
        self.watermark_ns
    }

    /// What is missing before or among the records.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Notes a gap; when too many are noted already, as part of the last one.
    fn note(&mut self, gap: &Gap) {
        let full = self.gaps.len() == MAX_BLOCK_GAPS;
        match self.gaps.last_mut() {
            Some(last) if full => {
                last.until_ns = last.until_ns.max(gap.until_ns);
                last.records += gap.records;
                last.classes |= gap.classes;
            }
            _ => self.gaps.push(*gap),
        }
    }
}

/// What was recorded, for metrics.
#[derive(Debug, Default)]
pub struct RecorderStats {
    records: AtomicU64,
    lost: AtomicU64,
}

impl RecorderStats {
    /// Records copied.
    pub fn records(&self) -> u64 {
        self.records.load(Relaxed)
    }

    /// Records for which there was no room.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

/// The workers' end of a pool of chunks.
#[derive(Debug, Clone)]
pub struct ChunkPool {
    free: Receiver<Box<Chunk>>,
    full: Sender<Box<Chunk>>,
    stats: Arc<RecorderStats>,
}

/// The writer's end.
#[derive(Debug)]
pub struct Chunks {
    full: Receiver<Box<Chunk>>,
    free: Sender<Box<Chunk>>,
    stats: Arc<RecorderStats>,
}

/// A pool of `chunks` chunks of [`CHUNK_BYTES`], made now.
pub fn chunk_pool(chunks: usize) -> (ChunkPool, Chunks) {
    let (free_sender, free) = bounded(chunks);
    let (full_sender, full) = bounded(chunks);
    for _ in 0..chunks {
        // As many as fit.
        let _ = free_sender.try_send(Box::new(Chunk::new()));
    }
    let stats = Arc::new(RecorderStats::default());
    let pool = ChunkPool {
        free,
        full: full_sender,
        stats: Arc::clone(&stats),
    };
    let chunks = Chunks {
        full,
        free: free_sender,
        stats,
    };
    (pool, chunks)
}

impl Chunks {
    /// Chunks that were handed over; at its end when all recorders are gone.
    pub const fn receiver(&self) -> &Receiver<Box<Chunk>> {
        &self.full
    }

    /// Gives a chunk back to the workers.
    pub fn give_back(&self, mut chunk: Box<Chunk>) {
        chunk.clear();
        // There is room for all there are; without workers nobody needs it.
        let _ = self.free.try_send(chunk);
    }

    /// What was recorded.
    pub const fn stats(&self) -> &Arc<RecorderStats> {
        &self.stats
    }
}

/// Copies the records of one partition. For its worker: neither waits nor allocates.
#[derive(Debug)]
pub struct Recorder {
    stream: u16,
    generation: u64,
    pool: ChunkPool,
    chunk: Option<Box<Chunk>>,
    /// What was lost since a chunk could be had, not reported yet.
    lost: Option<Gap>,
    last_ns: u64,
    flushed_ns: u64,
    /// Of this recorder, published with each chunk.
    records: u64,
}

impl Recorder {
    /// For partition `stream`.
    pub const fn new(stream: u16, pool: ChunkPool) -> Self {
        Self {
            stream,
            generation: 0,
            pool,
            chunk: None,
            lost: None,
            last_ns: 0,
            flushed_ns: 0,
            records: 0,
        }
    }

    /// Begins recording number `generation`; what was not handed over of another one is dropped.
    pub fn start(&mut self, generation: u64) {
        self.generation = generation;
        if let Some(chunk) = &mut self.chunk {
            chunk.clear();
            chunk.generation = generation;
        }
        (self.lost, self.records) = (None, 0);
        (self.last_ns, self.flushed_ns) = (0, 0);
    }

    /// Copies a record. Canaries are the recorder's own affair and left out.
    pub fn record(&mut self, rec: &Record<'_>) {
        if rec.event() == SAKER_EV_CANARY {
            return;
        }
        let class = 1 << rec.info().class as u16;
        self.copy(rec.bytes(), rec.hdr().ts_ns, class);
    }

    /// The same for the bytes of a record stamped `ts_ns`, of the classes in the mask.
    pub fn copy(&mut self, record: &[u8], ts_ns: u64, classes: u16) {
        let needed = frame_bytes(record.len());
        let full = |chunk: &Chunk| chunk.bytes.len() + needed > CHUNK_BYTES;
        if self.chunk.as_deref().is_some_and(full) {
            // Up to the last record all is there; of this one's time there may be more to come.
            self.flush(self.last_ns.saturating_sub(1));
        }
        let last_ns = self.last_ns;
        self.last_ns = last_ns.max(ts_ns);
        if needed > CHUNK_BYTES || !self.have_chunk() {
            self.pool.stats.lost.fetch_add(1, Relaxed);
            let lost = self.lost.get_or_insert(Gap {
                cpu: NO_CPU,
                partition: self.stream.into(),
                from_ns: last_ns,
                until_ns: ts_ns,
                records: 0,
                classes: 0,
            });
            (lost.until_ns, lost.records) = (self.last_ns, lost.records + 1);
            lost.classes |= classes;
            return;
        }
        let Some(chunk) = &mut self.chunk else { return };
        push(&mut chunk.bytes, record);
        if chunk.records == 0 {
            chunk.first_ns = ts_ns;
        }
        chunk.records += 1;
        chunk.last_ns = ts_ns;
        self.records += 1;
    }

    /// Notes loss in a ring.
    pub fn gap(&mut self, gap: &Gap) {
        if self.have_chunk()
            && let Some(chunk) = &mut self.chunk
        {
            chunk.note(gap);
        } else if let Some(lost) = &mut self.lost {
            lost.records += gap.records;
            lost.classes |= gap.classes;
        } else {
            self.lost = Some(*gap);
        }
    }

    /// All records up to `watermark_ns` have been copied: hands the chunk over when that has not been said
    /// for [`FLUSH_NS`].
    pub fn batch_end(&mut self, watermark_ns: u64) {
        if watermark_ns >= self.flushed_ns.saturating_add(FLUSH_NS) {
            self.flush(watermark_ns);
        }
    }

    /// Up to where it has said that everything is there.
    pub const fn flushed_ns(&self) -> u64 {
        self.flushed_ns
    }

    /// Hands over what there is and says that everything up to `watermark_ns` is there.
    pub fn flush(&mut self, watermark_ns: u64) {
        if !self.have_chunk() {
            return;
        }
        let Some(mut chunk) = self.chunk.take() else {
            return;
        };
        chunk.watermark_ns = watermark_ns.max(self.flushed_ns);
        self.flushed_ns = chunk.watermark_ns;
        self.pool
            .stats
            .records
            .fetch_add(chunk.records.into(), Relaxed);
        // There is room for all chunks there are. Without a writer nobody wants them.
        let _ = self.pool.full.try_send(chunk);
    }

    fn have_chunk(&mut self) -> bool {
        if self.chunk.is_none() {
            self.chunk = self.pool.free.try_recv().ok();
            if let Some(chunk) = &mut self.chunk {
                chunk.stream = self.stream;
                chunk.generation = self.generation;
                if let Some(lost) = self.lost.take() {
                    chunk.note(&lost);
                }
            }
        }
        self.chunk.is_some()
    }
}

#[cfg(test)]
mod tests {
    use saker_abi::raw::SAKER_EV_SETSID;
    use saker_abi::record::RecordBuilder;

    use super::*;

    fn record(ts_ns: u64) -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_SETSID, ts_ns, 5, 5).build()
    }

    fn copy(recorder: &mut Recorder, ts_ns: u64) {
        let bytes = record(ts_ns);
        recorder.record(&Record::parse(&bytes).expect("a record"));
    }

    #[test]
    fn records_are_handed_over_with_what_is_complete() {
        let (pool, chunks) = chunk_pool(2);
        let mut recorder = Recorder::new(3, pool);
        recorder.start(7);
        recorder.batch_end(FLUSH_NS);
        let chunk = chunks.receiver().try_recv().expect("a sign of life");
        assert_eq!((chunk.records(), chunk.watermark_ns()), (0, FLUSH_NS));
        copy(&mut recorder, FLUSH_NS + 5);
        recorder.batch_end(FLUSH_NS + 9);
        assert!(chunks.receiver().is_empty(), "not yet");
        recorder.flush(FLUSH_NS + 9);
        let chunk = chunks.receiver().try_recv().expect("a chunk");
        assert_eq!((chunk.stream(), chunk.generation()), (3, 7));
        assert_eq!((chunk.records(), chunk.first_ns()), (1, FLUSH_NS + 5));
        assert_eq!(chunk.watermark_ns(), FLUSH_NS + 9);
        assert_eq!(chunks.stats().records(), 1);
    }

    #[test]
    fn a_full_chunk_claims_nothing_of_the_time_of_its_last_record() {
        let (pool, chunks) = chunk_pool(2);
        let mut recorder = Recorder::new(0, pool);
        let fit = CHUNK_BYTES / frame_bytes(record(1).len());
        (0..=fit).for_each(|_| copy(&mut recorder, 10));
        let chunk = chunks.receiver().try_recv().expect("a chunk");
        assert_eq!(chunk.records() as usize, fit);
        assert_eq!(chunk.watermark_ns(), 9);
    }

    #[test]
    fn without_room_records_are_lost_and_counted() {
        let (pool, chunks) = chunk_pool(1);
        let mut recorder = Recorder::new(1, pool);
        copy(&mut recorder, 10);
        recorder.flush(10);
        (11..14).for_each(|ts_ns| copy(&mut recorder, ts_ns));
        assert_eq!(chunks.stats().lost(), 3);
        let chunk = chunks.receiver().try_recv().expect("a chunk");
        assert!(chunk.gaps().is_empty());
        chunks.give_back(chunk);
        copy(&mut recorder, 20);
        recorder.flush(20);
        let chunk = chunks.receiver().try_recv().expect("a chunk");
        let [gap] = chunk.gaps() else {
            panic!("{:?}", chunk.gaps())
        };
        assert_eq!((gap.from_ns, gap.until_ns, gap.records), (10, 13, 3));
        assert_eq!((gap.cpu, gap.partition, chunk.records()), (NO_CPU, 1, 1));
    }

    #[test]
    fn gaps_are_bounded() {
        let (pool, chunks) = chunk_pool(1);
        let mut recorder = Recorder::new(0, pool);
        let gap = Gap {
            cpu: 0,
            partition: 0,
            from_ns: 1,
            until_ns: 2,
            records: 2,
            classes: 1,
        };
        let count = MAX_BLOCK_GAPS + 5;
        (0..count).for_each(|_| recorder.gap(&gap));
        recorder.flush(9);
        let chunk = chunks.receiver().try_recv().expect("a chunk");
        let lost: u64 = chunk.gaps().iter().map(|gap| gap.records).sum();
        assert_eq!(
            (chunk.gaps().len(), lost),
            (MAX_BLOCK_GAPS, 2 * count as u64)
        );
    }
}
