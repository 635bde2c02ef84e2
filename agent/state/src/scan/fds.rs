//! Descriptors of a process.

use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};

use super::Scanned;
use super::net::Nets;
use super::read::{MAX_FILE, Reader, facts, link, number};
use super::status::program_name;
use crate::apply::O_CLOEXEC;
use crate::fd::{Fd, FdKind};
use crate::fdtable::MAX_FDS;

/// The bits of a mode that say what a file is (inode(7)).
pub(super) const S_IFMT: u32 = 0o170_000;

/// Fills the descriptors of `found` from its directory in /proc.
pub(super) fn read(reader: &mut Reader, dir: &OwnedFd, nets: &mut Nets, found: &mut Scanned) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(fds) = openat(dir, "fd", flags, Mode::empty()) else {
        return;
    };
    let Ok(entries) = Dir::read_from(&fds) else {
        return;
    };
    for entry in entries.flatten().take(MAX_FDS) {
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let Ok(number) = name.parse::<i32>() else {
            continue;
        };
        if let Some(fd) = one(reader, dir, &fds, nets, name) {
            found.fds.push((number, fd));
        }
    }
}

/// Descriptor `number` alone.
pub(super) fn read_one(
    reader: &mut Reader,
    dir: &OwnedFd,
    nets: &mut Nets,
    number: i32,
) -> Option<Fd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fds = openat(dir, "fd", flags, Mode::empty()).ok()?;
    one(reader, dir, &fds, nets, &number.to_string())
}

fn one(
    reader: &mut Reader,
    dir: &OwnedFd,
    fds: &OwnedFd,
    nets: &mut Nets,
    name: &str,
) -> Option<Fd> {
    let target = link(fds, name)?;
    let mut fd = if let Some(ino) = bracketed(&target, b"socket:[") {
        nets.socket(reader, dir, ino)
    } else {
        from_link(&target)
    };
    if matches!(fd.kind, FdKind::File) {
        describe(fds, name, &mut fd);
    }
    fd.open_flags = open_flags(reader, dir, name);
    fd.cloexec = fd.open_flags & O_CLOEXEC != 0;
    Some(fd)
}

/// The number between `start` and a bracket.
fn bracketed(target: &[u8], start: &[u8]) -> Option<u64> {
    target
        .strip_prefix(start)?
        .strip_suffix(b"]")
        .map(|digits| number(digits, 10))
}

/// What the text of a link in /proc/PID/fd tells (proc_pid_fd(5)).
fn from_link(target: &[u8]) -> Fd {
    let named = |kind, name: &[u8]| Fd {
        kind,
        name: name.to_vec(),
        ..Fd::default()
    };
    if let Some(ino) = bracketed(target, b"pipe:[") {
        return Fd {
            ino,
            ..named(FdKind::Pipe, target)
        };
    }
    if let Some(anon) = target.strip_prefix(b"anon_inode:") {
        return named(anonymous(anon), b"");
    }
    match program_name(target) {
        memory if memory.starts_with(b"memfd:") => named(FdKind::Memfd, &memory[6..]),
        path if path.starts_with(b"/") => named(FdKind::File, path),
        _ => named(FdKind::Unknown, target),
    }
}

/// Kind of an anonymous inode by its name.
pub(super) fn anonymous(name: &[u8]) -> FdKind {
    match name {
        b"[eventfd]" => FdKind::Event,
        b"[eventpoll]" => FdKind::EventPoll,
        b"inotify" => FdKind::Inotify,
        b"[signalfd]" => FdKind::Signal,
        b"[timerfd]" => FdKind::Timer,
        b"[userfaultfd]" => FdKind::UserFault,
        b"[io_uring]" => FdKind::IoUring,
        b"[pidfd]" => FdKind::Pidfd,
        bpf if bpf.starts_with(b"bpf") => FdKind::Bpf,
        _ => FdKind::Unknown,
    }
}

/// Facts about the file behind a link that is a path.
fn describe(fds: &OwnedFd, name: &str, fd: &mut Fd) {
    let Some(file) = facts(fds, name) else {
        return;
    };
    (fd.dev, fd.ino) = (file.dev, file.ino);
    fd.file_facts = file.mode & S_IFMT;
    if FileType::from_raw_mode(file.mode) == FileType::Directory {
        fd.kind = FdKind::Directory;
    }
}

fn open_flags(reader: &mut Reader, dir: &OwnedFd, name: &str) -> u32 {
    let Some(info) = reader.file(dir, &format!("fdinfo/{name}"), MAX_FILE) else {
        return 0;
    };
    let mut lines = info.split(|&b| b == b'\n');
    lines
        .find_map(|line| line.strip_prefix(b"flags:"))
        .map_or(0, |text| number(text, 8) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let kinds = [
            (&b"pipe:[77]"[..], FdKind::Pipe, &b"pipe:[77]"[..]),
            (b"anon_inode:[eventpoll]", FdKind::EventPoll, b""),
            (b"anon_inode:inotify", FdKind::Inotify, b""),
            (b"anon_inode:bpf-prog", FdKind::Bpf, b""),
            (b"anon_inode:[perf_event]", FdKind::Unknown, b""),
            (b"/memfd:name (deleted)", FdKind::Memfd, b"name"),
            (b"/etc/passwd", FdKind::File, b"/etc/passwd"),
            (b"/tmp/x (deleted)", FdKind::File, b"/tmp/x"),
            (b"net:[4026531840]", FdKind::Unknown, b"net:[4026531840]"),
        ];
        for (link, kind, name) in kinds {
            let fd = from_link(link);
            assert_eq!((fd.kind, &*fd.name), (kind, name));
        }
        assert_eq!(bracketed(b"socket:[123]", b"socket:["), Some(123));
    }
}
