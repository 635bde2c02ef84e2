//! The rules engine over the kernel's real fields and events, for tests and benchmarks.
//!
//! * [`agreement`]: compiled rules compared with the oracle.
//! * [`corpus`]: rules files: our own, and the stock ones of `SAKER_COMPAT`.
//! * [`generate`]: any number of made-up rules of the usual shapes.
//! * [`mix`]: real records of a small server over real state.
//! * [`made`]: events whose fields have any values, biased towards what rules mention.
//! * [`oracle`]: a plain interpreter of conditions, which the compiled rules must agree with.
#![forbid(unsafe_code)]

pub mod agreement;
pub mod corpus;
pub mod generate;
pub mod made;
pub mod mix;
pub mod oracle;
