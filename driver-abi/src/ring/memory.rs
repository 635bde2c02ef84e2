//! A ring in ordinary memory, and the producer the drivers have in the kernel.
//!
//! For tests, simulation and measurements: reserve, stamp and commit are separate steps, so that a
//! test can stop between them as an interrupt or a hypervisor does.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::event::{EventfdFlags, eventfd};

use super::reader::{RingMemory, RingParts};
use super::{HEADER_BYTES, RingReader, record_footprint, valid_data_bytes};
use crate::raw;

/// Where the producer position is; a cache line of its own, as the kernel's pages are apart.
const PRODUCER_OFFSET: usize = 128;
const DATA_OFFSET: usize = 256;

struct Shared {
    base: NonNull<u8>,
    data_bytes: usize,
}

// SAFETY: positions and headers are accessed atomically; payloads are written by the only producer
// before commit and read by the only consumer after it.
unsafe impl Send for Shared {}
// SAFETY: as for Send.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(data_bytes: usize) -> Self {
        assert!(valid_data_bytes(data_bytes), "size of a ring: {data_bytes}");
        let layout = Self::layout(data_bytes);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout));
        Self { base, data_bytes }
    }

    /// The data is there twice like in a mapped ring, but the halves are different memory: a record
    /// that crosses the end of the first half goes on in the second, which is all a reader sees.
    fn layout(data_bytes: usize) -> Layout {
        Layout::from_size_align(DATA_OFFSET + 2 * data_bytes, 128).expect("2 GiB and a bit at most")
    }

    fn consumer(&self) -> &AtomicU64 {
        // SAFETY: aligned, inside the allocation, accessed atomically only.
        unsafe { AtomicU64::from_ptr(self.base.cast().as_ptr()) }
    }

    fn producer(&self) -> &AtomicU64 {
        // SAFETY: as above.
        unsafe { AtomicU64::from_ptr(self.base.add(PRODUCER_OFFSET).cast().as_ptr()) }
    }

    fn data(&self) -> NonNull<u8> {
        // SAFETY: inside the allocation.
        unsafe { self.base.add(DATA_OFFSET) }
    }

    fn offset(&self, pos: u64) -> usize {
        (pos & (self.data_bytes as u64 - 1)) as usize
    }

    fn header(&self, pos: u64) -> &AtomicU32 {
        // SAFETY: masked to the data; positions are multiples of 8; accessed atomically only.
        unsafe { AtomicU32::from_ptr(self.data().add(self.offset(pos)).cast().as_ptr()) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.base.as_ptr(), Self::layout(self.data_bytes)) }
    }
}

struct Memory {
    shared: Arc<Shared>,
    wake: Option<OwnedFd>,
}

// SAFETY: the allocation lives as long as the Arc; the producer writes payloads only through
// `Reserved`, that is before commit, and reuses bytes only below the consumer position.
unsafe impl RingMemory for Memory {
    fn parts(&self) -> RingParts {
        RingParts {
            consumer: self.shared.base.cast(),
            // SAFETY: inside the allocation.
            producer: unsafe { self.shared.base.add(PRODUCER_OFFSET).cast() },
            data: self.shared.data(),
            data_bytes: self.shared.data_bytes,
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_ref().map(AsFd::as_fd)
    }
}

/// A ring of `data_bytes` in ordinary memory, without a descriptor to wait on.
///
/// # Panics
/// When a ring cannot have that size.
pub fn memory_ring(cpu: u32, partition: u32, data_bytes: usize) -> (RingProducer, RingReader) {
    new_ring(cpu, partition, data_bytes, None, None)
}

/// A ring in ordinary memory whose reader can wait for [`RingProducer::wake`].
///
/// # Errors
/// When the kernel gives no eventfd(2).
///
/// # Panics
/// When a ring cannot have that size.
pub fn wakeable_memory_ring(
    cpu: u32,
    partition: u32,
    data_bytes: usize,
) -> io::Result<(RingProducer, RingReader)> {
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let clone = wake.try_clone()?;
    Ok(new_ring(
        cpu,
        partition,
        data_bytes,
        Some(wake),
        Some(clone),
    ))
}

fn new_ring(
    cpu: u32,
    partition: u32,
    data_bytes: usize,
    producer_wake: Option<OwnedFd>,
    wake: Option<OwnedFd>,
) -> (RingProducer, RingReader) {
    let shared = Arc::new(Shared::new(data_bytes));
    let reader = RingReader::new(
        cpu,
        partition,
        Memory {
            shared: Arc::clone(&shared),
            wake,
        },
    );
    (
        RingProducer {
            shared,
            pos: 0,
            wake: producer_wake,
        },
        reader,
    )
}

/// The producing end of a ring in memory. Nested producers (an interrupt between reserve and
/// commit) are two reservations that overlap in time.
pub struct RingProducer {
    shared: Arc<Shared>,
    pos: u64,
    wake: Option<OwnedFd>,
}

/// A reserved record: visible to the reader as busy until committed or discarded. Dropping it
/// leaves it busy for ever, like a producer that never comes back.
#[must_use = "stays busy until committed"]
pub struct Reserved {
    pos: u64,
    len: u32,
    ring: Arc<Shared>,
}

impl RingProducer {
    /// Reserves `len` bytes: header with the busy bit first, then the position with release. `None`
    /// when there is no room; as in the kernel a ring is never filled to its last byte.
    ///
    /// # Panics
    /// When `len` does not fit the length field.
    pub fn reserve(&mut self, len: usize) -> Option<Reserved> {
        let len = u32::try_from(len)
            .ok()
            .filter(|&len| len < raw::SAKER_RING_DISCARD);
        let len = len.expect("length of 30 bits");
        let next = self.pos + record_footprint(u64::from(len));
        let consumer = self.shared.consumer().load(Ordering::Acquire);
        if next - consumer >= self.shared.data_bytes as u64 {
            return None;
        }
        let pos = self.pos;
        self.shared
            .header(pos)
            .store(len | raw::SAKER_RING_BUSY, Ordering::Relaxed);
        self.shared.producer().store(next, Ordering::Release);
        self.pos = next;
        Some(Reserved {
            pos,
            len,
            ring: Arc::clone(&self.shared),
        })
    }

    /// Writes the payload of a reserved record.
    ///
    /// # Panics
    /// When the reservation is of another ring, when the reader has given it up (see
    /// [`commit_corrupt`](Self::commit_corrupt)) or `bytes` is not as long as what was reserved.
    pub fn fill(&mut self, reserved: &Reserved, bytes: &[u8]) {
        self.check(reserved);
        assert_eq!(reserved.len as usize, bytes.len(), "as long as reserved");
        let start = self.shared.offset(reserved.pos) + HEADER_BYTES as usize;
        // SAFETY: reserved in this ring, so inside `2 * data_bytes`; above the consumer position,
        // so not reserved again; not committed (that consumes it), so the reader leaves it alone.
        unsafe {
            let to = self.shared.data().add(start).as_ptr();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    /// Makes the record readable.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    pub fn commit(&mut self, reserved: Reserved) {
        self.finish(&reserved, reserved.len);
    }

    /// Gives the record up.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    pub fn discard(&mut self, reserved: Reserved) {
        self.finish(&reserved, reserved.len | raw::SAKER_RING_DISCARD);
    }

    /// Commits with a length no ring can have: what memory corruption looks like to a reader, which
    /// passes everything reserved so far.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    pub fn commit_corrupt(&mut self, reserved: Reserved) {
        self.finish(&reserved, raw::SAKER_RING_DISCARD - 1);
    }

    /// Reserves, writes and commits at once; `false` when there is no room.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let Some(reserved) = self.reserve(bytes.len()) else {
            return false;
        };
        self.fill(&reserved, bytes);
        self.commit(reserved);
        true
    }

    /// Wakes a waiting reader, as a driver does at the threshold.
    ///
    /// # Errors
    /// What write(2) says; `Unsupported` for a ring that has no descriptor.
    pub fn wake(&self) -> io::Result<()> {
        let wake = self.wake.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        rustix::io::write(wake, &1u64.to_ne_bytes())?;
        Ok(())
    }

    /// Bytes between the consumer's and the producer's position.
    pub fn waiting_bytes(&self) -> u64 {
        self.pos - self.shared.consumer().load(Ordering::Acquire)
    }

    fn finish(&mut self, reserved: &Reserved, word: u32) {
        self.check(reserved);
        // The kernel's exchange is a full barrier; release is what the reader's side needs.
        self.shared
            .header(reserved.pos)
            .swap(word, Ordering::AcqRel);
    }

    fn check(&self, reserved: &Reserved) {
        assert!(
            Arc::ptr_eq(&reserved.ring, &self.shared),
            "reservation of another ring"
        );
        let consumer = self.shared.consumer().load(Ordering::Acquire);
        assert!(
            reserved.pos >= consumer,
            "reservation that the reader has passed"
        );
    }
}
