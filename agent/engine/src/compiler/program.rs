//! What is done for an event of one type.

use crate::compiler::graph::NodeId;
use crate::index::MemberId;

/// Rules with the same gates.
#[derive(Debug)]
pub(crate) struct Group {
    /// Closes this group and those below it unless it holds.
    pub(crate) gate: NodeId,
    /// The gate's code.
    pub(crate) gate_code: u32,
    /// The group after those below this one.
    pub(crate) after: u32,
    /// Bit n: some rule of this group has a key in the n-th index of the program.
    pub(crate) keys: u64,
    /// Positions of the group's rules without a key.
    pub(crate) keyless: Box<[u32]>,
}

/// An index in which rules have keys.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) index: u32,
    /// First member of the index.
    pub(super) first: MemberId,
    /// Per member: where its positions begin in `positions`; the last entry is the end.
    pub(super) starts: Box<[u32]>,
    pub(super) positions: Box<[u32]>,
}

impl Key {
    /// Positions of the rules that a member makes worth a look.
    #[inline]
    pub(crate) fn wakes(&self, member: MemberId) -> &[u32] {
        let at = (member - self.first) as usize;
        &self.positions[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

/// A rule of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) rule: u32,
    /// What is left of its condition behind the gates of its group.
    pub(crate) root: NodeId,
    /// The code of that.
    pub(crate) code: u32,
    pub(crate) group: u32,
}

/// The rules to try for one event type, in order.
#[derive(Debug)]
pub(crate) struct Program {
    /// Rules indexed by event type, then those under "any type".
    pub(crate) entries: Box<[Entry]>,
    /// How many entries are of the first kind.
    pub(crate) typed: usize,
    /// Parents before their children, which follow them.
    pub(crate) groups: Box<[Group]>,
    pub(crate) keys: Box<[Key]>,
}
