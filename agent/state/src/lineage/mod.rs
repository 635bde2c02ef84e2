//! Cells: what other workers may know of a thread group, readable without a lock as of a moment.
//!
//! A cell is written by the worker that owns the thread group and read by all. It keeps the few
//! newest program images with the time since when each was valid, the parent, and how the group
//! ended. Nothing is sent when a parent exits: the dead parent's cell says who inherited its
//! children, and whoever follows the link at a later time goes on there.

mod cell;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use cell::{Cell, MAX_VERSIONS};

use crate::directory::Directory;
use crate::image::Image;
use crate::progress::{Progress, Waited};

/// Ancestors a walk visits at most: as deep as paths and cgroups are followed.
pub const MAX_ANCESTORS: usize = 4096;

/// Reads cells as of just before an event.
///
/// "Just before": versions that began strictly earlier than the event count. Events of other thread
/// groups at the very same nanosecond have no order, so they are left out for every number of
/// partitions alike, and waiting only ever points to the past (see [`crate::progress`]).
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) progress: &'a Progress,
    pub(crate) waits: &'a WaitCounters,
    /// Partition that reads; its own cells need no wait.
    pub(crate) me: u32,
    /// Time of the event, ns.
    pub(crate) ts_ns: u64,
}

/// Waits for other workers, by outcome.
#[derive(Debug, Default)]
pub(crate) struct WaitCounters {
    pub(crate) waited: AtomicU64,
    pub(crate) timed_out: AtomicU64,
}

impl WaitCounters {
    pub(crate) fn count(&self, waited: Waited) {
        match waited {
            Waited::No => {}
            Waited::Yes => _ = self.waited.fetch_add(1, Ordering::Relaxed),
            Waited::TimedOut => _ = self.timed_out.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl<'a> Reader<'a> {
    /// The program of `cell`.
    pub fn image(&self, cell: &Cell) -> Arc<Image> {
        self.wait_for(cell);
        cell.image_at(self.as_of())
    }

    /// The parent of `cell`: the reaper once the parent had ended.
    ///
    /// Dead parents are passed over, at most [`MAX_ANCESTORS`] at a time. Those that nobody can ask for any more are
    /// taken out of the way for good, so that who outlives many reapers is not followed through all of them again.
    pub fn parent(&self, cell: &Cell) -> Option<Arc<Cell>> {
        self.wait_for(cell);
        let first = cell.first_parent()?;
        let mut parent = Arc::clone(&first);
        let mut retired = true;
        let mut found = None;
        for _ in 0..MAX_ANCESTORS {
            self.wait_for(&parent);
            if parent
                .exit_ns()
                .is_none_or(|exit_ns| exit_ns > self.as_of())
            {
                found = Some(Arc::clone(&parent));
                break;
            }
            let heir = parent.heir(self.directory)?;
            if retired && !parent.is_retired() {
                cell.shorten(&first, &parent);
                retired = false;
            }
            parent = heir;
        }
        if retired {
            cell.shorten(&first, &parent);
        }
        found
    }

    /// Parent, grandparent and so on, at most [`MAX_ANCESTORS`].
    pub fn ancestors(&self, cell: &Arc<Cell>) -> Ancestors<'a> {
        Ancestors {
            reader: *self,
            last: Arc::clone(cell),
            left: MAX_ANCESTORS,
        }
    }

    /// The thread group `tgid` that lives at the time of the event.
    pub fn by_tgid(&self, tgid: u32) -> Option<Arc<Cell>> {
        self.last_of_tgid(tgid)
            .filter(|cell| cell.exit_ns().is_none_or(|exit_ns| exit_ns > self.as_of()))
    }

    /// The same, or the last one that lived: a call is told when it returns, and whom it ended may be gone by then.
    pub fn last_of_tgid(&self, tgid: u32) -> Option<Arc<Cell>> {
        let cell = self.directory.get(tgid)?;
        self.wait_for(&cell);
        (cell.start_ns() <= self.ts_ns).then_some(cell)
    }

    /// Program of the session leader (rules-spec D3, `proc.sname`): the leader itself, else the
    /// oldest unbroken ancestor in the same session.
    pub fn session_leader(&self, cell: &Arc<Cell>, sid: i32) -> Option<Arc<Cell>> {
        let same = |other: &Arc<Cell>| other.sid() == sid;
        let leader = u32::try_from(sid).ok().filter(|&sid| sid != 0);
        if let Some(leader) = leader.and_then(|sid| self.by_tgid(sid)).filter(same) {
            return Some(leader);
        }
        self.ancestors(cell).take_while(same).last()
    }

    fn as_of(&self) -> u64 {
        self.ts_ns.saturating_sub(1)
    }

    fn wait_for(&self, cell: &Cell) {
        if cell.owner() != self.me {
            let waited = self.progress.wait(cell.owner(), self.as_of());
            self.waits.count(waited);
        }
    }
}

/// Ancestors of a process, nearest first.
#[derive(Debug)]
pub struct Ancestors<'a> {
    reader: Reader<'a>,
    last: Arc<Cell>,
    left: usize,
}

impl Iterator for Ancestors<'_> {
    type Item = Arc<Cell>;

    fn next(&mut self) -> Option<Arc<Cell>> {
        // The bound also ends a loop, which only damaged input could tie; init has no parent.
        self.left = self.left.checked_sub(1)?;
        let parent = self.reader.parent(&self.last)?;
        if parent.tgid() == self.last.tgid() {
            self.left = 0;
            return None;
        }
        self.last = Arc::clone(&parent);
        Some(parent)
    }
}

#[cfg(test)]
mod tests {
    use super::cell::tests::image;
    use super::*;

    struct World {
        directory: Directory,
        progress: Progress,
        waits: WaitCounters,
    }

    impl World {
        fn new() -> Self {
            let progress = Progress::new(2, 0);
            Self {
                directory: Directory::new(),
                progress,
                waits: WaitCounters::default(),
            }
        }

        fn at(&self, ts_ns: u64) -> Reader<'_> {
            let (directory, progress, waits) = (&self.directory, &self.progress, &self.waits);
            Reader {
                directory,
                progress,
                waits,
                me: 0,
                ts_ns,
            }
        }

        fn cell(&self, tgid: u32, parent: Option<&Arc<Cell>>) -> Arc<Cell> {
            let image = image(&format!("p{tgid}"), 0);
            let cell = Cell::new(tgid, 0, u64::from(tgid), image, parent.cloned());
            assert!(self.directory.insert(&cell));
            cell
        }
    }

    #[test]
    fn orphans_belong_to_the_reaper_from_the_exit_on() {
        let world = World::new();
        let init = world.cell(1, None);
        let shell = world.cell(20, Some(&init));
        let child = world.cell(30, Some(&shell));
        shell.mark_exit(100, 1);
        let parent = |ts| world.at(ts).parent(&child).map(|cell| cell.tgid());
        assert_eq!(
            parent(100),
            Some(20),
            "the exit itself still sees the parent"
        );
        assert_eq!(parent(101), Some(1));
        shell.retire(&world.directory);
        assert_eq!(parent(200), Some(1));
        assert!(shell.first_parent().is_none());
    }

    #[test]
    fn a_reused_number_is_no_reaper() {
        let world = World::new();
        let init = world.cell(1, None);
        let parent = world.cell(20, Some(&init));
        let child = world.cell(30, Some(&parent));
        parent.mark_exit(100, 150);
        world.cell(150, None);
        let found = world.at(500).parent(&child).map(|cell| cell.tgid());
        assert_eq!(found, Some(1), "process 150 began after the exit");
    }

    #[test]
    fn an_orphan_whose_heir_nobody_named_goes_to_the_init_of_its_namespace() {
        let world = World::new();
        let host = world.cell(1, None);
        let init = world.cell(20, Some(&host));
        let shell = world.cell(30, Some(&init));
        let between = world.cell(40, Some(&shell));
        let child = world.cell(50, Some(&between));
        host.set_vpid(1);
        init.set_vpid(1);
        between.mark_exit(100, 0);
        let parent = |ts| world.at(ts).parent(&child).map(|cell| cell.tgid());
        assert_eq!(parent(101), Some(20), "not the shell, which only lives");
        between.retire(&world.directory);
        assert_eq!(parent(200), Some(20));
        init.mark_exit(300, 0);
        assert_eq!(parent(301), Some(1));
    }

    #[test]
    fn the_heir_may_die_and_leave_them_to_its_own() {
        let world = World::new();
        let init = world.cell(1, None);
        let reaper = world.cell(20, Some(&init));
        let shell = world.cell(30, Some(&reaper));
        let middle = world.cell(40, Some(&shell));
        let child = world.cell(50, Some(&middle));
        middle.mark_exit(100, 20);
        let parent = |ts| world.at(ts).parent(&child).map(|cell| cell.tgid());
        assert_eq!(
            parent(101),
            Some(20),
            "past the shell to who asked for orphans"
        );
        reaper.mark_exit(200, 1);
        assert_eq!((parent(200), parent(201)), (Some(20), Some(1)));
    }

    /// Reapers inside reapers, which end from the innermost on.
    #[test]
    fn many_heirs_may_have_died() {
        let world = World::new();
        let init = world.cell(1, None);
        let mut reapers = vec![init];
        for tgid in 2..200 {
            let reaper = world.cell(tgid, reapers.last());
            reapers.push(reaper);
        }
        let child = world.cell(200, reapers.last());
        let last = reapers.pop().expect("a parent");
        let (mut above, mut ts_ns) = (reapers.len(), 1_000);
        let mut ended = last;
        while above > 0 {
            above -= 1;
            let heir = above as u32 + 1;
            ended.mark_exit(ts_ns, heir);
            let parent = |ts| world.at(ts).parent(&child).map(|cell| cell.tgid());
            assert_eq!(
                (parent(ts_ns), parent(ts_ns + 1)),
                (Some(heir + 1), Some(heir))
            );
            // Some are still asked for when the next one ends.
            if above % 3 != 0 {
                ended.retire(&world.directory);
            }
            ended = reapers.pop().expect("the heir");
            ts_ns += 10;
        }
        assert_eq!(world.at(ts_ns).ancestors(&child).count(), 1);
    }

    /// Links to those who are gone are not followed twice.
    #[test]
    fn the_retired_are_taken_out_of_the_way() {
        let world = World::new();
        let init = world.cell(1, None);
        let reaper = world.cell(20, Some(&init));
        let child = world.cell(30, Some(&reaper));
        reaper.mark_exit(100, 1);
        let first = || child.first_parent().map(|cell| cell.tgid());
        assert_eq!(
            world.at(200).parent(&child).map(|cell| cell.tgid()),
            Some(1)
        );
        assert_eq!(first(), Some(20), "somebody may ask for a time before");
        reaper.retire(&world.directory);
        assert_eq!(
            world.at(200).parent(&child).map(|cell| cell.tgid()),
            Some(1)
        );
        assert_eq!(first(), Some(1));
    }

    #[test]
    fn walks_end() {
        let world = World::new();
        let (a, b) = (world.cell(2, None), world.cell(3, None));
        a.set_parent(Some(Arc::clone(&b)));
        b.set_parent(Some(Arc::clone(&a)));
        assert_eq!(world.at(9).ancestors(&a).count(), MAX_ANCESTORS);
        a.set_parent(None);
        assert_eq!(world.at(9).ancestors(&b).count(), 1);
    }

    #[test]
    fn session_leaders() {
        let world = World::new();
        let init = world.cell(1, None);
        let shell = world.cell(20, Some(&init));
        let child = world.cell(30, Some(&shell));
        shell.set_ids(20, 20);
        child.set_ids(20, 30);
        let leader = |sid| {
            world
                .at(99)
                .session_leader(&child, sid)
                .map(|cell| cell.tgid())
        };
        assert_eq!(leader(20), Some(20));
        shell.mark_exit(50, 1);
        assert_eq!(leader(20), None);
        assert_eq!(leader(0), None);
        init.set_ids(7, 7);
        assert_eq!(
            leader(7),
            Some(1),
            "an ancestor stands in for a leader that is not known"
        );
    }
}
