//! Where the module for the running kernel is.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::build::built_path;
use crate::{Host, MODULE_NAME, ModInfo};

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
    /// Built by `saker driver build`, or by an agent at its start.
    Built,
    /// Named by the user.
    Named,
}

/// A module file for the running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file; the kernel or modprobe decompresses it if its name says so.
    pub path: PathBuf,
    /// Who put it there.
    pub origin: Origin,
    /// Whether it fits, as far as the file tells.
    pub fit: Fit,
    /// Files that would have come first and fit less.
    pub passed_over: Vec<PassedOver>,
}

impl Found {
    /// A file named by the user.
    pub(super) fn named(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            origin: Origin::Named,
            fit: Fit::Perhaps("the user has named it".to_owned()),
            passed_over: Vec::new(),
        }
    }
}

/// Whether a module file fits this agent and the running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It says so itself.
    Yes,
    /// It may: why that is not known.
    Perhaps(String),
    /// It does not: why.
    No(String),
}

impl Fit {
    /// What it is for the choice: the least is taken.
    fn rank(&self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::Perhaps(_) => 1,
            Self::No(_) => 2,
        }
    }
}

/// A module file that was not taken, though it stands where another one comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "passed over {}: {}", self.path.display(), self.reason)
    }
}

/// Finds the module for the running kernel: one that fits before one that may, one that may before one that
/// does not, and of equals an installed one before one that was built here.
#[must_use]
pub fn find(host: &Host) -> Option<Found> {
    let modules = host.path("/lib/modules").join(host.release());
    let mut left = MAX_ENTRIES;
    let mut candidates: Vec<(PathBuf, Origin)> = DIRECTORIES
        .iter()
        .filter_map(|dir| search(&modules.join(dir), 0, &mut left))
        .map(|path| (path, Origin::Installed))
        .collect();
    let built = built_path(host, host.release());
    if built.is_file() {
        candidates.push((built, Origin::Built));
    }
    let mut candidates: Vec<Found> = candidates
        .into_iter()
        .map(|(path, origin)| Found {
            fit: fit(host, &path),
            path,
            origin,
            passed_over: Vec::new(),
        })
        .collect();
    // Of equals the first.
    let (best, _) = candidates
        .iter()
        .enumerate()
        .min_by_key(|(_, found)| found.fit.rank())?;
    let mut before = candidates.drain(..=best);
    let mut found = before.next_back()?;
    found.passed_over = before
        .filter_map(|found| match found.fit {
            Fit::Yes => None,
            Fit::Perhaps(reason) | Fit::No(reason) => Some(PassedOver {
                path: found.path,
                reason,
            }),
        })
        .collect();
    Some(found)
}

/// What a file says of itself. Whether a module for another kernel loads is for the kernel to say: with
/// CONFIG_MODVERSIONS it may.
fn fit(host: &Host, path: &Path) -> Fit {
    if compression(path).is_some() {
        return Fit::Perhaps("it is compressed, so its contract is not known".to_owned());
    }
    let info = match ModInfo::read(path) {
        Ok(info) => info,
        Err(error) => return Fit::No(error.to_string()),
    };
    match (info.schema_hash(), info.release()) {
        (Some(found), _) if found != saker_abi::SCHEMA_HASH => Fit::No(format!(
            "it is of another version than this agent: its contract is {found:016x}, the agent's {:016x}",
            saker_abi::SCHEMA_HASH
        )),
        (None, _) => Fit::Perhaps("it names no contract".to_owned()),
        (_, Some(built)) if built == host.release() => Fit::Yes,
        (_, built) => Fit::Perhaps(format!(
            "it is for kernel {}",
            built.unwrap_or("none at all")
        )),
    }
}

/// How a module file is compressed, by its name.
pub(super) fn compression(path: &Path) -> Option<&'static str> {
    match path.extension()?.to_str()? {
        "xz" => Some("xz"),
        "zst" => Some("zstd"),
        "gz" => Some("gzip"),
        _ => None,
    }
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
    use crate::host::tests::machine;
    use crate::modinfo::tests::elf;

    const REL: &str = "6.1.0";
    const BUILT: &str = "/var/lib/saker/kmod/6.1.0/saker.ko";
    const PACKAGED: &str = "/lib/modules/6.1.0/extra/saker/saker.ko";
    const DKMS: &str = "/lib/modules/6.1.0/updates/dkms/saker.ko";

    /// A module of this contract plus `difference`, for kernel `release`.
    fn module(difference: u64, release: &str) -> Vec<u8> {
        let contract = saker_abi::SCHEMA_HASH.wrapping_add(difference);
        elf(&[
            &format!("schema={contract:#018x}ULL"),
            &format!("vermagic={release} SMP "),
        ])
    }

    /// What is found among these files, and why others were not taken.
    fn found(files: &[(&str, &[u8])]) -> (String, Origin, Vec<String>) {
        let (root, host) = machine(REL, files);
        let found = find(&host).expect("one of them");
        let name = |path: &Path| {
            let path = path.strip_prefix(root.path()).expect("below");
            format!("/{}", path.display())
        };
        let passed_over = found.passed_over.iter();
        let passed_over = passed_over.map(|one| format!("{}: {}", name(&one.path), one.reason));
        (name(&found.path), found.origin, passed_over.collect())
    }

    #[test]
    fn of_equals_installed_modules_come_before_built_ones() {
        for module in [module(0, REL), module(1, REL), b"garbage".to_vec()] {
            let mut files: Vec<(&str, &[u8])> = Vec::new();
            for (path, origin) in [
                (BUILT, Origin::Built),
                (PACKAGED, Origin::Installed),
                (DKMS, Origin::Installed),
            ] {
                files.push((path, &module));
                assert_eq!(found(&files), (path.to_owned(), origin, Vec::new()));
            }
        }
        let (root, host) = machine(REL, &[(BUILT, b"")]);
        assert!(find(&host).is_some());
        let other = Host::fake(root.path(), "6.1.1");
        assert_eq!(find(&other), None, "of another kernel");
    }

    #[test]
    fn a_module_that_fits_comes_before_installed_ones_that_do_not() {
        let (fits, stale) = (module(0, REL), module(1, REL));
        let other_kernel = module(0, "5.10.0");
        let compressed = format!("{PACKAGED}.xz");
        for (path, content, reason) in [
            (DKMS, &stale[..], "of another version than this agent"),
            (DKMS, &other_kernel, "it is for kernel 5.10.0"),
            (DKMS, b"garbage", "not an ELF file"),
            (DKMS, &elf(&["vermagic=6.1.0 "]), "it names no contract"),
            (&compressed, b"xz", "it is compressed"),
        ] {
            let (taken, origin, passed_over) = found(&[(path, content), (BUILT, &fits)]);
            assert_eq!((taken.as_str(), origin), (BUILT, Origin::Built));
            assert_eq!(passed_over.len(), 1);
            assert!(passed_over[0].starts_with(path), "{passed_over:?}");
            assert!(passed_over[0].contains(reason), "{passed_over:?}");
        }
        let (taken, origin, passed_over) =
            found(&[(DKMS, &stale), (PACKAGED, &fits), (BUILT, &fits)]);
        assert_eq!((taken.as_str(), origin), (PACKAGED, Origin::Installed));
        assert_eq!(passed_over.len(), 1, "{passed_over:?}");
        // What may fit comes before what does not.
        let (taken, ..) = found(&[(DKMS, &stale), (&compressed, b"xz"), (BUILT, &stale)]);
        assert_eq!(taken, compressed);
    }

    #[test]
    fn deep_and_circular_directories_end() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), REL);
        let updates = host.path("/lib/modules/6.1.0/updates");
        fs::create_dir_all(updates.join("a/b/c")).expect("made");
        fs::write(updates.join("a/b/c/saker.ko"), "").expect("written");
        std::os::unix::fs::symlink(".", updates.join("loop")).expect("linked");
        assert_eq!(find(&host), None);
    }
}
