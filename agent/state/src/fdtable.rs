//! The descriptor table of a process.
//!
//! Copied on write in two steps: a fork shares the table, the first change afterwards copies the
//! list of entries, and an entry is copied only when it changes itself. An entry's buffers outlive
//! its close, so that opening the same number again allocates nothing.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::fd::{Fd, FdKind, Socket};

/// Entries a table holds (rules-spec F7). A further one takes the place of one that is worth less.
pub const MAX_FDS: usize = 4096;

/// Entries chosen at once to make room: choosing looks at all, so it is done for many.
const EVICTION_BATCH: usize = 256;

/// Dead entries of numbers that are not dense, kept for their buffers beyond [`MAX_FDS`] entries.
const MAX_DEAD: usize = 1024;

/// Types of files in the kernel's facts (inode(7)).
const S_IFMT: u32 = 0o170_000;
const S_IFCHR: u32 = 0o020_000;

/// Numbers below live in a plain list; programs use the lowest free number.
const DENSE: usize = 1024;

/// Descriptors of one process, by number.
#[derive(Debug, Clone, Default)]
pub struct FdTable {
    table: Arc<Table>,
}

#[derive(Debug, Default)]
struct Table {
    dense: Vec<Slot>,
    sparse: FxHashMap<i32, Slot>,
    live: usize,
    /// Entries that go next, see [`eviction_key`]; those not doomed any more are passed over.
    doomed: Vec<u64>,
    /// Batches chosen so far.
    batches: u32,
    /// Entries that went since somebody asked.
    evicted: u32,
}

#[derive(Debug, Default)]
struct Slot {
    /// Present but not live: buffers waiting for the number's next use.
    fd: Option<Arc<Fd>>,
    live: bool,
    /// Chosen to make room, and not opened anew since.
    doomed: bool,
    /// A socket's memory, kept while the number is something else.
    spare: Option<Box<Socket>>,
}

impl Clone for Slot {
    /// Shares a live entry; waiting buffers stay where they are.
    fn clone(&self) -> Self {
        Self {
            fd: self.fd.clone().filter(|_| self.live),
            live: self.live,
            doomed: false,
            spare: None,
        }
    }
}

impl Clone for Table {
    fn clone(&self) -> Self {
        let sparse = self.sparse.iter().filter(|(_, slot)| slot.live);
        Self {
            dense: self.dense.clone(),
            sparse: sparse
                .map(|(&number, slot)| (number, slot.clone()))
                .collect(),
            live: self.live,
            doomed: Vec::new(),
            batches: self.batches,
            evicted: 0,
        }
    }
}

/// What is lost with an entry, smallest first. Descriptors without a name or a tuple are known by their events as
/// well; devices like `/dev/null` are what a flood is cheapest with; the kernel tells a socket's ends again. Names
/// of files come once, and where a shell's input comes from decides rules.
fn worth(number: i32, fd: &Fd) -> u8 {
    match fd.kind {
        _ if number <= 2 => 4,
        _ if fd.socket.is_some() => 2,
        _ if fd.file_facts & S_IFMT == S_IFCHR => 1,
        FdKind::File | FdKind::Directory | FdKind::Memfd | FdKind::Unknown => 3,
        _ => 0,
    }
}

/// By worth; among equals by no order that a program could use to have an old or a young entry go.
fn eviction_key(number: i32, fd: &Fd, batch: u32) -> u64 {
    let shuffled = (number as u32 ^ batch.rotate_left(16)).wrapping_mul(0x9e37_79b1);
    let shuffled = (shuffled ^ shuffled >> 15).wrapping_mul(0x85eb_ca77) >> 8;
    u64::from(worth(number, fd)) << 56 | u64::from(shuffled) << 32 | u64::from(number as u32)
}

impl Table {
    fn slot(&self, number: i32) -> Option<&Slot> {
        let index = usize::try_from(number).ok()?;
        if index < DENSE {
            self.dense.get(index)
        } else {
            self.sparse.get(&number)
        }
    }

    fn slot_mut(&mut self, number: i32) -> Option<&mut Slot> {
        let index = usize::try_from(number).ok()?;
        if index < DENSE {
            self.dense.get_mut(index)
        } else {
            self.sparse.get_mut(&number)
        }
    }

    /// Makes room for `number`, if need be in the place of another; `None` when it is negative.
    fn claim(&mut self, number: i32) -> Option<&mut Slot> {
        let index = usize::try_from(number).ok()?;
        let live = self.slot(number).is_some_and(|slot| slot.live);
        if !live {
            if self.live >= MAX_FDS {
                self.evict();
            }
            self.live += 1;
        }
        if index >= DENSE {
            // So many that to look at all of them costs little for each that goes.
            if self.sparse.len() >= MAX_FDS + MAX_DEAD && !self.sparse.contains_key(&number) {
                self.sparse.retain(|_, slot| slot.live);
            }
            return Some(self.sparse.entry(number).or_default());
        }
        if index >= self.dense.len() {
            self.dense.resize_with(index + 1, Slot::default);
        }
        Some(&mut self.dense[index])
    }

    /// Forgets one live entry.
    fn evict(&mut self) {
        if !self.evict_doomed() {
            self.doom();
            self.evict_doomed();
        }
    }

    fn evict_doomed(&mut self) -> bool {
        while let Some(key) = self.doomed.pop() {
            let slot = self.slot_mut(key as u32 as i32);
            if let Some(slot) = slot.filter(|slot| slot.live && slot.doomed) {
                slot.live = false;
                self.live -= 1;
                self.evicted = self.evicted.saturating_add(1);
                return true;
            }
        }
        false
    }

    /// Chooses who goes next.
    fn doom(&mut self) {
        let mut doomed = std::mem::take(&mut self.doomed);
        let batch = self.batches;
        doomed.extend(
            self.iter()
                .map(|(number, fd)| eviction_key(number, fd, batch)),
        );
        if doomed.len() > EVICTION_BATCH {
            doomed.select_nth_unstable(EVICTION_BATCH);
            doomed.truncate(EVICTION_BATCH);
        }
        // The last one goes first.
        doomed.sort_unstable_by(|a, b| b.cmp(a));
        for &key in &doomed {
            if let Some(slot) = self.slot_mut(key as u32 as i32) {
                slot.doomed = true;
            }
        }
        self.batches = batch.wrapping_add(1);
        self.doomed = doomed;
    }

    fn iter(&self) -> impl Iterator<Item = (i32, &Fd)> {
        let dense = self
            .dense
            .iter()
            .enumerate()
            .map(|(i, slot)| (i as i32, slot));
        let sparse = self.sparse.iter().map(|(&number, slot)| (number, slot));
        dense
            .chain(sparse)
            .filter(|(_, slot)| slot.live)
            .filter_map(|(number, slot)| Some((number, slot.fd.as_deref()?)))
    }
}

impl Slot {
    /// In use by a descriptor that has just come.
    fn revive(&mut self) {
        self.live = true;
        self.doomed = false;
    }

    /// An entry of this table alone, its memory kept, its contents to be overwritten.
    fn fresh(&mut self) -> &mut Fd {
        self.revive();
        let shared = self.fd.as_mut().is_none_or(|fd| Arc::get_mut(fd).is_none());
        if shared {
            self.fd = None;
        }
        let fd = Arc::make_mut(self.fd.get_or_insert_default());
        if let Some(socket) = fd.socket.take() {
            self.spare = Some(socket);
        }
        fd.clear();
        fd
    }
}

impl FdTable {
    /// The entry of `number`.
    pub fn get(&self, number: i32) -> Option<&Fd> {
        let slot = self.table.slot(number)?;
        slot.fd.as_deref().filter(|_| slot.live)
    }

    /// The entry of `number`, to be changed. Copies what is shared: look before asking.
    pub fn get_mut(&mut self, number: i32) -> Option<&mut Fd> {
        self.get(number)?;
        let slot = Arc::make_mut(&mut self.table).slot_mut(number)?;
        slot.fd.as_mut().map(Arc::make_mut)
    }

    /// A cleared entry for `number`, replacing what was there; `None` when the number is negative.
    pub fn open(&mut self, number: i32, kind: FdKind) -> Option<&mut Fd> {
        let slot = Arc::make_mut(&mut self.table).claim(number)?;
        let fd = slot.fresh();
        fd.kind = kind;
        Some(fd)
    }

    /// Like [`FdTable::open`] for a socket, reusing the number's socket memory.
    pub fn open_socket(&mut self, number: i32, kind: FdKind, socket: Socket) -> Option<&mut Fd> {
        let slot = Arc::make_mut(&mut self.table).claim(number)?;
        slot.fresh();
        let memory = slot.spare.take();
        let fd = slot.fd.as_mut().and_then(Arc::get_mut)?;
        fd.kind = kind;
        fd.socket = Some(match memory {
            Some(mut memory) => {
                *memory = socket;
                memory
            }
            None => Box::new(socket),
        });
        Some(fd)
    }

    /// Stores an entry made elsewhere, where none is; false when there is one, the table is full or the number
    /// negative.
    pub(crate) fn fill(&mut self, number: i32, fd: Fd) -> bool {
        let free = self.len() < MAX_FDS && self.get(number).is_none();
        free && self.share(number, Arc::new(fd))
    }

    /// The entry of `number`, for another table to hold as well.
    pub(crate) fn shared(&self, number: i32) -> Option<Arc<Fd>> {
        let slot = self.table.slot(number).filter(|slot| slot.live)?;
        slot.fd.clone()
    }

    /// Stores an entry that another table holds as well; false when the number is negative.
    pub(crate) fn share(&mut self, number: i32, fd: Arc<Fd>) -> bool {
        let Some(slot) = Arc::make_mut(&mut self.table).claim(number) else {
            return false;
        };
        slot.revive();
        slot.fd = Some(fd);
        true
    }

    /// Entries that made room for others since the last call.
    pub(crate) fn take_evicted(&mut self) -> u32 {
        if self.table.evicted == 0 {
            return 0;
        }
        std::mem::take(&mut Arc::make_mut(&mut self.table).evicted)
    }

    /// Makes `to` the same file as `from`; false when `from` is unknown.
    pub fn dup(&mut self, from: i32, to: i32, cloexec: bool) -> bool {
        if from == to || self.get(from).is_none() {
            return self.get(from).is_some();
        }
        let table = Arc::make_mut(&mut self.table);
        let Some(source) = table.slot(from).and_then(|slot| slot.fd.clone()) else {
            return false;
        };
        let Some(slot) = table.claim(to) else {
            return false;
        };
        match source.socket.as_deref().copied() {
            None => slot.fresh().copy_from(&source),
            Some(socket) => {
                slot.fresh();
                let mut memory = slot.spare.take().unwrap_or_default();
                *memory = socket;
                if let Some(fd) = slot.fd.as_mut().and_then(Arc::get_mut) {
                    fd.copy_from(&source);
                    fd.socket = Some(memory);
                }
            }
        }
        if let Some(fd) = slot.fd.as_mut().and_then(Arc::get_mut) {
            fd.cloexec = cloexec;
        }
        true
    }

    /// Forgets `number`; false when it was not known.
    pub fn close(&mut self, number: i32) -> bool {
        if self.get(number).is_none() {
            return false;
        }
        let table = Arc::make_mut(&mut self.table);
        if let Some(slot) = table.slot_mut(number) {
            slot.live = false;
            table.live -= 1;
        }
        true
    }

    /// Forgets the numbers of a range, or marks them for exec to close.
    pub fn close_range(&mut self, range: std::ops::RangeInclusive<i32>, on_exec: bool) {
        let concerns =
            |(number, fd): (i32, &Fd)| range.contains(&number) && !(on_exec && fd.cloexec);
        if !self.iter().any(concerns) {
            return;
        }
        let table = Arc::make_mut(&mut self.table);
        let mut closed = 0;
        let dense = table.dense.iter_mut().enumerate();
        let dense = dense.map(|(number, slot)| (number as i32, slot));
        let sparse = table
            .sparse
            .iter_mut()
            .map(|(&number, slot)| (number, slot));
        for (_, slot) in dense
            .chain(sparse)
            .filter(|(number, slot)| slot.live && range.contains(number))
        {
            if on_exec {
                // Those it changes nothing of stay shared.
                let changes = slot.fd.iter_mut().filter(|fd| !fd.cloexec);
                changes.for_each(|fd| Arc::make_mut(fd).cloexec = true);
            } else {
                slot.live = false;
                closed += 1;
            }
        }
        table.live -= closed;
    }

    /// Forgets what exec closes.
    pub fn close_on_exec(&mut self) {
        if !self.iter().any(|(_, fd)| fd.cloexec) {
            return;
        }
        let table = Arc::make_mut(&mut self.table);
        let mut closed = 0;
        for slot in table.dense.iter_mut().chain(table.sparse.values_mut()) {
            if slot.live && slot.fd.as_ref().is_some_and(|fd| fd.cloexec) {
                slot.live = false;
                closed += 1;
            }
        }
        table.live -= closed;
    }

    /// Forgets what has not changed since this table was `before`.
    pub(crate) fn forget_unchanged(&mut self, before: &Self) {
        if Arc::ptr_eq(&self.table, &before.table) {
            *self = Self::default();
            return;
        }
        // An entry that both hold has not changed: changing it would have copied it.
        let unchanged = |number, fd: &Arc<Fd>| {
            let slot = before.table.slot(number).filter(|slot| slot.live);
            slot.and_then(|slot| slot.fd.as_ref())
                .is_some_and(|then| Arc::ptr_eq(then, fd))
        };
        let numbers = self.iter().map(|(number, _)| number);
        let known: Vec<_> = numbers
            .filter_map(|number| Some((number, self.shared(number)?)))
            .filter(|(number, fd)| !unchanged(*number, fd))
            .collect();
        *self = Self::default();
        for (number, fd) in known {
            self.share(number, fd);
        }
    }

    /// Entries there are.
    pub fn len(&self) -> usize {
        self.table.live
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.live == 0
    }

    /// All entries; low numbers in order, numbers from 1024 on in any.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Fd)> {
        self.table.iter()
    }
}

#[cfg(test)]
mod tests;
