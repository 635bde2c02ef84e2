//! A Debian userland for guests whose tests want more than busybox: unpacked packages, never
//! configured, as one archive that the kernel unpacks before the guest's own.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::apt::{self, Apt};
use crate::cache::{Cache, Lock};
use crate::cpio::Archive;
use crate::fetch::link;
use crate::process;
use crate::sources::Mirror;

/// Cache entry.
const ENTRY: &str = "userland";
/// The archive in it.
const ARCHIVE: &str = "userland.cpio";
/// The suite that it is of.
pub(crate) const SUITE: &str = "bookworm";
/// What tests use: shells and tools, perl, a C compiler, make, bpftool, dpkg, apt and runc.
const PACKAGES: [&str; 33] = [
    "base-files",
    "base-passwd",
    "dash",
    "bash",
    "bsdutils",
    "coreutils",
    "util-linux",
    "mount",
    "findutils",
    "grep",
    "sed",
    "mawk",
    "tar",
    "gzip",
    "diffutils",
    "hostname",
    "procps",
    "iproute2",
    "perl-base",
    "bpftool",
    "kmod",
    "dpkg",
    "apt",
    "debianutils",
    "libc-bin",
    "passwd",
    "runc",
    "login",
    "libpam-runtime",
    "gcc",
    "make",
    "libc6-dev",
    // Else usrmerge, and with it all of perl.
    "usr-is-merged",
];
/// What no test needs: documentation, translations, link-time optimization, sanitizers, character
/// sets. Paths below the root; a `*` at the end stands for any rest of a name.
const NOT_NEEDED: [&str; 17] = [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/lib/gcc/x86_64-linux-gnu/12/lto*",
    "usr/lib/gcc/x86_64-linux-gnu/12/libasan*",
    "usr/lib/gcc/x86_64-linux-gnu/12/libtsan*",
    "usr/lib/gcc/x86_64-linux-gnu/12/liblsan*",
    "usr/lib/gcc/x86_64-linux-gnu/12/libubsan*",
    "usr/bin/x86_64-linux-gnu-lto-dump*",
    "usr/lib/x86_64-linux-gnu/libasan*",
    "usr/lib/x86_64-linux-gnu/libtsan*",
    "usr/lib/x86_64-linux-gnu/liblsan*",
    "usr/lib/x86_64-linux-gnu/libubsan*",
    "usr/lib/x86_64-linux-gnu/gconv",
];
/// The user that apt fetches as.
const APT_USER: &[u8] = b"_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n";
/// Longest look into a package.
const LIMIT: Duration = Duration::from_secs(60);

/// The archive, made when it is not in the cache.
///
/// # Errors
/// When the mirror does not deliver.
pub fn archive(cache: &Cache) -> Result<PathBuf> {
    let path = cache.path(ENTRY).join(ARCHIVE);
    if cache.has_all(ENTRY, &PACKAGES) {
        return Ok(path);
    }
    let lock = cache.lock()?;
    if !cache.has_all(ENTRY, &PACKAGES) {
        make(cache, &lock).context("cannot make the userland")?;
    }
    Ok(path)
}

fn make(cache: &Cache, _lock: &Lock) -> Result<()> {
    eprintln!("fetching the userland from {SUITE}");
    let apt = Apt::update(cache, &Mirror::of_this_machine()?, SUITE)?;
    let work = cache.scratch()?;
    let (packages, root) = (work.path().join("packages"), work.path().join("root"));
    fs::create_dir(&root)?;
    apt.download_all(&PACKAGES, &packages)?;
    apt::make_merged_root(&root)?;
    let versions = apt::unpack_all(&packages, &root)?;
    record(&packages, &root)?;
    configure(&root)?;
    for pattern in NOT_NEEDED {
        remove(&root.join(pattern))?;
    }
    let mut archive = Archive::default();
    archive.put_host(&root, Path::new("/"))?;
    let finished = cache.scratch()?;
    let path = finished.path().join(ARCHIVE);
    let mut writer = BufWriter::new(File::create(&path)?);
    archive.write(&mut writer)?;
    writer.flush()?;
    cache.publish(finished, ENTRY, &versions)?;
    Ok(())
}

/// Tells dpkg in the guest of the packages, as if it had installed them.
fn record(packages: &Path, root: &Path) -> Result<()> {
    let database = root.join("var/lib/dpkg");
    fs::create_dir_all(database.join("info"))?;
    let mut status = String::new();
    for entry in fs::read_dir(packages)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "deb") {
            continue;
        }
        let control = process::run(Command::new("dpkg-deb").arg("-f").arg(&path), LIMIT)?;
        let name = control
            .lines()
            .find_map(|line| line.strip_prefix("Package: "))
            .with_context(|| format!("{}: no name", path.display()))?
            .to_owned();
        // Multi-Arch packages of one name share nothing here: there is one architecture.
        let same = control.lines().any(|line| line == "Multi-Arch: same");
        let suffix = if same { ":amd64" } else { "" };
        writeln!(
            status,
            "{}\nStatus: install ok installed\n",
            control.trim_end()
        )?;
        let script = "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -t";
        let mut list = Command::new("bash");
        list.args(["-c", script, "bash"]).arg(&path);
        let paths: String = process::run(&mut list, LIMIT)?
            .lines()
            .map(
                |line| match line.trim_start_matches('.').trim_end_matches('/') {
                    "" => "/.\n".to_owned(),
                    path => format!("{path}\n"),
                },
            )
            .collect();
        fs::write(database.join(format!("info/{name}{suffix}.list")), paths)?;
    }
    fs::write(database.join("status"), status)?;
    fs::write(database.join("info/format"), "1\n")?;
    Ok(())
}

/// What the packages' scripts would have made, as far as tests need it.
fn configure(root: &Path) -> Result<()> {
    for name in ["passwd", "group"] {
        let master = root.join(format!("usr/share/base-passwd/{name}.master"));
        fs::copy(&master, root.join("etc").join(name))
            .with_context(|| master.display().to_string())?;
    }
    let mut users = fs::OpenOptions::new()
        .append(true)
        .open(root.join("etc/passwd"))?;
    users.write_all(APT_USER)?;
    for (name, mode, text) in [
        (
            "shadow",
            0o640,
            "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n",
        ),
        ("hosts", 0o644, "127.0.0.1 localhost\n::1 localhost\n"),
        ("hostname", 0o644, "saker-vm\n"),
        (
            "nsswitch.conf",
            0o644,
            "passwd: files\ngroup: files\nshadow: files\nhosts: files\n",
        ),
        ("pam.d/common-auth", 0o644, "auth required pam_unix.so\n"),
    ] {
        let path = root.join("etc").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    link("dash", &root.join("usr/bin/sh"))?;
    link("mawk", &root.join("usr/bin/awk"))?;
    for name in [
        "var/log",
        "var/tmp",
        "var/lib/misc",
        "usr/local/bin",
        "usr/local/sbin",
        "usr/local/lib",
    ] {
        fs::create_dir_all(root.join(name))?;
    }
    Ok(())
}

/// Removes a path, or with a `*` at its end all that begin like it.
fn remove(pattern: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (pattern.parent(), pattern.file_name()) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    let (start, exact) = match name.strip_suffix('*') {
        Some(start) => (start, false),
        None => (&*name, true),
    };
    for entry in fs::read_dir(parent).into_iter().flatten() {
        let entry = entry?;
        let found = entry.file_name().to_string_lossy().into_owned();
        if found != start && (exact || !found.starts_with(start)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_remove_what_they_name() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["doc/x", "documents", "libasan.a", "libasan.so.8", "libc.a"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        for pattern in ["doc", "libasan*", "none/at*"] {
            remove(&dir.path().join(pattern)).expect("removed");
        }
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .expect("there")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        left.sort();
        assert_eq!(left, ["documents", "libc.a"]);
    }
}
