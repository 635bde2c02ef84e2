//! What /proc reads from the memory of a process: arguments and environment.
//!
//! Such a read takes as long as the process wants: a file system in user space that is slow, or silent, may be
//! behind the memory itself (on kernels before 4.17), or behind a fault whose thread holds the lock of that memory.
//! So a thread of its own reads, and is given up when it does not come back in time.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::read::Reader;

/// Bytes of arguments and of environment, as the drivers cut them.
const MAX_ARGS: usize = saker_abi::raw::SAKER_ARGS_MAX as usize;
const MAX_ENV: usize = saker_abi::raw::SAKER_ENV_MAX as usize;

/// Longest wait for the memory of one process.
const PATIENCE: Duration = Duration::from_millis(500);

/// Threads of the agent that read the memory of others; those that were given up are among them until they come back.
/// With that many nobody's memory is read: an attacker may have any number of processes.
const MAX_READERS: usize = 16;

/// Those of the whole agent.
static READERS: Readers = Readers::new();

/// Counts threads, and what they were too late for.
#[derive(Debug)]
struct Readers {
    alive: AtomicUsize,
    late: AtomicU64,
}

impl Readers {
    const fn new() -> Self {
        Self {
            alive: AtomicUsize::new(0),
            late: AtomicU64::new(0),
        }
    }
}

/// Processes whose arguments could not be read in time, since the agent began.
pub fn late_in_all() -> u64 {
    READERS.late.load(Relaxed)
}

/// A thread's place among [`MAX_READERS`].
#[derive(Debug)]
struct Place(&'static Readers);

impl Place {
    fn take(readers: &'static Readers) -> Option<Self> {
        let more = |alive| (alive < MAX_READERS).then_some(alive + 1);
        let taken = readers.alive.fetch_update(Relaxed, Relaxed, more);
        taken.ok().map(|_| Self(readers))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Relaxed);
    }
}

/// What was read; empty where nothing can be.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// NUL-separated arguments, or the title that stands for them; at most [`MAX_ARGS`] bytes.
    pub cmdline: Vec<u8>,
    /// NUL-separated variables.
    pub environ: Vec<u8>,
}

impl Words {
    /// argv\[0\] and what follows it.
    pub(super) fn exe_and_args(&self) -> (&[u8], &[u8]) {
        let all = &self.cmdline;
        let end = all.iter().position(|&b| b == 0).unwrap_or(all.len());
        (&all[..end], all.get(end + 1..).unwrap_or_default())
    }

    /// Whether arguments are missing behind these.
    pub(super) fn is_cut(&self) -> bool {
        self.cmdline.len() == MAX_ARGS
    }
}

/// Reads the memory of processes in a bounded time.
#[derive(Debug)]
pub(super) struct Memory {
    readers: &'static Readers,
    helper: Option<Helper>,
    late: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(&READERS)
    }
}

/// The thread that reads. It ends when this is dropped.
#[derive(Debug)]
struct Helper {
    asked: Sender<OwnedFd>,
    told: Receiver<Words>,
}

impl Helper {
    fn start(place: Place) -> Option<Self> {
        let (asked, asks) = mpsc::channel();
        let (tells, told) = mpsc::channel();
        let run = move || {
            serve(&asks, &tells);
            drop(place);
        };
        std::thread::Builder::new()
            .name("saker-memory".to_owned())
            .spawn(run)
            .inspect_err(|error| tracing::warn!(%error, "arguments cannot be read from /proc"))
            .ok()?;
        Some(Self { asked, told })
    }
}

fn serve(asks: &Receiver<OwnedFd>, tells: &Sender<Words>) {
    let mut reader = Reader::default();
    for dir in asks {
        let mut read = |name, max| reader.file(&dir, name, max).unwrap_or_default().to_vec();
        let words = Words {
            cmdline: read("cmdline", MAX_ARGS),
            environ: read("environ", MAX_ENV),
        };
        if tells.send(words).is_err() {
            return;
        }
    }
}

impl Memory {
    const fn new(readers: &'static Readers) -> Self {
        Self {
            readers,
            helper: None,
            late: 0,
        }
    }

    /// Processes whose memory did not answer in time, or was not asked for because too many had not.
    pub(super) const fn late(&self) -> usize {
        self.late
    }

    /// Arguments and environment of the process with this directory; `None` when they are late.
    pub(super) fn read(&mut self, dir: &OwnedFd) -> Option<Words> {
        let words = self.ask(dir);
        if words.is_none() {
            self.late += 1;
            self.readers.late.fetch_add(1, Relaxed);
        }
        words
    }

    fn ask(&mut self, dir: &OwnedFd) -> Option<Words> {
        let dir = dir.try_clone().ok()?;
        let helper = match self.helper.take() {
            Some(helper) => helper,
            None => Helper::start(Place::take(self.readers)?)?,
        };
        helper.asked.send(dir).ok()?;
        let words = helper.told.recv_timeout(PATIENCE).ok()?;
        // One that is late is given up: it ends when it has come back.
        self.helper = Some(helper);
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

    use super::*;

    fn process(root: &Path, number: usize, silent: bool) -> OwnedFd {
        let dir = root.join(number.to_string());
        fs::create_dir(&dir).expect("a directory");
        fs::write(dir.join("environ"), "A=b\0").expect("written");
        let cmdline = dir.join("cmdline");
        if silent {
            // Opening waits for somebody who writes.
            mknodat(CWD, &cmdline, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        } else {
            fs::write(cmdline, "program\0argument\0").expect("written");
        }
        open(&dir, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("opened")
    }

    fn release(root: &Path, number: usize) {
        let pipe = root.join(number.to_string()).join("cmdline");
        fs::write(pipe, "late").expect("written");
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let root = tempfile::tempdir().expect("a directory");
        let readers: &Readers = Box::leak(Box::new(Readers::new()));
        let mut memory = Memory::new(readers);
        let talks = process(root.path(), 0, false);
        let words = memory.read(&talks).expect("in time");
        assert_eq!(words.cmdline, b"program\0argument\0");
        assert_eq!(words.environ, b"A=b\0");

        let start = Instant::now();
        for number in 1..=MAX_READERS {
            let silent = process(root.path(), number, true);
            assert!(memory.read(&silent).is_none(), "process {number}");
            let others = memory.read(&talks).is_some();
            assert_eq!(others, number < MAX_READERS, "after {number}");
        }
        assert!(start.elapsed() >= PATIENCE * MAX_READERS as u32);
        assert_eq!(memory.late(), MAX_READERS + 1);
        // The bound is that of all scanners together.
        let mut another = Memory::new(readers);
        assert!(another.read(&talks).is_none());
        assert_eq!(readers.late.load(Relaxed), MAX_READERS as u64 + 2);

        // One comes back: there is room for another.
        release(root.path(), 1);
        while readers.alive.load(Relaxed) == MAX_READERS {
            std::thread::yield_now();
        }
        assert!(memory.read(&talks).is_some());
        (2..=MAX_READERS).for_each(|number| release(root.path(), number));
    }
}
