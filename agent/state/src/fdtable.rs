//! The descriptor table of a process.
//!
//! Copied on write in two steps: a fork shares the table, the first change afterwards copies the
//! list of entries, and an entry is copied only when it changes itself. An entry's buffers outlive
//! its close, so that opening the same number again allocates nothing.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::fd::{Fd, FdKind, Socket};

/// Entries a table holds; further descriptors are not stored, and counted (rules-spec F7).
pub const MAX_FDS: usize = 4096;

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
}

#[derive(Debug, Default)]
struct Slot {
    /// Present but not live: buffers waiting for the number's next use.
    fd: Option<Arc<Fd>>,
    live: bool,
    /// A socket's memory, kept while the number is something else.
    spare: Option<Box<Socket>>,
}

impl Clone for Slot {
    /// Shares a live entry; waiting buffers stay where they are.
    fn clone(&self) -> Self {
        Self {
            fd: self.fd.clone().filter(|_| self.live),
            live: self.live,
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
        }
    }
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

    /// Makes room for `number`; `None` when it is negative or the table is full.
    fn claim(&mut self, number: i32) -> Option<&mut Slot> {
        let index = usize::try_from(number).ok()?;
        let live = self.slot(number).is_some_and(|slot| slot.live);
        if !live {
            if self.live >= MAX_FDS {
                return None;
            }
            self.live += 1;
        }
        if index >= DENSE {
            // Dead sparse slots keep their buffers; they are bounded like the live ones.
            if self.sparse.len() >= MAX_FDS && !self.sparse.contains_key(&number) {
                self.sparse.retain(|_, slot| slot.live);
            }
            return Some(self.sparse.entry(number).or_default());
        }
        if index >= self.dense.len() {
            self.dense.resize_with(index + 1, Slot::default);
        }
        Some(&mut self.dense[index])
    }
}

impl Slot {
    /// An entry of this table alone, its memory kept, its contents to be overwritten.
    fn fresh(&mut self) -> &mut Fd {
        self.live = true;
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

    /// A cleared entry for `number`, replacing what was there; `None` when the table is full or
    /// the number negative.
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

    /// Stores an entry made elsewhere; false when the table is full or the number negative.
    pub(crate) fn put(&mut self, number: i32, fd: Fd) -> bool {
        self.share(number, Arc::new(fd))
    }

    /// The entry of `number`, for another table to hold as well.
    pub(crate) fn shared(&self, number: i32) -> Option<Arc<Fd>> {
        let slot = self.table.slot(number).filter(|slot| slot.live)?;
        slot.fd.clone()
    }

    /// Stores an entry that another table holds as well; false when the table is full or the number negative.
    pub(crate) fn share(&mut self, number: i32, fd: Arc<Fd>) -> bool {
        let Some(slot) = Arc::make_mut(&mut self.table).claim(number) else {
            return false;
        };
        slot.live = true;
        slot.fd = Some(fd);
        true
    }

    /// Makes `to` the same file as `from`; false when `from` is unknown or the table full.
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
        let dense = self
            .table
            .dense
            .iter()
            .enumerate()
            .map(|(i, slot)| (i as i32, slot));
        let sparse = self
            .table
            .sparse
            .iter()
            .map(|(&number, slot)| (number, slot));
        dense
            .chain(sparse)
            .filter(|(_, slot)| slot.live)
            .filter_map(|(number, slot)| Some((number, slot.fd.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(table: &mut FdTable, number: i32, name: &str) {
        let fd = table.open(number, FdKind::File).expect("room");
        fd.name.extend_from_slice(name.as_bytes());
    }

    fn name(table: &FdTable, number: i32) -> Option<&str> {
        table
            .get(number)
            .map(|fd| std::str::from_utf8(&fd.name).expect("text"))
    }

    #[test]
    fn forks_do_not_see_each_other() {
        let mut parent = FdTable::default();
        named(&mut parent, 3, "/a");
        named(&mut parent, 5000, "/far");
        let mut child = parent.clone();
        assert!(parent.close(3));
        named(&mut child, 4, "/b");
        child.get_mut(5000).expect("inherited").name.push(b'!');
        assert_eq!((name(&parent, 3), name(&parent, 4)), (None, None));
        assert_eq!((name(&child, 3), name(&child, 4)), (Some("/a"), Some("/b")));
        assert_eq!(
            (name(&parent, 5000), name(&child, 5000)),
            (Some("/far"), Some("/far!"))
        );
        assert_eq!((parent.len(), child.len()), (1, 3));
    }

    #[test]
    fn a_reused_number_reuses_its_memory() {
        let mut table = FdTable::default();
        named(&mut table, 7, "/a/rather/long/name/of/a/file");
        let before = table
            .get(7)
            .map(|fd| (fd.name.as_ptr(), fd.name.capacity()));
        assert!(table.close(7));
        assert!(!table.close(7));
        named(&mut table, 7, "/short");
        assert_eq!(
            table
                .get(7)
                .map(|fd| (fd.name.as_ptr(), fd.name.capacity())),
            before
        );
    }

    #[test]
    fn sockets_keep_their_memory_too() {
        let mut table = FdTable::default();
        let address = |table: &FdTable| {
            let socket = table.get(3).and_then(|fd| fd.socket.as_deref());
            std::ptr::from_ref(socket.expect("a socket"))
        };
        table
            .open_socket(3, FdKind::Ipv4, Socket::default())
            .expect("room");
        let first = address(&table);
        table.close(3);
        named(&mut table, 3, "/file");
        assert!(table.get(3).is_some_and(|fd| fd.socket.is_none()));
        table
            .open_socket(3, FdKind::Ipv6, Socket::default())
            .expect("room");
        assert_eq!(address(&table), first);
    }

    #[test]
    fn dup_copies_and_exec_closes() {
        let mut table = FdTable::default();
        named(&mut table, 3, "/a");
        assert!(table.dup(3, 10, true));
        assert!(table.dup(3, 11, false));
        assert!(!table.dup(99, 12, false));
        table.close_on_exec();
        assert_eq!((name(&table, 10), name(&table, 11)), (None, Some("/a")));
        assert_eq!(table.len(), 2);
        assert_eq!(
            table.iter().map(|(number, _)| number).collect::<Vec<_>>(),
            [3, 11]
        );
    }

    #[test]
    fn ranges_close_now_or_at_exec() {
        let mut parent = FdTable::default();
        for number in [3, 4, 5, 2000, 3000] {
            named(&mut parent, number, "/a");
        }
        let mut table = parent.clone();
        table.close_range(4..=2000, false);
        let numbers = |table: &FdTable| table.iter().map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!((numbers(&table), table.len()), (vec![3, 3000], 2));
        table.close_range(10..=i32::MAX, true);
        assert_eq!(table.len(), 2);
        table.close_on_exec();
        assert_eq!(numbers(&table), [3]);
        table.close_range(4..=4, false);
        assert_eq!((table.len(), parent.len()), (1, 5));
        assert!(parent.iter().all(|(_, fd)| !fd.cloexec));
    }

    #[test]
    fn what_exec_closes_already_stays_shared() {
        let mut parent = FdTable::default();
        for number in [3, 4] {
            named(&mut parent, number, "/a");
        }
        parent.get_mut(3).expect("open").cloexec = true;
        let mut child = parent.clone();
        child.close_range(0..=i32::MAX, true);
        let is_shared = |number| match (parent.get(number), child.get(number)) {
            (Some(parent), Some(child)) => std::ptr::eq(parent, child),
            _ => panic!("{number} is open in both"),
        };
        assert!(is_shared(3) && !is_shared(4));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = FdTable::default();
        for number in 0..MAX_FDS as i32 {
            assert!(table.open(number * 3, FdKind::File).is_some());
        }
        assert!(table.open(1, FdKind::File).is_none());
        assert!(
            table.open(3, FdKind::Pipe).is_some(),
            "known numbers are replaced"
        );
        assert!(table.open(-1, FdKind::File).is_none());
        assert!(table.close(0));
        assert!(table.open(1, FdKind::File).is_some());
        assert_eq!(table.len(), MAX_FDS);
    }
}
