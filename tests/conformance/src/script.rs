//! The script: where it runs, how it is started and ended.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};

/// The program, static; compiled by build.rs.
static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/conformance-script"));

/// Where the script works: paths in records are the same in every run. It mounts a file system of its
/// own there, so nothing but its program is ever in this directory.
pub const WORK: &str = "/tmp/saker-conformance";

/// Most bytes of the script's complaint that are shown.
const COMPLAINT_BYTES: u64 = 4096;

/// The work directory, locked: two scripts at once would meet in it.
#[derive(Debug)]
pub struct Work {
    program: PathBuf,
    _lock: OwnedFd,
}

impl Work {
    /// Makes the directory and puts the program into it.
    ///
    /// # Errors
    /// When another script runs there, or the directory belongs to somebody else.
    pub fn prepare() -> Result<Self> {
        let path = Path::new(WORK);
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).context(WORK);
            }
            _ => {}
        }
        let meta = fs::symlink_metadata(path).context(WORK)?;
        ensure!(
            meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o077 == 0,
            "{WORK} is not a directory of root's alone: remove it"
        );
        let lock: OwnedFd = File::open(path).context(WORK)?.into();
        flock(lock.as_fd(), FlockOperation::NonBlockingLockExclusive)
            .with_context(|| format!("another conformance script runs in {WORK}"))?;
        let program = path.join("conformance-script");
        // A new file each time: one that runs cannot be written.
        match fs::remove_file(&program) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context(WORK);
            }
            _ => {}
        }
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(&program)
            .context("the script's program")?;
        std::io::Write::write_all(&mut file, PROGRAM).context("the script's program")?;
        Ok(Self {
            program,
            _lock: lock,
        })
    }

    /// Starts the script with an environment and descriptors that are the same in every run.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self) -> Result<Script> {
        let child = Command::new(&self.program)
            .arg("run")
            .env_clear()
            .env("SAKER", "conformance")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the script")?;
        let mut script = Script {
            go_on: None,
            stands: None,
            child,
        };
        script.go_on = script.child.stdin.take();
        script.stands = script.child.stdout.take();
        Ok(script)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What stays behind is found and replaced by the next one.
        let _ = fs::remove_file(&self.program);
        let _ = fs::remove_dir(WORK);
    }
}

/// A script that runs.
#[derive(Debug)]
pub struct Script {
    /// Closed to let it go on.
    go_on: Option<ChildStdin>,
    /// Readable when it stands still.
    stands: Option<ChildStdout>,
    child: Child,
}

impl Script {
    /// Its thread group.
    pub fn tgid(&self) -> u32 {
        self.child.id()
    }

    /// Becomes readable when the script stands still; `None` once it was let go on.
    pub fn standing(&self) -> Option<BorrowedFd<'_>> {
        self.stands.as_ref().map(AsFd::as_fd)
    }

    /// Lets it go on after it stood still.
    pub fn go_on(&mut self) {
        self.stands = None;
        self.go_on = None;
    }

    /// Whether it has ended; reaps it then.
    ///
    /// # Errors
    /// When it ended with another status than 0, with what it said.
    pub fn ended(&mut self) -> Result<bool> {
        let Some(status) = self.child.try_wait().context("waiting for the script")? else {
            return Ok(false);
        };
        let mut said = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            // Nobody has the other end any more, or only a process that does not write.
            rustix::io::ioctl_fionbio(&stderr, true).context("the script's standard error")?;
            match stderr.take(COMPLAINT_BYTES).read_to_string(&mut said) {
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                    return Err(error).context("the script's standard error");
                }
                _ => {}
            }
        }
        if !status.success() {
            bail!("the script failed ({status}): {}", said.trim());
        }
        Ok(true)
    }

    /// Ends it; the caller ends its children.
    pub fn kill(&mut self) {
        // It may have ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
