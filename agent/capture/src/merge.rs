//! Ordered merge of the rings of one partition.
//!
//! A round reads the clock, then the producer positions, then delivers in order of time what is
//! older than the clock was. Why that is complete: a driver reserves a record, which moves the
//! producer position, *before* it stamps it. A record that is not below the positions read was
//! reserved later than the clock was read, hence stamped later still. [`EPS_NS`] covers the store
//! buffer between reservation and visibility, and the difference between the kernel's and the
//! vDSO's idea of the clock (0.7 us measured).
//!
//! Records are ordered by `max(ts, last ts of their ring)`: within a ring the order of reservation
//! is kept, even where an interrupt stamped its record before the one it interrupted. Equal keys
//! go in the order of rings, then of positions.
//!
//! A ring whose next record is reserved and not committed holds everything younger than its last
//! record back, for [`BUSY_PATIENCE_NS`]; its producer may be a virtual CPU that does not run.
//! After that the ring is left behind: others go on and what it delivers out of order counts as
//! late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::spin_loop;
use std::sync::atomic::{Ordering, fence};

use saker_abi::record::Record;
use saker_abi::ring::{Head, RingReader, record_footprint};

use crate::clock::Clock;
use crate::ledger::Gap;
use crate::sequence::Sequence;

/// How much older than "now" a record must be to be complete with its like.
pub const EPS_NS: u64 = 5_000;

/// How long a reserved record may hold the others back.
pub const BUSY_PATIENCE_NS: u64 = 2_000_000;

/// Looks at busy records in one round before the round ends: some 10 us, more than a record that is
/// being filled needs.
pub const BUSY_SPINS: u32 = 512;

/// Records of one round. Also bounds the time until positions are published and inboxes are polled.
pub const MAX_BATCH_RECORDS: u32 = 1024;

/// Bytes of one round: a quarter of the smallest ring, so that its producer gets room early.
pub const MAX_BATCH_BYTES: u64 = 64 << 10;

/// A record stamped this far in the future is damaged; waiting for its time would block its ring.
pub const MAX_AHEAD_NS: u64 = 1_000_000_000;

/// Where a round delivers to.
pub trait Sink {
    /// A record, in order unless `late`. `ring` is its ring's index in [`Merge::rings`].
    fn record(&mut self, ring: usize, record: &Record<'_>, late: bool);

    /// Loss that became certain.
    fn gap(&mut self, ring: usize, gap: &Gap);
}

/// Result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// The clock when the round began.
    pub now_ns: u64,
    /// Everything stamped at or before this has been delivered, except late records to come.
    pub watermark_ns: u64,
    /// Records delivered.
    pub records: u32,
    /// The round ended at its bound: there is more to deliver at once.
    pub more: bool,
}

/// What went wrong since the start, besides loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Records delivered after something younger, or after the watermark had passed them.
    pub late: u64,
    /// Records that are none of this ABI, or stamped in the future.
    pub undecodable: u64,
    /// Times a reserved record was met and had not been committed after spinning.
    pub busy_stalls: u64,
    /// Times a ring was left behind.
    pub left_behind: u64,
}

/// The rings of one partition, merged.
#[derive(Debug)]
pub struct Merge {
    rings: Vec<RingReader>,
    lanes: Vec<Lane>,
    /// Rings that have a record, by its key. Rebuilt each round: commits happen in between.
    heap: BinaryHeap<Reverse<(u64, usize)>>,
    /// Keys below this are late: something younger was delivered or the watermark has passed them.
    due_ns: u64,
    watermark_ns: u64,
    faults: Faults,
}

/// What the merge remembers of a ring; apart from the reader, which the record in hand borrows.
#[derive(Debug)]
struct Lane {
    /// Key of the last record delivered.
    last_ns: u64,
    busy: Option<Busy>,
    sequence: Sequence,
}

/// A reserved record that was met.
#[derive(Debug, Clone, Copy)]
struct Busy {
    position: u64,
    since_ns: u64,
    left_behind: bool,
}

enum Next<'a> {
    Record(u64, Record<'a>),
    Busy,
    Empty,
}

/// State of one round.
struct Progress {
    now_ns: u64,
    /// Keys below this may be delivered.
    limit_ns: u64,
    spins: u32,
    records: u32,
    bytes: u64,
}

impl Merge {
    /// Merges `rings`; equal times are delivered in the order they have here.
    pub fn new(rings: Vec<RingReader>) -> Self {
        let lane = |ring: &RingReader| Lane {
            last_ns: 0,
            busy: None,
            sequence: Sequence::new(ring.cpu(), ring.partition()),
        };
        Self {
            lanes: rings.iter().map(lane).collect(),
            heap: BinaryHeap::with_capacity(rings.len()),
            rings,
            due_ns: 0,
            watermark_ns: 0,
            faults: Faults::default(),
        }
    }

    /// The rings, in the order of ties.
    pub fn rings(&self) -> &[RingReader] {
        &self.rings
    }

    /// What went wrong since the start.
    pub const fn faults(&self) -> Faults {
        self.faults
    }

    /// Records of ring `index` that came after they had been reported lost.
    ///
    /// # Panics
    /// When there is no such ring.
    pub fn recovered(&self, index: usize) -> u64 {
        self.lanes[index].sequence.recovered()
    }

    /// Everything stamped at or before this has been delivered, except late records to come.
    pub const fn watermark_ns(&self) -> u64 {
        self.watermark_ns
    }

    /// Delivers what is complete, up to the bounds of a batch, and gives its room back.
    pub fn round(&mut self, clock: &impl Clock, sink: &mut impl Sink) -> Round {
        let now_ns = clock.boottime_ns();
        // Neither compiler nor CPU may read a position before the clock.
        fence(Ordering::SeqCst);
        let mut progress = Progress {
            now_ns,
            limit_ns: now_ns.saturating_sub(EPS_NS),
            spins: BUSY_SPINS,
            records: 0,
            bytes: 0,
        };
        self.collect(&mut progress);
        let mut more = false;
        while let Some(Reverse((key, ring))) = self.heap.pop() {
            if key >= progress.limit_ns {
                break;
            }
            if self.drain_run(ring, &mut progress, sink) {
                more = true;
                break;
            }
        }
        self.watermark_ns = self.watermark_ns.max(progress.limit_ns.saturating_sub(1));
        self.due_ns = self.due_ns.max(self.watermark_ns + 1);
        for (index, ring) in self.rings.iter_mut().enumerate() {
            ring.release();
            let lane = &mut self.lanes[index];
            lane.sequence
                .settle(self.watermark_ns, &mut |gap| sink.gap(index, gap));
        }
        let Progress { records, .. } = progress;
        Round {
            now_ns,
            watermark_ns: self.watermark_ns,
            records,
            more,
        }
    }

    /// Reports the loss that is still held back; for the end.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.sequence.finish(&mut |gap| sink.gap(index, gap));
        }
    }

    /// Looks at all positions and puts every ring that has a record into the heap.
    fn collect(&mut self, progress: &mut Progress) {
        // All positions first: heads are looked at when no position can be older than the others.
        for ring in &mut self.rings {
            ring.observe();
        }
        self.heap.clear();
        for (index, (ring, lane)) in self.rings.iter().zip(&mut self.lanes).enumerate() {
            match next(ring, lane, progress, &mut self.faults) {
                Next::Record(key, _) => self.heap.push(Reverse((key, index))),
                Next::Busy => lane.hold_back(ring, progress, &mut self.faults),
                Next::Empty => {}
            }
        }
    }

    /// Delivers from `ring` as long as it has the smallest key; `true` when the batch is full.
    fn drain_run(&mut self, index: usize, progress: &mut Progress, sink: &mut impl Sink) -> bool {
        let Self {
            rings,
            lanes,
            heap,
            due_ns,
            faults,
            ..
        } = self;
        let (ring, lane) = (&rings[index], &mut lanes[index]);
        let runner_up = heap
            .peek()
            .map_or((u64::MAX, usize::MAX), |&Reverse(other)| other);
        loop {
            let (key, record) = match next(ring, lane, progress, faults) {
                Next::Record(key, record) => (key, record),
                Next::Busy => {
                    lane.hold_back(ring, progress, faults);
                    return false;
                }
                Next::Empty => return false,
            };
            if key >= progress.limit_ns {
                return false;
            }
            if (key, index) > runner_up {
                heap.push(Reverse((key, index)));
                return false;
            }
            if progress.records == MAX_BATCH_RECORDS || progress.bytes >= MAX_BATCH_BYTES {
                // The smallest key there is: what comes next begins here.
                progress.limit_ns = key;
                return true;
            }
            // Before the sink sees it: a record that makes it panic is not met again.
            ring.advance();
            progress.records += 1;
            progress.bytes += record_footprint(record.bytes().len() as u64);
            lane.last_ns = key;
            let late = key < *due_ns;
            faults.late += u64::from(late);
            *due_ns = key.max(*due_ns);
            let hdr = record.hdr();
            let report = &mut |gap: &Gap| sink.gap(index, gap);
            lane.sequence
                .observe(hdr.seq, hdr.lost_mask, hdr.ts_ns, report);
            sink.record(index, &record, late);
        }
    }
}

impl Lane {
    /// Keeps the round from passing a record that is not committed, unless that took too long.
    fn hold_back(&mut self, ring: &RingReader, progress: &mut Progress, faults: &mut Faults) {
        let position = ring.position();
        if self.busy.is_none_or(|busy| busy.position != position) {
            faults.busy_stalls += 1;
            let since_ns = progress.now_ns;
            self.busy = Some(Busy {
                position,
                since_ns,
                left_behind: false,
            });
        }
        let Some(busy) = &mut self.busy else { return };
        if progress.now_ns.saturating_sub(busy.since_ns) < BUSY_PATIENCE_NS {
            progress.limit_ns = progress.limit_ns.min(self.last_ns);
        } else if !busy.left_behind {
            busy.left_behind = true;
            faults.left_behind += 1;
        }
    }
}

/// The next record of a ring, with its key. Records that are none are counted and passed.
fn next<'a>(
    ring: &'a RingReader,
    lane: &Lane,
    progress: &mut Progress,
    faults: &mut Faults,
) -> Next<'a> {
    loop {
        match ring.head() {
            Head::Record(bytes) => match Record::parse(bytes) {
                Ok(record)
                    if record.hdr().ts_ns <= progress.now_ns.saturating_add(MAX_AHEAD_NS) =>
                {
                    return Next::Record(record.hdr().ts_ns.max(lane.last_ns), record);
                }
                _ => {
                    faults.undecodable += 1;
                    ring.advance();
                }
            },
            // One that was busy for a round already is not worth a spin.
            Head::Busy
                if progress.spins > 0
                    && lane.busy.is_none_or(|b| b.position != ring.position()) =>
            {
                progress.spins -= 1;
                spin_loop();
            }
            Head::Busy => return Next::Busy,
            Head::Empty => return Next::Empty,
        }
    }
}
