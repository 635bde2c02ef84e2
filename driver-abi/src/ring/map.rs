//! Mapping of a driver's ring.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};

use super::reader::{RingMemory, RingParts};
use super::{RingFd, valid_data_bytes};

/// A ring mapped from its descriptor; unmapped and closed on drop.
#[derive(Debug)]
pub struct RingMap {
    /// The only page the kernel lets user space write.
    consumer: MmapRaw,
    /// Producer page, then the data twice.
    rest: MmapRaw,
    fd: OwnedFd,
    page_bytes: usize,
    data_bytes: usize,
}

impl RingMap {
    /// Maps the ring.
    ///
    /// # Errors
    /// `InvalidInput` when the size is not one a ring can have, otherwise what mmap(2) says.
    pub fn new(ring: RingFd) -> io::Result<Self> {
        let RingFd {
            cpu,
            partition,
            fd,
            data_bytes,
        } = ring;
        let page_bytes = rustix::param::page_size();
        if !valid_data_bytes(data_bytes) || !data_bytes.is_multiple_of(page_bytes) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("ring of cpu {cpu}, partition {partition}: {data_bytes} bytes of data"),
            ));
        }
        let consumer = MmapOptions::new().len(page_bytes).map_raw(&fd)?;
        let rest = MmapOptions::new()
            .offset(page_bytes as u64)
            .len(page_bytes + 2 * data_bytes)
            .map_raw_read_only(&fd)?;
        Ok(Self {
            consumer,
            rest,
            fd,
            page_bytes,
            data_bytes,
        })
    }
}

// SAFETY: the parts point into the two mappings, which live as long as `self` and do not move with
// it. The kernel writes a record's payload only before it commits it, and reuses its bytes only
// after the consumer position has passed them (kernel/bpf/ringbuf.c).
unsafe impl RingMemory for RingMap {
    fn parts(&self) -> RingParts {
        let first = |map: &MmapRaw| NonNull::new(map.as_mut_ptr()).expect("mmap is never null");
        let producer = first(&self.rest);
        // SAFETY: `rest` is one page longer than the data that follows the page.
        let data = unsafe { producer.add(self.page_bytes) };
        RingParts {
            consumer: first(&self.consumer).cast(),
            producer: producer.cast(),
            data,
            data_bytes: self.data_bytes,
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }
}
