//! Thread groups whose records wait for a snapshot of their parent.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// Thread groups that wait at once.
pub const MAX_GROUPS: usize = 1024;

/// Records one thread group may have waiting.
pub const MAX_RECORDS: usize = 256;

/// Bytes of all waiting records.
pub const MAX_BYTES: usize = 8 << 20;

/// Records of one thread group, in order.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Records one after the other, each after its length (4 bytes).
    bytes: Vec<u8>,
    records: usize,
    /// Time of the first record, ns.
    pub(crate) since_ns: u64,
    /// No more records may be added.
    pub(crate) full: bool,
}

impl Group {
    /// The records, oldest first.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (len, tail) = rest.split_first_chunk::<4>()?;
            let (record, tail) = tail.split_at_checked(u32::from_ne_bytes(*len) as usize)?;
            rest = tail;
            Some(record)
        })
    }
}

/// All thread groups that wait.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    groups: FxHashMap<u32, Group>,
    /// Thread groups in the order they were parked, with the time; may hold some already gone.
    order: VecDeque<(u64, u32)>,
    bytes: usize,
}

impl Parking {
    pub(crate) fn contains(&self, tgid: u32) -> bool {
        !self.groups.is_empty() && self.groups.contains_key(&tgid)
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Opens a group for `tgid`; false when there are too many.
    pub(crate) fn open(&mut self, tgid: u32, ts_ns: u64) -> bool {
        if self.groups.len() >= MAX_GROUPS {
            return false;
        }
        self.groups.insert(
            tgid,
            Group {
                since_ns: ts_ns,
                ..Group::default()
            },
        );
        self.order.push_back((ts_ns, tgid));
        true
    }

    /// Adds a record to `tgid`'s group. False when a bound is reached: the record is kept, but
    /// the group must be let go before the next one.
    pub(crate) fn push(&mut self, tgid: u32, record: &[u8]) -> bool {
        let Some(group) = self.groups.get_mut(&tgid) else {
            return false;
        };
        group
            .bytes
            .extend_from_slice(&(record.len() as u32).to_ne_bytes());
        group.bytes.extend_from_slice(record);
        group.records += 1;
        self.bytes += record.len();
        group.full = group.records >= MAX_RECORDS || self.bytes >= MAX_BYTES;
        !group.full
    }

    /// Takes `tgid`'s group out.
    pub(crate) fn take(&mut self, tgid: u32) -> Option<Group> {
        let group = self.groups.remove(&tgid)?;
        self.bytes -= group.bytes.len() - 4 * group.records;
        Some(group)
    }

    /// Time of the oldest record that waits.
    pub(crate) fn oldest_ns(&mut self) -> Option<u64> {
        while let Some(&(ts_ns, tgid)) = self.order.front() {
            if self
                .groups
                .get(&tgid)
                .is_some_and(|group| group.since_ns == ts_ns)
            {
                return Some(ts_ns);
            }
            self.order.pop_front();
        }
        None
    }

    /// Groups that fit `wanted`, oldest first.
    pub(crate) fn select(&self, wanted: impl Fn(&Group) -> bool, into: &mut Vec<u32>) {
        into.clear();
        into.extend(self.order.iter().filter_map(|&(ts_ns, tgid)| {
            let group = self.groups.get(&tgid)?;
            (group.since_ns == ts_ns && wanted(group)).then_some(tgid)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order() {
        let mut parking = Parking::default();
        assert!(!parking.push(5, b"nobody"));
        assert!(parking.open(5, 100));
        assert!(parking.open(6, 200));
        assert!(parking.push(5, b"one") && parking.push(6, b"other") && parking.push(5, b""));
        assert_eq!(parking.oldest_ns(), Some(100));
        let mut found = Vec::new();
        parking.select(|group| group.since_ns >= 100, &mut found);
        assert_eq!(found, [5, 6]);
        let group = parking.take(5).expect("parked");
        assert_eq!(group.records().collect::<Vec<_>>(), [&b"one"[..], b""]);
        assert_eq!((parking.oldest_ns(), parking.bytes), (Some(200), 5));
        assert!(parking.take(6).is_some() && !parking.contains(6));
        assert_eq!(
            (parking.oldest_ns(), parking.bytes, parking.len()),
            (None, 0, 0)
        );
    }

    #[test]
    fn bounds() {
        let mut parking = Parking::default();
        for tgid in 0..MAX_GROUPS as u32 {
            assert!(parking.open(tgid, 1));
        }
        assert!(!parking.open(u32::MAX, 1));
        assert!((1..MAX_RECORDS).all(|_| parking.push(0, b"x")));
        assert!(!parking.push(0, b"x"));
        assert!(
            parking
                .take(0)
                .is_some_and(|group| group.records().count() == MAX_RECORDS)
        );
        assert!(!parking.push(1, &vec![0; MAX_BYTES]));
    }
}
