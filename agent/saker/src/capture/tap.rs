//! What a worker keeps and copies for captures of rules.

use std::sync::Arc;

use saker_abi::raw::SAKER_EV_CANARY;
use saker_abi::record::Record;
use saker_capture::Gap;
use saker_capture::file::frames;
use saker_capture::recorder::{ChunkPool, Recorder};

use super::triggers::Triggers;

/// Bytes of a worker's last records, which a capture begins with, at most.
pub(super) const BEFORE_BYTES: usize = 4 << 20;

/// A worker's part. As long as no capture runs its last records are kept, afterwards they are copied like
/// those of any recording.
#[derive(Debug)]
pub(crate) struct Tap {
    triggers: Arc<Triggers>,
    recorder: Recorder,
    before: Before,
    generation: u64,
}

impl Tap {
    pub(super) fn new(partition: u16, triggers: Arc<Triggers>, pool: ChunkPool) -> Self {
        Self {
            triggers,
            recorder: Recorder::new(partition, pool),
            before: Before::new(BEFORE_BYTES),
            generation: 0,
        }
    }

    /// What begins captures.
    pub(crate) fn triggers(&self) -> &Arc<Triggers> {
        &self.triggers
    }

    /// Keeps or copies a record.
    pub(crate) fn record(&mut self, rec: &Record<'_>) {
        if rec.event() == SAKER_EV_CANARY {
            return;
        }
        self.follow();
        if self.generation == 0 {
            self.before.push(rec.bytes());
        } else {
            self.recorder.record(rec);
        }
    }

    /// Notes loss in a ring.
    pub(crate) fn gap(&mut self, gap: &Gap) {
        self.follow();
        if self.generation != 0 {
            self.recorder.gap(gap);
        }
    }

    /// The end of a round.
    pub(crate) fn batch_end(&mut self, watermark_ns: u64) {
        self.follow();
        if self.generation == 0 {
            return;
        }
        let until_ns = self.triggers.until_ns();
        if watermark_ns > until_ns && self.recorder.flushed_ns() <= until_ns {
            // The thread waits for this.
            self.recorder.flush(watermark_ns);
        } else {
            self.recorder.batch_end(watermark_ns);
        }
    }

    /// Nothing comes any more.
    pub(crate) fn end(&mut self) {
        self.follow();
        if self.generation != 0 {
            self.recorder.flush(u64::MAX);
        }
    }

    /// Begins or ends what the triggers say.
    fn follow(&mut self) {
        let generation = self.triggers.generation();
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        if generation != 0 {
            self.recorder.start(generation);
            let since_ns = self.triggers.since_ns();
            for rec in self.before.records() {
                if rec.hdr().ts_ns >= since_ns {
                    self.recorder.record(&rec);
                }
            }
        }
        self.before.clear();
    }
}

/// The last records, between half of the bytes and all of them: when one half is full the older one is
/// dropped as a whole, so keeping a record is one copy.
#[derive(Debug)]
struct Before {
    older: Vec<u8>,
    newer: Vec<u8>,
    half: usize,
}

impl Before {
    fn new(bytes: usize) -> Self {
        let half = bytes / 2;
        Self {
            older: Vec::with_capacity(half),
            newer: Vec::with_capacity(half),
            half,
        }
    }

    fn push(&mut self, record: &[u8]) {
        let needed = frames::frame_bytes(record.len());
        if self.newer.len() + needed > self.half {
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
        }
        if needed <= self.half {
            frames::push(&mut self.newer, record);
        }
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        [&self.older, &self.newer].into_iter().flat_map(|bytes| {
            let mut at = 0;
            std::iter::from_fn(move || {
                let (record, next) = frames::at(bytes, at)?;
                at = next;
                Record::parse(record).ok()
            })
        })
    }

    fn clear(&mut self) {
        self.older.clear();
        self.newer.clear();
    }
}

#[cfg(test)]
mod tests {
    use saker_abi::raw::*;
    use saker_abi::record::RecordBuilder;
    use saker_capture::recorder::chunk_pool;

    use super::super::triggers::Alerted;
    use super::super::triggers::tests::{config, triggers};
    use super::*;

    fn record(ts_ns: u64) -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_RMDIR, ts_ns, 5, 5).build()
    }

    #[test]
    fn the_last_records_are_kept_within_the_bound() {
        let frame = frames::frame_bytes(record(1).len());
        let mut before = Before::new(20 * frame);
        for ts_ns in 1..=100 {
            before.push(&record(ts_ns));
            let kept: Vec<u64> = before.records().map(|rec| rec.hdr().ts_ns).collect();
            let expected: Vec<u64> = (ts_ns + 1 - kept.len() as u64..=ts_ns).collect();
            assert_eq!(kept, expected);
            assert!(kept.len() <= 20 && kept.len() as u64 >= ts_ns.min(10));
        }
        assert!(before.older.capacity() + before.newer.capacity() <= 20 * frame);
    }

    #[test]
    fn a_capture_has_what_was_before_and_what_follows() {
        let ms = 1_000_000;
        let (shared, _begins) = triggers(&config());
        let shared = Arc::new(shared.expect("a rule asks"));
        let (pool, chunks) = chunk_pool(4);
        let mut tap = Tap::new(0, Arc::clone(&shared), pool);
        let record = |tap: &mut Tap, at: u64| {
            tap.record(&Record::parse(&record(at * ms)).expect("a record"));
        };
        for at in [80, 89, 90, 99, 100] {
            record(&mut tap, at);
        }
        tap.batch_end(100 * ms);
        assert!(chunks.receiver().is_empty(), "nothing runs");
        shared.alert(Alerted {
            rule: 1,
            ts_ns: 100 * ms,
            epoch_ns: 0,
            number: 0,
        });
        record(&mut tap, 120);
        tap.batch_end(130 * ms);
        tap.batch_end(171 * ms);
        tap.batch_end(172 * ms);
        let chunk = chunks.receiver().try_recv().expect("a chunk");
        // From 10 ms before the alert on.
        assert_eq!((chunk.records(), chunk.first_ns()), (4, 90 * ms));
        assert_eq!((chunk.generation(), chunk.last_ns()), (1, 120 * ms));
        assert!(chunk.watermark_ns() > shared.until_ns());
        assert!(chunks.receiver().is_empty(), "said once");
        assert!(shared.close(170 * ms));
        record(&mut tap, 180);
        tap.end();
        assert!(chunks.receiver().is_empty());
    }
}
