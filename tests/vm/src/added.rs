//! Kernels of packages that somebody has, for those that Debian's mirrors no longer carry.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::apt;
use crate::cache::Cache;
use crate::fetch::{self, Files};
use crate::kernel::Kernel;

/// Its image in the entry of the cache. It is booted as it is: kernels before 5.0 have no entry for PVH, by
/// which qemu would boot an uncompressed one.
pub(crate) const IMAGE: &str = "vmlinuz";

/// Puts the kernel whose packages are in `directory` into the cache under the name of `kernel`: `.deb` files of
/// one image, its modules, and its headers with those they share.
///
/// # Errors
/// When `kernel` is one that is fetched, a package is damaged, or the packages are not those of one kernel.
pub fn add(cache: &Cache, kernel: Kernel, directory: &Path) -> Result<Files> {
    ensure!(
        matches!(kernel, Kernel::Added(_)),
        "{kernel} is fetched; another name, such as {kernel}-mine, can be added"
    );
    let what = || format!("adding {kernel} from {}", directory.display());
    put(cache, kernel, directory).with_context(what)?;
    fetch::cached(cache, kernel).with_context(|| format!("{kernel} is not in the cache"))
}

fn put(cache: &Cache, kernel: Kernel, directory: &Path) -> Result<()> {
    let _lock = cache.lock()?;
    let scratch = cache.scratch()?;
    let root = scratch.path().join("root");
    fs::create_dir(&root)?;
    let versions = apt::unpack_all(directory, &root)?;
    let (release, image) = fetch::find_image(&root)?;
    let headers = root.join(fetch::headers(&release));
    ensure!(
        headers.join(".config").is_file(),
        "no package has the headers of {release}"
    );
    // Ubuntu's is a link to the common one; Debian's includes that by its path.
    let makefile = fs::read_to_string(headers.join("Makefile")).context("the headers' Makefile")?;
    if makefile
        .lines()
        .any(|line| line.starts_with("include /usr/src/"))
    {
        fetch::make_movable(&headers)?;
    }
    fs::copy(image, scratch.path().join(IMAGE))?;
    fs::write(scratch.path().join("release"), format!("{release}\n"))?;
    cache.publish(scratch, &fetch::entry(kernel), &versions)?;
    Ok(())
}
