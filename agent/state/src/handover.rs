//! Messages between workers.
//!
//! The parent's worker makes the child, with everything a fork inherits as of that moment, and
//! gives it to the child's worker. The inbox is bounded; what does not fit is counted, and the
//! child's worker then goes on with what the birth record says.

use std::sync::Arc;

use crate::lineage::Cell;
use crate::process::Process;
use crate::scan::Scanned;

/// Messages an inbox holds: forks of all other partitions within one round of a worker.
pub const INBOX_LEN: usize = 8192;

/// What a worker receives.
#[derive(Debug)]
pub(crate) enum Message {
    /// A child forked by a process of another partition, complete as of the fork.
    Born(Box<Process>),
    /// Answer to a look-up; `None`: there is no such process any more.
    Recovered {
        tgid: u32,
        found: Option<Box<Scanned>>,
        /// When it was looked for, clock of the records.
        looked_ns: u64,
    },
    /// Processes that were not there any more at `looked_ns` and whose end nobody had told by then.
    Missing {
        cells: Vec<Arc<Cell>>,
        looked_ns: u64,
    },
}
