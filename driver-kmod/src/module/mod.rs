//! Loads and unloads the module and tells what is loaded.

mod explain;
mod find;
mod kernel_log;
mod load;
mod status;
mod unload;

pub use explain::Refusal;
pub use find::{Fit, Found, Origin, PassedOver, find};
pub use load::{LoadError, load};
pub use status::{DeviceState, Loaded, Status, status};
pub use unload::{UnloadError, unload};

use crate::Host;

/// Whether the running kernel loads modules at all.
#[must_use]
pub fn possible(host: &Host) -> bool {
    host.path("/proc/modules").exists()
}
