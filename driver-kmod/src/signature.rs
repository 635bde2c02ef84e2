//! Whether a kernel demands signed modules, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use crate::Host;
use crate::distro::{self, Part};

/// The variable of the firmware that tells whether Secure Boot is on: 4 bytes of attributes, 1 of value.
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Pairs of keys that DKMS and distributions make for modules built on the machine.
const MACHINE_KEYS: [(&str, &str); 2] = [
    (
        "/var/lib/shim-signed/mok/MOK.priv",
        "/var/lib/shim-signed/mok/MOK.der",
    ),
    ("/var/lib/dkms/mok.key", "/var/lib/dkms/mok.pub"),
];

/// Why the running kernel loads signed modules only; `None` when it does not, as far as it tells.
pub(crate) fn demanded(host: &Host) -> Option<&'static str> {
    if enforced(host) {
        return Some("it enforces module signatures (module.sig_enforce)");
    }
    match lockdown(host).as_deref() {
        Some("integrity" | "confidentiality") if secure_boot(host) => {
            Some("it is locked down, as it was started by Secure Boot")
        }
        Some("integrity" | "confidentiality") => Some("it is locked down"),
        _ => None,
    }
}

fn enforced(host: &Host) -> bool {
    let value = host.read("/sys/module/module/parameters/sig_enforce");
    value.is_ok_and(|value| value.trim() == "Y")
}

/// The mode of the kernel's lockdown, which is the word in brackets.
pub(crate) fn lockdown(host: &Host) -> Option<String> {
    let modes = host.read("/sys/kernel/security/lockdown").ok()?;
    let mode = modes.split_once('[')?.1.split_once(']')?.0;
    Some(mode.to_owned())
}

fn secure_boot(host: &Host) -> bool {
    std::fs::read(host.path(SECURE_BOOT)).is_ok_and(|value| value.get(4) == Some(&1))
}

/// Key and certificate made on this machine for modules, if there are any.
fn machine_keys(host: &Host) -> Option<(PathBuf, PathBuf)> {
    MACHINE_KEYS
        .map(|(key, certificate)| (host.path(key), host.path(certificate)))
        .into_iter()
        .find(|(key, certificate)| key.is_file() && certificate.is_file())
}

/// How to get a module signed and the key trusted: commands, one after the other.
pub(crate) fn how_to_sign(host: &Host) -> Hints {
    let (make, key, certificate) = match machine_keys(host) {
        Some((key, certificate)) => (None, key, certificate),
        None => (
            Some(
                "openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=saker/ \
                 -outform DER -keyout saker.key -out saker.der",
            ),
            PathBuf::from("saker.key"),
            PathBuf::from("saker.der"),
        ),
    };
    let certificate = certificate.display().to_string();
    let sign = format!(
        "saker driver build --sign-key {} --sign-cert {certificate}",
        key.display()
    );
    let make = make.into_iter().map(str::to_owned);
    Hints(
        make.chain([sign])
            .chain(how_to_enrol(host, &certificate).0)
            .collect(),
    )
}

/// How to make the kernel trust a certificate.
pub(crate) fn how_to_enrol(host: &Host, certificate: &str) -> Hints {
    let install = match (host.program("mokutil"), distro::family(host)) {
        (Some(_), _) => None,
        (None, None) => Some("install mokutil".to_owned()),
        (None, family) => Some(distro::install(family, &[Part::Mokutil], host.release())),
    };
    let enrol = format!(
        "unless the key is enrolled: mokutil --import {certificate}, reboot and confirm in the \
         firmware's MOK manager"
    );
    Hints(install.into_iter().chain([enrol]).collect())
}

/// Things to do, one after the other; one to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hints(Vec<String>);

impl From<&str> for Hints {
    fn from(hint: &str) -> Self {
        Self(vec![hint.to_owned()])
    }
}

impl fmt::Display for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n  = hint: "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::machine;

    const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

    #[test]
    fn demands_are_read_from_the_kernel() {
        for (files, word) in [
            (vec![], None),
            (
                vec![("/sys/module/module/parameters/sig_enforce", &b"N\n"[..])],
                None,
            ),
            (
                vec![("/sys/module/module/parameters/sig_enforce", &b"Y\n"[..])],
                Some("enforces"),
            ),
            (
                vec![(LOCKDOWN, &b"[none] integrity confidentiality\n"[..])],
                None,
            ),
            (vec![(LOCKDOWN, &b"garbage"[..])], None),
            (
                vec![(LOCKDOWN, &b"none [integrity] confidentiality\n"[..])],
                Some("locked down"),
            ),
            (
                vec![
                    (LOCKDOWN, &b"none integrity [confidentiality]\n"[..]),
                    (SECURE_BOOT, &b"\x06\0\0\0\x01"[..]),
                ],
                Some("Secure Boot"),
            ),
        ] {
            let (_root, host) = machine("6.1.0", &files);
            let demand = demanded(&host);
            match word {
                Some(word) => assert!(demand.is_some_and(|text| text.contains(word)), "{demand:?}"),
                None => assert_eq!(demand, None),
            }
        }
    }

    #[test]
    fn keys_of_the_machine_are_offered_first() {
        let (_root, host) = machine("6.1.0", &[]);
        let text = how_to_sign(&host).to_string();
        assert!(text.starts_with("openssl req"), "{text}");
        assert!(text.contains("mokutil --import saker.der"), "{text}");

        let (_root, host) = machine(
            "6.1.0",
            &[
                ("/var/lib/dkms/mok.key", b"k"),
                ("/var/lib/dkms/mok.pub", b"c"),
            ],
        );
        let text = how_to_sign(&host).to_string();
        assert!(text.starts_with("saker driver build --sign-key "), "{text}");
        assert!(text.contains("mok.pub, reboot"), "{text}");
    }
}
