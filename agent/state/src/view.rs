//! What an event refers to, for the fields of rules.

use saker_abi::record::Record;

use crate::acted::Told;
use crate::fd::Fd;
use crate::lineage::Reader;
use crate::process::{Doubt, Process};

/// What to do with a record after it has changed the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Evaluate the rules now, then settle.
    Evaluate,
    /// Kept aside, for itself or for an older record; it comes back through
    /// [`crate::Partition::poll_inbox`].
    Parked,
    /// The same, and nothing more fits: poll the inbox before applying the next record.
    ParkedFull,
}

/// What applying a record did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// What to do next.
    pub outcome: Outcome,
    /// Descriptor the event is about: the returned one for creating events, else the argument;
    /// negative when creating failed. `None` when the event has no descriptor.
    pub fd: Option<i32>,
    /// `fd.name` differs from what it was before the event (`fd.name_changed`).
    pub name_changed: bool,
    /// What the driver has told of the call before its record: [`View::acted`], or [`crate::Partition::as_given`].
    pub told: Told,
}

impl Applied {
    pub(crate) const fn evaluate(fd: Option<i32>) -> Self {
        Self {
            outcome: Outcome::Evaluate,
            fd,
            name_changed: false,
            told: Told::Nothing,
        }
    }

    pub(crate) const fn parked(full: bool) -> Self {
        let outcome = if full {
            Outcome::ParkedFull
        } else {
            Outcome::Parked
        };
        Self {
            outcome,
            fd: None,
            name_changed: false,
            told: Told::Nothing,
        }
    }
}

/// The state around one event. Cheap to make; valid until the record is settled.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(crate) process: Option<&'a Process>,
    pub(crate) reader: Reader<'a>,
    pub(crate) tid: u32,
    pub(crate) applied: Applied,
    pub(crate) acted: Option<Record<'a>>,
}

impl<'a> View<'a> {
    /// The event's process; `None` for the kernel's own and for ends of unknown ones.
    pub fn process(&self) -> Option<&'a Process> {
        self.process
    }

    /// Name of the event's thread (`proc.name`).
    pub fn comm(&self) -> Option<&'a [u8]> {
        self.process.map(|process| process.comm(self.tid))
    }

    /// Descriptor number the event is about (`fd.num`), see [`Applied::fd`].
    pub fn fd_num(&self) -> Option<i32> {
        self.applied.fd
    }

    /// Entry of that descriptor in the process's table.
    pub fn fd(&self) -> Option<&'a Fd> {
        self.process?.fds.get(self.applied.fd?)
    }

    /// Entry of any other descriptor of the process, such as a directory to resolve a path.
    pub fn fd_at(&self, number: i32) -> Option<&'a Fd> {
        self.process?.fds.get(number)
    }

    /// The `SAKER_EV_ACTED` that stood before the event.
    pub fn acted(&self) -> Option<&Record<'a>> {
        self.acted.as_ref()
    }

    /// `fd.name_changed`.
    pub fn name_changed(&self) -> bool {
        self.applied.name_changed
    }

    /// Directory against which a path after directory descriptor `dirfd` is resolved: the working
    /// directory for `AT_FDCWD`, `<UNKNOWN>` when it is not known.
    pub fn dir(&self, dirfd: i32) -> &'a [u8] {
        match self.process {
            Some(process) => crate::apply::base_dir(process, dirfd),
            None => crate::path::UNKNOWN_DIR,
        }
    }

    /// Reads the event's ancestors, as of the event.
    pub fn lineage(&self) -> Reader<'a> {
        self.reader
    }

    /// What is uncertain about the process.
    pub fn doubt(&self) -> Doubt {
        self.process.map_or(Doubt::NONE, |process| process.doubt)
    }
}

/// The descriptor number in slot `slot`.
pub(crate) fn fd_in(rec: &Record<'_>, slot: u32) -> i32 {
    // Descriptors are ints; a driver that sent more means the same low half.
    rec.i64(slot) as i32
}
