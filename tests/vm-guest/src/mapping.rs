//! Mappings of any shape.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mprotect, munmap};

/// A mapping, accessed by atomic words only: the kernel and other processes have it, too.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
    readable: bool,
    writable: bool,
}

// SAFETY: memory that is accessed atomically, owned until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: as for Send.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `bytes` of a descriptor from `offset` on.
    ///
    /// # Errors
    /// What mmap(2) says.
    pub fn new(
        fd: impl AsFd,
        offset: u64,
        bytes: usize,
        protection: ProtFlags,
        flags: MapFlags,
    ) -> io::Result<Self> {
        // SAFETY: at an address that the kernel chooses: nothing else is there.
        let base = unsafe { mmap(ptr::null_mut(), bytes, protection, flags, fd, offset) }?;
        Ok(Self {
            base: NonNull::new(base.cast()).expect("not at 0"),
            bytes,
            readable: protection.contains(ProtFlags::READ),
            writable: protection.contains(ProtFlags::WRITE),
        })
    }

    /// Shared, read and written.
    ///
    /// # Errors
    /// What mmap(2) says.
    pub fn shared(fd: impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        Self::new(fd, offset, bytes, protection, MapFlags::SHARED)
    }

    /// Shared, read only.
    ///
    /// # Errors
    /// What mmap(2) says.
    pub fn read_only(fd: impl AsFd, offset: u64, bytes: usize) -> io::Result<Self> {
        Self::new(fd, offset, bytes, ProtFlags::READ, MapFlags::SHARED)
    }

    /// Words of it.
    pub const fn words(&self) -> usize {
        self.bytes / 8
    }

    /// The word number `index`.
    ///
    /// # Panics
    /// When there is none, or it cannot be read.
    pub fn load(&self, index: usize) -> u64 {
        assert!(self.readable);
        self.word(index).load(Ordering::Acquire)
    }

    /// Changes the word number `index`.
    ///
    /// # Panics
    /// When there is none, or it cannot be written.
    pub fn store(&self, index: usize, value: u64) {
        assert!(self.writable);
        self.word(index).store(value, Ordering::Release);
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.words(), "word {index} of {}", self.words());
        // SAFETY: inside the mapping, aligned since mappings begin at pages, accessed atomically.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().cast::<u64>().add(index)) }
    }

    /// Asks for other access; this value goes on as before.
    ///
    /// # Errors
    /// What mprotect(2) says.
    pub fn protect(&self, bytes: usize, protection: MprotectFlags) -> io::Result<()> {
        let bytes = bytes.min(self.bytes);
        let base = self.base.as_ptr().cast();
        // SAFETY: our own mapping. Only rights are added: what `load` and `store` need stays.
        unsafe { mprotect(base, bytes, protection | self.rights()) }?;
        Ok(())
    }

    fn rights(&self) -> MprotectFlags {
        let mut rights = MprotectFlags::empty();
        rights.set(MprotectFlags::READ, self.readable);
        rights.set(MprotectFlags::WRITE, self.writable);
        rights
    }

    /// Says that this process' arguments are here, as its own set-up can (CAP_SYS_RESOURCE).
    ///
    /// # Errors
    /// What prctl(2) says.
    pub fn name_as_arguments(&self) -> io::Result<()> {
        let start = self.base.as_ptr() as libc::c_ulong;
        // The start first: below the old end, which is on the stack.
        let ends = [
            (libc::PR_SET_MM_ARG_START, start),
            (libc::PR_SET_MM_ARG_END, start + self.bytes as libc::c_ulong),
        ];
        for (what, address) in ends {
            let what = what as libc::c_ulong;
            // SAFETY: numbers only; the kernel remembers them and shows what is there to others.
            if unsafe { libc::prctl(libc::PR_SET_MM, what, address, 0, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    /// Throws its pages out: the next access is a fault.
    ///
    /// # Errors
    /// What madvise(2) says.
    pub fn throw_out(&self) -> io::Result<()> {
        let base = self.base.as_ptr().cast();
        // SAFETY: our own mapping; an access after this ends the process, but is defined.
        unsafe { madvise(base, self.bytes, Advice::LinuxDontNeed) }?;
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own, nobody borrows it any more. A failure leaves it mapped.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
