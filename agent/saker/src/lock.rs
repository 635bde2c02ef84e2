//! One agent per host: a lock file that names its holder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use rustix::fs::FlockOperation;

/// Longest process id in the file, with a newline.
const MAX_PID_BYTES: u64 = 16;

/// The lock; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock at `path`, making its directory when it is missing.
    ///
    /// # Errors
    /// When another process holds it, naming that process, or the file cannot be made.
    pub(crate) fn take(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let hint = || {
            format!(
                "cannot make the lock file {shown}; run as root, or set lock_file to another path"
            )
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(hint)?;
        }
        // Not truncated on opening: it holds the id of whoever has the lock.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)
            .with_context(hint)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holder = holder(&mut file).unwrap_or_else(|| "unknown".to_owned());
                return Err(anyhow!(
                    "another agent is running (process {holder} holds {shown}); stop it first, \
                     or set lock_file to another path"
                ));
            }
            Err(error) => return Err(io::Error::from(error)).with_context(hint),
        }
        file.set_len(0).with_context(hint)?;
        writeln!(file, "{}", std::process::id()).with_context(hint)?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of one name. What
        // fails here fails without harm, the lock itself ends with the descriptor.
        let _ = self.0.set_len(0);
    }
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(MAX_PID_BYTES).read_to_string(&mut text).ok()?;
    let pid = text.trim();
    (!pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit())).then(|| pid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sub/saker.lock");
        let lock = Lock::take(&path).expect("the first");
        let error = Lock::take(&path).expect_err("the second").to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        assert!(error.contains("lock_file"), "{error}");
        drop(lock);
        Lock::take(&path).expect("free again");
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        fs::write(&target, "precious").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        assert!(Lock::take(&link).is_err());
        assert_eq!(fs::read_to_string(&target).expect("read"), "precious");
    }
}
