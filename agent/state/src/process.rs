//! A process (thread group) as its owning worker keeps it.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::asked::Asked;
use crate::container::Cgroup;
use crate::fdtable::FdTable;
use crate::image::Image;
use crate::lineage::Cell;
use crate::sharing::Sharing;

/// Threads stored per process besides the leader; further ones are known by their process alone.
pub const MAX_THREADS: usize = 32_768;

/// A user or group id that is not known or not set.
pub const NO_ID: u32 = u32::MAX;

/// `comm` and `exe` of a process nothing is known about; the text is part of the rule language.
pub const UNKNOWN_NAME: &[u8] = b"<NA>";

/// Credentials. Ids are those of the initial user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cred {
    /// Effective user id, [`NO_ID`] unknown.
    pub uid: u32,
    /// Effective group id, [`NO_ID`] unknown.
    pub gid: u32,
    /// Audit login user id, [`NO_ID`] unset.
    pub loginuid: u32,
    /// Inheritable capabilities.
    pub cap_inheritable: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Effective capabilities.
    pub cap_effective: u64,
}

impl Default for Cred {
    fn default() -> Self {
        Self {
            uid: NO_ID,
            gid: NO_ID,
            loginuid: NO_ID,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
        }
    }
}

impl Cred {
    /// Sets inheritable, permitted, effective capabilities.
    pub(crate) const fn set_capabilities(&mut self, now: [u64; 3]) {
        [self.cap_inheritable, self.cap_permitted, self.cap_effective] = now;
    }
}

/// A thread's name: at most 15 bytes, in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comm {
    bytes: [u8; 15],
    len: u8,
}

impl Comm {
    /// The first 15 bytes of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut comm = Self::default();
        let len = bytes.len().min(comm.bytes.len());
        comm.bytes[..len].copy_from_slice(&bytes[..len]);
        comm.len = len as u8;
        comm
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// A thread other than the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thread {
    /// Name as of its clone.
    pub comm: Comm,
    /// Id in the innermost pid namespace, -1 unknown.
    pub vtid: i32,
    /// Time of its clone, ns; 0 unknown.
    pub clone_ts_ns: u64,
    /// Its credentials since then, which are each thread's own; `None`: not known, as the leader's.
    pub cred: Option<Cred>,
}

/// Where the knowledge of a process comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// Records of the driver since its birth or a complete snapshot.
    Kernel,
    /// /proc, at some time after the fact.
    Proc,
    /// Nothing yet but an event of a process nobody had heard of.
    #[default]
    Placeholder,
}

/// What is uncertain about a process. Alerts built on it say so (DESIGN.md 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubt(u8);

impl Doubt {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Program, arguments and parent may be wrong or absent.
    pub const IMAGE: Self = Self(1);
    /// Descriptors may be missing or stale.
    pub const FDS: Self = Self(2);
    /// What a fork inherits (directory, credentials, session) is not known.
    pub const INHERITED: Self = Self(4);
    /// Records of its partition were lost since it was last whole.
    pub const LOSS: Self = Self(8);

    /// Whether there is any.
    pub const fn any(self) -> bool {
        self.0 != 0
    }

    /// Whether all of `other` is there.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// A thread group, owned by one worker.
#[derive(Debug)]
pub struct Process {
    /// What others see of it, and its place among its ancestors.
    pub cell: Arc<Cell>,
    /// Its program now (other workers read versions from the cell).
    pub image: Arc<Image>,
    /// Thread group id, initial pid namespace.
    pub tgid: u32,
    /// Parent as of the last fork or exec record; after the parent's end ask the cell. -1 unknown.
    pub ppid: i32,
    /// Id in the innermost pid namespace, -1 unknown.
    pub vpid: i32,
    /// Process group, initial pid namespace; -1 unknown. `setpgid` is not followed (rules-spec F4).
    pub pgid: i32,
    /// Process group in the innermost pid namespace, -1 unknown.
    pub vpgid: i32,
    /// Session, initial pid namespace; -1 unknown.
    pub sid: i32,
    /// Credentials of the leader; see [`Process::cred_of`].
    pub cred: Cred,
    /// Controlling terminal's device number, 0 none.
    pub tty: u32,
    /// Working directory, always ending in `/`; empty when not known.
    pub cwd: Arc<[u8]>,
    /// Root directory after `chroot`, `/` otherwise.
    pub root: Arc<[u8]>,
    /// Soft limit of descriptors, 0 unknown.
    pub fdlimit: u64,
    /// When the pid namespace's init began, `CLOCK_BOOTTIME` ns; 0 unknown.
    pub pidns_start_ns: u64,
    /// When it was cloned, `CLOCK_BOOTTIME` ns; 0 unknown. Not changed by exec.
    pub clone_ts_ns: u64,
    /// cgroup of its last record, default hierarchy; 0 unknown.
    pub cgroup_id: u64,
    /// The cgroup as of its birth or last exec, and with it the container.
    pub cgroup: Arc<Cgroup>,
    /// Descriptors.
    pub fds: FdTable,
    /// With whom it shares them.
    pub(crate) sharing: Option<Box<Sharing>>,
    /// Threads besides the leader, by id.
    pub threads: FxHashMap<u32, Thread>,
    /// The leader called exit, but other threads live on.
    pub leader_exited: bool,
    /// Bits 20..35 of its start time, 0 unknown; tells a reused number apart.
    pub start_tag: u16,
    /// Source of this knowledge.
    pub origin: Origin,
    /// What is uncertain.
    pub doubt: Doubt,
    /// After a loss, while a look-up is under way: its answer overrides what has not changed since.
    pub(crate) asked: Option<Box<Asked>>,
}

impl Process {
    /// A process nothing is known about but its number (rules-spec F1). Owned by `owner`.
    pub(crate) fn placeholder(tgid: u32, owner: u32, shared: &Blank) -> Self {
        let cell = Cell::new(tgid, owner, 0, Arc::clone(&shared.image), None);
        Self {
            cell,
            image: Arc::clone(&shared.image),
            tgid,
            ppid: -1,
            vpid: -1,
            pgid: -1,
            vpgid: -1,
            sid: -1,
            cred: Cred::default(),
            tty: 0,
            cwd: Arc::clone(&shared.cwd),
            root: Arc::clone(&shared.root),
            fdlimit: 0,
            pidns_start_ns: 0,
            clone_ts_ns: 0,
            cgroup_id: 0,
            cgroup: Arc::clone(&shared.cgroup),
            fds: FdTable::default(),
            sharing: None,
            threads: FxHashMap::default(),
            leader_exited: false,
            start_tag: 0,
            origin: Origin::Placeholder,
            doubt: Doubt::IMAGE.with(Doubt::FDS).with(Doubt::INHERITED),
            asked: None,
        }
    }

    /// `comm` of thread `tid`, the leader's if the thread is not known.
    pub fn comm(&self, tid: u32) -> &[u8] {
        match self.threads.get(&tid) {
            Some(thread) if tid != self.tgid => thread.comm.bytes(),
            _ => &self.image.comm,
        }
    }

    /// Credentials of thread `tid`, the leader's if those of the thread are not known.
    pub fn cred_of(&self, tid: u32) -> &Cred {
        if tid == self.tgid {
            return &self.cred;
        }
        let own = self
            .threads
            .get(&tid)
            .and_then(|thread| thread.cred.as_ref());
        own.unwrap_or(&self.cred)
    }

    /// The same, to be changed: from then on they are the thread's own, and it is known. `None` when there are too many.
    pub(crate) fn cred_mut(&mut self, tid: u32) -> Option<&mut Cred> {
        if tid == self.tgid {
            return Some(&mut self.cred);
        }
        if self.threads.len() >= MAX_THREADS && !self.threads.contains_key(&tid) {
            return None;
        }
        let thread = self.threads.entry(tid).or_insert_with(|| Thread {
            comm: Comm::new(&self.image.comm),
            vtid: -1,
            clone_ts_ns: 0,
            cred: None,
        });
        Some(thread.cred.get_or_insert(self.cred))
    }

    /// Id of thread `tid` in the innermost pid namespace, -1 unknown.
    pub fn vtid(&self, tid: u32) -> i32 {
        if tid == self.tgid {
            return self.vpid;
        }
        self.threads.get(&tid).map_or(-1, |thread| thread.vtid)
    }

    /// When it began, `CLOCK_BOOTTIME` ns, 0 unknown: as the kernel has it, which is also what its children's events
    /// show; where no record has told, when the clone was recorded.
    pub fn start_ns(&self) -> u64 {
        match self.cell.start_ns() {
            0 => self.clone_ts_ns,
            start_ns => start_ns,
        }
    }

    /// Whether a look at it may be under way that tells what is not known. A child of one that is looked at is not
    /// looked at itself, whatever it inherits of the doubt, unless it inherits that of the program.
    pub fn is_looked_up(&self) -> bool {
        let asked = self.doubt.has(Doubt::IMAGE) || self.asked.is_some();
        self.origin == Origin::Placeholder || asked
    }

    /// Whether it runs in a container.
    pub fn in_container(&self) -> bool {
        self.cgroup.container.is_some()
    }
}

/// What all placeholders of a worker share, so that making one copies nothing.
#[derive(Debug, Clone)]
pub(crate) struct Blank {
    image: Arc<Image>,
    cwd: Arc<[u8]>,
    root: Arc<[u8]>,
    cgroup: Arc<Cgroup>,
}

impl Default for Blank {
    fn default() -> Self {
        let image = Image {
            comm: UNKNOWN_NAME.into(),
            exe: UNKNOWN_NAME.into(),
            cmdline: UNKNOWN_NAME.into(),
            incomplete: true,
            ..Image::default()
        };
        Self {
            image: Arc::new(image),
            cwd: Arc::from(&b""[..]),
            root: Arc::from(&b"/"[..]),
            cgroup: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_threads() {
        let mut process = Process::placeholder(7, 0, &Blank::default());
        let comm = Comm::new(b"a name longer than fifteen bytes");
        assert_eq!(comm.bytes(), b"a name longer t");
        process.threads.insert(
            8,
            Thread {
                comm,
                vtid: 3,
                clone_ts_ns: 1,
                cred: None,
            },
        );
        assert_eq!(
            (process.comm(7), process.comm(8)),
            (UNKNOWN_NAME, comm.bytes())
        );
        assert_eq!(
            (process.comm(9), process.vtid(8), process.vtid(9)),
            (UNKNOWN_NAME, 3, -1)
        );
        assert!(!process.in_container());
    }

    #[test]
    fn threads_have_their_own_credentials() {
        let mut process = Process::placeholder(7, 0, &Blank::default());
        process.cred.uid = 5;
        process.cred_mut(8).expect("room").uid = 6;
        process.cred_mut(7).expect("the leader").gid = 4;
        let ids = |tid| (process.cred_of(tid).uid, process.cred_of(tid).gid);
        assert_eq!(
            (ids(7), ids(8), ids(9)),
            ((5, 4), (6, NO_ID), (5, 4)),
            "threads that are not known have the leader's"
        );
        assert_eq!((process.comm(8), process.vtid(8)), (UNKNOWN_NAME, -1));
    }

    #[test]
    fn the_number_of_threads_is_bounded() {
        let mut process = Process::placeholder(1, 0, &Blank::default());
        let last = MAX_THREADS as u32 + 2;
        assert!((2..last).all(|tid| process.cred_mut(tid).is_some()));
        assert!(process.cred_mut(last).is_none() && process.cred_mut(2).is_some());
    }

    #[test]
    fn doubts_add_up() {
        let doubt = Doubt::FDS.with(Doubt::LOSS);
        assert!(doubt.any() && doubt.has(Doubt::FDS) && !doubt.has(Doubt::IMAGE));
        assert_eq!(doubt.without(Doubt::FDS).without(Doubt::LOSS), Doubt::NONE);
    }
}
