//! Workers on real threads and the real clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use saker_abi::raw::{SAKER_EV_CLOSE, SAKER_P_CLOSE_fd};
use saker_abi::record::{Record, RecordBuilder};
use saker_abi::ring::{Counters, RingProducer, memory_ring, wakeable_memory_ring};
use saker_capture::sleep::Sleeper;
use saker_capture::{
    Clock, Handler, SpawnError, SystemClock, Wakers, WorkerOptions, spawn_workers,
};

/// Sends what it is given: thread name, CPU of the ring, number.
#[derive(Debug)]
struct Forward {
    to: Sender<(String, u16, i64)>,
    handled: Arc<AtomicU64>,
}

impl Handler for Forward {
    fn record(&mut self, rec: &Record<'_>) {
        let name = thread::current().name().unwrap_or_default().to_owned();
        // The test ends with the receiver; a record after that is nobody's.
        let _ = self
            .to
            .send((name, rec.hdr().cpu, rec.i64(SAKER_P_CLOSE_fd)));
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    fn batch_end(&mut self, _watermark_ns: u64) {}

    fn poll_inbox(&mut self, _now_ns: u64) -> bool {
        false
    }
}

/// Writes as a driver does: reserves, then stamps.
fn write(producer: &mut RingProducer, cpu: u16, number: u32) {
    let make = |ts_ns| {
        RecordBuilder::new(SAKER_EV_CLOSE, ts_ns, 1, 1)
            .hdr(|hdr| (hdr.cpu, hdr.seq) = (cpu, number))
            .num(SAKER_P_CLOSE_fd, i64::from(number))
            .build()
    };
    let len = make(0).len();
    let reserved = loop {
        match producer.reserve(len) {
            Some(reserved) => break reserved,
            None => thread::yield_now(),
        }
    };
    producer.fill(&reserved, &make(SystemClock.boottime_ns()));
    producer.commit(reserved);
}

#[test]
fn every_partition_has_a_thread_that_handles_all_its_records() {
    const RECORDS: u32 = 20_000;
    const CPUS: u32 = 2;
    const PARTITIONS: u32 = 2;
    let (mut rings, mut producers) = (Vec::new(), Vec::new());
    for cpu in 0..CPUS {
        for partition in 0..PARTITIONS {
            let (producer, reader) = memory_ring(cpu, partition, 1 << 16);
            rings.push(reader);
            producers.push((cpu as u16, producer));
        }
    }
    let counters = Arc::new(Counters::in_memory(CPUS, PARTITIONS));
    let (to, from) = channel();
    let handled = Arc::new(AtomicU64::new(0));
    let handlers = (0..PARTITIONS)
        .map(|_| Forward {
            to: to.clone(),
            handled: Arc::clone(&handled),
        })
        .collect();
    let options = WorkerOptions {
        nice: Some(1),
        ..WorkerOptions::default()
    };
    let workers = spawn_workers(rings, &counters, handlers, &options).expect("workers");
    thread::scope(|scope| {
        for (cpu, mut producer) in producers {
            scope.spawn(move || (0..RECORDS).for_each(|n| write(&mut producer, cpu, n)));
        }
    });
    assert!(workers.alive());
    let (stats, ledgers) = (workers.stats(), workers.ledgers());
    let finished = workers.stop();
    drop(to);

    assert_eq!(finished.len(), PARTITIONS as usize);
    for (partition, worker) in finished.into_iter().enumerate() {
        assert_eq!(worker.partition as usize, partition);
        drop(worker.handler.expect("did not panic"));
        let seen = worker.stats.snapshot();
        assert_eq!(seen, stats[partition].snapshot());
        assert_eq!(seen.records_total(), u64::from(RECORDS * CPUS));
        assert_eq!(
            (seen.lost_total(), seen.undecodable, seen.panics),
            (0, 0, 0)
        );
        assert_eq!(seen.latency.iter().sum::<u64>(), seen.records_total());
        assert!(seen.batches > 0 && seen.watermark_ns > 0);
        assert_eq!(ledgers[partition].with(|ledger| ledger.total()), 0);
    }
    let mut next = std::collections::HashMap::new();
    for (name, cpu, number) in from {
        let expected: &mut i64 = next.entry((name, cpu)).or_default();
        assert_eq!(number, *expected, "in order");
        *expected += 1;
    }
    let mut names: Vec<_> = next.into_keys().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names, ["saker-worker/0", "saker-worker/1"]);
}

#[test]
fn a_ring_without_a_handler_is_refused() {
    let (_producer, ring) = memory_ring(3, 1, 4096);
    let counters = Arc::new(Counters::in_memory(4, 2));
    let handlers: Vec<Forward> = Vec::new();
    let refused = spawn_workers(vec![ring], &counters, handlers, &WorkerOptions::default());
    let error = refused.expect_err("no handler");
    assert!(matches!(
        error,
        SpawnError::Partition {
            cpu: 3,
            partition: 1,
            handlers: 0
        }
    ));
}

#[test]
fn a_wake_up_ends_a_sleep_and_only_one() {
    let counters = Arc::new(Counters::in_memory(1, 1));
    let (mut producer, ring) = wakeable_memory_ring(0, 0, 4096).expect("a ring");
    let rings = [ring];
    let max = Duration::from_secs(60);
    let wakers = Arc::new(Wakers::new(1).expect("an eventfd"));
    let mut sleeper =
        Sleeper::new(0, &rings, Arc::clone(&counters), wakers, max).expect("a sleeper");
    write(&mut producer, 0, 0);
    // Up to a sleep of minutes, so that only a wake-up can end it in time.
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            // As a driver does: wakes whoever armed.
            while !counters.is_armed(0) {
                thread::yield_now();
            }
            producer.wake().expect("woken");
        });
        let mut slept = 0;
        while !sleeper.idle(&rings, || false) {
            slept += 1;
        }
        assert!(slept < 16, "woken after {slept} sleeps");
    });
    assert!(start.elapsed() < max);
    assert!(!counters.is_armed(0), "disarmed when awake");
    assert!(
        !sleeper.after_work(&rings, || false),
        "the edge was taken; a ring that holds something is none"
    );
}
