//! One face for all drivers, and the proof that one works.

use std::io;
use std::sync::Arc;

use saker_abi::driver::frames::read_frames;
use saker_abi::driver::{Iterate, Lack, LoadOptions};
use saker_abi::ring::{Counters, RingFd, RingReader};
use saker_driver_ebpf::{EbpfDriver, LoadError, Missed};
use saker_driver_kmod::device::{KmodDriver, KmodError};

use crate::canary::{self, CanaryError, Proof};

/// The drivers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriverKind {
    /// Programs in the kernel's virtual machine.
    Ebpf,
    /// The kernel module.
    Kmod,
}

impl DriverKind {
    /// Name in the configuration, on the command line and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ebpf => "ebpf",
            Self::Kmod => "kmod",
        }
    }
}

/// A driver that is attached. Dropping it detaches.
#[derive(Debug)]
pub enum Driver {
    /// Programs in the kernel's virtual machine.
    Ebpf(Box<EbpfDriver>),
    /// The kernel module.
    Kmod(KmodDriver),
}

impl Driver {
    /// Loads or opens a driver and attaches it.
    ///
    /// # Errors
    /// When the kernel refuses; nothing stays attached then.
    pub fn load(kind: DriverKind, options: &LoadOptions) -> Result<Self, AttachError> {
        Ok(match kind {
            DriverKind::Ebpf => Self::Ebpf(Box::new(EbpfDriver::load(options)?)),
            DriverKind::Kmod => Self::Kmod(KmodDriver::open(options)?),
        })
    }

    /// Which one it is.
    pub const fn kind(&self) -> DriverKind {
        match self {
            Self::Ebpf(_) => DriverKind::Ebpf,
            Self::Kmod(_) => DriverKind::Kmod,
        }
    }

    /// What is in the kernel, for people.
    pub fn description(&self) -> String {
        match self {
            Self::Ebpf(driver) => {
                format!(
                    "{} programs at {}",
                    driver.program_count(),
                    driver.hooks().name()
                )
            }
            Self::Kmod(driver) => format!("module {}", driver.info().version),
        }
    }

    /// The rings, once; empty afterwards.
    pub fn take_rings(&mut self) -> Vec<RingFd> {
        match self {
            Self::Ebpf(driver) => driver.take_rings(),
            Self::Kmod(driver) => driver.take_rings(),
        }
    }

    /// Counters of all rings, shared with the kernel.
    pub fn counters(&self) -> Arc<Counters> {
        match self {
            Self::Ebpf(driver) => driver.counters(),
            Self::Kmod(driver) => driver.counters(),
        }
    }

    /// Everything an iterator of this driver has to say, as frames of records
    /// ([`saker_abi::driver::frames::records`]).
    ///
    /// # Errors
    /// When this kernel has no such iterator, or reading it fails.
    pub fn iterate(&mut self, what: Iterate) -> Result<Vec<u8>, IterateError> {
        let mut iterator = match self {
            Self::Ebpf(driver) => driver.iterate(what)?,
            Self::Kmod(driver) => driver.iterate(what, None).map_err(IterateError::Device)?,
        };
        read_frames(&mut iterator).map_err(IterateError::Read)
    }

    /// What the kernel did not run programs for, in drivers that have programs.
    pub fn missed(&self) -> Option<Arc<dyn MissedCalls>> {
        match self {
            Self::Ebpf(driver) => Some(driver.missed()),
            Self::Kmod(driver) => Some(Arc::new(driver.missed())),
        }
    }

    /// What was asked for and this host does not allow.
    pub fn lacks(&self) -> &[Lack] {
        match self {
            Self::Ebpf(driver) => driver.lacks(),
            Self::Kmod(driver) => driver.lacks(),
        }
    }

    /// Stops producing. Rings and counters that are mapped stay readable.
    pub fn detach(self) {
        match self {
            Self::Ebpf(driver) => driver.detach(),
            Self::Kmod(driver) => driver.detach(),
        }
    }
}

/// Calls that the driver was not told of, though it is attached: the loss that no ring knows.
pub trait MissedCalls: std::fmt::Debug + Send + Sync {
    /// How many by program of the eBPF driver; readable after the driver was detached, too.
    fn by_program(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// How many by kind of the module's probes; not all of them were wanted.
    fn by_probe(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Requests of io_uring that ended when it was forgotten what they had been given: recorded without it. `None`
    /// where nothing is kept of them.
    fn forgotten_requests(&self) -> Option<u64> {
        None
    }

    /// The sum by program.
    fn total(&self) -> u64 {
        self.by_program().iter().map(|(_, count)| count).sum()
    }
}

impl MissedCalls for Missed {
    fn by_program(&self) -> Vec<(&'static str, u64)> {
        Missed::by_program(self).collect()
    }

    fn forgotten_requests(&self) -> Option<u64> {
        Some(self.forgotten())
    }
}

impl MissedCalls for saker_driver_kmod::device::Missed {
    fn by_probe(&self) -> Vec<(&'static str, u64)> {
        saker_driver_kmod::device::Missed::by_probe(self).into()
    }
}

/// A driver of which a canary came back on every CPU.
#[derive(Debug)]
pub struct Proven {
    /// The driver.
    pub driver: Driver,
    /// Its rings, unread.
    pub rings: Vec<RingReader>,
    /// How it was proven.
    pub proof: Proof,
}

/// Why a driver cannot be used; the text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The eBPF programs cannot be loaded.
    #[error(transparent)]
    Ebpf(#[from] LoadError),
    /// The module cannot be used.
    #[error(transparent)]
    Kmod(#[from] KmodError),
    /// A ring cannot be mapped.
    #[error("a ring cannot be mapped ({0}); lower ring_buffer_total_mib")]
    Map(#[source] io::Error),
    /// It is attached and sees nothing.
    #[error(transparent)]
    Canary(#[from] CanaryError),
}

/// Why an iterator tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum IterateError {
    /// The kernel has none, or refused the program.
    #[error(transparent)]
    Ebpf(#[from] LoadError),
    /// The module refuses.
    #[error("the module opens no iterator: {0}")]
    Device(#[source] io::Error),
    /// It began and did not come to its end.
    #[error("an iterator cannot be read: {0}")]
    Read(#[source] io::Error),
}

/// Attaches a driver and proves that it works.
///
/// # Errors
/// When it cannot be attached or a canary is missing; nothing stays attached then.
pub fn attach(kind: DriverKind, options: &LoadOptions) -> Result<Proven, AttachError> {
    let mut driver = Driver::load(kind, options)?;
    let mut rings = driver
        .take_rings()
        .into_iter()
        .map(RingReader::map)
        .collect::<Result<Vec<_>, _>>()
        .map_err(AttachError::Map)?;
    let proof = canary::prove(&mut rings, &driver.counters(), options.own_tgid)?;
    Ok(Proven {
        driver,
        rings,
        proof,
    })
}
