//! The ioctl(2) requests of `/dev/saker` (driver-abi/include/saker_ioctl.h), typed.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::Path;

use rustix::ioctl::{Ioctl, IoctlOutput, NoArg, Opcode, Setter, Updater, ioctl};
use saker_abi::raw::*;

/// What a loaded module answers; behind a trait so that tests answer in its place.
pub(super) trait Requests {
    fn info(&self) -> io::Result<saker_ioc_info>;
    fn create(&self, session: saker_ioc_create) -> io::Result<()>;
    fn ring(&self, ring: saker_ioc_ring) -> io::Result<OwnedFd>;
    fn counters(&self) -> io::Result<OwnedFd>;
    fn start(&self) -> io::Result<()>;
    fn stop(&self) -> io::Result<()>;
}

/// The opened device. Closing it ends the session that was made through it.
#[derive(Debug)]
pub(super) struct Device(File);

impl Device {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // The library opens with O_CLOEXEC.
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map(Self)
    }

    pub(super) fn iterate(&self, what: saker_ioc_iterate) -> io::Result<OwnedFd> {
        let request: NewFd<{ SAKER_REQUEST_ITERATE as Opcode }, _> = NewFd(what);
        // SAFETY: the module reads the struct named in the request's definition, copies it and keeps
        // no pointer to it; any other device refuses the number.
        Ok(unsafe { ioctl(&self.0, request) }?)
    }
}

impl Requests for Device {
    fn info(&self) -> io::Result<saker_ioc_info> {
        let mut info = saker_ioc_info {
            size: size_of::<saker_ioc_info>() as u32,
            ..saker_ioc_info::default()
        };
        // SAFETY: the request's definition names this struct, its number holds the struct's size, and
        // the struct is plain numbers: whatever is written into it is a value.
        unsafe {
            let request: Updater<'_, { SAKER_REQUEST_INFO as Opcode }, _> = Updater::new(&mut info);
            ioctl(&self.0, request)?;
        }
        Ok(info)
    }

    fn create(&self, session: saker_ioc_create) -> io::Result<()> {
        // SAFETY: the module reads the struct named in the request's definition.
        unsafe {
            let request: Setter<{ SAKER_REQUEST_CREATE as Opcode }, _> = Setter::new(session);
            Ok(ioctl(&self.0, request)?)
        }
    }

    fn ring(&self, ring: saker_ioc_ring) -> io::Result<OwnedFd> {
        let request: NewFd<{ SAKER_REQUEST_RING as Opcode }, _> = NewFd(ring);
        // SAFETY: the module reads the struct named in the request's definition.
        Ok(unsafe { ioctl(&self.0, request) }?)
    }

    fn counters(&self) -> io::Result<OwnedFd> {
        let request: NewFd<{ SAKER_REQUEST_COUNTERS as Opcode }, _> = NewFd(());
        // SAFETY: the request has no argument.
        Ok(unsafe { ioctl(&self.0, request) }?)
    }

    fn start(&self) -> io::Result<()> {
        // SAFETY: the request has no argument.
        Ok(unsafe { ioctl(&self.0, NoArg::<{ SAKER_REQUEST_START as Opcode }>::new()) }?)
    }

    fn stop(&self) -> io::Result<()> {
        // SAFETY: the request has no argument.
        Ok(unsafe { ioctl(&self.0, NoArg::<{ SAKER_REQUEST_STOP as Opcode }>::new()) }?)
    }
}

/// A request that reads `T` and returns a new descriptor.
struct NewFd<const OPCODE: Opcode, T>(T);

// SAFETY: used with the requests above only, which read a `T` and return a descriptor.
unsafe impl<const OPCODE: Opcode, T> Ioctl for NewFd<OPCODE, T> {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        OPCODE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        (&raw mut self.0).cast()
    }

    unsafe fn output_from_ptr(fd: IoctlOutput, _: *mut c_void) -> rustix::io::Result<OwnedFd> {
        // SAFETY: a new descriptor that the kernel has just made for this process: nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}
