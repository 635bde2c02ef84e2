//! Captures: what `saker record` and rules with `capture: true` write.
//!
//! Workers copy records into chunks ([`saker_capture::recorder`]); everything else happens in the thread
//! `saker-recorder`.

mod describe;
mod files;
mod recording;
mod rules;
mod tap;
mod triggers;

pub(crate) use describe::{describe, host_of, interfaces_of, names_of};
pub(crate) use files::{Finished, SharedDriver, share, with_driver};
pub(crate) use recording::{Limits, Recording};
pub(crate) use rules::{CaptureStats, Host, RuleCaptures};
pub(crate) use tap::Tap;
pub(crate) use triggers::{Alerted, Triggers};
