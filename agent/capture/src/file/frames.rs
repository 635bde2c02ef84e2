//! Frames of records in a block, taken apart without trusting a length.

use saker_abi::raw::{SAKER_RECORD_MAX, SAKER_RING_HDR};

/// Bytes before each record.
pub const FRAME_HEADER_BYTES: usize = SAKER_RING_HDR as usize;

/// Bytes that a record of `len` bytes takes.
pub const fn frame_bytes(len: usize) -> usize {
    FRAME_HEADER_BYTES + len.next_multiple_of(8)
}

/// Appends a record as a frame.
pub fn push(bytes: &mut Vec<u8>, record: &[u8]) {
    bytes.extend_from_slice(&(record.len() as u64).to_le_bytes());
    bytes.extend_from_slice(record);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// The record of the frame at `at` and where the next one begins; `None` when there is no whole frame.
pub fn at(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let header = bytes.get(at..)?.first_chunk::<8>()?;
    let len = u64::from_le_bytes(*header);
    if len > SAKER_RECORD_MAX.into() {
        return None;
    }
    let (start, len) = (at + FRAME_HEADER_BYTES, len as usize);
    let next = start + len.next_multiple_of(8);
    (next <= bytes.len()).then(|| (&bytes[start..start + len], next))
}

/// Where the frames of at most `max` bytes from the beginning of `bytes` end; the first one counts
/// whatever its size.
pub fn split(bytes: &[u8], max: usize) -> usize {
    let mut end = 0;
    while let Some((_, next)) = at(bytes, end) {
        if next > max && end > 0 {
            break;
        }
        end = next;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_apart() {
        let mut bytes = Vec::new();
        push(&mut bytes, b"one");
        push(&mut bytes, b"");
        push(&mut bytes, b"twelve bytes");
        let (one, next) = at(&bytes, 0).expect("one");
        let (empty, next) = at(&bytes, next).expect("empty");
        let (last, end) = at(&bytes, next).expect("last");
        assert_eq!(
            (one, empty, last),
            (&b"one"[..], &b""[..], &b"twelve bytes"[..])
        );
        assert_eq!((end, at(&bytes, end)), (bytes.len(), None));
        assert_eq!(
            bytes.len(),
            frame_bytes(3) + frame_bytes(0) + frame_bytes(12)
        );
        assert_eq!(split(&bytes, 24), 24);
        assert_eq!(split(&bytes, 1), 16);
        assert_eq!(split(&bytes, 1000), bytes.len());
    }

    #[test]
    fn no_length_is_trusted() {
        for len in [9, SAKER_RECORD_MAX as u64 + 1, u64::MAX] {
            let mut bytes = len.to_le_bytes().to_vec();
            bytes.extend([0; 8]);
            assert_eq!(at(&bytes, 0), None, "{len}");
        }
        assert_eq!(at(&[0; 4], 0), None);
        assert_eq!(at(&[0; 8], 9), None);
    }
}
