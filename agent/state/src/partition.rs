//! A worker's part of the state.

use std::collections::VecDeque;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use rustc_hash::FxHashMap;
use saker_abi::raw;
use saker_abi::record::Record;

use crate::apply::{self, Ctx, Known};
use crate::counters::Counters;
use crate::directory::MAX_PROCESSES;
use crate::handover::Message;
use crate::lineage::{Cell, Reader};
use crate::park::Parking;
use crate::process::{Doubt, Process};
use crate::scan::Scanned;
use crate::shared::SharedState;
use crate::view::{Applied, Outcome, View};

/// Snapshots that wait for the birth record they belong to.
pub const MAX_ARRIVED: usize = 65_536;

/// Ended processes kept for those who may still ask.
pub const MAX_RETIRING: usize = 65_536;

/// What one worker owns. All methods are for that worker; none blocks.
#[derive(Debug)]
pub struct Partition {
    pub(crate) processes: FxHashMap<u32, Box<Process>>,
    pub(crate) ctx: Ctx,
    /// Children other workers have sent, before their birth record is applied here.
    pub(crate) arrived: FxHashMap<u32, Box<Process>>,
    pub(crate) parked: Parking,
    retiring: VecDeque<(u64, Arc<Cell>)>,
    inbox: Receiver<Message>,
    /// Parked thread groups whose snapshot has come from this very partition.
    pub(crate) ready: Vec<u32>,
    /// Scratch list of thread groups.
    list: Vec<u32>,
    /// Time of the parked record that is being replayed.
    replaying_ns: u64,
    done_ns: u64,
}

impl Partition {
    pub(crate) fn new(index: u32, shared: Arc<SharedState>, inbox: Receiver<Message>) -> Self {
        Self {
            processes: FxHashMap::default(),
            ctx: Ctx::new(index, shared),
            arrived: FxHashMap::default(),
            parked: Parking::default(),
            retiring: VecDeque::new(),
            inbox,
            ready: Vec::new(),
            list: Vec::new(),
            replaying_ns: u64::MAX,
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
        let hdr = rec.hdr();
        self.publish_done(hdr.ts_ns.saturating_sub(1));
        if self.parked.contains(hdr.tgid) {
            return self.park(rec);
        }
        let number = rec
            .info()
            .fd_slot()
            .map(|slot| crate::view::fd_in(rec, slot as u32));
        let mut applied = Applied::evaluate(number);
        match self.ensure(rec) {
            Known::Nobody => return applied,
            Known::Parked => return self.park(rec),
            Known::Yes => {}
        }
        let Some(process) = self.processes.get_mut(&hdr.tgid) else {
            return applied;
        };
        let (fds, threads) = (process.fds.len(), process.threads.len());
        let child = apply::dispatch(&mut self.ctx, process, rec, &mut applied);
        let counters = &mut self.ctx.counters;
        counters.fds = (counters.fds + process.fds.len() as u64).saturating_sub(fds as u64);
        counters.threads =
            (counters.threads + process.threads.len() as u64).saturating_sub(threads as u64);
        if let Some(child) = child {
            self.deliver(child);
        }
        applied
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
        }
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

    /// Takes what other workers have sent and lets go of thread groups that waited for it or have
    /// waited too long. Each record let go is applied, given to `evaluate` and settled.
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
                Ok(Message::Born(child)) => self.receive(child, &mut evaluate),
                Ok(Message::Recovered { tgid, found }) => self.recovered(tgid, found),
                Err(_) => break,
            }
        }
        self.release_ready(&mut evaluate);
        if self.parked.len() > 0 {
            self.give_up(now_ns, others_done, &mut evaluate);
            self.release_ready(&mut evaluate);
        }
    }

    /// All records of this partition up to `watermark_ns` have been applied and settled. Publishes
    /// that to the others and lets go of what nobody can ask for any more.
    pub fn round_done(&mut self, watermark_ns: u64) {
        self.adopt_arrived(watermark_ns);
        self.publish_done(watermark_ns);
        self.retire();
        let counters = &mut self.ctx.counters;
        counters.processes = self.processes.len() as u64;
        counters.parked_groups = self.parked.len() as u64;
        self.ctx
            .shared
            .publish_counters(self.ctx.index, &self.ctx.counters);
    }

    /// Records of this partition were lost: everything it knows is doubtful until recovered.
    pub fn mark_loss(&mut self) {
        for process in self.processes.values_mut() {
            process.doubt = process.doubt.with(Doubt::LOSS);
        }
    }

    /// Asks for a look at up to `max` processes that a loss made doubtful; returns how many. Call
    /// it once a round after a loss until it returns 0: the background mends them bit by bit.
    pub fn recover_some(&mut self, max: usize) -> usize {
        let mut list = std::mem::take(&mut self.list);
        list.clear();
        let lost = self
            .processes
            .values_mut()
            .filter(|process| process.doubt.has(Doubt::LOSS));
        for process in lost.take(max) {
            let unknown = Doubt::IMAGE
                .with(Doubt::FDS)
                .with(Doubt::INHERITED)
                .with(Doubt::STALE);
            process.doubt = process.doubt.without(Doubt::LOSS).with(unknown);
            list.push(process.tgid);
        }
        for &tgid in &list {
            self.ask(tgid);
        }
        let asked = list.len();
        self.list = list;
        asked
    }

    /// Takes over processes found by a scan, those of this partition; before the first record.
    pub fn adopt(&mut self, found: impl IntoIterator<Item = Scanned>) {
        for scanned in found {
            if self.ctx.shared.owner_of(scanned.tgid) == self.ctx.index {
                let process = scanned.into_process(self.ctx.index, &self.ctx.blank);
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

    /// Stores a process under its number, in the place of what was there; false when full.
    pub(crate) fn insert(&mut self, process: Box<Process>) -> bool {
        let tgid = process.tgid;
        self.forget(tgid);
        let full = self.processes.len() >= MAX_PROCESSES / self.ctx.shared.partitions() as usize;
        if full || !self.ctx.shared.directory.insert(&process.cell) {
            self.ctx.counters.process_overflow += 1;
            return false;
        }
        process.cell.set_ids(process.sid, process.pgid);
        self.ctx.counters.fds += process.fds.len() as u64;
        self.ctx.counters.threads += process.threads.len() as u64;
        self.processes.insert(tgid, process);
        true
    }

    /// Drops a process without an exit record; its cell goes the usual way.
    pub(crate) fn forget(&mut self, tgid: u32) -> Option<Box<Process>> {
        let process = self.processes.remove(&tgid)?;
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

    fn park(&mut self, rec: &Record<'_>) -> Applied {
        self.ctx.counters.parked_records += 1;
        let room = self.parked.push(rec.hdr().tgid, rec.bytes());
        Applied::parked(!room)
    }

    /// Parked records hold the word back, those being replayed included: they are not done.
    fn publish_done(&mut self, done_ns: u64) {
        self.done_ns = self.done_ns.max(done_ns);
        let mut done_ns = self.done_ns.min(self.replaying_ns.saturating_sub(1));
        if self.parked.len() > 0 {
            let oldest = self.parked.oldest_ns().unwrap_or(u64::MAX);
            done_ns = done_ns.min(oldest.saturating_sub(1));
        }
        self.ctx.shared.progress.publish(self.ctx.index, done_ns);
    }

    fn others_done(&self) -> u64 {
        let progress = &self.ctx.shared.progress;
        let others = (0..self.ctx.shared.partitions()).filter(|&other| other != self.ctx.index);
        others
            .map(|other| progress.done(other))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Lets go of groups whose snapshot did not come: it is too late, there is too much, or all
    /// others have passed the birth and its snapshot should have been in the inbox.
    fn give_up(
        &mut self,
        now_ns: u64,
        others_done: u64,
        evaluate: &mut impl FnMut(&Partition, &Record<'_>, &Applied),
    ) {
        let timeout_ns = self
            .ctx
            .shared
            .config
            .park_timeout_ms
            .saturating_mul(1_000_000);
        let mut list = std::mem::take(&mut self.list);
        self.parked.select(
            |group| {
                group.full
                    || others_done >= group.since_ns
                    || now_ns.saturating_sub(group.since_ns) > timeout_ns
            },
            &mut list,
        );
        for &tgid in &list {
            self.release(tgid, None, evaluate);
        }
        self.list = list;
    }

    /// Lets go of groups whose parent was parked itself and has forked by now.
    fn release_ready(&mut self, evaluate: &mut impl FnMut(&Partition, &Record<'_>, &Applied)) {
        while let Some(tgid) = self.ready.pop() {
            self.release(tgid, None, evaluate);
        }
    }

    /// Replays the records of a parked group, after its snapshot or without one.
    pub(crate) fn release(
        &mut self,
        tgid: u32,
        snapshot: Option<Box<Process>>,
        evaluate: &mut impl FnMut(&Partition, &Record<'_>, &Applied),
    ) {
        let Some(group) = self.parked.take(tgid) else {
            return;
        };
        // From this very partition: the parent was parked, too.
        let snapshot = snapshot.or_else(|| self.arrived.remove(&tgid));
        let found = snapshot.is_some();
        match snapshot {
            Some(child) => self.settle_in(child),
            None if group.full => self.ctx.counters.park_overflow += 1,
            None => self.ctx.counters.park_timeouts += 1,
        }
        for (i, bytes) in group.records().enumerate() {
            // They were parsed before they were parked.
            let Ok(rec) = Record::parse(bytes) else {
                continue;
            };
            self.replaying_ns = rec.hdr().ts_ns;
            if i == 0 && !found {
                self.born_orphan(&rec);
            }
            let applied = self.apply(&rec);
            if applied.outcome == Outcome::Evaluate {
                evaluate(self, &rec, &applied);
                self.settle(&rec);
            }
        }
        self.replaying_ns = u64::MAX;
    }
}
