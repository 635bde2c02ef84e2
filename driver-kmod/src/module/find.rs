//! Where the module for the running kernel is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::built_path;
use crate::{Host, MODULE_NAME};

/// Below `/lib/modules/RELEASE`, in the order modprobe prefers them: DKMS, packages, hand-made.
const DIRECTORIES: [&str; 4] = ["updates", "extra", "weak-updates", "kernel/extra"];
/// Deepest directory looked into: `updates/dkms`, `extra/saker`.
const MAX_DEPTH: usize = 2;
/// Most entries looked at.
const MAX_ENTRIES: usize = 10_000;
/// Endings of module files.
const ENDINGS: [&str; 4] = ["", ".xz", ".zst", ".gz"];

/// Where a module file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Below `/lib/modules`: DKMS or a package.
    Installed,
    /// Built by `saker driver build`.
    Built,
}

/// A module file for the running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file; the kernel or modprobe decompresses it if its name says so.
    pub path: PathBuf,
    /// Who put it there.
    pub origin: Origin,
}

/// Finds the module for the running kernel: an installed one before one that was built here.
#[must_use]
pub fn find(host: &Host) -> Option<Found> {
    let modules = host.path("/lib/modules").join(host.release());
    let mut left = MAX_ENTRIES;
    let installed = DIRECTORIES
        .iter()
        .find_map(|dir| search(&modules.join(dir), 0, &mut left));
    let built = || {
        let path = built_path(host, host.release());
        path.is_file().then_some(path)
    };
    let found = |path, origin| Found { path, origin };
    installed
        .map(|path| found(path, Origin::Installed))
        .or_else(|| built().map(|path| found(path, Origin::Built)))
}

fn search(dir: &Path, depth: usize, left: &mut usize) -> Option<PathBuf> {
    let here = ENDINGS
        .map(|ending| dir.join(format!("{MODULE_NAME}.ko{ending}")))
        .into_iter()
        .find(|path| path.is_file());
    if here.is_some() || depth == MAX_DEPTH {
        return here;
    }
    let mut below = Vec::new();
    for entry in fs::read_dir(dir).ok()?.flatten() {
        *left = left.checked_sub(1)?;
        // Links to directories could lead in circles; nobody installs modules behind them.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below.push(entry.path());
        }
    }
    below.sort();
    below.iter().find_map(|dir| search(dir, depth + 1, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_modules_come_before_built_ones() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        assert_eq!(find(&host), None);
        let mut expected = Vec::new();
        for (path, origin) in [
            ("/var/lib/saker/kmod/6.1.0/saker.ko", Origin::Built),
            (
                "/lib/modules/6.1.0/extra/saker/saker.ko.xz",
                Origin::Installed,
            ),
            (
                "/lib/modules/6.1.0/updates/dkms/saker.ko",
                Origin::Installed,
            ),
        ] {
            let path = host.path(path);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(&path, "").expect("written");
            expected.push(Found { path, origin });
            assert_eq!(find(&host).as_ref(), expected.last());
        }
        assert_eq!(
            find(&Host::fake(root.path(), "6.1.1")),
            None,
            "of another kernel"
        );
    }

    #[test]
    fn deep_and_circular_directories_end() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        let updates = host.path("/lib/modules/6.1.0/updates");
        fs::create_dir_all(updates.join("a/b/c")).expect("made");
        fs::write(updates.join("a/b/c/saker.ko"), "").expect("written");
        std::os::unix::fs::symlink(".", updates.join("loop")).expect("linked");
        assert_eq!(find(&host), None);
    }
}
