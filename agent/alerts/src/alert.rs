//! What a worker hands to the output.

use std::sync::Arc;

use serde_json::Value as Json;

/// How severe a rule is; the numbers are those of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// System is unusable.
    Emergency,
    /// Action must be taken at once.
    Alert,
    /// Critical.
    Critical,
    /// Error.
    Error,
    /// Warning.
    Warning,
    /// Normal but significant.
    Notice,
    /// Informational.
    Informational,
    /// Debug.
    Debug,
}

impl Priority {
    /// All, most severe first.
    pub const ALL: [Priority; 8] = [
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// The name printed in alerts (rules-spec C3).
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        }
    }

    /// The short upper-case name of the exit summary (rules-spec C6).
    pub const fn short_name(self) -> &'static str {
        match self {
            Priority::Emergency => "EMERGENCY",
            Priority::Alert => "ALERT",
            Priority::Critical => "CRITICAL",
            Priority::Error => "ERROR",
            Priority::Warning => "WARNING",
            Priority::Notice => "NOTICE",
            Priority::Informational => "INFO",
            Priority::Debug => "DEBUG",
        }
    }
}

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
