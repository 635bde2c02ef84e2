//! A session as a well-behaved owner makes it, with the parts in the open.

use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_setaffinity};
use saker_abi::driver::{EventSet, SyscallTables};
use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_abi::ring::{Counters, RingFd, RingReader};

use crate::device::Device;

/// A request for a session of one partition that records everything the state of an agent needs, and
/// opens.
pub fn request(ring_bytes: u32) -> saker_ioc_create {
    let mut events = EventSet::state();
    events.insert(SAKER_EV_OPEN as u16);
    events.insert(SAKER_EV_OPENAT as u16);
    let tables = SyscallTables::new(&events);
    saker_ioc_create {
        size: size_of::<saker_ioc_create>() as u32,
        abi_version: SAKER_ABI_VERSION,
        schema_hash: saker_abi::SCHEMA_HASH,
        partitions: 1,
        own_tgid: 0,
        ring_bytes,
        flags: tables.session_flags,
        snaplen_bytes: 0,
        reserved: 0,
        wanted: tables.wanted,
        event_of_64: tables.event_of_64,
        event_of_32: tables.event_of_32,
        subcalls: tables.subcalls,
    }
}

/// The largest request an agent can make: every event, as much data as there may be, what names reach, what
/// calls were given, signals.
pub fn largest_request(ring_bytes: u32) -> saker_ioc_create {
    let mut events = EventSet::new();
    EVENTS
        .iter()
        .filter(|event| !event.is_iterated())
        .for_each(|event| events.insert(event.id));
    let tables = SyscallTables::new(&events);
    saker_ioc_create {
        flags: SAKER_SESSION_SIGNALS
            | SAKER_SESSION_REACHED
            | SAKER_SESSION_ACTED
            | SAKER_SESSION_NAMES
            | SAKER_SESSION_OPENED
            | SAKER_SESSION_ADDRESSES
            | SAKER_SESSION_FCNTL,
        snaplen_bytes: SAKER_SNAPLEN_MAX,
        wanted: tables.wanted,
        event_of_64: tables.event_of_64,
        event_of_32: tables.event_of_32,
        subcalls: tables.subcalls,
        ..request(ring_bytes)
    }
}

/// A session with rings for all possible CPUs, not started.
#[derive(Debug)]
pub struct Session {
    /// Its owner.
    pub device: Device,
    /// CPUs, each with one ring.
    pub cpus: u32,
    /// Bytes of data of a ring.
    pub ring_bytes: u32,
    /// Descriptors of the rings, by CPU.
    pub rings: Vec<OwnedFd>,
    /// All counters.
    pub counters: Counters,
}

impl Session {
    /// Makes it.
    ///
    /// # Errors
    /// When the module refuses something.
    pub fn new(ring_bytes: u32) -> Result<Self> {
        let device = Device::open().context("open")?;
        device.create(&request(ring_bytes)).context("CREATE")?;
        let cpus = device.info().context("INFO")?.possible_cpus;
        let mut rings = Vec::new();
        for cpu in 0..cpus {
            rings.push(device.ring(cpu, 0).with_context(|| format!("RING {cpu}"))?);
        }
        let fd = device.counters().context("COUNTERS")?;
        let counters = Counters::map(fd.as_fd(), cpus as usize, 1).context("counters")?;
        Ok(Self {
            device,
            cpus,
            ring_bytes,
            rings,
            counters,
        })
    }

    /// A reader of a CPU's ring.
    ///
    /// # Errors
    /// When it cannot be mapped.
    pub fn reader(&self, cpu: u32) -> Result<RingReader> {
        let ring = RingFd {
            cpu,
            partition: 0,
            fd: self.rings[cpu as usize].try_clone()?,
            data_bytes: self.ring_bytes as usize,
        };
        RingReader::map(ring).context("mapping a ring")
    }
}

/// Binds this thread to a CPU: what it does is recorded in that CPU's ring.
///
/// # Errors
/// What sched_setaffinity(2) says.
pub fn run_on(cpu: u32) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu as usize);
    sched_setaffinity(None, &set).with_context(|| format!("running on CPU {cpu}"))
}
