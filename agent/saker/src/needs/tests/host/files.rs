//! Files, directories and their numbers.

use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_state::path;

use super::*;

const O_DIRECTORY: i64 = 0o200_000;
const O_CLOEXEC: i64 = 0o2_000_000;

impl Host {
    pub(super) fn open_file(&mut self, who: usize, arg: u8) {
        let name: &[u8] =
            [&b"f"[..], b"../g", b"/etc/passwd", b"sub/./h"][usize::from(arg >> 2) % 4];
        let (dirfd, _) = self.directory(who, arg);
        let fails = arg > 240;
        let number = if fails { -2 } else { self.free(who) };
        let cloexec = arg & 8 != 0;
        let flags = if cloexec { O_CLOEXEC } else { 0 };
        let ino = match fails {
            true => 0,
            false => self.open(who, number, File::Regular, cloexec && arg % 4 != 3),
        };
        let event = [
            SAKER_EV_OPENAT,
            SAKER_EV_OPEN,
            SAKER_EV_OPENAT2,
            SAKER_EV_CREAT,
        ][usize::from(arg) % 4];
        let mut told = self
            .record(event, who)
            .num("fd", number.into())
            .var("name", name)
            .num("ino", ino);
        told = told.num("facts", if fails { 0 } else { S_IFREG });
        if event != SAKER_EV_CREAT {
            told = told.num("flags", flags);
        }
        if matches!(event, SAKER_EV_OPENAT | SAKER_EV_OPENAT2) {
            told = told.num("dirfd", dirfd);
        }
        self.tell(told);
    }

    pub(super) fn open_directory(&mut self, who: usize, arg: u8) {
        let name: &[u8] = [&b"d"[..], b"..", b"/etc"][usize::from(arg) % 3];
        let (dirfd, base) = self.directory(who, arg >> 2);
        let mut path = Vec::new();
        path::join(&base, name, &mut path);
        let number = self.free(who);
        let ino = self.open(who, number, File::Directory(path.clone()), false);
        let told = if arg.is_multiple_of(5) {
            let told = self
                .record(SAKER_EV_OPEN_BY_HANDLE_AT, who)
                .var("path", &path);
            told.num("mountfd", AT_FDCWD)
        } else {
            let told = self.record(SAKER_EV_OPENAT, who).var("name", name);
            told.num("dirfd", dirfd)
        };
        let told = told
            .num("fd", number.into())
            .num("flags", O_DIRECTORY)
            .num("ino", ino);
        self.tell(told.num("facts", S_IFDIR));
    }

    pub(super) fn close(&mut self, who: usize, arg: u8) {
        let Some(number) = self.pick(who, arg, |file| self.is_followed(file)) else {
            return;
        };
        // That a standard one is closed and not made anew nobody is told (docs/compatibility.md).
        if number < 3 {
            return;
        }
        let told = self.record(SAKER_EV_CLOSE, who).num("fd", number.into());
        self.tell(told);
        self.programs[who].fds.remove(&number);
    }

    pub(super) fn duplicate(&mut self, who: usize, arg: u8) {
        let Some(old) = self.pick(who, arg >> 3, |file| self.is_followed(file)) else {
            return;
        };
        let (facts, tuple) = self.facts(who, old);
        let mut copy = self.programs[who].fds[&old].clone();
        let lowest = self.free(who);
        copy.cloexec = false;
        let onto = i32::from(arg >> 4);
        let (event, new) = match arg % 8 {
            0 | 1 => (SAKER_EV_DUP, lowest),
            2 | 3 => (SAKER_EV_DUP2, onto),
            4 if onto != old => (SAKER_EV_DUP3, onto),
            _ => (SAKER_EV_FCNTL, lowest),
        };
        let mut told = self.record(event, who);
        if event == SAKER_EV_FCNTL {
            let (cmd, res) = [(0, lowest), (1030, lowest), (2, 0)][usize::from(arg) % 3];
            told = told
                .num("fd", old.into())
                .num("cmd", cmd)
                .num("res", res.into());
            if cmd == 2 && old > 2 {
                let on = arg & 32 != 0;
                self.tell(told.num("arg", on.into()));
                if let Some(open) = self.programs[who].fds.get_mut(&old) {
                    open.cloexec = on;
                }
                return;
            }
            if cmd == 2 {
                return;
            }
            copy.cloexec = cmd == 1030;
        } else {
            told = told
                .num("res", new.into())
                .num("oldfd", old.into())
                .num("facts", facts);
            if event != SAKER_EV_DUP {
                told = told.num("newfd", new.into());
            }
            if event == SAKER_EV_DUP3 && arg & 128 != 0 {
                copy.cloexec = true;
                told = told.num("flags", O_CLOEXEC);
            }
            if let Some(tuple) = tuple {
                told = told.tuple(&tuple, false);
            }
        }
        self.tell(told);
        if new != old {
            self.programs[who].fds.insert(new, copy);
        }
    }

    /// A descriptor that comes with `event`.
    pub(super) fn pass(&mut self, who: usize, number: i32, event: u32, is_pipe: bool) {
        let file = if is_pipe { File::Pipe } else { File::Regular };
        let facts = if is_pipe { S_IFIFO } else { S_IFREG };
        let ino = self.open(who, number, file, false);
        let told = self
            .record(SAKER_EV_FILE, who)
            .num("fd", number.into())
            .num("ino", ino);
        let name: &[u8] = if is_pipe { b"" } else { b"/passed/file" };
        self.tell(told.var("name", name).num("facts", facts));
        if let Some(told) = self.told.last_mut() {
            told.of = event as u16;
        }
    }

    pub(super) fn read_or_write(&mut self, who: usize, arg: u8) {
        let Some(number) = self.pick(who, arg >> 2, |file| self.is_followed(file)) else {
            return;
        };
        let (facts, _) = self.facts(who, number);
        let events = [
            SAKER_EV_READ_CALL,
            SAKER_EV_WRITE_CALL,
            SAKER_EV_READV,
            SAKER_EV_PWRITE,
        ];
        let told = self.record(events[usize::from(arg) % 4], who).num("res", 1);
        self.tell(told.num("fd", number.into()).num("facts", facts));
    }

    pub(super) fn change_directory(&mut self, who: usize, arg: u8) {
        let mut to = Vec::new();
        let told = match arg % 4 {
            0 | 1 => {
                let Some(number) =
                    self.pick(who, arg >> 2, |file| matches!(file, File::Directory(_)))
                else {
                    return;
                };
                if let File::Directory(path) = &self.programs[who].fds[&number].file {
                    to.clone_from(path);
                }
                self.record(SAKER_EV_FCHDIR, who).num("fd", number.into())
            }
            2 => {
                path::join(&self.programs[who].cwd, b"../x", &mut to);
                self.record(SAKER_EV_CHDIR, who).var("path", b"../x")
            }
            _ => {
                to.clone_from(&self.programs[who].cwd);
                self.record(SAKER_EV_CHROOT, who).var("path", b"jail")
            }
        };
        self.tell(told);
        self.programs[who].cwd = to;
    }

    pub(super) fn work_on_paths(&mut self, who: usize, arg: u8) {
        let (dirfd, _) = self.directory(who, arg >> 3);
        let any = self
            .pick(who, arg >> 3, |file| self.is_followed(file))
            .map_or(AT_FDCWD, i64::from);
        let told = match arg % 10 {
            0 => self.record(SAKER_EV_UNLINK, who).var("path", b"a"),
            1 => self
                .record(SAKER_EV_UNLINKAT, who)
                .num("dirfd", dirfd)
                .var("name", b"a"),
            2 => self
                .record(SAKER_EV_RENAME, who)
                .var("oldpath", b"a")
                .var("newpath", b"/b"),
            3 => {
                let told = self
                    .record(SAKER_EV_RENAMEAT, who)
                    .num("olddirfd", dirfd)
                    .var("oldpath", b"a");
                told.num("newdirfd", dirfd).var("newpath", b"b")
            }
            4 => self
                .record(SAKER_EV_MKDIRAT, who)
                .num("dirfd", dirfd)
                .var("path", b"a"),
            5 => self.record(SAKER_EV_CHMOD, who).var("filename", b"a"),
            6 => self
                .record(SAKER_EV_FCHOWNAT, who)
                .num("dirfd", any)
                .var("pathname", b""),
            7 => self
                .record(SAKER_EV_NEWFSTATAT, who)
                .num("dirfd", any)
                .var("path", b""),
            8 => {
                let told = self.record(SAKER_EV_SYMLINKAT, who).num("linkdirfd", dirfd);
                told.var("target", b"t").var("linkpath", b"l")
            }
            _ => {
                let told = self
                    .record(SAKER_EV_LINKAT, who)
                    .num("olddir", dirfd)
                    .var("oldpath", b"a");
                told.num("newdir", AT_FDCWD).var("newpath", b"b")
            }
        };
        self.tell(told);
    }

    pub(super) fn use_descriptor(&mut self, who: usize, arg: u8) {
        let events: Vec<u32> = (0..EVENTS.len() as u32)
            .filter(|&event| {
                let info = &EVENTS[event as usize];
                let plain =
                    info.uses_fd() && !info.creates_fd() && !info.is_state() && !info.is_internal();
                let has_path = info
                    .params
                    .iter()
                    .any(|param| u32::from(param.ty) == SAKER_T_RELPATH);
                let moves = (SAKER_EV_CONNECT..=SAKER_EV_RECVMMSG).contains(&event);
                plain && !has_path && !moves && !matches!(event, SAKER_EV_CLOSE | SAKER_EV_FCNTL)
            })
            .collect();
        let Some(number) = self.pick(who, arg, |file| self.is_followed(file)) else {
            return;
        };
        let event = events[usize::from(arg.wrapping_mul(7)) % events.len()];
        let slot = EVENTS[event as usize].fd_slot().expect("uses one");
        let mut told = self.record(event, who);
        told.record = told.record.num(slot as u32, number.into());
        if event == SAKER_EV_SETNS {
            told = told.num("nstype", i64::from(arg % 2) * CLONE_NEWUSER);
        }
        self.tell(told);
    }

    pub(super) fn poll(&mut self, who: usize, arg: u8) {
        let fds = self.programs[who].fds.iter();
        let fds = fds.filter(|(_, open)| self.is_followed(&open.file));
        let mut list = Vec::new();
        for (number, _) in fds.take(usize::from(arg % 4) + 1) {
            list.extend_from_slice(&number.to_ne_bytes());
            list.extend_from_slice(&[1, 0, 1, 0]);
        }
        let event = [SAKER_EV_POLL, SAKER_EV_PPOLL][usize::from(arg) % 2];
        let told = self.record(event, who).num("res", 1).var("fds", &list);
        self.tell(told);
    }

    pub(super) fn close_range(&mut self, who: usize, arg: u8) {
        let (first, on_exec) = (i32::from(arg % 8) + 3, arg & 64 != 0);
        let last = first + 2;
        let told = self
            .record(SAKER_EV_CLOSE_RANGE, who)
            .num("first", first.into())
            .num("last", last.into());
        self.tell(told.num("flags", if on_exec { 4 } else { 0 }));
        let fds = &mut self.programs[who].fds;
        for number in first..=last {
            match fds.get_mut(&number) {
                Some(open) if on_exec => open.cloexec = true,
                _ => _ = fds.remove(&number),
            }
        }
    }

    pub(super) fn take(&mut self, who: usize, arg: u8) {
        let number = self.free(who);
        self.pass(who, number, SAKER_EV_PIDFD_GETFD, arg.is_multiple_of(2));
        let pidfd = self
            .pick(who, arg, |file| matches!(file, File::Anonymous))
            .unwrap_or(-1);
        let told = self
            .record(SAKER_EV_PIDFD_GETFD, who)
            .num("fd", number.into());
        self.tell(told.num("pid_fd", pidfd.into()).num("target_fd", 0));
    }
}
