//! Alerts: text and JSON formats, the bounded queue and the sinks.
