//! How points in time are spelled.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::render::put;

/// What the host's people call the time, and how alerts begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Zone of texts.
    pub zone: TimeZone,
    /// Alerts begin with date and time of UTC instead of the time of day (`time_format_iso_8601`).
    pub iso_8601: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            iso_8601: false,
        }
    }
}

impl Clock {
    /// The host's own zone; reads the file that says which it is.
    pub fn of_host(iso_8601: bool) -> Self {
        let zone = TimeZone::system();
        Self { zone, iso_8601 }
    }

    /// Appends nanoseconds since the epoch as `YYYY-MM-DD HH:MM:SS.nnnnnnnnn +hhmm`.
    pub(crate) fn local(&self, out: &mut Vec<u8>, epoch_ns: u64) {
        let at = timestamp(epoch_ns);
        let offset = self.zone.to_offset(at);
        date_and_time(out, at, offset, ' ');
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        put!(out, " {sign}{:02}{:02}", minutes / 60, minutes % 60);
    }

    /// Appends the same as `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000`, of UTC.
    pub(crate) fn iso_8601(out: &mut Vec<u8>, epoch_ns: u64) {
        date_and_time(out, timestamp(epoch_ns), Offset::UTC, 'T');
        out.extend_from_slice(b"+0000");
    }
}

fn timestamp(epoch_ns: u64) -> Timestamp {
    // Every u64 of nanoseconds is before the year 2555, inside what a Timestamp can hold.
    Timestamp::from_nanosecond(i128::from(epoch_ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn date_and_time(out: &mut Vec<u8>, at: Timestamp, offset: Offset, between: char) {
    let at = offset.to_datetime(at);
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    let ns = at.subsec_nanosecond();
    put!(
        out,
        "{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}.{ns:09}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::shown;

    #[test]
    fn times() {
        let at = |ns| shown(|out| Clock::default().local(out, ns));
        assert_eq!(at(0), "1970-01-01 00:00:00.000000000 +0000");
        assert_eq!(
            at(951_782_400_000_000_001),
            "2000-02-29 00:00:00.000000001 +0000"
        );
        assert_eq!(
            at(1_795_291_768_895_281_856),
            "2026-11-21 20:09:28.895281856 +0000"
        );
        assert_eq!(at(u64::MAX).len(), at(0).len());
        assert_eq!(
            shown(|out| Clock::iso_8601(out, 1_795_291_768_895_281_856)),
            "2026-11-21T20:09:28.895281856+0000"
        );
    }

    #[test]
    fn zones() {
        let west = Offset::from_seconds(-(3 * 3600 + 30 * 60)).expect("an offset");
        let clock = Clock {
            zone: TimeZone::fixed(west),
            iso_8601: false,
        };
        assert_eq!(
            shown(|out| clock.local(out, 0)),
            "1969-12-31 20:30:00.000000000 -0330"
        );
    }
}
