//! The driver under test, and what it leaves in the kernel.
//!
//! `SAKER_TEST_DRIVER=kmod` runs the tests with the kernel module, which has to be loaded; without it
//! agents choose as users' do, which is eBPF wherever these tests run.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::bpf;

/// Names the driver: `kmod`, or `ebpf`.
pub const DRIVER_VARIABLE: &str = "SAKER_TEST_DRIVER";
/// Users of the module: open devices, rings and counters.
const MODULE_USERS: &str = "/sys/module/saker/refcnt";
/// Closing what a killed process had open takes the kernel a moment.
const FREE_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks.
const FREE_POLL: Duration = Duration::from_millis(20);

/// A driver of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// CO-RE programs.
    Ebpf,
    /// The kernel module.
    Kmod,
}

impl Driver {
    /// The one under test.
    ///
    /// # Panics
    /// When the variable names none: a test of a driver that is not there has not passed.
    pub fn tested() -> Self {
        match std::env::var(DRIVER_VARIABLE).as_deref() {
            Err(_) | Ok("ebpf") => Self::Ebpf,
            Ok("kmod") => Self::Kmod,
            Ok(other) => panic!("{DRIVER_VARIABLE} is `{other}`: ebpf or kmod"),
        }
    }

    /// Its name in configuration, log and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ebpf => "ebpf",
            Self::Kmod => "kmod",
        }
    }

    /// Why the agent has it: what these tests configure, or its own first choice.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Ebpf => "first_choice",
            Self::Kmod => "configured",
        }
    }

    /// Whether the process with this number has something of the driver in the kernel.
    pub fn used_by(self, pid: u32) -> bool {
        match self {
            Self::Ebpf => !bpf::held_by(pid).is_empty(),
            Self::Kmod => module_users().is_ok_and(|users| users > 0),
        }
    }

    /// Waits until nothing is left of agents that have ended.
    ///
    /// # Errors
    /// When something is left, or the kernel cannot be asked.
    pub fn wait_nothing_left(self) -> Result<()> {
        if self == Self::Ebpf {
            return bpf::wait_no_orphans();
        }
        let deadline = Instant::now() + FREE_LIMIT;
        loop {
            let users = module_users()?;
            if users == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the module has {users} users and no agent runs");
            }
            std::thread::sleep(FREE_POLL);
        }
    }
}

fn module_users() -> Result<u64> {
    let text = fs::read_to_string(MODULE_USERS);
    let text = text.with_context(|| format!("{MODULE_USERS}: is the module loaded?"))?;
    let users = text.trim().parse();
    ensure!(users.is_ok(), "{MODULE_USERS} says {text:?}");
    Ok(users?)
}
