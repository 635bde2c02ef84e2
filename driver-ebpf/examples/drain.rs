//! Loads the driver for the given events and throws the records away: what the kernel side costs.
//!
//! `drain SECONDS PARTITIONS EVENT...`; prints records a second and drops.

use std::time::{Duration, Instant};

use saker_abi::event;
use saker_abi::ring::{Head, RingReader};
use saker_driver_ebpf::{EbpfDriver, EventSet, LoadOptions};

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().and_then(|s| s.parse().ok()).unwrap_or(5);
    let partitions: u32 = args.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut events = EventSet::state();
    for name in args {
        events.insert(event::by_name(&name).expect("an event of the table").id);
    }
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let start = Instant::now();
    let mut driver = EbpfDriver::load(&LoadOptions {
        partitions,
        ring_bytes: 4 << 20,
        cpus: (0..cpus).collect(),
        events,
        own_tgid: std::process::id(),
    })
    .unwrap_or_else(|error| panic!("{error}"));
    eprintln!(
        "loaded {} programs in {:?}",
        driver.program_count(),
        start.elapsed()
    );
    let mut readers: Vec<_> = driver
        .take_rings()
        .into_iter()
        .map(|ring| RingReader::map(ring).expect("map a ring"))
        .collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut records = 0u64;
    while Instant::now() < end {
        for reader in &mut readers {
            reader.observe();
            while let Head::Record(_) = reader.head() {
                records += 1;
                reader.advance();
            }
            reader.release();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let counters = driver.counters();
    let dropped: u64 = (0..cpus)
        .flat_map(|cpu| (0..partitions).map(move |partition| (cpu, partition)))
        .map(|(cpu, partition)| counters.snapshot(cpu, partition).dropped_total())
        .sum();
    println!("records {records} dropped {dropped}");
    driver.detach();
}
