//! Writing a capture file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use saker_abi::driver::Iterate;
use zstd::bulk::Compressor;

use super::block::{BlockHeader, Kind, file_header};
use super::frames;
use super::meta::{Meta, MetaGap, Totals};
use super::{MAX_BLOCK_GAPS, MAX_RECORDS_BYTES};
use crate::ledger::Gap;
use crate::recorder::Chunk;

/// Level of zstd: the lowest that finds the repetitions of records; 400 MB/s and more a core.
const ZSTD_LEVEL: i32 = 1;

/// Raw bytes of a STATE block.
const STATE_BLOCK_BYTES: usize = MAX_RECORDS_BYTES as usize / 2;

/// A file being written. Without [`CaptureWriter::finish`] it has no END, which readers notice.
pub struct CaptureWriter<W: Write = BufWriter<File>> {
    output: W,
    path: PathBuf,
    compressor: Compressor<'static>,
    stored: Vec<u8>,
    written_bytes: u64,
    totals: Totals,
    checksum: crc32fast::Hasher,
}

impl<W: Write> std::fmt::Debug for CaptureWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureWriter")
            .field("path", &self.path)
            .field("written_bytes", &self.written_bytes)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

impl CaptureWriter {
    /// Makes the file, which must not exist (a symbolic link counts as existing), for its owner alone,
    /// and writes the description.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path, meta: &Meta) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)?;
        Self::new(BufWriter::new(file), path, meta)
    }

    /// Writes END and waits until the file is on its disk.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn finish(mut self) -> io::Result<Totals> {
        self.end()?;
        self.output.flush()?;
        self.output.get_ref().sync_all()?;
        Ok(self.totals)
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Writes to `output`, which errors call `path`.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(output: W, path: &Path, meta: &Meta) -> io::Result<Self> {
        let mut writer = Self {
            output,
            path: path.to_owned(),
            compressor: Compressor::new(ZSTD_LEVEL)?,
            stored: Vec::new(),
            written_bytes: 0,
            totals: Totals::default(),
            checksum: crc32fast::Hasher::new(),
        };
        let header = file_header();
        writer.output.write_all(&header)?;
        writer.written_bytes = header.len() as u64;
        writer.block(Part::new(Kind::Meta), &serde_json::to_vec(meta)?)?;
        Ok(writer)
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file so far.
    pub const fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// What it holds so far.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Everything an iterator has said ([`crate::Driver::iterate`]); before the first records.
    ///
    /// # Errors
    /// Those of the output.
    pub fn state(&mut self, what: Iterate, mut bytes: &[u8]) -> io::Result<()> {
        let stream = match what {
            Iterate::Tasks => 0,
            Iterate::Files => 1,
        };
        loop {
            let (block, rest) = bytes.split_at(frames::split(bytes, STATE_BLOCK_BYTES));
            if block.is_empty() {
                return Ok(());
            }
            let records = count(block);
            self.totals.state_records += u64::from(records);
            let part = Part {
                stream,
                records,
                ..Part::new(Kind::State)
            };
            self.block(part, block)?;
            bytes = rest;
        }
    }

    /// The records of a chunk, and the gaps before them.
    ///
    /// # Errors
    /// Those of the output.
    pub fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        for gaps in chunk.gaps().chunks(MAX_BLOCK_GAPS) {
            self.gaps(chunk.stream(), gaps)?;
        }
        let part = Part {
            stream: chunk.stream(),
            records: chunk.records(),
            first_ns: chunk.first_ns(),
            last_ns: chunk.last_ns(),
            watermark_ns: chunk.watermark_ns(),
            ..Part::new(Kind::Records)
        };
        self.totals.records += u64::from(chunk.records());
        self.totals.record_bytes += chunk.bytes().len() as u64;
        self.block(part, chunk.bytes())
    }

    /// Writes END; the last thing.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self) -> io::Result<()> {
        self.totals.checksum = self.checksum.clone().finalize();
        self.block(Part::new(Kind::End), &serde_json::to_vec(&self.totals)?)?;
        // The block that counts is not one of those it counts.
        self.totals.blocks -= 1;
        Ok(())
    }

    fn gaps(&mut self, stream: u16, gaps: &[Gap]) -> io::Result<()> {
        let list: Vec<MetaGap> = gaps.iter().map(MetaGap::new).collect();
        self.totals.lost += gaps.iter().map(|gap| gap.records).sum::<u64>();
        let part = Part {
            stream,
            first_ns: gaps.iter().map(|gap| gap.from_ns).min().unwrap_or(0),
            last_ns: gaps.iter().map(|gap| gap.until_ns).max().unwrap_or(0),
            ..Part::new(Kind::Gap)
        };
        self.block(part, &serde_json::to_vec(&list)?)
    }

    fn block(&mut self, part: Part, raw: &[u8]) -> io::Result<()> {
        if raw.len() > part.kind.max_bytes() as usize {
            let text = format!("a block of {} bytes, more than readers take", raw.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.stored.clear();
        self.stored
            .reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.compressor.compress_to_buffer(raw, &mut self.stored)?;
        let header = BlockHeader {
            kind: part.kind,
            stream: part.stream,
            stored_bytes: self.stored.len() as u32,
            raw_bytes: raw.len() as u32,
            records: part.records,
            sequence: self.totals.blocks,
            first_ns: part.first_ns,
            last_ns: part.last_ns,
            watermark_ns: part.watermark_ns,
            checksum: crc32fast::hash(&self.stored),
        }
        .encode();
        self.checksum.update(&header);
        self.totals.blocks += 1;
        self.output.write_all(&header)?;
        self.output.write_all(&self.stored)?;
        self.written_bytes += (header.len() + self.stored.len()) as u64;
        Ok(())
    }
}

/// What a block's header says about its content.
struct Part {
    kind: Kind,
    stream: u16,
    records: u32,
    first_ns: u64,
    last_ns: u64,
    watermark_ns: u64,
}

impl Part {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            stream: 0,
            records: 0,
            first_ns: 0,
            last_ns: 0,
            watermark_ns: 0,
        }
    }
}

fn count(bytes: &[u8]) -> u32 {
    let (mut at, mut records) = (0, 0);
    while let Some((_, next)) = frames::at(bytes, at) {
        at = next;
        records += 1;
    }
    records
}
