//! The drivers' counters: one `struct saker_ring_counters` a ring, in an array that user space
//! maps.

use std::fmt;
use std::io;
use std::mem::offset_of;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use crate::event::Class;
use crate::raw::{self, saker_ring_counters};

/// Causes of loss, in the order of [`crate::event::DROP_CAUSES`].
pub const CAUSES: usize = raw::SAKER_NR_DROPS as usize;

/// Classes, in the order of [`Class::ALL`].
pub const CLASSES: usize = raw::SAKER_NR_CLASSES as usize;

/// Bytes from one ring's counters to the next. The elements of a BPF array that is mapped are
/// rounded up to 8 bytes (kernel/bpf/arraymap.c).
const STRIDE: usize = size_of::<saker_ring_counters>().next_multiple_of(8);

/// Most rings there can be.
const ENTRIES_MAX: usize = (raw::SAKER_MAX_CPUS * raw::SAKER_MAX_PARTITIONS) as usize;

/// Counters of one ring at one moment. Each is exact; they were not read at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RingCounters {
    /// Records committed.
    pub produced: u64,
    /// Records that did not reach the ring, by cause and class.
    pub dropped: [[u64; CLASSES]; CAUSES],
    /// Wake-ups sent.
    pub wakeups: u64,
    /// Most bytes ever seen waiting in the ring.
    pub high_water_bytes: u64,
}

impl RingCounters {
    /// Records that did not reach the ring, whatever the cause.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().flatten().sum()
    }
}

/// All rings' counters. The agent reads them and writes one word: `armed`.
///
/// Index of a ring is `cpu * partitions + partition`.
pub struct Counters {
    base: NonNull<u8>,
    entries: usize,
    partitions: u32,
    /// Keeps what `base` points to.
    _memory: Memory,
}

enum Memory {
    Mapped { _map: MmapRaw },
    Owned { _words: Box<[AtomicU64]> },
}

// SAFETY: the memory is owned and does not move; every access is atomic.
unsafe impl Send for Counters {}
// SAFETY: as for Send.
unsafe impl Sync for Counters {}

impl Counters {
    /// Maps a driver's array of `entries` counters, `partitions` of them a CPU.
    ///
    /// # Errors
    /// `InvalidInput` when the numbers are impossible, otherwise what mmap(2) says.
    pub fn map(fd: BorrowedFd<'_>, entries: usize, partitions: u32) -> io::Result<Self> {
        let whole = partitions > 0 && entries.is_multiple_of(partitions as usize);
        if !whole || entries == 0 || entries > ENTRIES_MAX {
            let message = format!("{entries} counters for {partitions} partitions");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let map = MmapOptions::new().len(entries * STRIDE).map_raw(&fd)?;
        let base = NonNull::new(map.as_mut_ptr()).expect("mmap is never null");
        Ok(Self {
            base,
            entries,
            partitions,
            _memory: Memory::Mapped { _map: map },
        })
    }

    /// Counters in ordinary memory, for tests and simulation.
    ///
    /// # Panics
    /// When there would be none, or more than there can be rings.
    pub fn in_memory(cpus: u32, partitions: u32) -> Self {
        let entries = cpus as usize * partitions as usize;
        assert!((1..=ENTRIES_MAX).contains(&entries), "{entries} counters");
        let words: Box<[AtomicU64]> = (0..entries * STRIDE / 8)
            .map(|_| AtomicU64::new(0))
            .collect();
        let base = NonNull::from(&*words).cast();
        Self {
            base,
            entries,
            partitions,
            _memory: Memory::Owned { _words: words },
        }
    }

    /// Rings counted.
    pub const fn entries(&self) -> usize {
        self.entries
    }

    /// Rings a CPU.
    pub const fn partitions(&self) -> u32 {
        self.partitions
    }

    /// CPUs counted.
    pub const fn cpus(&self) -> u32 {
        self.entries as u32 / self.partitions
    }

    /// Index of a ring; `None` when the drivers count no such ring.
    pub fn index(&self, cpu: u32, partition: u32) -> Option<usize> {
        let index = cpu as usize * self.partitions as usize + partition as usize;
        (partition < self.partitions && index < self.entries).then_some(index)
    }

    /// The counters of a ring; all zero when the drivers count no such ring.
    pub fn snapshot(&self, cpu: u32, partition: u32) -> RingCounters {
        let Some(index) = self.index(cpu, partition) else {
            return RingCounters::default();
        };
        let read = |offset| self.word(index, offset).load(Ordering::Relaxed);
        let mut dropped = [[0; CLASSES]; CAUSES];
        for (cause, row) in dropped.iter_mut().enumerate() {
            for (class, count) in row.iter_mut().enumerate() {
                *count = read(dropped_offset(cause, class));
            }
        }
        RingCounters {
            produced: read(offset_of!(saker_ring_counters, produced)),
            dropped,
            wakeups: read(offset_of!(saker_ring_counters, wakeups)),
            high_water_bytes: read(offset_of!(saker_ring_counters, high_water_bytes)),
        }
    }

    /// Asks the producer of ring `index` for one wake-up at the fill threshold, or takes it back.
    ///
    /// The worker arms, then a `SeqCst` fence, then looks at the producer positions once more: of
    /// two sides that each store first and load after a full barrier, one sees the other. A
    /// producer without a full barrier between its position and its look at the word can still
    /// miss it by a store buffer's delay, which is why the worker's sleep has an end.
    ///
    /// # Panics
    /// When there is no such ring: [`index`](Self::index) makes indices.
    pub fn arm(&self, index: usize, armed: bool) {
        let offset = offset_of!(saker_ring_counters, armed);
        self.half_word(index, offset)
            .store(u32::from(armed), Ordering::Relaxed);
    }

    /// Whether a wake-up is asked for.
    ///
    /// # Panics
    /// As [`arm`](Self::arm).
    pub fn is_armed(&self, index: usize) -> bool {
        let offset = offset_of!(saker_ring_counters, armed);
        self.half_word(index, offset).load(Ordering::Relaxed) != 0
    }

    /// Counts committed records: for producers in this process, that is simulation.
    ///
    /// # Panics
    /// As [`arm`](Self::arm).
    pub fn count_produced(&self, index: usize, records: u64) {
        let offset = offset_of!(saker_ring_counters, produced);
        self.word(index, offset)
            .fetch_add(records, Ordering::Relaxed);
    }

    /// Counts lost records, `cause` in `SAKER_DROP_*`: for producers in this process.
    ///
    /// # Panics
    /// As [`arm`](Self::arm), or when there is no such cause.
    pub fn count_dropped(&self, index: usize, cause: u32, class: Class, records: u64) {
        assert!((cause as usize) < CAUSES, "cause {cause}");
        let offset = dropped_offset(cause as usize, class as usize);
        self.word(index, offset)
            .fetch_add(records, Ordering::Relaxed);
    }

    fn word(&self, index: usize, offset: usize) -> &AtomicU64 {
        assert!(
            index < self.entries,
            "counters of ring {index} of {}",
            self.entries
        );
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= STRIDE);
        // SAFETY: within entry `index` of `entries`; base is at least 8-byte aligned, stride and
        // offset are multiples of 8; drivers change the words atomically.
        unsafe { AtomicU64::from_ptr(self.base.add(index * STRIDE + offset).cast().as_ptr()) }
    }

    fn half_word(&self, index: usize, offset: usize) -> &AtomicU32 {
        assert!(
            index < self.entries,
            "counters of ring {index} of {}",
            self.entries
        );
        debug_assert!(offset.is_multiple_of(4) && offset + 4 <= STRIDE);
        // SAFETY: as in `word`, with 4 for 8; nobody accesses this word in another width.
        unsafe { AtomicU32::from_ptr(self.base.add(index * STRIDE + offset).cast().as_ptr()) }
    }
}

const fn dropped_offset(cause: usize, class: usize) -> usize {
    offset_of!(saker_ring_counters, dropped) + (cause * CLASSES + class) * size_of::<u64>()
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters")
            .field("entries", &self.entries)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn counts_come_back_where_they_were_put() {
        let counters = Counters::in_memory(4, 2);
        let index = counters.index(3, 1).expect("a ring");
        assert_eq!(index, 7);
        counters.count_produced(index, 10);
        counters.count_dropped(index, raw::SAKER_DROP_BUG, Class::Noise, 2);
        counters.count_dropped(index, raw::SAKER_DROP_RING_FULL, Class::Lifecycle, 1);
        let got = counters.snapshot(3, 1);
        assert_eq!((got.produced, got.dropped_total()), (10, 3));
        assert_eq!(
            got.dropped[raw::SAKER_DROP_BUG as usize][Class::Noise as usize],
            2
        );
        assert_eq!(counters.snapshot(3, 0), RingCounters::default());
        assert_eq!(counters.index(4, 0), None);
        assert_eq!(counters.index(0, 2), None);
    }

    #[test]
    fn arming_touches_one_ring() {
        let counters = Counters::in_memory(2, 1);
        counters.arm(1, true);
        assert_eq!((counters.is_armed(0), counters.is_armed(1)), (false, true));
        counters.arm(1, false);
        assert!(!counters.is_armed(1));
        assert_eq!(counters.snapshot(1, 0), RingCounters::default());
    }

    #[test]
    fn a_mapped_array_has_the_layout_of_the_header() {
        let entry = |n: u64| {
            let mut c = saker_ring_counters::default();
            (c.produced, c.wakeups, c.high_water_bytes) = (n, n + 1, n + 2);
            c.dropped[raw::SAKER_DROP_SHED as usize][Class::File as usize] = n + 3;
            // As the kernel lays it out: produced, dropped, four 32-bit words, two counters.
            let mut b = c.produced.to_le_bytes().to_vec();
            c.dropped
                .iter()
                .flatten()
                .for_each(|d| b.extend_from_slice(&d.to_le_bytes()));
            b.extend_from_slice(&[0; 16]);
            b.extend_from_slice(&c.wakeups.to_le_bytes());
            b.extend_from_slice(&c.high_water_bytes.to_le_bytes());
            b
        };
        let mut file = tempfile();
        file.write_all(&entry(100)).expect("write");
        file.write_all(&entry(200)).expect("write");
        let counters = Counters::map(file.as_fd(), 2, 1).expect("map");
        let got = counters.snapshot(1, 0);
        assert_eq!(
            (got.produced, got.wakeups, got.high_water_bytes),
            (200, 201, 202)
        );
        assert_eq!(got.dropped[1][2], 203);
        assert_eq!(got.dropped_total(), 203);
        assert_eq!(counters.snapshot(0, 0).produced, 100);
        assert!(Counters::map(file.as_fd(), 0, 1).is_err());
        assert!(Counters::map(file.as_fd(), 3, 2).is_err());
        assert!(Counters::map(file.as_fd(), ENTRIES_MAX + 1, 1).is_err());
    }

    fn tempfile() -> std::fs::File {
        let fd = rustix::fs::memfd_create("counters", rustix::fs::MemfdFlags::CLOEXEC);
        fd.expect("memfd").into()
    }
}
