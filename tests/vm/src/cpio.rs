//! Archives the kernel unpacks into its first root: cpio's "newc" format
//! (Documentation/driver-api/early-userspace/buffer-format.rst of Linux), uncompressed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Type bits of a mode.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;
/// Ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// What an archive holds at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory with these permissions.
    Directory(u32),
    /// Bytes with these permissions.
    Bytes(u32, Vec<u8>),
    /// A file of the host, with its permissions.
    File(PathBuf),
    /// A symbolic link.
    Link(Vec<u8>),
    /// A character device.
    Character(u32, u32, u32),
}

/// Paths and what is there; paths are relative to the root.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Archive {
    /// Puts `node` at `path`, over what was there; directories on the way are made.
    ///
    /// # Errors
    /// When the path leaves the root.
    pub fn put(&mut self, path: impl AsRef<Path>, node: Node) -> Result<()> {
        let path = path.as_ref();
        let path = path.strip_prefix("/").unwrap_or(path);
        let plain = |part| matches!(part, std::path::Component::Normal(_));
        ensure!(
            path.components().all(plain) && path.components().next().is_some(),
            "{}: a guest path has plain components only",
            path.display()
        );
        for parent in path
            .ancestors()
            .skip(1)
            .filter(|p| !p.as_os_str().is_empty())
        {
            let missing = Node::Directory(0o755);
            self.nodes.entry(parent.to_owned()).or_insert(missing);
        }
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }

    /// Puts a file or a whole directory of the host at `path`.
    ///
    /// # Errors
    /// When the host has nothing there, or something that is no file, directory or link.
    pub fn put_host(&mut self, host: &Path, path: &Path) -> Result<()> {
        let context = || format!("{} for the guest", host.display());
        // A link given by name stands for its target; links inside a directory stay links.
        let meta = fs::metadata(host).with_context(context)?;
        if meta.is_dir() {
            self.put_tree(host, path).with_context(context)
        } else {
            ensure!(
                meta.is_file(),
                "{}: neither file nor directory",
                host.display()
            );
            self.put(path, Node::File(host.to_owned()))
        }
    }

    fn put_tree(&mut self, host: &Path, path: &Path) -> Result<()> {
        let below_root = path
            .components()
            .any(|part| matches!(part, std::path::Component::Normal(_)));
        if below_root {
            let mode = fs::metadata(host)?.mode() & 0o7777;
            self.put(path, Node::Directory(mode))?;
        }
        for entry in fs::read_dir(host)? {
            let entry = entry?;
            let (from, to) = (entry.path(), path.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.put_tree(&from, &to)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&from)?.into_os_string().into_vec();
                self.put(&to, Node::Link(target))?;
            } else if kind.is_file() {
                self.put(&to, Node::File(from))?;
            } else {
                bail!("{}: neither file, directory nor link", from.display());
            }
        }
        Ok(())
    }

    /// Writes the archive; others may follow it.
    ///
    /// # Errors
    /// When a file cannot be read, is too large for the format, or writing fails.
    pub fn write(&self, to: &mut impl Write) -> Result<()> {
        // The root itself, which the kernel makes writable for all.
        header(to, 1, DIRECTORY | 0o755, 0, (0, 0), b".")?;
        // Equal inode numbers would make hard links of files.
        for (inode, (path, node)) in (2_u32..).zip(&self.nodes) {
            let name = path.as_os_str().as_bytes();
            match node {
                Node::Directory(mode) => header(to, inode, DIRECTORY | mode, 0, (0, 0), name)?,
                Node::Character(mode, major, minor) => {
                    header(to, inode, CHARACTER | mode, 0, (*major, *minor), name)?;
                }
                Node::Link(target) => {
                    header(to, inode, LINK | 0o777, target.len() as u64, (0, 0), name)?;
                    padded(to, target)?;
                }
                Node::Bytes(mode, bytes) => {
                    header(to, inode, REGULAR | mode, bytes.len() as u64, (0, 0), name)?;
                    padded(to, bytes)?;
                }
                Node::File(host) => {
                    file(to, inode, host, name).with_context(|| host.display().to_string())?;
                }
            }
        }
        header(to, 0, 0, 0, (0, 0), TRAILER)
    }
}

fn header(
    to: &mut impl Write,
    inode: u32,
    mode: u32,
    size: u64,
    device: (u32, u32),
    name: &[u8],
) -> Result<()> {
    let size = u32::try_from(size).context("more than 4 GiB do not fit into the format")?;
    let (major, minor) = device;
    // uid, gid and mtime 0, one link, the device of the file 0:0, no checksum.
    write!(
        to,
        "070701{inode:08X}{mode:08X}{:08X}{:08X}{:08X}{:08X}{size:08X}{:08X}{:08X}{major:08X}{minor:08X}{:08X}{:08X}",
        0,
        0,
        1,
        0,
        0,
        0,
        name.len() + 1,
        0
    )?;
    to.write_all(name)?;
    to.write_all(b"\0")?;
    pad(to, 110 + name.len() as u64 + 1)
}

fn padded(to: &mut impl Write, bytes: &[u8]) -> Result<()> {
    to.write_all(bytes)?;
    pad(to, bytes.len() as u64)
}

fn pad(to: &mut impl Write, length: u64) -> Result<()> {
    let missing = (4 - length % 4) % 4;
    to.write_all(&[0; 3][..usize::try_from(missing)?])?;
    Ok(())
}

fn file(to: &mut impl Write, inode: u32, host: &Path, name: &[u8]) -> Result<()> {
    let mut from = File::open(host)?;
    let meta = from.metadata()?;
    header(
        to,
        inode,
        REGULAR | (meta.mode() & 0o7777),
        meta.len(),
        (0, 0),
        name,
    )?;
    let copied = io::copy(&mut from, to)?;
    ensure!(copied == meta.len(), "it changed while it was read");
    pad(to, copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::{Command, Stdio};

    fn written(archive: &Archive) -> Vec<u8> {
        let mut bytes = Vec::new();
        archive.write(&mut bytes).expect("written");
        bytes
    }

    #[test]
    fn the_format_is_as_documented() {
        let mut archive = Archive::default();
        archive
            .put("/a/b", Node::Bytes(0o640, b"hello".to_vec()))
            .expect("put");
        let bytes = written(&archive);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("07070100000001000041ED00000000"), "{text}");
        let second = &text[2 * (110 + 2)..];
        assert!(
            second.starts_with("07070100000003000081A00000000000000000"),
            "{second}"
        );
        assert_eq!(&second[54..62], "00000005");
        assert_eq!(
            &second[94..102],
            "00000004",
            "length of the name, with its end"
        );
        assert_eq!(&second[110..116], "a/b\0\0\0");
        assert_eq!(&second[116..124], "hello\0\0\0");
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn cpio_reads_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("sub")).expect("made");
        fs::write(tree.join("sub/tool"), "#!/bin/sh\n").expect("written");
        let mode = fs::Permissions::from_mode(0o4755);
        fs::set_permissions(tree.join("sub/tool"), mode).expect("set");
        symlink("sub/tool", tree.join("link")).expect("linked");
        let mut archive = Archive::default();
        archive.put_host(&tree, Path::new("/t")).expect("put");
        archive
            .put_host(&tree.join("link"), Path::new("/copy"))
            .expect("put");
        archive.put("l", Node::Link(b"t".to_vec())).expect("put");
        let input = dir.path().join("archive");
        fs::write(&input, written(&archive)).expect("written");
        let listing = Command::new("cpio")
            .arg("-itv")
            .stdin(Stdio::from(File::open(&input).expect("there")))
            .output()
            .expect("cpio, which make vm-deps installs");
        let text = String::from_utf8_lossy(&listing.stdout);
        let has = |mode: &str, end: &str| {
            text.lines()
                .any(|line| line.starts_with(mode) && line.ends_with(end))
        };
        assert!(
            has("-rwsr-xr-x", "t/sub/tool") && has("-rwsr-xr-x", "copy"),
            "{text}"
        );
        assert!(
            has("lrwxrwxrwx", "t/link -> sub/tool") && has("drwx", "t/sub"),
            "{text}"
        );
    }

    #[test]
    fn paths_stay_inside() {
        let mut archive = Archive::default();
        for path in ["", "/", "../x", "a/../b"] {
            assert!(archive.put(path, Node::Directory(0o755)).is_err(), "{path}");
        }
        let none = archive.put_host(Path::new("/nonexistent"), Path::new("/x"));
        assert!(format!("{:#}", none.expect_err("nothing")).contains("/nonexistent"));
    }
}
