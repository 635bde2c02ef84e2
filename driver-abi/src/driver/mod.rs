//! What every driver is asked for: the events, the rings, whose events are left out.

use std::os::unix::fs::MetadataExt as _;

use crate::event::EVENTS;
use crate::raw::{
    SAKER_EV_CLOSE, SAKER_EV_CONNECT, SAKER_EV_CREAT, SAKER_EV_DUP3, SAKER_EV_OPEN, SAKER_MAX_CPUS,
    SAKER_MAX_PARTITIONS, SAKER_RING_BYTES_MAX, SAKER_SNAPLEN_MAX,
};

pub mod canary;
mod event_set;
pub mod frames;
mod lack;
pub mod requests;
mod tables;

pub use event_set::EventSet;
pub use lack::{Feature, Lack};
pub use tables::{SyscallTables, event_of_32, event_of_64};

/// Inode of the initial pid namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h).
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// What an iterator goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Iterate {
    /// Threads: `SAKER_EV_TASK`.
    Tasks,
    /// Open files of all thread groups: `SAKER_EV_FILE`.
    Files,
}

/// What to load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Number of partitions: a power of two, at most `SAKER_MAX_PARTITIONS`.
    pub partitions: u32,
    /// Data bytes of one ring: a power of two and a multiple of the page size, at most
    /// `SAKER_RING_BYTES_MAX`.
    pub ring_bytes: usize,
    /// Possible CPUs; each gets a ring per partition.
    pub cpus: Vec<u32>,
    /// Events that must leave the kernel.
    pub events: EventSet,
    /// Bytes recorded of what a call reads, writes, sends or receives, at most `SAKER_SNAPLEN_MAX`; 0 when
    /// no rule uses them.
    pub snaplen_bytes: u32,
    /// The agent's thread group, whose own events are not recorded but for its canaries. 0 records
    /// everything.
    pub own_tgid: u32,
    /// Whether records of opens say what they reached, the file's real path, whatever it was called, and
    /// records before those of unlink, rename, chmod and the like what these act on.
    pub reached: bool,
    /// Whether records before those of opens and execs that fail tell the name as the kernel took it.
    pub names: bool,
}

/// Options that no driver can be loaded with; the text ends with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Another pid namespace.
    #[error(
        "Saker runs in a pid namespace of its own, where it cannot tell processes by the numbers the \
         kernel uses; run it in the host's (hostPID: true, --pid=host)"
    )]
    PidNamespace,
    /// Not a number of partitions.
    #[error("{0} partitions: give a power of two up to {SAKER_MAX_PARTITIONS}")]
    Partitions(u32),
    /// Not a size of a ring.
    #[error(
        "a ring of {0} bytes: give a power of two of at least one page and at most \
         {SAKER_RING_BYTES_MAX}"
    )]
    RingBytes(usize),
    /// More data of a call than fits a record.
    #[error("{0} bytes of data of a call: give at most {SAKER_SNAPLEN_MAX}")]
    Snaplen(u32),
    /// No CPU, or one too many.
    #[error("CPU numbers must be below {SAKER_MAX_CPUS}, and there must be one")]
    Cpus,
}

impl LoadOptions {
    /// Whether a driver can be loaded with these options by this process.
    ///
    /// # Errors
    /// The first thing that stands against it.
    pub fn check(&self) -> Result<(), OptionsError> {
        // Not readable without procfs: then nobody can tell, and state says more about it.
        let namespace = std::fs::metadata("/proc/self/ns/pid").map(|meta| meta.ino());
        if namespace.is_ok_and(|inode| inode != INITIAL_PID_NAMESPACE) {
            return Err(OptionsError::PidNamespace);
        }
        if !self.partitions.is_power_of_two() || self.partitions > SAKER_MAX_PARTITIONS {
            return Err(OptionsError::Partitions(self.partitions));
        }
        let sizes = rustix::param::page_size()..=SAKER_RING_BYTES_MAX as usize;
        if !self.ring_bytes.is_power_of_two() || !sizes.contains(&self.ring_bytes) {
            return Err(OptionsError::RingBytes(self.ring_bytes));
        }
        if self.snaplen_bytes > SAKER_SNAPLEN_MAX {
            return Err(OptionsError::Snaplen(self.snaplen_bytes));
        }
        if self.cpus.is_empty() || self.cpus.iter().any(|&cpu| cpu >= SAKER_MAX_CPUS) {
            return Err(OptionsError::Cpus);
        }
        Ok(())
    }

    /// Whether a call is wanted that acts on names and returns no descriptor, and the names should be real ones.
    pub fn acted(&self) -> bool {
        let acts = |id| EVENTS[usize::from(id)].acts();
        self.reached && self.events.iter().any(acts)
    }

    /// [`Self::names`], if a call is wanted that has one.
    pub fn names(&self) -> bool {
        self.names && self.events.iter().any(|id| EVENTS[usize::from(id)].opens())
    }

    /// Whether opens are wanted that say what they reached: the kernel's function is looked at, too, where another thread
    /// cannot have put another file under the number yet.
    pub fn opened(&self) -> bool {
        let opens = SAKER_EV_OPEN as u16..=SAKER_EV_CREAT as u16;
        self.reached && self.events.iter().any(|id| opens.contains(&id))
    }

    /// Whether records before those of connects tell the socket and the address as the kernel took them: always, if
    /// connects are wanted, as state depends on it.
    pub fn addresses(&self) -> bool {
        self.events.contains(SAKER_EV_CONNECT as u16)
    }

    /// Whether an event is wanted that requests of io_uring amount to: those that move data if `moves`, else those that
    /// open, name or connect something.
    pub fn requests(&self, moves: bool) -> bool {
        // What only renumbers descriptors is no loss: the table of descriptors heals itself.
        let counts = |event| event != SAKER_EV_CLOSE as u16 && event != SAKER_EV_DUP3 as u16;
        requests::wanted(&self.events)
            .any(|request| counts(request.event) && requests::moves(request.event) == moves)
    }

    /// One more than the highest CPU number: how many CPUs tables have.
    pub fn cpu_count(&self) -> u32 {
        self.cpus.iter().max().map_or(1, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_out_of_range_are_named() {
        let good = LoadOptions {
            partitions: 2,
            ring_bytes: 1 << 16,
            cpus: vec![0, 3],
            events: EventSet::state(),
            snaplen_bytes: 0,
            own_tgid: 1,
            reached: false,
            names: false,
        };
        assert_eq!(good.cpu_count(), 4);
        let with = |change: fn(&mut LoadOptions)| {
            let mut options = good.clone();
            change(&mut options);
            options.check()
        };
        // In another pid namespace that is the answer to everything, and right.
        if good.check() == Err(OptionsError::PidNamespace) {
            return;
        }
        assert_eq!(good.check(), Ok(()));
        assert_eq!(with(|o| o.partitions = 3), Err(OptionsError::Partitions(3)));
        assert_eq!(
            with(|o| o.partitions = 16),
            Err(OptionsError::Partitions(16))
        );
        assert_eq!(
            with(|o| o.ring_bytes = 5000),
            Err(OptionsError::RingBytes(5000))
        );
        assert_eq!(
            with(|o| o.ring_bytes = 1 << 29),
            Err(OptionsError::RingBytes(1 << 29))
        );
        let snaplen = Err(OptionsError::Snaplen(5000));
        assert_eq!(with(|o| o.snaplen_bytes = 5000), snaplen);
        assert_eq!(with(|o| o.cpus.clear()), Err(OptionsError::Cpus));
        assert_eq!(with(|o| o.cpus.push(1024)), Err(OptionsError::Cpus));
    }
}
