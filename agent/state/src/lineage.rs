//! Cells: what other workers may know of a thread group, readable without a lock as of a moment.
//!
//! A cell is written by the worker that owns the thread group and read by all. It keeps the few
//! newest program images with the time since when each was valid, the parent, and how the group
//! ended. Nothing is sent when a parent exits: the dead parent's cell says who inherited its
//! children, and whoever follows the link at a later time goes on there.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use smallvec::SmallVec;

use crate::directory::Directory;
use crate::image::Image;
use crate::progress::{Progress, Waited};

/// Images a cell keeps. More execs than this within the lag between two workers are not told apart.
pub const MAX_VERSIONS: usize = 16;

/// Ancestors a walk visits at most.
pub const MAX_ANCESTORS: usize = 64;

/// Dead parents a walk passes on its way to the one living at its time.
const MAX_REAPER_HOPS: usize = 32;

type Versions = SmallVec<[Arc<Image>; 2]>;

/// A thread group as others see it.
#[derive(Debug)]
pub struct Cell {
    tgid: u32,
    owner: u32,
    start_ns: u64,
    images: ArcSwap<Versions>,
    parent: ArcSwapOption<Cell>,
    sid: AtomicI32,
    pgid: AtomicI32,
    vpid: AtomicI32,
    exit: OnceLock<Exit>,
}

#[derive(Debug)]
struct Exit {
    ts_ns: u64,
    /// Thread that inherited the children (`procexit`), 0 when not known.
    reaper_tid: u32,
    /// The same as a cell, once the owner has looked it up.
    reaper: ArcSwapOption<Cell>,
}

impl Cell {
    /// A thread group that began at `start_ns` and is owned by partition `owner`.
    pub fn new(
        tgid: u32,
        owner: u32,
        start_ns: u64,
        image: Arc<Image>,
        parent: Option<Arc<Cell>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            tgid,
            owner,
            start_ns,
            images: ArcSwap::from_pointee(SmallVec::from_iter([image])),
            parent: ArcSwapOption::new(parent),
            sid: AtomicI32::new(-1),
            pgid: AtomicI32::new(-1),
            vpid: AtomicI32::new(-1),
            exit: OnceLock::new(),
        })
    }

    /// Thread group id in the initial pid namespace.
    pub fn tgid(&self) -> u32 {
        self.tgid
    }

    /// Partition whose worker writes this cell.
    pub fn owner(&self) -> u32 {
        self.owner
    }

    /// When the thread group began, `CLOCK_BOOTTIME` ns; 0 unknown.
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Session id, newest known; -1 unknown.
    pub fn sid(&self) -> i32 {
        self.sid.load(Ordering::Relaxed)
    }

    /// Process group id, newest known; -1 unknown.
    pub fn pgid(&self) -> i32 {
        self.pgid.load(Ordering::Relaxed)
    }

    /// Id in the innermost pid namespace; -1 unknown.
    pub fn vpid(&self) -> i32 {
        self.vpid.load(Ordering::Relaxed)
    }

    /// When the group ended, if it has.
    pub fn exit_ns(&self) -> Option<u64> {
        self.exit.get().map(|exit| exit.ts_ns)
    }

    /// The newest image valid at `ts_ns`, else the oldest there is.
    pub fn image_at(&self, ts_ns: u64) -> Arc<Image> {
        let images = self.images.load();
        let found = images.iter().rev().find(|image| image.since_ns <= ts_ns);
        Arc::clone(found.unwrap_or(&images[0]))
    }

    /// The newest image.
    pub fn newest_image(&self) -> Arc<Image> {
        self.image_at(u64::MAX)
    }

    /// The parent as forked, without regard to its end.
    pub(crate) fn first_parent(&self) -> Option<Arc<Cell>> {
        self.parent.load_full()
    }

    pub(crate) fn set_parent(&self, parent: Option<Arc<Cell>>) {
        self.parent.store(parent);
    }

    pub(crate) fn set_vpid(&self, vpid: i32) {
        self.vpid.store(vpid, Ordering::Relaxed);
    }

    pub(crate) fn set_ids(&self, sid: i32, pgid: i32) {
        self.sid.store(sid, Ordering::Relaxed);
        self.pgid.store(pgid, Ordering::Relaxed);
    }

    /// Adds a version. Those that ended before `oldest_reader_ns` go; false when one had to go that
    /// a reader may still want. Owner only.
    pub(crate) fn push_image(&self, image: Arc<Image>, oldest_reader_ns: u64) -> bool {
        let old = self.images.load();
        let valid_then = old
            .iter()
            .rposition(|image| image.since_ns <= oldest_reader_ns);
        let wanted_from = valid_then.unwrap_or(0);
        let keep_from = wanted_from.max((old.len() + 1).saturating_sub(MAX_VERSIONS));
        let mut new: Versions = old[keep_from..].iter().cloned().collect();
        new.push(image);
        self.images.store(Arc::new(new));
        keep_from == wanted_from
    }

    /// Replaces all versions: what was known before was a stand-in. Owner only.
    pub(crate) fn replace_images(&self, image: Arc<Image>) {
        self.images.store(Arc::new(SmallVec::from_iter([image])));
    }

    /// The group ended; `reaper_tid` (0 unknown) inherited its children. Owner only.
    pub(crate) fn mark_exit(&self, ts_ns: u64, reaper_tid: u32) {
        // A second end of the same group is a repeated record; the first one stands.
        let _ = self.exit.set(Exit {
            ts_ns,
            reaper_tid,
            reaper: ArcSwapOption::empty(),
        });
    }

    /// After the grace: nobody asks about times before the exit any more. Binds the reaper while
    /// it can still be found and lets go of the rest, so that dead cells do not hold each other.
    pub(crate) fn retire(&self, directory: &Directory) {
        if let Some(exit) = self.exit.get() {
            exit.reaper.store(exit.find_reaper(self, directory));
        }
        self.parent.store(None);
        let newest = self.newest_image();
        self.images.store(Arc::new(SmallVec::from_iter([newest])));
    }

    /// The nearest ancestor that is the init of a pid namespace and lives at `ts_ns`.
    fn init_above(&self, ts_ns: u64) -> Option<Arc<Cell>> {
        let mut above = self.first_parent()?;
        for _ in 0..MAX_REAPER_HOPS {
            let lives = above.exit_ns().is_none_or(|exit_ns| exit_ns > ts_ns);
            if above.vpid() == 1 && lives {
                return Some(above);
            }
            above = above.first_parent()?;
        }
        None
    }

    fn take_links(&self, into: &mut Vec<Arc<Cell>>) {
        into.extend(self.parent.swap(None));
        into.extend(self.exit.get().and_then(|exit| exit.reaper.swap(None)));
    }
}

impl Exit {
    fn reaper(&self, of: &Cell, directory: &Directory) -> Option<Arc<Cell>> {
        self.reaper
            .load_full()
            .or_else(|| self.find_reaper(of, directory))
    }

    /// The reaper if it is alive and no later process under the same number; else the init of the pid namespace
    /// the group `of` was in, else the host's.
    fn find_reaper(&self, of: &Cell, directory: &Directory) -> Option<Arc<Cell>> {
        let by_id = |id: u32| directory.get(id).filter(|cell| cell.start_ns <= self.ts_ns);
        (self.reaper_tid != 0)
            .then(|| by_id(self.reaper_tid))
            .flatten()
            .or_else(|| of.init_above(self.ts_ns))
            .or_else(|| by_id(1))
    }
}

impl Drop for Cell {
    /// Takes a chain of parents apart in a loop: dropping it link by link would recurse as deep as
    /// the chain is long.
    fn drop(&mut self) {
        let mut pending = Vec::new();
        self.take_links(&mut pending);
        while let Some(cell) = pending.pop() {
            if let Some(cell) = Arc::into_inner(cell) {
                cell.take_links(&mut pending);
            }
        }
    }
}

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
    pub(crate) waited: std::sync::atomic::AtomicU64,
    pub(crate) timed_out: std::sync::atomic::AtomicU64,
}

impl<'a> Reader<'a> {
    /// The program of `cell`.
    pub fn image(&self, cell: &Cell) -> Arc<Image> {
        self.wait_for(cell);
        cell.image_at(self.as_of())
    }

    /// The parent of `cell`: the reaper once the parent had ended.
    pub fn parent(&self, cell: &Cell) -> Option<Arc<Cell>> {
        self.wait_for(cell);
        let mut parent = cell.first_parent()?;
        for _ in 0..MAX_REAPER_HOPS {
            self.wait_for(&parent);
            let next = match parent.exit.get() {
                Some(exit) if exit.ts_ns <= self.as_of() => exit.reaper(&parent, self.directory)?,
                _ => return Some(parent),
            };
            parent = next;
        }
        None
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
        let cell = self.directory.get(tgid)?;
        self.wait_for(&cell);
        let gone = cell
            .exit_ns()
            .is_some_and(|exit_ns| exit_ns <= self.as_of());
        (cell.start_ns <= self.ts_ns && !gone).then_some(cell)
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
        if cell.owner == self.me {
            return;
        }
        match self.progress.wait(cell.owner, self.as_of()) {
            Waited::No => {}
            Waited::Yes => _ = self.waits.waited.fetch_add(1, Ordering::Relaxed),
            Waited::TimedOut => _ = self.waits.timed_out.fetch_add(1, Ordering::Relaxed),
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
        if parent.tgid == self.last.tgid {
            self.left = 0;
            return None;
        }
        self.last = Arc::clone(&parent);
        Some(parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    fn image(comm: &str, since_ns: u64) -> Arc<Image> {
        Arc::new(Image {
            since_ns,
            comm: comm.as_bytes().into(),
            ..Image::default()
        })
    }

    fn comm_at(cell: &Cell, ts_ns: u64) -> String {
        String::from_utf8_lossy(&cell.image_at(ts_ns).comm).into_owned()
    }

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
    fn versions_by_time() {
        let cell = Cell::new(5, 0, 1, image("sh", 10), None);
        cell.push_image(image("env", 20), 0);
        cell.push_image(image("python", 30), 0);
        assert_eq!(comm_at(&cell, 5), "sh");
        assert_eq!(comm_at(&cell, 19), "sh");
        assert_eq!(comm_at(&cell, 20), "env");
        assert_eq!(comm_at(&cell, 99), "python");
        cell.push_image(image("perl", 40), 35);
        assert_eq!(comm_at(&cell, 35), "python");
        assert_eq!(
            comm_at(&cell, 5),
            "python",
            "what no reader can ask for is gone"
        );
        for i in 0..100 {
            cell.push_image(image("x", 50 + i), 0);
        }
        assert_eq!(cell.images.load().len(), MAX_VERSIONS);
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
    fn deep_chains_drop() {
        let mut cell = Cell::new(1, 0, 0, image("x", 0), None);
        for tgid in 2..300_000 {
            cell = Cell::new(tgid, 0, 0, cell.newest_image(), Some(cell));
        }
        drop(cell);
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
