//! What all workers share, and how a state is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::container::Cgroups;
use crate::counters::{Counters, PublishedCounters};
use crate::directory::Directory;
use crate::handover::{INBOX_LEN, Message};
use crate::interfaces::Interfaces;
use crate::lineage::WaitCounters;
use crate::partition::Partition;
use crate::progress::{ANCESTOR_WAIT_US, Progress};
use crate::recovery::{RECOVERY_QUEUE_LEN, Recovery, Request};
use crate::users::Users;
use crate::wake::Wake;

/// How long a thread group waits for its parent's snapshot, milliseconds, while the parent's
/// worker has not come that far. Generous: a lagging worker still sends it, and what waits is
/// bounded in bytes ([`crate::limits::MAX_PARKED_BYTES`]). Nobody waits for a worker that has
/// passed the fork or is gone.
pub const PARK_TIMEOUT_MS: u64 = 1_000;

/// What can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// Workers; a power of two, at most `SAKER_MAX_PARTITIONS`.
    pub partitions: u32,
    /// See [`PARK_TIMEOUT_MS`].
    pub park_timeout_ms: u64,
    /// See [`ANCESTOR_WAIT_US`].
    pub ancestor_wait_us: u64,
    /// Directory that holds the host's `proc` and `etc`: `/`, or the host's root in a container.
    pub host_root: PathBuf,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            partitions: 1,
            park_timeout_ms: PARK_TIMEOUT_MS,
            ancestor_wait_us: ANCESTOR_WAIT_US,
            host_root: PathBuf::from("/"),
        }
    }
}

/// Why a state cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The drivers' arithmetic needs a power of two.
    #[error("{0} partitions: it must be a power of two from 1 to {max}", max = MAX_PARTITIONS)]
    Partitions(u32),
}

const MAX_PARTITIONS: u32 = saker_abi::raw::SAKER_MAX_PARTITIONS;

/// What workers read of each other, and names that are the same for all.
#[derive(Debug)]
pub struct SharedState {
    pub(crate) directory: Directory,
    pub(crate) progress: Progress,
    pub(crate) cgroups: Cgroups,
    pub(crate) waits: WaitCounters,
    users_left_out: AtomicU64,
    pub(crate) config: StateConfig,
    users: Users,
    interfaces: ArcSwap<Interfaces>,
    counters: Box<[PublishedCounters]>,
    inboxes: Box<[Sender<Message>]>,
    requests: Sender<Request>,
}

impl SharedState {
    /// Number of partitions.
    pub fn partitions(&self) -> u32 {
        self.config.partitions
    }

    /// Thread groups by id.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// How far the workers have come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How workers wake each other from now on; the first call counts.
    pub fn set_wake(&self, wake: Arc<dyn Wake>) {
        self.progress.set_wake(wake);
    }

    /// Users and groups of the host.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Addresses of the host's interfaces as last told; none before.
    pub fn interfaces(&self) -> Guard<Arc<Interfaces>> {
        self.interfaces.load()
    }

    /// Replaces them if they differ.
    pub fn set_interfaces(&self, interfaces: Interfaces) {
        if **self.interfaces.load() != interfaces {
            self.interfaces.store(Arc::new(interfaces));
        }
    }

    /// Partition `index`'s counters as last published.
    pub fn counters(&self, index: u32) -> Counters {
        self.counters
            .get(index as usize)
            .map(PublishedCounters::read)
            .unwrap_or_default()
    }

    /// Waits of workers for each other: those that ended well and those that timed out.
    pub fn ancestor_waits(&self) -> (u64, u64) {
        (
            self.waits.waited.load(Ordering::Relaxed),
            self.waits.timed_out.load(Ordering::Relaxed),
        )
    }

    /// cgroups remembered.
    pub fn cgroups(&self) -> usize {
        self.cgroups.len()
    }

    /// Containers remembered.
    pub fn containers(&self) -> usize {
        self.cgroups.containers()
    }

    /// cgroups and containers forgotten although they had processes, because there were too many.
    pub fn cgroups_forgotten(&self) -> u64 {
        self.cgroups.forgotten()
    }

    /// Users and groups of containers that did not fit, at each look at their files.
    pub fn container_users_left_out(&self) -> u64 {
        self.users_left_out.load(Ordering::Relaxed)
    }

    pub(crate) fn count_users_left_out(&self, entries: usize) {
        self.users_left_out
            .fetch_add(entries as u64, Ordering::Relaxed);
    }

    /// Forgets cgroups without a process. Call it from a background thread, every few seconds.
    pub fn sweep_cgroups(&self) {
        self.cgroups.sweep();
    }

    pub(crate) fn owner_of(&self, tgid: u32) -> u32 {
        saker_abi::event::partition(tgid, self.config.partitions)
    }

    pub(crate) fn publish_counters(&self, index: u32, counters: &Counters) {
        self.counters[index as usize].publish(counters);
    }

    /// Into worker `index`'s inbox; false when it is full.
    pub(crate) fn send(&self, index: u32, message: Message) -> bool {
        let sent = self.inboxes[index as usize].try_send(message).is_ok();
        // Also when it is full: then it is time to empty it.
        self.progress.mail(index);
        sent
    }

    /// Asks for a look at process `tgid`; false when too many are asked for already.
    pub(crate) fn request(&self, request: Request) -> bool {
        // Without anybody to answer (replay, tests) the request is as good as made.
        !matches!(self.requests.try_send(request), Err(TrySendError::Full(_)))
    }
}

/// A state, taken apart for those who run it.
#[derive(Debug)]
pub struct State {
    /// For everybody.
    pub shared: Arc<SharedState>,
    /// One for each worker, in order.
    pub partitions: Vec<Partition>,
    /// For a background thread.
    pub recovery: Recovery,
}

impl State {
    /// An empty state.
    ///
    /// # Errors
    /// When the number of partitions is none the drivers can have.
    pub fn new(config: StateConfig) -> Result<Self, SetupError> {
        let partitions = config.partitions;
        if !partitions.is_power_of_two() || partitions > MAX_PARTITIONS {
            return Err(SetupError::Partitions(partitions));
        }
        let (inboxes, receivers): (Vec<_>, Vec<Receiver<Message>>) =
            (0..partitions).map(|_| bounded(INBOX_LEN)).unzip();
        let (requests, asked) = bounded(RECOVERY_QUEUE_LEN);
        let shared = Arc::new(SharedState {
            directory: Directory::new(),
            progress: Progress::new(partitions, config.ancestor_wait_us),
            cgroups: Cgroups::default(),
            waits: WaitCounters::default(),
            users_left_out: AtomicU64::new(0),
            users: Users::new(&config.host_root),
            interfaces: ArcSwap::default(),
            counters: (0..partitions)
                .map(|_| PublishedCounters::default())
                .collect(),
            inboxes: inboxes.into(),
            requests,
            config,
        });
        let partitions = (0..partitions)
            .zip(receivers)
            .map(|(index, inbox)| Partition::new(index, Arc::clone(&shared), inbox))
            .collect();
        let recovery = Recovery::new(Arc::clone(&shared), asked);
        Ok(Self {
            shared,
            partitions,
            recovery,
        })
    }
}
