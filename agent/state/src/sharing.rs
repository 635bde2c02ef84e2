//! Descriptor tables that processes share: clone(2) with `CLONE_FILES` and without `CLONE_THREAD`.
//!
//! The processes may belong to different workers, so each keeps a copy of the table. What one of them changes
//! waits for the others, who take it in before their next record, up to the time of that record; before, they wait
//! for the others' workers as readers of ancestors do (see [`crate::progress`]). Only processes that share pay for
//! it, and they are rare. unshare(2), close_range(2), exec and the end of a process end its share.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use saker_abi::raw::*;
use saker_abi::record::Record;
use smallvec::SmallVec;

use crate::apply::Ctx;
use crate::fd::Fd;
use crate::fdtable::{FdTable, MAX_FDS};
use crate::process::Process;
use crate::view::fd_in;

/// Processes that share one table at most; the next ones get a copy, which is counted.
pub const MAX_SHARERS: usize = 64;

/// Changes that wait for one process at most; then newer ones take the place of older ones of the same number, and
/// others are lost and counted.
pub const MAX_SHARED_CHANGES: usize = MAX_FDS;

/// What one process changed.
#[derive(Debug, Clone)]
enum What {
    /// A number stands for this, or for nothing.
    Entry(i32, Option<Arc<Fd>>),
    /// Numbers of a range are closed, now or at the next exec.
    Range(RangeInclusive<i32>, bool),
}

#[derive(Debug, Clone)]
struct Change {
    ts_ns: u64,
    what: What,
}

/// One process of a group, as the others see it.
#[derive(Debug)]
struct Member {
    owner: u32,
    waiting: Mutex<VecDeque<Change>>,
}

/// Those who share a table now.
#[derive(Debug, Default)]
struct Group {
    members: Mutex<SmallVec<[Arc<Member>; 2]>>,
}

/// A process's share of a table. Dropping it ends the share.
#[derive(Debug)]
pub(crate) struct Sharing {
    group: Arc<Group>,
    me: Arc<Member>,
}

/// A panic elsewhere while the lock was held leaves a list that is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    fn join(self: &Arc<Self>, owner: u32) -> Option<Box<Sharing>> {
        let mut members = lock(&self.members);
        if members.len() >= MAX_SHARERS {
            return None;
        }
        let waiting = Mutex::default();
        let me = Arc::new(Member { owner, waiting });
        members.push(Arc::clone(&me));
        let group = Arc::clone(self);
        Some(Box::new(Sharing { group, me }))
    }
}

impl Member {
    /// False when a change got lost.
    fn push(&self, change: Change) -> bool {
        let mut waiting = lock(&self.waiting);
        let full = waiting.len() >= MAX_SHARED_CHANGES;
        if full {
            let older = match &change.what {
                What::Entry(number, _) => waiting
                    .iter()
                    .position(|old| matches!(&old.what, What::Entry(other, _) if other == number)),
                What::Range(..) => None,
            };
            waiting.remove(older.unwrap_or(0));
            waiting.push_back(change);
            return older.is_some();
        }
        waiting.push_back(change);
        true
    }
}

impl Sharing {
    /// A share for a child owned by partition `child`; the first one makes the parent's, too. `None` when too many
    /// share already.
    pub(crate) fn with_child(parent: &mut Process, child: u32) -> Option<Box<Self>> {
        if parent.sharing.is_none() {
            parent.sharing = Arc::<Group>::default().join(parent.cell.owner());
        }
        parent.sharing.as_ref()?.group.join(child)
    }

    fn others(&self) -> SmallVec<[Arc<Member>; 2]> {
        let members = lock(&self.group.members);
        let others = members.iter().filter(|other| !Arc::ptr_eq(other, &self.me));
        others.cloned().collect()
    }

    /// Takes in what the others have changed before `ts_ns`, in order of time.
    fn take(&self, ts_ns: u64, table: &mut FdTable) {
        let mut due = Vec::new();
        lock(&self.me.waiting).retain(|change| {
            let waits = change.ts_ns >= ts_ns;
            if !waits {
                due.push(change.clone());
            }
            waits
        });
        due.sort_by_key(|change| change.ts_ns);
        for change in due {
            match change.what {
                What::Entry(number, Some(fd)) => _ = table.share(number, fd),
                What::Entry(number, None) => _ = table.close(number),
                What::Range(range, on_exec) => table.close_range(range, on_exec),
            }
        }
    }

    fn tell(&self, ts_ns: u64, what: &What) -> u64 {
        let change = || Change {
            ts_ns,
            what: what.clone(),
        };
        let others = self.others();
        others.iter().filter(|other| !other.push(change())).count() as u64
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        lock(&self.group.members).retain(|member| !Arc::ptr_eq(member, &self.me));
    }
}

/// Brings the table of a process that shares it up to the time of its next record.
#[cold]
pub(crate) fn catch_up(ctx: &mut Ctx, process: &mut Process, ts_ns: u64) {
    let Some(sharing) = &process.sharing else {
        return;
    };
    let others = sharing.others();
    for other in others.iter().filter(|other| other.owner != ctx.index) {
        let progress = &ctx.shared.progress;
        let waited = progress.wait(other.owner, ts_ns.saturating_sub(1));
        ctx.shared.waits.count(waited);
    }
    sharing.take(ts_ns, &mut process.fds);
    // What those who have left since did later is still to come.
    if others.is_empty() && lock(&sharing.me.waiting).is_empty() {
        process.sharing = None;
    }
}

/// Tells the others what the record has changed: the numbers it names.
#[cold]
pub(crate) fn tell(ctx: &mut Ctx, process: &Process, rec: &Record<'_>) {
    let Some(sharing) = &process.sharing else {
        return;
    };
    let (info, ts_ns) = (rec.info(), rec.hdr().ts_ns);
    if rec.event() == SAKER_EV_CLOSE_RANGE {
        if let Some((range, on_exec)) = crate::apply::closed_range(rec) {
            ctx.counters.fd_overflow += sharing.tell(ts_ns, &What::Range(range, on_exec));
        }
        return;
    }
    let changes = matches!(rec.event(), SAKER_EV_FCNTL | SAKER_EV_CLOSE | SAKER_EV_FILE)
        || info.creates_fd()
        || info
            .params
            .iter()
            .any(|param| u32::from(param.ty) == SAKER_T_TUPLE);
    let numbers = info.params.iter().zip(0..);
    for (_, slot) in numbers.filter(|(param, _)| changes && u32::from(param.ty) == SAKER_T_FD) {
        let number = fd_in(rec, slot);
        if number >= 0 {
            let entry = What::Entry(number, process.fds.shared(number));
            ctx.counters.fd_overflow += sharing.tell(ts_ns, &entry);
        }
    }
}
