//! What a guest's /init says on its control line, a serial line of its own: that the job begins, files, the verdict.
//!
//! ```text
//! SAKER-VM-BEGUN
//! SAKER-VM-FILE length sha256 path
//! <length bytes>
//! SAKER-VM-MISSING path
//! SAKER-VM-VERDICT status=N
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

const BEGUN: &str = "SAKER-VM-BEGUN";
const FILE: &str = "SAKER-VM-FILE ";
const MISSING: &str = "SAKER-VM-MISSING ";
const VERDICT: &str = "SAKER-VM-VERDICT status=";
/// Longest line between files.
const MAX_LINE: usize = 8192;

/// Whether a guest has booted, by what it said so far.
pub fn has_begun(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGUN.as_bytes())
}

/// What came over the control line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files by their path in the guest.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths of files that were wanted and are not there.
    pub missing: Vec<String>,
    /// Exit status of the job; `None` when the guest ended before saying it.
    pub status: Option<i32>,
}

impl Report {
    /// Reads what a guest said, up to the verdict or as far as it goes.
    ///
    /// # Errors
    /// When something else is there, or a file arrived damaged.
    pub fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut report = Self::default();
        while report.status.is_none() {
            // A line without its end, or none: the guest ended early.
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                break;
            };
            ensure!(end <= MAX_LINE, "a line of {end} bytes on the control line");
            let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
            bytes = &bytes[end + 1..];
            if let Some(rest) = line.strip_prefix(FILE) {
                let Some((path, content, left)) = file(rest, bytes)? else {
                    break;
                };
                report.files.insert(path, content);
                bytes = left;
            } else if let Some(path) = line.strip_prefix(MISSING) {
                report.missing.push(path.to_owned());
            } else if let Some(status) = line.strip_prefix(VERDICT) {
                let status = status.trim();
                report.status = Some(
                    status
                        .parse()
                        .with_context(|| format!("status {status:?}"))?,
                );
            } else if ![BEGUN, ""].contains(&line.trim()) {
                bail!("on the control line: {line:?}");
            }
        }
        Ok(report)
    }
}

/// Path and content of a file, and what follows it.
type Sent<'a> = (String, Vec<u8>, &'a [u8]);

/// The file that `header` announces; `None` when it is not all there.
fn file<'a>(header: &str, bytes: &'a [u8]) -> Result<Option<Sent<'a>>> {
    let mut words = header.splitn(3, ' ');
    let (Some(length), Some(sum), Some(path)) = (words.next(), words.next(), words.next()) else {
        bail!("a file without length, checksum and path: {header:?}");
    };
    let length: usize = length
        .parse()
        .with_context(|| format!("length {length:?}"))?;
    let Some((content, left)) = bytes.split_at_checked(length) else {
        return Ok(None);
    };
    let mut actual = String::new();
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(actual, "{byte:02x}");
    }
    ensure!(
        actual == sum,
        "{path} arrived damaged: SHA-256 {actual}, sent as {sum}"
    );
    Ok(Some((path.to_owned(), content.to_vec(), left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn all() -> Vec<u8> {
        format!(
            "SAKER-VM-BEGUN\nSAKER-VM-FILE 5 {SUM} /tmp/a b\nhello\nSAKER-VM-MISSING /x y\n\
             SAKER-VM-VERDICT status=3\nanything"
        )
        .into_bytes()
    }

    #[test]
    fn files_and_verdict() {
        let report = Report::parse(&all()).expect("a report");
        assert_eq!(report.files["/tmp/a b"], b"hello");
        assert_eq!(report.missing, ["/x y"]);
        assert_eq!(report.status, Some(3));
    }

    #[test]
    fn every_cut_leaves_no_verdict() {
        let bytes = all();
        assert!(has_begun(&bytes) && !has_begun(b""));
        let end = bytes.len() - "anything".len();
        for cut in 0..end {
            let report = Report::parse(&bytes[..cut]).expect("a part of a report");
            assert_eq!(report.status, None, "cut at {cut}");
        }
    }

    #[test]
    fn damage_is_seen() {
        let text = String::from_utf8(all()).expect("text");
        for (from, to, wanted) in [
            ("hello", "hullo", "damaged"),
            ("FILE 5", "FILE x", "length"),
            ("status=3", "status=", "status"),
            ("SAKER-VM-MISSING", "what", "control line"),
        ] {
            let error = Report::parse(text.replace(from, to).as_bytes()).expect_err(to);
            assert!(format!("{error:#}").contains(wanted), "{error:#}");
        }
        let short = Report::parse(b"SAKER-VM-FILE 5 abc\n").expect_err("no path");
        assert!(short.to_string().contains("without"), "{short}");
        assert!(
            Report::parse(&[b'x'; 9000])
                .expect("no line")
                .status
                .is_none()
        );
    }
}
