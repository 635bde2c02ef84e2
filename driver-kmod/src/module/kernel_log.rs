//! What the kernel says while a module is loaded: the reason behind a bare error number.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

use crate::{Host, MODULE_NAME};

/// Most records read.
const MAX_RECORDS: usize = 1000;
/// Most lines kept.
const MAX_LINES: usize = 5;
/// Longest record the kernel hands out.
const RECORD_BYTES: usize = 8192;

/// The end of the kernel's log at some time. Empty where the log may not be read.
pub(super) struct KernelLog(Option<File>);

impl KernelLog {
    /// Remembers where the log ends now.
    pub(super) fn mark(host: &Host) -> Self {
        let open = || {
            let mut log = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(host.path("/dev/kmsg"))?;
            log.seek(SeekFrom::End(0))?;
            std::io::Result::Ok(log)
        };
        Self(open().ok())
    }

    /// Lines about the module since then, the first few.
    pub(super) fn lines(self) -> Vec<String> {
        let Some(mut log) = self.0 else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        let mut record = vec![0; RECORD_BYTES];
        for _ in 0..MAX_RECORDS {
            // One read is one record; an error is the end (EAGAIN) or a record that was overwritten.
            match log.read(&mut record) {
                Ok(length) if length > 0 => {
                    lines.extend(message(&String::from_utf8_lossy(&record[..length])));
                }
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                _ => break,
            }
            if lines.len() == MAX_LINES {
                break;
            }
        }
        lines
    }
}

/// The text of a record, `PRIORITY,SEQUENCE,TIME,FLAGS;TEXT`, if it is about the module.
fn message(record: &str) -> Option<String> {
    let text = record.split_once(';')?.1.lines().next()?;
    let ours = text.contains(MODULE_NAME) || text.starts_with("Loading of ");
    (ours && !text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_about_the_module_are_kept() {
        assert_eq!(
            message("3,812,5170,-;saker: Unknown symbol foo (err -2)\n SUBSYSTEM=x\n").as_deref(),
            Some("saker: Unknown symbol foo (err -2)")
        );
        assert_eq!(
            message("5,1,2,-;Loading of unsigned module is rejected").as_deref(),
            Some("Loading of unsigned module is rejected")
        );
        for record in ["6,1,2,-;eth0: link up", "", "6,1,2,-", ";"] {
            assert_eq!(message(record), None);
        }
    }

    #[test]
    fn a_log_that_cannot_be_read_is_empty() {
        let host = Host::fake(std::path::Path::new("/nonexistent"), "6.1.0");
        assert!(KernelLog::mark(&host).lines().is_empty());
    }
}
