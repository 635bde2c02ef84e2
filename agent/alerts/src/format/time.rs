//! Points in time, in the three spellings of alerts.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::DateTime};

/// Appends local time of day, `HH:MM:SS.nnnnnnnnn`.
pub(super) fn local(time_ns: u64, zone: &TimeZone, out: &mut Vec<u8>) {
    let at = civil(time_ns, zone);
    clock(at, out);
}

/// Appends UTC, `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn`, without a zone.
pub(super) fn utc(time_ns: u64, out: &mut Vec<u8>) {
    let at = civil(time_ns, &TimeZone::UTC);
    digits(u64::from(at.year().unsigned_abs()), 4, out);
    out.push(b'-');
    digits(u64::from(at.month().unsigned_abs()), 2, out);
    out.push(b'-');
    digits(u64::from(at.day().unsigned_abs()), 2, out);
    out.push(b'T');
    clock(at, out);
}

fn clock(at: DateTime, out: &mut Vec<u8>) {
    digits(u64::from(at.hour().unsigned_abs()), 2, out);
    out.push(b':');
    digits(u64::from(at.minute().unsigned_abs()), 2, out);
    out.push(b':');
    digits(u64::from(at.second().unsigned_abs()), 2, out);
    out.push(b'.');
    digits(u64::from(at.subsec_nanosecond().unsigned_abs()), 9, out);
}

fn civil(time_ns: u64, zone: &TimeZone) -> DateTime {
    // Every u64 of nanoseconds is before the year 2555, inside what a Timestamp can hold.
    let at = Timestamp::from_nanosecond(i128::from(time_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    zone.to_datetime(at)
}

fn digits(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value);
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(text.len())));
    out.extend_from_slice(text.as_bytes());
}
