//! Records that wait for a snapshot.
//!
//! When a birth has to wait for its parent's worker, everything after it in the partition waits
//! behind it, whatever its process. A worker that went on with younger events could wait for
//! another worker that waits for the very birth it has put aside; kept in order, every wait points
//! strictly to the past (see [`crate::progress`]).

/// Records that wait at once.
pub const MAX_RECORDS: usize = 65_536;

/// Bytes of all waiting records.
pub const MAX_BYTES: usize = 8 << 20;

/// Records in the order of their partition.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    /// Records one after the other, each after its length (4 bytes).
    bytes: Vec<u8>,
    /// Where the oldest begins.
    head: usize,
    records: usize,
}

impl Parking {
    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// No more fits.
    pub(crate) fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS || self.bytes.len() >= MAX_BYTES
    }

    /// Adds a record at the end. Callers look at [`Parking::is_full`] afterwards: the record that
    /// reaches a bound is kept.
    pub(crate) fn push(&mut self, record: &[u8]) {
        self.bytes
            .extend_from_slice(&(record.len() as u32).to_ne_bytes());
        self.bytes.extend_from_slice(record);
        self.records += 1;
    }

    /// The oldest record.
    pub(crate) fn front(&self) -> Option<&[u8]> {
        let (len, rest) = self.bytes.get(self.head..)?.split_first_chunk::<4>()?;
        rest.get(..u32::from_ne_bytes(*len) as usize)
    }

    /// Drops the oldest record.
    pub(crate) fn pop(&mut self) {
        let Some(len) = self.front().map(<[u8]>::len) else {
            return;
        };
        self.head += 4 + len;
        self.records -= 1;
        if self.records == 0 {
            self.bytes.clear();
            self.head = 0;
        }
    }

    /// Gives the room of dropped records back to the bound.
    pub(crate) fn compact(&mut self) {
        self.bytes.drain(..self.head);
        self.head = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order() {
        let mut parking = Parking::default();
        parking.pop();
        assert_eq!(parking.front(), None);
        for record in [&b"one"[..], b"", b"three"] {
            parking.push(record);
        }
        assert_eq!((parking.records, parking.front()), (3, Some(&b"one"[..])));
        parking.pop();
        parking.compact();
        assert_eq!(parking.front(), Some(&b""[..]));
        parking.pop();
        assert_eq!(parking.front(), Some(&b"three"[..]));
        parking.pop();
        assert!(parking.is_empty() && parking.bytes.is_empty());
    }

    #[test]
    fn bounds() {
        let mut parking = Parking::default();
        (1..MAX_RECORDS).for_each(|_| parking.push(b"x"));
        assert!(!parking.is_full());
        parking.push(b"x");
        assert!(parking.is_full());
        let mut parking = Parking::default();
        parking.push(&vec![0; MAX_BYTES]);
        assert!(parking.is_full());
        parking.pop();
        assert!(!parking.is_full());
    }
}
