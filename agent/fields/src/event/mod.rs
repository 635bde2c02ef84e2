//! An event as the rules see it: a record, the state around it, and who looks.

mod absent;
mod args;
mod category;
mod container;
mod evt;
mod fd;
mod fs;
mod ids;
mod io;
mod mount;
mod proc;
mod reached;
mod relatives;
mod statics;
mod time;
mod user;

pub use io::category_is_of_descriptor;
pub use reached::{Elsewhere, MAX_REAL_NAMES, RealNames};
pub(crate) use time::Spelling;

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use saker_abi::event::EVENTS;
use saker_abi::record::Record;
use saker_engine::schema::{Event, EventType, FieldRef, Schema as _};
use saker_engine::value::Value;
use saker_state::{Fd, Names, Process, View};

use self::reached::Called;
use crate::HostNames;
use crate::clock::Clock;
use crate::field::{Arg, Extract, Field};
use crate::inodes::Inodes;
use crate::mounts::Mounts;
use crate::schema::FieldSchema;
use crate::scratch::Scratch;

/// What is the same for all events of this host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostInfo {
    /// `evt.hostname`.
    pub hostname: String,
    /// Addresses of the interfaces, to tell local from remote ends (`fd.lip`).
    pub addresses: Vec<IpAddr>,
    /// `fd.sip.name` and the like.
    pub names: HostNames,
    /// What to add to `CLOCK_BOOTTIME` for nanoseconds since the epoch.
    pub boot_to_epoch_ns: u64,
    /// Where the host's file systems are, for the names of files.
    pub mounts: Arc<Mounts>,
    /// Files by inode, for those that the kernel has no name for at the moment.
    pub inodes: Arc<Inodes>,
    /// How times are spelled.
    pub clock: Clock,
    /// When capture began, `CLOCK_BOOTTIME` ns; `evt.reltime` counts from here.
    pub capture_start_ns: u64,
}

/// One event. Made after its record was applied to the state, dropped before it is settled.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    record: Record<'a>,
    state: View<'a>,
    /// The event's descriptor and its entry: rules ask many things of them.
    fd_num: Option<i32>,
    fd: Option<&'a Fd>,
    /// The name of its file by which it is evaluated; `None` is the name as given.
    called: Option<Called<'a>>,
    /// The real name that an alert shows.
    shown: Option<Called<'a>>,
    names: &'a Names,
    host: &'a HostInfo,
    schema: &'a FieldSchema,
    num: u64,
    scratch: &'a Scratch,
}

/// Texts of an event that are put together, by what they are. The number tells those of one
/// sort apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Made {
    /// `evt.arg.X`, by position.
    Argument,
    /// `evt.args`.
    Arguments,
    /// A path parameter, absolute and normalised, by position.
    Path,
    /// Raw text of a parameter (`evt.rawarg.X`), by position.
    RawText,
    /// `fd.name` when there is no entry.
    FdName,
    /// `fd.uid`, `fd.containername`, `fd.containerdirectory`.
    FdText,
    /// `fdlist.*`.
    Polled,
    /// The host's names of the event's files, by number.
    HostPath,
    /// Capability sets.
    Caps,
    /// `proc.exeline`.
    ExeLine,
    /// `proc.env` without key.
    Env,
    /// Arguments and the like of ancestors, by level.
    Relative,
    /// Environments of ancestors, by level.
    RelativeEnv,
    /// `container.mounts`, `container.labels`.
    Listed,
    /// `container.mount`, by argument.
    Mount,
    /// Dates and times of day: in the host's zone, ISO 8601.
    Time,
    /// `thread.nametid`, `thread.cgroups`.
    ThreadText,
}

impl<'a> EventView<'a> {
    /// The `num`-th event (from 1) of its worker. `names` are the host's users at this time;
    /// `scratch` must have been [reset](Scratch::reset) since the last event.
    pub fn new(
        record: Record<'a>,
        state: View<'a>,
        names: &'a Names,
        host: &'a HostInfo,
        schema: &'a FieldSchema,
        num: u64,
        scratch: &'a Scratch,
    ) -> Self {
        scratch.begin(record.hdr().ts_ns);
        let info = record.info();
        let about_fd = info.creates_fd() || info.uses_fd() || info.destroys_fd();
        // Without a process nothing is known of its descriptors.
        let fd_num = state.process().filter(|_| about_fd).and(state.fd_num());
        Self {
            record,
            fd_num,
            fd: fd_num.and(state.fd()),
            called: None,
            shown: None,
            state,
            names,
            host,
            schema,
            num,
            scratch,
        }
    }

    /// The record behind it.
    pub fn record(&self) -> &Record<'a> {
        &self.record
    }

    /// The state around it.
    pub fn state(&self) -> &View<'a> {
        &self.state
    }

    /// When it happened, nanoseconds since the epoch.
    pub fn epoch_ns(&self) -> u64 {
        self.since_epoch(self.record.hdr().ts_ns)
    }

    fn since_epoch(&self, boot_ns: u64) -> u64 {
        boot_ns.saturating_add(self.host.boot_to_epoch_ns)
    }

    /// `evt.type`: of generic events the name of the call.
    fn type_name(&self) -> &'a str {
        if let Some(event) = self.seen_as() {
            EVENTS[event as usize].name
        } else if self.info().is_generic() {
            self.schema.event_name(self.event_type())
        } else {
            self.info().name
        }
    }

    fn process(&self) -> Option<&'a Process> {
        self.state.process()
    }

    fn made(
        &self,
        what: Made,
        number: usize,
        fill: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Option<&'a [u8]> {
        let called = self.called.map_or(0, |called| called.number as u64);
        let key = called << 48 | u64::from(what as u32) << 32 | number as u64;
        self.scratch.text(key, fill)
    }
}

impl Event for EventView<'_> {
    fn event_type(&self) -> EventType {
        if let Some(event) = self.seen_as() {
            return EventType(event as u16);
        }
        self.schema.type_of(&self.record)
    }

    fn get(&self, field: FieldRef) -> Option<Value<'_>> {
        match self.schema.extract(field.id)? {
            Extract::One(get) | Extract::Both(get, _) => get(self, Arg(field.arg)),
            Extract::Each(_) => None,
        }
    }

    fn printed(&self, field: FieldRef) -> Option<Value<'_>> {
        self.spelled(self.schema.time_field(field.id)?)
    }

    fn each(&self, field: FieldRef, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool {
        match self.schema.extract(field.id) {
            Some(Extract::Each(each) | Extract::Both(_, each)) => each(self, visit),
            Some(Extract::One(_)) | None => match self.get(field) {
                Some(value) => {
                    // One value: there is nothing left to break off.
                    let _ = visit(value);
                    true
                }
                None => false,
            },
        }
    }
}

/// All fields. The position is the field's number.
pub(crate) fn families() -> impl Iterator<Item = &'static Field> {
    [
        evt::FIELDS,
        time::FIELDS,
        io::FIELDS,
        fs::ABSPATHS,
        proc::FIELDS,
        relatives::FIELDS,
        ids::FIELDS,
        user::FIELDS,
    ]
    .into_iter()
    .chain([
        fd::FIELDS,
        fd::LISTS,
        fs::FIELDS,
        container::FIELDS,
        statics::FIELDS,
    ])
    .flatten()
}
