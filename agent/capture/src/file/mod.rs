//! Capture files: what a driver recorded, to be replayed on any machine (docs/capture-format.md).
//!
//! ```text
//! file      "SAKERCAP"  u32 version  u32 CRC-32 of the twelve bytes before it
//! block     header of 64 bytes ([`block::BlockHeader`]), then the stored bytes
//!           META      JSON ([`Meta`]): the machine, and the event table the records follow
//!           STATE     what ran when the file began: frames of TASK (stream 0), then of FILE records (stream 1)
//!           RECORDS   records of one partition, a stream, in the order its worker got them
//!           GAP       JSON: records that are missing before the next RECORDS of the stream
//!           END       JSON ([`Totals`]): what the file holds, a checksum over all headers
//! ```
//!
//! Numbers are little-endian. Stored bytes are a zstd frame of the raw ones, and have a CRC-32 of their
//! own beside that of the header. META comes first, STATE follows, END is last; RECORDS and GAP come in
//! between, streams mixed. A frame is as iterators give it ([`saker_abi::driver::frames`]): u32 length,
//! u32 zero, the record, padding to 8.
//!
//! Each stream says at least once a second of event time up to where it is complete (`watermark_ns`), with
//! an empty block if there was nothing. So the streams can be merged by time with little in memory.
//!
//! Whatever the bytes are, reading ends with an error that names the offset, and needs no more memory
//! than the limits below.

pub mod block;
pub mod error;
pub mod frames;
pub mod meta;
pub mod reader;
pub mod source;
pub mod table;
pub mod writer;

pub use block::{Block, BlockHeader, Kind};
pub use error::CaptureError;
pub use meta::{Meta, Totals};
pub use reader::Reader;
pub use source::{Item, Source, State};
pub use table::Table;
pub use writer::CaptureWriter;

/// First bytes of a capture file.
pub const MAGIC: [u8; 8] = *b"SAKERCAP";

/// Version of the format. A reader refuses others: what can be told apart by names needs no new one.
pub const VERSION: u32 = 1;

/// End of the names of capture files.
pub const EXTENSION: &str = "saker";

/// Raw bytes of a META block at most: the largest user database is some 8 MiB.
pub const MAX_META_BYTES: u32 = 32 << 20;

/// Raw bytes of a STATE or RECORDS block at most.
pub const MAX_RECORDS_BYTES: u32 = 1 << 20;

/// Raw bytes of a GAP or END block at most.
pub const MAX_SMALL_BYTES: u32 = 64 << 10;

/// Raw bytes of all STATE blocks together at most: a million descriptors take half of it.
pub const MAX_STATE_BYTES: usize = 256 << 20;

/// Streams of a file at most.
pub const MAX_STREAMS: u16 = 64;

/// Stored bytes of blocks that wait for other streams at most. When there are more, the oldest record
/// goes on without waiting, which only a damaged or lopsided file brings about.
pub const MAX_WAITING_BYTES: usize = 64 << 20;

/// Gaps in one GAP block at most.
pub const MAX_BLOCK_GAPS: usize = 64;
