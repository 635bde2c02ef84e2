//! What /proc reads from the memory of a process: arguments and environment.
//!
//! Such a read takes as long as the process wants: a file system in user space that is slow, or silent, may be
//! behind the memory itself (on kernels before 4.17), or behind a fault whose thread holds the lock of that memory.

use std::os::fd::OwnedFd;

use super::read::Reader;
use crate::patience::{Patient, Threads};

/// Bytes of arguments and of environment, as the drivers cut them.
const MAX_ARGS: usize = saker_abi::raw::SAKER_ARGS_MAX as usize;
const MAX_ENV: usize = saker_abi::raw::SAKER_ENV_MAX as usize;

/// Threads that read the memory of others.
static THREADS: Threads = Threads::new("saker-memory");

/// Processes whose arguments could not be read in time, since the agent began.
pub fn late_in_all() -> u64 {
    THREADS.late()
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

    fn read(dir: OwnedFd) -> Self {
        let mut reader = Reader::default();
        let mut read = |name, max| reader.file(&dir, name, max).unwrap_or_default().to_vec();
        Self {
            cmdline: read("cmdline", MAX_ARGS),
            environ: read("environ", MAX_ENV),
        }
    }
}

/// Reads the memory of processes in a bounded time.
#[derive(Debug)]
pub(super) struct Memory {
    patient: Patient<OwnedFd, Words>,
    late: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            patient: Patient::new(&THREADS, Words::read),
            late: 0,
        }
    }
}

impl Memory {
    /// Processes whose memory did not answer in time, or was not asked for because too many had not.
    pub(super) const fn late(&self) -> usize {
        self.late
    }

    /// Arguments and environment of the process with this directory; `None` when they are late.
    pub(super) fn read(&mut self, dir: &OwnedFd) -> Option<Words> {
        let dir = dir.try_clone().ok();
        let words = dir.and_then(|dir| self.patient.ask(dir));
        self.late += usize::from(words.is_none());
        words
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

    use super::*;

    fn process(root: &Path, name: &str, silent: bool) -> OwnedFd {
        let dir = root.join(name);
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

    #[test]
    fn a_silent_process_hides_no_other() {
        let root = tempfile::tempdir().expect("a directory");
        let mut memory = Memory::default();
        let silent = process(root.path(), "silent", true);
        assert!(memory.read(&silent).is_none());
        assert_eq!(memory.late(), 1);
        let words = memory
            .read(&process(root.path(), "talks", false))
            .expect("in time");
        assert_eq!(words.exe_and_args(), (&b"program"[..], &b"argument\0"[..]));
        assert_eq!(words.environ, b"A=b\0");
        fs::write(root.path().join("silent/cmdline"), "late").expect("written");
    }
}
