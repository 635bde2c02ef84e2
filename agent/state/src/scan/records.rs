//! Processes as the iterators of a driver tell them: records of what there is.
//!
//! A record says what an event's would have said. What it cannot say is read from /proc, for exactly the
//! process or the descriptor concerned: arguments and environment, which the drivers leave out, cgroups where
//! the driver does not tell any, files without a path whose kind their name does not tell. The root directory is
//! left out: nothing asks for it.

use rustc_hash::{FxHashMap, FxHashSet};
use saker_abi::driver::frames;
use saker_abi::raw::*;
use saker_abi::record::{Record, Var};

use super::fds::{S_IFMT, anonymous};
use super::{Scanned, ScannedThread, Scanner};
use crate::apply::{O_CLOEXEC, existing, listening_port, new_image, told_cred};
use crate::directory::MAX_PROCESSES;
use crate::fd::{Fd, FdKind};
use crate::fdtable::MAX_FDS;
use crate::process::{Comm, MAX_THREADS};

const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFIFO: u32 = 0o010_000;

// `new_image` and `told_cred` read the slots of an exec record.
const _: () = assert!(SAKER_P_TASK_exe == SAKER_P_EXECVE_exe);
const _: () = assert!(SAKER_P_TASK_nlink == SAKER_P_EXECVE_nlink);
const _: () = assert!(SAKER_P_TASK_cap_effective == SAKER_P_EXECVE_cap_effective);

/// What the records of the iterators came to.
#[derive(Debug, Default)]
pub struct Told {
    /// All processes but kernel threads and those whose leader is dead.
    pub processes: Vec<Scanned>,
    /// Processes of which /proc had to tell a part.
    pub processes_completed: usize,
    /// Descriptors that were read from /proc.
    pub fds_completed: usize,
    /// Processes whose memory did not answer /proc in time: their arguments are unknown.
    pub late: usize,
    /// Records that could not be decoded.
    pub undecodable: usize,
}

/// Processes from all records of both iterators ([`frames`]), `files` read after `tasks`. Without `proc`
/// what records cannot say stays unknown.
pub fn from_records(tasks: &[u8], files: &[u8], proc: Option<&mut Scanner>) -> Told {
    let mut told = Told::default();
    let tasks = decode(tasks, SAKER_EV_TASK, &mut told.undecodable);
    let files = decode(files, SAKER_EV_FILE, &mut told.undecodable);
    let mut found = Found::new(told, proc);
    let is_leader = |rec: &&Record<'_>| rec.hdr().tid == rec.hdr().tgid;
    tasks
        .iter()
        .filter(is_leader)
        .for_each(|rec| found.leader(rec));
    let threads = tasks.iter().filter(|rec| !is_leader(rec));
    threads.for_each(|rec| found.thread(rec));
    let ports = files.iter().filter_map(|rec| rec.tuple(SAKER_P_FILE_tuple));
    found.listening = ports.filter_map(|tuple| listening_port(&tuple)).collect();
    // A thread may have a table of its own; the state knows one a process.
    files
        .iter()
        .filter(is_leader)
        .for_each(|rec| found.file(rec));
    found.parents();
    found.told.late = found.proc.map_or(0, |proc| proc.late());
    found.told
}

fn decode<'a>(bytes: &'a [u8], event: u32, undecodable: &mut usize) -> Vec<Record<'a>> {
    let records = frames::records(bytes).filter_map(|bytes| {
        let record = Record::parse(bytes).ok().filter(|rec| rec.event() == event);
        *undecodable += usize::from(record.is_none());
        record
    });
    records.collect()
}

/// What is being put together.
struct Found<'a> {
    told: Told,
    proc: Option<&'a mut Scanner>,
    /// Position by thread group.
    by_tgid: FxHashMap<u32, usize>,
    /// Families and ports of listening TCP sockets.
    listening: FxHashSet<(u16, u16)>,
}

impl<'a> Found<'a> {
    fn new(told: Told, proc: Option<&'a mut Scanner>) -> Self {
        Self {
            told,
            proc,
            by_tgid: FxHashMap::default(),
            listening: FxHashSet::default(),
        }
    }

    fn leader(&mut self, rec: &Record<'_>) {
        if self.told.processes.len() >= MAX_PROCESSES {
            return;
        }
        let Some(mut found) = process(rec) else {
            return;
        };
        let mut completed = false;
        if let Some(proc) = &mut self.proc {
            let (tgid, start_ns) = (found.tgid, found.start_ns);
            let image = &mut found.image;
            if !says_program(rec) {
                if let Some(read) = proc.image(tgid, start_ns, &image.comm) {
                    let (exe_flags, memory) = (image.exe_flags, image.memory);
                    *image = crate::image::Image {
                        exe_flags,
                        memory,
                        ..read
                    };
                    completed = true;
                }
            } else if !says_arguments(rec)
                && let Some(words) = proc.words(tgid, start_ns)
            {
                image.incomplete = false;
                super::status::say(image, &words);
                completed = true;
            }
            if found.cgroups.is_empty()
                && let Some(cgroups) = proc.cgroups(tgid, start_ns)
            {
                found.cgroups = cgroups;
                completed = true;
            }
        }
        self.told.processes_completed += usize::from(completed);
        // The number of an ended process may have come again meanwhile: the younger one counts.
        match self.by_tgid.get(&found.tgid) {
            Some(&at) => self.told.processes[at] = found,
            None => {
                self.by_tgid.insert(found.tgid, self.told.processes.len());
                self.told.processes.push(found);
            }
        }
    }

    fn of(&mut self, tgid: u32) -> Option<&mut Scanned> {
        let at = *self.by_tgid.get(&tgid)?;
        self.told.processes.get_mut(at)
    }

    fn thread(&mut self, rec: &Record<'_>) {
        let thread = ScannedThread {
            tid: rec.hdr().tid,
            comm: Comm::new(rec.var(SAKER_P_TASK_comm).bytes),
            vtid: rec.i64(SAKER_P_TASK_vtid) as i32,
            cred: told_cred(rec),
        };
        if let Some(process) = self.of(rec.hdr().tgid)
            && process.threads.len() < MAX_THREADS
        {
            process.threads.push(thread);
        }
    }

    /// Parents no record tells of, as a kernel may hide one from iterators: without them lineages would end
    /// early.
    fn parents(&mut self) {
        let mut asked = FxHashSet::default();
        let mut at = 0;
        while let Some(ppid) = self.told.processes.get(at).map(|process| process.ppid) {
            at += 1;
            if ppid == 0 || self.by_tgid.contains_key(&ppid) || !asked.insert(ppid) {
                continue;
            }
            let found = self.proc.as_mut().and_then(|proc| proc.process(ppid));
            if let Some(found) = found {
                self.by_tgid.insert(ppid, self.told.processes.len());
                self.told.processes.push(found);
                self.told.processes_completed += 1;
            }
        }
    }

    fn file(&mut self, rec: &Record<'_>) {
        let (tgid, number) = (rec.hdr().tgid, rec.i64(SAKER_P_FILE_fd) as i32);
        let room = |process: &&mut Scanned| process.fds.len() < MAX_FDS;
        let Some(start_ns) = self.of(tgid).filter(room).map(|process| process.start_ns) else {
            return;
        };
        let fd = match descriptor(rec, &self.listening) {
            Some(fd) => fd,
            None => {
                let proc = self.proc.as_mut();
                let found = proc.and_then(|proc| proc.fd(tgid, start_ns, number));
                self.told.fds_completed += usize::from(found.is_some());
                found.unwrap_or_else(|| described(rec, FdKind::Unknown))
            }
        };
        if let Some(process) = self.of(tgid) {
            process.fds.push((number, fd));
        }
    }
}

/// What a leader's record says; `None` when it has no program any more.
fn process(rec: &Record<'_>) -> Option<Scanned> {
    let memory = [
        SAKER_P_TASK_trusted_exepath,
        SAKER_P_TASK_exe,
        SAKER_P_TASK_args,
    ];
    let silent = |var: Var<'_>| var.bytes.is_empty() && !var.fault && !var.truncated;
    if memory.into_iter().all(|slot| silent(rec.var(slot))) {
        return None;
    }
    let image = new_image(rec, &[]);
    let id = |slot| rec.i64(slot) as i32;
    let number = |slot| rec.u64(slot) as u32;
    let mut cwd = match rec.var(SAKER_P_TASK_cwd) {
        var if var.fault || var.truncated => Vec::new(),
        var => var.bytes.to_vec(),
    };
    if !cwd.is_empty() && !cwd.ends_with(b"/") {
        cwd.push(b'/');
    }
    Some(Scanned {
        tgid: rec.hdr().tgid,
        ppid: number(SAKER_P_TASK_ptid),
        start_ns: rec.u64(SAKER_P_TASK_start_ns),
        // Valid from its beginning on, as far as anybody can tell.
        image: crate::image::Image {
            since_ns: 0,
            ..image
        },
        cred: told_cred(rec),
        vpid: id(SAKER_P_TASK_vpid),
        pgid: id(SAKER_P_TASK_pgid),
        vpgid: id(SAKER_P_TASK_vpgid),
        sid: id(SAKER_P_TASK_sid),
        tty: number(SAKER_P_TASK_tty),
        cwd,
        root: Vec::new(),
        fdlimit: rec.u64(SAKER_P_TASK_fdlimit),
        pidns_start_ns: rec.u64(SAKER_P_TASK_pidns_start_ns),
        cgroup_id: rec.hdr().cgroup_id,
        cgroups: match rec.var(SAKER_P_TASK_cgroups) {
            var if var.truncated => Vec::new(),
            var => var.bytes.to_vec(),
        },
        threads: Vec::new(),
        fds: Vec::new(),
    })
}

/// Whether the program's file is what /proc would show.
pub(super) fn says_program(rec: &Record<'_>) -> bool {
    let path = rec.var(SAKER_P_TASK_trusted_exepath);
    !path.truncated && !path.fault
}

/// Whether arguments and environment are what /proc would show.
pub(super) fn says_arguments(rec: &Record<'_>) -> bool {
    let (exe, args) = (rec.var(SAKER_P_TASK_exe), rec.var(SAKER_P_TASK_args));
    // Without its NUL at the end this is a title that goes on behind the arguments (setproctitle(3)).
    let ended = |var: Var<'_>| var.truncated || matches!(var.bytes.last(), None | Some(0));
    let fault = exe.fault || args.fault || rec.var(SAKER_P_TASK_env).fault;
    !fault && !exe.truncated && ended(args)
}

/// A descriptor by its record; `None` when that does not tell what it is.
fn descriptor(rec: &Record<'_>, listening: &FxHashSet<(u16, u16)>) -> Option<Fd> {
    let name = rec.var(SAKER_P_FILE_name);
    if name.truncated || name.fault {
        return None;
    }
    let ino = rec.u64(SAKER_P_FILE_ino);
    if let Some(tuple) = rec.tuple(SAKER_P_FILE_tuple) {
        let fd = existing(&tuple, |family, port| listening.contains(&(family, port)));
        return Some(Fd {
            ino,
            ..opened(rec, fd)
        });
    }
    let (kind, name) = told_kind(rec)?;
    let mut fd = match kind {
        FdKind::File | FdKind::Directory => return Some(described(rec, kind)),
        kind => Fd {
            kind,
            name: name.to_vec(),
            ..Fd::default()
        },
    };
    if kind == FdKind::Pipe {
        fd.ino = ino;
        fd.name = format!("pipe:[{ino}]").into_bytes();
    }
    Some(opened(rec, fd))
}

/// Kind and name of what is no socket; `None` when its record does not tell.
pub(crate) fn told_kind<'a>(rec: &Record<'a>) -> Option<(FdKind, &'a [u8])> {
    let file_type = rec.u64(SAKER_P_FILE_facts) as u32 & S_IFMT;
    let name = rec.var(SAKER_P_FILE_name);
    if name.truncated || name.fault {
        return None;
    }
    Some(match (name.bytes, file_type) {
        (b"", S_IFIFO) => (FdKind::Pipe, b""),
        // The root, and what file systems without names call their files (namespaces, pidfds).
        (b"/", file_type) if file_type != S_IFDIR => return None,
        (path @ [b'/', ..], S_IFDIR) => (FdKind::Directory, path),
        (path @ [b'/', ..], _) => (FdKind::File, path),
        ([b'm', b'e', b'm', b'f', b'd', b':', memory @ ..], S_IFREG) => (FdKind::Memfd, memory),
        // Anonymous inodes have no type, in newer kernels that of a regular file.
        (anon, 0 | S_IFREG) => match anonymous(anon) {
            FdKind::Unknown => return None,
            kind => (kind, b""),
        },
        _ => return None,
    })
}

/// A file with a path, or one about which nothing more is known.
fn described(rec: &Record<'_>, kind: FdKind) -> Fd {
    let fd = Fd {
        kind,
        name: rec.var(SAKER_P_FILE_name).bytes.to_vec(),
        dev: rec.u64(SAKER_P_FILE_dev) as u32,
        ino: rec.u64(SAKER_P_FILE_ino),
        file_facts: rec.u64(SAKER_P_FILE_facts) as u32,
        ..Fd::default()
    };
    opened(rec, fd)
}

fn opened(rec: &Record<'_>, fd: Fd) -> Fd {
    let open_flags = rec.u64(SAKER_P_FILE_flags) as u32;
    Fd {
        open_flags,
        cloexec: open_flags & O_CLOEXEC != 0,
        ..fd
    }
}

#[cfg(test)]
mod tests {
    use saker_abi::record::RecordBuilder;

    use super::*;

    fn frame(record: &RecordBuilder) -> Vec<u8> {
        let record = record.build();
        let mut bytes = Vec::new();
        frames::push(&mut bytes, &record);
        bytes
    }

    fn task(tgid: u32, tid: u32) -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_TASK, 5, tgid, tid)
            .var(SAKER_P_TASK_comm, b"name")
            .var(SAKER_P_TASK_cwd, b"/dir")
    }

    fn file(tgid: u32, tid: u32, fd: i64, name: &[u8], facts: u32) -> RecordBuilder {
        RecordBuilder::new(SAKER_EV_FILE, 5, tgid, tid)
            .num(SAKER_P_FILE_fd, fd)
            .num(SAKER_P_FILE_ino, 9)
            .num(SAKER_P_FILE_facts, facts.into())
            .num(SAKER_P_FILE_flags, O_CLOEXEC.into())
            .var(SAKER_P_FILE_name, name)
    }

    #[test]
    fn without_proc_the_rest_stays_unknown() {
        let path = |rec: RecordBuilder| rec.var(SAKER_P_TASK_trusted_exepath, b"/bin/x");
        let unreadable = path(task(7, 7)).var_with_flags(SAKER_P_TASK_args, b"", SAKER_VF_FAULT);
        // A thread whose number is the lower one, a leader without its program, the same number again.
        let tasks = [
            frame(
                &task(7, 3)
                    .num(SAKER_P_TASK_uid, 1234)
                    .num(SAKER_P_TASK_cap_effective, 5),
            ),
            frame(&unreadable),
            frame(&task(8, 8)),
            frame(&path(task(7, 7)).var(SAKER_P_TASK_exe, b"x")),
            frame(&unreadable),
            vec![1, 2, 3],
        ];
        let files = [
            frame(&file(7, 7, 3, b"/a", S_IFREG)),
            frame(&file(7, 3, 3, b"/of a thread's own table", S_IFREG)),
            frame(&file(7, 7, 4, b"", S_IFIFO)),
            frame(&file(7, 7, 5, b"/", S_IFREG)),
            frame(&file(7, 7, 6, b"memfd:m", S_IFREG)),
            frame(&file(7, 7, 7, b"[eventfd]", 0)),
            frame(&file(8, 8, 7, b"/b", S_IFREG)),
            frame(&task(7, 7)),
        ];
        let told = from_records(&tasks.concat(), &files.concat(), None);
        assert_eq!((told.processes.len(), told.undecodable), (1, 1));
        let process = &told.processes[0];
        assert!(process.image.incomplete && process.cwd == b"/dir/");
        let [thread] = process.threads[..] else {
            panic!("one thread: {:?}", process.threads);
        };
        let told = (thread.tid, thread.comm, thread.vtid, thread.cred.uid);
        assert_eq!(told, (3, Comm::new(b"name"), 0, 1234));
        assert_eq!((thread.cred.cap_effective, process.cred.uid), (5, 0));
        let fds: Vec<_> = process
            .fds
            .iter()
            .map(|(n, fd)| (*n, fd.kind, &*fd.name))
            .collect();
        let expected = [
            (3, FdKind::File, &b"/a"[..]),
            (4, FdKind::Pipe, b"pipe:[9]"),
            (5, FdKind::Unknown, b"/"),
            (6, FdKind::Memfd, b"m"),
            (7, FdKind::Event, b""),
        ];
        assert_eq!(fds, expected);
        assert!(process.fds.iter().all(|(_, fd)| fd.cloexec));
    }

    #[test]
    fn titles_are_read_elsewhere() {
        let says =
            |rec: &RecordBuilder| says_arguments(&Record::parse(&rec.build()).expect("a record"));
        let args = |args: &[u8], flags| task(7, 7).var_with_flags(SAKER_P_TASK_args, args, flags);
        assert!(says(&args(b"", 0)) && says(&args(b"a\0b\0", 0)));
        assert!(says(&args(b"a\0cu", SAKER_VF_TRUNCATED)));
        assert!(!says(&args(b"a\0title", 0)) && !says(&args(b"", SAKER_VF_FAULT)));
        let exe = task(7, 7).var_with_flags(SAKER_P_TASK_exe, b"titl", SAKER_VF_TRUNCATED);
        assert!(!says(&exe));
    }
}
