//! The records of one or several files of a recording, in one order of time.
//!
//! Each stream is in order already. They are merged by `max(time, last time of the stream)`; of equal times
//! births go last, as the fork that explains one has the same time, then the stream's number decides. So the
//! order depends on the files and on nothing else.
//!
//! A record goes out when every other stream has one, too, or is complete up to its time. What waits for
//! that stays compressed.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};

use saker_abi::raw::{
    SAKER_EV_ACTED, SAKER_EV_CLONE, SAKER_EV_CLONE3, SAKER_EV_FILE, SAKER_EV_FORK, SAKER_EV_GIVEN,
    SAKER_EV_VFORK, SAKER_P_CLONE_res,
};
use saker_abi::record::Record;
use zstd::bulk::Decompressor;

use super::MAX_WAITING_BYTES;
use super::block::{Block, Kind};
use super::error::CaptureError;
use super::frames;
use super::meta::{Meta, Totals};
use super::reader::Reader;
use super::table::{Table, Translated};
use crate::ledger::Gap;

/// Names of unknown events that are counted one by one.
const MAX_UNKNOWN: usize = 1024;

/// What ran when the recording began, as frames of this agent's records.
#[derive(Debug, Default)]
pub struct State {
    /// TASK records.
    pub tasks: Vec<u8>,
    /// FILE records.
    pub files: Vec<u8>,
}

/// What comes next.
#[derive(Debug)]
pub enum Item<'a> {
    /// A record.
    Record(Record<'a>),
    /// Records are missing.
    Gap(Gap),
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records given out.
    pub records: u64,
    /// Records of events this agent does not know, by name.
    pub unknown: BTreeMap<String, u64>,
    /// Records that are none.
    pub undecodable: u64,
    /// Records that are missing, as far as gaps tell.
    pub lost: u64,
    /// Records that went out though another stream was not complete.
    pub unordered: u64,
    /// Faults that were passed over.
    pub damaged: u64,
}

/// Files being read.
#[derive(Debug)]
pub struct Source {
    reader: Reader,
    path: PathBuf,
    rest: VecDeque<PathBuf>,
    salvage: bool,
    meta: Meta,
    table: Table,
    state: State,
    decoder: Decoder,
    streams: Vec<Stream>,
    waiting_bytes: usize,
    ended: bool,
    /// What ended the reading; reported when everything before it is out.
    fault: Option<CaptureError>,
    /// Faults of files that were read to their end.
    damaged: u64,
}

/// What turns blocks into records.
struct Decoder {
    decompressor: Decompressor<'static>,
    counts: Counts,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.counts.fmt(f)
    }
}

#[derive(Debug, Default)]
struct Stream {
    waiting: VecDeque<Waiting>,
    /// The frames being gone through, and where the next one begins.
    raw: Vec<u8>,
    at: usize,
    /// The head, where it had to be translated.
    translated: Vec<u8>,
    head: Option<Head>,
    last_ns: u64,
    watermark_ns: u64,
}

#[derive(Debug)]
enum Waiting {
    Block(Block),
    Gap(Gap),
}

/// What each takes besides the bytes of a block.
const WAITING_ENTRY_BYTES: usize = size_of::<Waiting>();

/// What a stream gives next.
#[derive(Debug, Clone, Copy)]
struct Head {
    key_ns: u64,
    birth: bool,
    what: Found,
}

#[derive(Debug, Clone, Copy)]
enum Found {
    Frame { start: usize, len: usize },
    Translated,
    Gap(Gap),
}

impl Source {
    /// Opens the files of a recording, one or several in their order.
    ///
    /// # Errors
    /// When the first one cannot be used at all.
    pub fn open(paths: &[PathBuf], salvage: bool) -> Result<Self, CaptureError> {
        let mut rest: VecDeque<PathBuf> = paths.iter().cloned().collect();
        let path = rest.pop_front().unwrap_or_default();
        let mut source = Self::new(Reader::open(File::open(&path)?, salvage)?, salvage)?;
        (source.path, source.rest) = (path, rest);
        Ok(source)
    }

    /// The records of one file.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new(mut reader: Reader, salvage: bool) -> Result<Self, CaptureError> {
        let meta = reader.meta().clone();
        let table = Table::new(&meta);
        let [tasks, files] = reader.take_state();
        let state = State {
            tasks: table.translate_frames(tasks),
            files: table.translate_frames(files),
        };
        Ok(Self {
            reader,
            path: PathBuf::new(),
            rest: VecDeque::new(),
            salvage,
            table,
            state,
            decoder: Decoder {
                decompressor: Decompressor::new()?,
                counts: Counts::default(),
            },
            streams: (0..meta.partitions).map(|_| Stream::default()).collect(),
            meta,
            waiting_bytes: 0,
            ended: false,
            fault: None,
            damaged: 0,
        })
    }

    /// The description of the first file.
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Whether records are taken as they are, without a translation.
    pub const fn is_same_table(&self) -> bool {
        self.table.is_same()
    }

    /// What ran when the recording began, once.
    pub fn take_state(&mut self) -> State {
        std::mem::take(&mut self.state)
    }

    /// The file being read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was read so far.
    pub fn counts(&self) -> Counts {
        Counts {
            damaged: self.damaged + self.reader.damaged().len() as u64,
            ..self.decoder.counts.clone()
        }
    }

    /// What the END of the last file says, once it has been read.
    pub const fn totals(&self) -> Option<&Totals> {
        self.reader.totals()
    }

    /// The next record or gap; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the files, after everything whole before it was given out.
    #[expect(
        clippy::should_implement_trait,
        reason = "it lends, an iterator cannot"
    )]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, CaptureError> {
        let at = loop {
            self.fill_heads();
            let best = self.best();
            match best {
                Some(at) if self.ended || self.is_complete(at) => break at,
                None if self.ended => {
                    return match self.fault.take() {
                        Some(fault) => Err(fault),
                        None => Ok(None),
                    };
                }
                Some(at) if self.waiting_bytes > MAX_WAITING_BYTES => {
                    self.decoder.counts.unordered += 1;
                    break at;
                }
                _ => self.read(),
            }
        };
        Ok(self.deliver(at))
    }

    /// Reads a block and puts it to its stream.
    fn read(&mut self) {
        let result = match self.reader.next_block() {
            Ok(Some(block)) => self.route(block),
            Ok(None) => self.next_file(),
            // What is missing of this file is known to whoever salvages; the next one may be whole.
            Err(error) if self.salvage && !self.rest.is_empty() => {
                self.damaged += 1;
                tracing::warn!("{}: {error}", self.path.display());
                self.next_file()
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.fault = Some(error);
            self.ended = true;
        }
    }

    fn route(&mut self, block: Block) -> Result<(), CaptureError> {
        let Some(stream) = self.streams.get_mut(usize::from(block.header.stream)) else {
            return self.reader.put_aside(CaptureError::Damaged {
                offset: block.offset,
                what: "a stream the description does not know",
            });
        };
        if block.header.kind == Kind::Gap {
            let number = block.header.stream;
            match self.reader.gaps(&block) {
                Ok(gaps) => {
                    self.waiting_bytes += gaps.len() * WAITING_ENTRY_BYTES;
                    let gaps = gaps.iter().map(|gap| Waiting::Gap(gap.gap(number)));
                    stream.waiting.extend(gaps);
                }
                Err(error) => self.reader.put_aside(error)?,
            }
            return Ok(());
        }
        stream.watermark_ns = stream.watermark_ns.max(block.header.watermark_ns);
        if block.header.records > 0 {
            self.waiting_bytes += WAITING_ENTRY_BYTES + block.stored.len();
            stream.waiting.push_back(Waiting::Block(block));
        }
        Ok(())
    }

    fn next_file(&mut self) -> Result<(), CaptureError> {
        let Some(path) = self.rest.pop_front() else {
            self.ended = true;
            return Ok(());
        };
        self.path = path;
        let reader = Reader::open(File::open(&self.path)?, self.salvage)?;
        let follows = self.reader.meta().is_followed_by(reader.meta());
        follows.map_err(CaptureError::NotNext)?;
        // What ran when it began is known from the records before it.
        self.damaged += self.reader.damaged().len() as u64;
        self.reader = reader;
        Ok(())
    }

    fn fill_heads(&mut self) {
        for stream in &mut self.streams {
            if stream.head.is_some() {
                continue;
            }
            let fault = stream.fill(&self.table, &mut self.decoder, &mut self.waiting_bytes);
            if let Err(error) = fault
                && let Err(error) = self.reader.put_aside(error)
            {
                // Its stream ends here; the fault is reported when the others are through.
                (self.fault, self.ended) = (Some(error), true);
                stream.waiting.clear();
            }
        }
    }

    fn best(&self) -> Option<usize> {
        let heads = self.streams.iter().enumerate();
        heads
            .filter_map(|(at, stream)| stream.head.map(|head| (head.key_ns, head.birth, at)))
            .min()
            .map(|(_, _, at)| at)
    }

    /// Whether nothing older than the head of stream `at` can come.
    fn is_complete(&self, at: usize) -> bool {
        let Some(head) = self.streams[at].head else {
            return false;
        };
        let mut others = self.streams.iter();
        others.all(|stream| stream.head.is_some() || stream.watermark_ns >= head.key_ns)
    }

    fn deliver(&mut self, at: usize) -> Option<Item<'_>> {
        let stream = &mut self.streams[at];
        let head = stream.head.take()?;
        stream.last_ns = head.key_ns;
        let bytes = match head.what {
            Found::Gap(gap) => {
                self.decoder.counts.lost += gap.records;
                return Some(Item::Gap(gap));
            }
            Found::Frame { start, len } => &stream.raw[start..start + len],
            Found::Translated => &stream.translated[..],
        };
        self.decoder.counts.records += 1;
        // It was parsed when it became the head.
        Record::parse(bytes).ok().map(Item::Record)
    }
}

impl Stream {
    /// Makes the next record or gap the head, if there is one.
    fn fill(
        &mut self,
        table: &Table,
        decoder: &mut Decoder,
        waiting_bytes: &mut usize,
    ) -> Result<(), CaptureError> {
        loop {
            while let Some((bytes, next)) = frames::at(&self.raw, self.at) {
                let start = self.at + frames::FRAME_HEADER_BYTES;
                let len = bytes.len();
                self.at = next;
                let counts = &mut decoder.counts;
                let (record, what) = match table.translate(bytes) {
                    Translated::Record(Cow::Borrowed(bytes)) => {
                        (Record::parse(bytes), Found::Frame { start, len })
                    }
                    Translated::Record(Cow::Owned(bytes)) => {
                        self.translated = bytes;
                        (Record::parse(&self.translated), Found::Translated)
                    }
                    Translated::Unknown(name) => {
                        count_unknown(&mut counts.unknown, name);
                        continue;
                    }
                    Translated::Damaged => {
                        counts.undecodable += 1;
                        continue;
                    }
                };
                // Of those no rule can name only what calls brought along, act on or were given comes between others.
                let belongs = |rec: &Record<'_>| {
                    !rec.info().is_internal()
                        || matches!(rec.event(), SAKER_EV_FILE | SAKER_EV_ACTED | SAKER_EV_GIVEN)
                };
                let Some(record) = record.ok().filter(belongs) else {
                    counts.undecodable += 1;
                    continue;
                };
                self.head = Some(Head {
                    key_ns: record.hdr().ts_ns.max(self.last_ns),
                    birth: is_birth(&record),
                    what,
                });
                return Ok(());
            }
            let rest = self.raw.len() - self.at.min(self.raw.len());
            decoder.counts.undecodable += u64::from(rest > 0);
            self.raw.clear();
            self.at = 0;
            match self.waiting.pop_front() {
                None => return Ok(()),
                Some(Waiting::Gap(gap)) => {
                    *waiting_bytes -= WAITING_ENTRY_BYTES;
                    self.head = Some(Head {
                        key_ns: self.last_ns,
                        birth: false,
                        what: Found::Gap(gap),
                    });
                    return Ok(());
                }
                Some(Waiting::Block(block)) => {
                    *waiting_bytes -= WAITING_ENTRY_BYTES + block.stored.len();
                    block.decompress(&mut decoder.decompressor, &mut self.raw)?;
                }
            }
        }
    }
}

fn count_unknown(unknown: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(count) = unknown.get_mut(name) {
        *count += 1;
    } else if unknown.len() < MAX_UNKNOWN {
        unknown.insert(name.to_owned(), 1);
    }
}

/// Whether this is the child's record of a fork: the call returns 0 to it.
fn is_birth(rec: &Record<'_>) -> bool {
    matches!(
        rec.event(),
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK
    ) && rec.i64(SAKER_P_CLONE_res) == 0
}
