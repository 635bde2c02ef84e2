//! The thread that writes captures of rules.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, bounded, select};
use saker_abi::driver::LoadOptions;
use saker_capture::DriverKind;
use saker_capture::file::{CaptureWriter, EXTENSION};
use saker_capture::recorder::{CHUNK_BYTES, Chunk, Chunks, RecorderStats, chunk_pool};
use saker_state::SharedState;

use super::describe::describe;
use super::files::{Finished, SharedDriver, begin, taken_bytes};
use super::tap::{BEFORE_BYTES, Tap};
use super::triggers::{Begin, Triggers};
use crate::config::CaptureConfig;
use crate::worker::Context;

/// Chunks of a worker besides those its last records need: what it produces while a file is begun.
const POOL_CHUNKS: usize = 16;
/// Longest wait for a chunk before the clock is looked at.
const TICK: Duration = Duration::from_millis(200);
/// How long after its end a capture waits for a worker that says nothing.
const OVERDUE: Duration = Duration::from_secs(10);

/// What metrics tell.
#[derive(Debug)]
pub(crate) struct CaptureStats {
    triggers: Arc<Triggers>,
    recorder: Arc<RecorderStats>,
    written: AtomicU64,
    full: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
}

impl CaptureStats {
    /// [`CaptureStats::results`] where no rule asks for captures.
    pub(crate) const NONE: [(&'static str, u64); 5] = [
        ("written", 0),
        ("joined", 0),
        ("skipped", 0),
        ("full", 0),
        ("failed", 0),
    ];

    /// What became of alerts that asked for a capture, by label.
    pub(crate) fn results(&self) -> [(&'static str, u64); 5] {
        let (joined, skipped) = self.triggers.counts();
        [
            ("written", self.written.load(Relaxed)),
            ("joined", joined),
            ("skipped", skipped),
            ("full", self.full.load(Relaxed)),
            ("failed", self.failed.load(Relaxed)),
        ]
    }

    /// Bytes of finished files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Records copied, and those there was no room for.
    pub(crate) fn records(&self) -> (u64, u64) {
        (self.recorder.records(), self.recorder.lost())
    }
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct RuleCaptures {
    thread: JoinHandle<()>,
    stats: Arc<CaptureStats>,
}

/// What a capture says about its host is told anew for each.
#[derive(Debug)]
pub(crate) struct Host {
    /// What was loaded.
    pub plan: LoadOptions,
    /// Which driver.
    pub kind: DriverKind,
    /// The driver, to be asked what runs.
    pub driver: SharedDriver,
    /// The workers' context: rules and clocks.
    pub context: Arc<Context>,
    /// The workers' state: users.
    pub state: Arc<SharedState>,
}

impl RuleCaptures {
    /// Starts the thread if any rule asks for captures; returns a tap for each worker with it.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        config: &CaptureConfig,
        host: Host,
    ) -> anyhow::Result<Option<(Self, Vec<Tap>)>> {
        let (sender, begins) = bounded(1);
        let Some(triggers) = Triggers::new(config, host.context.rules.rules(), sender) else {
            return Ok(None);
        };
        let triggers = Arc::new(triggers);
        let workers = host.plan.partitions as u16;
        let each = BEFORE_BYTES / CHUNK_BYTES + POOL_CHUNKS;
        let (pool, chunks) = chunk_pool(usize::from(workers) * each);
        let stats = Arc::new(CaptureStats {
            triggers: Arc::clone(&triggers),
            recorder: Arc::clone(chunks.stats()),
            written: AtomicU64::new(0),
            full: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        });
        let taps = (0..workers)
            .map(|worker| Tap::new(worker, Arc::clone(&triggers), pool.clone()))
            .collect();
        let mut writer = Writer {
            prefix: config.path_prefix.clone(),
            max_file_bytes: bytes(config.max_file_size_mb),
            max_total_bytes: bytes(config.max_total_size_mb),
            full: false,
            host,
            triggers,
            stats: Arc::clone(&stats),
            open: None,
        };
        let thread = thread::Builder::new()
            .name("saker-recorder".into())
            .spawn(move || writer.run(&chunks, &begins))
            .context("cannot start the recorder's thread")?;
        Ok(Some((Self { thread, stats }, taps)))
    }

    /// For metrics.
    pub(crate) const fn stats(&self) -> &Arc<CaptureStats> {
        &self.stats
    }

    /// Ends the capture that runs; all taps must be gone.
    pub(crate) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the recorder's thread has panicked; a capture may lack its end");
        }
    }
}

struct Writer {
    prefix: PathBuf,
    max_file_bytes: u64,
    max_total_bytes: u64,
    /// There was no room for the last capture, and it was said.
    full: bool,
    host: Host,
    triggers: Arc<Triggers>,
    stats: Arc<CaptureStats>,
    open: Option<Open>,
}

/// Of a setting in MiB, of which 0 is no limit.
fn bytes(mb: i64) -> u64 {
    match u64::try_from(mb).unwrap_or(0) {
        0 => u64::MAX,
        mb => mb.saturating_mul(1 << 20),
    }
}

/// The capture that runs.
struct Open {
    writer: CaptureWriter,
    /// Its file grows no larger.
    max_bytes: u64,
    generation: u64,
    /// By worker.
    watermarks: Vec<u64>,
    /// The longest it was meant to go on, and since when.
    end: Instant,
    until_ns: u64,
}

impl Writer {
    fn run(&mut self, chunks: &Chunks, begins: &Receiver<Begin>) {
        loop {
            select! {
                recv(begins) -> begin => if let Ok(begin) = begin { self.begin(&begin) },
                recv(chunks.receiver()) -> chunk => match chunk {
                    Ok(chunk) => {
                        // It was sent after the alert that began its capture.
                        if let Ok(begin) = begins.try_recv() {
                            self.begin(&begin);
                        }
                        self.chunk(&chunk);
                        chunks.give_back(chunk);
                    }
                    Err(_) => break,
                },
                default(TICK) => {}
            }
            self.end_when_due();
        }
        self.triggers.abort();
        self.finish();
    }

    fn begin(&mut self, begin: &Begin) {
        let taken = match taken_bytes(&self.prefix) {
            Ok(taken) => taken,
            Err(error) => return self.fail(&error),
        };
        let room = self.max_total_bytes.saturating_sub(taken);
        if room == 0 {
            return self.refuse(taken);
        }
        self.full = false;
        match self.create(begin) {
            Ok(writer) => {
                let rule = &self.host.context.labels[begin.rule].name;
                tracing::info!("capture {} begins: rule {rule:?}", writer.path().display());
                let workers = self.host.plan.partitions as usize;
                self.open = Some(Open {
                    writer,
                    max_bytes: room.min(self.max_file_bytes),
                    generation: begin.generation,
                    watermarks: vec![0; workers],
                    end: Instant::now(),
                    until_ns: 0,
                });
            }
            Err(error) => self.fail(&error),
        }
    }

    fn create(&self, begin_: &Begin) -> io::Result<CaptureWriter> {
        let host = &self.host;
        let info = host.context.host.load();
        let (interfaces, names) = (host.state.interfaces(), host.state.users().names());
        let mut meta = describe(&host.plan, host.kind, &info, &interfaces, &names);
        let rule = &host.context.labels[begin_.rule];
        meta.reason = format!("rule {}", rule.name);
        let mut name = self.prefix.as_os_str().to_owned();
        let (time, number) = (begin_.epoch_ns, begin_.number);
        name.push(format!("_{time:020}_{number:020}.{EXTENSION}"));
        let path = PathBuf::from(name);
        if let Some(parent) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)?;
        }
        begin(&path, &meta, &host.driver)
    }

    fn chunk(&mut self, chunk: &Chunk) {
        let current = |open: &&mut Open| open.generation == chunk.generation();
        let Some(open) = self.open.as_mut().filter(current) else {
            self.triggers.forget(chunk.generation());
            return;
        };
        if let Some(watermark_ns) = open.watermarks.get_mut(usize::from(chunk.stream())) {
            *watermark_ns = chunk.watermark_ns();
        }
        let room = open.max_bytes.saturating_sub(open.writer.written_bytes());
        if chunk.bytes().len() as u64 > room {
            let path = open.writer.path().display();
            tracing::warn!(
                "capture {path} ends early: it is as large as capture.max_file_size_mb or what \
                 capture.max_total_size_mb had left for it"
            );
            self.triggers.abort();
            self.finish();
        } else if let Err(error) = open.writer.chunk(chunk) {
            self.fail(&error);
        }
    }

    fn end_when_due(&mut self) {
        let Some(open) = &mut self.open else { return };
        let until_ns = self.triggers.until_ns();
        if until_ns != open.until_ns {
            let more_ns = until_ns.saturating_sub(open.until_ns.max(self.triggers.since_ns()));
            open.end = Instant::now() + Duration::from_nanos(more_ns) + OVERDUE;
            open.until_ns = until_ns;
        }
        let complete = open.watermarks.iter().all(|&ns| ns > until_ns);
        if (complete || Instant::now() > open.end) && self.triggers.close(until_ns) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(open) = self.open.take() {
            let path = open.writer.path().display().to_string();
            let mut finished = Finished::default();
            match finished.add(open.writer) {
                Ok(()) => {
                    self.stats.written.fetch_add(1, Relaxed);
                    self.stats.bytes.fetch_add(finished.bytes, Relaxed);
                    let records = finished.totals.records;
                    tracing::info!(
                        "capture {path}: {records} records, {} bytes",
                        finished.bytes
                    );
                }
                Err(error) => return self.fail(&error),
            }
        }
        self.triggers.make_ready();
    }

    /// There is no room for another one. What is there is evidence: nothing is removed for it.
    fn refuse(&mut self, taken: u64) {
        if !self.full {
            tracing::error!(
                "no room for a capture: {}* take {taken} bytes of capture.max_total_size_mb; move them \
                 away or allow more",
                self.prefix.display()
            );
        }
        self.full = true;
        self.stats.full.fetch_add(1, Relaxed);
        self.triggers.abort();
        self.triggers.make_ready();
    }

    fn fail(&mut self, error: &io::Error) {
        let prefix = self.prefix.display();
        tracing::error!("a capture cannot be written: {error}; look at {prefix}* and its disk");
        self.open = None;
        self.stats.failed.fetch_add(1, Relaxed);
        self.triggers.abort();
        self.triggers.make_ready();
    }
}
