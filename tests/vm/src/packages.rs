//! Debian packages as files, for guests that install and remove them without a network.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt::Apt;
use crate::cache::Cache;
use crate::sources::Mirror;
use crate::userland::SUITE;

/// Cache entry.
const ENTRY: &str = "packages";
/// Names behind links, a diversion, setuid programs, files of configuration, owners of the shadow files, and what busy
/// hosts run.
const PACKAGES: [&str; 17] = [
    "base-files",
    "base-passwd",
    "bash",
    "cron",
    "cron-daemon-common",
    "dash",
    "less",
    "libc-bin",
    "libpam-runtime",
    "libpopt0",
    "login",
    "logrotate",
    "mount",
    "passwd",
    "sensible-utils",
    "sudo",
    "systemd-standalone-tmpfiles",
];

/// A directory with their files and nothing else but the cache's stamp; fetched when it is not there.
///
/// # Errors
/// When the mirror does not deliver.
pub fn directory(cache: &Cache) -> Result<PathBuf> {
    if !cache.has_all(ENTRY, &PACKAGES) {
        let _lock = cache.lock()?;
        // Another process may have fetched them meanwhile.
        if !cache.has_all(ENTRY, &PACKAGES) {
            fetch(cache).context("cannot fetch packages")?;
        }
    }
    Ok(cache.path(ENTRY))
}

fn fetch(cache: &Cache) -> Result<()> {
    let apt = Apt::update(cache, &Mirror::of_this_machine()?, SUITE)?;
    let packages: Result<Vec<_>> = PACKAGES.into_iter().map(|name| apt.show(name)).collect();
    let packages = packages?;
    let finished = cache.scratch()?;
    apt.download(&packages, finished.path())?;
    let versions: Vec<_> = packages
        .iter()
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    let count = fs::read_dir(finished.path())?.count();
    anyhow::ensure!(
        count == PACKAGES.len(),
        "{count} files of {} packages",
        PACKAGES.len()
    );
    cache.publish(finished, ENTRY, &versions)?;
    Ok(())
}
