//! What was reported, for the end of a run (rules-spec C6).

use std::collections::BTreeMap;
use std::fmt;

use crate::alert::{Alert, PRIORITIES};

/// Names of the priorities in the summary, in the order of [`PRIORITIES`].
const SHORT_NAMES: [&str; PRIORITIES.len()] = [
    "EMERGENCY",
    "ALERT",
    "CRITICAL",
    "ERROR",
    "WARNING",
    "NOTICE",
    "INFO",
    "DEBUG",
];

/// Counts of alerts that left the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Alerts by priority.
    pub by_priority: [u64; PRIORITIES.len()],
    /// Alerts by name of the rule.
    pub by_rule: BTreeMap<String, u64>,
    /// Alerts that could not be written because every sink had failed.
    pub unwritten: u64,
}

impl Summary {
    /// Counts one alert.
    pub fn count(&mut self, alert: &Alert) {
        self.by_priority[alert.rule.priority as usize] += 1;
        match self.by_rule.get_mut(&alert.rule.name) {
            Some(count) => *count += 1,
            None => {
                self.by_rule.insert(alert.rule.name.clone(), 1);
            }
        }
    }

    /// Alerts in all.
    pub fn total(&self) -> u64 {
        self.by_priority.iter().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Events detected: {}", self.total())?;
        writeln!(f, "Rule counts by severity:")?;
        for (name, &count) in SHORT_NAMES.iter().zip(&self.by_priority) {
            if count > 0 {
                writeln!(f, "   {name}: {count}")?;
            }
        }
        write!(f, "Triggered rules by rule name:")?;
        for (rule, count) in &self.by_rule {
            write!(f, "\n   {rule}: {count}")?;
        }
        if self.unwritten > 0 {
            write!(f, "\nAlerts that no output took: {}", self.unwritten)?;
        }
        Ok(())
    }
}
