//! What the fuzz target `capture` calls. `agent/capture/tests/file` calls the same with fixed seeds.

use std::io::Cursor;

use saker_capture::file::block::{BLOCK_HEADER_BYTES, FILE_HEADER_BYTES};
use saker_capture::file::{Item, Reader, Source};

/// A capture file of any bytes is read to an end, as it is and salvaged.
pub(crate) fn capture(bytes: &[u8]) {
    for salvage in [false, true] {
        let Ok(reader) = Reader::open(Cursor::new(bytes.to_vec()), salvage) else {
            continue;
        };
        let mut source = Source::new(reader, salvage).expect("memory");
        let state = source.take_state();
        let whole = |frames: &[u8]| frames.len().is_multiple_of(8);
        assert!(whole(&state.tasks) && whole(&state.files));
        let mut given = 0;
        while let Ok(Some(item)) = source.next() {
            if let Item::Record(record) = item {
                given += 1;
                assert!(record.bytes().len() >= 40);
            }
        }
        assert_eq!(source.counts().records, given);
    }
}

/// Makes the checksums of the headers and of what they cover right, as far as the lengths lead, so that what
/// stands behind them is reached.
pub(crate) fn mend(bytes: &mut [u8]) {
    if bytes.len() >= FILE_HEADER_BYTES {
        let checksum = crc32fast::hash(&bytes[..12]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    }
    let mut at = FILE_HEADER_BYTES;
    while let Some(header) = bytes.get(at..at + BLOCK_HEADER_BYTES) {
        let stored = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let start = at + BLOCK_HEADER_BYTES;
        if let Some(stored) = bytes.get(start..start.saturating_add(stored)) {
            let checksum = crc32fast::hash(stored);
            bytes[at + 48..at + 52].copy_from_slice(&checksum.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[at..at + BLOCK_HEADER_BYTES - 4]);
        bytes[at + 60..at + 64].copy_from_slice(&checksum.to_le_bytes());
        at = start.saturating_add(stored);
    }
}
