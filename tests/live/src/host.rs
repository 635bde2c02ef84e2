//! What the tests need from the host they run on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::driver::Driver;

/// Names the agent's program.
pub const AGENT_VARIABLE: &str = "SAKER_BIN";
/// Names the source tree where it is not where the tests were built, as in a guest.
pub const SOURCE_VARIABLE: &str = "SAKER_TEST_SOURCE";
/// Names the directory of compatibility data.
pub const COMPAT_VARIABLE: &str = "SAKER_COMPAT";
/// The running kernel's type information.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Path of the agent's program.
///
/// # Errors
/// When the variable is missing or the host cannot run the tests, with what to do.
pub fn agent_program() -> Result<PathBuf> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "live tests load programs into the kernel: run them as root (make live)"
    );
    ensure!(
        Driver::tested() == Driver::Kmod || Path::new(BTF).exists(),
        "this kernel has no {BTF}: run live tests where CONFIG_DEBUG_INFO_BTF=y"
    );
    let program = std::env::var_os(AGENT_VARIABLE)
        .map(PathBuf::from)
        .with_context(|| {
            format!("{AGENT_VARIABLE} does not name the agent's program: run `make live`")
        })?;
    ensure!(
        program.is_file(),
        "{AGENT_VARIABLE} names {}, which is not there: run `make live`",
        program.display()
    );
    Ok(program)
}

/// Root of the source tree: [`SOURCE_VARIABLE`], or where these tests were built.
pub fn source_root() -> PathBuf {
    std::env::var_os(SOURCE_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        PathBuf::from,
    )
}

/// The default rules of this source tree.
pub fn default_rules() -> PathBuf {
    source_root().join("rules")
}

/// Directory of compatibility data: [`COMPAT_VARIABLE`], or `../shared/compat` beside the tree.
///
/// # Errors
/// When it is not there.
pub fn compat_data() -> Result<PathBuf> {
    let directory = std::env::var_os(COMPAT_VARIABLE)
        .map_or_else(|| source_root().join("../shared/compat"), PathBuf::from);
    ensure!(
        directory.is_dir(),
        "no compatibility data in {}: set {COMPAT_VARIABLE} to its directory",
        directory.display()
    );
    Ok(directory)
}
