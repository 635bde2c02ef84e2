//! Whether a kernel demands signed modules, and what to do about it.

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

/// How to get a module signed and the key trusted, in one line.
pub(crate) fn how_to_sign(host: &Host) -> String {
    let install = match (host.program("mokutil"), distro::family(host)) {
        (Some(_), _) => String::new(),
        (None, None) => "install mokutil; ".to_owned(),
        (None, family) => distro::install(family, &[Part::Mokutil], host.release()) + "; ",
    };
    let enrol = |certificate: &str| {
        format!(
            "{install}mokutil --import {certificate}, reboot and confirm in the firmware's MOK manager"
        )
    };
    match machine_keys(host) {
        Some((key, certificate)) => {
            let (key, certificate) = (key.display(), certificate.display().to_string());
            format!(
                "saker driver build --sign-key {key} --sign-cert {certificate}; unless it is enrolled: {}",
                enrol(&certificate)
            )
        }
        None => format!(
            "openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=saker/ -outform DER \
             -keyout saker.key -out saker.der; saker driver build --sign-key saker.key --sign-cert \
             saker.der; {}",
            enrol("saker.der")
        ),
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
        let text = how_to_sign(&host);
        assert!(text.starts_with("openssl req"), "{text}");
        assert!(text.contains("mokutil --import saker.der"), "{text}");

        let (_root, host) = machine(
            "6.1.0",
            &[
                ("/var/lib/dkms/mok.key", b"k"),
                ("/var/lib/dkms/mok.pub", b"c"),
            ],
        );
        let text = how_to_sign(&host);
        assert!(text.starts_with("saker driver build --sign-key "), "{text}");
        assert!(text.contains("/var/lib/dkms/mok.pub, reboot"), "{text}");
    }
}
