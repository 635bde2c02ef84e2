//! Builds a kernel module out of tree for a kernel of the test bed, and never in the source tree.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::cache::Cache;
use crate::fetch::{self, Files};
use crate::kernel::{Compiler, Kernel};
use crate::process;

/// Longest build, for a kernel that is not slow.
const LIMIT: Duration = Duration::from_secs(300);
/// Where the module's source lies below the work directory, and in the repository.
const SOURCE: &str = "driver-kmod/kmod";
/// Where the headers it shares with user space lie, in both.
const ABI: &str = "driver-abi";
/// Compiler of the unpacked toolchain.
const UNPACKED_COMPILER: &str = "gcc-14";
/// What Kbuild says about every module built with another compiler, or without the kernel's own ELF.
const HARMLESS: [&str; 4] = [
    "the compiler differs from the one used",
    "pahole version differs from the one used",
    "Skipping BTF generation",
    // The headers of 7.x, for a compiler that is newer than the toolchain's.
    "'counted_by' attribute directive ignored",
];
/// What Kbuild says, and goes on, when C=1 cannot be had.
const NO_SPARSE: &str = "specified, but sparse is not available";
/// Takes `Module.symvers` out of the headers `$1`, in a mount namespace of its own. Nothing of the host changes.
const HIDE_SYMVERS: &str = "set -e; mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work; \
    mount -t overlay -o lowerdir=\"$1\",upperdir=/mnt/upper,workdir=/mnt/work none \"$1\"; \
    rm \"$1/Module.symvers\"";
/// What a build leaves in the source; not to be copied.
const PRODUCTS: [&str; 6] = ["o", "ko", "mod", "cmd", "symvers", "order"];

/// A module to build.
#[derive(Debug, Clone)]
pub struct Build {
    source: PathBuf,
    abi: Option<PathBuf>,
    arguments: Vec<String>,
    strict: bool,
    prepared: bool,
}

/// A finished build.
#[derive(Debug)]
pub struct Built {
    /// The modules.
    pub modules: Vec<PathBuf>,
    /// Warnings of compiler, sparse and Kbuild.
    pub warnings: Vec<String>,
    /// All that make printed.
    pub output: String,
}

impl Build {
    /// Of the module in this directory, which holds a Kbuild file or a Makefile.
    pub fn new(source: impl Into<PathBuf>) -> Self {
        let source = source.into();
        let abi = source.join("../..").join(ABI);
        Self {
            abi: abi.is_dir().then_some(abi),
            source,
            arguments: Vec::new(),
            strict: false,
            prepared: false,
        }
    }

    /// Against headers that are only prepared: without `Module.symvers`, which building a kernel makes.
    #[must_use]
    pub fn prepared(mut self) -> Self {
        self.prepared = true;
        self
    }

    /// With `driver-abi` from elsewhere.
    #[must_use]
    pub fn abi(mut self, directory: PathBuf) -> Self {
        self.abi = Some(directory);
        self
    }

    /// With another argument of make, such as `W=1` or `C=1`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Warnings are errors.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Builds for `kernel` in the directory `work`, whose content is replaced. The module's source is
    /// copied to `work/driver-kmod/kmod`, the headers it shares to `work/driver-abi`.
    ///
    /// # Errors
    /// When the build fails, or warns and is strict, with make's output.
    pub fn run(&self, cache: &Cache, kernel: Kernel, work: &Path) -> Result<Built> {
        let what = || format!("building {} for kernel {kernel}", self.source.display());
        self.run_in(cache, kernel, work).with_context(what)
    }

    fn run_in(&self, cache: &Cache, kernel: Kernel, work: &Path) -> Result<Built> {
        let files = fetch::kernel(cache, kernel, false)?;
        let work = std::path::absolute(work)?;
        let source = work.join(SOURCE);
        self.copy(&work)?;
        ensure!(
            !self.prepared || matches!(kernel.compiler(), Compiler::Host(_)),
            "headers of {kernel} are not hidden from the toolchain's root"
        );
        let mut command = match kernel.compiler() {
            Compiler::Host(compiler) if process::installed(compiler) => {
                self.on_host(&files, &work, compiler)
            }
            _ => self.in_toolchain(&files, &work, &fetch::toolchain(cache, false)?)?,
        };
        let output = process::run(command.env("LC_ALL", "C"), LIMIT * kernel.slowness())?;
        let mut modules = Vec::new();
        for entry in fs::read_dir(&source)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ko") {
                modules.push(path);
            }
        }
        modules.sort();
        ensure!(
            !modules.is_empty(),
            "make succeeded and made no module\n{output}"
        );
        if output.contains(NO_SPARSE) {
            bail!(
                "sparse did not run: {NO_SPARSE} (Debian's headers of 7.x lack scripts it needs)"
            );
        }
        let warnings = warnings(&output);
        if self.strict && !warnings.is_empty() {
            bail!("{} warnings:\n{}", warnings.len(), warnings.join("\n"));
        }
        Ok(Built {
            modules,
            warnings,
            output,
        })
    }

    fn copy(&self, work: &Path) -> Result<()> {
        for (name, from) in [(SOURCE, Some(&self.source)), (ABI, self.abi.as_ref())] {
            let to = work.join(name);
            if to.exists() {
                fs::remove_dir_all(&to).with_context(|| to.display().to_string())?;
            }
            if let Some(from) = from {
                copy_tree(from, &to).with_context(|| format!("copying {}", from.display()))?;
            }
        }
        Ok(())
    }

    fn make(&self, command: &mut Command, headers: &Path, work: &Path, compiler: &str) {
        command.arg("-C").arg(headers);
        command.arg(format!("M={}", work.join(SOURCE).display()));
        command.arg(format!("SAKER_ABI_DIR={}", work.join(ABI).display()));
        command.arg(format!("CC={compiler}"));
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        command
            .arg(format!("-j{jobs}"))
            .args(&self.arguments)
            .arg("modules");
    }

    fn on_host(&self, files: &Files, work: &Path, compiler: &str) -> Command {
        let headers = files.headers_path();
        let mut command = if self.prepared {
            let mut command = Command::new("unshare");
            let script = format!("{HIDE_SYMVERS}; shift; exec make \"$@\"");
            command.args(["--mount", "--propagation", "private", "sh", "-c"]);
            command.args([script.as_str(), "sh"]).arg(&headers);
            command
        } else {
            Command::new("make")
        };
        self.make(&mut command, &headers, work, compiler);
        command
    }

    /// In the root of the unpacked toolchain, with kernel and work directory mounted there in a mount
    /// namespace of its own: nothing is left behind, and builds can run side by side.
    fn in_toolchain(&self, files: &Files, work: &Path, toolchain: &Path) -> Result<Command> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "the unpacked toolchain runs in a chroot: be root"
        );
        let script = "set -e; root=$1; mount --bind \"$2\" $root/kernel; mount --bind \"$3\" $root/work; \
            mount --rbind /dev $root/dev; mount -t proc proc $root/proc; shift 3; \
            exec chroot $root env -i PATH=/usr/bin:/usr/sbin LC_ALL=C make \"$@\"";
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ]);
        command.arg(toolchain).arg(&files.root).arg(work);
        let headers = Path::new("/kernel").join(&files.headers);
        // W=1 checks comments with a script that wants all of Perl or Python; builds on the host check
        // the same comments.
        command.arg("cmd_checkdoc=");
        self.make(
            &mut command,
            &headers,
            Path::new("/work"),
            UNPACKED_COMPILER,
        );
        Ok(command)
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        let extension = source.extension().and_then(|extension| extension.to_str());
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if !extension.is_some_and(|extension| PRODUCTS.contains(&extension)) {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Lines with a warning in the output of make.
fn warnings(output: &str) -> Vec<String> {
    let is_warning = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.contains("warning:")
            && !HARMLESS
                .iter()
                .any(|text| line.contains(&text.to_ascii_lowercase()))
    };
    output
        .lines()
        .filter(is_warning)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_found() {
        let output = "warning: the compiler differs from the one used to build the kernel\n\
            /work/a.c:1:2: warning: unused variable 'x' [-Wunused-variable]\n\
            /k/fs.h:1:9: warning: 'counted_by' attribute directive ignored [-Wattributes]\n\
            Skipping BTF generation for /work/saker.ko due to unavailability of vmlinux\n\
            WARNING: modpost: missing MODULE_DESCRIPTION() in saker.o\n  LD [M] /work/saker.ko\n";
        let found = warnings(output);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn sources_are_copied_without_products() {
        let dir = tempfile::tempdir().expect("a directory");
        let source = dir.path().join("repo/driver-kmod/kmod");
        fs::create_dir_all(source.join("compat")).expect("made");
        fs::create_dir_all(dir.path().join("repo/driver-abi/include")).expect("made");
        for name in [
            "main.c",
            "main.o",
            ".main.o.cmd",
            "saker.ko",
            "compat/compat.h",
            "Kbuild",
        ] {
            fs::write(source.join(name), name).expect("written");
        }
        fs::write(dir.path().join("repo/driver-abi/include/a.h"), "").expect("written");
        let work = dir.path().join("work");
        Build::new(&source).copy(&work).expect("copied");
        let there = |path: &str| work.join(path).exists();
        assert!(there("driver-kmod/kmod/main.c") && there("driver-kmod/kmod/compat/compat.h"));
        assert!(there("driver-kmod/kmod/Kbuild") && there("driver-abi/include/a.h"));
        assert!(!there("driver-kmod/kmod/main.o") && !there("driver-kmod/kmod/saker.ko"));
        assert!(!there("driver-kmod/kmod/.main.o.cmd"));
        fs::write(work.join("driver-kmod/kmod/stale.c"), "").expect("written");
        Build::new(&source).copy(&work).expect("copied again");
        assert!(!there("driver-kmod/kmod/stale.c"));
    }
}
