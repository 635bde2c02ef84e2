//! A record as the drivers write it, decoded in place.
//!
//! Records come from a driver of the same ABI, but through memory that other code may have reached:
//! every offset is checked, nothing panics, and a damaged record is an error to be counted.

use crate::event::{EVENTS, EventInfo};
use crate::raw::{self, saker_hdr, saker_tuple, saker_var};

const HDR_LEN: usize = size_of::<saker_hdr>();
const SLOT_LEN: usize = 8;

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Shorter than its own header and slots.
    #[error("record of {len} bytes is too short")]
    Short {
        /// Bytes there are.
        len: usize,
    },
    /// Event number outside the table.
    #[error("unknown event number {0}")]
    Event(u16),
    /// Number of slots differs from the table.
    #[error("event {event} with {found} parameters")]
    Params {
        /// `SAKER_EV_*`.
        event: u16,
        /// Slots the record claims.
        found: u16,
    },
}

/// One record: header, slots and bytes, borrowed from the ring.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    bytes: &'a [u8],
    hdr: saker_hdr,
    info: &'static EventInfo,
}

/// A variable parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Var<'a> {
    /// Its bytes, without a terminating NUL.
    pub bytes: &'a [u8],
    /// Cut at a limit.
    pub truncated: bool,
    /// A path too long for a record: its beginning and its end, `/...` between.
    pub shortened: bool,
    /// The memory could not be read, or the slot is damaged; `bytes` is empty then.
    pub fault: bool,
}

impl Var<'_> {
    /// Nothing.
    pub const EMPTY: Self = Self {
        bytes: &[],
        truncated: false,
        shortened: false,
        fault: false,
    };

    /// A path too deep for the driver to follow.
    pub fn is_lost(&self) -> bool {
        self.truncated && self.bytes.is_empty()
    }

    /// A path of which a part is missing.
    pub fn is_cut(&self) -> bool {
        self.truncated || self.shortened
    }
}

impl<'a> Record<'a> {
    /// Checks the header against the table.
    ///
    /// # Errors
    /// When the bytes cannot be a record of this ABI.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let short = RecordError::Short { len: bytes.len() };
        let hdr = header(bytes).ok_or(short)?;
        let info = EVENTS
            .get(usize::from(hdr.event))
            .ok_or(RecordError::Event(hdr.event))?;
        if usize::from(hdr.nparams) != info.params.len() {
            return Err(RecordError::Params {
                event: hdr.event,
                found: hdr.nparams,
            });
        }
        if bytes.len() < HDR_LEN + SLOT_LEN * info.params.len() {
            return Err(short);
        }
        Ok(Self { bytes, hdr, info })
    }

    /// The fixed header.
    pub const fn hdr(&self) -> &saker_hdr {
        &self.hdr
    }

    /// The event's line in the table.
    pub const fn info(&self) -> &'static EventInfo {
        self.info
    }

    /// `SAKER_EV_*`.
    pub const fn event(&self) -> u32 {
        self.hdr.event as u32
    }

    /// The whole record, for copying it.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Slot `slot` as an unsigned number; 0 when there is no such slot.
    pub fn u64(&self, slot: u32) -> u64 {
        self.slot_bytes(slot as usize).map_or(0, u64::from_le_bytes)
    }

    /// Slot `slot` as a signed number; 0 when there is no such slot.
    pub fn i64(&self, slot: u32) -> i64 {
        self.u64(slot) as i64
    }

    /// Slot `slot` as a variable parameter; empty when it points outside the record.
    pub fn var(&self, slot: u32) -> Var<'a> {
        let Some(slot) = self.slot_bytes(slot as usize) else {
            return Var {
                bytes: &[],
                truncated: false,
                shortened: false,
                fault: false,
            };
        };
        let var = saker_var {
            off: u16::from_le_bytes([slot[0], slot[1]]),
            len: u16::from_le_bytes([slot[2], slot[3]]),
            flags: u16::from_le_bytes([slot[4], slot[5]]),
            full_len: u16::from_le_bytes([slot[6], slot[7]]),
        };
        let start = usize::from(var.off);
        let bytes = self.bytes.get(start..start + usize::from(var.len));
        Var {
            bytes: bytes.unwrap_or(&[]),
            truncated: u32::from(var.flags) & raw::SAKER_VF_TRUNCATED != 0,
            shortened: u32::from(var.flags) & raw::SAKER_VF_SHORTENED != 0,
            // A slot that points outside its record is as unreadable as memory that is not there.
            fault: bytes.is_none() || u32::from(var.flags) & raw::SAKER_VF_FAULT != 0,
        }
    }

    /// Slot `slot` as a socket tuple; `None` when it is not one (the file is no socket).
    pub fn tuple(&self, slot: u32) -> Option<saker_tuple> {
        let bytes = self.var(slot).bytes;
        if bytes.len() < raw::SAKER_TUPLE_INET_LEN as usize {
            return None;
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u64_at = |at: usize| {
            let mut b = [0; 8];
            b.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(b)
        };
        let mut tuple = saker_tuple {
            family: u16_at(0),
            proto: bytes[2],
            type_: bytes[3],
            local_port: u16_at(4),
            remote_port: u16_at(6),
            sock_id: u64_at(40),
            peer_id: u64_at(48),
            ..saker_tuple::default_zero()
        };
        tuple.local_addr.copy_from_slice(&bytes[8..24]);
        tuple.remote_addr.copy_from_slice(&bytes[24..40]);
        let path = &bytes[raw::SAKER_TUPLE_INET_LEN as usize..];
        let n = path.len().min(tuple.path.len());
        tuple.path[..n].copy_from_slice(&path[..n]);
        (tuple.family != 0).then_some(tuple)
    }

    /// Whether the far end of the tuple in slot `slot` is that of one datagram, not the socket's own.
    pub fn far_end_given(&self, slot: u32) -> bool {
        self.u64(slot) >> 32 & u64::from(raw::SAKER_VF_GIVEN) != 0
    }

    /// Writes the record to `into`, with other bytes in these variable slots. Returns whether they have room there;
    /// otherwise `into` is left empty.
    pub fn replace(&self, vars: &[(u32, Var<'_>)], into: &mut Vec<u8>) -> bool {
        into.clear();
        into.extend_from_slice(self.bytes);
        let replaced = vars.iter().all(|(slot, var)| {
            let at = HDR_LEN + *slot as usize * SLOT_LEN;
            let place = u16::try_from(into.len())
                .ok()
                .zip(u16::try_from(var.bytes.len()).ok());
            let param = self.info.params.get(*slot as usize);
            let (Some((off, len)), true) = (place, param.is_some_and(|param| param.is_var()))
            else {
                return false;
            };
            let flag = |is_set, flag: u32| if is_set { flag as u16 } else { 0 };
            let flags = flag(var.truncated, raw::SAKER_VF_TRUNCATED)
                | flag(var.shortened, raw::SAKER_VF_SHORTENED)
                | flag(var.fault, raw::SAKER_VF_FAULT);
            into.extend_from_slice(var.bytes);
            let words = [off, len, flags, 0];
            for (to, word) in into[at..at + SLOT_LEN].chunks_exact_mut(2).zip(words) {
                to.copy_from_slice(&word.to_le_bytes());
            }
            true
        });
        if !replaced {
            into.clear();
        }
        replaced
    }

    fn slot_bytes(&self, slot: usize) -> Option<[u8; 8]> {
        if slot >= self.info.params.len() {
            return None;
        }
        let at = HDR_LEN + slot * SLOT_LEN;
        self.bytes.get(at..at + SLOT_LEN)?.try_into().ok()
    }
}

impl saker_tuple {
    /// All zero: no socket.
    pub const fn default_zero() -> Self {
        Self {
            family: 0,
            proto: 0,
            type_: 0,
            local_port: 0,
            remote_port: 0,
            local_addr: [0; 16],
            remote_addr: [0; 16],
            sock_id: 0,
            peer_id: 0,
            path: [0; raw::SAKER_TUPLE_PATH_LEN as usize],
        }
    }
}

fn header(bytes: &[u8]) -> Option<saker_hdr> {
    let b: &[u8; HDR_LEN] = bytes.first_chunk()?;
    let u16_at = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
    let u32_at = |at: usize| u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
    let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
    Some(saker_hdr {
        ts_ns: u64_at(0),
        tgid: u32_at(8),
        tid: u32_at(12),
        cgroup_id: u64_at(16),
        event: u16_at(24),
        flags: u16_at(26),
        cpu: u16_at(28),
        start_tag: u16_at(30),
        seq: u32_at(32),
        lost_mask: u16_at(36),
        nparams: u16_at(38),
    })
}

/// Builds records by hand: for tests, simulation and replay.
#[derive(Debug, Clone)]
pub struct RecordBuilder {
    hdr: saker_hdr,
    info: &'static EventInfo,
    slots: Vec<[u8; 8]>,
    tail: Vec<u8>,
}

impl RecordBuilder {
    /// A record of event `event` (`SAKER_EV_*`) with all parameters zero or empty.
    ///
    /// # Panics
    /// When the table has no such event.
    pub fn new(event: u32, ts_ns: u64, tgid: u32, tid: u32) -> Self {
        let info = &EVENTS[event as usize];
        let hdr = saker_hdr {
            ts_ns,
            tgid,
            tid,
            event: event as u16,
            nparams: info.params.len() as u16,
            ..saker_hdr::default()
        };
        Self {
            hdr,
            info,
            slots: vec![[0; 8]; info.params.len()],
            tail: Vec::new(),
        }
    }

    /// Changes the header.
    pub fn hdr(mut self, change: impl FnOnce(&mut saker_hdr)) -> Self {
        change(&mut self.hdr);
        self
    }

    /// Sets a fixed-width slot.
    pub fn num(mut self, slot: u32, value: i64) -> Self {
        assert!(
            !self.info.params[slot as usize].is_var(),
            "slot {slot} is variable"
        );
        self.slots[slot as usize] = value.to_le_bytes();
        self
    }

    /// Sets a variable slot.
    pub fn var(self, slot: u32, bytes: &[u8]) -> Self {
        self.var_with_flags(slot, bytes, 0)
    }

    /// Sets a variable slot with `SAKER_VF_*` flags.
    pub fn var_with_flags(mut self, slot: u32, bytes: &[u8], flags: u32) -> Self {
        assert!(
            self.info.params[slot as usize].is_var(),
            "slot {slot} is fixed"
        );
        let off = HDR_LEN + self.slots.len() * SLOT_LEN + self.tail.len();
        let mut b = [0; 8];
        b[0..2].copy_from_slice(&(off as u16).to_le_bytes());
        b[2..4].copy_from_slice(&(bytes.len() as u16).to_le_bytes());
        b[4..6].copy_from_slice(&(flags as u16).to_le_bytes());
        self.slots[slot as usize] = b;
        self.tail.extend_from_slice(bytes);
        self
    }

    /// Sets a socket tuple whose far end is that of one datagram.
    pub fn tuple_given(mut self, slot: u32, tuple: &saker_tuple) -> Self {
        self = self.tuple(slot, tuple);
        self.slots[slot as usize][4] |= raw::SAKER_VF_GIVEN as u8;
        self
    }

    /// Sets a socket tuple.
    pub fn tuple(self, slot: u32, tuple: &saker_tuple) -> Self {
        let mut b = Vec::with_capacity(size_of::<saker_tuple>());
        b.extend_from_slice(&tuple.family.to_le_bytes());
        b.extend_from_slice(&[tuple.proto, tuple.type_]);
        b.extend_from_slice(&tuple.local_port.to_le_bytes());
        b.extend_from_slice(&tuple.remote_port.to_le_bytes());
        b.extend_from_slice(&tuple.local_addr);
        b.extend_from_slice(&tuple.remote_addr);
        b.extend_from_slice(&tuple.sock_id.to_le_bytes());
        b.extend_from_slice(&tuple.peer_id.to_le_bytes());
        b.extend_from_slice(&tuple.path);
        self.var(slot, &b)
    }

    /// The bytes, as they would stand in a ring.
    pub fn build(&self) -> Vec<u8> {
        let h = &self.hdr;
        let mut b = Vec::with_capacity(HDR_LEN + self.slots.len() * SLOT_LEN + self.tail.len());
        b.extend_from_slice(&h.ts_ns.to_le_bytes());
        b.extend_from_slice(&h.tgid.to_le_bytes());
        b.extend_from_slice(&h.tid.to_le_bytes());
        b.extend_from_slice(&h.cgroup_id.to_le_bytes());
        for half in [h.event, h.flags, h.cpu, h.start_tag] {
            b.extend_from_slice(&half.to_le_bytes());
        }
        b.extend_from_slice(&h.seq.to_le_bytes());
        b.extend_from_slice(&h.lost_mask.to_le_bytes());
        b.extend_from_slice(&h.nparams.to_le_bytes());
        self.slots.iter().for_each(|slot| b.extend_from_slice(slot));
        b.extend_from_slice(&self.tail);
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::*;
    use proptest::prelude::*;

    fn openat() -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_OPENAT, 77, 10, 11)
            .hdr(|h| h.seq = 5)
            .num(SAKER_P_OPENAT_fd, -2)
            .num(SAKER_P_OPENAT_dirfd, -100)
            .var(SAKER_P_OPENAT_name, b"/etc/shadow")
    }

    #[test]
    fn parameters_come_back() {
        let bytes = openat().build();
        let record = Record::parse(&bytes).expect("a record");
        assert_eq!(record.info().name, "openat");
        assert_eq!((record.hdr().ts_ns, record.hdr().seq), (77, 5));
        assert_eq!(record.i64(SAKER_P_OPENAT_fd), -2);
        assert_eq!(record.i64(SAKER_P_OPENAT_dirfd), -100);
        assert_eq!(record.var(SAKER_P_OPENAT_name).bytes, b"/etc/shadow");
        assert_eq!(record.u64(99), 0);
    }

    #[test]
    fn parameters_are_replaced() {
        let bytes = openat().build();
        let record = Record::parse(&bytes).expect("a record");
        let other = |bytes| Var {
            bytes,
            truncated: true,
            shortened: true,
            fault: false,
        };
        let mut out = vec![1, 2, 3];
        let name = (SAKER_P_OPENAT_name, other(b"/etc/gshadow"));
        assert!(record.replace(&[name, (SAKER_P_OPENAT_real, other(b""))], &mut out));
        let replaced = Record::parse(&out).expect("a record");
        assert_eq!(replaced.var(SAKER_P_OPENAT_name), other(b"/etc/gshadow"));
        assert_eq!(replaced.var(SAKER_P_OPENAT_real), other(b""));
        assert_eq!(replaced.i64(SAKER_P_OPENAT_fd), -2);
        assert_eq!(replaced.i64(SAKER_P_OPENAT_dirfd), -100);
        assert_eq!(replaced.hdr().ts_ns, 77);
        for slot in [SAKER_P_OPENAT_fd, 99] {
            assert!(!record.replace(&[name, (slot, other(b"x"))], &mut out) && out.is_empty());
        }
        // Neither may be as long, nor begin so far behind.
        let long = vec![b'x'; usize::from(u16::MAX) + 1];
        for first in [&long[..], &long[1..]] {
            let vars = [(SAKER_P_OPENAT_real, other(first)), name];
            assert!(!record.replace(&vars, &mut out) && out.is_empty());
        }
    }

    #[test]
    fn tuples_come_back() {
        let mut tuple = saker_tuple::default_zero();
        tuple.family = 2;
        tuple.remote_port = 443;
        tuple.remote_addr[..4].copy_from_slice(&[10, 0, 0, 1]);
        tuple.peer_id = 0xffff_8880_0000_0001;
        let bytes = RecordBuilder::new(SAKER_EV_CONNECT, 1, 2, 2)
            .tuple(SAKER_P_CONNECT_tuple, &tuple)
            .build();
        let back = Record::parse(&bytes)
            .expect("a record")
            .tuple(SAKER_P_CONNECT_tuple);
        let back = back.expect("a tuple");
        assert_eq!(
            (back.family, back.remote_port, back.peer_id),
            (2, 443, tuple.peer_id)
        );
        assert_eq!(back.remote_addr, tuple.remote_addr);
    }

    #[test]
    fn damaged_records_are_errors() {
        let bytes = openat().build();
        assert!(matches!(
            Record::parse(&bytes[..39]),
            Err(RecordError::Short { .. })
        ));
        assert!(matches!(
            Record::parse(&bytes[..60]),
            Err(RecordError::Short { .. })
        ));
        let mut wrong = bytes.clone();
        wrong[24..26].copy_from_slice(&u16::MAX.to_le_bytes());
        assert_eq!(
            Record::parse(&wrong).unwrap_err(),
            RecordError::Event(u16::MAX)
        );
        let mut wrong = bytes;
        wrong[38] += 1;
        assert!(matches!(
            Record::parse(&wrong),
            Err(RecordError::Params { .. })
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..512), event in 0u16..80) {
            let mut bytes = bytes;
            if bytes.len() >= 40 {
                bytes[24..26].copy_from_slice(&event.to_le_bytes());
                if let Some(info) = EVENTS.get(usize::from(event)) {
                    bytes[38..40].copy_from_slice(&(info.params.len() as u16).to_le_bytes());
                }
            }
            if let Ok(record) = Record::parse(&bytes) {
                for slot in 0..record.info().params.len() as u32 + 2 {
                    let _ = (record.u64(slot), record.var(slot), record.tuple(slot));
                }
            }
        }
    }
}
