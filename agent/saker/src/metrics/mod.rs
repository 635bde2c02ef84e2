//! What the agent says about itself on `/metrics` (docs/metrics.md).
//!
//! Nothing is counted here: workers and driver keep their own counters, and a scrape reads them.

mod collector;
mod definitions;
mod families;
mod histogram;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use collector::{DriverInfo, RuleCounts, Sources, encode, registry};
#[cfg(test)]
pub(crate) use histogram::Histogram;
pub(crate) use worker::WorkerMetrics;
