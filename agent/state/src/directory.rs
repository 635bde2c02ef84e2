//! Thread group id to cell, for every worker.

use std::sync::Arc;

use papaya::HashMap;
use rustc_hash::FxBuildHasher;

use crate::lineage::Cell;

/// Thread groups known at most; further ones are known for a moment, and counted (rules-spec F1).
pub const MAX_PROCESSES: usize = 262_144;

/// All cells, by thread group id. Written by their owners, read by everybody without a lock.
#[derive(Debug, Default)]
pub struct Directory {
    cells: HashMap<u32, Arc<Cell>, FxBuildHasher>,
}

impl Directory {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// The newest thread group with this id.
    pub fn get(&self, tgid: u32) -> Option<Arc<Cell>> {
        self.cells.pin().get(&tgid).cloned()
    }

    /// Makes `cell` the newest with its id. False when the directory is full.
    pub(crate) fn insert(&self, cell: &Arc<Cell>) -> bool {
        let cells = self.cells.pin();
        if cells.len() >= MAX_PROCESSES && !cells.contains_key(&cell.tgid()) {
            return false;
        }
        cells.insert(cell.tgid(), Arc::clone(cell));
        true
    }

    /// Removes `cell` unless a later process has taken its number.
    pub(crate) fn remove(&self, cell: &Arc<Cell>) {
        // Err means: another cell stands there. It stays.
        let _ = self
            .cells
            .pin()
            .remove_if(&cell.tgid(), |_, found| Arc::ptr_eq(found, cell));
    }

    /// Shows every cell there is. Others may come and go meanwhile.
    pub(crate) fn each(&self, mut look: impl FnMut(&Arc<Cell>)) {
        let cells = self.cells.pin();
        cells.iter().for_each(|(_, cell)| look(cell));
    }

    /// Cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    #[test]
    fn a_later_process_keeps_its_number() {
        let directory = Directory::new();
        let cell = |start_ns| Cell::new(9, 0, start_ns, Arc::new(Image::default()), None);
        let (old, new) = (cell(1), cell(2));
        assert!(directory.insert(&old));
        assert!(directory.insert(&new));
        directory.remove(&old);
        assert_eq!(directory.get(9).map(|cell| cell.start_ns()), Some(2));
        directory.remove(&new);
        assert!(directory.get(9).is_none());
        assert!(directory.is_empty());
    }
}
