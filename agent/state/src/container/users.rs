//! Users and groups of containers: their own files, read by the background thread (rules-spec F6).

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;

use super::{Cgroup, Container};
use crate::absent::Absent;
use crate::recovery::boot_ns;
use crate::users::Names;

/// Bytes read of each file of a container at most; a longer file is cut there.
pub const MAX_CONTAINER_FILE_BYTES: usize = 1 << 20;

/// Entries kept of each file of a container.
pub const MAX_CONTAINER_ENTRIES: usize = 8192;

/// Age at which a container's users are read again, with the next exec in it.
pub const CONTAINER_USERS_AGE_S: u64 = 60;

/// The users of one container as far as they are known.
#[derive(Debug)]
pub struct ContainerUsers {
    found: ArcSwap<Found>,
    asked: AtomicBool,
}

/// What a look-up gave.
#[derive(Debug)]
pub struct Found {
    /// The names, or why there are none.
    pub names: Result<Names, Absent>,
    /// When, `CLOCK_BOOTTIME` ns; 0 never.
    read_ns: u64,
}

impl Default for ContainerUsers {
    fn default() -> Self {
        let found = Found {
            names: Err(Absent::Pending),
            read_ns: 0,
        };
        Self {
            found: ArcSwap::from_pointee(found),
            asked: AtomicBool::new(false),
        }
    }
}

impl ContainerUsers {
    /// As last read. No lock, no system call.
    pub fn found(&self) -> Arc<Found> {
        self.found.load_full()
    }

    /// Whether somebody should ask now; true once until the question is dropped.
    fn due(&self, now_ns: u64) -> bool {
        let read_ns = self.found.load().read_ns;
        let young =
            read_ns != 0 && now_ns.saturating_sub(read_ns) < CONTAINER_USERS_AGE_S * 1_000_000_000;
        !young && !self.asked.swap(true, Ordering::Relaxed)
    }

    fn set(&self, names: Result<Names, Absent>, now_ns: u64) {
        // What was known is better than nothing.
        if names.is_ok() || self.found.load().names.is_err() {
            self.found.store(Arc::new(Found {
                names,
                read_ns: now_ns,
            }));
        }
    }
}

/// Who are the users of a container, by a process of it? Nobody else asks until this is dropped.
#[derive(Debug)]
pub(crate) struct UsersQuestion {
    tgid: u32,
    container: Arc<Container>,
}

impl UsersQuestion {
    /// Unless the answer is known and young, or somebody asks already.
    pub(crate) fn of(container: &Arc<Container>, tgid: u32, now_ns: u64) -> Option<Self> {
        container.users.due(now_ns).then(|| Self {
            tgid,
            container: Arc::clone(container),
        })
    }

    /// Reads the container's files, which takes as long as their file system wants. `proc` is the host's /proc.
    /// Nothing changes when the process has gone: then the next one is asked. Entries that there was no room for.
    pub(crate) fn answer(self, proc: &Path) -> usize {
        let Some(names) = read(proc, self.tgid, &self.container.identity.full_id) else {
            return 0;
        };
        let left_out = names.as_ref().map_or(0, Names::left_out);
        self.container.users.set(names, boot_ns());
        left_out
    }
}

impl Drop for UsersQuestion {
    fn drop(&mut self) {
        self.container.users.asked.store(false, Ordering::Relaxed);
    }
}

/// Reads the users of the container called `full_id` through process `tgid` of it. `proc` is the host's
/// /proc. `None` when the process has gone, is in another container by now, or still has the agent's mounts.
fn read(proc: &Path, tgid: u32, full_id: &str) -> Option<Result<Names, Absent>> {
    let dir = |flags| openat(CWD, proc.join(tgid.to_string()), flags, Mode::empty()).ok();
    // Further looks go through this descriptor: they fail when the number has been given to another process.
    let process = dir(OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)?;
    let lines = file(process.as_fd(), "cgroup", OFlags::empty()).ok()?;
    let cgroup = Cgroup::new(&lines);
    let here = cgroup.container.as_ref()?;
    let mounts = readlinkat(&process, "ns/mnt", Vec::new()).ok()?;
    let own = readlinkat(CWD, "/proc/self/ns/mnt", Vec::new()).ok()?;
    if *here.identity.full_id != *full_id || mounts == own {
        return None;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = match openat(&process, "root", flags, Mode::empty()) {
        Ok(root) => root,
        Err(Errno::ACCESS | Errno::PERM) => return Some(Err(Absent::Denied)),
        Err(_) => return None,
    };
    let (passwd, group) = (inside(&root, "etc/passwd"), inside(&root, "etc/group"));
    Some(match &passwd {
        Err(Errno::ACCESS | Errno::PERM) => Err(Absent::Denied),
        // Many images have neither file; that is an answer.
        Err(Errno::NOENT) | Ok(_) => {
            let text = |bytes: Result<Vec<u8>, Errno>| {
                String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
            };
            let (passwd, group) = (text(passwd), text(group));
            let mut names = Names::parse_some(&passwd, &group, MAX_CONTAINER_ENTRIES);
            let files = [&passwd, &group].into_iter();
            names.count_cut(
                files
                    .filter(|text| text.len() >= MAX_CONTAINER_FILE_BYTES)
                    .count(),
            );
            Ok(names)
        }
        Err(_) => Err(Absent::Error),
    })
}

/// A file below `root`. The container decides what is there, so no link leads out of it.
fn inside(root: &OwnedFd, path: &str) -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let opened = match openat2(root, path, flags, Mode::empty(), resolve) {
        // Linux before 5.6: no links at all.
        Err(Errno::NOSYS) => {
            let (dir, name) = path.split_once('/').unwrap_or((".", path));
            let way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let dir = openat(root, dir, way, Mode::empty())?;
            openat(&dir, name, flags | OFlags::NOFOLLOW, Mode::empty())?
        }
        opened => opened?,
    };
    if FileType::from_raw_mode(fstat(&opened)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    contents(&opened)
}

fn file(dir: impl AsFd, name: &str, flags: OFlags) -> Result<Vec<u8>, Errno> {
    let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC;
    contents(&openat(dir, name, flags, Mode::empty())?)
}

/// Up to [`MAX_CONTAINER_FILE_BYTES`].
fn contents(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    /// Bytes of one read.
    const CHUNK: usize = 16 << 10;
    let mut bytes = Vec::new();
    while bytes.len() < MAX_CONTAINER_FILE_BYTES {
        let len = bytes.len();
        bytes.resize((len + CHUNK).min(MAX_CONTAINER_FILE_BYTES), 0);
        match rustix::io::read(file, &mut bytes[len..]) {
            Ok(0) => {
                bytes.truncate(len);
                break;
            }
            Ok(n) => bytes.truncate(len + n),
            Err(Errno::INTR) => bytes.truncate(len),
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn root(dir: &Path) -> OwnedFd {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, dir, flags, Mode::empty()).expect("a directory")
    }

    #[test]
    fn links_lead_nowhere_outside() {
        let dir = tempfile::tempdir().expect("a directory");
        let (outside, image) = (dir.path().join("secret"), dir.path().join("image"));
        std::fs::create_dir_all(image.join("etc")).expect("etc");
        std::fs::write(&outside, "outside").expect("written");
        std::fs::write(image.join("real"), "inside").expect("written");
        let passwd = image.join("etc/passwd");
        let look = |target: &str| {
            let _ = std::fs::remove_file(&passwd);
            symlink(target, &passwd).expect("a link");
            inside(&root(&image), "etc/passwd")
        };
        assert_eq!(look("/real").as_deref(), Ok(&b"inside"[..]));
        assert_eq!(look("../../../../../real").as_deref(), Ok(&b"inside"[..]));
        assert_eq!(look(outside.to_str().expect("text")), Err(Errno::NOENT));
        assert_eq!(look("../../secret"), Err(Errno::NOENT));
        assert_eq!(look("/etc/passwd"), Err(Errno::LOOP));
    }

    #[test]
    fn only_plain_files_and_only_so_much() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("etc/passwd")).expect("a directory there");
        assert!(inside(&root(dir.path()), "etc/passwd").is_err());
        let long = vec![b'x'; MAX_CONTAINER_FILE_BYTES + 100];
        std::fs::write(dir.path().join("etc/group"), long).expect("written");
        let read = inside(&root(dir.path()), "etc/group").map(|bytes| bytes.len());
        assert_eq!(read, Ok(MAX_CONTAINER_FILE_BYTES));
    }

    #[test]
    fn a_process_of_the_host_is_not_asked() {
        let me = std::process::id();
        assert!(read(Path::new("/proc"), me, "web").is_none());
        assert!(read(Path::new("/nowhere"), me, "web").is_none());
    }

    #[test]
    fn asked_once_and_again_when_old() {
        const S: u64 = 1_000_000_000;
        let cgroup = Cgroup::new(format!("0::/docker/{}", "a1".repeat(32)).as_bytes());
        let container = &cgroup.container.expect("a container");
        let users = &container.users;
        let ask = |seconds| UsersQuestion::of(container, u32::MAX, seconds * S);
        let question = ask(5).expect("the first");
        assert!(ask(5).is_none());
        // Nobody has that number.
        assert_eq!(question.answer(Path::new("/proc")), 0);
        assert_eq!(users.found().names.as_ref().err(), Some(&Absent::Pending));
        drop(ask(6).expect("the one before found nothing"));
        users.set(Ok(Names::parse("a:x:5:5::/:/sh", "")), 7 * S);
        assert!(ask(8).is_none());
        assert!(ask(8 + CONTAINER_USERS_AGE_S).is_some());
        users.set(Err(Absent::Error), 99 * S);
        let found = users.found();
        let name = found.names.as_ref().ok().and_then(|names| names.user(5));
        assert_eq!(name.map(|user| &*user.name), Some("a"), "known names stay");
    }
}
