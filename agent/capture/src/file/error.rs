//! What can be wrong with a capture file.

use std::io;

/// Why a capture file cannot be read, or not any further. Offsets are bytes from the beginning of the
/// file.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not begin as a capture file does.
    #[error("this is no capture file: it does not begin with SAKERCAP")]
    NotACapture,
    /// Another version of the format.
    #[error(
        "format version {found}; this saker reads version {known}: use the one that recorded it"
    )]
    Version {
        /// Version of the file.
        found: u32,
        /// Version that is read.
        known: u32,
    },
    /// It ends inside a block, or without END: the recorder did not come to its end, or the copy is
    /// not complete.
    #[error("the file ends early, at offset {offset}; what is before that is whole")]
    Cut {
        /// Where the block that is not there begins.
        offset: u64,
    },
    /// Bytes have changed.
    #[error("damaged at offset {offset}: {what}")]
    Damaged {
        /// Where the block begins.
        offset: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A length that no recorder writes.
    #[error("damaged at offset {offset}: {bytes} bytes, {limit} are the most there can be")]
    TooLarge {
        /// Where the block begins.
        offset: u64,
        /// Bytes it claims.
        bytes: u64,
        /// Most that are allowed.
        limit: u64,
    },
    /// The description does not make sense.
    #[error("the description at the beginning of the file cannot be used: {0}")]
    Meta(String),
    /// Files given one after the other do not belong together.
    #[error(
        "this file does not follow the one before it ({0}); give the files of one recording in the \
         order of their numbers"
    )]
    NotNext(&'static str),
}

impl CaptureError {
    /// Whether what comes after the fault may be whole.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::TooLarge { .. })
    }
}
