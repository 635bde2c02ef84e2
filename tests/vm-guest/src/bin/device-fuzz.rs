//! `device-fuzz MODULE SECONDS SEED`: random requests, mappings, positions, closes and kills against
//! `/dev/saker`. Workers are processes of their own, killed and replaced at random. What must hold
//! afterwards: the module is idle, unloads, and the kernel complained of nothing (its log says).
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{IoSlice, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use saker_abi::raw::*;
use saker_vm_guest::device::{Argument, Device, Nowhere};
use saker_vm_guest::mapping::Mapping;
use saker_vm_guest::module;
use saker_vm_guest::random::Random;
use saker_vm_guest::session::{largest_request, run_on};
use saker_vm_guest::thread::{CALLS_32, call_32};

/// Workers at a time.
const WORKERS: usize = 3;
/// Steps of a worker before it ends by itself.
const STEPS: u64 = 20_000;
/// Descriptors and mappings a worker holds of each kind.
const HELD_MAX: usize = 12;
/// Bytes of a page.
const PAGE: usize = 4096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--worker", seed] => number(seed).and_then(work),
        [file, seconds, seed] => {
            number(seconds).and_then(|seconds| supervise(Path::new(file), seconds, number(seed)?))
        }
        _ => Err(anyhow::anyhow!(
            "device-fuzz MODULE SECONDS SEED: attacks the module in this file"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("device-fuzz: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse()
        .with_context(|| format!("{text:?} is no number"))
}

fn supervise(file: &Path, seconds: u64, seed: u64) -> Result<()> {
    println!("device-fuzz: {seconds} s, seed {seed}");
    if !module::loaded() {
        module::load(file)?;
    }
    let mut random = Random::new(seed);
    let begin = Instant::now();
    let (mut started, mut killed) = (0, 0);
    let mut workers: Vec<Worker> = Vec::new();
    while begin.elapsed() < Duration::from_secs(seconds) {
        while workers.len() < WORKERS {
            workers.push(Worker::start(random.number())?);
            started += 1;
        }
        // How long a worker lives is the one thing that the seed does not decide.
        let life = Duration::from_millis(random.below(1500) as u64);
        let victim = random.below(WORKERS);
        let until = Instant::now() + life;
        while Instant::now() < until {
            let mut ended = None;
            for (index, worker) in workers.iter_mut().enumerate() {
                if let Some(status) = worker.0.try_wait()? {
                    ensure!(status.success(), "a worker ended with {status}");
                    ended = Some(index);
                }
            }
            if let Some(index) = ended {
                workers.swap_remove(index);
                break;
            }
            read_log_of_module()?;
        }
        if victim < workers.len() {
            drop(workers.swap_remove(victim));
            killed += 1;
        }
    }
    drop(workers);
    module::unload_when_free()?;
    println!("device-fuzz: {started} workers, {killed} of them killed, nothing left");
    Ok(())
}

/// What an administrator's tools do meanwhile: ask the module who it is.
fn read_log_of_module() -> Result<()> {
    let info = Device::open()?.info()?;
    ensure!(info.schema_hash == saker_abi::SCHEMA_HASH, "{info:?}");
    Ok(())
}

/// A process that attacks; killed on drop.
struct Worker(Child);

impl Worker {
    fn start(seed: u64) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--worker").arg(seed.to_string());
        command.spawn().context("a worker").map(Self)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // SIGKILL; when the wait returns all its files are closed. Both fail when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A mapping that can be read.
struct Mapped {
    mapping: Mapping,
    writable: bool,
    /// It may be made writable: consumer page or counters.
    may_write: bool,
}

/// What a worker holds.
#[derive(Default)]
struct Held {
    devices: Vec<Device>,
    /// With the bytes of data the session said.
    rings: Vec<(OwnedFd, usize)>,
    counters: Vec<OwnedFd>,
    iterators: Vec<File>,
    mappings: Vec<Mapped>,
    ring_bytes: usize,
}

fn work(seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let mut held = Held::default();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for _ in 0..STEPS {
        let what = step(&mut random, &mut held)?;
        *counts.entry(what).or_default() += 1;
    }
    Ok(())
}

/// One thing at random; its name.
fn step(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    match random.below(24) {
        0 | 1 => open(random, held),
        2 => create(random, held),
        3..=5 => ring(random, held),
        6 => counters(random, held),
        7 => start_or_stop(random, held),
        8 => iterate(random, held),
        9 | 10 => read(random, held),
        11 => garbage_request(random, held),
        12..=14 => map(random, held),
        15..=17 => write_mapping(random, held),
        18 => protect(random, held),
        19 => wait(random, held),
        20 | 21 => close(random, held),
        22 => calls(random),
        _ => multiply(random, held),
    }
}

fn keep<T>(random: &mut Random, held: &mut Vec<T>, new: T) {
    if held.len() >= HELD_MAX {
        let index = random.below(held.len());
        held.swap_remove(index);
    }
    held.push(new);
}

fn one<'a, T>(random: &mut Random, of: &'a [T]) -> Option<&'a T> {
    (!of.is_empty()).then(|| random.pick(of))
}

fn open(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    keep(random, &mut held.devices, Device::open()?);
    Ok("open")
}

fn create(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let ring_bytes = (PAGE << random.below(6)) as u32;
    let mut session = largest_request(ring_bytes);
    session.partitions = 1 << random.below(4);
    if random.one_in(3) {
        // Any call as any event: arguments of one are no arguments of another.
        session.event_of_64 = std::array::from_fn(|_| any_event(random));
        session.event_of_32 = std::array::from_fn(|_| any_event(random));
        session.subcalls =
            std::array::from_fn(|_| random.below(SAKER_NR_EVENTS as usize + 1) as u8);
        session.wanted = std::array::from_fn(|_| random.number());
    }
    if random.one_in(4) {
        session.snaplen_bytes = random.below(SAKER_SNAPLEN_MAX as usize + 1) as u32;
        session.flags &= random.number() as u32;
    }
    if random.one_in(3) {
        session.own_tgid = std::process::id();
    }
    if let Some(device) = one(random, &held.devices) {
        let mut argument = Argument::of(&session);
        if random.one_in(4) {
            let index = random.below(size_of::<saker_ioc_create>());
            argument.bytes_mut()[index] = random.number() as u8;
        }
        if device.request(SAKER_REQUEST_CREATE, &mut argument).is_ok() {
            held.ring_bytes = ring_bytes as usize;
        }
    }
    Ok("create")
}

/// An event + 1, 0 for none, now and then the mark of calls that hold others.
fn any_event(random: &mut Random) -> u8 {
    if random.one_in(16) {
        return SAKER_CALL_MULTIPLEXED as u8;
    }
    random.below(SAKER_NR_EVENTS as usize + 1) as u8
}

fn ring(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let cpu = if random.one_in(8) {
        random.number() as u32
    } else {
        random.below(5) as u32
    };
    let partition = if random.one_in(8) {
        random.number() as u32
    } else {
        random.below(4) as u32
    };
    let made = one(random, &held.devices).and_then(|device| device.ring(cpu, partition).ok());
    if let Some(fd) = made {
        let bytes = held.ring_bytes;
        keep(random, &mut held.rings, (fd, bytes));
    }
    Ok("ring")
}

fn counters(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let made = one(random, &held.devices).and_then(|device| device.counters().ok());
    if let Some(fd) = made {
        keep(random, &mut held.counters, fd);
    }
    Ok("counters")
}

fn start_or_stop(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let start = !random.one_in(3);
    if let Some(device) = one(random, &held.devices) {
        // Whether it worked depends on which device it was.
        let _ = if start { device.start() } else { device.stop() };
    }
    Ok("start, stop")
}

fn iterate(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let what = if random.one_in(8) {
        random.number() as u32
    } else {
        1 + random.below(2) as u32
    };
    let tgid = *random.pick(&[0, 1, std::process::id(), random.clone().number() as u32]);
    let made = one(random, &held.devices).and_then(|device| device.iterate(what, tgid).ok());
    if let Some(file) = made {
        keep(random, &mut held.iterators, file);
    }
    Ok("iterate")
}

fn read(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let bytes = random.below(1 << (4 + random.clone().below(14)));
    let mut buffer = vec![0; bytes];
    if let Some(mut file) = one(random, &held.iterators) {
        let read = file.read(&mut buffer).unwrap_or(0);
        ensure!(read % 8 == 0, "{read} bytes are no whole records");
    }
    Ok("read")
}

fn garbage_request(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let number = match random.below(3) {
        0 => random.number() as u32,
        // Of ours, with any size and direction.
        1 => (random.number() as u32 & !0xffff) | 0xB500 | random.below(10) as u32,
        _ => *random.pick(&[
            SAKER_REQUEST_INFO,
            SAKER_REQUEST_CREATE,
            SAKER_REQUEST_RING,
            SAKER_REQUEST_ITERATE,
        ]),
    };
    // Those that make a descriptor keep it open in this process, until it ends.
    let makes_one = [3, 4, 7].contains(&(number & 0xff)) && number >> 8 & 0xff == 0xB5;
    if let Some(device) = one(random, &held.devices) {
        let _ = if random.one_in(2) || makes_one {
            device.request_at(number, *random.pick(&Nowhere::ALL))
        } else {
            let mut argument = Argument::zero();
            for byte in &mut argument.bytes_mut()[..2048] {
                *byte = random.number() as u8;
            }
            device.request(number, &mut argument)
        };
    }
    Ok("garbage")
}

fn map(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let page = PAGE as u64;
    let (fd, bytes) = match random.below(4) {
        0 => match one(random, &held.counters) {
            Some(fd) => (fd, 0),
            None => return Ok("map"),
        },
        _ => match one(random, &held.rings) {
            Some((fd, bytes)) => (fd, *bytes),
            None => return Ok("map"),
        },
    };
    let (offset, bytes) = match random.below(5) {
        0 | 1 => (0, PAGE),
        2 | 3 => (page, PAGE + 2 * bytes),
        _ => {
            let pages = 1 + random.below(70);
            (page * random.below(40) as u64, PAGE * pages)
        }
    };
    let protection = match random.below(5) {
        0 | 1 => ProtFlags::READ,
        2 | 3 => ProtFlags::READ | ProtFlags::WRITE,
        _ => ProtFlags::from_bits_truncate(random.below(8) as u32),
    };
    let flags = if random.one_in(8) {
        MapFlags::PRIVATE
    } else {
        MapFlags::SHARED
    };
    let readable = protection.contains(ProtFlags::READ);
    if let Ok(mapping) = Mapping::new(fd, offset, bytes, protection, flags) {
        let writable = protection.contains(ProtFlags::WRITE);
        if writable && offset != 0 {
            bail!("{bytes} bytes at {offset} were mapped writable");
        }
        if readable {
            let mapped = Mapped {
                mapping,
                writable,
                may_write: offset == 0,
            };
            keep(random, &mut held.mappings, mapped);
        }
    }
    Ok("map")
}

fn write_mapping(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let Some(Mapped {
        mapping, writable, ..
    }) = one(random, &held.mappings)
    else {
        return Ok("write");
    };
    let words = mapping.words();
    if !writable {
        let any = random.below(words);
        std::hint::black_box(mapping.load(any));
        return Ok("write");
    }
    match random.below(4) {
        // Positions near, far, odd.
        0 => mapping.store(0, random.number()),
        1 => mapping.store(0, random.below(1 << 20) as u64 & !7),
        2 => mapping.store(
            0,
            mapping.load(0).wrapping_add(8 * random.below(4096) as u64),
        ),
        _ => {
            for _ in 0..64 {
                let any = random.below(words);
                mapping.store(any, random.number());
            }
        }
    }
    Ok("write")
}

fn protect(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    let more = *random.pick(&[MprotectFlags::WRITE, MprotectFlags::EXEC]);
    let bytes = PAGE * (1 + random.below(4));
    if let Some(mapped) = one(random, &held.mappings) {
        let granted = mapped.mapping.protect(bytes, more).is_ok();
        let may = more == MprotectFlags::WRITE && mapped.may_write;
        ensure!(!granted || may, "{more:?} granted");
    }
    Ok("protect")
}

fn wait(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    if let Some((fd, _)) = one(random, &held.rings) {
        let limit = Timespec {
            tv_sec: 0,
            tv_nsec: random.clone().below(2_000_000) as i64,
        };
        poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&limit))?;
    }
    Ok("poll")
}

fn close(random: &mut Random, held: &mut Held) -> Result<&'static str> {
    fn drop_one<T>(random: &mut Random, held: &mut Vec<T>) {
        if !held.is_empty() {
            let index = random.below(held.len());
            held.swap_remove(index);
        }
    }
    match random.below(8) {
        0 | 1 => drop_one(random, &mut held.devices),
        2 | 3 => drop_one(random, &mut held.rings),
        4 => drop_one(random, &mut held.counters),
        5 => drop_one(random, &mut held.iterators),
        6 => drop_one(random, &mut held.mappings),
        _ => *held = Held::default(),
    }
    Ok("close")
}

/// Reads and writes of all sizes, in parts.
fn move_data(random: &mut Random) {
    let bytes = vec![b'x'; random.below(3 * PAGE)];
    let parts = [IoSlice::new(&bytes), IoSlice::new(b"y")];
    let Ok((mut from, mut to)) = UnixStream::pair() else {
        return;
    };
    if to.write_vectored(&parts).is_ok() {
        let mut buffer = vec![0; 1 + random.below(3 * PAGE)];
        let _ = from.read(&mut buffer);
    }
}

/// Something to record, on any CPU.
fn calls(random: &mut Random) -> Result<&'static str> {
    run_on(random.below(2) as u32)?;
    for _ in 0..random.below(50) {
        match random.below(7) {
            0 => drop(File::open("/dev/null")),
            1 => drop(File::open("/no/such/file")),
            2 => std::env::set_current_dir("/")?,
            3 => move_data(random),
            4 => {
                // Another worker may have been there before.
                let _ = fs::write("/tmp/fuzzed", "x");
                let _ = fs::rename("/tmp/fuzzed", "/tmp/fuzzed-too");
                let _ = fs::remove_file("/tmp/fuzzed-too");
            }
            _ => {
                let arguments = std::array::from_fn(|_| random.number() as u32);
                call_32(*random.pick(&CALLS_32), arguments);
            }
        }
    }
    Ok("calls")
}

/// A child that inherits mappings, a thread that ends.
fn multiply(random: &mut Random, held: &Held) -> Result<&'static str> {
    if random.one_in(20) {
        Command::new("true").status().context("true")?;
    }
    if random.one_in(4) {
        let from = held.rings.len() as u64;
        std::thread::spawn(move || std::hint::black_box(from))
            .join()
            .expect("no panic");
    }
    Ok("multiply")
}
