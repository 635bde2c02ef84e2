//! Requests to `/dev/saker`, right and wrong ones.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::slice;

use saker_abi::raw::*;

/// The device's node.
pub const PATH: &str = "/dev/saker";

/// Most bytes a request's number can ask the kernel to copy, and more.
const ARGUMENT_BYTES: usize = 1 << 14;

/// Structs of `saker_ioctl.h`: numbers only, without padding.
///
/// # Safety
/// Every byte is part of a number and any bytes are a value.
pub unsafe trait Plain: Copy + Default {}

// SAFETY: u32, u64 and chars, padded by hand.
unsafe impl Plain for saker_ioc_info {}
// SAFETY: u32, u64 and u8 arrays of multiples of 8 bytes, padded by hand.
unsafe impl Plain for saker_ioc_create {}
// SAFETY: two u32.
unsafe impl Plain for saker_ioc_ring {}
// SAFETY: two u32.
unsafe impl Plain for saker_ioc_iterate {}

/// What a request's argument points to: longer than any request says it is.
#[derive(Debug)]
pub struct Argument(Box<[u64; ARGUMENT_BYTES / 8]>);

impl Argument {
    /// Zeros.
    pub fn zero() -> Self {
        Self(Box::new([0; ARGUMENT_BYTES / 8]))
    }

    /// A struct, then zeros.
    pub fn of<T: Plain>(value: &T) -> Self {
        let mut argument = Self::zero();
        // SAFETY: Plain has no padding, so all bytes are initialised.
        let bytes = unsafe { slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) };
        argument.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        argument
    }

    /// The struct at its beginning.
    pub fn read<T: Plain>(&self) -> T {
        const { assert!(size_of::<T>() <= ARGUMENT_BYTES && align_of::<T>() <= 8) };
        // SAFETY: long and aligned enough; any bytes are a value of a Plain type.
        unsafe { self.0.as_ptr().cast::<T>().read() }
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the words' own memory, borrowed as long as `self`; bytes need no alignment.
        unsafe { slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), ARGUMENT_BYTES) }
    }
}

/// The opened device; its session ends when the last descriptor of this opening is closed.
#[derive(Debug)]
pub struct Device(File);

impl Device {
    /// Opens it.
    ///
    /// # Errors
    /// What open(2) says.
    pub fn open() -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(PATH)?;
        Ok(Self(file))
    }

    /// Any request, its argument in memory that no request overruns.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn request(&self, number: u32, argument: &mut Argument) -> io::Result<i32> {
        // SAFETY: the kernel copies at most what the number says, less than the argument has.
        unsafe { ioctl(self.0.as_fd(), number, argument.0.as_mut_ptr().cast()) }
    }

    /// Any request with an address at which this process has nothing that the kernel could change.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn request_at(&self, number: u32, nowhere: Nowhere) -> io::Result<i32> {
        // SAFETY: by `Nowhere` the kernel cannot write there on behalf of this process.
        unsafe { ioctl(self.0.as_fd(), number, nowhere.0 as *mut c_void) }
    }

    /// A request of which the result is a new descriptor.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn request_fd(&self, number: u32, argument: &mut Argument) -> io::Result<OwnedFd> {
        let fd = self.request(number, argument)?;
        // SAFETY: the module has just made it for this process.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Who the module is.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn info(&self) -> io::Result<saker_ioc_info> {
        let mut argument = Argument::of(&saker_ioc_info {
            size: size_of::<saker_ioc_info>() as u32,
            ..Default::default()
        });
        self.request(SAKER_REQUEST_INFO, &mut argument)?;
        Ok(argument.read())
    }

    /// Makes the session.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn create(&self, session: &saker_ioc_create) -> io::Result<()> {
        self.request(SAKER_REQUEST_CREATE, &mut Argument::of(session))?;
        Ok(())
    }

    /// Makes a ring.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn ring(&self, cpu: u32, partition: u32) -> io::Result<OwnedFd> {
        let mut argument = Argument::of(&saker_ioc_ring { cpu, partition });
        self.request_fd(SAKER_REQUEST_RING, &mut argument)
    }

    /// Opens the counters.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn counters(&self) -> io::Result<OwnedFd> {
        self.request_fd(SAKER_REQUEST_COUNTERS, &mut Argument::zero())
    }

    /// Attaches the probes.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn start(&self) -> io::Result<()> {
        self.request(SAKER_REQUEST_START, &mut Argument::zero())?;
        Ok(())
    }

    /// Detaches them.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn stop(&self) -> io::Result<()> {
        self.request(SAKER_REQUEST_STOP, &mut Argument::zero())?;
        Ok(())
    }

    /// Opens an iterator.
    ///
    /// # Errors
    /// What ioctl(2) says.
    pub fn iterate(&self, what: u32, tgid: u32) -> io::Result<File> {
        let mut argument = Argument::of(&saker_ioc_iterate { what, tgid });
        let fd = self.request_fd(SAKER_REQUEST_ITERATE, &mut argument)?;
        Ok(fd.into())
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An address where this process has nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere(usize);

impl Nowhere {
    /// NULL, the first page, the end of user space, between the halves, kernel memory, the last byte.
    pub const ALL: [Self; 7] = [
        Self(0),
        Self(8),
        Self(0x7fff_ffff_f000),
        Self(0x8000_0000_0000),
        Self(0xffff_8880_0000_1000),
        Self(0xffff_ffff_8100_0000),
        Self(usize::MAX),
    ];
}

/// # Safety
/// The kernel may read and write what the number says at `argument`.
unsafe fn ioctl(fd: BorrowedFd<'_>, number: u32, argument: *mut c_void) -> io::Result<i32> {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::Ioctl::from(number), argument) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
