//! What the kernel's refusal to load a module means.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::{Host, signature};

/// CAP_SYS_MODULE.
const SYS_MODULE: u32 = 16;

/// A refusal of the kernel.
#[derive(Debug)]
pub struct Refusal {
    /// The file.
    pub path: PathBuf,
    /// The error number.
    pub errno: Option<i32>,
    /// What it means here.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// What the kernel logged about it.
    pub log: Vec<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the kernel does not load {}: {}",
            self.path.display(),
            self.reason
        )?;
        for line in &self.log {
            write!(f, "\n  = kernel: {line}")?;
        }
        write!(f, "\n  = hint: {}", self.hint)
    }
}

/// What an error number means when a module is loaded.
pub(super) fn explain(host: &Host, path: PathBuf, errno: Errno, log: Vec<String>) -> Refusal {
    let (reason, hint) = match errno {
        Errno::NOKEY => (
            "it is not signed by a key this kernel trusts, and the kernel demands that".to_owned(),
            signature::how_to_sign(host),
        ),
        Errno::KEYREJECTED => (
            "its signature is by a key this kernel does not trust".to_owned(),
            signature::how_to_sign(host),
        ),
        Errno::BADMSG => (
            "its signature is damaged".to_owned(),
            "build and sign it again: saker driver build".to_owned(),
        ),
        Errno::NOPKG => (
            "this kernel does not know the algorithm of its signature".to_owned(),
            "build it again with the headers of this kernel: saker driver build".to_owned(),
        ),
        Errno::PERM | Errno::ACCESS => not_permitted(host),
        Errno::NOEXEC | Errno::INVAL => (
            format!(
                "it does not fit this kernel ({}), though it is for {}",
                describe(errno),
                host.release()
            ),
            "the headers it was built with are not exactly this kernel's: install them again, then \
             saker driver build"
                .to_owned(),
        ),
        Errno::NOENT => (
            "it needs a symbol that this kernel does not export".to_owned(),
            "build it with the headers of this kernel: saker driver build".to_owned(),
        ),
        Errno::NOSYS => (
            "this kernel is built without modules".to_owned(),
            "use the eBPF driver (driver: ebpf)".to_owned(),
        ),
        Errno::BUSY => (
            "it is being loaded or unloaded by somebody else".to_owned(),
            "try again".to_owned(),
        ),
        Errno::TXTBSY => (
            "the file is open for writing".to_owned(),
            "wait until it is written, then try again".to_owned(),
        ),
        Errno::NOMEM => (
            "there is not enough memory".to_owned(),
            "free some, then try again".to_owned(),
        ),
        other => (
            describe(other),
            "the kernel's log may tell more: dmesg".to_owned(),
        ),
    };
    Refusal {
        path,
        errno: Some(errno.raw_os_error()),
        reason,
        hint,
        log,
    }
}

fn describe(errno: Errno) -> String {
    io::Error::from(errno).to_string()
}

/// Which of the reasons for `EPERM` it is.
fn not_permitted(host: &Host) -> (String, String) {
    let disabled = host.read("/proc/sys/kernel/modules_disabled");
    if disabled.is_ok_and(|value| value.trim() == "1") {
        return (
            "loading modules was switched off until the next boot (kernel.modules_disabled)"
                .to_owned(),
            "reboot and load the module before it is switched off, or use the eBPF driver"
                .to_owned(),
        );
    }
    if !may_load(host) {
        return (
            "this process may not load modules".to_owned(),
            "run as root, outside of containers, or with CAP_SYS_MODULE".to_owned(),
        );
    }
    match signature::lockdown(host).as_deref() {
        Some(mode @ ("integrity" | "confidentiality")) => (
            format!("the kernel is locked down ({mode}) and loads signed modules only"),
            signature::how_to_sign(host),
        ),
        _ => (
            "a security module (SELinux, AppArmor, LoadPin) forbids it".to_owned(),
            "its log tells which rule: ausearch -m avc, or dmesg".to_owned(),
        ),
    }
}

fn may_load(host: &Host) -> bool {
    let status = host.read("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
    // Not known is not forbidden.
    capabilities.is_none_or(|capabilities| capabilities >> SYS_MODULE & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::machine;

    fn text(host: &Host, errno: Errno) -> String {
        explain(host, "/x/saker.ko".into(), errno, Vec::new()).to_string()
    }

    #[test]
    fn each_refusal_says_why_and_what_to_do() {
        let (_root, host) = machine("6.1.0", &[]);
        for (errno, why, what) in [
            (Errno::NOKEY, "not signed by a key", "mokutil --import"),
            (Errno::KEYREJECTED, "does not trust", "--sign-key"),
            (
                Errno::NOEXEC,
                "does not fit this kernel",
                "saker driver build",
            ),
            (Errno::NOENT, "a symbol", "saker driver build"),
            (Errno::NOSYS, "without modules", "driver: ebpf"),
            (Errno::PERM, "security module", "dmesg"),
            (Errno::IO, "os error 5", "dmesg"),
        ] {
            let text = text(&host, errno);
            assert!(text.contains(why) && text.contains(what), "{text}");
        }
    }

    #[test]
    fn a_refusal_quotes_the_kernel_s_log() {
        let (_root, host) = machine("6.1.0", &[]);
        let log = vec!["saker: Unknown symbol x (err -2)".to_owned()];
        let text = explain(&host, "s.ko".into(), Errno::NOENT, log).to_string();
        assert!(
            text.contains("\n  = kernel: saker: Unknown symbol x"),
            "{text}"
        );
    }

    #[test]
    fn reasons_for_eperm_are_told_apart() {
        let status = |caps: &'static [u8]| ("/proc/self/status", caps);
        for (files, word) in [
            (
                vec![("/proc/sys/kernel/modules_disabled", &b"1\n"[..])],
                "switched off",
            ),
            (
                vec![status(b"Name:\tx\nCapEff:\t0000000000000000\n")],
                "CAP_SYS_MODULE",
            ),
            (
                vec![
                    status(b"CapEff:\t000001ffffffffff\n"),
                    ("/sys/kernel/security/lockdown", &b"none [integrity]\n"[..]),
                ],
                "locked down (integrity)",
            ),
        ] {
            let (_root, host) = machine("6.1.0", &files);
            let text = text(&host, Errno::PERM);
            assert!(text.contains(word), "{text}");
        }
    }
}
