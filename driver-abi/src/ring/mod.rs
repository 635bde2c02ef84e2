//! Rings between a driver and the agent.
//!
//! Every driver uses the memory layout of the BPF ring buffer (kernel/bpf/ringbuf.c, DESIGN.md 2),
//! so one reader serves all. With `page` the page size of the machine, a ring's descriptor maps as
//!
//! ```text
//! offset 0          consumer page  u64 position, the only page the agent may write
//! offset page       producer page  u64 position
//! offset 2 * page   data, then the same pages again: a record is always contiguous
//! record            u32 length | BUSY (bit 31) | DISCARD (bit 30), u32 unused, payload padded to 8
//! ```
//!
//! Positions count bytes since the ring was made and never go back; `position & (data_bytes - 1)`
//! is the offset in the data. A ring has one producer CPU and one consumer thread.
//!
//! * [`RingFd`]: what a driver hands out; [`RingReader::map`] maps it and reads.
//! * [`Counters`]: the drivers' counters and the word that asks for a wake-up.
//! * [`memory_ring`]: a ring in ordinary memory whose producer follows the drivers' protocol, for
//!   tests and simulation.
//!
//! `unsafe` is confined to [`map`], [`reader`], [`counters`] and [`memory`].

use std::os::fd::OwnedFd;

pub mod counters;
pub mod map;
pub mod memory;
pub mod reader;
#[cfg(test)]
mod tests;

pub use counters::{Counters, RingCounters};
pub use map::RingMap;
pub use memory::{Reserved, RingProducer, memory_ring, wakeable_memory_ring};
pub use reader::{Head, RingMemory, RingParts, RingReader};

use crate::raw;

/// Bytes of a record's header in the ring.
pub const HEADER_BYTES: u64 = raw::SAKER_RING_HDR as u64;

/// Smallest data size that is looked at: one page of the smallest page size.
pub const DATA_BYTES_MIN: usize = 4096;

/// Largest data size: the length field of a record has 30 bits.
pub const DATA_BYTES_MAX: usize = 1 << 30;

/// One ring as a driver hands it out.
#[derive(Debug)]
pub struct RingFd {
    /// CPU that produces into the ring.
    pub cpu: u32,
    /// Partition whose worker consumes it.
    pub partition: u32,
    /// Descriptor to map and to wait on.
    pub fd: OwnedFd,
    /// Size of the data, a power of two and a multiple of the page size.
    pub data_bytes: usize,
}

/// Bytes a record of `payload_bytes` takes in a ring: header and padding included.
pub const fn record_footprint(payload_bytes: u64) -> u64 {
    HEADER_BYTES + payload_bytes.next_multiple_of(8)
}

/// Whether `data_bytes` can be the size of a ring.
pub const fn valid_data_bytes(data_bytes: usize) -> bool {
    data_bytes.is_power_of_two() && data_bytes >= DATA_BYTES_MIN && data_bytes <= DATA_BYTES_MAX
}
