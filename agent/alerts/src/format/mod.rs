//! From an alert to a line, as Falco prints it (rules-spec C3, C4).

mod json;
mod text;
mod time;

use jiff::tz::TimeZone;

use crate::alert::Alert;

/// Which properties a JSON alert has beside those it always has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonOptions {
    /// `output`: the text line.
    pub output: bool,
    /// `message`: the text without time and priority.
    pub message: bool,
    /// `output_fields`.
    pub output_fields: bool,
    /// `tags`.
    pub tags: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            output: true,
            message: false,
            output_fields: true,
            tags: true,
        }
    }
}

/// How alerts are printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// JSON instead of text.
    pub json: Option<JsonOptions>,
    /// Text lines begin with the UTC date and time instead of the local time of day.
    pub iso_8601: bool,
    /// Value of `hostname` in JSON.
    pub hostname: String,
}

/// Prints alerts.
#[derive(Debug)]
pub struct Formatter {
    options: FormatOptions,
    zone: TimeZone,
}

impl Formatter {
    /// A formatter for the host's time zone.
    pub fn new(options: FormatOptions) -> Self {
        Self::with_zone(options, TimeZone::system())
    }

    /// A formatter for another time zone.
    pub fn with_zone(options: FormatOptions, zone: TimeZone) -> Self {
        Self { options, zone }
    }

    /// Appends the alert as one line, newline included.
    pub fn line(&self, alert: &Alert, out: &mut Vec<u8>) {
        match self.options.json {
            None => text::line(alert, self.options.iso_8601, &self.zone, out),
            Some(json) => json::object(alert, json, &self.options, &self.zone, out),
        }
        out.push(b'\n');
    }
}
