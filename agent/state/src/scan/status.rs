//! A process without its descriptors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Dir, Mode, OFlags, openat};

use super::memory::{Memory, Words};
use super::read::{MAX_FILE, Reader, facts, link, number};
use super::{Scanned, ScannedThread};
use crate::apply::{cmdline, joined, terminated};
use crate::image::Image;
use crate::process::{Comm, Cred, MAX_THREADS, NO_ID};

/// Fills `found`; `None` when the process is gone, a zombie or a kernel thread.
pub(super) fn read(
    reader: &mut Reader,
    memory: &mut Memory,
    dir: &OwnedFd,
    tick_ns: u64,
    found: &mut Scanned,
) -> Option<()> {
    let comm = read_stat(reader.file(dir, "stat", MAX_FILE)?, tick_ns, found)?;
    found.image = read_image(memory, dir, &comm)?;
    read_status(reader.file(dir, "status", MAX_FILE)?, found);
    found.cred.loginuid = read_loginuid(reader, dir, "loginuid");
    found.cwd = link(dir, "cwd").unwrap_or_default();
    if !found.cwd.is_empty() && !found.cwd.ends_with(b"/") {
        found.cwd.push(b'/');
    }
    found.root = link(dir, "root").unwrap_or_else(|| b"/".to_vec());
    found.cgroups = read_cgroups(reader, dir).unwrap_or_default();
    found.fdlimit = reader.file(dir, "limits", MAX_FILE).map_or(0, open_files);
    read_threads(reader, dir, found);
    Some(())
}

/// cgroups of all hierarchies.
pub(super) fn read_cgroups(reader: &mut Reader, dir: &OwnedFd) -> Option<Vec<u8>> {
    reader.file(dir, "cgroup", MAX_FILE).map(<[u8]>::to_vec)
}

/// When the process began, `CLOCK_BOOTTIME` ns, a whole number of clock ticks.
pub(super) fn read_start(reader: &mut Reader, dir: &OwnedFd, tick_ns: u64) -> Option<u64> {
    let mut found = Scanned::default();
    read_stat(reader.file(dir, "stat", MAX_FILE)?, tick_ns, &mut found)?;
    Some(found.start_ns)
}

/// Returns the name between the outermost parentheses; it may contain any byte but NUL.
fn read_stat(stat: &[u8], tick_ns: u64, found: &mut Scanned) -> Option<Vec<u8>> {
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let comm = stat.get(open + 1..close)?.to_vec();
    let fields: Vec<&[u8]> = stat[close + 1..]
        .trim_ascii()
        .split(|&b| b == b' ')
        .collect();
    // proc_pid_stat(5), counted from the state, which is the third.
    let field = |n: usize| fields.get(n - 3).copied().unwrap_or_default();
    found.ppid = number(field(4), 10) as u32;
    found.pgid = number(field(5), 10) as i32;
    found.sid = number(field(6), 10) as i32;
    found.tty = number(field(7), 10) as u32;
    found.start_ns = number(field(22), 10).saturating_mul(tick_ns);
    Some(comm)
}

/// The program; `None` when there is none.
pub(super) fn read_image(memory: &mut Memory, dir: &OwnedFd, comm: &[u8]) -> Option<Image> {
    let exepath = link(dir, "exe").map(|path| program_name(&path).to_vec());
    let words = memory.read(dir);
    if exepath.is_none() && words.as_ref().is_none_or(|words| words.cmdline.is_empty()) {
        return None;
    }
    let file = facts(dir, "exe").unwrap_or_default();
    let mut image = Image {
        comm: comm.into(),
        // Flags stay 0: writable by its user, layer of an overlay, only the kernel can tell.
        exe_ino: file.ino,
        exe_dev: file.dev,
        exe_ctime_ns: file.ctime_ns,
        exe_mtime_ns: file.mtime_ns,
        incomplete: exepath.is_none() || words.is_none(),
        exepath: exepath.unwrap_or_default().into(),
        ..Image::default()
    };
    say(&mut image, &words.unwrap_or_default());
    Some(image)
}

/// Puts arguments and environment into the image of their process.
pub(super) fn say(image: &mut Image, words: &Words) {
    let (exe, args) = words.exe_and_args();
    image.exe = exe.into();
    (image.args, image.arg_ends) = joined(args);
    image.cmdline = cmdline(&image.comm, &image.args, image.arg_ends.len());
    image.env = terminated(&words.environ);
    image.incomplete |= words.is_cut();
}

/// The link's text without the mark of a deleted file; memory files without their slash.
pub(super) fn program_name(link: &[u8]) -> &[u8] {
    let path = link.strip_suffix(b" (deleted)").unwrap_or(link);
    if path.starts_with(b"/memfd:") {
        &path[1..]
    } else {
        path
    }
}

fn read_loginuid(reader: &mut Reader, dir: impl AsFd, path: &str) -> u32 {
    let text = reader.file(dir, path, MAX_FILE);
    text.map_or(NO_ID, |text| number(text, 10) as u32)
}

fn read_status(status: &[u8], found: &mut Scanned) {
    found.cred = status_cred(status);
    let id = |key| status_line(status, key).map(innermost);
    found.vpid = id(b"NStgid:").unwrap_or(found.tgid as i32);
    found.vpgid = id(b"NSpgid:").unwrap_or(found.pgid);
}

/// The value of a line.
fn status_line<'a>(status: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut lines = status.split(|&b| b == b'\n');
    lines.find_map(|line| line.strip_prefix(key))
}

/// The id in the innermost namespace, which comes last.
fn innermost(ids: &[u8]) -> i32 {
    let last = ids.trim_ascii().rsplit(|b| b.is_ascii_whitespace()).next();
    last.map_or(-1, |id| number(id, 10) as i32)
}

/// Credentials of a process or thread, without its login user.
fn status_cred(status: &[u8]) -> Cred {
    // Real, effective, saved, filesystem.
    let effective = |key| {
        let ids = status_line(status, key)?.split(|b| b.is_ascii_whitespace());
        let mut ids = ids.filter(|part| !part.is_empty());
        ids.nth(1).map(|id| number(id, 10) as u32)
    };
    let caps = |key| status_line(status, key).map_or(0, |value| number(value, 16));
    Cred {
        uid: effective(b"Uid:").unwrap_or(NO_ID),
        gid: effective(b"Gid:").unwrap_or(NO_ID),
        loginuid: NO_ID,
        cap_inheritable: caps(b"CapInh:"),
        cap_permitted: caps(b"CapPrm:"),
        cap_effective: caps(b"CapEff:"),
    }
}

/// The soft limit of the line `Max open files`.
fn open_files(limits: &[u8]) -> u64 {
    let mut lines = limits.split(|&b| b == b'\n');
    lines
        .find_map(|line| line.strip_prefix(b"Max open files"))
        .map_or(0, |rest| number(rest, 10))
}

fn read_threads(reader: &mut Reader, dir: &OwnedFd, found: &mut Scanned) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(tasks) = openat(dir, "task", flags, Mode::empty()) else {
        return;
    };
    let Ok(entries) = Dir::read_from(&tasks) else {
        return;
    };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok());
    for tid in ids.filter(|&tid: &u32| tid != found.tgid).take(MAX_THREADS) {
        found.threads.extend(read_thread(reader, &tasks, tid));
    }
}

fn read_thread(reader: &mut Reader, tasks: &OwnedFd, tid: u32) -> Option<ScannedThread> {
    let comm = reader.file(tasks, &format!("{tid}/comm"), MAX_FILE)?;
    let comm = Comm::new(comm.strip_suffix(b"\n").unwrap_or(comm));
    let status = reader.file(tasks, &format!("{tid}/status"), MAX_FILE)?;
    let (vtid, cred) = (
        innermost(status_line(status, b"NSpid:").unwrap_or_default()),
        status_cred(status),
    );
    let loginuid = read_loginuid(reader, tasks, &format!("{tid}/loginuid"));
    Some(ScannedThread {
        tid,
        comm,
        vtid,
        cred: Cred { loginuid, ..cred },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses() {
        let mut found = Scanned::default();
        let stat = b"77 (a) b (c) S 1 77 70 34817 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0\n";
        let comm = read_stat(stat, 10_000_000, &mut found);
        assert_eq!(comm.as_deref(), Some(&b"a) b (c"[..]));
        assert_eq!(
            (found.ppid, found.pgid, found.sid, found.tty),
            (1, 77, 70, 34817)
        );
        assert_eq!(found.start_ns, 42_420_000_000);
        assert!(read_stat(b"", 1, &mut found).is_none());
        assert!(read_stat(b")(", 1, &mut found).is_none());
    }

    #[test]
    fn status_lines() {
        let mut found = Scanned {
            tgid: 77,
            pgid: 77,
            ..Scanned::default()
        };
        let status = b"Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nNStgid:\t77\t9\t3\n\
            NSpgid:\t77\t8\t1\nCapEff:\t00000000a80425fb\nodd line\n";
        read_status(status, &mut found);
        assert_eq!((found.cred.uid, found.cred.gid), (2, 6));
        assert_eq!((found.vpid, found.vpgid), (3, 1));
        assert_eq!(found.cred.cap_effective, 0xa804_25fb);
        read_status(b"Uid:\n", &mut found);
        assert_eq!((found.cred.uid, found.vpid), (NO_ID, 77));
    }

    #[test]
    fn programs() {
        assert_eq!(program_name(b"/bin/x (deleted)"), b"/bin/x");
        assert_eq!(program_name(b"/memfd:evil (deleted)"), b"memfd:evil");
        assert_eq!(
            open_files(b"Limit\nMax open files            1024                 4096"),
            1024
        );
    }
}
