//! The drivers under test, by name.

use clap::ValueEnum;
use saker_capture::DriverKind;

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
    pub fn name(self) -> &'static str {
        DriverKind::from(self).name()
    }
}

impl From<Kind> for DriverKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ebpf => Self::Ebpf,
            Kind::Kmod => Self::Kmod,
        }
    }
}
