//! What a worker hands to the output.

use std::sync::Arc;

pub use saker_engine::loader::Priority;
use serde_json::Value as Json;

/// All priorities, most severe first; the position is [`Priority::number`].
pub const PRIORITIES: [Priority; 8] = [
    Priority::Emergency,
    Priority::Alert,
    Priority::Critical,
    Priority::Error,
    Priority::Warning,
    Priority::Notice,
    Priority::Informational,
    Priority::Debug,
];

/// What all alerts of a rule have in common; made once per rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLabel {
    /// Name of the rule.
    pub name: String,
    /// Its priority.
    pub priority: Priority,
    /// Its event source, such as `syscall`.
    pub source: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
}

/// One alert, owning everything it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// The rule that matched.
    pub rule: Arc<RuleLabel>,
    /// Time of the event, nanoseconds since the epoch.
    pub time_ns: u64,
    /// The rule's output with values filled in, without time and priority.
    pub message: String,
    /// Fields named in the output, as written there, with typed values; `null` when absent.
    pub fields: Vec<(String, Json)>,
}
