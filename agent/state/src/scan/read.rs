//! Small files and links of /proc, into memory that is reused.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, openat, readlinkat, statat, statx};
use rustix::io::Errno;

/// Bytes read of one file; larger ones (socket tables) say so themselves.
pub(super) const MAX_FILE: usize = 64 << 10;

/// First read of a file; most fit.
const CHUNK: usize = 4096;

/// Reads files of /proc one at a time.
#[derive(Debug, Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Up to `max` bytes of the file; `None` when it cannot be opened or read at all.
    pub(super) fn file(&mut self, dir: impl AsFd, name: &str, max: usize) -> Option<&[u8]> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file: OwnedFd = openat(dir, name, flags, Mode::empty()).ok()?;
        let mut len = 0;
        while len < max {
            if self.bytes.len() < len + CHUNK {
                self.bytes
                    .resize((len + CHUNK).max(2 * self.bytes.len()), 0);
            }
            match rustix::io::read(&file, &mut self.bytes[len..]) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) if len == 0 => return None,
                Err(_) => break,
            }
        }
        Some(&self.bytes[..len.min(max)])
    }
}

/// Target of a symbolic link.
pub(super) fn link(dir: impl AsFd, name: &str) -> Option<Vec<u8>> {
    Some(readlinkat(dir, name, Vec::new()).ok()?.into_bytes())
}

/// What is known of the file behind a link.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileFacts {
    /// Device, as the drivers write it.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Last change, ns.
    pub ctime_ns: u64,
    /// Last change of the content, ns.
    pub mtime_ns: u64,
}

/// Facts about the file behind a link, as the kernel remembers them: a server, or a file system in user space, may
/// never answer. Before 4.11 there is no way not to ask.
pub(super) fn facts(dir: impl AsFd, name: &str) -> Option<FileFacts> {
    let ns = |s: i64, ns: u64| u64::try_from(s).unwrap_or(0).saturating_mul(1_000_000_000) + ns;
    match statx(
        &dir,
        name,
        AtFlags::STATX_DONT_SYNC,
        StatxFlags::BASIC_STATS,
    ) {
        Ok(file) => Some(FileFacts {
            dev: encode_dev(rustix::fs::makedev(file.stx_dev_major, file.stx_dev_minor)),
            ino: file.stx_ino,
            mode: file.stx_mode.into(),
            ctime_ns: ns(file.stx_ctime.tv_sec, file.stx_ctime.tv_nsec.into()),
            mtime_ns: ns(file.stx_mtime.tv_sec, file.stx_mtime.tv_nsec.into()),
        }),
        Err(Errno::NOSYS) => {
            let file = statat(&dir, name, AtFlags::empty()).ok()?;
            Some(FileFacts {
                dev: encode_dev(file.st_dev),
                ino: file.st_ino,
                mode: file.st_mode,
                ctime_ns: ns(file.st_ctime, file.st_ctime_nsec),
                mtime_ns: ns(file.st_mtime, file.st_mtime_nsec),
            })
        }
        Err(_) => None,
    }
}

/// The number at the start of `text`, after blanks, in `radix`; 0 when there is none.
pub(super) fn number(text: &[u8], radix: u32) -> u64 {
    let digits = text
        .trim_ascii_start()
        .iter()
        .map_while(|&b| char::from(b).to_digit(radix));
    digits.fold(0, |n: u64, digit| {
        n.wrapping_mul(radix.into()).wrapping_add(digit.into())
    })
}

/// The device number as the drivers write it (`new_encode_dev`, include/linux/kdev_t.h).
fn encode_dev(dev: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(dev), rustix::fs::minor(dev));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"\t 42 kB", 10), 42);
        assert_eq!(number(b"02000001\n", 8), 0o2_000_001);
        assert_eq!(number(b"000001ffffffffff", 16), 0x1ff_ffff_ffff);
        assert_eq!(number(b"", 10), 0);
        assert_eq!(
            number(b"99999999999999999999999", 10) & 1,
            1,
            "wraps, does not panic"
        );
    }

    #[test]
    fn devices() {
        assert_eq!(encode_dev(rustix::fs::makedev(8, 1)), 0x801);
        assert_eq!(
            encode_dev(rustix::fs::makedev(259, 300)),
            0x10_0000 | 259 << 8 | 0x2c
        );
    }
}
