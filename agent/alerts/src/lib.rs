//! Alerts: text and JSON formats, the bounded queue and the sinks.
//!
//! ```text
//! worker --send--> queue (bounded, drops the newest) --> output thread --> formatter --> sinks
//! ```
//!
//! Workers never wait: an alert that finds the queue full is dropped and counted by priority. The
//! output thread writes what is waiting with one system call, and each alert as soon as it is alone.
//!
//! ```
//! use saker_alerts::{Alert, Formatter, FormatOptions, Priority, RuleLabel};
//! use std::sync::Arc;
//!
//! let rule = Arc::new(RuleLabel {
//!     name: "Shadow read".into(),
//!     priority: Priority::Warning,
//!     source: "syscall".into(),
//!     tags: vec!["files".into()],
//! });
//! let alert = Alert { rule, time_ns: 1_700_000_000_000_000_001, message: "cat read it".into(),
//!     fields: Vec::new() };
//! let mut line = Vec::new();
//! Formatter::new(FormatOptions { iso_8601: true, ..FormatOptions::default() })
//!     .line(&alert, &mut line);
//! assert_eq!(line, b"2023-11-14T22:13:20.000000001+0000: Warning cat read it\n");
//! ```
#![forbid(unsafe_code)]

mod alert;
pub mod format;
mod output;
mod queue;
mod sink;
mod summary;

pub use alert::{Alert, PRIORITIES, Priority, RuleLabel};
pub use format::{FormatOptions, Formatter, JsonOptions};
pub use output::{FLUSH_TIMEOUT_MS, Output};
pub use queue::{AlertReceiver, AlertSender, QueueMonitor, queue};
pub use sink::{Sink, Stdout};
pub use summary::Summary;
