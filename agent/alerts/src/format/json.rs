//! The JSON object: keys in alphabetical order, one line.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::{FormatOptions, JsonOptions, text, time};
use crate::alert::Alert;

/// Appends the object without a newline.
pub(super) fn object(
    alert: &Alert,
    include: JsonOptions,
    options: &FormatOptions,
    zone: &TimeZone,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"hostname\":");
    string(&options.hostname, out);
    if include.message {
        out.extend_from_slice(b",\"message\":");
        string(&alert.message, out);
    }
    if include.output {
        out.extend_from_slice(b",\"output\":");
        let mut line = Vec::with_capacity(alert.message.len() + 64);
        text::line(alert, options.iso_8601, zone, &mut line);
        string(&String::from_utf8_lossy(&line), out);
    }
    if include.output_fields {
        out.extend_from_slice(b",\"output_fields\":");
        fields(alert, options.iso_8601, out);
    }
    out.extend_from_slice(b",\"priority\":");
    string(alert.rule.priority.name(), out);
    out.extend_from_slice(b",\"rule\":");
    string(&alert.rule.name, out);
    out.extend_from_slice(b",\"source\":");
    string(&alert.rule.source, out);
    if include.tags {
        out.extend_from_slice(b",\"tags\":");
        write(&alert.rule.tags, out);
    }
    out.extend_from_slice(b",\"time\":\"");
    time::utc(alert.time_ns, out);
    out.extend_from_slice(b"Z\"}");
}

fn fields(alert: &Alert, iso_8601: bool, out: &mut Vec<u8>) {
    let time = Json::from(alert.time_ns);
    let mut sorted: BTreeMap<&str, &Json> = alert
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    sorted.insert(
        if iso_8601 {
            "evt.time.iso8601"
        } else {
            "evt.time"
        },
        &time,
    );
    write(&sorted, out);
}

fn string(text: &str, out: &mut Vec<u8>) {
    write(text, out);
}

fn write<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // Neither strings nor JSON values can fail to serialise into memory.
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}
