//! What a file is really called: the name that a program gives may lead anywhere. Opens tell it themselves, what
//! other calls act on stands in a record before theirs.

use saker_abi::raw::*;
use saker_abi::record::{Record, Var};

use super::{EventView, Made};
use crate::params::Kind;

/// Names that a file can have besides the given one.
pub const MAX_REAL_NAMES: usize = 2;
/// Files of one call: old and new name of a rename or link.
const MAX_FILES: usize = 2;

/// Slots in which a record tells what was reached.
#[derive(Debug, Clone, Copy)]
struct Slots {
    real: u32,
    mount_at: u32,
    mount_root: u32,
    dev: u32,
    /// What `mount_at` says of a mount at the path's first byte; less: nothing was told.
    first: u64,
}

/// Slots of the events that tell it, without a look-up by name: every event asks.
const fn slots(event: u32) -> Option<Slots> {
    macro_rules! of {
        ($real:ident $at:ident $root:ident $dev:ident) => {
            Slots {
                real: $real,
                mount_at: $at,
                mount_root: $root,
                dev: $dev,
                first: 0,
            }
        };
    }
    Some(match event {
        SAKER_EV_OPEN => {
            of!(SAKER_P_OPEN_real SAKER_P_OPEN_mount_at SAKER_P_OPEN_mount_root SAKER_P_OPEN_dev)
        }
        SAKER_EV_OPENAT => {
            of!(SAKER_P_OPENAT_real SAKER_P_OPENAT_mount_at SAKER_P_OPENAT_mount_root SAKER_P_OPENAT_dev)
        }
        SAKER_EV_OPENAT2 => {
            of!(SAKER_P_OPENAT2_real SAKER_P_OPENAT2_mount_at SAKER_P_OPENAT2_mount_root SAKER_P_OPENAT2_dev)
        }
        SAKER_EV_CREAT => {
            of!(SAKER_P_CREAT_real SAKER_P_CREAT_mount_at SAKER_P_CREAT_mount_root SAKER_P_CREAT_dev)
        }
        SAKER_EV_OPEN_BY_HANDLE_AT => {
            of!(SAKER_P_OPEN_BY_HANDLE_AT_real SAKER_P_OPEN_BY_HANDLE_AT_mount_at
                SAKER_P_OPEN_BY_HANDLE_AT_mount_root SAKER_P_OPEN_BY_HANDLE_AT_dev)
        }
        SAKER_EV_EXECVE => EXECUTED,
        _ => return None,
    })
}

/// Slots of a program.
const EXECUTED: Slots = Slots {
    real: SAKER_P_EXECVE_trusted_exepath,
    mount_at: SAKER_P_EXECVE_mount_mark,
    mount_root: SAKER_P_EXECVE_mount_root,
    dev: SAKER_P_EXECVE_exe_dev,
    first: 1,
};

/// Arguments among which the kernel puts a script's own name: two for each script that runs another.
const SCRIPT_ARGS: usize = 4;

/// Slots of the record that stands before a call.
const ACTED: Slots = Slots {
    real: SAKER_P_ACTED_real,
    mount_at: SAKER_P_ACTED_mount_at,
    mount_root: SAKER_P_ACTED_top,
    dev: SAKER_P_ACTED_dev,
    first: 0,
};

/// What the kernel has told of the event's files: the record that tells it, and where.
#[derive(Debug, Clone, Copy)]
struct Told<'a> {
    record: Record<'a>,
    slots: Slots,
    /// Slots of the second file, if the call may have one.
    second: Option<(u32, u32)>,
}

impl<'a> Told<'a> {
    /// Path of file `nth` and where in it its own mount begins, if that was told.
    fn path(&self, nth: usize) -> Option<(Var<'a>, Option<u64>)> {
        let (real, mount_at) = match nth {
            0 => (self.slots.real, self.slots.mount_at),
            _ => self.second?,
        };
        let path = self.record.var(real);
        let mount_at = self.record.u64(mount_at).checked_sub(self.slots.first);
        (path.bytes.first() == Some(&b'/')).then_some((path, mount_at))
    }
}

/// Real names of an event's files, of those that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RealNames<'a>([Option<&'a [u8]>; MAX_FILES]);

impl<'a> RealNames<'a> {
    /// The name of the event's file, of two the first: of a rename or link the old one.
    pub fn first(&self) -> Option<&'a [u8]> {
        self.0[0]
    }

    /// The new name of a rename or link.
    pub fn second(&self) -> Option<&'a [u8]> {
        self.0[1]
    }

    /// Whether one of them is not that of `others`.
    fn differ_from(&self, others: &Self) -> bool {
        let mut both = self.0.iter().zip(&others.0);
        both.any(|(name, other)| name.is_some() && name != other)
    }
}

/// By which of their names rules see the event's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Called<'a> {
    pub(super) names: RealNames<'a>,
    /// From 1; tells texts made under these names apart from others.
    pub(super) number: usize,
}

/// How an alert names what is really elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// The file of the event's descriptor: `fd.realpath`.
    Descriptor,
    /// One path: `fs.realpath.name`, or `.source` of a symbolic link.
    Path,
    /// The program: `proc.realpath`.
    Program,
    /// The new name of a symbolic link, which `fs.path.source` is.
    Source,
    /// Two paths: `fs.realpath.source` and `.target`.
    Both,
}

impl<'a> EventView<'a> {
    /// The event as rules see it: an open by a handle amounts to an `openat` of the real name, which is what
    /// rules that look for opens name.
    pub(super) fn seen_as(&self) -> Option<u32> {
        (self.called.is_some() && self.record.event() == SAKER_EV_OPEN_BY_HANDLE_AT)
            .then_some(SAKER_EV_OPENAT)
    }

    /// What the host has under the inode that a handle opened, where the kernel has no name for it.
    fn by_inode(&self) -> Option<&'a [u8]> {
        if !saker_state::opens_nameless(&self.record) {
            return None;
        }
        let dev = self.record.u64(SAKER_P_OPEN_BY_HANDLE_AT_dev) as u32;
        let ino = self.record.u64(SAKER_P_OPEN_BY_HANDLE_AT_ino);
        self.host.inodes.name(dev, ino)
    }

    fn told(&self) -> Option<Told<'a>> {
        if let Some(slots) = slots(self.record.event()) {
            return Some(Told {
                record: self.record,
                slots,
                second: None,
            });
        }
        Some(Told {
            record: *self.state.acted()?,
            slots: ACTED,
            second: Some((SAKER_P_ACTED_real2, SAKER_P_ACTED_mount_at2)),
        })
    }

    /// Paths through all mounts up to the root of the process's mount namespace; a truncated one ends at its mount.
    fn names_reached(&self, told: &Told<'a>) -> RealNames<'a> {
        let path = |nth| {
            let (path, _) = told.path(nth)?;
            (!path.truncated).then_some(path.bytes)
        };
        RealNames([path(0), path(1)])
    }

    /// Path of file `nth` on the host: where its own mount namespace has the file system the file is in.
    fn path_on_host(&self, told: &Told<'a>, nth: usize) -> Option<&'a [u8]> {
        let (path, mount_at) = told.path(nth)?;
        let tail = path.bytes.get(usize::try_from(mount_at?).ok()?..)?;
        let top = told.record.var(told.slots.mount_root);
        if top.truncated || top.fault {
            return None;
        }
        let dev = told.record.u64(told.slots.dev) as u32;
        self.made(Made::HostPath, nth, |out| {
            self.host.mounts.host_name(dev, top.bytes, tail, out)
        })
    }

    /// The same of all files, with the process's own view where the host has none.
    fn names_on_host(&self, told: &Told<'a>) -> RealNames<'a> {
        let reached = self.names_reached(told);
        let name = |nth| self.path_on_host(told, nth).or(reached.0[nth]);
        RealNames([name(0).or_else(|| self.by_inode()), name(1)])
    }

    /// The real names: in an evaluation by such a name that one, else the host's.
    fn real(&self) -> RealNames<'a> {
        match (self.called.or(self.shown), self.told()) {
            (Some(called), _) => called.names,
            (None, Some(told)) => self.names_on_host(&told),
            (None, None) => RealNames::default(),
        }
    }

    /// The event is about a file by its descriptor; of others that have one it is a directory.
    pub(super) fn tells_descriptor(&self) -> bool {
        let event = self.record.event();
        let opens = slots(event).is_some() && !self.executes();
        matches!(event, SAKER_EV_FCHMOD | SAKER_EV_FCHOWN) || opens
    }

    /// The event is a successful exec; those that fail reach nothing.
    fn executes(&self) -> bool {
        self.record.event() == SAKER_EV_EXECVE
    }

    /// `proc.realpath`.
    pub(super) fn real_program(&self) -> Option<&'a [u8]> {
        self.real().first().filter(|_| self.executes())
    }

    /// Path of the program, in an evaluation by a real name that one.
    pub(super) fn program(&self) -> Option<&'a [u8]> {
        match self.called.filter(|_| self.executes()) {
            Some(called) => called.names.first(),
            None => Some(&self.image()?.exepath),
        }
    }

    /// Whether the file that was given is not the program but a script that named it. The kernel puts its name among
    /// the arguments then; whoever does the same hides that name, not the program's.
    fn is_script(&self) -> bool {
        let given = self.record.var(SAKER_P_EXECVE_filename).bytes;
        let args = self.record.var(SAKER_P_EXECVE_args).bytes;
        let mut args = args.split(|&b| b == 0).take(SCRIPT_ARGS);
        args.any(|arg| arg == given)
    }

    /// The name a program was executed by; of a script's its own path.
    fn executed_as(&self) -> Option<&'a [u8]> {
        if self.is_script() {
            return Some(&self.image()?.exepath);
        }
        self.path(self.position_of("filename")?)
    }

    /// `fd.realpath`.
    pub(super) fn real_path(&self) -> Option<&'a [u8]> {
        if !self.tells_descriptor() {
            return None;
        }
        self.real().first()
    }

    /// Real name in the place of the path parameter at `at`.
    pub(super) fn real_at(&self, at: usize) -> Option<&'a [u8]> {
        self.real().0[self.file_at(at)?]
    }

    /// The record before the event's own: what the call acts on.
    pub(super) fn acted(&self) -> Option<&Record<'a>> {
        self.state.acted()
    }

    /// Which of the event's files the path parameter at `at` names.
    fn file_at(&self, at: usize) -> Option<usize> {
        if self.executes() {
            let names_it = match self.params().get(at)?.name {
                "trusted_exepath" => true,
                "filename" => !self.is_script(),
                _ => false,
            };
            return names_it.then_some(0);
        }
        if self.told()?.second.is_none() {
            return (self.opened_path() == Some(at)).then_some(0);
        }
        self.paths().position(|path| path == at)
    }

    /// Positions of the parameters that name the files a call acts on.
    fn paths(&self) -> impl Iterator<Item = usize> {
        let is_path = |kind| matches!(kind, Kind::Path | Kind::PathAt(_));
        let params = self.params().iter().enumerate();
        params
            .filter(move |(_, param)| is_path(param.kind))
            .map(|(at, _)| at)
            .take(MAX_FILES)
    }

    /// The name chosen for the path parameter at `at`, in an evaluation by real names.
    pub(super) fn called_at(&self, at: usize) -> Option<&'a [u8]> {
        let called = self.called?;
        called.names.0[self.file_at(at)?]
    }

    /// The same for the event's descriptor.
    pub(super) fn called_descriptor(&self) -> Option<&'a [u8]> {
        let called = self.called.filter(|_| self.tells_descriptor())?;
        called.names.first()
    }

    /// The names as given.
    fn names_given(&self) -> RealNames<'a> {
        let given = Self {
            called: None,
            ..*self
        };
        if self.tells_descriptor() {
            return RealNames([given.fd_name(), None]);
        }
        if self.executes() {
            return RealNames([given.executed_as(), None]);
        }
        let mut names = RealNames::default();
        for (name, at) in names.0.iter_mut().zip(self.paths()) {
            *name = given.path(at);
        }
        names
    }

    /// The names of the event's files that differ from the given ones and from each other, the process's
    /// own view first: rules are evaluated for each. A handle is no name: nothing was given then.
    pub fn real_names(&self) -> [Option<RealNames<'a>>; MAX_REAL_NAMES] {
        let Some(told) = self.told() else {
            return [None; MAX_REAL_NAMES];
        };
        if told.path(0).is_none() && told.path(1).is_none() && self.by_inode().is_none() {
            return [None; MAX_REAL_NAMES];
        }
        let reached = self.names_reached(&told);
        let given = match self.record.event() {
            SAKER_EV_OPEN_BY_HANDLE_AT => RealNames::default(),
            _ => self.names_given(),
        };
        let host = self.names_on_host(&told);
        [
            Some(reached).filter(|names| names.differ_from(&given)),
            Some(host).filter(|names| names.differ_from(&given) && names.differ_from(&reached)),
        ]
    }

    /// The event with its files called by names `number` (from 0) of [`Self::real_names`]. Fields of paths
    /// answer with them, those of the names as given do not change.
    pub fn called(&self, number: usize, names: RealNames<'a>) -> Self {
        let number = number + 1;
        Self {
            called: Some(Called { names, number }),
            ..*self
        }
    }

    /// Whether a file of the event has a real name, and it is not the given one.
    ///
    /// `proc.exepath` shows where links lead: a program is elsewhere if mounts do, or if the rule was raised by a name
    /// that was not given.
    pub fn is_elsewhere(&self) -> Option<Elsewhere> {
        if self.executes() && self.shown.is_none() {
            let exepath = &*self.image()?.exepath;
            return (self.real_program()? != exepath).then_some(Elsewhere::Program);
        }
        if !self.real().differ_from(&self.names_given()) {
            return None;
        }
        Some(match self.record.event() {
            _ if self.tells_descriptor() => Elsewhere::Descriptor,
            _ if self.executes() => Elsewhere::Program,
            SAKER_EV_SYMLINK | SAKER_EV_SYMLINKAT => Elsewhere::Source,
            _ if self.paths().count() == MAX_FILES => Elsewhere::Both,
            _ => Elsewhere::Path,
        })
    }

    /// The event with its files called as they were given, for an alert: of the real names only
    /// `fd.realpath` and `fs.realpath` tell, those that [`Self::called`] chose.
    pub fn shown(&self) -> Self {
        Self {
            shown: self.called.or(self.shown),
            called: None,
            ..*self
        }
    }
}
