//! Attaches a driver for the given events and reads the records: what the kernel side costs and brings,
//! without the agent.
//!
//! `drain ebpf|kmod MILLISECONDS PARTITIONS EVENT...`; prints records by event, and drops. On a machine that
//! stands still it goes on until something happened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use saker_abi::driver::{EventSet, LoadOptions};
use saker_abi::event::{self, EVENTS};
use saker_abi::record::Record;
use saker_abi::ring::{Head, RingReader};
use saker_capture::{Driver, DriverKind};

/// Between two looks at the rings.
const POLL: Duration = Duration::from_millis(2);
/// Longest wait for the first record.
const FIRST: Duration = Duration::from_secs(30);

fn main() {
    let mut args = std::env::args().skip(1);
    let kind = match args.next().as_deref() {
        Some("ebpf") => DriverKind::Ebpf,
        Some("kmod") => DriverKind::Kmod,
        other => panic!("a driver: ebpf or kmod, not {other:?}"),
    };
    let milliseconds: u64 = args.next().and_then(|s| s.parse().ok()).unwrap_or(5000);
    let partitions: u32 = args.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut events = EventSet::state();
    for name in args {
        events.insert(event::by_name(&name).expect("an event of the table").id);
    }
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let start = Instant::now();
    let options = LoadOptions {
        partitions,
        ring_bytes: 4 << 20,
        cpus: (0..cpus).collect(),
        events,
        own_tgid: std::process::id(),
    };
    let mut driver = Driver::load(kind, &options).unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{} attached in {:?}", driver.description(), start.elapsed());
    let mut readers: Vec<_> = driver
        .take_rings()
        .into_iter()
        .map(|ring| RingReader::map(ring).expect("map a ring"))
        .collect();
    let end = Instant::now() + Duration::from_millis(milliseconds);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    while Instant::now() < end || (seen.is_empty() && start.elapsed() < FIRST) {
        for reader in &mut readers {
            reader.observe();
            while let Head::Record(bytes) = reader.head() {
                let record = Record::parse(bytes).expect("the driver writes valid records");
                *seen
                    .entry(EVENTS[record.event() as usize].name)
                    .or_default() += 1;
                reader.advance();
            }
            reader.release();
        }
        std::thread::sleep(POLL);
    }
    let counters = driver.counters();
    let dropped: u64 = (0..cpus)
        .flat_map(|cpu| (0..partitions).map(move |partition| (cpu, partition)))
        .map(|(cpu, partition)| counters.snapshot(cpu, partition).dropped_total())
        .sum();
    println!("records {seen:?} dropped {dropped}");
    driver.detach();
}
