//! Processes that are there already: at the start as the driver's iterators tell ([`from_records`]), from
//! /proc where there are none, and from /proc for single ones nobody has heard of.
//!
//! A process may vanish at any step; what is then missing is left out, never an error.

mod complete;
mod fds;
mod memory;
mod net;
mod read;
mod records;
mod status;

use std::collections::hash_map::Entry;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};

use crate::container::Cgroups;
use crate::fd::Fd;
use crate::image::Image;
use crate::lineage::Cell;
use crate::process::{Blank, Comm, Cred, Doubt, NO_ID, Origin, Process, Thread};

use self::memory::{Memory, Words};
use self::net::Nets;
use self::read::Reader;

pub use self::complete::complete;
pub use self::memory::late_in_all;
pub(crate) use self::records::told_kind;
pub use self::records::{Told, from_records};

/// A process that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Thread group id, initial pid namespace.
    pub tgid: u32,
    /// Parent's thread group id, 0 none.
    pub ppid: u32,
    /// Start time, `CLOCK_BOOTTIME` ns; as coarse as a clock tick from /proc.
    pub start_ns: u64,
    /// Program.
    pub image: Image,
    /// Credentials.
    pub cred: Cred,
    /// Id in the innermost pid namespace.
    pub vpid: i32,
    /// Process group.
    pub pgid: i32,
    /// Process group in the innermost pid namespace.
    pub vpgid: i32,
    /// Session.
    pub sid: i32,
    /// Controlling terminal.
    pub tty: u32,
    /// Working directory, ending in `/`; empty unknown.
    pub cwd: Vec<u8>,
    /// Root directory; empty where nobody said.
    pub root: Vec<u8>,
    /// Soft limit of descriptors.
    pub fdlimit: u64,
    /// When the pid namespace's init began, `CLOCK_BOOTTIME` ns; 0 unknown.
    pub pidns_start_ns: u64,
    /// cgroup of the default hierarchy, 0 unknown.
    pub cgroup_id: u64,
    /// Paths of its cgroups: the driver's, or lines of `/proc/PID/cgroup`.
    pub cgroups: Vec<u8>,
    /// Threads besides the leader.
    pub threads: Vec<ScannedThread>,
    /// Descriptors.
    pub fds: Vec<(i32, Fd)>,
}

/// A thread that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScannedThread {
    /// Id, initial pid namespace.
    pub tid: u32,
    /// Name.
    pub comm: Comm,
    /// Id in the innermost pid namespace, -1 unknown.
    pub vtid: i32,
    /// Credentials.
    pub cred: Cred,
}

impl Scanned {
    /// The same as a process of partition `owner`.
    pub(crate) fn into_process(self, owner: u32, blank: &Blank, cgroups: &Cgroups) -> Process {
        let mut process = Process::placeholder(self.tgid, owner, blank);
        process.cell = Cell::new(
            self.tgid,
            owner,
            self.start_ns,
            Arc::clone(&process.image),
            None,
        );
        process.clone_ts_ns = self.start_ns;
        self.fill(&mut process, cgroups, 0);
        process
    }

    /// Tells `process` what it does not know yet. Records are newer than any look at /proc, so
    /// what they have said stays. The look was at `looked_ns`.
    pub(crate) fn fill(mut self, process: &mut Process, cgroups: &Cgroups, looked_ns: u64) {
        let doubt = process.doubt;
        let asked = process.asked.take();
        let after_loss = asked.is_some();
        if let Some(asked) = asked {
            asked.forget(process, &mut self, looked_ns);
        }
        if doubt.has(Doubt::IMAGE) {
            let file = |image: &Image| (image.exe_dev, image.exe_ino);
            if file(&self.image) == file(&process.image) {
                // Only the kernel can tell them, and it has.
                self.image.exe_flags = process.image.exe_flags;
            }
            process.image = Arc::new(std::mem::take(&mut self.image));
            process.cell.replace_images(Arc::clone(&process.image));
        }
        let fill = |known: &mut i32, found| *known = if *known < 0 { found } else { *known };
        fill(&mut process.ppid, self.ppid as i32);
        fill(&mut process.vpid, self.vpid);
        fill(&mut process.pgid, self.pgid);
        fill(&mut process.vpgid, self.vpgid);
        fill(&mut process.sid, self.sid);
        process.cell.set_ids(process.sid, process.pgid);
        process.cell.set_vpid(process.vpid);
        if process.pidns_start_ns == 0 {
            process.pidns_start_ns = self.pidns_start_ns;
        }
        if doubt.has(Doubt::INHERITED) {
            let Self {
                cred,
                cwd,
                root,
                tty,
                fdlimit,
                start_ns,
                ..
            } = &self;
            fill_inherited(process, cred, cwd, root, *tty, *fdlimit, *start_ns);
            let unknown = process.cgroup.paths.is_empty() || after_loss;
            if unknown && let Some(cgroup) = cgroups.resolve(self.cgroup_id, &self.cgroups) {
                (process.cgroup, process.cgroup_id) = (cgroup, self.cgroup_id);
            }
        }
        for ScannedThread {
            tid,
            comm,
            vtid,
            cred,
        } in self.threads
        {
            match process.threads.entry(tid) {
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    if known.vtid < 0 {
                        (known.comm, known.vtid) = (comm, vtid);
                    }
                    if doubt.has(Doubt::INHERITED) {
                        fill_cred(known.cred.get_or_insert(cred), &cred);
                    }
                }
                Entry::Vacant(free) => {
                    free.insert(Thread {
                        comm,
                        vtid,
                        clone_ts_ns: 0,
                        cred: Some(cred),
                    });
                }
            }
        }
        if doubt.has(Doubt::FDS) {
            for (number, found) in self.fds {
                // A full table stays as it is; the kernel's numbers come low first.
                process.fds.fill(number, found);
            }
        }
        // Another loss, since: it is asked for again.
        process.doubt = match doubt.has(Doubt::LOSS) {
            true => Doubt::LOSS,
            false => Doubt::NONE,
        };
        process.origin = Origin::Proc;
    }
}

/// What a fork inherits, where no record has said otherwise.
fn fill_inherited(
    process: &mut Process,
    cred: &Cred,
    cwd: &[u8],
    root: &[u8],
    tty: u32,
    fdlimit: u64,
    start_ns: u64,
) {
    fill_cred(&mut process.cred, cred);
    if process.cwd.is_empty() {
        process.cwd = cwd.into();
    }
    if process.tty == 0 {
        process.tty = tty;
    }
    if process.fdlimit == 0 {
        process.fdlimit = fdlimit;
    }
    if process.clone_ts_ns == 0 {
        process.clone_ts_ns = start_ns;
    }
    if *process.root == *b"/" && !root.is_empty() {
        process.root = root.into();
    }
}

/// An exec record has told all of them; of a placeholder, a setuid may have told one.
fn fill_cred(known: &mut Cred, found: &Cred) {
    if known.loginuid != NO_ID || known.cap_permitted != 0 {
        return;
    }
    let or_found = |known, found| if known == NO_ID { found } else { known };
    *known = Cred {
        uid: or_found(known.uid, found.uid),
        gid: or_found(known.gid, found.gid),
        ..*found
    };
}

/// Reads /proc, relative to one open directory of it.
#[derive(Debug)]
pub struct Scanner {
    proc: OwnedFd,
    nets: Nets,
    reader: Reader,
    memory: Memory,
    /// Length of the clock tick of start times, ns.
    tick_ns: u64,
}

impl Scanner {
    /// Opens `proc` below `host_root`.
    ///
    /// # Errors
    /// When there is no such directory.
    pub fn open(host_root: &Path) -> std::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = openat(CWD, host_root.join("proc"), flags, Mode::empty())?;
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        Ok(Self {
            proc,
            nets: Nets::default(),
            reader: Reader::default(),
            memory: Memory::default(),
            tick_ns,
        })
    }

    /// All processes but kernel threads and zombies.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn all(&mut self) -> std::io::Result<Vec<Scanned>> {
        self.nets.clear();
        let pids: Vec<u32> = Dir::read_from(&self.proc)?
            .filter_map(|entry| entry.ok()?.file_name().to_str().ok()?.parse().ok())
            .take(crate::directory::MAX_PROCESSES)
            .collect();
        Ok(pids
            .into_iter()
            .filter_map(|pid| self.process(pid))
            .collect())
    }

    /// The process `tgid`, if it exists and has a program.
    pub fn process(&mut self, tgid: u32) -> Option<Scanned> {
        let dir = self.dir(tgid)?;
        let mut found = Scanned {
            tgid,
            ..Scanned::default()
        };
        let (reader, memory) = (&mut self.reader, &mut self.memory);
        status::read(reader, memory, &dir, self.tick_ns, &mut found)?;
        fds::read(&mut self.reader, &dir, &mut self.nets, &mut found);
        Some(found)
    }

    fn dir(&self, tgid: u32) -> Option<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.proc, tgid.to_string(), flags, Mode::empty()).ok()
    }

    /// Processes of which arguments could not be read in time, through this scanner.
    pub const fn late(&self) -> usize {
        self.memory.late()
    }

    /// The directory of the process `tgid` that began at `start_ns`: a record's number may have come again. What is
    /// read through it is of that process or cannot be read.
    fn dir_of(&mut self, tgid: u32, start_ns: u64) -> Option<OwnedFd> {
        let dir = self.dir(tgid)?;
        let began_ns = status::read_start(&mut self.reader, &dir, self.tick_ns)?;
        (began_ns == start_ns - start_ns % self.tick_ns).then_some(dir)
    }

    /// Program of a process whose threads are called `comm`.
    fn image(&mut self, tgid: u32, start_ns: u64, comm: &[u8]) -> Option<Image> {
        let dir = self.dir_of(tgid, start_ns)?;
        status::read_image(&mut self.memory, &dir, comm)
    }

    /// Arguments and environment of a process; `None` when it has gone or does not let them be read in time.
    fn words(&mut self, tgid: u32, start_ns: u64) -> Option<Words> {
        let dir = self.dir_of(tgid, start_ns)?;
        self.memory.read(&dir)
    }

    /// cgroups of a process in all hierarchies.
    fn cgroups(&mut self, tgid: u32, start_ns: u64) -> Option<Vec<u8>> {
        let dir = self.dir_of(tgid, start_ns)?;
        status::read_cgroups(&mut self.reader, &dir)
    }

    /// One descriptor of a process.
    fn fd(&mut self, tgid: u32, start_ns: u64, number: i32) -> Option<Fd> {
        let dir = self.dir_of(tgid, start_ns)?;
        fds::read_one(&mut self.reader, &dir, &mut self.nets, number)
    }
}
