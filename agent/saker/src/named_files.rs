//! The files that rules name, by their inodes: what a handle opens has no name in the kernel when nobody has looked the
//! file up for a while (open_by_handle_at(2)). The looks here also keep these names where the kernel finds them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use saker_engine::compiler::RuleSet;
use saker_fields::{HostInfo, Inodes};

use crate::worker::Context;

/// Paths of all rules together; more are not looked at.
const MAX_PATHS: usize = 4096;
/// Directories with more files are left out: those of programs and libraries.
const MAX_LISTED: usize = 256;
/// Files in all.
const MAX_FILES: usize = 8192;
/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(5);
/// For the first one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The paths that rules compare with, and what is there.
#[derive(Debug)]
pub(crate) struct NamedFiles {
    paths: Vec<PathBuf>,
}

impl NamedFiles {
    /// Those of `rules`.
    pub(crate) fn of(rules: &RuleSet) -> Self {
        let mut paths = BTreeSet::new();
        for predicate in rules.predicates() {
            let absolute = predicate.texts().filter(|text| text.starts_with(b"/"));
            paths.extend(absolute.map(|text| PathBuf::from(OsStr::from_bytes(text))));
        }
        if paths.len() > MAX_PATHS {
            tracing::warn!(
                "rules name {} paths; files of only {MAX_PATHS} are known when a handle opens them",
                paths.len()
            );
        }
        Self {
            paths: paths.into_iter().take(MAX_PATHS).collect(),
        }
    }

    /// The regular files under these paths now, and those in directories under them.
    pub(crate) fn look(&self) -> Inodes {
        let mut inodes = Vec::new();
        for path in &self.paths {
            // As ordinary as one that is there; whatever fails is not there for others either.
            let Ok(found) = fs::metadata(path) else {
                continue;
            };
            if found.is_dir() {
                list(path, &mut inodes);
            } else {
                inodes.extend(inode(path.clone(), &found));
            }
            if inodes.len() >= MAX_FILES {
                break;
            }
        }
        inodes.into_iter().take(MAX_FILES).collect()
    }

    /// Tells the workers.
    fn refresh(&self, context: &Context) {
        let inodes = Arc::new(self.look());
        if context.host.load().inodes != inodes {
            context.host.rcu(|host| HostInfo {
                inodes: Arc::clone(&inodes),
                ..(**host).clone()
            });
        }
    }
}

/// A thread that looks every 5 s. A file system that does not answer holds up nobody else: the thread is left to it.
#[derive(Debug)]
pub(crate) struct FileWatch {
    /// The thread ends when this is dropped.
    _alive: Sender<()>,
}

impl FileWatch {
    /// Starts it, and waits for the first look for a moment.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(files: NamedFiles, context: &Arc<Context>) -> io::Result<Self> {
        let (alive, ended) = bounded(0);
        let (looked, first) = bounded(1);
        let context = Arc::clone(context);
        thread::Builder::new()
            .name("saker-files".into())
            .spawn(move || {
                loop {
                    files.refresh(&context);
                    // Full from the second look on.
                    let _ = looked.try_send(());
                    if ended.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        if first.recv_timeout(PATIENCE).is_err() {
            tracing::warn!(
                "looking at the files that rules name takes long: a file system may not answer, and until it does opens by \
                 handles may stay without a name"
            );
        }
        Ok(Self { _alive: alive })
    }
}

type Inode = ((u32, u64), Box<[u8]>);

fn inode(path: PathBuf, found: &Metadata) -> Option<Inode> {
    // The kernel's 32 bits of a device (new_encode_dev) are what stat(2) gives.
    let name = path.into_os_string().into_vec().into_boxed_slice();
    found
        .is_file()
        .then_some(((found.dev() as u32, found.ino()), name))
}

fn list(directory: &Path, inodes: &mut Vec<Inode>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let entries: Vec<_> = entries.take(MAX_LISTED + 1).flatten().collect();
    if entries.len() <= MAX_LISTED {
        // Links lead where rules do not name anything.
        inodes.extend(entries.into_iter().filter_map(|entry| {
            let found = entry.metadata().ok()?;
            inode(entry.path(), &found)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_those_in_directories_are_found() {
        let lab = tempfile::tempdir().expect("a directory");
        let at = |name: &str| lab.path().join(name);
        fs::write(at("secret"), "").expect("written");
        fs::create_dir(at("few")).expect("made");
        fs::write(at("few/one"), "").expect("written");
        fs::create_dir(at("many")).expect("made");
        for number in 0..=MAX_LISTED {
            fs::write(at("many").join(number.to_string()), "").expect("written");
        }
        let named = NamedFiles {
            paths: ["secret", "few", "many", "gone"].map(at).into(),
        };
        let expected: Inodes = ["secret", "few/one"]
            .map(|name| inode(at(name), &fs::metadata(at(name)).expect("there")).expect("a file"))
            .into_iter()
            .collect();
        assert_eq!(named.look(), expected);
    }
}
