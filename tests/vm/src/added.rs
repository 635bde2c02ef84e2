//! Kernels of packages that somebody has, for those that Debian's mirrors no longer carry.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::cache::Cache;
use crate::fetch::{self, Files, Unpacked};
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
    let unpacked = Unpacked::of(directory, scratch.path())?;
    let headers = &unpacked.headers;
    ensure!(
        headers.join(".config").is_file(),
        "no package has the headers, {}",
        headers.file_name().unwrap_or_default().display()
    );
    // Ubuntu's is a link to the common one; Debian's includes that by its path.
    let makefile = fs::read_to_string(headers.join("Makefile")).context("the headers' Makefile")?;
    if makefile
        .lines()
        .any(|line| line.starts_with("include /usr/src/"))
    {
        fetch::make_movable(headers)?;
    }
    fs::copy(&unpacked.image, scratch.path().join(IMAGE))?;
    cache.publish(scratch, &fetch::entry(kernel), &unpacked.versions)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process;

    const RELEASE: &str = "4.15.0-1-mine";
    const NAME: Kernel = Kernel::Added("4.15");

    /// Makes a package with these files in `directory`.
    fn package(directory: &Path, name: &str, files: &[(String, &str)]) {
        let tree = tempfile::tempdir().expect("a directory");
        let control = format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: x\n"
        );
        for (path, text) in files
            .iter()
            .chain(&[("DEBIAN/control".to_owned(), control.as_str())])
        {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        let mut build = Command::new("dpkg-deb");
        build
            .args(["--root-owner-group", "--build"])
            .arg(tree.path());
        build.arg(directory.join(format!("{name}.deb")));
        process::run(&mut build, std::time::Duration::from_secs(60)).expect("dpkg-deb");
    }

    #[test]
    fn packages_become_a_kernel() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::at(dir.path().join("cache")).expect("a cache");
        let packages = dir.path().join("packages");
        fs::create_dir(&packages).expect("made");
        let image = (format!("boot/vmlinuz-{RELEASE}"), "image");
        package(&packages, "image", &[image]);

        let error = add(&cache, NAME, &packages).expect_err("no headers");
        assert!(format!("{error:#}").contains(RELEASE), "{error:#}");
        assert!(fetch::cached(&cache, NAME).is_none());
        let error = fetch::kernel(&cache, NAME, false).expect_err("not added");
        assert!(
            format!("{error:#}").contains("saker-vm add 4.15 "),
            "{error:#}"
        );

        let at = |name: &str| format!("usr/src/linux-headers-{RELEASE}/{name}");
        let headers = [
            (at(".config"), ""),
            (
                at("Makefile"),
                "include /usr/src/linux-headers-4.15/Makefile\n",
            ),
        ];
        package(&packages, "headers", &headers);
        let files = add(&cache, NAME, &packages).expect("added");
        assert_eq!(files.release, RELEASE);
        assert_eq!(files.packages, ["headers 1", "image 1"]);
        let text = |path: &Path| fs::read_to_string(path).expect("there");
        assert_eq!(text(&files.image), "image");
        let makefile = text(&files.headers_path().join("Makefile"));
        assert!(!makefile.contains("/usr/src/"), "{makefile}");
        let again = fetch::kernel(&cache, NAME, false).expect("in the cache");
        assert_eq!(again.release, RELEASE);

        let error = add(&cache, Kernel::V6_1, &packages).expect_err("fetched");
        assert!(error.to_string().contains("6.1-mine"), "{error}");
    }
}
