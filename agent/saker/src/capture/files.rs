//! Beginning and ending one capture file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use saker_abi::driver::Iterate;
use saker_capture::Driver;
use saker_capture::file::{CaptureWriter, Meta, Totals};
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
