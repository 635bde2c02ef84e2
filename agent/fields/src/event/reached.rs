//! What a file is really called: the name by which a program opens it may lead anywhere.

use saker_abi::raw::*;

use super::{EventView, Made};

/// Names that a file can have besides the given one.
pub const MAX_REAL_NAMES: usize = 2;

/// Slots in which an open tells what it reached.
struct Slots {
    real: u32,
    mount_at: u32,
    mount_root: u32,
    dev: u32,
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
        _ => return None,
    })
}

/// By which of its names rules see the event's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Called<'a> {
    pub(super) name: &'a [u8],
    /// From 1; tells texts made under this name apart from others.
    pub(super) number: usize,
}

impl<'a> EventView<'a> {
    /// The event as rules see it: an open by a handle amounts to an `openat` of the real name, which is what
    /// rules that look for opens name.
    pub(super) fn seen_as(&self) -> Option<u32> {
        (self.called.is_some() && self.record.event() == SAKER_EV_OPEN_BY_HANDLE_AT)
            .then_some(SAKER_EV_OPENAT)
    }

    /// Path through all mounts up to the root of the process's mount namespace.
    fn path_reached(&self) -> Option<&'a [u8]> {
        let slots = slots(self.record.event())?;
        Some(self.record.var(slots.real).bytes).filter(|path| path.first() == Some(&b'/'))
    }

    /// Path on the host: where its own mount namespace has the file system the file is in.
    fn path_on_host(&self) -> Option<&'a [u8]> {
        let slots = slots(self.record.event())?;
        let mount_at = usize::try_from(self.record.u64(slots.mount_at)).ok()?;
        let tail = self.path_reached()?.get(mount_at..)?;
        let top = self.record.var(slots.mount_root);
        if top.truncated || top.fault {
            return None;
        }
        let dev = self.record.u64(slots.dev) as u32;
        self.made(Made::HostPath, 0, |out| {
            self.host.mounts.host_name(dev, top.bytes, tail, out)
        })
    }

    /// `fd.realpath`: in an evaluation by a real name that one.
    pub(super) fn real_path(&self) -> Option<&'a [u8]> {
        let chosen = self.called.or(self.shown);
        chosen
            .map(|called| called.name)
            .or_else(|| self.path_on_host())
            .or_else(|| self.path_reached())
    }

    /// The names of the event's file that differ from the given one and from each other, the process's
    /// own view first: rules are evaluated for each. A handle is no name: nothing was given then.
    pub fn real_names(&self) -> [Option<&'a [u8]>; MAX_REAL_NAMES] {
        let Some(reached) = self.path_reached() else {
            return [None; MAX_REAL_NAMES];
        };
        let handle = self.record.event() == SAKER_EV_OPEN_BY_HANDLE_AT;
        let given = self.fd_name().filter(|_| !handle);
        let host = self.path_on_host();
        [
            Some(reached).filter(|&name| given != Some(name)),
            host.filter(|&name| given != Some(name) && name != reached),
        ]
    }

    /// The event with its file called by name `number` (from 0) of [`Self::real_names`]. Fields of paths
    /// answer with it, those of the name as given do not change.
    pub fn called(&self, number: usize, name: &'a [u8]) -> Self {
        let number = number + 1;
        Self {
            called: Some(Called { name, number }),
            ..*self
        }
    }

    /// Whether the file has a real name, and it is not the given one.
    pub fn is_elsewhere(&self) -> bool {
        let given = Self {
            called: None,
            ..*self
        };
        self.real_path()
            .is_some_and(|real| given.fd_name() != Some(real))
    }

    /// The event with its file called as it was given, for an alert: of the real names only
    /// `fd.realpath` tells, the one that [`Self::called`] chose.
    pub fn shown(&self) -> Self {
        Self {
            shown: self.called.or(self.shown),
            called: None,
            ..*self
        }
    }
}
