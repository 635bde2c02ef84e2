//! The kernel `debug`: Debian's source of 6.1, built with all checkers that see mistakes of a module, and
//! little else ([`CONFIG`]). Built once, of unpacked packages, into the cache.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::apt::{self, Apt};
use crate::cache::Cache;
use crate::kernel::Kernel;
use crate::process;
use crate::sources::Mirror;

/// What is not off.
const CONFIG: &str = include_str!("debug.config");
/// Package of the source; it holds one archive of the same name.
const PACKAGE: &str = "linux-source-6.1";
/// Cache entry.
const ENTRY: &str = "kernels/debug";
/// Lock of the build: who fetches other kernels does not wait for it.
const LOCK: &str = "debug.lock";
/// The compiler, of kernel and modules.
const COMPILER: &str = "gcc-12";
/// Programs of the build that a Debian system does not have by itself.
const PROGRAMS: [&str; 6] = [COMPILER, "make", "bison", "flex", "bc", "xz"];
/// Longest unpacking of the source.
const UNPACK_LIMIT: Duration = Duration::from_secs(900);
/// Longest making of the configuration.
const CONFIG_LIMIT: Duration = Duration::from_secs(300);
/// Longest build: a busy machine with two processors takes some 30 minutes.
const BUILD_LIMIT: Duration = Duration::from_secs(2 * 3600);
/// Longest copying of what stays.
const COPY_LIMIT: Duration = Duration::from_secs(300);
/// Parts of the source that no part of this kernel is made from, as patterns of tar. What configures
/// them must be there.
const UNUSED: [&str; 14] = [
    "*/Documentation/*/*",
    "*/arch/[!x]*/*.[chS]",
    "*/arch/[!x]*/*.dts*",
    "*/tools/testing/*",
    "*/tools/perf/*",
    "*/samples/*.[chS]",
    "*/sound/*.[chS]",
    "*/drivers/gpu/*.[chS]",
    "*/drivers/net/*/*.[chS]",
    "*/drivers/media/*.[chS]",
    "*/drivers/staging/*.[chS]",
    "*/drivers/scsi/*.[chS]",
    "*/drivers/infiniband/*.[chS]",
    "*/drivers/iio/*.[chS]",
];
/// Lines for Makefiles of the source: code that runs before KASAN has memory for what it knows must not be
/// checked. Linux 6.1 forgets these two where a kernel is booted by PVH.
const EARLY: [(&str, &str); 2] = [
    ("arch/x86/platform/pvh/Makefile", "KASAN_SANITIZE := n"),
    ("lib/Makefile", "KASAN_SANITIZE_string.o := n"),
];
/// What modules are built with, of the built tree.
const HEADERS: [&str; 8] = [
    ".config",
    "Makefile",
    "Module.symvers",
    "arch/x86/Makefile",
    "arch/x86/include",
    "include",
    "scripts",
    "tools/objtool/objtool",
];

/// The line of an entry's stamp that names what it was configured with: another configuration is another
/// kernel.
pub(crate) fn stamp() -> String {
    let mut line = "debug.config ".to_owned();
    for byte in &Sha256::digest(CONFIG)[..8] {
        // Writing to a string cannot fail.
        let _ = write!(line, "{byte:02x}");
    }
    line
}

/// Keeps others from building at the same time.
///
/// # Errors
/// When the lock file cannot be opened.
pub(crate) fn lock(cache: &Cache) -> Result<crate::cache::Lock> {
    cache.lock_for(LOCK)
}

/// Builds the kernel and puts it into the cache: minutes on an idle machine.
///
/// # Errors
/// When a program or the source is missing, an option of [`CONFIG`] does not exist in this source, or the
/// build fails.
pub(crate) fn build(cache: &Cache, mirror: &Mirror) -> Result<()> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|p| !process::installed(p)).collect();
    ensure!(
        missing.is_empty(),
        "{missing:?} not installed: packaging/install-build-deps.sh vm-debug"
    );
    let scratch = cache.scratch()?;
    let directory = scratch.path();
    let (tree, mut stamp_lines) = source(cache, mirror, directory)?;
    stamp_lines.push(stamp());
    configure(&tree)?;
    eprintln!("building the debug kernel: minutes, on a busy machine many");
    make(&tree, BUILD_LIMIT, &["vmlinux", "modules"])?;
    let release = fs::read_to_string(tree.join("include/config/kernel.release"))?;
    let release = release.trim();
    let root = directory.join("root");
    let headers = root
        .join("usr/src")
        .join(format!("linux-headers-{release}"));
    fs::create_dir_all(&headers)?;
    let mut copy = Command::new("cp");
    copy.args(["-a", "--parents", "-t"]).arg(&headers);
    process::run(copy.args(HEADERS).current_dir(&tree), COPY_LIMIT)?;
    let install = format!("INSTALL_MOD_PATH={}", root.display());
    make(&tree, COPY_LIMIT, &[&install, "modules_install"])?;
    for link in ["build", "source"] {
        let link = root.join("lib/modules").join(release).join(link);
        fs::remove_file(&link).with_context(|| link.display().to_string())?;
    }
    fs::rename(tree.join("vmlinux"), directory.join("vmlinux"))?;
    fs::write(directory.join("release"), format!("{release}\n"))?;
    fs::remove_dir_all(&tree)?;
    cache.publish(scratch, ENTRY, &stamp_lines)?;
    Ok(())
}

/// The unpacked source, and its package.
fn source(cache: &Cache, mirror: &Mirror, directory: &Path) -> Result<(PathBuf, Vec<String>)> {
    let (packages, root) = (directory.join("packages"), directory.join("package"));
    fs::create_dir(&packages)?;
    fs::create_dir(&root)?;
    {
        // Apt's state is everybody's.
        let _lock = cache.lock()?;
        let apt = Apt::update(cache, mirror, Kernel::Debug.suite()?)?;
        apt.download([&apt.show(PACKAGE)?], &packages)?;
    }
    let versions = apt::unpack_all(&packages, &root)?;
    fs::remove_dir_all(&packages)?;
    let tree = directory.join("tree");
    fs::create_dir(&tree)?;
    let mut tar = Command::new("tar");
    for pattern in UNUSED {
        tar.arg(format!("--exclude={pattern}"));
    }
    tar.args(["--strip-components=1", "--no-same-owner", "-C"])
        .arg(&tree)
        .arg("-xf")
        .arg(root.join("usr/src").join(format!("{PACKAGE}.tar.xz")));
    process::run(&mut tar, UNPACK_LIMIT)?;
    fs::remove_dir_all(&root)?;
    Ok((tree, versions))
}

fn configure(tree: &Path) -> Result<()> {
    for (makefile, line) in EARLY {
        let path = tree.join(makefile);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, format!("{text}\n{line}\n"))?;
    }
    let wanted = tree.join("saker-debug.config");
    fs::write(&wanted, CONFIG)?;
    let all = format!("KCONFIG_ALLCONFIG={}", wanted.display());
    make(tree, CONFIG_LIMIT, &[&all, "allnoconfig"])?;
    let made = fs::read_to_string(tree.join(".config"))?;
    let lost = lost(CONFIG, &made);
    if !lost.is_empty() {
        bail!("options that this source does not have, or that lack what they need: {lost:?}");
    }
    Ok(())
}

/// Options of `wanted` that are not in a configuration made from it.
fn lost<'a>(wanted: &'a str, made: &str) -> Vec<&'a str> {
    let is_lost = |line: &&str| line.starts_with("CONFIG_") && !made.lines().any(|m| m == *line);
    wanted.lines().filter(is_lost).collect()
}

/// Runs make in the background of everything else. Whatever ends this program or exceeds the limit ends
/// all that make started, too.
fn make(tree: &Path, limit: Duration, arguments: &[&str]) -> Result<()> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "timeout", "--kill-after=10"]);
    command.arg(limit.as_secs().to_string());
    command.args(["nice", "-n", "10", "make", "-s"]);
    command.arg(format!("-j{jobs}"));
    command.args([format!("CC={COMPILER}"), format!("HOSTCC={COMPILER}")]);
    command.args(arguments).env("LC_ALL", "C").current_dir(tree);
    // timeout ends it first.
    process::run(&mut command, limit + Duration::from_secs(60))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_options_are_found() {
        let made = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n";
        let wanted = "# A comment\nCONFIG_A=y\n\nCONFIG_B=y\nCONFIG_C=y\n";
        assert_eq!(lost(wanted, made), ["CONFIG_B=y", "CONFIG_C=y"]);
    }

    #[test]
    fn options_are_named_once() {
        let mut names: Vec<_> = CONFIG
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split_once('=').expect("an option").0)
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn another_configuration_is_another_kernel() {
        let (name, sum) = stamp()
            .split_once(' ')
            .map(|(n, s)| (n.to_owned(), s.len()))
            .expect("two");
        assert_eq!((name.as_str(), sum), ("debug.config", 16));
    }
}
