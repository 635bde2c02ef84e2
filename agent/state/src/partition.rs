//! A worker's part of the state.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use rustc_hash::FxHashMap;
use saker_abi::raw;
use saker_abi::record::Record;

use crate::acted::{Acted, Told};
use crate::apply::{self, Ctx, Known};
use crate::asked::Asked;
use crate::counters::Counters;
use crate::directory::MAX_PROCESSES;
use crate::handover::Message;
use crate::lineage::{Cell, Reader};
use crate::park::Parking;
use crate::process::{Doubt, Process};
use crate::recovery::boot_ns;
use crate::scan::Scanned;
use crate::shared::SharedState;
use crate::sharing;
use crate::view::{Applied, View};

mod waiting;

pub(crate) use waiting::GiveUp;

/// Snapshots that wait for the birth record they belong to.
pub const MAX_ARRIVED: usize = 65_536;

/// Ended processes kept for those who may still ask.
pub const MAX_RETIRING: usize = 65_536;

/// Processes kept beyond those there is room for, the latest that had a record: each is seen by it.
pub const MAX_GUESTS: usize = 64;

/// Missing processes that wait to be let go; the others are found again by the next roll call.
pub const MAX_MISSING: usize = 65_536;

/// Missing processes let go in one round, so that events do not wait long.
pub(crate) const MISSING_PER_ROUND: usize = 64;

/// What one worker owns. All methods are for that worker; none blocks, but reading other workers'
/// processes may wait for them (see [`crate::Progress`]).
#[derive(Debug)]
pub struct Partition {
    pub(crate) processes: FxHashMap<u32, Box<Process>>,
    /// Those of them there was no room for, the oldest first. Nobody else knows of them.
    guests: VecDeque<u32>,
    pub(crate) ctx: Ctx,
    /// Children other workers have sent, before their birth record is applied here.
    pub(crate) arrived: FxHashMap<u32, Box<Process>>,
    pub(crate) parked: Parking,
    pub(crate) acted: Acted,
    retiring: VecDeque<(u64, Arc<Cell>)>,
    /// Processes that were gone at a time, see [`crate::RollCall`].
    pub(crate) missing: VecDeque<(u64, Arc<Cell>)>,
    inbox: Receiver<Message>,
    /// Scratch list of thread groups.
    list: Vec<u32>,
    /// Time of the oldest record that is parked or being replayed, `u64::MAX` when there is none.
    waiting_ns: u64,
    done_ns: u64,
}

/// The record of the call under evaluation, if the driver has told what it was given.
fn as_given<'a>(acted: &'a Acted, applied: &Applied) -> Option<Record<'a>> {
    (applied.told == Told::Given)
        .then(|| acted.as_given())
        .flatten()
}

impl Partition {
    pub(crate) fn new(index: u32, shared: Arc<SharedState>, inbox: Receiver<Message>) -> Self {
        Self {
            processes: FxHashMap::default(),
            guests: VecDeque::new(),
            ctx: Ctx::new(index, shared),
            arrived: FxHashMap::default(),
            parked: Parking::default(),
            acted: Acted::default(),
            retiring: VecDeque::new(),
            missing: VecDeque::new(),
            inbox,
            list: Vec::new(),
            waiting_ns: u64::MAX,
            done_ns: 0,
        }
    }

    /// Index of the partition.
    pub fn index(&self) -> u32 {
        self.ctx.index
    }

    /// What all workers share.
    pub fn shared(&self) -> &Arc<SharedState> {
        &self.ctx.shared
    }

    /// The process `tgid`, if this partition knows it.
    pub fn process(&self, tgid: u32) -> Option<&Process> {
        self.processes.get(&tgid).map(|process| &**process)
    }

    /// Counts so far.
    pub fn counters(&self) -> &Counters {
        &self.ctx.counters
    }

    /// Changes the state as the record says. Rules see the result (rules-spec D0); what must
    /// outlast them happens in [`Partition::settle`]. Records of a partition come in the order of
    /// their timestamps but for late ones, which are taken as they come.
    pub fn apply(&mut self, rec: &Record<'_>) -> Applied {
        self.publish_done(rec.hdr().ts_ns.saturating_sub(1));
        if self.parked.is_empty()
            && let Some(applied) = self.apply_now(rec, None)
        {
            return applied;
        }
        self.ctx.counters.parked_records += 1;
        self.waiting_ns = self.waiting_ns.min(rec.hdr().ts_ns);
        if self.parked.is_empty() {
            self.held_by(rec);
        }
        self.parked.push(rec.bytes());
        Applied::parked(self.parked.is_full())
    }

    /// Applies a record unless it is a birth that must wait. With `give_up` it waits no longer,
    /// and that says why.
    fn apply_now(&mut self, rec: &Record<'_>, give_up: Option<GiveUp>) -> Option<Applied> {
        let slot = rec.info().fd_slot();
        let number = slot.map(|slot| crate::view::fd_in(rec, slot as u32));
        let mut applied = Applied::evaluate(number);
        self.ctx.counters.reached_cut += apply::reached_cut(rec);
        self.ctx.counters.handles_nameless += u64::from(apply::opens_nameless(rec));
        if matches!(rec.event(), raw::SAKER_EV_ACTED | raw::SAKER_EV_GIVEN) {
            self.acted.keep(rec, &mut self.ctx.counters);
            return Some(applied);
        }
        applied.told = self.acted.attach(rec, &mut self.ctx.counters);
        match self.ensure(rec, give_up) {
            Known::Nobody => return Some(applied),
            Known::Waits => return None,
            Known::Yes => {}
        }
        let Some(process) = self.processes.get_mut(&rec.hdr().tgid) else {
            return Some(applied);
        };
        let (fds, threads) = (process.fds.len(), process.threads.len());
        let given = as_given(&self.acted, &applied);
        let rec = given.as_ref().unwrap_or(rec);
        if process.sharing.is_some() {
            sharing::catch_up(&mut self.ctx, process, rec.hdr().ts_ns);
        }
        let child = apply::dispatch(&mut self.ctx, process, rec, &mut applied);
        if process.sharing.is_some() && rec.event() != raw::SAKER_EV_CLOSE {
            sharing::tell(&mut self.ctx, process, rec);
        }
        let counters = &mut self.ctx.counters;
        counters.fd_overflow += u64::from(process.fds.take_evicted());
        counters.fds = (counters.fds + process.fds.len() as u64).saturating_sub(fds as u64);
        counters.threads =
            (counters.threads + process.threads.len() as u64).saturating_sub(threads as u64);
        if let Some(child) = child {
            self.deliver(child);
        }
        Some(applied)
    }

    /// After the rules have seen the record: closed descriptors and ended processes go.
    pub fn settle(&mut self, rec: &Record<'_>) {
        match rec.event() {
            raw::SAKER_EV_CLOSE => {
                let Some(process) = self.processes.get_mut(&rec.hdr().tgid) else {
                    return;
                };
                let closed = rec.i64(raw::SAKER_P_CLOSE_res) >= 0
                    && process
                        .fds
                        .close(crate::view::fd_in(rec, raw::SAKER_P_CLOSE_fd));
                let fds = &mut self.ctx.counters.fds;
                *fds = fds.saturating_sub(u64::from(closed));
                if closed && process.sharing.is_some() {
                    sharing::tell(&mut self.ctx, process, rec);
                }
            }
            raw::SAKER_EV_PROCEXIT => self.settle_exit(rec),
            _ => {}
        }
    }

    /// The state around a record that was applied and is not settled yet.
    pub fn view(&self, rec: &Record<'_>, applied: &Applied) -> View<'_> {
        let hdr = rec.hdr();
        View {
            process: self.process(hdr.tgid),
            reader: self.reader(hdr.ts_ns),
            tid: hdr.tid,
            applied: *applied,
            acted: (applied.told == Told::Acted)
                .then(|| self.acted.current())
                .flatten(),
        }
    }

    /// A record that was applied and is not settled yet, as the kernel was given the call: names and addresses it took
    /// from user memory may have been changed there since.
    pub fn as_given<'a>(&'a self, rec: &Record<'a>, applied: &Applied) -> Record<'a> {
        as_given(&self.acted, applied).unwrap_or(*rec)
    }

    /// Reads processes as of `ts_ns`.
    pub fn reader(&self, ts_ns: u64) -> Reader<'_> {
        let shared = &self.ctx.shared;
        Reader {
            directory: &shared.directory,
            progress: &shared.progress,
            waits: &shared.waits,
            me: self.ctx.index,
            ts_ns,
        }
    }

    /// Takes what other workers have sent and lets go of records that waited for it or have waited
    /// too long. Each record let go is applied, given to `evaluate` and settled.
    ///
    /// `now_ns` is the clock of the records (`CLOCK_BOOTTIME`).
    pub fn poll_inbox(
        &mut self,
        now_ns: u64,
        mut evaluate: impl FnMut(&Partition, &Record<'_>, &Applied),
    ) {
        // Read before the inbox is emptied: what the others had sent by then is in it.
        let others_done = self.others_done();
        for _ in 0..crate::handover::INBOX_LEN {
            match self.inbox.try_recv() {
                Ok(Message::Born(child)) => self.receive(child),
                Ok(Message::Recovered {
                    tgid,
                    found,
                    looked_ns,
                }) => self.recovered(tgid, found, looked_ns),
                Ok(Message::Missing { cells, looked_ns }) => {
                    let room = MAX_MISSING.saturating_sub(self.missing.len());
                    let cells = cells.into_iter().take(room);
                    self.missing.extend(cells.map(|cell| (looked_ns, cell)));
                }
                Err(_) => break,
            }
        }
        if !self.parked.is_empty() {
            self.replay(now_ns, others_done, &mut evaluate);
        }
    }

    /// All records of this partition up to `watermark_ns` have been applied and settled. Publishes
    /// that to the others and lets go of what nobody can ask for any more.
    pub fn round_done(&mut self, watermark_ns: u64) {
        self.publish_done(watermark_ns);
        let done_ns = watermark_ns.min(self.hold_ns());
        self.adopt_arrived(done_ns);
        self.let_go_of_missing(done_ns);
        self.retire();
        let counters = &mut self.ctx.counters;
        counters.processes = self.processes.len() as u64;
        counters.ended = self.retiring.len() as u64;
        counters.parked_groups = u64::from(!self.parked.is_empty());
        self.ctx
            .shared
            .publish_counters(self.ctx.index, &self.ctx.counters);
    }

    /// The worker ends: lets go of all records that wait, as [`Partition::poll_inbox`] does.
    pub fn end(&mut self, evaluate: impl FnMut(&Partition, &Record<'_>, &Applied)) {
        // First, so that workers that end together do not wait for each other.
        self.leave();
        self.poll_inbox(u64::MAX, evaluate);
    }

    /// Nothing more comes of this partition: nobody need wait for it.
    fn leave(&self) {
        self.ctx.shared.progress.publish(self.ctx.index, u64::MAX);
    }

    /// Records of this partition were lost: everything it knows is doubtful until recovered.
    pub fn mark_loss(&mut self) {
        self.acted.clear();
        for process in self.processes.values_mut() {
            process.doubt = process.doubt.with(Doubt::LOSS);
        }
    }

    /// Asks for a look at up to `max` processes that a loss made doubtful; returns how many there were. Call
    /// it once a round after a loss until it returns 0: the background mends them bit by bit, and those that
    /// it has no time for now stay doubtful and are asked for again.
    pub fn recover_some(&mut self, max: usize) -> usize {
        // Before they are asked for: what is looked for from now on is of after the loss.
        let asked_ns = boot_ns();
        let mut list = std::mem::take(&mut self.list);
        list.clear();
        let lost = self
            .processes
            .values()
            .filter(|process| process.doubt.has(Doubt::LOSS));
        list.extend(lost.take(max).map(|process| process.tgid));
        for &tgid in &list {
            if !self.ask(tgid) {
                break;
            }
            if let Some(process) = self.processes.get_mut(&tgid) {
                let unknown = Doubt::IMAGE.with(Doubt::FDS).with(Doubt::INHERITED);
                process.doubt = process.doubt.without(Doubt::LOSS).with(unknown);
                process.asked = Some(Box::new(Asked::now(process, asked_ns)));
            }
        }
        let found = list.len();
        self.list = list;
        found
    }

    /// Takes over processes found by a scan, those of this partition; before the first record.
    pub fn adopt(&mut self, found: impl IntoIterator<Item = Scanned>) {
        for scanned in found {
            if self.ctx.shared.owner_of(scanned.tgid) == self.ctx.index {
                let cgroups = &self.ctx.shared.cgroups;
                let process = scanned.into_process(self.ctx.index, &self.ctx.blank, cgroups);
                self.ctx.ask_users(&process, 0);
                self.insert(Box::new(process));
            }
        }
    }

    /// Ties adopted processes to their parents, when all partitions have adopted theirs.
    pub fn link_adopted(&mut self) {
        for process in self.processes.values() {
            if process.cell.first_parent().is_none() {
                let parent = u32::try_from(process.ppid).ok().filter(|&ppid| ppid != 0);
                process
                    .cell
                    .set_parent(parent.and_then(|p| self.ctx.shared.directory.get(p)));
            }
        }
    }

    /// Stores a process under its number, in the place of what was there. False when there was no room: then it is
    /// a guest.
    pub(crate) fn insert(&mut self, process: Box<Process>) -> bool {
        let tgid = process.tgid;
        self.forget(tgid);
        let full = self.processes.len() >= MAX_PROCESSES / self.ctx.shared.partitions() as usize;
        let stays = !full && self.ctx.shared.directory.insert(&process.cell);
        if !stays {
            self.ctx.counters.process_overflow += 1;
            if self.guests.len() >= MAX_GUESTS
                && let Some(&oldest) = self.guests.front()
            {
                self.forget(oldest);
            }
            self.guests.push_back(tgid);
        }
        process.cell.set_ids(process.sid, process.pgid);
        self.ctx.counters.fds += process.fds.len() as u64;
        self.ctx.counters.threads += process.threads.len() as u64;
        self.processes.insert(tgid, process);
        stays
    }

    /// Drops a process without an exit record; its cell goes the usual way.
    pub(crate) fn forget(&mut self, tgid: u32) -> Option<Box<Process>> {
        let process = self.processes.remove(&tgid)?;
        if !self.guests.is_empty() {
            self.guests.retain(|&guest| guest != tgid);
        }
        let counters = &mut self.ctx.counters;
        counters.fds = counters.fds.saturating_sub(process.fds.len() as u64);
        counters.threads = counters
            .threads
            .saturating_sub(process.threads.len() as u64);
        Some(process)
    }

    /// The cell of an ended process, to be let go when nobody can ask for it.
    pub(crate) fn retire_later(&mut self, exit_ns: u64, cell: Arc<Cell>) {
        if self.retiring.len() >= MAX_RETIRING {
            self.ctx.counters.retire_overflow += 1;
            self.retire_front();
        }
        self.retiring.push_back((exit_ns, cell));
    }

    fn retire(&mut self) {
        let Some(&(first_ns, _)) = self.retiring.front() else {
            return;
        };
        let due_ns = self.ctx.shared.progress.oldest_reader();
        if first_ns > due_ns {
            return;
        }
        while self
            .retiring
            .front()
            .is_some_and(|&(exit_ns, _)| exit_ns <= due_ns)
        {
            self.retire_front();
        }
    }

    fn retire_front(&mut self) {
        if let Some((_, cell)) = self.retiring.pop_front() {
            cell.retire(&self.ctx.shared.directory);
            self.ctx.shared.directory.remove(&cell);
        }
    }

    /// Publishes how far this worker has come; parked records are not done and hold it back.
    fn publish_done(&mut self, done_ns: u64) {
        self.done_ns = self.done_ns.max(done_ns);
        self.ctx
            .shared
            .progress
            .publish(self.ctx.index, self.done_ns.min(self.hold_ns()));
    }

    /// Everything up to here is done for all that is parked or being replayed.
    fn hold_ns(&self) -> u64 {
        self.waiting_ns.saturating_sub(1)
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        self.leave();
    }
}
