//! The thread that writes what `saker record` records.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use crossbeam_channel::{RecvTimeoutError, Sender};
use saker_capture::file::{CaptureWriter, Meta};
use saker_capture::recorder::{Chunk, ChunkPool, Chunks, RecorderStats, chunk_pool};
use saker_capture::{Clock, SystemClock};

use super::files::{Finished, SharedDriver, begin};
use crate::control::Stop;

/// Chunks of a recording: 32 MiB, what a busy host produces in the time a disk may take to answer.
const POOL_CHUNKS: usize = 128;
/// Longest wait for a chunk before the clock is looked at.
const TICK: Duration = Duration::from_millis(200);
/// Room kept for the end of a file below its limit.
const END_BYTES: u64 = 4096;

/// When a file ends, and what then.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// Bytes of a file at most.
    pub max_bytes: Option<u64>,
    /// Files that are kept.
    pub keep_files: Option<usize>,
    /// Age at which a file ends.
    pub interval: Option<Duration>,
}

impl Limits {
    /// Whether there is a file after the first.
    const fn rotates(&self) -> bool {
        self.keep_files.is_some() || self.interval.is_some()
    }
}

/// A recording that runs.
#[derive(Debug)]
pub(crate) struct Recording {
    thread: JoinHandle<io::Result<Finished>>,
    pool: ChunkPool,
    stats: Arc<RecorderStats>,
}

impl Recording {
    /// Makes the first file, with what runs now, and starts the thread. `stop` is told when the recording
    /// ends by itself.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn start(
        path: &Path,
        limits: Limits,
        meta: Meta,
        driver: SharedDriver,
        stop: Sender<Stop>,
    ) -> anyhow::Result<Self> {
        let (pool, chunks) = chunk_pool(POOL_CHUNKS);
        let stats = Arc::clone(chunks.stats());
        let first = numbered(path, &limits, 0);
        let hint = || format!("cannot write {}", first.display());
        let writer = begin(&first, &meta, &driver).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                anyhow!("{} exists; remove it or give another name", first.display())
            }
            _ => anyhow!(error).context(hint()),
        })?;
        let mut files = Files {
            path: path.to_owned(),
            limits,
            meta,
            driver,
            writer: Some(writer),
            began: Instant::now(),
            finished: Finished::default(),
        };
        let thread = thread::Builder::new()
            .name("saker-recorder".into())
            .spawn(move || {
                let result = files.run(&chunks, &stop);
                // A full queue means that stopping has begun.
                let _ = stop.try_send(Stop::RecordingEnded);
                result
            })
            .context("cannot start the recorder's thread")?;
        Ok(Self {
            thread,
            pool,
            stats,
        })
    }

    /// Where workers put their records.
    pub(crate) const fn pool(&self) -> &ChunkPool {
        &self.pool
    }

    /// Waits for the end; all recorders must be gone.
    ///
    /// # Errors
    /// What kept a file from being written.
    pub(crate) fn finish(self) -> anyhow::Result<Finished> {
        drop(self.pool);
        match self.thread.join() {
            Ok(result) => {
                let mut finished = result.context("the recording is not complete")?;
                finished.no_room = self.stats.lost();
                Ok(finished)
            }
            Err(_) => Err(anyhow!("the recorder's thread has panicked")),
        }
    }
}

/// The name of file `number`.
fn numbered(path: &Path, limits: &Limits, number: u64) -> PathBuf {
    if !limits.rotates() {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number:06}"));
    name.into()
}

struct Files {
    path: PathBuf,
    limits: Limits,
    meta: Meta,
    driver: SharedDriver,
    /// None once the recording is as large as it may be.
    writer: Option<CaptureWriter>,
    began: Instant,
    finished: Finished,
}

impl Files {
    /// Writes until all recorders are gone.
    fn run(&mut self, chunks: &Chunks, stop: &Sender<Stop>) -> io::Result<Finished> {
        loop {
            match chunks.receiver().recv_timeout(TICK) {
                Ok(chunk) => {
                    self.chunk(&chunk, stop)?;
                    chunks.give_back(chunk);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let old = |interval| self.began.elapsed() >= interval;
            if self.limits.interval.is_some_and(old) {
                self.rotate()?;
            }
        }
        if let Some(writer) = self.writer.take() {
            self.finished.add(writer)?;
        }
        Ok(std::mem::take(&mut self.finished))
    }

    fn chunk(&mut self, chunk: &Chunk, stop: &Sender<Stop>) -> io::Result<()> {
        // Stored bytes are never more than this, gaps and headers included.
        let most = chunk.bytes().len() as u64 * 17 / 16 + END_BYTES;
        let fits = |writer: &CaptureWriter, max| writer.written_bytes() + most + END_BYTES <= max;
        if let (Some(writer), Some(max)) = (&self.writer, self.limits.max_bytes)
            && !fits(writer, max)
        {
            if self.limits.rotates() {
                self.rotate()?;
            } else if let Some(writer) = self.writer.take() {
                tracing::info!("{} is as large as it may be", writer.path().display());
                self.finished.add(writer)?;
                // A full queue means that stopping has begun.
                let _ = stop.try_send(Stop::RecordingEnded);
            }
        }
        match &mut self.writer {
            Some(writer) => writer.chunk(chunk),
            None => Ok(()),
        }
    }

    /// Ends the file and begins the next one.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        self.finished.add(writer)?;
        self.meta.file_number += 1;
        self.meta.started_ns = SystemClock.boottime_ns();
        let path = numbered(&self.path, &self.limits, self.meta.file_number);
        self.writer = Some(begin(&path, &self.meta, &self.driver)?);
        self.began = Instant::now();
        // The one being written counts.
        let keep = self.limits.keep_files.unwrap_or(usize::MAX).max(1) - 1;
        while self.finished.paths.len() > keep {
            fs::remove_file(self.finished.paths.remove(0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use saker_abi::driver::EventSet;
    use saker_abi::raw::*;
    use saker_abi::record::{Record, RecordBuilder};
    use saker_capture::file::{Item, Source};
    use saker_capture::recorder::Recorder;

    use super::*;

    fn meta() -> Meta {
        Meta {
            partitions: 1,
            recording: "r".to_owned(),
            ..Meta::of_this_agent(&EventSet::all())
        }
    }

    /// Random names, which do not compress: what is written is about what is recorded.
    fn record(number: u64) -> Vec<u8> {
        let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let name = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        let name = name.take(4000).collect::<Vec<u8>>();
        RecordBuilder::new(SAKER_EV_UNLINK, number, 1, 1)
            .var(SAKER_P_UNLINK_path, &name)
            .build()
    }

    /// Records `count` records with the limits; returns the files and whether it ended by itself.
    fn run(dir: &Path, limits: Limits, count: u64) -> (Finished, bool) {
        let (sender, stop) = crossbeam_channel::bounded(4);
        let driver = Arc::new(Mutex::new(None));
        let path = dir.join("x.saker");
        let recording = Recording::start(&path, limits, meta(), driver, sender).expect("started");
        let mut recorder = Recorder::new(0, recording.pool().clone());
        for number in 1..=count {
            let bytes = record(number);
            recorder.record(&Record::parse(&bytes).expect("a record"));
        }
        recorder.flush(u64::MAX);
        drop(recorder);
        let finished = recording.finish().expect("written");
        // One more is sent by the end itself.
        (finished, stop.len() > 1)
    }

    fn numbers(paths: &[PathBuf]) -> Vec<u64> {
        let mut source = Source::open(paths, false).expect("whole");
        let mut numbers = Vec::new();
        while let Some(item) = source.next().expect("whole") {
            if let Item::Record(record) = item {
                numbers.push(record.hdr().ts_ns);
            }
        }
        numbers
    }

    #[test]
    fn a_limit_ends_the_recording() {
        let dir = tempfile::tempdir().expect("a directory");
        let limits = Limits {
            max_bytes: Some(1 << 20),
            ..Limits::default()
        };
        let (finished, ended) = run(dir.path(), limits, 1000);
        assert!(ended && finished.bytes <= 1 << 20, "{finished:?}");
        let found = numbers(&finished.paths);
        assert!(found.len() > 100 && found.len() < 300, "{}", found.len());
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
        // What is there is not written over.
        let (sender, _stop) = crossbeam_channel::bounded(4);
        let error = Recording::start(
            &finished.paths[0],
            limits,
            meta(),
            Arc::new(Mutex::new(None)),
            sender,
        );
        assert!(error.expect_err("there").to_string().contains("exists"));
    }

    #[test]
    fn the_last_files_are_kept_and_are_one_recording() {
        let dir = tempfile::tempdir().expect("a directory");
        let limits = Limits {
            max_bytes: Some(1 << 20),
            keep_files: Some(3),
            interval: None,
        };
        let (finished, ended) = run(dir.path(), limits, 2000);
        assert!(!ended);
        assert_eq!(finished.paths.len(), 3, "{finished:?}");
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 3);
        assert_eq!(finished.totals.records, 2000);
        let found = numbers(&finished.paths);
        let first = found[0];
        assert!(first > 1000);
        assert_eq!(found, (first..=2000).collect::<Vec<_>>());
    }
}
