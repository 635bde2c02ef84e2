//! Saker's kernel module driver: what builds, loads and opens the module.
//!
//! The module itself is C (`kmod/`). It is built on the machine it runs on, for the kernel that runs:
//! [`build`] finds headers and compiler and runs Kbuild, [`module`] loads, unloads and looks, [`device`]
//! speaks with what is loaded.

pub mod build;
pub mod device;
pub mod module;

mod command;
mod distro;
mod host;
mod modinfo;
mod signature;

pub use host::Host;
pub use modinfo::{ModInfo, ModInfoError};

/// Name of the module: `saker.ko`, `/sys/module/saker`, `/dev/saker`.
pub const MODULE_NAME: &str = "saker";

/// Where modules built on this machine are kept: `DIR/RELEASE/saker.ko`.
pub const BUILT_DIR: &str = "/var/lib/saker/kmod";
