//! Processes that appear: births, children sent by other workers, and those nobody had heard of.

use std::sync::Arc;

use saker_abi::raw::*;
use saker_abi::record::Record;

use super::process::Born;
use super::{Ctx, Known};
use crate::asked::Asked;
use crate::partition::{GiveUp, MAX_ARRIVED, MISSING_PER_ROUND, Partition};
use crate::process::{Doubt, Origin, Process};
use crate::recovery::Request;
use crate::scan::Scanned;

/// The record of a new process about itself.
fn is_birth(rec: &Record<'_>) -> bool {
    matches!(
        rec.event(),
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK
    ) && rec.i64(SAKER_P_CLONE_res) == 0
        && rec.u64(SAKER_P_CLONE_flags) as u32 & SAKER_CL_THREAD == 0
}

/// Partition of the process that called fork; `None` when the birth record does not say.
pub(crate) fn fork_owner(ctx: &Ctx, birth: &Record<'_>) -> Option<u32> {
    let sibling = birth.u64(SAKER_P_CLONE_flags) as u32 & SAKER_CL_PARENT != 0;
    (!sibling).then(|| ctx.shared.owner_of(Born::from(birth).parent_pid))
}

/// Whether `process` is the one born at `ts_ns` with start time `start_ns`.
fn same(process: &Process, start_ns: u64, ts_ns: u64) -> bool {
    if start_ns == 0 {
        return process.clone_ts_ns == ts_ns;
    }
    process.cell.start_ns() == start_ns
}

/// Gives `known`, the same as `forked`, the parent that the fork names: a look at what runs finds who inherited
/// it where the parent has ended since, and the end comes as a record of its own.
fn take_parent(known: &mut Process, forked: &Process) {
    if known.origin != Origin::Kernel || known.cell.first_parent().is_none() {
        known.ppid = forked.ppid;
        known.cell.set_parent(forked.cell.first_parent());
    }
}

impl Partition {
    /// Sees to it that the record's process is known.
    pub(crate) fn ensure(&mut self, rec: &Record<'_>, give_up: Option<GiveUp>) -> Known {
        let hdr = rec.hdr();
        if hdr.tgid == 0 {
            return Known::Nobody;
        }
        if is_birth(rec) {
            return self.birth(rec, give_up);
        }
        if let Some(process) = self.processes.get_mut(&hdr.tgid) {
            if process.start_tag == hdr.start_tag || hdr.start_tag == 0 {
                return Known::Yes;
            }
            if process.start_tag == 0 {
                process.start_tag = hdr.start_tag;
                return Known::Yes;
            }
            // Its end and the birth of its successor were lost.
            self.ctx.counters.pid_reused += 1;
            self.replace(hdr.tgid, hdr.ts_ns);
        }
        if let Some(child) = self.arrived.remove(&hdr.tgid) {
            self.settle_in(child);
        } else if rec.event() == SAKER_EV_PROCEXIT {
            return Known::Nobody;
        } else {
            self.make_up(hdr.tgid);
        }
        if self.processes.contains_key(&hdr.tgid) {
            Known::Yes
        } else {
            Known::Nobody
        }
    }

    /// A process nothing is known about; the answer to the question comes later.
    fn make_up(&mut self, tgid: u32) {
        let process = Process::placeholder(tgid, self.ctx.index, &self.ctx.blank);
        if self.insert(Box::new(process)) {
            self.ctx.counters.placeholders += 1;
            self.ask(tgid);
        }
    }

    /// A child whose worker we are; of a parent that is not known itself, more must be found out.
    pub(crate) fn settle_in(&mut self, child: Box<Process>) {
        let (tgid, unknown) = (child.tgid, child.doubt.has(Doubt::IMAGE));
        if self.insert(child) && unknown {
            self.ask(tgid);
        }
    }

    /// Asks for a look at a process; false when too many are asked for already.
    pub(crate) fn ask(&mut self, tgid: u32) -> bool {
        self.ctx.counters.recovery_requests += 1;
        let partition = self.ctx.index;
        let request = Request::Process { tgid, partition };
        let asked = self.ctx.shared.request(request);
        self.ctx.counters.recovery_overflow += u64::from(!asked);
        asked
    }

    /// Ends the processes that were missing at a time up to which everything has been told: their end was lost.
    pub(crate) fn let_go_of_missing(&mut self, done_ns: u64) {
        for _ in 0..MISSING_PER_ROUND {
            let due = self
                .missing
                .pop_front_if(|(looked_ns, _)| *looked_ns <= done_ns);
            let Some((looked_ns, cell)) = due else {
                return;
            };
            // Another one of its number may stand there by now.
            let known = self.processes.get(&cell.tgid());
            if known.is_some_and(|process| Arc::ptr_eq(&process.cell, &cell)) {
                self.ctx.counters.ends_missed += 1;
                self.replace(cell.tgid(), looked_ns);
            }
        }
    }

    /// The process under this number is no more, whenever it ended.
    fn replace(&mut self, tgid: u32, ts_ns: u64) {
        if let Some(process) = self.forget(tgid) {
            let counters = &mut self.ctx.counters;
            self.acted.forget(tgid, process.start_tag, counters);
            process.cell.mark_exit(ts_ns.saturating_sub(1), 0);
            self.retire_later(ts_ns, Arc::clone(&process.cell));
        }
    }

    fn birth(&mut self, rec: &Record<'_>, give_up: Option<GiveUp>) -> Known {
        let hdr = rec.hdr();
        let born = Born::from(rec);
        if let Some(process) = self.processes.get(&hdr.tgid) {
            if same(process, born.start_ns, born.ts_ns) {
                return Known::Yes;
            }
            // A scan may have found it before its birth record came up: begin again from there.
            if process.origin == Origin::Kernel {
                self.ctx.counters.pid_reused += 1;
            }
            self.replace(hdr.tgid, hdr.ts_ns);
        }
        if let Some(child) = self.arrived.remove(&hdr.tgid) {
            if same(&child, born.start_ns, born.ts_ns) {
                self.settle_in(child);
                return Known::Yes;
            }
            self.ctx.counters.handover_stale += 1;
        }
        let foreign = fork_owner(&self.ctx, rec) != Some(self.ctx.index);
        if foreign && self.ctx.shared.partitions() > 1 {
            match give_up {
                None => return Known::Waits,
                Some(GiveUp::Late) => self.ctx.counters.park_timeouts += 1,
                Some(GiveUp::Full) => self.ctx.counters.park_overflow += 1,
            }
        }
        self.born_orphan(rec);
        Known::Yes
    }

    /// A birth without its fork record: as much as can be inherited from what is known now.
    pub(crate) fn born_orphan(&mut self, rec: &Record<'_>) {
        let born = Born::from(rec);
        self.ctx.counters.births_without_fork += 1;
        let index = self.ctx.index;
        if let Some(parent) = self.processes.get_mut(&born.parent_pid) {
            let cell = Arc::clone(&parent.cell);
            let child = born.child(parent, cell, index);
            self.ctx.counters.fd_overflow += u64::from(born.missed_share(&child));
            self.insert(Box::new(child));
            return;
        }
        let mut child = Process::placeholder(rec.hdr().tgid, index, &self.ctx.blank);
        let mut doubt = Doubt::FDS.with(Doubt::INHERITED);
        let parent = self.ctx.shared.directory.get(born.parent_pid);
        child.image = match &parent {
            // The program of a foreign parent can be read, the rest only its worker knows.
            Some(cell) => born.image(&cell.image_at(born.ts_ns)),
            None => {
                doubt = doubt.with(Doubt::IMAGE);
                born.image(&child.image)
            }
        };
        let image = Arc::clone(&child.image);
        child.cell = crate::lineage::Cell::new(child.tgid, index, born.start_ns, image, parent);
        child.doubt = doubt;
        born.describe(&mut child);
        if self.insert(Box::new(child)) {
            self.ctx.counters.placeholders += 1;
            self.ask(born.tgid);
        }
    }

    /// Gives the child of a birth whose fork record is missing to its owner, as that record would have. For who
    /// runs all partitions in one thread and so can ask the parent's; nobody else need wait for it.
    pub fn hand_over(&mut self, birth: &Record<'_>) {
        let born = Born::from(birth);
        let owner = self.ctx.shared.owner_of(born.tgid);
        if let Some(parent) = self.processes.get_mut(&born.parent_pid) {
            let cell = Arc::clone(&parent.cell);
            let child = born.child(parent, cell, owner);
            self.ctx.counters.fd_overflow += u64::from(born.missed_share(&child));
            self.deliver(Box::new(child));
        }
    }

    /// Takes in what other partitions have sent, before any birth record, as if their processes were its own.
    pub fn take_in(&mut self) {
        self.poll_inbox(0, |_, _, _| {});
        self.adopt_arrived(u64::MAX);
    }

    /// Gives a child of one of our processes to its owner.
    pub(crate) fn deliver(&mut self, child: Box<Process>) {
        let owner = child.cell.owner();
        if owner != self.ctx.index {
            self.ctx.counters.handovers_sent += 1;
            if !self
                .ctx
                .shared
                .send(owner, crate::handover::Message::Born(child))
            {
                self.ctx.counters.handover_overflow += 1;
            }
            return;
        }
        if let Some(known) = self.processes.get_mut(&child.tgid) {
            if same(known, child.cell.start_ns(), child.clone_ts_ns) {
                take_parent(known, &child);
                return;
            }
            if known.origin == Origin::Kernel {
                self.ctx.counters.pid_reused += 1;
            }
            self.replace(child.tgid, child.clone_ts_ns);
        }
        self.settle_in(child);
    }

    /// A child sent by another worker.
    pub(crate) fn receive(&mut self, child: Box<Process>) {
        let tgid = child.tgid;
        if let Some(known) = self.processes.get_mut(&tgid)
            && same(known, child.cell.start_ns(), child.clone_ts_ns)
        {
            // We could not wait for it any longer; a look-up is under way, but it may find nothing.
            take_parent(known, &child);
            self.ctx.counters.handover_stale += 1;
            return;
        }
        if self.arrived.len() >= MAX_ARRIVED {
            self.ctx.counters.handover_overflow += 1;
            return;
        }
        if self.arrived.insert(tgid, child).is_some() {
            self.ctx.counters.handover_stale += 1;
        }
    }

    /// Children whose birth record should have come by now but did not: it was lost, they exist.
    pub(crate) fn adopt_arrived(&mut self, watermark_ns: u64) {
        if self.arrived.is_empty() {
            return;
        }
        let due = |child: &Process| child.clone_ts_ns <= watermark_ns;
        let due: Vec<u32> = self
            .arrived
            .iter()
            .filter(|(_, child)| due(child))
            .map(|(&tgid, _)| tgid)
            .collect();
        for tgid in due {
            if let Some(child) = self.arrived.remove(&tgid) {
                self.replace(tgid, child.clone_ts_ns);
                self.settle_in(child);
            }
        }
    }

    /// The answer to a look-up: used where records have not told better in the meantime.
    pub(crate) fn recovered(&mut self, tgid: u32, found: Option<Box<Scanned>>, looked_ns: u64) {
        let (Some(found), Some(process)) = (found, self.processes.get_mut(&tgid)) else {
            self.ctx.counters.recovery_unused += 1;
            return;
        };
        let before_loss = |asked: &Asked| !asked.is_answered_at(looked_ns);
        if !process.doubt.any() || process.asked.as_deref().is_some_and(before_loss) {
            self.ctx.counters.recovery_unused += 1;
            return;
        }
        if process.image.since_ns > looked_ns {
            // What was found is of the program before, its descriptors and threads, too.
            self.ctx.counters.recovery_unused += 1;
            self.ask(tgid);
            return;
        }
        let fds = process.fds.len() as u64;
        let threads = process.threads.len() as u64;
        found.fill(process, &self.ctx.shared.cgroups, looked_ns);
        self.ctx.ask_users(process, looked_ns);
        let counters = &mut self.ctx.counters;
        counters.recovered += 1;
        counters.fds = (counters.fds + process.fds.len() as u64).saturating_sub(fds);
        counters.threads =
            (counters.threads + process.threads.len() as u64).saturating_sub(threads);
        if process.cell.first_parent().is_none() && process.ppid > 0 {
            process
                .cell
                .set_parent(self.ctx.shared.directory.get(process.ppid as u32));
        }
    }
}
