//! Where fetched things are kept: outside the repository, each put in place in one step.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Names the directory of the cache.
const VARIABLE: &str = "SAKER_VM_CACHE";
/// The directory without [`VARIABLE`].
const DEFAULT: &str = "/var/cache/saker-vm";
/// Directory of the entries; its name changes whenever the layout of one does, so that trees of
/// different age can share a cache.
const FORMAT: &str = "v2";
/// In every complete entry: the packages it was made from.
const STAMP: &str = "stamp";

/// The cache.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// Keeps others from fetching at the same time; dropping it lets them.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Cache {
    /// Opens, and perhaps creates, the cache of `SAKER_VM_CACHE`, else `/var/cache/saker-vm`.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub fn open() -> Result<Self> {
        let root = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        Self::at(root.map_or_else(|| PathBuf::from(DEFAULT), PathBuf::from))
    }

    /// Opens, and perhaps creates, a cache.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub fn at(root: PathBuf) -> Result<Self> {
        let root = std::path::absolute(root)?.join(FORMAT);
        fs::create_dir_all(root.join("tmp")).with_context(|| {
            format!(
                "cannot create {}: be root, or name another directory in {VARIABLE}",
                root.display()
            )
        })?;
        Ok(Self { root })
    }

    /// A path in the cache.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Waits until nobody else fetches.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn lock(&self) -> Result<Lock> {
        self.lock_for("lock")
    }

    /// Waits until nobody else holds the lock of this name: for what takes minutes to make, and nobody
    /// who fetches something else should wait for.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn lock_for(&self, name: &str) -> Result<Lock> {
        let path = self.path(name);
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        file.lock().with_context(|| path.display().to_string())?;
        Ok(Lock { _file: file })
    }

    /// A directory on the cache's file system, gone when dropped.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn scratch(&self) -> Result<TempDir> {
        let place = self.path("tmp");
        let scratch = TempDir::new_in(&place);
        scratch.with_context(|| format!("a directory in {}", place.display()))
    }

    /// Packages of a complete entry, as `name version`; `None` when there is none.
    pub fn packages(&self, name: &str) -> Option<Vec<String>> {
        let stamp = fs::read_to_string(self.path(name).join(STAMP)).ok()?;
        Some(stamp.lines().map(str::to_owned).collect())
    }

    /// Whether an entry has all of these packages; one that an older tree made may lack some.
    pub fn has_all(&self, name: &str, wanted: &[&str]) -> bool {
        let packages = self.packages(name).unwrap_or_default();
        let has = |wanted: &&str| {
            packages
                .iter()
                .any(|package| package.split(' ').next() == Some(*wanted))
        };
        wanted.iter().all(has)
    }

    /// Puts a finished directory in place of the entry `name`. Who uses the entry it replaces keeps
    /// what is open.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn publish(&self, finished: TempDir, name: &str, packages: &[String]) -> Result<PathBuf> {
        let target = self.path(name);
        let stamp = format!("{}\n", packages.join("\n"));
        fs::write(finished.path().join(STAMP), stamp)?;
        // TempDir makes it 0700; what is in there is no secret.
        fs::set_permissions(finished.path(), fs::Permissions::from_mode(0o755))?;
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let old = self.scratch()?;
        move_away(&target, &old.path().join("old"))?;
        fs::rename(finished.path(), &target)
            .with_context(|| format!("cannot put {} in place", target.display()))?;
        // Moved: nothing to remove.
        let _ = finished.keep();
        Ok(target)
    }
}

fn move_away(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot replace {}", from.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_lacks_a_package_is_not_complete() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::at(dir.path().to_owned()).expect("a cache");
        let wanted = ["one", "two"];
        assert!(!cache.has_all("x", &wanted));
        for (names, complete) in [(&["two", "onerous"][..], false), (&["two", "one"], true)] {
            let versions: Vec<_> = names.iter().map(|name| format!("{name} 1.0")).collect();
            let scratch = cache.scratch().expect("a scratch directory");
            cache.publish(scratch, "x", &versions).expect("published");
            assert_eq!(cache.has_all("x", &wanted), complete);
        }
    }

    #[test]
    fn entries_are_replaced_in_one_step() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::at(dir.path().join("cache")).expect("a cache");
        assert_eq!(cache.packages("kernels/x"), None);
        for content in ["one", "two"] {
            let scratch = cache.scratch().expect("a scratch directory");
            fs::write(scratch.path().join("file"), content).expect("written");
            let packages = [format!("p {content}")];
            let path = cache
                .publish(scratch, "kernels/x", &packages)
                .expect("published");
            assert_eq!(
                fs::read_to_string(path.join("file")).expect("there"),
                content
            );
            assert_eq!(cache.packages("kernels/x"), Some(packages.to_vec()));
        }
        let left = fs::read_dir(cache.path("tmp")).expect("tmp").count();
        assert_eq!(left, 0);
    }
}
