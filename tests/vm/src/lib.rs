//! The test bed: Debian kernels under qemu, each with an initramfs of our own that runs a script and
//! brings back its output, its files and its exit status. README.md says how to use it.
//!
//! ```no_run
//! use saker_vm::{Cache, Guest, Kernel};
//!
//! # fn main() -> anyhow::Result<()> {
//! let cache = Cache::open()?;
//! let outcome = Guest::new(Kernel::parse("6.1")?)
//!     .script("uname -r > /tmp/release; echo done")
//!     .bring("/tmp/release")
//!     .run(&cache)?;
//! outcome.success()?;
//! assert!(outcome.text("/tmp/release")?.starts_with("6.1."));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod added;
pub mod apt;
pub mod cache;
pub mod cpio;
pub mod debug;
pub mod dmesg;
pub mod fetch;
pub mod guest;
pub mod image;
pub mod kernel;
pub mod module;
pub mod packages;
pub mod process;
pub mod programs;
pub mod protocol;
pub mod qemu;
pub mod scenes;
pub mod sources;
pub mod userland;

pub use cache::Cache;
pub use guest::{Guest, Outcome};
pub use kernel::Kernel;
