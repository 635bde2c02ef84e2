//! Client of `/dev/saker`.
//!
//! [`KmodDriver::open`] asks the module who it is, makes a session with one ring per CPU and partition,
//! starts the probes and hands out the rings, which the same reader reads as those of any driver.
//! Dropping the driver closes the device, which ends the session.

mod info;
mod requests;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use saker_abi::driver::{Feature, Iterate, Lack, LoadOptions, OptionsError, SyscallTables};
use saker_abi::raw::*;
use saker_abi::ring::{Counters, RingFd};

pub use info::Info;
use requests::{Device, Requests};

/// The module's device.
pub const DEVICE: &str = "/dev/saker";

/// Why the module cannot be used; the text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum KmodError {
    /// An option outside its range, or another pid namespace.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// No device.
    #[error("the kernel module is not loaded (no {DEVICE}): saker driver load")]
    NotLoaded,
    /// Missing privilege.
    #[error(
        "{DEVICE} may not be used ({0}); run as root, or with CAP_SYS_ADMIN and CAP_SYS_PTRACE in the \
         initial user namespace and access to the device"
    )]
    Permission(io::Error),
    /// What has this name does not answer as the module does.
    #[error(
        "{DEVICE} does not answer as this version of Saker's module does ({0}); rebuild and reload it: \
         saker driver build && saker driver unload && saker driver load"
    )]
    Foreign(io::Error),
    /// The module was built from another contract.
    #[error(
        "the loaded module ({module}) has another {what}: {theirs}, this program {ours}; rebuild and \
         reload it: saker driver build && saker driver unload && saker driver load"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// This program's.
        ours: String,
        /// The module's.
        theirs: String,
        /// Version of the module.
        module: String,
    },
    /// Another process has the session.
    #[error("the module is in use by {}: stop that first", owner(.0))]
    Busy(Option<u32>),
    /// A CPU that the module does not know.
    #[error(
        "CPU {cpu} is beyond the {possible} CPUs the module knows; reload it: saker driver unload && \
         saker driver load"
    )]
    Cpu {
        /// Highest CPU asked for.
        cpu: u32,
        /// CPUs of the module.
        possible: u32,
    },
    /// A ring could not be made.
    #[error(
        "ring for CPU {cpu}, partition {partition} of {bytes} bytes: {source}; lower \
         ring_buffer_total_mib"
    )]
    Ring {
        /// CPU of the ring.
        cpu: u32,
        /// Partition of the ring.
        partition: u32,
        /// Data bytes asked for.
        bytes: usize,
        /// What the module said.
        source: io::Error,
    },
    /// Another request was refused.
    #[error("the module refused to {what}: {source}; its reason is in the kernel's log (dmesg)")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What the module said.
        source: io::Error,
    },
}

fn owner(tgid: &Option<u32>) -> String {
    tgid.map_or_else(
        || "another process".to_owned(),
        |tgid| format!("process {tgid}"),
    )
}

/// A session with the module, its probes attached.
#[derive(Debug)]
pub struct KmodDriver {
    /// Closing it detaches.
    device: Arc<Device>,
    info: Info,
    rings: Vec<RingFd>,
    counters: Arc<Counters>,
    lacks: Vec<Lack>,
}

impl KmodDriver {
    /// Makes a session and starts it. When this returns, records arrive.
    ///
    /// # Errors
    /// When there is no module, it does not fit or it refuses; nothing stays attached then.
    pub fn open(options: &LoadOptions) -> Result<Self, KmodError> {
        options.check()?;
        let device = open(Path::new(DEVICE))?;
        let Session {
            info,
            rings,
            counters,
        } = set_up(&device, options)?;
        Ok(Self {
            device: Arc::new(device),
            lacks: lacks(options, &info),
            info,
            rings,
            counters: Arc::new(counters),
        })
    }

    /// What was asked for and this module or host does not allow.
    pub fn lacks(&self) -> &[Lack] {
        &self.lacks
    }

    /// The rings, once; empty afterwards.
    pub fn take_rings(&mut self) -> Vec<RingFd> {
        std::mem::take(&mut self.rings)
    }

    /// Counters of all rings, shared with the kernel.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// What the probes were not run for, to be asked while this driver is there and after.
    pub fn missed(&self) -> Missed {
        Missed {
            device: Arc::downgrade(&self.device),
            last: Mutex::default(),
        }
    }

    /// What the module says about itself.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// A file of records about what exists now, of one thread group or of all; each read gives whole
    /// records.
    ///
    /// # Errors
    /// What the module says.
    pub fn iterate(&self, what: Iterate, tgid: Option<u32>) -> io::Result<File> {
        let what = match what {
            Iterate::Tasks => SAKER_ITERATE_TASKS,
            Iterate::Files => SAKER_ITERATE_FILES,
        };
        let tgid = tgid.unwrap_or(0);
        Ok(self
            .device
            .iterate(saker_ioc_iterate { what, tgid })?
            .into())
    }

    /// Stops producing: when this returns no probe runs any more. Rings and counters that are mapped
    /// stay readable.
    pub fn detach(self) {
        // Closing the device stops the probes as well, so a refusal changes nothing.
        let _ = self.device.stop();
    }
}

/// Functions of the kernel that were entered while too many were under way: what was told of them is missing.
#[derive(Debug)]
pub struct Missed {
    /// The driver's: this one keeps nothing attached.
    device: Weak<Device>,
    last: Mutex<[u32; 2]>,
}

impl Missed {
    /// Opens whose names were not told as the kernel took them, and functions that calls and requests of io_uring come
    /// to; of the latter those that were requests are lost.
    pub fn by_probe(&self) -> [(&'static str, u64); 2] {
        // Never held over a panic.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(info)) = self.device.upgrade().map(|device| device.info()) {
            *last = [info.names_missed, info.requests_missed];
        }
        [("names", last[0].into()), ("requests", last[1].into())]
    }
}

fn lacks(options: &LoadOptions, info: &Info) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let mut add = |feature, reason: String| lacks.push(Lack { feature, reason });
    if info.has_rings && options.requests(false) && !info.tells_requests {
        let reason = "the module cannot probe the kernel's functions that do it; it needs CONFIG_KRETPROBES and \
                      Linux 5.12, where requests are done by threads of the process";
        add(Feature::IoUring, reason.to_owned());
    }
    if info.has_rings && options.requests(true) {
        let reason = "the module sees of requests what they open, name or connect";
        add(Feature::IoUringData, reason.to_owned());
    }
    if !info.crosses_mounts {
        let reason = "the module does not know how this kernel keeps its mounts; why is in the kernel's log (dmesg)";
        add(Feature::WholePaths, reason.to_owned());
    }
    let mut lack = |feature, functions, needs| {
        let reason = format!("the module cannot probe the kernel's {functions}; it needs {needs}");
        add(feature, reason);
    };
    if options.acted() && !info.tells_acted {
        let needs = "CONFIG_KPROBES and CONFIG_SECURITY_PATH";
        lack(Feature::ActedPaths, "security_path functions", needs);
    }
    let names = (options.names() && !info.tells_names) || (options.opened() && !info.tells_opened);
    let addresses = options.addresses() && !info.tells_addresses;
    match (names, addresses) {
        (false, false) => {}
        (_, false) => lack(Feature::GivenArguments, "do_filp_open", "CONFIG_KRETPROBES"),
        (_, true) => lack(
            Feature::GivenArguments,
            if names {
                "do_filp_open and security_socket_connect"
            } else {
                "security_socket_connect"
            },
            "CONFIG_KRETPROBES and CONFIG_SECURITY_NETWORK",
        ),
    }
    lacks
}

/// What the loaded module says about itself, whether or not it fits.
///
/// # Errors
/// [`KmodError::NotLoaded`], [`KmodError::Permission`] or [`KmodError::Foreign`].
pub fn info() -> Result<Info, KmodError> {
    let info = open(Path::new(DEVICE))?.info().map_err(unanswered)?;
    Ok(Info::new(&info))
}

fn open(path: &Path) -> Result<Device, KmodError> {
    Device::open(path).map_err(|error| match error.raw_os_error() {
        // A node without its module has no device behind it.
        Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) => KmodError::NotLoaded,
        _ => unanswered(error),
    })
}

fn unanswered(error: io::Error) -> KmodError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => KmodError::Permission(error),
        _ => KmodError::Foreign(error),
    }
}

/// What a session consists of, besides the device.
#[derive(Debug)]
struct Session {
    info: Info,
    rings: Vec<RingFd>,
    counters: Counters,
}

fn set_up(device: &impl Requests, options: &LoadOptions) -> Result<Session, KmodError> {
    let info = Info::new(&device.info().map_err(unanswered)?);
    info.check()?;
    if options.cpu_count() > info.possible_cpus {
        return Err(KmodError::Cpu {
            cpu: options.cpu_count() - 1,
            possible: info.possible_cpus,
        });
    }
    create(device, options)?;
    let mut rings = Vec::with_capacity(options.cpus.len() * options.partitions as usize);
    for &cpu in &options.cpus {
        for partition in 0..options.partitions {
            let data_bytes = options.ring_bytes;
            let fd = device
                .ring(saker_ioc_ring { cpu, partition })
                .map_err(|source| KmodError::Ring {
                    cpu,
                    partition,
                    bytes: data_bytes,
                    source,
                })?;
            rings.push(RingFd {
                cpu,
                partition,
                fd,
                data_bytes,
            });
        }
    }
    let refused = |what| move |source| KmodError::Refused { what, source };
    let fd = device.counters().map_err(refused("show its counters"))?;
    let entries = info.possible_cpus as usize * options.partitions as usize;
    let counters = Counters::map(fd.as_fd(), entries, options.partitions)
        .map_err(refused("map its counters"))?;
    device.start().map_err(refused("attach its probes"))?;
    // Some of it shows only now.
    let info = Info::new(&device.info().map_err(refused("say what it can"))?);
    Ok(Session {
        info,
        rings,
        counters,
    })
}

fn session_flags(tables: &SyscallTables, options: &LoadOptions) -> u32 {
    let mut flags = tables.session_flags;
    if options.reached {
        flags |= SAKER_SESSION_REACHED;
    }
    if options.acted() {
        flags |= SAKER_SESSION_ACTED;
    }
    if options.names() {
        flags |= SAKER_SESSION_NAMES;
    }
    if options.opened() {
        flags |= SAKER_SESSION_OPENED;
    }
    if options.addresses() {
        flags |= SAKER_SESSION_ADDRESSES;
    }
    if options.requests(false) {
        flags |= SAKER_SESSION_URING;
    }
    flags
}

fn create(device: &impl Requests, options: &LoadOptions) -> Result<(), KmodError> {
    let tables = SyscallTables::new(&options.events);
    let session = saker_ioc_create {
        size: size_of::<saker_ioc_create>() as u32,
        abi_version: SAKER_ABI_VERSION,
        schema_hash: saker_abi::SCHEMA_HASH,
        partitions: options.partitions,
        own_tgid: options.own_tgid,
        ring_bytes: options.ring_bytes as u32,
        flags: session_flags(&tables, options),
        snaplen_bytes: options.snaplen_bytes,
        reserved: 0,
        wanted: tables.wanted,
        event_of_64: tables.event_of_64,
        event_of_32: tables.event_of_32,
        subcalls: tables.subcalls,
    };
    device
        .create(session)
        .map_err(|error| match error.raw_os_error() {
            // Whoever it was may have gone meanwhile.
            Some(libc::EBUSY) => {
                KmodError::Busy(device.info().ok().and_then(|raw| Info::new(&raw).owner))
            }
            Some(libc::EPERM | libc::EACCES) => KmodError::Permission(error),
            // It said before that it fits.
            _ => KmodError::Refused {
                what: "make a session",
                source: error,
            },
        })
}
