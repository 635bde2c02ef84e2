//! Cgroups that come and go, each with a shell in it that forks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Where cgroups are made: version 2 if there is one, since each has an id of its own there.
const ROOTS: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/cpu",
];

/// First digits of all containers' ids; the rules name them.
const ID_PREFIX: &str = "5a6e50";

/// Longest wait for a cgroup whose processes have ended to be empty.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(5);

/// What runs in a cgroup: $1 is its directory, $2 the number of forks. Each child opens a file. The last act is
/// another program, which the rules see.
const SCRIPT: &str = "echo 0 >\"$1/cgroup.procs\" || exit
i=1
while [ $i -lt $2 ]; do (: </etc/passwd); i=$((i + 1)); done
exec /bin/true";

/// The cgroup that all others are made in. Removed when dropped.
#[derive(Debug)]
pub(super) struct Cgroups {
    parent: PathBuf,
}

impl Cgroups {
    /// Makes it.
    ///
    /// # Errors
    /// When there is no writable cgroup file system.
    pub(super) fn make() -> Result<Self> {
        let root = ROOTS
            .iter()
            .map(Path::new)
            .find(|root| root.join("cgroup.procs").exists())
            .context("no cgroup file system is mounted at /sys/fs/cgroup")?;
        let parent = root.join(format!("saker-turnover-{}", std::process::id()));
        fs::create_dir(&parent).with_context(|| parent.display().to_string())?;
        Ok(Self { parent })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.parent.join(format!("{ID_PREFIX}{number:058x}"))
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        // One that failed may still be there, and then so is this; its name says whose it is.
        let _ = fs::remove_dir(&self.parent);
    }
}

/// Some of the cgroups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Number of the first.
    pub(super) first: u64,
    /// How many.
    pub(super) count: u64,
    /// Forks of each, that of its shell included.
    pub(super) forks_each: u64,
}

impl Load {
    /// Makes them come and go, `jobs` at a time.
    ///
    /// # Errors
    /// When a cgroup cannot be made or removed, or its shell fails.
    pub(super) fn run(self, cgroups: &Cgroups, jobs: u16) -> Result<()> {
        let next = AtomicU64::new(self.first);
        let end = self.first + self.count;
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return Ok(());
                    }
                    come_and_go(&cgroups.path(number), self.forks_each)?;
                }
            };
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| bail!("a thread of the load panicked"))
            })
        })
    }
}

fn come_and_go(cgroup: &Path, forks: u64) -> Result<()> {
    let name = || cgroup.display().to_string();
    fs::create_dir(cgroup).with_context(name)?;
    let status = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(cgroup)
        .arg(forks.to_string())
        .stdin(Stdio::null())
        .status()
        .context("starting a shell")?;
    let deadline = Instant::now() + EMPTY_TIMEOUT;
    while let Err(error) = fs::remove_dir(cgroup) {
        if Instant::now() > deadline {
            return Err(error).with_context(name);
        }
        std::thread::yield_now();
    }
    if !status.success() {
        bail!("the shell in {}: {status}", name());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_of_containers_that_the_rules_name() {
        let cgroups = Cgroups {
            parent: "/nonexistent/parent".into(),
        };
        let path = cgroups.path(17);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name.len(), 64);
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(name.ends_with("0011"));
        let prefix = format!("startswith {ID_PREFIX}");
        assert!(super::super::RULES.contains(&prefix));
    }
}
