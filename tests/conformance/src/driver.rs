//! The drivers under test, behind one face.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use saker_abi::driver::frames::{read_frames, records};
use saker_abi::driver::{Iterate, LoadOptions};
use saker_abi::ring::{Counters, RingFd};
use saker_driver_ebpf::EbpfDriver;
use saker_driver_kmod::device::KmodDriver;

/// Which driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The eBPF programs.
    Ebpf,
    /// The kernel module, which is loaded already.
    Kmod,
}

impl Kind {
    /// As in the dump's head and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ebpf => "ebpf",
            Kind::Kmod => "kmod",
        }
    }
}

/// A loaded driver whose records arrive.
#[derive(Debug)]
pub enum Driver {
    /// The eBPF programs.
    Ebpf(Box<EbpfDriver>),
    /// The kernel module.
    Kmod(KmodDriver),
}

impl Driver {
    /// Loads and attaches.
    ///
    /// # Errors
    /// What the driver says.
    pub fn load(kind: Kind, options: &LoadOptions) -> Result<Self> {
        match kind {
            Kind::Ebpf => EbpfDriver::load(options)
                .map(|driver| Self::Ebpf(Box::new(driver)))
                .context("loading the eBPF driver"),
            Kind::Kmod => KmodDriver::open(options)
                .map(Self::Kmod)
                .context("opening the kernel module"),
        }
    }

    /// The rings, once.
    pub fn take_rings(&mut self) -> Vec<RingFd> {
        match self {
            Self::Ebpf(driver) => driver.take_rings(),
            Self::Kmod(driver) => driver.take_rings(),
        }
    }

    /// The counters of all rings.
    pub fn counters(&self) -> Arc<Counters> {
        match self {
            Self::Ebpf(driver) => driver.counters(),
            Self::Kmod(driver) => driver.counters(),
        }
    }

    /// Records about what is there now.
    ///
    /// # Errors
    /// When this kernel or driver cannot tell.
    pub fn iterate(&mut self, what: Iterate) -> Result<Vec<Vec<u8>>> {
        let context = || format!("iterating over {what:?}");
        let mut file = match self {
            Self::Ebpf(driver) => driver.iterate(what).with_context(context)?,
            Self::Kmod(driver) => driver.iterate(what, None).with_context(context)?,
        };
        let bytes = read_frames(&mut file).with_context(context)?;
        Ok(records(&bytes).map(<[u8]>::to_vec).collect())
    }

    /// Stops producing.
    pub fn detach(self) {
        match self {
            Self::Ebpf(driver) => driver.detach(),
            Self::Kmod(driver) => driver.detach(),
        }
    }
}
