//! An alert as the agent prints it with `json_output`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;

/// One line of the agent's standard output.
#[derive(Debug, Clone)]
pub struct Alert {
    /// The object.
    pub json: Value,
    /// When the line was read.
    pub arrived: SystemTime,
}

impl Alert {
    /// Reads a line that arrived now.
    ///
    /// # Errors
    /// When it is not a JSON object with a rule.
    pub fn parse(line: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(line)?;
        json["rule"].as_str().context("no rule in it")?;
        Ok(Self {
            json,
            arrived: SystemTime::now(),
        })
    }

    /// Name of the rule.
    pub fn rule(&self) -> &str {
        self.json["rule"].as_str().unwrap_or_default()
    }

    /// Text line of the alert.
    pub fn output(&self) -> &str {
        self.json["output"].as_str().unwrap_or_default()
    }

    /// An output field as text (numbers in decimal), `None` when absent or null.
    pub fn field(&self, name: &str) -> Option<String> {
        match &self.json["output_fields"][name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Session of the process that acted.
    pub fn session(&self) -> Option<i64> {
        self.json["output_fields"]["proc.sid"].as_i64()
    }

    /// Time from the event to the arrival of this line; `None` without `evt.time`.
    pub fn latency(&self) -> Option<Duration> {
        let time_ns = self.json["output_fields"]["evt.time"].as_u64()?;
        self.arrived
            .duration_since(UNIX_EPOCH + Duration::from_nanos(time_ns))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_text() {
        let line = r#"{"rule":"R","output_fields":{"proc.sid":7,"proc.name":"x","fd.name":null}}"#;
        let alert = Alert::parse(line).expect("an alert");
        assert_eq!((alert.rule(), alert.session()), ("R", Some(7)));
        assert_eq!(alert.field("proc.sid").as_deref(), Some("7"));
        assert_eq!(alert.field("proc.name").as_deref(), Some("x"));
        assert_eq!(alert.field("fd.name"), None);
        assert_eq!(alert.field("user.name"), None);
        assert!(Alert::parse("{}").is_err());
        assert!(Alert::parse("12:00 text").is_err());
    }
}
