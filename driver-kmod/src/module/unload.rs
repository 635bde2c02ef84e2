//! Unloads the module and says who uses it.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::status::is_loaded;
use crate::device::DEVICE;
use crate::{Host, MODULE_NAME};

/// Most processes and, of each, descriptors looked at to find who uses the module.
const MAX_PROCESSES: usize = 100_000;
const MAX_DESCRIPTORS: usize = 10_000;
/// Most users named.
const MAX_USERS: usize = 8;

/// Why the module was not unloaded; the text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum UnloadError {
    /// It is not loaded.
    #[error("the module is not loaded")]
    NotLoaded,
    /// Somebody uses it.
    #[error("the module is in use by {0}\n  = hint: stop that first")]
    InUse(Users),
    /// It is being loaded or unloaded, or cannot be unloaded any more.
    #[error(
        "the module is being loaded or unloaded, or the kernel has found it broken\n  \
         = hint: try again; if that does not help, dmesg tells more and a reboot removes it"
    )]
    Busy,
    /// Missing privilege.
    #[error(
        "this process may not unload modules\n  \
         = hint: run as root, outside of containers, or with CAP_SYS_MODULE"
    )]
    Permission,
    /// The kernel is built without modules.
    #[error("kernel {0} is built without modules (there is no /proc/modules)")]
    NoModules(String),
    /// The kernel unloads no modules.
    #[error(
        "this kernel does not unload modules (CONFIG_MODULE_UNLOAD is not set)\n  = hint: reboot"
    )]
    NoUnloading,
    /// Another refusal.
    #[error("the kernel does not unload the module: {0}\n  = hint: dmesg may tell more")]
    Refused(io::Error),
}

/// Who uses the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Processes with the device or what it handed out open: number and name.
    pub processes: Vec<(u32, String)>,
    /// Other modules.
    pub modules: Vec<String>,
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processes = self.processes.iter();
        let processes = processes.map(|(pid, name)| format!("process {pid} ({name})"));
        let modules = self.modules.iter().map(|name| format!("module {name}"));
        let all: Vec<String> = processes.chain(modules).collect();
        if all.is_empty() {
            // Of another user or pid namespace.
            return f.write_str("a process that cannot be seen from here");
        }
        f.write_str(&all.join(", "))
    }
}

/// Unloads the module, if nobody uses it.
///
/// # Errors
/// What keeps it loaded.
pub fn unload(host: &Host) -> Result<(), UnloadError> {
    if !super::possible(host) {
        return Err(UnloadError::NoModules(host.release().to_owned()));
    }
    if !is_loaded(host) {
        return Err(UnloadError::NotLoaded);
    }
    // Without O_NONBLOCK the kernel would wait for the users.
    match rustix::system::delete_module(c"saker", libc::O_NONBLOCK) {
        Ok(()) => Ok(()),
        Err(errno) => Err(explain(errno, || users(host))),
    }
}

fn explain(errno: Errno, users: impl Fn() -> Users) -> UnloadError {
    match errno {
        Errno::NOENT => UnloadError::NotLoaded,
        Errno::AGAIN => UnloadError::InUse(users()),
        Errno::BUSY => UnloadError::Busy,
        Errno::PERM => UnloadError::Permission,
        Errno::NOSYS => UnloadError::NoUnloading,
        other => UnloadError::Refused(other.into()),
    }
}

/// Looks for who has the device, its rings, counters or iterations open.
fn users(host: &Host) -> Users {
    let holders = host.path(format!("/sys/module/{MODULE_NAME}/holders"));
    let modules = fs::read_dir(holders).into_iter().flatten().flatten();
    Users {
        modules: modules
            .map(|entry| entry.file_name().to_string_lossy().into())
            .take(MAX_USERS)
            .collect(),
        processes: processes(host),
    }
}

fn processes(host: &Host) -> Vec<(u32, String)> {
    let entries = fs::read_dir(host.path("/proc")).into_iter().flatten();
    let users = entries.flatten().take(MAX_PROCESSES).filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // What this process has inherited ends with it.
        if pid == std::process::id() {
            return None;
        }
        let fds = fs::read_dir(entry.path().join("fd")).ok()?;
        let mut links = fds
            .flatten()
            .take(MAX_DESCRIPTORS)
            .filter_map(|fd| fs::read_link(fd.path()).ok());
        links.any(|link| is_ours(&link)).then(|| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            (pid, name.trim_end().to_owned())
        })
    });
    users.take(MAX_USERS).collect()
}

/// The device, or a descriptor it handed out: `anon_inode:[saker-ring]`.
fn is_ours(link: &Path) -> bool {
    let link = link.to_string_lossy();
    link == DEVICE
        || link
            .strip_prefix("anon_inode:")
            .is_some_and(|name| name.trim_start_matches('[').starts_with(MODULE_NAME))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn host() -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        fs::create_dir_all(host.path("/proc")).expect("made");
        (root, host)
    }

    #[test]
    fn users_are_found_by_their_descriptors() {
        let (_root, host) = host();
        for (pid, name, link) in [
            (10, "saker", "/dev/saker"),
            (11, "cat", "/dev/sakerish"),
            (12, "reader", "anon_inode:[saker-ring]"),
            (13, "poll", "anon_inode:[eventpoll]"),
        ] {
            let dir = host.path(format!("/proc/{pid}"));
            fs::create_dir_all(dir.join("fd")).expect("made");
            fs::write(dir.join("comm"), format!("{name}\n")).expect("written");
            symlink(link, dir.join("fd/3")).expect("linked");
        }
        fs::create_dir_all(host.path("/sys/module/saker/holders/other")).expect("made");
        let mut users = users(&host);
        users.processes.sort();
        let text = UnloadError::InUse(users).to_string();
        assert!(
            text.contains("in use by process 10 (saker), process 12 (reader), module other\n"),
            "{text}"
        );
    }

    #[test]
    fn errors_are_told_apart() {
        let text = |errno| explain(errno, Users::default).to_string();
        assert!(text(Errno::AGAIN).contains("cannot be seen from here"));
        assert!(text(Errno::BUSY).contains("reboot"));
        assert!(text(Errno::PERM).contains("CAP_SYS_MODULE"));
        assert!(text(Errno::NOSYS).contains("CONFIG_MODULE_UNLOAD"));
        assert!(text(Errno::IO).contains("os error 5"));
    }

    #[test]
    fn what_is_not_loaded_is_not_unloaded() {
        let (_root, host) = host();
        assert!(matches!(unload(&host), Err(UnloadError::NoModules(_))));
        fs::write(host.path("/proc/modules"), "ext4 1 0 - Live 0x0\n").expect("written");
        assert!(matches!(unload(&host), Err(UnloadError::NotLoaded)));
    }
}
