//! The merge and the worker, step by step on rings written by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saker_abi::raw::{SAKER_EV_CLOSE, SAKER_P_CLOSE_fd};
use saker_abi::record::{Record, RecordBuilder};
use saker_abi::ring::{Reserved, RingProducer, memory_ring};
use saker_capture::merge::{
    BUSY_PATIENCE_NS, EPS_NS, MAX_AHEAD_NS, MAX_BATCH_BYTES, MAX_BATCH_RECORDS,
};
use saker_capture::{Clock, Gap, Handler, Merge, Round, Sink, Worker};

#[derive(Clone, Default)]
struct TestClock(Arc<AtomicU64>);

impl Clock for TestClock {
    fn boottime_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was delivered: the number in the record, and whether it was late.
#[derive(Default)]
struct Seen(Vec<(i64, bool)>);

impl Sink for Seen {
    fn record(&mut self, _ring: usize, record: &Record<'_>, late: bool) {
        self.0.push((record.i64(SAKER_P_CLOSE_fd), late));
    }

    fn gap(&mut self, _ring: usize, gap: &Gap) {
        panic!("no loss expected: {gap:?}");
    }
}

/// One partition: a ring a CPU, a clock, a merge.
struct Bench {
    producers: Vec<RingProducer>,
    seqs: Vec<u32>,
    clock: TestClock,
    merge: Merge,
    seen: Seen,
}

fn record(number: i64, ts_ns: u64, seq: u32) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_CLOSE, ts_ns, 7, 7)
        .hdr(|hdr| hdr.seq = seq)
        .num(SAKER_P_CLOSE_fd, number)
        .build()
}

impl Bench {
    fn new(cpus: u32) -> Self {
        let (producers, readers): (Vec<_>, Vec<_>) =
            (0..cpus).map(|cpu| memory_ring(cpu, 0, 1 << 20)).unzip();
        Self {
            seqs: vec![0; producers.len()],
            producers,
            clock: TestClock::default(),
            merge: Merge::new(readers),
            seen: Seen::default(),
        }
    }

    fn push(&mut self, cpu: usize, number: i64, ts_ns: u64) {
        let bytes = record(number, ts_ns, self.seqs[cpu]);
        self.seqs[cpu] += 1;
        assert!(self.producers[cpu].push(&bytes));
    }

    fn reserve(&mut self, cpu: usize) -> (Reserved, u32) {
        let seq = self.seqs[cpu];
        self.seqs[cpu] += 1;
        (
            self.producers[cpu]
                .reserve(record(0, 0, 0).len())
                .expect("room"),
            seq,
        )
    }

    fn commit(&mut self, cpu: usize, (reserved, seq): (Reserved, u32), number: i64, ts_ns: u64) {
        self.producers[cpu].fill(&reserved, &record(number, ts_ns, seq));
        self.producers[cpu].commit(reserved);
    }

    fn round_at(&mut self, now_ns: u64) -> Round {
        self.clock.0.store(now_ns, Ordering::Relaxed);
        self.merge.round(&self.clock, &mut self.seen)
    }

    /// Numbers delivered since the last call; none of them late.
    fn numbers(&mut self) -> Vec<i64> {
        let seen = std::mem::take(&mut self.seen.0);
        assert!(seen.iter().all(|(_, late)| !late), "{seen:?}");
        seen.into_iter().map(|(number, _)| number).collect()
    }
}

#[test]
fn rings_are_merged_by_time() {
    let mut bench = Bench::new(3);
    for (cpu, number, ts_ns) in [(0, 1, 10), (0, 3, 30), (1, 2, 20), (2, 4, 40), (1, 5, 50)] {
        bench.push(cpu, number, ts_ns);
    }
    let round = bench.round_at(1_000_000);
    assert_eq!(bench.numbers(), [1, 2, 3, 4, 5]);
    assert_eq!((round.records, round.more), (5, false));
    assert_eq!(round.watermark_ns, 1_000_000 - EPS_NS - 1);
    assert!(
        bench
            .producers
            .iter()
            .all(|producer| producer.waiting_bytes() == 0)
    );
}

#[test]
fn records_of_the_last_microseconds_wait() {
    let mut bench = Bench::new(2);
    bench.push(0, 1, 100_000 - EPS_NS - 1);
    bench.push(1, 2, 100_000 - EPS_NS);
    bench.round_at(100_000);
    assert_eq!(bench.numbers(), [1]);
    bench.round_at(100_001);
    assert_eq!(bench.numbers(), [2]);
}

#[test]
fn ties_go_by_ring_then_by_position() {
    let mut bench = Bench::new(2);
    for (cpu, number) in [(1, 3), (1, 4), (0, 1), (0, 2)] {
        bench.push(cpu, number, 10);
    }
    bench.round_at(1_000_000);
    assert_eq!(bench.numbers(), [1, 2, 3, 4]);
}

#[test]
fn a_ring_keeps_the_order_of_reservation() {
    let mut bench = Bench::new(2);
    // An interrupt stamped its record (2) before the one it interrupted (1).
    bench.push(0, 1, 30);
    bench.push(0, 2, 20);
    bench.push(1, 3, 25);
    bench.push(1, 4, 40);
    bench.round_at(1_000_000);
    assert_eq!(bench.numbers(), [3, 1, 2, 4]);
}

#[test]
fn a_busy_record_holds_back_what_is_younger_than_its_ring() {
    let mut bench = Bench::new(2);
    bench.push(0, 1, 100);
    let busy = bench.reserve(0);
    bench.push(1, 2, 50);
    bench.push(1, 4, 300);
    let round = bench.round_at(1_000_000);
    assert_eq!(bench.numbers(), [2, 1]);
    assert_eq!(round.watermark_ns, 99, "the busy record may be stamped 100");
    bench.commit(0, busy, 3, 200);
    bench.round_at(1_000_100);
    assert_eq!(bench.numbers(), [3, 4]);
    assert_eq!(
        (
            bench.merge.faults().busy_stalls,
            bench.merge.faults().left_behind
        ),
        (1, 0)
    );
}

#[test]
fn a_ring_that_stays_busy_is_left_behind_and_then_late() {
    let mut bench = Bench::new(2);
    let busy = bench.reserve(0);
    bench.push(1, 1, 300);
    bench.round_at(1_000_000);
    bench.round_at(1_000_000 + BUSY_PATIENCE_NS - 1);
    assert_eq!(bench.numbers(), [0; 0]);
    bench.round_at(1_000_000 + BUSY_PATIENCE_NS);
    assert_eq!(bench.numbers(), [1]);
    bench.commit(0, busy, 2, 200);
    bench.round_at(1_000_000 + BUSY_PATIENCE_NS + 1);
    assert_eq!(std::mem::take(&mut bench.seen.0), [(2, true)]);
    let faults = bench.merge.faults();
    assert_eq!(
        (faults.late, faults.busy_stalls, faults.left_behind),
        (1, 1, 1)
    );
    // The next record that is busy gets the whole patience again.
    let _busy = bench.reserve(0);
    bench.push(1, 3, 4_000_000);
    bench.round_at(5_000_000);
    assert_eq!(bench.numbers(), [0; 0]);
}

#[test]
fn a_batch_is_bounded_by_records() {
    let mut bench = Bench::new(2);
    let count = i64::from(MAX_BATCH_RECORDS) + 10;
    for number in 0..count {
        bench.push(number as usize % 2, number, 100 + number as u64);
    }
    let round = bench.round_at(1_000_000);
    assert_eq!((round.records, round.more), (MAX_BATCH_RECORDS, true));
    assert_eq!(round.watermark_ns, 100 + u64::from(MAX_BATCH_RECORDS) - 1);
    let round = bench.round_at(1_000_000);
    assert_eq!((round.records, round.more), (10, false));
    assert!(bench.numbers().into_iter().eq(0..count));
}

#[test]
fn a_batch_is_bounded_by_bytes() {
    let mut bench = Bench::new(1);
    let padded = |seq: u32| {
        let mut bytes = record(i64::from(seq), 100, seq);
        bytes.resize(4096, 0);
        bytes
    };
    let count = 2 * MAX_BATCH_BYTES as u32 / 4096;
    (0..count).for_each(|seq| assert!(bench.producers[0].push(&padded(seq))));
    let round = bench.round_at(1_000_000);
    assert!(round.more && u64::from(round.records) <= MAX_BATCH_BYTES / 4096);
    while bench.round_at(1_000_000).more {}
    assert!(bench.numbers().into_iter().eq(0..i64::from(count)));
}

#[test]
fn what_is_no_record_is_counted_and_passed() {
    let mut bench = Bench::new(1);
    assert!(bench.producers[0].push(b"not a record"));
    assert!(bench.producers[0].push(&record(1, 1_000_001 + MAX_AHEAD_NS, 0)));
    bench.push(0, 2, 10);
    bench.round_at(1_000_000);
    assert_eq!(bench.numbers(), [2]);
    assert_eq!(bench.merge.faults().undecodable, 2);
}

/// Panics on number 13, and notes everything else.
#[derive(Default)]
struct Fragile {
    seen: Vec<i64>,
    watermarks: Vec<u64>,
    gaps: Vec<Gap>,
    mail: u32,
}

impl Handler for Fragile {
    fn record(&mut self, rec: &Record<'_>) {
        let number = rec.i64(SAKER_P_CLOSE_fd);
        assert_ne!(number, 13, "part of the test");
        self.seen.push(number);
    }

    fn batch_end(&mut self, watermark_ns: u64) {
        self.watermarks.push(watermark_ns);
    }

    fn poll_inbox(&mut self, _now_ns: u64) -> bool {
        let had_mail = self.mail > 0;
        self.mail = self.mail.saturating_sub(1);
        had_mail
    }

    fn gap(&mut self, gap: &Gap) {
        self.gaps.push(*gap);
    }
}

#[test]
fn a_panic_costs_one_record_and_the_health() {
    let (mut producer, reader) = memory_ring(0, 0, 1 << 16);
    let clock = TestClock::default();
    clock.0.store(1_000_000, Ordering::Relaxed);
    let mut worker = Worker::new(0, vec![reader], Fragile::default(), clock);
    for (seq, number) in [12, 13, 14].into_iter().enumerate() {
        assert!(producer.push(&record(number, 10 + seq as u64, seq as u32)));
    }
    assert!(worker.stats().healthy());
    worker.turn();
    assert_eq!(worker.handler().seen, [12, 14]);
    assert_eq!(worker.handler().watermarks.len(), 1);
    let stats = worker.stats().snapshot();
    assert_eq!(
        (stats.panics, stats.healthy, stats.records_total()),
        (1, false, 3)
    );
}

#[test]
fn a_worker_publishes_what_it_did() {
    use saker_capture::worker::Turn;

    let (mut producer, reader) = memory_ring(5, 2, 1 << 16);
    let clock = TestClock::default();
    let handler = Fragile {
        mail: 1,
        ..Fragile::default()
    };
    let mut worker = Worker::new(2, vec![reader], handler, clock.clone());
    clock.0.store(1_000_000, Ordering::Relaxed);
    assert_eq!(worker.turn(), Turn::Worked, "mail is work");
    assert_eq!(worker.turn(), Turn::Idle);
    assert!(producer.push(&record(1, 500_000, 0)));
    assert!(producer.push(&record(2, 600_000, 4)));
    assert_eq!(worker.turn(), Turn::Worked);
    let gap = Gap {
        cpu: 5,
        partition: 2,
        from_ns: 500_000,
        until_ns: 600_000,
        records: 3,
        classes: 0,
    };
    assert_eq!(worker.handler().gaps, [], "the missing ones may still come");
    clock.0.store(10_000_000, Ordering::Relaxed);
    assert_eq!(worker.turn(), Turn::Idle);
    assert_eq!(worker.handler().gaps, [gap]);
    assert!(worker.ledger().with(|ledger| ledger.gaps().eq([&gap])));
    let stats = worker.stats().snapshot();
    assert_eq!(stats.records[SAKER_EV_CLOSE as usize], 2);
    assert_eq!(
        (stats.rings[0].cpu, stats.rings[0].lost, stats.batches),
        (5, 3, 1)
    );
    assert_eq!(
        (stats.latency_sum_ns, stats.latency.iter().sum::<u64>()),
        (900_000, 2)
    );
    assert_eq!(
        (stats.last_round_ns, stats.watermark_ns),
        (10_000_000, 10_000_000 - EPS_NS - 1)
    );
}
