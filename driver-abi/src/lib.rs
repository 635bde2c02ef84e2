//! The contract between Saker's drivers and the agent: event table, record and ring layout.
//!
//! The C headers in `include/` are the source; this crate is the same contract in Rust.

mod contract;
pub mod driver;
pub mod event;
pub mod raw;
pub mod record;
pub mod ring;
pub mod syscalls;

pub use contract::CONTRACT;

/// First 64 bits of the SHA-256 of the contract's headers: what tells a driver of this build from any
/// other. The eBPF object has it in its read-only data, the module answers with it.
pub const SCHEMA_HASH: u64 = match u64::from_str_radix(env!("SAKER_SCHEMA_HASH"), 16) {
    Ok(hash) => hash,
    Err(_) => panic!("16 hexadecimal digits from build.rs"),
};
