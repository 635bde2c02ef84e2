//! Files that are cut, changed, absurd.

use saker_capture::file::CaptureError;
use saker_capture::file::block::{BLOCK_HEADER_BYTES, BlockHeader, FILE_HEADER_BYTES, Kind};

use crate::bytes::{capture, read, record};
use crate::target;

fn sample() -> (Vec<u8>, Vec<u64>) {
    let stream = |tgid: u32, times: &[u64]| -> Vec<Vec<u8>> {
        times.iter().map(|&ts_ns| record(ts_ns, tgid)).collect()
    };
    let bytes = capture(&[stream(1, &[10, 20, 30, 40]), stream(2, &[15, 25, 35])], 1);
    let (times, error) = read(&bytes, false);
    assert!(error.is_none() && times.len() == 8, "{times:?} {error:?}");
    (bytes, times)
}

/// Where the blocks begin, with their headers.
fn blocks(bytes: &[u8]) -> Vec<(usize, BlockHeader)> {
    let (mut at, mut found) = (FILE_HEADER_BYTES, Vec::new());
    while let Some(header) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let header = BlockHeader::decode(header, at as u64).expect("whole");
        found.push((at, header));
        at += BLOCK_HEADER_BYTES + header.stored_bytes as usize;
    }
    found
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole_before() {
    let (bytes, whole) = sample();
    let mut longest = 0;
    for len in 0..bytes.len() {
        for salvage in [false, true] {
            let (times, error) = read(&bytes[..len], salvage);
            let error = error.unwrap_or_else(|| panic!("{len} bytes are no whole file"));
            assert!(whole.starts_with(&times), "{len}: {times:?}");
            assert!(times.len() >= longest, "{len}: more bytes, fewer records");
            longest = times.len();
            match len {
                0 => assert!(matches!(error, CaptureError::NotACapture)),
                _ => assert!(matches!(error, CaptureError::Cut { .. }), "{len}: {error}"),
            }
        }
    }
    assert_eq!(longest, whole.len(), "all records before END");
}

#[test]
fn a_changed_byte_is_found_and_the_rest_can_be_salvaged() {
    let (bytes, whole) = sample();
    let blocks = blocks(&bytes);
    let first = blocks
        .iter()
        .find(|(_, header)| header.kind == Kind::Records)
        .expect("records")
        .0;
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x41;
        let (times, error) = read(&bytes, false);
        let error = error.unwrap_or_else(|| panic!("byte {at} makes no difference"));
        assert!(whole.starts_with(&times), "{at}: {times:?}");
        assert!(!error.to_string().is_empty());
        if at < first {
            continue;
        }
        // One block at most is lost, which has one record or gap.
        let (times, error) = read(&bytes, true);
        assert!(times.len() + 1 >= whole.len(), "{at}: {times:?}");
        assert!(times.iter().all(|ts_ns| whole.contains(ts_ns)));
        let end = blocks.last().expect("blocks").0;
        // Without END nobody can tell that it is all.
        assert_eq!(
            error.is_some(),
            at >= end && times == whole && is_end_lost(&bytes, end),
            "{at}"
        );
    }
}

fn is_end_lost(bytes: &[u8], end: usize) -> bool {
    let header = bytes[end..].first_chunk().expect("a header");
    BlockHeader::decode(header, 0).is_err()
        || crc32fast::hash(&bytes[end + BLOCK_HEADER_BYTES..])
            != BlockHeader::decode(header, 0).expect("whole").checksum
}

#[test]
fn a_missing_block_is_noticed() {
    let (bytes, whole) = sample();
    let blocks = blocks(&bytes);
    let third = blocks[3].0;
    let fourth = blocks[4].0;
    let missing = [&bytes[..third], &bytes[fourth..]].concat();
    let (_, error) = read(&missing, false);
    let error = error.expect("noticed").to_string();
    assert!(error.contains(&format!("offset {third}")), "{error}");
    let (times, _) = read(&missing, true);
    assert_eq!(times.len(), whole.len() - 1);
}

#[test]
fn what_follows_the_end_is_no_part_of_it() {
    let (mut bytes, _) = sample();
    bytes.extend_from_slice(&bytes.clone()[FILE_HEADER_BYTES..]);
    let (times, error) = read(&bytes, false);
    assert!(matches!(error, Some(CaptureError::Damaged { .. })));
    assert_eq!(times.len(), 8);
}

/// The fuzz target's body on changed captures, with fixed seeds: no panic, no loop without end, bounded memory.
#[test]
fn changed_captures_end_in_errors() {
    let (bytes, _) = sample();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..2_000 {
        let mut bytes = bytes.clone();
        for _ in 0..random() % 8 {
            let at = random() % bytes.len().max(1);
            match random() % 16 {
                0 => bytes.truncate(at.max(1)),
                1..4 => _ = bytes.remove(at.min(bytes.len() - 1)),
                4..8 => bytes.insert(at, random() as u8),
                _ => bytes[at] = random() as u8,
            }
            // Half of them get past the checksums.
            if random() % 2 == 0 {
                target::mend(&mut bytes);
            }
        }
        target::capture(&bytes);
    }
}
