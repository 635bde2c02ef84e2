//! A set of events.

use crate::event::{EVENT_COUNT, EVENTS};
use crate::raw::{SAKER_EV_FCNTL, SAKER_EV_GENERIC, SAKER_MAX_SYSCALLS};
use crate::syscalls::{GENERIC, Syscall};

const WORDS: usize = EVENT_COUNT.div_ceil(64);
/// More than there are calls: each has a number in one of two tables.
const CALL_WORDS: usize = 2 * SAKER_MAX_SYSCALLS as usize / 64;

/// Set of `SAKER_EV_*` numbers, and of the calls that `SAKER_EV_GENERIC` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSet {
    events: [u64; WORDS],
    /// By position in [`GENERIC`].
    calls: [u64; CALL_WORDS],
    /// Of the event `fcntl` not those alone that state needs.
    every_fcntl: bool,
}

impl EventSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events state depends on whatever the rules say.
    pub fn state() -> Self {
        EVENTS
            .iter()
            .filter(|event| event.is_state())
            .map(|event| event.id)
            .collect()
    }

    /// Every event of the table; no generic calls.
    pub fn all() -> Self {
        let mut set: Self = EVENTS.iter().map(|event| event.id).collect();
        set.want_every_fcntl();
        set
    }

    /// Adds the event `fcntl` with all its commands. Without this it is recorded for those that renumber and mark
    /// descriptors (`F_DUPFD`, `F_DUPFD_CLOEXEC`, `F_SETFD`): the others are frequent, and state has no use for them.
    pub fn want_every_fcntl(&mut self) {
        self.insert(SAKER_EV_FCNTL as u16);
        self.every_fcntl = true;
    }

    /// Whether all commands of `fcntl` are wanted.
    pub fn has_every_fcntl(&self) -> bool {
        self.every_fcntl
    }

    /// Adds an event; numbers outside the table are ignored.
    pub fn insert(&mut self, event: u16) {
        if usize::from(event) < EVENT_COUNT {
            self.events[usize::from(event) / 64] |= 1 << (event % 64);
        }
    }

    /// Whether the event is in the set.
    pub fn contains(&self, event: u16) -> bool {
        usize::from(event) < EVENT_COUNT
            && self.events[usize::from(event) / 64] >> (event % 64) & 1 == 1
    }

    /// Adds a call to be recorded as `SAKER_EV_GENERIC`; one with an event of its own is ignored.
    pub fn insert_call(&mut self, call: &Syscall) {
        let found = GENERIC.binary_search_by(|other| other.name.cmp(call.name));
        if let Ok(at) = found {
            self.calls[at / 64] |= 1 << (at % 64);
            self.insert(SAKER_EV_GENERIC as u16);
        }
    }

    /// The generic calls by name.
    pub fn calls(&self) -> impl Iterator<Item = &'static Syscall> + '_ {
        let wanted = |at: usize| self.calls[at / 64] >> (at % 64) & 1 == 1;
        GENERIC
            .iter()
            .enumerate()
            .filter(move |&(at, _)| wanted(at))
            .map(|(_, call)| call)
    }

    /// The events in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..EVENT_COUNT as u16).filter(|&event| self.contains(event))
    }
}

impl FromIterator<u16> for EventSet {
    fn from_iter<I: IntoIterator<Item = u16>>(events: I) -> Self {
        let mut set = Self::new();
        events.into_iter().for_each(|event| set.insert(event));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::*;

    #[test]
    fn holds_what_was_inserted() {
        let mut set = EventSet::new();
        set.insert(SAKER_EV_OPENAT as u16);
        set.insert(SAKER_EV_PRCTL as u16);
        set.insert(u16::MAX);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [SAKER_EV_OPENAT as u16, SAKER_EV_PRCTL as u16]
        );
    }

    #[test]
    fn generic_calls_bring_their_event() {
        let mut set = EventSet::new();
        for call in GENERIC.iter() {
            set.insert_call(call);
        }
        assert!(set.contains(SAKER_EV_GENERIC as u16));
        assert_eq!(set.calls().count(), GENERIC.len());
        assert_eq!(set.iter().count(), 1);
    }

    #[test]
    fn state_needs_lifecycle_but_not_opens() {
        let set = EventSet::state();
        assert!(set.contains(SAKER_EV_EXECVE as u16) && set.contains(SAKER_EV_CHDIR as u16));
        assert!(!set.contains(SAKER_EV_OPENAT as u16) && !set.contains(SAKER_EV_CLOSE as u16));
    }
}
