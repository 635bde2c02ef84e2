//! Runs the script under a driver and collects all records of the machine meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use saker_abi::driver::frames::records;
use saker_abi::driver::{EventSet, Feature, Iterate, LoadOptions};
use saker_abi::event::{Class, DROP_CAUSES, EVENTS, partition};
use saker_abi::raw::{SAKER_DROP_ABI, SAKER_EF_ITERATE};
use saker_abi::record::Record;
use saker_abi::ring::{Counters, Head, RingReader};
use saker_abi::syscalls;
use saker_capture::Driver;

use crate::driver::Kind;
use crate::script::{Script, Work};
use crate::tree::Tree;

/// Data of one ring: everything the script does fits a few of them.
const RING_BYTES: usize = 8 << 20;
/// Data of a call: more than the smaller of the windows that are tried. Everybody on the machine reads and
/// writes meanwhile, which must fit the rings.
const SNAPLEN_BYTES: u32 = 300;
/// More than one, so that the choice of the ring is looked at.
const PARTITIONS: u32 = 4;
/// The rings are emptied at least so often.
const DRAIN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
/// A record is reserved for nanoseconds; this long is a driver that forgot one.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// Calls without an event of their own that the script makes, and nobody's loops.
const GENERIC: [&str; 3] = ["getpgid", "personality", "waitpid"];

/// A process that was killed ends within this time.
const END_LIMIT: Duration = Duration::from_secs(20);

/// What came of a run.
#[derive(Debug)]
pub struct Collected {
    /// Records of the script's process tree by time.
    pub records: Vec<Vec<u8>>,
    /// What the driver's iterators said about the whole machine when the script stood still.
    pub standing: Vec<Vec<u8>>,
    /// The script's thread group.
    pub root: u32,
    /// Calls of an ABI that is not decoded.
    pub undecoded: u64,
    /// Whether names were asked for and all of the kernel's functions that know them are listened to.
    pub acted: bool,
    /// Whether all of the kernel's functions that know what calls were given are listened to.
    pub given: bool,
}

/// The kernel's number of a ring's next record.
#[derive(Debug, Default, Clone, Copy)]
struct Sequence(Option<u32>);

/// Loads the driver, runs the script, unloads the driver. `reached`: opens and calls on names say which file
/// they are about.
///
/// # Errors
/// When either does not work, a record is damaged, misplaced or lost, or the script takes longer than
/// `limit`.
pub fn collect(kind: Kind, reached: bool, limit: Duration) -> Result<Collected> {
    let work = Work::prepare()?;
    let mut events = EventSet::new();
    EVENTS
        .iter()
        .filter(|event| event.flags & SAKER_EF_ITERATE as u16 == 0)
        .for_each(|event| events.insert(event.id));
    for name in GENERIC {
        events.insert_call(syscalls::generic(name).context(name)?);
    }
    let options = LoadOptions {
        partitions: PARTITIONS,
        ring_bytes: RING_BYTES,
        cpus: saker_capture::cpus::possible_cpus().context("the CPUs of this machine")?,
        events,
        snaplen_bytes: SNAPLEN_BYTES,
        own_tgid: std::process::id(),
        reached,
        names: true,
    };
    let mut driver = Driver::load(kind.into(), &options).context("loading the driver")?;
    let lacks: Vec<_> = driver.lacks().iter().map(|lack| lack.feature).collect();
    let acted = reached && !lacks.contains(&Feature::ActedPaths);
    let given = !lacks.contains(&Feature::GivenArguments);
    let counters = driver.counters();
    let mut readers = Vec::new();
    for ring in driver.take_rings() {
        readers.push((
            RingReader::map(ring).context("mapping a ring")?,
            Sequence::default(),
        ));
    }
    let mut standing = Vec::new();
    let result = run(&work, &mut driver, &mut readers, limit, &mut standing);
    driver.detach();
    let (root, records) = result?;
    let undecoded = check_counters(&counters)?;
    Ok(Collected {
        records,
        standing,
        root,
        undecoded,
        acted,
        given,
    })
}

fn run(
    work: &Work,
    driver: &mut Driver,
    readers: &mut [(RingReader, Sequence)],
    limit: Duration,
    standing: &mut Vec<Vec<u8>>,
) -> Result<(u32, Vec<Vec<u8>>)> {
    let mut all = Vec::new();
    let mut script = work.start()?;
    let root = script.tgid();
    if let Err(error) = wait(&mut script, driver, readers, limit, &mut all, standing) {
        script.kill();
        end_rest(root, readers, &mut all)?;
        return Err(error);
    }
    let tree = Tree::new(root, all)?;
    ensure!(
        tree.alive().is_empty(),
        "the script left processes behind: {:?}",
        tree.alive()
    );
    Ok((root, tree.into_records()))
}

fn wait(
    script: &mut Script,
    driver: &mut Driver,
    readers: &mut [(RingReader, Sequence)],
    limit: Duration,
    all: &mut Vec<Vec<u8>>,
    standing: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let pid = Pid::from_raw(script.tgid() as i32).context("a process number")?;
    let process = pidfd_open(pid, PidfdFlags::empty()).context("pidfd_open")?;
    let end = Instant::now() + limit;
    loop {
        let ended = script.ended()?;
        // Whatever it did is committed once it has ended: this look is the last one needed.
        drain(readers, all)?;
        if ended {
            return Ok(());
        }
        if Instant::now() > end {
            bail!(
                "the script runs for more than {} s (--timeout)",
                limit.as_secs()
            );
        }
        let mut fds = vec![PollFd::new(&process, PollFlags::IN)];
        fds.extend(
            script
                .standing()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
        );
        match poll(&mut fds, Some(&DRAIN)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for the script"),
        }
        // Its other end is closed when the script has ended: then there is nothing to look at.
        if fds
            .get(1)
            .is_some_and(|fd| fd.revents().contains(PollFlags::IN))
        {
            for what in [Iterate::Tasks, Iterate::Files] {
                let context = || format!("iterating over {what:?}");
                let frames = driver.iterate(what).with_context(context)?;
                standing.extend(records(&frames).map(<[u8]>::to_vec));
            }
            script.go_on();
        }
    }
}

/// Ends what the script has started, until the records say that all of it has ended.
fn end_rest(
    root: u32,
    readers: &mut [(RingReader, Sequence)],
    all: &mut Vec<Vec<u8>>,
) -> Result<()> {
    let start = Instant::now();
    loop {
        drain(readers, all)?;
        let tree = Tree::new(root, all.clone())?;
        if tree.alive().is_empty() {
            return Ok(());
        }
        ensure!(
            start.elapsed() < END_LIMIT,
            "processes of the script do not end: {:?}",
            tree.alive()
        );
        for &tgid in tree.alive() {
            if let Some(pid) = Pid::from_raw(tgid as i32) {
                // One that ended meanwhile is no trouble.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        poll(&mut [], Some(&DRAIN)).context("waiting for the script's processes")?;
    }
}

/// Reads every ring up to where it is now, and looks at what only the reader of a ring can see.
fn drain(readers: &mut [(RingReader, Sequence)], all: &mut Vec<Vec<u8>>) -> Result<()> {
    for (reader, sequence) in readers {
        let start = Instant::now();
        reader.observe();
        loop {
            match reader.head() {
                Head::Record(bytes) => {
                    check(bytes, reader, sequence)?;
                    all.push(bytes.to_vec());
                    reader.advance();
                }
                Head::Busy if start.elapsed() > BUSY_LIMIT => {
                    bail!("a record of CPU {} is never committed", reader.cpu())
                }
                Head::Busy => std::hint::spin_loop(),
                Head::Empty => break,
            }
        }
        reader.release();
        ensure!(
            reader.corrupt() == 0,
            "the ring of CPU {} is damaged",
            reader.cpu()
        );
    }
    Ok(())
}

fn check(bytes: &[u8], reader: &RingReader, sequence: &mut Sequence) -> Result<()> {
    let record = Record::parse(bytes).context("a damaged record")?;
    let hdr = record.hdr();
    let name = record.info().name;
    ensure!(
        u32::from(hdr.cpu) == reader.cpu(),
        "{name} of CPU {} in the ring of CPU {}",
        hdr.cpu,
        reader.cpu()
    );
    ensure!(
        partition(hdr.tgid, PARTITIONS) == reader.partition(),
        "{name} of thread group {} in partition {}",
        hdr.tgid,
        reader.partition()
    );
    ensure!(
        hdr.lost_mask == 0 && sequence.0.is_none_or(|expected| expected == hdr.seq),
        "records before {name} are lost: number {}, expected {:?}, lost classes {:#x}",
        hdr.seq,
        sequence.0,
        hdr.lost_mask
    );
    sequence.0 = Some(hdr.seq.wrapping_add(1));
    Ok(())
}

/// Nothing may be lost; calls of an ABI that is not decoded are counted.
fn check_counters(counters: &Counters) -> Result<u64> {
    let mut undecoded = 0;
    for cpu in 0..counters.cpus() {
        for partition in 0..counters.partitions() {
            let ring = counters.snapshot(cpu, partition);
            for (cause, row) in ring.dropped.iter().enumerate() {
                for (class, &lost) in row.iter().enumerate() {
                    if cause == SAKER_DROP_ABI as usize {
                        undecoded += lost;
                    } else if lost != 0 {
                        bail!(
                            "{lost} records of class {} lost in the ring of CPU {cpu}: {}",
                            Class::ALL[class].name(),
                            DROP_CAUSES[cause]
                        );
                    }
                }
            }
        }
    }
    Ok(undecoded)
}
