//! A thread group's cell: written by the worker that owns the group, read by all.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use smallvec::SmallVec;

use super::MAX_ANCESTORS;
use crate::directory::Directory;
use crate::image::Image;

/// Images a cell keeps. More execs than this within the lag between two workers are not told apart.
pub const MAX_VERSIONS: usize = 16;

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

    /// Who has its children now that it has ended.
    pub(super) fn heir(&self, directory: &Directory) -> Option<Arc<Cell>> {
        let exit = self.exit.get()?;
        let bound = exit.reaper.load_full();
        bound.or_else(|| exit.find_reaper(self, directory))
    }

    /// Whether it has ended and nobody asks for times before that.
    pub(super) fn is_retired(&self) -> bool {
        let reaper = self.exit.get().map(|exit| exit.reaper.load());
        reaper.is_some_and(|reaper| reaper.is_some())
    }

    /// Puts `heir` in the place of the parent `first` and all between them, who are retired; unless the owner has
    /// found another parent.
    pub(super) fn shorten(&self, first: &Arc<Self>, heir: &Arc<Self>) {
        if !Arc::ptr_eq(first, heir) {
            let first = Some(Arc::clone(first));
            self.parent.compare_and_swap(&first, Some(Arc::clone(heir)));
        }
    }

    /// The parent as forked, without regard to its end, or who has inherited from it since.
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
        for _ in 0..MAX_ANCESTORS {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A program that calls itself so from then on.
    pub(in crate::lineage) fn image(comm: &str, since_ns: u64) -> Arc<Image> {
        Arc::new(Image {
            since_ns,
            comm: comm.as_bytes().into(),
            ..Image::default()
        })
    }

    fn comm_at(cell: &Cell, ts_ns: u64) -> String {
        String::from_utf8_lossy(&cell.image_at(ts_ns).comm).into_owned()
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
    fn deep_chains_drop() {
        let mut cell = Cell::new(1, 0, 0, image("x", 0), None);
        for tgid in 2..300_000 {
            cell = Cell::new(tgid, 0, 0, cell.newest_image(), Some(cell));
        }
        drop(cell);
    }
}
