//! Loads the module and translates the kernel's refusals.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;

use super::explain::{Refusal, explain};
use super::find::{Found, Origin, compression, find};
use super::kernel_log::KernelLog;
use super::status::is_loaded;
use crate::build::built_path;
use crate::modinfo::{ModInfo, ModInfoError};
use crate::{Host, MODULE_NAME, command};

/// `MODULE_INIT_COMPRESSED_FILE` of `<linux/module.h>`.
const COMPRESSED_FILE: i32 = 4;
/// How long modprobe may take.
const MODPROBE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the module was not loaded; the text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel is built without modules.
    #[error(
        "kernel {0} is built without modules (there is no /proc/modules)\n  \
         = hint: use the eBPF driver (driver: ebpf)"
    )]
    NoModules(String),
    /// It is loaded already.
    #[error(
        "the module is loaded already\n  \
         = hint: saker driver status tells which; saker driver unload removes it"
    )]
    AlreadyLoaded,
    /// There is no module for the kernel.
    #[error(
        "there is no module for kernel {release}: not below /lib/modules/{release} and not {}\n  \
         = hint: saker driver build",
        built.display()
    )]
    NotFound {
        /// The running kernel.
        release: String,
        /// Where `saker driver build` puts it.
        built: PathBuf,
    },
    /// The file is no module.
    #[error("{}: {error}\n  = hint: build it again: saker driver build", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ModInfoError,
    },
    /// The module is for another kernel.
    #[error(
        "{} is for kernel {built}, this one is {running}\n  \
         = hint: saker driver build",
        path.display()
    )]
    OtherKernel {
        /// The file.
        path: PathBuf,
        /// The kernel it was built for.
        built: String,
        /// The running kernel.
        running: String,
    },
    /// The module was built from another contract than this agent.
    #[error(
        "{} is of another version than this agent: its contract is {found:016x}, the agent's {:016x}\n  \
         = hint: saker driver build",
        path.display(),
        saker_abi::SCHEMA_HASH
    )]
    OtherContract {
        /// The file.
        path: PathBuf,
        /// Hash of its contract.
        found: u64,
    },
    /// The kernel refused it.
    #[error("{0}")]
    Refused(Refusal),
}

/// Loads a module file, or the one that is found for the running kernel; returns which.
///
/// # Errors
/// What keeps it from being loaded.
pub fn load(host: &Host, file: Option<&Path>) -> Result<Found, LoadError> {
    if !super::possible(host) {
        return Err(LoadError::NoModules(host.release().to_owned()));
    }
    if is_loaded(host) {
        return Err(LoadError::AlreadyLoaded);
    }
    let found = match file {
        Some(file) => Found::named(file),
        None => find(host).ok_or_else(|| LoadError::NotFound {
            release: host.release().to_owned(),
            built: built_path(host, host.release()),
        })?,
    };
    let path = found.path.clone();
    let compression = compression(&path);
    let info = match compression {
        None => Some(read(&path)?),
        Some(_) => None,
    };
    let log = KernelLog::mark(host);
    let result = match compression {
        None => finit_module(&path, 0),
        Some(kind) if kernel_decompresses(host, kind) => finit_module(&path, COMPRESSED_FILE),
        Some(_) if found.origin == Origin::Installed => {
            return modprobe(host, &path, log).map(|()| found);
        }
        Some(_) => {
            let error = ModInfoError::NotAModule("this kernel does not decompress; decompress it");
            return Err(LoadError::File { path, error });
        }
    };
    match result {
        Ok(()) => Ok(found),
        Err(errno) => Err(refusal(host, path, info.as_ref(), errno, log.lines())),
    }
}

/// Says before the kernel does what a file is, because the kernel says `ENOEXEC` to all of it. Whether a
/// module for another kernel fits is left to the kernel: with CONFIG_MODVERSIONS it may.
fn read(path: &Path) -> Result<ModInfo, LoadError> {
    let path = path.to_owned();
    match ModInfo::read(&path) {
        Ok(info) => match info.schema_hash() {
            Some(found) if found != saker_abi::SCHEMA_HASH => {
                Err(LoadError::OtherContract { path, found })
            }
            _ => Ok(info),
        },
        Err(error) => Err(LoadError::File { path, error }),
    }
}

fn refusal(
    host: &Host,
    path: PathBuf,
    info: Option<&ModInfo>,
    errno: Errno,
    log: Vec<String>,
) -> LoadError {
    let built = info.and_then(ModInfo::release);
    match (errno, built) {
        (Errno::EXIST, _) => LoadError::AlreadyLoaded,
        (Errno::NOEXEC | Errno::INVAL, Some(built)) if built != host.release() => {
            LoadError::OtherKernel {
                path,
                built: built.to_owned(),
                running: host.release().to_owned(),
            }
        }
        _ => {
            let signed = info.is_some_and(|info| info.signed);
            LoadError::Refused(explain(host, path, signed, errno, log))
        }
    }
}

/// Whether the kernel reads files compressed like that (since 5.17, one kind by configuration).
fn kernel_decompresses(host: &Host, kind: &str) -> bool {
    let known = host.read("/sys/module/compression");
    known.is_ok_and(|known| known.trim() == kind)
}

fn finit_module(path: &Path, flags: i32) -> Result<(), Errno> {
    let file = File::open(path).map_err(|error| errno_of(&error))?;
    rustix::system::finit_module(&file, c"", flags)
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// Modprobe decompresses what the kernel does not.
fn modprobe(host: &Host, path: &Path, log: KernelLog) -> Result<(), LoadError> {
    let refused = |reason: String, hint: &str| {
        LoadError::Refused(Refusal {
            path: path.to_owned(),
            errno: None,
            reason,
            hint: hint.to_owned(),
            log: Vec::new(),
        })
    };
    let Some(program) = host.program("modprobe") else {
        return Err(refused(
            "it is compressed and there is no modprobe".to_owned(),
            "install kmod, or build the module with saker driver build",
        ));
    };
    let mut command = Command::new(program);
    command.args(["--", MODULE_NAME]).env("LC_ALL", "C");
    let hint = "run depmod -a, or build the module with saker driver build";
    let finished = command::run(command, MODPROBE_TIMEOUT)
        .map_err(|error| refused(format!("modprobe {error}"), hint))?;
    if finished.status.success() {
        return Ok(());
    }
    let output: Vec<&str> = finished.output.lines().map(str::trim).take(3).collect();
    let mut error = refused(format!("modprobe says: {}", output.join("; ")), hint);
    if let LoadError::Refused(refusal) = &mut error {
        refusal.log = log.lines();
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::tests::{machine, program};
    use crate::modinfo::tests::elf;

    const REL: &str = "6.1.0-56-amd64";

    #[test]
    fn what_cannot_be_loaded_is_told_before_the_kernel_is_asked() {
        let (_root, host) = machine(REL, &[]);
        assert!(matches!(load(&host, None), Err(LoadError::NoModules(_))));

        let (root, host) = machine(REL, &[("/proc/modules", b"saker 1 0 - Live 0x0 (OE)\n")]);
        assert!(matches!(load(&host, None), Err(LoadError::AlreadyLoaded)));
        drop(root);

        let (root, host) = machine(REL, &[("/proc/modules", b"ext4 1 0 - Live 0x0\n")]);
        let error = load(&host, None).expect_err("nothing to load").to_string();
        assert!(error.contains("saker driver build"), "{error}");

        let other = root.path().join("other.ko");
        fs::write(&other, elf(&["vermagic=5.10.0-1-amd64 SMP "])).expect("written");
        let info = ModInfo::read(&other).expect("a module");
        let refused = |errno| refusal(&host, other.clone(), Some(&info), errno, Vec::new());
        let error = refused(Errno::NOEXEC).to_string();
        assert!(
            error.contains("is for kernel 5.10.0-1-amd64, this one is 6.1.0-56"),
            "{error}"
        );
        assert!(refused(Errno::NOKEY).to_string().contains("not signed"));
        fs::write(
            &other,
            elf(&["schema=0x12ULL", "vermagic=6.1.0-56-amd64 SMP "]),
        )
        .expect("written");
        let error = load(&host, Some(&other)).expect_err("stale").to_string();
        assert!(
            error.contains("contract is 0000000000000012, the agent's"),
            "{error}"
        );
        assert!(matches!(refused(Errno::EXIST), LoadError::AlreadyLoaded));

        for garbage in [&b"garbage"[..], &elf(&["vermagic=6 "])[..100], b""] {
            fs::write(&other, garbage).expect("written");
            let error = load(&host, Some(&other)).expect_err("garbage");
            assert!(matches!(error, LoadError::File { .. }), "{error}");
        }
        let error = load(&host, Some(Path::new("/nowhere.ko")))
            .expect_err("absent")
            .to_string();
        assert!(error.contains("/nowhere.ko: No such file"), "{error}");
    }

    #[test]
    fn compressed_modules_are_left_to_modprobe() {
        let installed = format!("/lib/modules/{REL}/extra/saker.ko.xz");
        let files = [("/proc/modules", &b""[..]), (&installed, &b"xz"[..])];
        let (_root, host) = machine(REL, &files);
        let error = load(&host, None).expect_err("no modprobe").to_string();
        assert!(error.contains("there is no modprobe"), "{error}");
        program(&host, "modprobe", "echo FATAL: $2 is broken; exit 1");
        let error = load(&host, None).expect_err("fails").to_string();
        assert!(
            error.contains("modprobe says: FATAL: saker is broken"),
            "{error}"
        );
        program(&host, "modprobe", "exit 0");
        let loaded = load(&host, None).expect("loaded");
        assert_eq!(loaded.path, host.path(&installed));
        let error = load(&host, Some(&host.path(&installed)))
            .expect_err("by name")
            .to_string();
        assert!(error.contains("does not decompress"), "{error}");
    }
}
