//! The text line: `TIME: Priority message`.

use jiff::tz::TimeZone;

use super::time;
use crate::alert::Alert;

/// Appends the text line without its newline. Values inside the message were escaped when it was
/// rendered, so a message never contains a newline of an event.
pub(super) fn line(alert: &Alert, iso_8601: bool, zone: &TimeZone, out: &mut Vec<u8>) {
    if iso_8601 {
        time::utc(alert.time_ns, out);
        out.extend_from_slice(b"+0000");
    } else {
        time::local(alert.time_ns, zone, out);
    }
    out.extend_from_slice(b": ");
    out.extend_from_slice(alert.rule.priority.name().as_bytes());
    out.push(b' ');
    out.extend_from_slice(alert.message.as_bytes());
}
