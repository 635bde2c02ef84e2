//! What the programs of the guests share: the device without the client's care, mappings, the module.
//!
//! The client in `driver-kmod` asks for nothing wrong. These programs do, so they have requests and
//! mappings of their own; all unsafe code is in [`device`], [`mapping`] and [`thread`].
#![deny(unsafe_code)]

pub mod device;
pub mod mapping;
pub mod module;
pub mod random;
pub mod session;
pub mod thread;
