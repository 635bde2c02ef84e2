//! Which driver to take: by trying, never by comparing versions.
//!
//! [`choose`] knows the order and what follows from a failure; [`HostTrials`] tries on this host.

mod choose;
mod trials;

use std::fmt;

pub(crate) use choose::{NotLoaded, Trials, choose};
use saker_capture::DriverKind;
use saker_capture::driver::Proven;
pub(crate) use trials::HostTrials;

use crate::config::DriverChoice;

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Attaching a driver and waiting for its canaries.
    Attach,
    /// Loading the module that is there for this kernel.
    Load,
    /// Building the module.
    Build,
    /// Unloading the module that was loaded for nothing.
    Unload,
}

impl Act {
    /// Name in the output for programs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Load => "load",
            Self::Build => "build",
            Self::Unload => "unload",
        }
    }
}

/// One thing that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The driver.
    pub driver: DriverKind,
    /// What was tried.
    pub act: Act,
    /// What was found, or why it failed and what to do.
    pub outcome: Result<String, String>,
}

impl Step {
    /// The step in one line.
    pub(crate) fn line(&self) -> String {
        let text = self.to_string();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.act, self.outcome.is_ok()) {
            (Act::Attach, true) => "attached",
            (Act::Attach, false) => "refused",
            (Act::Load, true) => "loaded",
            (Act::Load, false) => "not loaded",
            (Act::Build, true) => "built",
            (Act::Build, false) => "not built",
            (Act::Unload, true) => "unloaded",
            (Act::Unload, false) => "not unloaded",
        };
        let (Ok(detail) | Err(detail)) = &self.outcome;
        write!(f, "{} {word}: {detail}", self.driver.name())
    }
}

/// Why a driver, or none, was taken; a label in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The configuration or the command line says so.
    Configured,
    /// The first that was tried works.
    FirstChoice,
    /// eBPF does not work here.
    EbpfFailed,
    /// No driver works here.
    NoDriver,
}

impl Reason {
    /// Value of the label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::FirstChoice => "first_choice",
            Self::EbpfFailed => "ebpf_failed",
            Self::NoDriver => "no_driver",
        }
    }

    /// The same for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Configured => "as configured",
            Self::FirstChoice => "first choice",
            Self::EbpfFailed => "eBPF does not work here",
            Self::NoDriver => "no driver works here",
        }
    }
}

/// A choice and how it came about. `D` is a driver that was proven to work.
#[derive(Debug)]
pub(crate) struct Chosen<D = Proven> {
    /// What was asked for.
    pub asked: DriverChoice,
    /// What was taken.
    pub kind: Option<DriverKind>,
    /// It, attached.
    pub driver: Option<D>,
    /// Why.
    pub reason: Reason,
    /// Everything that was tried, in order.
    pub steps: Vec<Step>,
}

impl<D> Chosen<D> {
    /// Name of the driver in metrics and messages: `ebpf`, `kmod` or `none`.
    pub(crate) fn name(&self) -> &'static str {
        self.kind.map_or("none", DriverKind::name)
    }

    /// What was asked for cannot be had.
    pub(crate) fn failed(&self) -> bool {
        self.kind.is_none() && self.asked != DriverChoice::None
    }

    /// The name and why: `ebpf (first choice: 53 programs, ...)`.
    pub(crate) fn summary(&self) -> String {
        let last = self.steps.last().filter(|_| self.kind.is_some());
        let how = last.and_then(|step| step.outcome.as_deref().ok());
        let (name, reason) = (self.name(), self.reason.text());
        match how {
            Some(how) => format!("{name} ({reason}: {how})"),
            None => format!("{name} ({reason})"),
        }
    }

    /// Why there is no driver, in one line.
    pub(crate) fn why_none(&self) -> String {
        if self.asked == DriverChoice::None {
            return "driver: none is configured".to_owned();
        }
        let failures = self.steps.iter().filter(|step| step.outcome.is_err());
        failures.map(Step::line).collect::<Vec<_>>().join("; ")
    }
}
