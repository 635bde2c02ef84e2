//! Beginning and ending one capture file.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use saker_abi::driver::Iterate;
use saker_capture::Driver;
use saker_capture::file::{CaptureWriter, EXTENSION, Meta, Totals};
use saker_state::scan::{Scanner, complete};

/// The driver, which more than one thread asks what runs. Nothing in it when it was detached.
pub(crate) type SharedDriver = Arc<Mutex<Option<Driver>>>;

/// Lets several threads ask a driver.
pub(crate) fn share(driver: Driver) -> SharedDriver {
    Arc::new(Mutex::new(Some(driver)))
}

/// Looks at the driver; nobody else does meanwhile.
pub(crate) fn with_driver<T>(
    driver: &SharedDriver,
    look: impl FnOnce(&mut Option<Driver>) -> T,
) -> T {
    // A panic of another thread leaves the driver as it was: it is asked, not changed.
    look(&mut driver.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Makes a file that begins with what runs now.
///
/// # Errors
/// When it cannot be made or written.
pub(super) fn begin(path: &Path, meta: &Meta, driver: &SharedDriver) -> io::Result<CaptureWriter> {
    let mut writer = CaptureWriter::create(path, meta)?;
    for what in [Iterate::Tasks, Iterate::Files] {
        let told = with_driver(driver, |driver| {
            driver.as_mut().map(|driver| driver.iterate(what))
        });
        match told {
            None => {}
            Some(Ok(bytes)) => {
                writer.state(what, &bytes)?;
                if what == Iterate::Tasks
                    && let Ok(mut scanner) = Scanner::open("/".as_ref())
                {
                    writer.state(what, &complete(&bytes, &mut scanner))?;
                    if scanner.late() > 0 {
                        let (path, count) = (path.display(), scanner.late());
                        tracing::warn!(
                            "{path}: the memory of {count} processes did not answer in time: it tells no arguments of them"
                        );
                    }
                }
            }
            Some(Err(error)) => tracing::warn!(
                "{}: what ran before the recording stays unknown to it: {error}",
                path.display()
            ),
        }
    }
    Ok(writer)
}

/// Bytes of the captures whose names begin with `prefix`; 0 where there is no such directory.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn taken_bytes(prefix: &Path) -> io::Result<u64> {
    let (Some(directory), Some(begin)) = (prefix.parent(), prefix.file_name()) else {
        return Ok(0);
    };
    let directory = match directory {
        here if here.as_os_str().is_empty() => Path::new("."),
        directory => directory,
    };
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0_u64;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let ours = name.as_bytes().starts_with(begin.as_bytes())
            && Path::new(&name).extension() == Some(OsStr::new(EXTENSION));
        // Removed meanwhile: it takes nothing.
        if let Some(metadata) = ours.then(|| entry.metadata().ok()).flatten() {
            bytes = bytes.saturating_add(metadata.len());
        }
    }
    Ok(bytes)
}

/// Files that were written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finished {
    /// Where they are; those that were removed again left out.
    pub paths: Vec<PathBuf>,
    /// Bytes of all files.
    pub bytes: u64,
    /// Sums over all files.
    pub totals: Totals,
    /// Records for which the recorder had no room, in gaps or at the very end.
    pub no_room: u64,
}

impl Finished {
    /// Ends a file and counts it.
    ///
    /// # Errors
    /// When its end cannot be written.
    pub(super) fn add(&mut self, writer: CaptureWriter) -> io::Result<()> {
        let path = writer.path().to_owned();
        let bytes = writer.written_bytes();
        let totals = writer.finish()?;
        self.paths.push(path);
        self.bytes += bytes;
        self.totals.blocks += totals.blocks;
        self.totals.records += totals.records;
        self.totals.record_bytes += totals.record_bytes;
        self.totals.state_records += totals.state_records;
        self.totals.lost += totals.lost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_captures_of_the_prefix_are_counted() {
        let dir = tempfile::tempdir().expect("a directory");
        let prefix = dir.path().join("host");
        assert_eq!(taken_bytes(&prefix).expect("read"), 0);
        assert_eq!(taken_bytes(&dir.path().join("none/host")).expect("none"), 0);
        for (name, bytes) in [
            ("host_1_1.saker", 3),
            ("host_2_2.saker", 4),
            ("host_3_3.txt", 100),
            ("other_1_1.saker", 100),
        ] {
            fs::write(dir.path().join(name), vec![0; bytes]).expect("written");
        }
        assert_eq!(taken_bytes(&prefix).expect("read"), 7);
        // A name that is a file's own is no directory to look into.
        let inside = dir.path().join("host_3_3.txt/host");
        assert!(taken_bytes(&inside).is_err());
    }
}
