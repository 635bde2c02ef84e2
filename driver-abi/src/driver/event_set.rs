//! A set of events.

use crate::event::{EVENT_COUNT, EVENTS};

const WORDS: usize = EVENT_COUNT.div_ceil(64);

/// Set of `SAKER_EV_*` numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSet([u64; WORDS]);

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

    /// Every event of the table.
    pub fn all() -> Self {
        EVENTS.iter().map(|event| event.id).collect()
    }

    /// Adds an event; numbers outside the table are ignored.
    pub fn insert(&mut self, event: u16) {
        if usize::from(event) < EVENT_COUNT {
            self.0[usize::from(event) / 64] |= 1 << (event % 64);
        }
    }

    /// Whether the event is in the set.
    pub fn contains(&self, event: u16) -> bool {
        usize::from(event) < EVENT_COUNT && self.0[usize::from(event) / 64] >> (event % 64) & 1 == 1
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
    fn state_needs_lifecycle_but_not_opens() {
        let set = EventSet::state();
        assert!(set.contains(SAKER_EV_EXECVE as u16) && set.contains(SAKER_EV_CHDIR as u16));
        assert!(!set.contains(SAKER_EV_OPENAT as u16) && !set.contains(SAKER_EV_CLOSE as u16));
    }
}
