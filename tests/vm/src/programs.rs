//! What tests take into guests: programs of the workspace, and the module.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::kernel::Kernel;

/// Names the agent's program.
const AGENT: &str = "SAKER_BIN";
/// Names the directory of the other programs, `target/x86_64-unknown-linux-gnu/debug`.
const PROGRAMS: &str = "SAKER_PROGRAMS";

/// Names the directory below which `saker-vm build` builds, `target/saker-vm`.
const MODULES: &str = "SAKER_MODULES";

/// Top of the source tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The agent.
///
/// # Errors
/// When `SAKER_BIN` does not name a file.
pub fn agent() -> Result<PathBuf> {
    named(AGENT, "")
}

/// Another program of the workspace, by its path below the directory of built programs.
///
/// # Errors
/// When `SAKER_PROGRAMS` does not name a directory that has it.
pub fn program(name: &str) -> Result<PathBuf> {
    named(PROGRAMS, name)
}

fn named(variable: &str, name: &str) -> Result<PathBuf> {
    let value = std::env::var_os(variable)
        .with_context(|| format!("{variable} is not set: `make vm` sets it"))?;
    let path = Path::new(&value).join(name);
    let path = if name.is_empty() { value.into() } else { path };
    ensure!(path.is_file(), "{variable}: no file {}", path.display());
    Ok(path)
}

/// The module of this tree, built for a kernel by `saker-vm build`.
///
/// # Errors
/// When `SAKER_MODULES`, its work directory, does not hold one for the kernel.
pub fn module(kernel: Kernel) -> Result<PathBuf> {
    let path = Path::new(kernel.name()).join("driver-kmod/kmod/saker.ko");
    named(MODULES, &path.to_string_lossy())
}
