//! Saker's eBPF driver: CO-RE programs in C (`bpf/`) and the code that loads them.
//!
//! [`EbpfDriver::load`] creates one ring per CPU and partition, loads the fillers of the wanted events
//! and nothing else, attaches, and hands out the rings. Dropping the driver detaches everything: links
//! and maps live only as long as their file descriptors.
#![forbid(unsafe_code)]

mod acted;
mod functions;
mod given;
mod hooks;
mod iterate;
mod load;
mod missed;
mod probe;
mod programs;
mod schema;
mod uring;

pub use hooks::Hooks;
pub use load::{EbpfDriver, LoadError};
pub use missed::Missed;
pub use probe::{Check, probe};
pub use saker_abi::driver::{EventSet, Iterate, LoadOptions};
