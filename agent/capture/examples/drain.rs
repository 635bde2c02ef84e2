//! Attaches a driver for the given events and reads the records: what the kernel side costs and brings,
//! without the agent.
//!
//! `drain ebpf|ebpf-raw|ebpf-unpreempted|kmod MILLISECONDS PARTITIONS [--reached] EVENT...`; prints what the driver
//! lacks, records by event, drops, and the calls that programs missed. `--reached`: with the files that names lead
//! to. On a machine that stands still it goes on until something happened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use saker_abi::driver::{EventSet, LoadOptions};
use saker_abi::event::{self, EVENTS};
use saker_abi::record::Record;
use saker_abi::ring::{Head, RingReader};
use saker_capture::{AttachError, Driver, DriverKind};
use saker_driver_ebpf::{EbpfDriver, Hooks};

/// Between two looks at the rings.
const POLL: Duration = Duration::from_millis(2);
/// Longest wait for the first record.
const FIRST: Duration = Duration::from_secs(30);

fn main() {
    let mut args = std::env::args().skip(1);
    let driver = args.next().unwrap_or_default();
    let milliseconds: u64 = args.next().and_then(|s| s.parse().ok()).unwrap_or(5000);
    let partitions: u32 = args.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut events = EventSet::state();
    let mut reached = false;
    for name in args {
        if name == "--reached" {
            reached = true;
            continue;
        }
        events.insert(event::by_name(&name).expect("an event of the table").id);
    }
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let start = Instant::now();
    let options = LoadOptions {
        partitions,
        ring_bytes: 4 << 20,
        cpus: (0..cpus).collect(),
        events,
        snaplen_bytes: 0,
        own_tgid: std::process::id(),
        reached,
        names: false,
    };
    let at = |hooks| {
        let driver = EbpfDriver::load_at(&options, hooks)?;
        Ok(Driver::Ebpf(Box::new(driver)))
    };
    let loaded: Result<_, AttachError> = match driver.as_str() {
        "ebpf" => Driver::load(DriverKind::Ebpf, &options),
        "ebpf-raw" => at(Hooks::Raw),
        "ebpf-unpreempted" => at(Hooks::Unpreempted),
        "kmod" => Driver::load(DriverKind::Kmod, &options),
        other => panic!("a driver: ebpf, ebpf-raw, ebpf-unpreempted or kmod, not `{other}`"),
    };
    let mut driver = loaded.unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{} attached in {:?}", driver.description(), start.elapsed());
    for lack in driver.lacks() {
        println!("lacks {}: {lack}", lack.feature.name());
    }
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
    let missed = driver.missed();
    driver.detach();
    let missed = missed.map_or_else(Vec::new, |missed| missed.by_program());
    let total: u64 = missed.iter().map(|(_, count)| count).sum();
    println!("records {seen:?} dropped {dropped} missed {total}");
    for (program, count) in missed.iter().filter(|(_, count)| *count > 0) {
        println!("  {program}: missed {count}");
    }
}
