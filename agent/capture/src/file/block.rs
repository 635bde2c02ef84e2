//! Headers of file and blocks.

use zstd::bulk::Decompressor;

use super::error::CaptureError;
use super::{MAGIC, MAX_META_BYTES, MAX_RECORDS_BYTES, MAX_SMALL_BYTES, MAX_STREAMS, VERSION};

/// Bytes of the file's header.
pub const FILE_HEADER_BYTES: usize = 16;

/// Bytes of a block's header.
pub const BLOCK_HEADER_BYTES: usize = 64;

/// First bytes of a block.
pub const BLOCK_MAGIC: [u8; 4] = *b"SBLK";

/// Where the header's own checksum is.
const CHECKSUM_AT: usize = BLOCK_HEADER_BYTES - 4;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// The description.
    Meta = 1,
    /// What ran when the file began.
    State = 2,
    /// Records of a stream.
    Records = 3,
    /// Records a stream misses.
    Gap = 4,
    /// The last block.
    End = 5,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Meta, Self::State, Self::Records, Self::Gap, Self::End];

    /// Raw bytes at most.
    pub const fn max_bytes(self) -> u32 {
        match self {
            Self::Meta => MAX_META_BYTES,
            Self::State | Self::Records => MAX_RECORDS_BYTES,
            Self::Gap | Self::End => MAX_SMALL_BYTES,
        }
    }
}

/// Header of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// What it holds.
    pub kind: Kind,
    /// Stream it belongs to, 0 for those of no stream.
    pub stream: u16,
    /// Bytes that follow.
    pub stored_bytes: u32,
    /// Bytes they decompress to.
    pub raw_bytes: u32,
    /// Records in it.
    pub records: u32,
    /// Number of the block in its file, from 0.
    pub sequence: u32,
    /// Time of its first record (`CLOCK_BOOTTIME`); 0 when there is none.
    pub first_ns: u64,
    /// Time of its last record.
    pub last_ns: u64,
    /// All records of the stream stamped at or before this are in this block or before it.
    pub watermark_ns: u64,
    /// CRC-32 of the stored bytes.
    pub checksum: u32,
}

/// The header of a file.
pub fn file_header() -> [u8; FILE_HEADER_BYTES] {
    let mut bytes = [0; FILE_HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Whether a file that begins like this can be read.
///
/// # Errors
/// When it is no capture, of another version, or damaged.
pub fn check_file_header(bytes: &[u8; FILE_HEADER_BYTES]) -> Result<(), CaptureError> {
    if bytes[..8] != MAGIC {
        return Err(CaptureError::NotACapture);
    }
    if crc32fast::hash(&bytes[..12]) != u32_at(bytes, 12) {
        let what = "the header of the file";
        return Err(CaptureError::Damaged { offset: 0, what });
    }
    match u32_at(bytes, 8) {
        VERSION => Ok(()),
        found => Err(CaptureError::Version {
            found,
            known: VERSION,
        }),
    }
}

impl BlockHeader {
    /// The bytes of the header; the last four are its checksum.
    pub fn encode(&self) -> [u8; BLOCK_HEADER_BYTES] {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&BLOCK_MAGIC);
        put(&(self.kind as u16).to_le_bytes());
        put(&self.stream.to_le_bytes());
        for number in [
            self.stored_bytes,
            self.raw_bytes,
            self.records,
            self.sequence,
        ] {
            put(&number.to_le_bytes());
        }
        for time in [self.first_ns, self.last_ns, self.watermark_ns] {
            put(&time.to_le_bytes());
        }
        put(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header in `bytes`, which stood at `offset`.
    ///
    /// # Errors
    /// When the bytes are none, or claim what no recorder writes.
    pub fn decode(bytes: &[u8; BLOCK_HEADER_BYTES], offset: u64) -> Result<Self, CaptureError> {
        let damaged = |what| CaptureError::Damaged { offset, what };
        if bytes[..4] != BLOCK_MAGIC {
            return Err(damaged("no block begins here"));
        }
        if crc32fast::hash(&bytes[..CHECKSUM_AT]) != u32_at(bytes, CHECKSUM_AT) {
            return Err(damaged("the checksum of the block's header is wrong"));
        }
        let number = u16::from_le_bytes([bytes[4], bytes[5]]);
        let kind = Kind::ALL.into_iter().find(|&kind| kind as u16 == number);
        let header = Self {
            kind: kind.ok_or_else(|| damaged("a kind of block there is not"))?,
            stream: u16::from_le_bytes([bytes[6], bytes[7]]),
            stored_bytes: u32_at(bytes, 8),
            raw_bytes: u32_at(bytes, 12),
            records: u32_at(bytes, 16),
            sequence: u32_at(bytes, 20),
            first_ns: u64_at(bytes, 24),
            last_ns: u64_at(bytes, 32),
            watermark_ns: u64_at(bytes, 40),
            checksum: u32_at(bytes, 48),
        };
        if header.stream >= MAX_STREAMS {
            return Err(damaged("a stream beyond those there can be"));
        }
        let limit = header.kind.max_bytes();
        let stored_limit = zstd::zstd_safe::compress_bound(limit as usize) as u64;
        let (raw, stored) = (header.raw_bytes.into(), header.stored_bytes.into());
        for (bytes, limit) in [(raw, limit.into()), (stored, stored_limit)] {
            if bytes > limit {
                return Err(CaptureError::TooLarge {
                    offset,
                    bytes,
                    limit,
                });
            }
        }
        Ok(header)
    }
}

/// A block as it stands in the file, its checksum found right.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its header.
    pub header: BlockHeader,
    /// Where it begins.
    pub offset: u64,
    /// Its bytes, compressed.
    pub stored: Vec<u8>,
}

impl Block {
    /// Puts the raw bytes into `raw`. No more memory is used than the header says, which is bounded.
    ///
    /// # Errors
    /// When they decompress to anything else than the header says.
    pub fn decompress(
        &self,
        decompressor: &mut Decompressor<'_>,
        raw: &mut Vec<u8>,
    ) -> Result<(), CaptureError> {
        let expected = self.header.raw_bytes as usize;
        raw.clear();
        raw.reserve_exact(expected);
        raw.resize(expected, 0);
        match decompressor.decompress_to_buffer(&self.stored, &mut raw[..]) {
            Ok(bytes) if bytes == expected => Ok(()),
            _ => {
                raw.clear();
                Err(CaptureError::Damaged {
                    offset: self.offset,
                    what: "the block decompresses to something else than it says",
                })
            }
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BlockHeader {
        BlockHeader {
            kind: Kind::Records,
            stream: 3,
            stored_bytes: 100,
            raw_bytes: 1000,
            records: 7,
            sequence: 9,
            first_ns: 1 << 40,
            last_ns: 1 << 41,
            watermark_ns: u64::MAX,
            checksum: 0xdead_beef,
        }
    }

    #[test]
    fn headers_come_back() {
        let bytes = header().encode();
        assert_eq!(BlockHeader::decode(&bytes, 0).expect("a header"), header());
        check_file_header(&file_header()).expect("our own");
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        for bit in 0..BLOCK_HEADER_BYTES * 8 {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = BlockHeader::decode(&bytes, 77).expect_err("damaged");
            assert!(error.to_string().contains("offset 77"), "{error}");
        }
    }

    #[test]
    fn absurd_lengths_are_refused_though_their_checksum_is_right() {
        let absurd = BlockHeader {
            raw_bytes: u32::MAX,
            ..header()
        };
        let error = BlockHeader::decode(&absurd.encode(), 0).expect_err("too large");
        assert!(matches!(error, CaptureError::TooLarge { .. }), "{error}");
        let stored = BlockHeader {
            stored_bytes: u32::MAX,
            ..header()
        };
        assert!(BlockHeader::decode(&stored.encode(), 0).is_err());
        let stream = BlockHeader {
            stream: MAX_STREAMS,
            ..header()
        };
        assert!(BlockHeader::decode(&stream.encode(), 0).is_err());
    }

    #[test]
    fn other_versions_are_named() {
        let mut bytes = file_header();
        bytes[8] = 9;
        let checksum = crc32fast::hash(&bytes[..12]);
        bytes[12..].copy_from_slice(&checksum.to_le_bytes());
        let error = check_file_header(&bytes).expect_err("another version");
        assert!(matches!(error, CaptureError::Version { found: 9, .. }));
        bytes[9] = 1;
        assert!(matches!(
            check_file_header(&bytes),
            Err(CaptureError::Damaged { offset: 0, .. })
        ));
    }

    #[test]
    fn a_bomb_gets_no_more_room_than_its_header_asks_for() {
        let stored = zstd::bulk::compress(&vec![0; 8 << 20], 1).expect("compressed");
        let block = Block {
            header: BlockHeader {
                raw_bytes: 4096,
                ..header()
            },
            offset: 5,
            stored,
        };
        let mut raw = Vec::new();
        let mut decompressor = Decompressor::new().expect("memory");
        let error = block.decompress(&mut decompressor, &mut raw);
        assert!(matches!(
            error,
            Err(CaptureError::Damaged { offset: 5, .. })
        ));
        assert!(raw.capacity() <= 4096);
    }
}
