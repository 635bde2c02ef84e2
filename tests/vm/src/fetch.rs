//! Kernels with their modules and headers, and the toolchain for the newer ones.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::added;
use crate::apt::{self, Apt};
use crate::cache::Cache;
use crate::debug;
use crate::image;
use crate::kernel::Kernel;
use crate::sources::Mirror;

/// Cache entry of the toolchain.
const TOOLCHAIN: &str = "toolchain";
/// Suite of the toolchain.
const TOOLCHAIN_SUITE: &str = "trixie";
/// What Kbuild runs. libelf1t64 is for objtool and resolve_btfids, kmod for depmod, pahole for BTF.
const TOOLCHAIN_PACKAGES: [&str; 21] = [
    "gcc-14",
    "make",
    "binutils",
    "kmod",
    "pahole",
    "libelf1t64",
    "libssl3t64",
    "libc6-dev",
    "dash",
    "bash",
    "coreutils",
    "findutils",
    "grep",
    "sed",
    "mawk",
    "diffutils",
    "tar",
    "gzip",
    "xz-utils",
    "perl-base",
    "bc",
];
/// Those taken without what they depend on: sparse itself needs libc only, its other programs more.
const TOOLCHAIN_ALONE: [&str; 1] = ["sparse"];
/// Cache entry of busybox.
const BUSYBOX: &str = "busybox";
/// Suite of busybox.
const BUSYBOX_SUITE: &str = "bookworm";

/// A kernel in the cache.
#[derive(Debug, Clone)]
pub struct Files {
    /// Which one.
    pub kernel: Kernel,
    /// `uname -r`.
    pub release: String,
    /// What is booted: the uncompressed ELF kernel, or the bzImage of an added one.
    pub image: PathBuf,
    /// Root of the unpacked packages.
    pub root: PathBuf,
    /// Path of the headers (`make -C`) inside [`Self::root`].
    pub headers: PathBuf,
    /// `name version` of the packages.
    pub packages: Vec<String>,
}

impl Files {
    /// The headers' directory, for `make -C`.
    pub fn headers_path(&self) -> PathBuf {
        self.root.join(&self.headers)
    }

    /// The kernel's own modules, `lib/modules/RELEASE`.
    ///
    /// # Errors
    /// When there are none.
    pub fn modules(&self) -> Result<PathBuf> {
        let places = ["lib/modules", "usr/lib/modules"];
        let mut places = places
            .map(|place| self.root.join(place).join(&self.release))
            .into_iter();
        let found = places.find(|place| place.join("kernel").is_dir());
        found.with_context(|| format!("no modules of {} in {}", self.release, self.root.display()))
    }

    /// One of them, `fs/fuse/fuse`; unpacked in `work` where Debian packs them. `None` where the kernel has it built in.
    ///
    /// # Errors
    /// When there is none or it cannot be unpacked.
    pub fn module(&self, name: &str, work: &Path) -> Result<Option<PathBuf>> {
        let modules = self.modules()?;
        let plain = modules.join("kernel").join(name).with_extension("ko");
        if plain.is_file() {
            return Ok(Some(plain));
        }
        let built_in = modules.join("modules.builtin");
        let built_in =
            fs::read_to_string(&built_in).with_context(|| built_in.display().to_string())?;
        if built_in
            .lines()
            .any(|line| line == format!("kernel/{name}.ko"))
        {
            return Ok(None);
        }
        let packed = plain.with_extension("ko.xz");
        let unpacked = work.join(plain.file_name().context("a name")?);
        let to = fs::File::create(&unpacked).with_context(|| unpacked.display().to_string())?;
        let status = Command::new("xz")
            .arg("-dc")
            .arg(&packed)
            .stdout(to)
            .status();
        ensure!(
            status.context("xz (apt-get install xz-utils)")?.success()
                && fs::metadata(&unpacked)?.len() > 0,
            "cannot unpack {}",
            packed.display()
        );
        Ok(Some(unpacked))
    }
}

/// A kernel, fetched when it is not in the cache or `refresh` asks for the newest build. `debug` is built,
/// for minutes.
///
/// # Errors
/// When the mirror does not deliver, packages are not as expected, or the build fails.
pub fn kernel(cache: &Cache, kernel: Kernel, refresh: bool) -> Result<Files> {
    if !refresh && let Some(files) = cached(cache, kernel) {
        return Ok(files);
    }
    let _lock = match kernel {
        Kernel::Debug => debug::lock(cache)?,
        _ => cache.lock()?,
    };
    // Another process may have fetched it meanwhile.
    if !refresh && let Some(files) = cached(cache, kernel) {
        return Ok(files);
    }
    let mirror = Mirror::of_this_machine()?;
    match kernel {
        Kernel::Debug => debug::build(cache, &mirror),
        _ => fetch_kernel(cache, &mirror, kernel),
    }
    .with_context(|| format!("cannot fetch kernel {kernel}"))?;
    cached(cache, kernel).with_context(|| format!("kernel {kernel} is not in the cache"))
}

pub(crate) fn entry(kernel: Kernel) -> String {
    format!("kernels/{kernel}")
}

pub(crate) fn cached(cache: &Cache, kernel: Kernel) -> Option<Files> {
    let name = entry(kernel);
    let packages = cache.packages(&name)?;
    if kernel == Kernel::Debug && !packages.contains(&debug::stamp()) {
        return None;
    }
    let directory = cache.path(&name);
    let release = fs::read_to_string(directory.join("release")).ok()?;
    let release = release.trim().to_owned();
    let root = directory.join("root");
    let headers = headers(&release);
    let image = directory.join(match kernel {
        Kernel::Added(_) => added::IMAGE,
        _ => "vmlinux",
    });
    let complete = image.is_file() && root.join(&headers).join(".config").is_file();
    complete.then_some(Files {
        kernel,
        release,
        image,
        root,
        headers,
        packages,
    })
}

fn fetch_kernel(cache: &Cache, mirror: &Mirror, kernel: Kernel) -> Result<()> {
    let suite = kernel.suite()?;
    eprintln!("fetching kernel {kernel} from {suite}");
    let apt = Apt::update(cache, mirror, suite)?;
    // The compiler packages would bring in the suite's own gcc.
    let follow = |name: &str| {
        name.starts_with("linux-")
            && name != "linux-base"
            && !name.starts_with("linux-compiler-")
            && !name.starts_with("linux-initramfs-")
    };
    let family = apt.family(&["linux-image-amd64", "linux-headers-amd64"], follow)?;
    let scratch = cache.scratch()?;
    let packages = scratch.path().join("packages");
    fs::create_dir(&packages)?;
    apt.download(family.values(), &packages)?;
    let unpacked = Unpacked::of(&packages, scratch.path())?;
    fs::remove_dir_all(&packages)?;
    image::extract(&unpacked.image, &scratch.path().join("vmlinux"))?;
    make_movable(&unpacked.headers)?;
    cache.publish(scratch, &entry(kernel), &unpacked.versions)?;
    Ok(())
}

/// A kernel's packages, unpacked where its entry of the cache is made.
pub(crate) struct Unpacked {
    /// `name version` of each.
    pub(crate) versions: Vec<String>,
    /// The compressed kernel.
    pub(crate) image: PathBuf,
    /// Where its headers are if they are among the packages.
    pub(crate) headers: PathBuf,
}

impl Unpacked {
    /// Unpacks the packages in a directory to `entry/root` and notes the release in `entry/release`.
    ///
    /// # Errors
    /// When a package is damaged, or they have another number of kernels than one.
    pub(crate) fn of(packages: &Path, entry: &Path) -> Result<Self> {
        let root = entry.join("root");
        fs::create_dir(&root)?;
        let versions = apt::unpack_all(packages, &root)?;
        let (release, image) = find_image(&root)?;
        fs::write(entry.join("release"), format!("{release}\n"))?;
        Ok(Self {
            versions,
            image,
            headers: root.join(headers(&release)),
        })
    }
}

/// The compressed kernel in unpacked packages, and its release.
fn find_image(root: &Path) -> Result<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("boot")).into_iter().flatten() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(release) = name.strip_prefix("vmlinuz-") {
            found.push((release.to_owned(), root.join("boot").join(&name)));
        }
    }
    // Since 7.x.
    for entry in fs::read_dir(root.join("usr/lib/modules"))
        .into_iter()
        .flatten()
    {
        let entry = entry?;
        let image = entry.path().join("vmlinuz");
        if image.is_file() {
            found.push((entry.file_name().to_string_lossy().into_owned(), image));
        }
    }
    ensure!(
        found.len() == 1,
        "kernels in the packages, one expected: {found:?}"
    );
    found.pop().context("no kernel")
}

/// Where packages put the headers of a release.
fn headers(release: &str) -> PathBuf {
    Path::new("usr/src").join(format!("linux-headers-{release}"))
}

/// Makes the headers independent of where they lie: the flavour's Makefile has absolute paths, of the
/// common one that it includes and, since 7.x, of itself.
pub(crate) fn make_movable(headers: &Path) -> Result<()> {
    let path = headers.join("Makefile");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let here = "$(dir $(realpath $(lastword $(MAKEFILE_LIST))))../";
    // Assigned at once: the last makefile is another one later.
    let moved = text
        .replace("include /usr/src/", &format!("include {here}"))
        .replace("=/usr/src/", &format!(":={here}"));
    if moved == text {
        bail!("{} is not as expected:\n{text}", path.display());
    }
    fs::write(&path, moved)?;
    Ok(())
}

/// The root of the unpacked toolchain, fetched when it is not in the cache.
///
/// # Errors
/// When the mirror does not deliver.
pub fn toolchain(cache: &Cache, refresh: bool) -> Result<PathBuf> {
    let complete = |cache: &Cache| !refresh && cache.packages(TOOLCHAIN).is_some();
    let path = cache.path(TOOLCHAIN).join("root");
    if complete(cache) {
        return Ok(path);
    }
    let _lock = cache.lock()?;
    if complete(cache) {
        return Ok(path);
    }
    let mirror = Mirror::of_this_machine()?;
    fetch_toolchain(cache, &mirror).context("cannot fetch the toolchain")?;
    Ok(path)
}

fn fetch_toolchain(cache: &Cache, mirror: &Mirror) -> Result<()> {
    eprintln!("fetching the toolchain from {TOOLCHAIN_SUITE}");
    let apt = Apt::update(cache, mirror, TOOLCHAIN_SUITE)?;
    let scratch = cache.scratch()?;
    let (packages, root) = (scratch.path().join("packages"), scratch.path().join("root"));
    fs::create_dir(&root)?;
    apt.download_all(&TOOLCHAIN_PACKAGES, &packages)?;
    for name in TOOLCHAIN_ALONE {
        apt.download([&apt.show(name)?], &packages)?;
    }
    apt::make_merged_root(&root)?;
    let versions = apt::unpack_all(&packages, &root)?;
    fs::remove_dir_all(&packages)?;
    // What the packages' scripts would have made.
    link("dash", &root.join("usr/bin/sh"))?;
    link("mawk", &root.join("usr/bin/awk"))?;
    link("gcc-14", &root.join("usr/bin/gcc"))?;
    // Places to mount what a build needs.
    for name in ["kernel", "work"] {
        fs::create_dir(root.join(name))?;
    }
    cache.publish(scratch, TOOLCHAIN, &versions)?;
    Ok(())
}

/// Makes a link unless the packages brought the name.
pub(crate) fn link(target: &str, name: &Path) -> Result<()> {
    if fs::symlink_metadata(name).is_err() {
        symlink(target, name).with_context(|| name.display().to_string())?;
    }
    Ok(())
}

/// A static busybox, fetched when it is not in the cache.
///
/// # Errors
/// When the mirror does not deliver.
pub fn busybox(cache: &Cache) -> Result<PathBuf> {
    let path = cache.path(BUSYBOX).join("root/bin/busybox");
    if cache.packages(BUSYBOX).is_some() {
        return Ok(path);
    }
    let _lock = cache.lock()?;
    if cache.packages(BUSYBOX).is_some() {
        return Ok(path);
    }
    let mirror = Mirror::of_this_machine()?;
    let apt = Apt::update(cache, &mirror, BUSYBOX_SUITE)?;
    let scratch = cache.scratch()?;
    let (packages, root) = (scratch.path().join("packages"), scratch.path().join("root"));
    fs::create_dir(&packages)?;
    fs::create_dir(&root)?;
    apt.download([&apt.show("busybox-static")?], &packages)?;
    let versions = apt::unpack_all(&packages, &root)?;
    fs::remove_dir_all(&packages)?;
    cache.publish(scratch, BUSYBOX, &versions)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_both_layouts() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(find_image(dir.path()).is_err());
        fs::create_dir_all(dir.path().join("boot")).expect("made");
        let old = dir.path().join("boot/vmlinuz-6.1-amd64");
        fs::write(&old, "").expect("written");
        fs::write(dir.path().join("boot/config-6.1-amd64"), "").expect("written");
        let found = find_image(dir.path()).expect("the old layout");
        assert_eq!(found, ("6.1-amd64".to_owned(), old.clone()));
        let new = dir.path().join("usr/lib/modules/7.2-amd64/vmlinuz");
        fs::create_dir_all(new.parent().expect("a parent")).expect("made");
        fs::write(&new, "").expect("written");
        assert!(find_image(dir.path()).is_err(), "two kernels");
        fs::remove_file(&old).expect("removed");
        assert_eq!(
            find_image(dir.path()).expect("the new layout").0,
            "7.2-amd64"
        );
    }

    #[test]
    fn headers_become_movable() {
        let dir = tempfile::tempdir().expect("a directory");
        let makefile = dir.path().join("Makefile");
        fs::write(
            &makefile,
            "KBUILD_OUTPUT=/usr/src/x\ninclude /usr/src/linux-headers-6.1-common/Makefile\n",
        )
        .expect("written");
        make_movable(dir.path()).expect("changed");
        let text = fs::read_to_string(&makefile).expect("there");
        assert!(
            text.ends_with("))))../linux-headers-6.1-common/Makefile\n"),
            "{text}"
        );
        assert!(text.starts_with("KBUILD_OUTPUT:=$(dir "), "{text}");
        assert!(make_movable(dir.path()).is_err(), "nothing to change");
    }
}
