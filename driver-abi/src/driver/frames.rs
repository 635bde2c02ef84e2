//! What an iterator's descriptor gives: frames, each a header of [`SAKER_RING_HDR`] bytes whose first word
//! is the record's length, the record, padding to 8 bytes.

use std::io::{self, Read};

use crate::raw::{SAKER_RECORD_MAX, SAKER_RING_HDR};

/// Room for the largest frame: a driver may refuse to cut one.
const READ_BYTES: usize = (SAKER_RECORD_MAX + SAKER_RING_HDR) as usize * 2;
/// Most bytes taken from one iterator: 100 times what a million descriptors take is a runaway driver.
const BYTES_MAX: usize = 1 << 30;

/// Everything an iterator has to say.
///
/// # Errors
/// What read(2) says; `InvalidData` when there is no end to it.
pub fn read_frames(iterator: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut chunk = vec![0; READ_BYTES];
    loop {
        match iterator.read(&mut chunk) {
            Ok(0) => return Ok(all),
            Ok(bytes) => all.extend_from_slice(&chunk[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if all.len() > BYTES_MAX {
            let text = format!("an iterator gave more than {BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
    }
}

/// Adds a record as a frame of an iterator.
pub fn push(bytes: &mut Vec<u8>, record: &[u8]) {
    bytes.extend_from_slice(&(record.len() as u64).to_ne_bytes());
    bytes.extend_from_slice(record);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// The records in `bytes`, up to the first frame that is cut.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (header, behind) = rest.split_at_checked(SAKER_RING_HDR as usize)?;
        let len = u32::from_ne_bytes(header[..4].try_into().ok()?) as usize;
        let record = behind.get(..len)?;
        rest = behind.get(len.checked_next_multiple_of(8)?..)?;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(record: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, record);
        bytes
    }

    #[test]
    fn frames_come_apart_as_they_were_put_together() {
        let mut bytes = frame(b"one");
        bytes.extend(frame(b"and two more"));
        let found: Vec<_> = records(&bytes).collect();
        assert_eq!(found, [b"one".as_slice(), b"and two more".as_slice()]);
        assert_eq!(read_frames(&mut bytes.as_slice()).expect("memory"), bytes);
    }

    #[test]
    fn a_cut_frame_is_the_end() {
        let bytes = frame(b"a record");
        for len in 0..bytes.len() {
            assert_eq!(records(&bytes[..len]).count(), 0, "{len} bytes");
        }
        assert_eq!(records(&u64::MAX.to_ne_bytes()).count(), 0);
    }
}
