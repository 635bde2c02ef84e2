//! The module itself: loaded, unloaded, and what it leaves behind.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::OFlags;
use rustix::system::{delete_module, finit_module};

/// How long an orphan may take to its exec on a machine that is emulated and busy.
const FREE_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// Loads it from a file.
///
/// # Errors
/// What finit_module(2) says; the reason is in the kernel's log.
pub fn load(path: &Path) -> Result<()> {
    let what = || format!("loading {}", path.display());
    let file = File::open(path).with_context(what)?;
    finit_module(&file, c"", 0).with_context(what)
}

/// Unloads it, without waiting until it is free.
///
/// # Errors
/// What delete_module(2) says: EAGAIN while it is in use.
pub fn unload() -> io::Result<()> {
    Ok(delete_module(c"saker", OFlags::NONBLOCK.bits() as i32)?)
}

/// Is it loaded?
pub fn loaded() -> bool {
    Path::new("/sys/module/saker").exists()
}

/// Memory that the module holds through vmalloc() and vmap(), as `/proc/vmallocinfo` names it; the
/// module's own text is no part of it.
///
/// # Errors
/// When the file cannot be read.
pub fn memory() -> Result<Vec<String>> {
    let text = fs::read_to_string("/proc/vmallocinfo").context("/proc/vmallocinfo")?;
    Ok(text
        .lines()
        .filter(|line| line.contains("[saker]"))
        .map(str::to_owned)
        .collect())
}

/// Nothing is left of it but its text, at once.
///
/// # Errors
/// With what is left.
pub fn check_idle() -> Result<()> {
    let left = memory()?;
    ensure!(left.is_empty(), "memory is left:\n{}", left.join("\n"));
    Ok(())
}

/// Unloads it, once the children of killed processes have let go: one killed between fork and exec leaves a
/// child that holds its files for a moment. Memory that is left then is an error, too.
///
/// # Errors
/// With what is left after [`FREE_WITHIN`], or why it cannot be unloaded.
pub fn unload_when_free() -> Result<()> {
    let begin = Instant::now();
    loop {
        let result = check_idle().and_then(|()| unload().context("unloading"));
        if result.is_ok() || begin.elapsed() > FREE_WITHIN {
            return result;
        }
        std::thread::sleep(POLL);
    }
}
