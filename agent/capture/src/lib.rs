//! From rings to ordered records: partitions, merge, pinned workers, loss counters.
//!
//! A [driver](Driver) is attached and [proven](canary) to work. It gives one ring for each CPU and
//! partition. The rings of a partition belong to one
//! [`Worker`], a pinned thread that [merges](merge) them by time, accounts for what is
//! [missing](sequence) and calls a [`Handler`] for every record. [`spawn_workers`] starts them;
//! [`WorkerStats`] and [`LossLedger`] are what the rest of the agent may look at meanwhile.
//! A [`recorder`](recorder::Recorder) copies what a worker handles for a [capture file](file).

#![forbid(unsafe_code)]

pub mod canary;
pub mod clock;
pub mod cpus;
pub mod driver;
pub mod file;
pub mod ledger;
pub mod merge;
pub mod recorder;
pub mod sequence;
pub mod sleep;
pub mod stats;
pub mod threads;
pub mod wake;
pub mod worker;

pub use clock::{Clock, SystemClock};
pub use cpus::{default_partitions, online_cpus, possible_cpus, ring_bytes};
pub use driver::{AttachError, Driver, DriverKind, MissedCalls, Proven, attach};
pub use ledger::{Gap, LossLedger, SharedLedger};
pub use merge::{Merge, Round, Sink};
pub use stats::{LATENCY_BOUNDS_NS, StatsSnapshot, WorkerStats};
pub use threads::{Finished, SpawnError, WorkerOptions, Workers, spawn_workers};
pub use wake::Wakers;
pub use worker::{Handler, Worker};
