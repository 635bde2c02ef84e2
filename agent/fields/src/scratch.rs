//! What a worker keeps between events so that extracting fields allocates nothing once warm.
//!
//! Values borrow from the event. Those that must be put together (absolute paths, `evt.args`,
//! capability names) are written once into a buffer of the scratch area and borrowed from there;
//! ancestors' programs, which other workers may replace at any time, are held here meanwhile.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

use saker_state::limits::MAX_ANCESTORS;
use saker_state::{Absent, Cell as Group, Found, Image, Metadata};

/// Rendered texts of one event. The most a rule set asks for is a few dozen; beyond, fields are
/// absent and [`Scratch::overflows`] counts.
pub const MAX_TEXTS: usize = 256;

/// A relative as of the event: its cell and the program it ran then.
#[derive(Debug, Clone)]
pub(crate) struct Relative {
    pub(crate) group: Arc<Group>,
    pub(crate) image: Arc<Image>,
}

/// Which of the relatives that are not in the line of parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leader {
    Session,
    ProcessGroup,
}

/// Buffers of one worker. [`Scratch::reset`] before each event.
#[derive(Debug)]
pub struct Scratch {
    texts: Vec<OnceCell<Text>>,
    used: Cell<usize>,
    pool: RefCell<Vec<Vec<u8>>>,
    overflows: Cell<u64>,
    lines_cut: Cell<u64>,
    /// Parent, grandparent, ...
    line: Vec<OnceCell<Option<Relative>>>,
    line_used: Cell<usize>,
    leaders: [OnceCell<Option<Relative>>; 2],
    /// Users of the event's container.
    users: OnceCell<Arc<Found>>,
    /// What its engine says of it.
    metadata: OnceCell<Arc<Result<Metadata, Absent>>>,
    /// Time of the event and of the one before, `CLOCK_BOOTTIME` ns; 0 for none.
    times: Cell<(u64, u64)>,
}

#[derive(Debug)]
struct Text {
    key: u64,
    bytes: Vec<u8>,
    absent: bool,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            texts: (0..MAX_TEXTS).map(|_| OnceCell::new()).collect(),
            used: Cell::new(0),
            pool: RefCell::default(),
            overflows: Cell::new(0),
            lines_cut: Cell::new(0),
            line: (0..MAX_ANCESTORS).map(|_| OnceCell::new()).collect(),
            line_used: Cell::new(0),
            leaders: Default::default(),
            users: OnceCell::new(),
            metadata: OnceCell::new(),
            times: Cell::default(),
        }
    }
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the last event.
    pub fn reset(&mut self) {
        let pool = self.pool.get_mut();
        for cell in &mut self.texts[..self.used.get()] {
            if let Some(mut text) = cell.take() {
                text.bytes.clear();
                pool.push(text.bytes);
            }
        }
        self.used.set(0);
        self.line[..self.line_used.get()]
            .iter_mut()
            .for_each(|cell| _ = cell.take());
        self.line_used.set(0);
        self.leaders.iter_mut().for_each(|cell| _ = cell.take());
        self.users.take();
        self.metadata.take();
    }

    /// An event of time `ts_ns` begins.
    pub(crate) fn begin(&self, ts_ns: u64) {
        self.times.set((self.times.get().1, ts_ns));
    }

    /// From the event before to this one, ns; 0 for the first.
    pub(crate) fn since_last_ns(&self) -> u64 {
        let (before, now) = self.times.get();
        if before == 0 {
            0
        } else {
            now.saturating_sub(before)
        }
    }

    /// Users of the event's container, as of the first question.
    pub(crate) fn users(&self, find: impl FnOnce() -> Arc<Found>) -> &Found {
        self.users.get_or_init(find)
    }

    /// Metadata of the event's container, as of the first question.
    pub(crate) fn metadata(
        &self,
        find: impl FnOnce() -> Arc<Result<Metadata, Absent>>,
    ) -> &Result<Metadata, Absent> {
        self.metadata.get_or_init(find)
    }

    /// Texts that found no room since the start.
    pub fn overflows(&self) -> u64 {
        self.overflows.get()
    }

    /// Walks to ancestors that ended at the [`MAX_ANCESTORS`]th, not at the first process.
    pub fn lines_cut(&self) -> u64 {
        self.lines_cut.get()
    }

    /// The text of `key`, rendered by `fill` on first use; `fill` returning false means absent.
    /// `fill` may ask for other texts.
    pub(crate) fn text(&self, key: u64, fill: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<&[u8]> {
        let known = self.texts[..self.used.get()]
            .iter()
            .filter_map(OnceCell::get)
            .find(|text| text.key == key);
        let text = match known {
            Some(text) => text,
            None => {
                let mut bytes = self.pool.borrow_mut().pop().unwrap_or_default();
                let absent = !fill(&mut bytes);
                let at = self.used.get();
                let Some(cell) = self.texts.get(at) else {
                    self.overflows.set(self.overflows.get() + 1);
                    return None;
                };
                self.used.set(at + 1);
                cell.get_or_init(|| Text { key, bytes, absent })
            }
        };
        (!text.absent).then_some(text.bytes.as_slice())
    }

    /// The `level`-th ancestor (0 = parent). `up` finds the parent of the one before (`None`: of
    /// the event's own process).
    pub(crate) fn ancestor(
        &self,
        level: usize,
        up: impl Fn(Option<&Relative>) -> Option<Relative>,
    ) -> Option<&Relative> {
        let known = |at: usize| self.line.get(at)?.get()?.as_ref();
        // All before the last one that was looked for have been found.
        let mut at = self.line_used.get();
        while at <= level {
            let below = at.checked_sub(1).and_then(known);
            let Some(cell) = self.line.get(at).filter(|_| at == 0 || below.is_some()) else {
                // Asked for the one that follows the last.
                let cut = u64::from(at == self.line.len() && at == level && below.is_some());
                self.lines_cut.set(self.lines_cut.get() + cut);
                return None;
            };
            cell.get_or_init(|| up(below));
            at += 1;
            self.line_used.set(at);
        }
        known(level)
    }

    pub(crate) fn leader(
        &self,
        which: Leader,
        find: impl FnOnce() -> Option<Relative>,
    ) -> Option<&Relative> {
        self.leaders[which as usize].get_or_init(find).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_rendered_once_and_buffers_come_back() {
        let mut scratch = Scratch::new();
        let fills = Cell::new(0);
        let fill = |out: &mut Vec<u8>| {
            fills.set(fills.get() + 1);
            out.extend_from_slice(b"text");
            true
        };
        assert_eq!(scratch.text(1, fill), Some(&b"text"[..]));
        let at = scratch.text(1, fill).map(<[u8]>::as_ptr);
        assert_eq!(fills.get(), 1);
        assert_eq!(scratch.text(2, |_| false), None);
        assert_eq!(scratch.text(2, fill), None, "absent is remembered, too");
        scratch.reset();
        assert_eq!(scratch.text(7, |_| true), Some(&b""[..]));
        let second = scratch.text(1, fill).map(<[u8]>::as_ptr);
        assert_eq!((fills.get(), second), (2, at), "the same memory again");
    }

    #[test]
    fn a_text_may_need_another() {
        let scratch = Scratch::new();
        let outer = scratch.text(1, |out| {
            out.extend_from_slice(
                scratch
                    .text(2, |out| {
                        out.push(b'x');
                        true
                    })
                    .unwrap_or(b"?"),
            );
            true
        });
        assert_eq!(outer, Some(&b"x"[..]));
    }

    #[test]
    fn more_texts_than_room_are_absent_and_counted() {
        let scratch = Scratch::new();
        for key in 0..MAX_TEXTS as u64 {
            assert!(scratch.text(key, |_| true).is_some());
        }
        assert_eq!(scratch.text(u64::MAX, |_| true), None);
        assert_eq!(scratch.overflows(), 1);
    }
}
