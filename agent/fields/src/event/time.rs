//! `evt.time*` and other times of the event (rules-spec D6). Texts are in the host's zone but for ISO 8601.

use saker_engine::value::Value;
use saker_engine::value::ValueType::*;

use super::{EventView, Made};
use crate::clock::Clock;
use crate::field::{Arg, Field, text};

const NS_PER_S: u64 = 1_000_000_000;

/// Parts of `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`.
const DATE_TIME: std::ops::Range<usize> = 0..29;
const DATE_TIME_S: std::ops::Range<usize> = 0..19;
const TIME: std::ops::Range<usize> = 11..29;
const TIME_S: std::ops::Range<usize> = 11..19;

const NO_LATENCY: &str = "Deprecated: events begin and end at once, always 0.";

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "evt.time",
        AbsTime,
        time,
        "Time of the event, nanoseconds since the epoch; printed in texts as local time of day.",
    ),
    Field::new(
        "evt.time.s",
        Str,
        |e, _| e.time_text(TIME_S),
        "Time of day (local) in seconds, HH:MM:SS.",
    )
    .cost(15),
    Field::new(
        "evt.time.iso8601",
        AbsTime,
        time,
        "The same, printed in texts as date and time of UTC (ISO 8601).",
    ),
    Field::new(
        "evt.datetime",
        Str,
        |e, _| e.time_text(DATE_TIME),
        "Date and time of day (local) with nanoseconds.",
    )
    .cost(15),
    Field::new(
        "evt.datetime.s",
        Str,
        |e, _| e.time_text(DATE_TIME_S),
        "Date and time of day (local) in seconds.",
    )
    .cost(15),
    Field::new(
        "evt.outputtime",
        Str,
        |e, _| {
            e.spelled(if e.host.clock.iso_8601 {
                Spelling::Iso8601
            } else {
                Spelling::TimeOfDay
            })
        },
        "Time of the event as it stands before an alert: local time of day, or ISO 8601.",
    )
    .output_only()
    .cost(15),
    Field::new(
        "evt.rawtime",
        AbsTime,
        time,
        "Time of the event, nanoseconds since the epoch.",
    ),
    Field::new(
        "evt.rawtime.s",
        Uint,
        |e, _| Some(Value::Uint(e.epoch_ns() / NS_PER_S)),
        "Seconds of evt.rawtime.",
    ),
    Field::new(
        "evt.rawtime.ns",
        Uint,
        |e, _| Some(Value::Uint(e.epoch_ns() % NS_PER_S)),
        "Nanoseconds of evt.rawtime after the second.",
    ),
    Field::new(
        "evt.reltime",
        RelTime,
        |e, _| Some(Value::Int(e.relative_ns() as i64)),
        "Nanoseconds since capture began.",
    ),
    Field::new(
        "evt.reltime.s",
        Uint,
        |e, _| Some(Value::Uint(e.relative_ns() / NS_PER_S)),
        "Seconds of evt.reltime.",
    ),
    Field::new(
        "evt.reltime.ns",
        Uint,
        |e, _| Some(Value::Uint(e.relative_ns() % NS_PER_S)),
        "Nanoseconds of evt.reltime after the second.",
    ),
    Field::new(
        "evt.deltatime",
        RelTime,
        |e, _| Some(Value::Int(e.scratch.since_last_ns() as i64)),
        "Nanoseconds since the event before, of the same worker.",
    ),
    Field::new(
        "evt.deltatime.s",
        Uint,
        |e, _| Some(Value::Uint(e.scratch.since_last_ns() / NS_PER_S)),
        "Seconds of evt.deltatime.",
    ),
    Field::new(
        "evt.deltatime.ns",
        Uint,
        |e, _| Some(Value::Uint(e.scratch.since_last_ns() % NS_PER_S)),
        "Nanoseconds of evt.deltatime after the second.",
    ),
    Field::new("evt.latency", RelTime, zero_span, NO_LATENCY),
    Field::new("evt.latency.s", Uint, zero, NO_LATENCY),
    Field::new("evt.latency.ns", Uint, zero, NO_LATENCY),
    Field::new(
        "evt.latency.human",
        Str,
        |_, _| text(b"0ns"),
        "Deprecated: events begin and end at once, always 0ns.",
    ),
    Field::new("evt.wait_latency", RelTime, zero_span, NO_LATENCY),
];

/// How outputs print a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `HH:MM:SS.nnnnnnnnn`, local.
    TimeOfDay,
    /// `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000`.
    Iso8601,
}

impl Spelling {
    /// Of the field `name`, unless it prints as the number it is.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "evt.time" => Some(Self::TimeOfDay),
            "evt.time.iso8601" => Some(Self::Iso8601),
            _ => None,
        }
    }
}

impl<'a> EventView<'a> {
    fn relative_ns(&self) -> u64 {
        let ts_ns = self.record.hdr().ts_ns;
        ts_ns.saturating_sub(self.host.capture_start_ns)
    }

    fn time_text(&self, part: std::ops::Range<usize>) -> Option<Value<'a>> {
        let whole = self.made(Made::Time, 0, |out| {
            self.host.clock.local(out, self.epoch_ns());
            true
        })?;
        text(whole.get(part)?)
    }

    /// The time of the event in the spelling of a field that is a number.
    pub(super) fn spelled(&self, spelling: Spelling) -> Option<Value<'a>> {
        match spelling {
            Spelling::TimeOfDay => self.time_text(TIME),
            Spelling::Iso8601 => text(self.made(Made::Time, 1, |out| {
                Clock::iso_8601(out, self.epoch_ns());
                true
            })?),
        }
    }
}

fn time<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    Some(Value::Uint(e.epoch_ns()))
}

fn zero<'e>(_: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    Some(Value::Uint(0))
}

fn zero_span<'e>(_: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    Some(Value::Int(0))
}
