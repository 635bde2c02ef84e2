//! Reading the blocks of one capture file.

use std::io::{self, BufRead, BufReader, Read};

use zstd::bulk::Decompressor;

use super::block::{
    BLOCK_HEADER_BYTES, BLOCK_MAGIC, Block, BlockHeader, FILE_HEADER_BYTES, Kind, check_file_header,
};
use super::error::CaptureError;
use super::frames;
use super::meta::{Meta, MetaGap, Totals};
use super::{MAGIC, MAX_BLOCK_GAPS, MAX_STATE_BYTES};

/// Bytes read from the file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A capture file being read, at a block behind its STATE.
pub struct Reader {
    input: Box<dyn BufRead + Send>,
    decompressor: Decompressor<'static>,
    offset: u64,
    meta: Meta,
    state: [Vec<u8>; 2],
    /// Read on the way through STATE and not given out yet.
    ahead: Option<Block>,
    /// Go on behind what is damaged.
    salvage: bool,
    blocks: u32,
    checksum: crc32fast::Hasher,
    totals: Option<Totals>,
    damaged: Vec<CaptureError>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("offset", &self.offset)
            .field("salvage", &self.salvage)
            .field("damaged", &self.damaged)
            .finish_non_exhaustive()
    }
}

/// Damages remembered by a reader that goes on; more are as good as this many.
const MAX_DAMAGED: usize = 64;

impl Reader {
    /// Reads the beginning of a file: its description and what ran when it began. With `salvage`, damaged
    /// blocks are left out instead of ending the reading.
    ///
    /// # Errors
    /// When the file cannot be used at all, or is damaged there.
    pub fn open(input: impl Read + Send + 'static, salvage: bool) -> Result<Self, CaptureError> {
        let mut reader = Self {
            input: Box::new(BufReader::with_capacity(BUFFER_BYTES, input)),
            decompressor: Decompressor::new()?,
            offset: 0,
            meta: Meta::default(),
            state: [Vec::new(), Vec::new()],
            ahead: None,
            salvage,
            blocks: 0,
            checksum: crc32fast::Hasher::new(),
            totals: None,
            damaged: Vec::new(),
        };
        let mut header = [0; FILE_HEADER_BYTES];
        match reader.fill(&mut header)? {
            FILE_HEADER_BYTES => check_file_header(&header)?,
            0 => return Err(CaptureError::NotACapture),
            bytes => {
                let known = bytes.min(MAGIC.len());
                return Err(match header[..known] == MAGIC[..known] {
                    true => CaptureError::Cut { offset: 0 },
                    false => CaptureError::NotACapture,
                });
            }
        }
        reader.read_meta()?;
        reader.read_state()?;
        Ok(reader)
    }

    /// The description.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What ran when the file began, once: frames of TASK and of FILE records.
    pub fn take_state(&mut self) -> [Vec<u8>; 2] {
        std::mem::take(&mut self.state)
    }

    /// What END says, when it has been read.
    pub const fn totals(&self) -> Option<&Totals> {
        self.totals.as_ref()
    }

    /// What was left out, when reading goes on behind damage.
    pub fn damaged(&self) -> &[CaptureError] {
        &self.damaged
    }

    /// The next RECORDS or GAP block; `None` behind END.
    ///
    /// # Errors
    /// What is wrong with the rest of the file. When salvaging, what is wrong inside is left out
    /// and remembered; only a file that ends early is an error.
    pub fn next_block(&mut self) -> Result<Option<Block>, CaptureError> {
        if let Some(block) = self.ahead.take() {
            return Ok(Some(block));
        }
        loop {
            if self.totals.is_some() {
                return Ok(None);
            }
            match self.step() {
                Ok(Some(block)) if matches!(block.header.kind, Kind::Records | Kind::Gap) => {
                    return Ok(Some(block));
                }
                Ok(Some(block)) => self.put_aside(CaptureError::Damaged {
                    offset: block.offset,
                    what: "a block of the beginning of a file",
                })?,
                Ok(None) => return Ok(None),
                Err(error) => self.put_aside(error)?,
            }
        }
    }

    /// The gaps in a GAP block.
    ///
    /// # Errors
    /// When it holds something else.
    pub fn gaps(&mut self, block: &Block) -> Result<Vec<MetaGap>, CaptureError> {
        let mut raw = Vec::new();
        block.decompress(&mut self.decompressor, &mut raw)?;
        let gaps: Vec<MetaGap> = serde_json::from_slice(&raw).unwrap_or_default();
        if gaps.is_empty() || gaps.len() > MAX_BLOCK_GAPS {
            return Err(CaptureError::Damaged {
                offset: block.offset,
                what: "a list of gaps that is none",
            });
        }
        Ok(gaps)
    }

    /// Remembers a fault when salvaging, else it is the end.
    pub(super) fn put_aside(&mut self, error: CaptureError) -> Result<(), CaptureError> {
        if !self.salvage || !error.is_local() {
            return Err(error);
        }
        if self.damaged.len() < MAX_DAMAGED {
            self.damaged.push(error);
        }
        Ok(())
    }

    fn read_meta(&mut self) -> Result<(), CaptureError> {
        // Without it nothing that follows can be understood, so nothing is left out here.
        let offset = self.offset;
        let block = self.block()?;
        if block.header.kind != Kind::Meta {
            let what = "the file does not begin with its description";
            return Err(CaptureError::Damaged { offset, what });
        }
        let mut raw = Vec::new();
        block.decompress(&mut self.decompressor, &mut raw)?;
        self.meta = Meta::parse(&raw).map_err(CaptureError::Meta)?;
        Ok(())
    }

    fn read_state(&mut self) -> Result<(), CaptureError> {
        let mut raw = Vec::new();
        loop {
            let block = match self.step() {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(()),
                // The rest is reported when it is its turn: there may be records behind it.
                Err(error) => match self.put_aside(error) {
                    Ok(()) => continue,
                    Err(error) => return Err(error),
                },
            };
            if block.header.kind != Kind::State {
                self.ahead = Some(block);
                return Ok(());
            }
            let what = match block.header.stream {
                stream @ 0..2 => usize::from(stream),
                _ => continue,
            };
            if let Err(error) = block.decompress(&mut self.decompressor, &mut raw) {
                self.put_aside(error)?;
                continue;
            }
            let total = self.state.iter().map(Vec::len).sum::<usize>() + raw.len();
            if total > MAX_STATE_BYTES {
                return Err(CaptureError::TooLarge {
                    offset: block.offset,
                    bytes: total as u64,
                    limit: MAX_STATE_BYTES as u64,
                });
            }
            // A block ends where a frame ends; what is damaged behind one must not be joined to it.
            let whole = frames::split(&raw, usize::MAX);
            self.state[what].extend_from_slice(&raw[..whole]);
        }
    }

    /// The next block that is not END; `None` for END.
    fn step(&mut self) -> Result<Option<Block>, CaptureError> {
        let before = self.checksum.clone();
        let block = self.block()?;
        if block.header.kind != Kind::End {
            return Ok(Some(block));
        }
        let mut raw = Vec::new();
        block.decompress(&mut self.decompressor, &mut raw)?;
        let damaged = |what| CaptureError::Damaged {
            offset: block.offset,
            what,
        };
        let totals: Totals =
            serde_json::from_slice(&raw).map_err(|_| damaged("the totals at the end"))?;
        self.totals = Some(totals);
        if totals.blocks != block.header.sequence || totals.checksum != before.finalize() {
            return Err(damaged(
                "the totals at the end are not those of the blocks before",
            ));
        }
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        Err(damaged("something follows the end"))
    }

    /// The next block, whole, whatever it is.
    fn block(&mut self) -> Result<Block, CaptureError> {
        let mut bytes = [0; BLOCK_HEADER_BYTES];
        let mut offset = self.offset;
        if self.fill(&mut bytes)? < BLOCK_HEADER_BYTES {
            return Err(CaptureError::Cut { offset });
        }
        let header = match BlockHeader::decode(&bytes, offset) {
            Ok(header) => header,
            Err(error) => {
                self.put_aside(error)?;
                let found = self.find_header(bytes)?;
                offset = self.offset - BLOCK_HEADER_BYTES as u64;
                bytes = found.encode();
                found
            }
        };
        let mut stored = vec![0; header.stored_bytes as usize];
        if self.fill(&mut stored)? < stored.len() {
            return Err(CaptureError::Cut { offset });
        }
        self.checksum.update(&bytes);
        let expected = std::mem::replace(&mut self.blocks, header.sequence.wrapping_add(1));
        let damaged = |what| Err(CaptureError::Damaged { offset, what });
        if crc32fast::hash(&stored) != header.checksum {
            return damaged("the checksum of the block is wrong");
        }
        if header.sequence != expected && !self.salvage {
            return damaged("a block before this one is missing");
        }
        Ok(Block {
            header,
            offset,
            stored,
        })
    }

    /// Looks for the next header behind one that is damaged; the reader stands behind it then.
    fn find_header(
        &mut self,
        mut window: [u8; BLOCK_HEADER_BYTES],
    ) -> Result<BlockHeader, CaptureError> {
        loop {
            let mut byte = [0];
            if self.fill(&mut byte)? == 0 {
                return Err(CaptureError::Cut {
                    offset: self.offset,
                });
            }
            window.copy_within(1.., 0);
            window[BLOCK_HEADER_BYTES - 1] = byte[0];
            if window[..4] == BLOCK_MAGIC
                && let Ok(header) = BlockHeader::decode(&window, self.offset)
            {
                return Ok(header);
            }
        }
    }

    /// Reads into `into` as far as the file goes; returns how far.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut got = 0;
        while got < into.len() {
            match self.input.read(&mut into[got..]) {
                Ok(0) => break,
                Ok(bytes) => got += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.offset += got as u64;
        Ok(got)
    }
}
