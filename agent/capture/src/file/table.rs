//! From the event table of a capture file to this agent's, by names.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use saker_abi::event::{EVENTS, Param};
use saker_abi::raw;

use super::frames;
use super::meta::{Meta, this_table};

const HDR_LEN: usize = size_of::<raw::saker_hdr>();
const SLOT_LEN: usize = 8;
/// Where the header has the event's number and the number of slots.
const EVENT_AT: usize = 24;
const NPARAMS_AT: usize = 38;
/// Slot of a variable parameter the recorder did not know: unreadable, as memory that is not there.
const ABSENT: u64 = (raw::SAKER_VF_FAULT as u64) << 32;

/// How to read the records of a file.
#[derive(Debug)]
pub struct Table {
    /// Both tables are the same: nothing to do.
    same: bool,
    /// By the file's event number; `None`: this agent does not know the event.
    events: Vec<Option<Event>>,
    names: Vec<String>,
}

#[derive(Debug)]
struct Event {
    number: u16,
    /// Slots in the file.
    theirs: usize,
    /// For each of our slots where it comes from.
    slots: Vec<From>,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Number(usize),
    Variable(usize),
    NoNumber,
    NoVariable,
}

/// What became of a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Translated<'a> {
    /// A record of this agent's table.
    Record(Cow<'a, [u8]>),
    /// Of an event this agent does not know, by its name.
    Unknown(&'a str),
    /// Not a record of the file's own table.
    Damaged,
}

impl Table {
    /// For the files that `meta` describes.
    pub fn new(meta: &Meta) -> Self {
        let same =
            meta.first_variable_type == raw::SAKER_T_VAR as u16 && meta.events == this_table();
        let ours: FxHashMap<&str, u16> = EVENTS.iter().map(|e| (e.name, e.id)).collect();
        let variable = |ty: u16| ty >= meta.first_variable_type;
        let event = |theirs: &super::meta::MetaEvent| {
            let number = *ours.get(theirs.name.as_str())?;
            let info = &EVENTS[usize::from(number)];
            // The same name for two things: an iterator's record is no event of a ring.
            if info.is_internal() != theirs.internal {
                return None;
            }
            let slot = |param: &Param| {
                let at = theirs
                    .params
                    .iter()
                    .position(|(name, ty)| name == param.name && variable(*ty) == param.is_var());
                match (at, param.is_var()) {
                    (Some(at), false) => From::Number(at),
                    (Some(at), true) => From::Variable(at),
                    (None, false) => From::NoNumber,
                    (None, true) => From::NoVariable,
                }
            };
            Some(Event {
                number,
                theirs: theirs.params.len(),
                slots: info.params.iter().map(slot).collect(),
            })
        };
        Self {
            same,
            events: meta.events.iter().map(event).collect(),
            names: meta.events.iter().map(|event| event.name.clone()).collect(),
        }
    }

    /// Whether records are taken as they are.
    pub const fn is_same(&self) -> bool {
        self.same
    }

    /// A record of the file as one of this agent: as it is where both tables are the same, else with its slots
    /// in our order; numbers the file lacks are 0, texts unreadable.
    pub fn translate<'a>(&'a self, record: &'a [u8]) -> Translated<'a> {
        if self.same {
            return Translated::Record(Cow::Borrowed(record));
        }
        let half = |at: usize| {
            let bytes = record.get(at..at + 2)?;
            Some(u16::from_le_bytes([bytes[0], bytes[1]]))
        };
        let (Some(number), Some(nparams)) = (half(EVENT_AT), half(NPARAMS_AT)) else {
            return Translated::Damaged;
        };
        let number = usize::from(number);
        let Some(event) = self.events.get(number) else {
            return Translated::Damaged;
        };
        let Some(event) = event else {
            return Translated::Unknown(&self.names[number]);
        };
        let tail_at = HDR_LEN + event.theirs * SLOT_LEN;
        if usize::from(nparams) != event.theirs || record.len() < tail_at {
            return Translated::Damaged;
        }
        let new_tail_at = HDR_LEN + event.slots.len() * SLOT_LEN;
        let mut out = Vec::with_capacity(new_tail_at + record.len() - tail_at);
        out.extend_from_slice(&record[..HDR_LEN]);
        out[EVENT_AT..EVENT_AT + 2].copy_from_slice(&event.number.to_le_bytes());
        let slots = (event.slots.len() as u16).to_le_bytes();
        out[NPARAMS_AT..NPARAMS_AT + 2].copy_from_slice(&slots);
        for from in &event.slots {
            let slot = |at: usize| {
                let start = HDR_LEN + at * SLOT_LEN;
                let mut bytes = [0; SLOT_LEN];
                bytes.copy_from_slice(&record[start..start + SLOT_LEN]);
                bytes
            };
            let slot = match *from {
                From::Number(at) => slot(at),
                From::Variable(at) => moved(slot(at), tail_at, new_tail_at),
                From::NoNumber => [0; SLOT_LEN],
                From::NoVariable => ABSENT.to_le_bytes(),
            };
            out.extend_from_slice(&slot);
        }
        out.extend_from_slice(&record[tail_at..]);
        Translated::Record(Cow::Owned(out))
    }

    /// All frames of `bytes` as frames of this agent's records; what it does not know is left out.
    pub fn translate_frames(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.same {
            return bytes;
        }
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some((record, next)) = frames::at(&bytes, at) {
            if let Translated::Record(record) = self.translate(record) {
                frames::push(&mut out, &record);
            }
            at = next;
        }
        out
    }
}

/// A variable parameter's slot after the bytes behind the slots have moved. One that points before them or
/// would point too far points outside the record now, which reads as unreadable.
fn moved(slot: [u8; SLOT_LEN], from: usize, to: usize) -> [u8; SLOT_LEN] {
    let off = usize::from(u16::from_le_bytes([slot[0], slot[1]]));
    let len = u16::from_le_bytes([slot[2], slot[3]]);
    if len == 0 {
        return slot;
    }
    let off = off.checked_sub(from).map(|off| off + to);
    let Some(off) = off.and_then(|off| u16::try_from(off).ok()) else {
        return ABSENT.to_le_bytes();
    };
    let mut slot = slot;
    slot[..2].copy_from_slice(&off.to_le_bytes());
    slot
}

#[cfg(test)]
mod tests {
    use saker_abi::driver::EventSet;
    use saker_abi::raw::*;
    use saker_abi::record::{Record, RecordBuilder};

    use super::*;

    fn openat() -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_OPENAT, 77, 10, 11)
            .hdr(|hdr| hdr.seq = 5)
            .num(SAKER_P_OPENAT_fd, -2)
            .num(SAKER_P_OPENAT_flags, 0o101)
            .var(SAKER_P_OPENAT_name, b"/etc/shadow")
            .build()
    }

    fn meta() -> Meta {
        Meta::of_this_agent(&EventSet::all())
    }

    /// The file of an agent whose table lacks `gone` of openat, has events and parameters of its own and
    /// everything in another order; and `record` as that agent would have written it.
    fn other(record: &[u8], gone: &str) -> (Meta, Vec<u8>) {
        let mut meta = meta();
        let number = SAKER_EV_OPENAT as usize;
        let openat = &mut meta.events[number];
        let parsed = Record::parse(record).expect("a record");
        let mut order: Vec<usize> = (0..openat.params.len()).rev().collect();
        order.retain(|&at| openat.params[at].0 != gone);
        let params: Vec<_> = order.iter().map(|&at| openat.params[at].clone()).collect();
        let shift = 8 * (params.len() as i64 + 1 - openat.params.len() as i64);
        openat.params = params;
        openat.params.insert(1, ("of_the_future".to_owned(), 0));
        let new_number = meta.events.len() as u16;
        let openat = meta.events[number].clone();
        meta.events[number].name = "renamed".to_owned();
        meta.events.push(openat);

        let slots = parsed.info().params.len();
        let mut bytes = record[..HDR_LEN].to_vec();
        bytes[EVENT_AT..EVENT_AT + 2].copy_from_slice(&new_number.to_le_bytes());
        let count = order.len() as u16 + 1;
        bytes[NPARAMS_AT..NPARAMS_AT + 2].copy_from_slice(&count.to_le_bytes());
        for (n, at) in order.into_iter().enumerate() {
            if n == 1 {
                bytes.extend(u64::MAX.to_le_bytes());
            }
            let mut slot: [u8; 8] = record[HDR_LEN + at * 8..][..8].try_into().expect("eight");
            let off = i64::from(u16::from_le_bytes([slot[0], slot[1]]));
            // One that was never filled points nowhere.
            if parsed.info().params[at].is_var() && off != 0 {
                slot[..2].copy_from_slice(&((off + shift) as u16).to_le_bytes());
            }
            bytes.extend(slot);
        }
        bytes.extend(&record[HDR_LEN + slots * 8..]);
        (meta, bytes)
    }

    #[test]
    fn the_same_table_copies_nothing() {
        let table = Table::new(&meta());
        let record = openat();
        assert!(matches!(
            table.translate(&record),
            Translated::Record(Cow::Borrowed(_))
        ));
    }

    #[test]
    fn another_order_is_put_right() {
        let record = openat();
        let (meta, theirs) = other(&record, "nothing");
        let table = Table::new(&meta);
        assert!(!table.is_same());
        let Translated::Record(ours) = table.translate(&theirs) else {
            panic!("openat is known");
        };
        assert_eq!(&*ours, record);
    }

    #[test]
    fn what_the_file_lacks_is_absent() {
        let record = openat();
        for gone in ["name", "flags"] {
            let (meta, theirs) = other(&record, gone);
            let table = Table::new(&meta);
            let Translated::Record(ours) = table.translate(&theirs) else {
                panic!("openat is known");
            };
            let ours = Record::parse(&ours).expect("a record");
            assert_eq!(ours.i64(SAKER_P_OPENAT_fd), -2);
            let name = ours.var(SAKER_P_OPENAT_name);
            match gone {
                "name" => assert!(name.bytes.is_empty() && name.fault),
                _ => assert_eq!(name.bytes, b"/etc/shadow"),
            }
            let flags = if gone == "flags" { 0 } else { 0o101 };
            assert_eq!(ours.u64(SAKER_P_OPENAT_flags), flags);
        }
    }

    #[test]
    fn unknown_events_are_named_and_damaged_records_told_apart() {
        let record = openat();
        let (meta, mut theirs) = other(&record, "nothing");
        let table = Table::new(&meta);
        assert_eq!(table.translate(&record), Translated::Unknown("renamed"));
        assert_eq!(table.translate(&theirs[..50]), Translated::Damaged);
        assert_eq!(table.translate(&theirs[..10]), Translated::Damaged);
        theirs[NPARAMS_AT] += 1;
        assert_eq!(table.translate(&theirs), Translated::Damaged);
        theirs[EVENT_AT + 1] = 0xff;
        assert_eq!(table.translate(&theirs), Translated::Damaged);
    }

    #[test]
    fn frames_of_the_state_are_translated_together() {
        let record = openat();
        let (meta, theirs) = other(&record, "nothing");
        let table = Table::new(&meta);
        let mut bytes = Vec::new();
        for record in [&theirs, &record, &theirs] {
            frames::push(&mut bytes, record);
        }
        let ours = table.translate_frames(bytes);
        let (first, next) = frames::at(&ours, 0).expect("a frame");
        assert_eq!(first, record);
        let (_, end) = frames::at(&ours, next).expect("a second frame");
        assert_eq!(end, ours.len(), "the unknown one is left out");
    }
}
