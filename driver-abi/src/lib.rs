//! The contract between Saker's drivers and the agent: event table, record and ring layout.
//!
//! The C headers in `include/` are the source; this crate is the same contract in Rust.

pub mod event;
pub mod raw;
pub mod record;
pub mod ring;
