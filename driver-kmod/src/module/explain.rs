//! What the kernel's refusal to load a module means.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::Host;
use crate::signature::{self, Hints};

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

/// What an error number means when a module is loaded, signed or not.
pub(super) fn explain(
    host: &Host,
    path: PathBuf,
    signed: bool,
    errno: Errno,
    log: Vec<String>,
) -> Refusal {
    let (reason, hint) = match errno {
        Errno::NOKEY | Errno::KEYREJECTED if signed => (
            "it is signed, but not with a key this kernel trusts".to_owned(),
            signature::how_to_enrol(host, "the certificate it was signed with"),
        ),
        Errno::NOKEY | Errno::KEYREJECTED => (
            "it is not signed, and this kernel loads signed modules only".to_owned(),
            signature::how_to_sign(host),
        ),
        Errno::PERM | Errno::ACCESS => not_permitted(host),
        other => {
            let (reason, hint) = plain(other);
            (reason, hint.into())
        }
    };
    Refusal {
        path,
        errno: Some(errno.raw_os_error()),
        reason,
        hint: hint.to_string(),
        log,
    }
}
/// The meanings that do not depend on the machine.
fn plain(errno: Errno) -> (String, &'static str) {
    let (reason, hint) = match errno {
        Errno::BADMSG => (
            "its signature is damaged",
            "build and sign it again: saker driver build",
        ),
        Errno::NOPKG => (
            "this kernel does not know the algorithm of its signature",
            "build it again with the headers of this kernel: saker driver build",
        ),
        Errno::NOEXEC | Errno::INVAL => (
            "it does not fit this kernel, though it is for one of this name",
            "the headers it was built with are not exactly this kernel's: install them again, then \
             saker driver build",
        ),
        Errno::NOENT => (
            "it needs a symbol that this kernel does not export",
            "build it with the headers of this kernel: saker driver build",
        ),
        Errno::NOSYS => (
            "this kernel is built without modules",
            "use the eBPF driver (driver: ebpf)",
        ),
        Errno::BUSY => (
            "it is being loaded or unloaded by somebody else",
            "try again",
        ),
        Errno::TXTBSY => (
            "the file is open for writing",
            "wait until it is written, then try again",
        ),
        Errno::NOMEM => ("there is not enough memory", "free some, then try again"),
        other => return (describe(other), "the kernel's log may tell more: dmesg"),
    };
    (reason.to_owned(), hint)
}

fn describe(errno: Errno) -> String {
    io::Error::from(errno).to_string()
}

/// Which of the reasons for `EPERM` it is.
fn not_permitted(host: &Host) -> (String, Hints) {
    let disabled = host.read("/proc/sys/kernel/modules_disabled");
    if disabled.is_ok_and(|value| value.trim() == "1") {
        return (
            "loading modules was switched off until the next boot (kernel.modules_disabled)"
                .to_owned(),
            "reboot and load the module before it is switched off, or use the eBPF driver".into(),
        );
    }
    if !may_load(host) {
        return (
            "this process may not load modules".to_owned(),
            "run as root, outside of containers, or with CAP_SYS_MODULE".into(),
        );
    }
    match signature::lockdown(host).as_deref() {
        Some(mode @ ("integrity" | "confidentiality")) => (
            format!("the kernel is locked down ({mode}) and loads signed modules only"),
            signature::how_to_sign(host),
        ),
        _ => (
            "a security module (SELinux, AppArmor, LoadPin) forbids it".to_owned(),
            "its log tells which rule: ausearch -m avc, or dmesg".into(),
        ),
    }
}

/// Whether this process has what loading takes. What cannot be read is taken as fulfilled.
fn may_load(host: &Host) -> bool {
    let status = host.read("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok());
    let capable = capabilities.is_none_or(|capabilities| capabilities >> SYS_MODULE & 1 == 1);
    // In another user namespace capabilities are good for that one only.
    let map = host.read("/proc/self/uid_map").ok();
    let initial = map.is_none_or(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    capable && initial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::machine;

    fn text(host: &Host, errno: Errno) -> String {
        explain(host, "/x/saker.ko".into(), false, errno, Vec::new()).to_string()
    }

    #[test]
    fn each_refusal_says_why_and_what_to_do() {
        let (_root, host) = machine("6.1.0", &[]);
        for (errno, why, what) in [
            (Errno::NOKEY, "it is not signed", "mokutil --import"),
            (Errno::KEYREJECTED, "it is not signed", "--sign-key"),
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
    fn a_foreign_signature_is_to_be_enrolled_not_replaced() {
        let (_root, host) = machine("6.1.0", &[]);
        let text = explain(&host, "s.ko".into(), true, Errno::KEYREJECTED, Vec::new()).to_string();
        assert!(text.contains("not with a key this kernel trusts"), "{text}");
        assert!(
            text.contains("mokutil --import") && !text.contains("--sign-key"),
            "{text}"
        );
    }

    #[test]
    fn a_refusal_quotes_the_kernel_s_log() {
        let (_root, host) = machine("6.1.0", &[]);
        let log = vec!["saker: Unknown symbol x (err -2)".to_owned()];
        let text = explain(&host, "s.ko".into(), false, Errno::NOENT, log).to_string();
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
                    (
                        "/proc/self/uid_map",
                        &b"         0     100000      65536\n"[..],
                    ),
                ],
                "outside of containers",
            ),
            (
                vec![
                    (
                        "/proc/self/uid_map",
                        &b"         0          0 4294967295\n"[..],
                    ),
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
