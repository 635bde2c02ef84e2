//! Rings while records are made.

use std::fs::File;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use saker_abi::event::Class;
use saker_abi::raw::*;
use saker_abi::record::Record;
use saker_abi::ring::{Head, RingReader};
use saker_vm_guest::mapping::Mapping;
use saker_vm_guest::random::Random;
use saker_vm_guest::session::{Session, run_on};

const PAGE: usize = 4096;
/// Longest wait for what happens at once; an emulated machine may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call that is recorded as one of the class LIFECYCLE.
fn lifecycle() -> Result<()> {
    Ok(std::env::set_current_dir("/")?)
}

/// One of the class FILE.
fn file() {
    // Where nothing is: the failure is recorded as well.
    let _ = File::open("/saker-vm-guest-no-such-file");
}

/// Records of this process that are waiting, by event.
fn read(reader: &mut RingReader) -> Result<Vec<u32>> {
    let mut events = Vec::new();
    reader.observe();
    loop {
        match reader.head() {
            Head::Record(bytes) => {
                let record = Record::parse(bytes).context("a damaged record")?;
                if record.hdr().tgid == std::process::id() {
                    events.push(record.event());
                }
            }
            Head::Busy => bail!("busy, though its CPU is at rest"),
            Head::Empty => break,
        }
        reader.advance();
    }
    reader.release();
    ensure!(reader.corrupt() == 0, "the ring is damaged");
    Ok(events)
}

pub(crate) fn records() -> Result<()> {
    let session = Session::new(1 << 16)?;
    for cpu in 0..session.cpus {
        run_on(cpu)?;
        let mut reader = session.reader(cpu)?;
        ensure!(read(&mut reader)?.is_empty(), "records before the start");
        if cpu == 0 {
            session.device.start()?;
        }
        for round in 0..2000 {
            lifecycle()?;
            file();
            // By and by the ring goes around, so records cross its end.
            if round % 8 == 0 {
                read(&mut reader)?;
            }
        }
        let events = read(&mut reader)?;
        let ours = |event| events.iter().filter(|&&e| e == event).count();
        let found = (ours(SAKER_EV_CHDIR), ours(SAKER_EV_OPENAT));
        ensure!(
            found.0 > 0 && found.1 > 0,
            "CPU {cpu}: {found:?} of chdir, openat"
        );
        let counters = session.counters.snapshot(cpu, 0);
        ensure!(counters.dropped_total() == 0, "CPU {cpu}: {counters:?}");
        ensure!(counters.produced >= 4000, "CPU {cpu}: {counters:?}");
    }
    Ok(())
}

fn dropped(session: &Session, cause: u32) -> u64 {
    let counters = session.counters.snapshot(0, 0);
    counters.dropped[cause as usize].iter().sum()
}

pub(crate) fn garbage_position() -> Result<()> {
    let session = Session::new(1 << 16)?;
    run_on(0)?;
    let consumer = Mapping::shared(&session.rings[0], 0, PAGE)?;
    let rest = Mapping::read_only(&session.rings[0], PAGE as u64, PAGE + 2 * (1 << 16))?;
    session.device.start()?;
    lifecycle()?;
    let producer = rest.load(0);
    ensure!(producer > 0, "nothing was recorded");
    let garbage = [
        producer + 8,
        producer + (1 << 16),
        producer.wrapping_sub((1 << 16) + 8),
        producer - 1,
        1,
        1 << 32,
        1 << 63,
        u64::MAX,
    ];
    for position in garbage {
        consumer.store(0, position);
        let before = dropped(&session, SAKER_DROP_BUG);
        lifecycle()?;
        file();
        let counted = dropped(&session, SAKER_DROP_BUG) - before;
        ensure!(rest.load(0) == producer, "position {position:#x}: written");
        ensure!(counted >= 2, "position {position:#x}: {counted} counted");
    }
    consumer.store(0, producer);
    lifecycle()?;
    ensure!(
        rest.load(0) > producer,
        "right again, and nothing is recorded"
    );
    Ok(())
}

pub(crate) fn full() -> Result<()> {
    let bytes = PAGE as u64;
    let session = Session::new(bytes as u32)?;
    run_on(0)?;
    let consumer = Mapping::shared(&session.rings[0], 0, PAGE)?;
    let rest = Mapping::read_only(&session.rings[0], PAGE as u64, 3 * PAGE)?;
    session.device.start()?;
    for _ in 0..200 {
        file();
    }
    let shed = dropped(&session, SAKER_DROP_SHED);
    let waiting = rest.load(0);
    ensure!(shed > 0, "nothing was shed");
    ensure!(
        waiting > bytes / 2 && waiting < bytes,
        "{waiting} bytes of file records"
    );
    for _ in 0..200 {
        lifecycle()?;
    }
    let lost = dropped(&session, SAKER_DROP_RING_FULL);
    ensure!(lost > 0, "nothing was lost");
    ensure!(
        rest.load(0) < bytes,
        "{} bytes in a ring of {bytes}",
        rest.load(0)
    );
    let counters = session.counters.snapshot(0, 0);
    ensure!(counters.high_water_bytes < bytes, "{counters:?}");
    ensure!(dropped(&session, SAKER_DROP_BUG) == 0, "{counters:?}");
    // What is given back is used again.
    let producer = rest.load(0);
    consumer.store(0, producer);
    lifecycle()?;
    ensure!(rest.load(0) > producer, "room was given back and not used");
    Ok(())
}

pub(crate) fn wake_up() -> Result<()> {
    let session = Session::new(1 << 16)?;
    let ring = &session.rings[0];
    let fd = || [PollFd::new(ring, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    ensure!(
        poll(&mut fd(), Some(&now))? == 0,
        "an empty ring is readable"
    );
    session.device.start()?;
    session.counters.arm(0, true);
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| -> Result<()> {
            run_on(0)?;
            let begin = Instant::now();
            while session.counters.is_armed(0) {
                lifecycle()?;
                ensure!(
                    begin.elapsed() < PATIENCE,
                    "the wish stands, no wake-up was sent"
                );
            }
            Ok(())
        });
        run_on(session.cpus - 1)?;
        // Polled before there is anything, or after: either way it ends.
        let limit = Timespec {
            tv_sec: PATIENCE.as_secs() as i64,
            tv_nsec: 0,
        };
        ensure!(poll(&mut fd(), Some(&limit))? == 1, "not woken");
        maker.join().expect("no panic")
    })?;
    let counters = session.counters.snapshot(0, 0);
    ensure!(counters.wakeups == 1, "{counters:?}");
    ensure!(counters.produced > 0, "{counters:?}");
    Ok(())
}

pub(crate) fn stop() -> Result<()> {
    let session = Session::new(1 << 16)?;
    run_on(0)?;
    let mut reader = session.reader(0)?;
    session.device.start()?;
    lifecycle()?;
    session.device.stop()?;
    ensure!(
        read(&mut reader)?.contains(&SAKER_EV_CHDIR),
        "recorded before, readable after"
    );
    let before = (reader.producer_pos(), session.counters.snapshot(0, 0));
    for _ in 0..100 {
        lifecycle()?;
        file();
    }
    let after = (reader.producer_pos(), session.counters.snapshot(0, 0));
    ensure!(
        before == after,
        "written after stop: {before:?}, then {after:?}"
    );
    session.device.start()?;
    lifecycle()?;
    ensure!(read(&mut reader)? == [SAKER_EV_CHDIR], "started again");
    // The device closes, the ring stays: mapped, readable, quiet.
    drop(session);
    let before = reader.producer_pos();
    lifecycle()?;
    ensure!(
        reader.producer_pos() == before,
        "written after the session ended"
    );
    Ok(())
}

pub(crate) fn garbage_counters() -> Result<()> {
    let session = Session::new(1 << 16)?;
    run_on(0)?;
    let words = session.cpus as usize * size_of::<saker_ring_counters>() / 8;
    let map = Mapping::shared(&session.device.counters()?, 0, words * 8)?;
    let mut reader = session.reader(0)?;
    session.device.start()?;
    let mut random = Random::new(2);
    for round in 0..2000_u64 {
        for word in 0..words {
            let garbage = if round % 3 == 0 {
                u64::MAX
            } else {
                random.number()
            };
            map.store(word, garbage);
        }
        lifecycle()?;
        file();
        let events = read(&mut reader)?;
        ensure!(
            events.contains(&SAKER_EV_CHDIR),
            "round {round}: {events:?}"
        );
    }
    // The classes are as many as before: the kernel counted where it should.
    ensure!(Class::ALL.len() == SAKER_NR_CLASSES as usize);
    Ok(())
}
