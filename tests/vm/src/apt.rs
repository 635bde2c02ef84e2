//! Debian packages of any suite, through a root of apt's own state: the system's is not touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::process;
use crate::sources::Mirror;

/// Attempts to get the lists of a suite; mirrors fail now and then while they are updated.
const UPDATES: u32 = 3;
/// Longest attempt to get the lists.
const UPDATE_LIMIT: Duration = Duration::from_secs(120);
/// Longest download of one set of packages.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
/// Longest question about a package.
const QUERY_LIMIT: Duration = Duration::from_secs(60);
/// Longest unpacking of one package.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);
/// Most packages of a family; more would be a loop.
const MAX_FAMILY: usize = 64;

/// A package as the archive describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Names it depends on, the first of alternatives.
    pub depends: Vec<String>,
}

/// Apt's state for one suite.
#[derive(Debug)]
pub struct Apt {
    root: PathBuf,
    suite: String,
}

impl Apt {
    /// Gets the lists of a suite.
    ///
    /// # Errors
    /// When this machine's apt names no mirror, or the lists do not come.
    pub fn update(cache: &Cache, mirror: &Mirror, suite: &str) -> Result<Self> {
        let root = cache.path(&format!("apt/{suite}"));
        for directory in ["lists/partial", "cache/archives/partial", "sources", "none"] {
            let directory = root.join(directory);
            fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        }
        fs::write(root.join("status"), "")?;
        fs::write(root.join("sources/saker.sources"), mirror.sources(suite))?;
        fs::write(root.join("apt.conf"), configuration(&root))?;
        let apt = Self {
            root,
            suite: suite.to_owned(),
        };
        let mut attempt = 1;
        loop {
            match process::run(&mut apt.command("apt-get", &["update"]), UPDATE_LIMIT) {
                Ok(_) => return Ok(apt),
                Err(error) if attempt < UPDATES => {
                    eprintln!(
                        "attempt {attempt} of {UPDATES} to get the lists of {suite}: {error}"
                    );
                    attempt += 1;
                }
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!(
                            "the lists of {suite} did not come in {UPDATES} attempts; the mirror is \
                             the one in this machine's apt sources"
                        )
                    });
                }
            }
        }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(["-q", "-o", "Dpkg::Use-Pty=0", "-c"])
            .arg(self.root.join("apt.conf"))
            .args(arguments)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// The newest version of a package.
    ///
    /// # Errors
    /// When the suite has no such package.
    pub fn show(&self, name: &str) -> Result<Package> {
        let mut command = self.command("apt-cache", &["show", "--no-all-versions", name]);
        let text = process::run(&mut command, QUERY_LIMIT)
            .with_context(|| format!("{} has no package {name}", self.suite))?;
        parse_package(&text).with_context(|| format!("{name} in {}: no package", self.suite))
    }

    /// `names` and what they depend on, as far as `follow` accepts it, by name.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn family(
        &self,
        names: &[&str],
        follow: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Package>> {
        let mut family = BTreeMap::new();
        let mut todo: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        while let Some(name) = todo.pop() {
            if family.contains_key(&name) {
                continue;
            }
            if family.len() == MAX_FAMILY {
                bail!(
                    "{names:?} in {} depend on more than {MAX_FAMILY} packages",
                    self.suite
                );
            }
            let package = self.show(&name)?;
            todo.extend(package.depends.iter().filter(|name| follow(name)).cloned());
            family.insert(name, package);
        }
        Ok(family)
    }

    /// Downloads packages, without what they depend on, into `directory`.
    ///
    /// # Errors
    /// When the download fails.
    pub fn download<'a>(
        &self,
        packages: impl IntoIterator<Item = &'a Package>,
        directory: &Path,
    ) -> Result<()> {
        let mut command = self.command("apt-get", &["download"]);
        for package in packages {
            command.arg(format!("{}={}", package.name, package.version));
        }
        process::run(command.current_dir(directory), DOWNLOAD_LIMIT)?;
        Ok(())
    }

    /// Downloads packages and all they depend on into `directory`.
    ///
    /// # Errors
    /// When the download fails.
    pub fn download_all(&self, names: &[&str], directory: &Path) -> Result<()> {
        fs::create_dir_all(directory.join("partial"))?;
        let mut archives = std::ffi::OsString::from("Dir::Cache::archives=");
        archives.push(directory);
        let mut command = self.command("apt-get", &["install", "-y", "--download-only"]);
        command
            .arg("--no-install-recommends")
            .arg("-o")
            .arg(archives)
            .args(names);
        process::run(&mut command, DOWNLOAD_LIMIT)?;
        Ok(())
    }
}

/// A configuration that replaces what belongs to the system, and keeps what belongs to the network
/// (proxies, keys).
fn configuration(root: &Path) -> String {
    let root = root.display();
    format!(
        r#"Dir::State "{root}";
Dir::State::status "{root}/status";
Dir::State::lists "{root}/lists";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{root}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{root}/none";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures {{ "amd64"; }};
APT::Default-Release "";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
APT::Update::Error-Mode "any";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"#
    )
}

/// The first package in the output of `apt-cache show`.
fn parse_package(text: &str) -> Option<Package> {
    let field = |wanted: &str| {
        let mut lines = text.lines().take_while(|line| !line.is_empty());
        lines.find_map(|line| Some(line.strip_prefix(wanted)?.trim().to_owned()))
    };
    let depends = field("Depends:").unwrap_or_default();
    // name (>= version) | alternative, next:any
    let first = |clause: &str| {
        let mut words = clause.split([' ', '|', '(', ':']);
        words.find(|word| !word.is_empty()).map(str::to_owned)
    };
    Some(Package {
        name: field("Package:")?,
        version: field("Version:")?,
        depends: depends.split(',').filter_map(first).collect(),
    })
}

/// Unpacks all packages in `directory` into `root`; returns `name version` of each, sorted.
///
/// # Errors
/// When a package is damaged.
pub fn unpack_all(directory: &Path, root: &Path) -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "deb") {
            continue;
        }
        let mut query = Command::new("dpkg-deb");
        query
            .arg("-W")
            .arg("--showformat=${Package} ${Version}")
            .arg(&path);
        packages.push(process::run(&mut query, UNPACK_LIMIT)?.trim().to_owned());
        unpack(&path, root)?;
    }
    packages.sort();
    Ok(packages)
}

/// Unpacks a package into `root`, through the links of a merged /usr.
fn unpack(package: &Path, root: &Path) -> Result<()> {
    // dpkg-deb -x would replace the links by directories.
    let script = "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | \
                  tar -x --keep-directory-symlink --numeric-owner -C \"$2\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash"]).arg(package).arg(root);
    process::run(&mut command, UNPACK_LIMIT)?;
    Ok(())
}

/// The directories of a root with a merged /usr.
///
/// # Errors
/// When the file system refuses.
pub fn make_merged_root(root: &Path) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        fs::create_dir_all(root.join("usr").join(name))?;
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name))?;
    }
    for name in [
        "etc", "proc", "sys", "dev", "run", "tmp", "var", "root", "mnt", "home",
    ] {
        fs::create_dir_all(root.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read() {
        let text = "Package: linux-image-amd64\nSource: linux\nVersion: 6.1.9-1\n\
            Depends: linux-image-6.1-amd64 (= 6.1.9-1), gcc-12:any | gcc, libc6 (>> 2.36)\n\
            Description: x\n\nPackage: other\nVersion: 1\n";
        let package = parse_package(text).expect("a package");
        assert_eq!(package.name, "linux-image-amd64");
        assert_eq!(package.version, "6.1.9-1");
        assert_eq!(
            package.depends,
            ["linux-image-6.1-amd64", "gcc-12", "libc6"]
        );
        assert_eq!(parse_package("N: nothing found\n"), None);
        let bare = parse_package("Package: p\nVersion: 2\n\nDepends: q\n").expect("a package");
        assert!(bare.depends.is_empty());
    }

    #[test]
    fn merged_roots_have_links() {
        let dir = tempfile::tempdir().expect("a directory");
        make_merged_root(dir.path()).expect("made");
        fs::write(dir.path().join("bin/x"), "").expect("through the link");
        assert!(dir.path().join("usr/bin/x").exists());
    }
}
