//! Files, directories and the numbers that stand for them.

use std::sync::Arc;

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::{Ctx, base_dir, socket};
use crate::fd::FdKind;
use crate::path;
use crate::process::Process;
use crate::view::{Applied, fd_in};

/// Open flags of x86-64 (open(2)); the drivers give them as the kernel has them.
const O_WRONLY: u32 = 0o1;
const O_CREAT: u32 = 0o100;
const O_TRUNC: u32 = 0o1000;
const O_DIRECTORY: u32 = 0o200_000;
pub(crate) const O_CLOEXEC: u32 = 0o2_000_000;

/// File types in the facts of a descriptor (inode(7)).
const S_IFMT: u32 = 0o170_000;
const S_IFIFO: u32 = 0o010_000;
const S_IFSOCK: u32 = 0o140_000;

/// openat(2): relative to the working directory.
const AT_FDCWD: i32 = -100;

/// memfd_create(2).
const MFD_CLOEXEC: u64 = 1;

/// fcntl(2).
const F_DUPFD: u64 = 0;
const F_SETFD: u64 = 2;
const F_DUPFD_CLOEXEC: u64 = 1030;
const FD_CLOEXEC: u64 = 1;

/// Commands of bpf(2) whose result is a descriptor: creating, loading, pinned objects, objects by
/// id, links, iterators, statistics and tokens (`enum bpf_cmd`).
const BPF_FD_COMMANDS: [u64; 13] = [0, 5, 7, 13, 14, 17, 18, 19, 28, 30, 32, 33, 36];

/// What the four ways to open a file have in common.
struct Open<'a> {
    fd: i32,
    dirfd: i32,
    name: &'a [u8],
    flags: u32,
    dev: u32,
    ino: u64,
    facts: u32,
}

impl<'a> Open<'a> {
    fn from(rec: &Record<'a>) -> Self {
        let at = |fd, dirfd: Option<u32>, name, flags: u32, dev, ino, facts| Self {
            fd: fd_in(rec, fd),
            dirfd: dirfd.map_or(AT_FDCWD, |slot| fd_in(rec, slot)),
            name: rec.var(name).bytes,
            flags,
            dev: rec.u64(dev) as u32,
            ino: rec.u64(ino),
            facts: rec.u64(facts) as u32,
        };
        match rec.event() {
            SAKER_EV_OPEN => at(
                SAKER_P_OPEN_fd,
                None,
                SAKER_P_OPEN_name,
                rec.u64(SAKER_P_OPEN_flags) as u32,
                SAKER_P_OPEN_dev,
                SAKER_P_OPEN_ino,
                SAKER_P_OPEN_facts,
            ),
            SAKER_EV_OPENAT => at(
                SAKER_P_OPENAT_fd,
                Some(SAKER_P_OPENAT_dirfd),
                SAKER_P_OPENAT_name,
                rec.u64(SAKER_P_OPENAT_flags) as u32,
                SAKER_P_OPENAT_dev,
                SAKER_P_OPENAT_ino,
                SAKER_P_OPENAT_facts,
            ),
            SAKER_EV_OPENAT2 => at(
                SAKER_P_OPENAT2_fd,
                Some(SAKER_P_OPENAT2_dirfd),
                SAKER_P_OPENAT2_name,
                rec.u64(SAKER_P_OPENAT2_flags) as u32,
                SAKER_P_OPENAT2_dev,
                SAKER_P_OPENAT2_ino,
                SAKER_P_OPENAT2_facts,
            ),
            _ => at(
                SAKER_P_CREAT_fd,
                None,
                SAKER_P_CREAT_name,
                O_CREAT | O_WRONLY | O_TRUNC,
                SAKER_P_CREAT_dev,
                SAKER_P_CREAT_ino,
                SAKER_P_CREAT_facts,
            ),
        }
    }
}

/// What an open makes (rules-spec F7).
pub(super) fn opened_kind(flags: u32) -> FdKind {
    if flags & O_DIRECTORY != 0 {
        FdKind::Directory
    } else {
        FdKind::File
    }
}

pub(super) fn open(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>, applied: &mut Applied) {
    let open = Open::from(rec);
    if open.fd < 0 {
        return;
    }
    ctx.name.clear();
    // No open that succeeds has an empty name: the driver could not read it, and its directory's is another.
    if !open.name.is_empty() {
        path::join(base_dir(process, open.dirfd), open.name, &mut ctx.name);
    }
    let kind = opened_kind(open.flags);
    if process
        .fds
        .get(open.fd)
        .is_some_and(|fd| fd.ino != 0 && fd.ino != open.ino)
    {
        // Its close was not captured or came later: numbers are reused, the kernel is right.
        ctx.counters.fd_healed += 1;
    }
    let Some(fd) = process.fds.open(open.fd, kind) else {
        return;
    };
    fd.name.extend_from_slice(&ctx.name);
    if open.name != ctx.name {
        fd.name_raw.extend_from_slice(open.name);
    }
    fd.open_flags = open.flags;
    fd.cloexec = open.flags & O_CLOEXEC != 0;
    (fd.dev, fd.ino, fd.file_facts) = (open.dev, open.ino, open.facts);
    applied.name_changed = !fd.name.is_empty();
}

pub(super) fn dup(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) {
    let (new, old, facts, tuple) = match rec.event() {
        SAKER_EV_DUP => (
            SAKER_P_DUP_res,
            SAKER_P_DUP_oldfd,
            SAKER_P_DUP_facts,
            SAKER_P_DUP_tuple,
        ),
        SAKER_EV_DUP2 => (
            SAKER_P_DUP2_res,
            SAKER_P_DUP2_oldfd,
            SAKER_P_DUP2_facts,
            SAKER_P_DUP2_tuple,
        ),
        _ => (
            SAKER_P_DUP3_res,
            SAKER_P_DUP3_oldfd,
            SAKER_P_DUP3_facts,
            SAKER_P_DUP3_tuple,
        ),
    };
    let cloexec =
        rec.event() == SAKER_EV_DUP3 && rec.u64(SAKER_P_DUP3_flags) as u32 & O_CLOEXEC != 0;
    let (new, old) = (fd_in(rec, new), fd_in(rec, old));
    if new < 0 {
        return;
    }
    // Where input comes from decides rules on shells: a socket is one even if nothing was known.
    match rec.tuple(tuple) {
        Some(tuple) => _ = socket::heal(ctx, process, old, &tuple),
        None => heal_sort(ctx, process, old, rec.u64(facts) as u32),
    }
    copy(process, old, new, cloexec);
}

/// The kernel says what sort of file the descriptor is: what the table says otherwise is from before the number
/// was closed and used again, which nobody saw.
pub(super) fn heal_sort(ctx: &mut Ctx, process: &mut Process, number: i32, facts: u32) {
    let sort = facts & S_IFMT;
    let is_socket = sort == S_IFSOCK;
    let known = process.fds.get(number);
    let stale =
        known.is_some_and(|fd| fd.kind != FdKind::Unknown && fd.socket.is_some() != is_socket);
    let new_pipe = sort == S_IFIFO && known.is_none();
    if sort == 0 || !(stale || new_pipe) {
        return;
    }
    ctx.counters.fd_healed += u64::from(stale);
    process.fds.close(number);
    if sort == S_IFIFO {
        process.fds.open(number, FdKind::Pipe);
    }
}

pub(super) fn fcntl(process: &mut Process, rec: &Record<'_>) {
    let res = fd_in(rec, SAKER_P_FCNTL_res);
    let fd = fd_in(rec, SAKER_P_FCNTL_fd);
    if res < 0 {
        return;
    }
    match rec.u64(SAKER_P_FCNTL_cmd) {
        F_DUPFD => copy(process, fd, res, false),
        F_DUPFD_CLOEXEC => copy(process, fd, res, true),
        F_SETFD => {
            let cloexec = rec.u64(SAKER_P_FCNTL_arg) & FD_CLOEXEC != 0;
            if process.fds.get(fd).is_some_and(|fd| fd.cloexec != cloexec)
                && let Some(fd) = process.fds.get_mut(fd)
            {
                fd.cloexec = cloexec;
            }
        }
        _ => {}
    }
}

/// `to` becomes what `from` is; if that is not known, nothing is known of `to` either.
fn copy(process: &mut Process, from: i32, to: i32, cloexec: bool) {
    if !process.fds.dup(from, to, cloexec) {
        process.fds.close(to);
    }
}

pub(super) fn memfd(process: &mut Process, rec: &Record<'_>, applied: &mut Applied) {
    let number = fd_in(rec, SAKER_P_MEMFD_CREATE_fd);
    if number < 0 {
        return;
    }
    let Some(fd) = process.fds.open(number, FdKind::Memfd) else {
        return;
    };
    fd.name
        .extend_from_slice(rec.var(SAKER_P_MEMFD_CREATE_name).bytes);
    fd.cloexec = rec.u64(SAKER_P_MEMFD_CREATE_flags) & MFD_CLOEXEC != 0;
    applied.name_changed = !fd.name.is_empty();
}

pub(super) fn bpf(process: &mut Process, rec: &Record<'_>, applied: &mut Applied) {
    let number = fd_in(rec, SAKER_P_BPF_fd);
    if number < 0 {
        return;
    }
    if !BPF_FD_COMMANDS.contains(&rec.u64(SAKER_P_BPF_cmd)) {
        // The result is a count or nothing, not a descriptor.
        applied.fd = None;
        return;
    }
    if let Some(fd) = process.fds.open(number, FdKind::Bpf) {
        // All descriptors of bpf(2) are close-on-exec.
        fd.cloexec = true;
    }
}

/// chdir, fchdir and chroot.
pub(super) fn directory(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) {
    // Slot 0 is the result of all three.
    if rec.i64(0) < 0 {
        return;
    }
    let name = &mut ctx.name;
    match rec.event() {
        SAKER_EV_CHDIR => {
            match rec.var(SAKER_P_CHDIR_path).bytes {
                // It could not be read: none that succeeds is empty. Not known, so that who can tell it does.
                b"" => name.clear(),
                to => path::join_dir(base_dir(process, AT_FDCWD), to, name),
            }
            process.cwd = Arc::from(name.as_slice());
        }
        SAKER_EV_FCHDIR => {
            let known = process.fds.get(fd_in(rec, SAKER_P_FCHDIR_fd));
            match known.filter(|fd| !fd.name.is_empty()) {
                Some(fd) => path::join_dir(&fd.name, b"", name),
                None => name.clear(),
            }
            process.cwd = Arc::from(name.as_slice());
        }
        _ => {
            let to = rec.var(SAKER_P_CHROOT_path).bytes;
            path::join(base_dir(process, AT_FDCWD), to, name);
            process.root = Arc::from(name.as_slice());
        }
    }
}

/// getcwd(2) tells a directory that is not known. What is known comes from the kernel itself; this is the caller's
/// memory.
pub(super) fn working_directory(process: &mut Process, rec: &Record<'_>) {
    let told = rec.var(SAKER_P_GETCWD_path);
    let whole = !told.fault && !told.truncated && told.bytes.starts_with(b"/");
    if process.cwd.is_empty() && rec.i64(SAKER_P_GETCWD_res) > 0 && whole {
        let dir = told.bytes.strip_suffix(b"/").unwrap_or(told.bytes);
        process.cwd = [dir, b"/"].concat().into();
    }
}
