//! Process, file descriptor and user state, owned per partition.
//!
//! A worker owns one [`Partition`] and for each record does, in this order:
//! [`Partition::apply`] (state first, rules-spec D0), evaluation of the rules over
//! [`Partition::view`], [`Partition::settle`] (what must outlive the evaluation: closed
//! descriptors, ended processes). Between batches it calls [`Partition::poll_inbox`] and
//! [`Partition::round_done`].
#![forbid(unsafe_code)]

mod absent;
mod acted;
mod apply;
mod asked;
mod container;
mod counters;
mod directory;
mod fd;
mod fdtable;
mod handover;
mod image;
mod interfaces;
mod lineage;
mod park;
mod partition;
pub mod path;
mod patience;
mod process;
mod progress;
mod recovery;
mod rollcall;
pub mod scan;
mod shared;
mod sharing;
mod users;
mod view;
mod wake;

pub use absent::Absent;
pub use acted::Told;
pub use apply::opens_nameless;
pub use container::{
    Cgroup, Container, ContainerUsers, Engine, Found, HOST, Identity, ImageName, Metadata,
    MetadataSlot, Mount, Pod, Qos,
};
pub use counters::Counters;
pub use directory::Directory;
pub use fd::{Fd, FdKind, Role, Socket};
pub use fdtable::FdTable;
pub use image::{Image, Memory};
pub use interfaces::{Address, Interfaces};
pub use lineage::{Ancestors, Cell, Reader};
pub use partition::Partition;
pub use process::{Comm, Cred, Doubt, NO_ID, Origin, Process, Thread, UNKNOWN_NAME};
pub use progress::{Progress, Waited};
pub use recovery::{Recovery, boot_ns, container_users_late};
pub use rollcall::{RollCall, RollCallError};
pub use shared::{SetupError, SharedState, State, StateConfig};
pub use users::{Names, User, Users};
pub use view::{Applied, Outcome, View};
pub use wake::Wake;

/// Every bound of the state, for the reference of limits.
pub mod limits {
    pub use crate::acted::{MAX_ACTED_REQUESTS, MAX_ACTED_THREADS};
    pub use crate::container::{
        CONTAINER_USERS_AGE_S, MAX_CGROUPS, MAX_CONTAINER_ENTRIES, MAX_CONTAINER_FILE_BYTES,
    };
    pub use crate::directory::MAX_PROCESSES;
    pub use crate::fdtable::MAX_FDS;
    pub use crate::handover::INBOX_LEN;
    pub use crate::interfaces::MAX_ADDRESSES;
    pub use crate::lineage::{MAX_ANCESTORS, MAX_VERSIONS};
    pub use crate::park::{MAX_BYTES as MAX_PARKED_BYTES, MAX_RECORDS as MAX_PARKED_RECORDS};
    pub use crate::partition::{MAX_ARRIVED, MAX_GUESTS, MAX_MISSING, MAX_RETIRING};
    pub use crate::path::MAX_JOINED_LEN;
    pub use crate::process::MAX_THREADS;
    pub use crate::progress::ANCESTOR_WAIT_US;
    pub use crate::recovery::RECOVERY_QUEUE_LEN;
    pub use crate::shared::PARK_TIMEOUT_MS;
    pub use crate::sharing::{MAX_SHARED_CHANGES, MAX_SHARERS};
    pub use crate::users::{MAX_ENTRIES, MAX_FILE_BYTES};
}
