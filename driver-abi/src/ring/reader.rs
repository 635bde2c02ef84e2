//! The consumer's side of a ring.
//!
//! Ordering. The producer writes a header with the busy bit, *then* stores its position with
//! release, *then* stamps and fills the record, and commits it by storing the length with release.
//! The reader mirrors that: it loads the producer position with acquire, so every header below it
//! is initialised, and loads each header with acquire, so the payload of a record that is not busy
//! is complete. The consumer position is stored with release, which keeps all reads of the records
//! before the moment their bytes may be overwritten.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{HEADER_BYTES, RingFd, RingMap, record_footprint, valid_data_bytes};
use crate::raw;

/// Where the parts of a ring are.
#[derive(Debug, Clone, Copy)]
pub struct RingParts {
    /// Consumer position, written by the reader.
    pub consumer: NonNull<u64>,
    /// Producer position.
    pub producer: NonNull<u64>,
    /// `2 * data_bytes` readable bytes, the second half showing what the first holds.
    pub data: NonNull<u8>,
    /// Size of the data: see [`super::valid_data_bytes`].
    pub data_bytes: usize,
}

/// Memory that has the layout of a ring.
///
/// # Safety
/// The pointers of [`parts`](Self::parts) are 8-byte aligned, stay the same and valid until the
/// value is dropped, wherever it is moved. Positions and record headers are only accessed
/// atomically by others. Between the commit of a record and the consumer position passing it nobody
/// writes its payload; a record's bytes that cross the end of the data are readable, contiguous, in
/// the second half. Nobody else reads from the same ring.
pub unsafe trait RingMemory {
    /// Where the parts are.
    fn parts(&self) -> RingParts;

    /// Descriptor that becomes readable when the producer wakes the consumer.
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// What stands at the reader's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head<'a> {
    /// A committed record; valid until [`RingReader::release`].
    Record(&'a [u8]),
    /// A record that is reserved and not committed yet.
    Busy,
    /// Nothing below the producer position of the last [`RingReader::observe`].
    Empty,
}

/// Reads one ring.
///
/// A batch is: [`observe`](Self::observe), then [`head`](Self::head) and [`advance`](Self::advance)
/// as often as wanted, then [`release`](Self::release). Records borrow the reader shared, `release`
/// borrows it exclusively: a record cannot be looked at once its bytes are given back.
pub struct RingReader {
    memory: Box<dyn RingMemory + Send>,
    parts: RingParts,
    cpu: u32,
    partition: u32,
    /// Next record to read.
    cursor: Cell<u64>,
    /// Footprint of the committed record at the cursor, 0 when it is not known.
    head_bytes: Cell<u64>,
    /// Producer position last observed.
    limit: u64,
    /// Consumer position last published.
    released: u64,
    corrupt: Cell<u64>,
    discarded: Cell<u64>,
}

// SAFETY: the memory is Send and owned; the pointers point into it and no other reader has them.
unsafe impl Send for RingReader {}

impl RingReader {
    /// Maps a driver's ring for reading.
    ///
    /// # Errors
    /// Those of [`RingMap::new`].
    pub fn map(ring: RingFd) -> io::Result<Self> {
        let (cpu, partition) = (ring.cpu, ring.partition);
        Ok(Self::new(cpu, partition, RingMap::new(ring)?))
    }

    /// Reads a ring in `memory`, from its consumer position on.
    ///
    /// # Panics
    /// When the parts are misaligned or the size is not one a ring can have.
    pub fn new(cpu: u32, partition: u32, memory: impl RingMemory + Send + 'static) -> Self {
        let memory = Box::new(memory);
        let parts = memory.parts();
        assert!(
            valid_data_bytes(parts.data_bytes),
            "size of a ring: {}",
            parts.data_bytes
        );
        assert!(
            parts.consumer.is_aligned()
                && parts.producer.is_aligned()
                && parts.data.cast::<u64>().is_aligned(),
            "misaligned ring"
        );
        let mut reader = Self {
            memory,
            parts,
            cpu,
            partition,
            cursor: Cell::new(0),
            head_bytes: Cell::new(0),
            limit: 0,
            released: 0,
            corrupt: Cell::new(0),
            discarded: Cell::new(0),
        };
        let start = reader.consumer().load(Ordering::Relaxed);
        reader.cursor.set(start);
        (reader.limit, reader.released) = (start, start);
        reader
    }

    /// CPU that produces into the ring.
    pub const fn cpu(&self) -> u32 {
        self.cpu
    }

    /// Partition the ring belongs to.
    pub const fn partition(&self) -> u32 {
        self.partition
    }

    /// Size of the data.
    pub const fn data_bytes(&self) -> usize {
        self.parts.data_bytes
    }

    /// Descriptor to wait on; none for rings in ordinary memory.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.memory.fd()
    }

    /// The producer's position, now.
    pub fn producer_pos(&self) -> u64 {
        // SAFETY: RingMemory promises an aligned word accessed atomically, alive as long as `self`.
        let producer = unsafe { AtomicU64::from_ptr(self.parts.producer.as_ptr()) };
        producer.load(Ordering::Acquire)
    }

    /// Where the reader stands; the next record begins there.
    pub const fn position(&self) -> u64 {
        self.cursor.get()
    }

    /// Bytes reserved by the producer, now, and not read yet.
    pub fn waiting_bytes(&self) -> u64 {
        self.producer_pos().wrapping_sub(self.cursor.get())
    }

    /// Makes what was reserved up to now visible to [`head`](Self::head); returns the bytes
    /// waiting.
    pub fn observe(&mut self) -> u64 {
        let limit = self.producer_pos();
        let cursor = self.cursor.get();
        let waiting = limit.wrapping_sub(cursor);
        let aligned = (limit | cursor).is_multiple_of(8);
        if aligned && waiting <= self.parts.data_bytes as u64 {
            self.limit = limit;
            return waiting;
        }
        // The producer was reset or overran: nothing between the positions can be trusted.
        self.limit = limit & !7;
        self.resync(self.limit);
        0
    }

    /// What stands at the cursor. Discarded records are skipped.
    ///
    /// A length that does not fit below the observed producer position is counted as corrupt, and
    /// reading resumes at that position, which is the border of a record whatever happened before.
    pub fn head(&self) -> Head<'_> {
        loop {
            let cursor = self.cursor.get();
            let available = self.limit.wrapping_sub(cursor);
            if available == 0 {
                return Head::Empty;
            }
            let offset = (cursor & (self.parts.data_bytes as u64 - 1)) as usize;
            let word = self.header(offset).load(Ordering::Acquire);
            let len = word & !(raw::SAKER_RING_BUSY | raw::SAKER_RING_DISCARD);
            let footprint = record_footprint(u64::from(len));
            if footprint > available {
                self.resync(self.limit);
                return Head::Empty;
            }
            if word & raw::SAKER_RING_BUSY != 0 {
                return Head::Busy;
            }
            if word & raw::SAKER_RING_DISCARD != 0 {
                self.discarded.set(self.discarded.get() + 1);
                self.cursor.set(cursor.wrapping_add(footprint));
                continue;
            }
            self.head_bytes.set(footprint);
            return Head::Record(self.payload(offset, len as usize));
        }
    }

    /// Goes past the record that [`head`](Self::head) returned; does nothing when it returned none.
    /// The record stays valid until [`release`](Self::release).
    pub fn advance(&self) {
        self.cursor
            .set(self.cursor.get().wrapping_add(self.head_bytes.take()));
    }

    /// Gives the bytes of everything before the cursor back to the producer.
    ///
    /// One store for a whole batch: the producer's CPU holds the line of the consumer position and
    /// would lose it at each.
    pub fn release(&mut self) {
        let cursor = self.cursor.get();
        if cursor != self.released {
            self.consumer().store(cursor, Ordering::Release);
            self.released = cursor;
        }
    }

    /// Goes back to what was not released: the next [`head`](Self::head) is the first record of which
    /// the bytes have not been given back. For a look ahead before the reading proper.
    pub fn rewind(&mut self) {
        self.head_bytes.set(0);
        self.cursor.set(self.released);
    }

    /// Bytes read and not released yet.
    pub fn unreleased_bytes(&self) -> u64 {
        self.cursor.get().wrapping_sub(self.released)
    }

    /// Times the ring had to be resynchronised because a length or position made no sense.
    pub const fn corrupt(&self) -> u64 {
        self.corrupt.get()
    }

    /// Records the producer reserved and gave up.
    pub const fn discarded(&self) -> u64 {
        self.discarded.get()
    }

    fn resync(&self, to: u64) {
        self.corrupt.set(self.corrupt.get() + 1);
        self.head_bytes.set(0);
        self.cursor.set(to);
    }

    fn consumer(&self) -> &AtomicU64 {
        // SAFETY: RingMemory promises an aligned word accessed atomically, alive as long as `self`.
        unsafe { AtomicU64::from_ptr(self.parts.consumer.as_ptr()) }
    }

    fn header(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset.is_multiple_of(8) && offset < self.parts.data_bytes);
        // SAFETY: `offset` is masked to the data and, as cursors are multiples of 8 (checked by
        // `observe`, kept by `record_footprint`), aligned. Headers are accessed atomically by all.
        unsafe { AtomicU32::from_ptr(self.parts.data.add(offset).cast().as_ptr()) }
    }

    fn payload(&self, offset: usize, len: usize) -> &[u8] {
        let start = offset + HEADER_BYTES as usize;
        debug_assert!(start + len <= 2 * self.parts.data_bytes);
        // SAFETY: `offset` is below `data_bytes` and header and payload are no longer than the
        // bytes available, which `observe` limits to `data_bytes`: within the mapped `2 *
        // data_bytes`. The record is committed (acquire load by the caller), so nobody writes it
        // before `release`, which needs `&mut self` and so ends the borrow returned here.
        unsafe { std::slice::from_raw_parts(self.parts.data.add(start).as_ptr(), len) }
    }
}

impl fmt::Debug for RingReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingReader")
            .field("cpu", &self.cpu)
            .field("partition", &self.partition)
            .field("data_bytes", &self.parts.data_bytes)
            .field("cursor", &self.cursor.get())
            .field("limit", &self.limit)
            .field("released", &self.released)
            .finish_non_exhaustive()
    }
}
