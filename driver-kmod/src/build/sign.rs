//! Signs the module with the program that comes with the kernel's headers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::config::Config;
use super::headers::{Headers, tool_problem};
use super::problem::{BuildError, HEADERS, Missing, MissingList};
use crate::Host;
use crate::{command, distro, signature};

const TIMEOUT: Duration = Duration::from_secs(30);
/// What kernels use that do not say.
const DEFAULT_HASH: &str = "sha256";

/// A key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignKey {
    /// Private key, PEM.
    pub key: PathBuf,
    /// Certificate, DER or PEM.
    pub certificate: PathBuf,
}

impl SignKey {
    /// Whether both files can be read, before a module is built for them.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        for path in [&self.key, &self.certificate] {
            std::fs::File::open(path).map_err(|error| BuildError::File {
                path: path.clone(),
                error,
                hint: "name the key with --sign-key and its certificate with --sign-cert",
            })?;
        }
        Ok(())
    }
}

/// Appends a signature to the module.
pub(super) fn sign(
    host: &Host,
    headers: &Headers,
    keys: &SignKey,
    module: &Path,
) -> Result<(), BuildError> {
    let tool = headers.dir.join("scripts/sign-file");
    let missing = if tool.is_file() {
        tool_problem(&tool)
    } else {
        Some(Missing::Incomplete {
            what: HEADERS,
            dir: headers.dir.clone(),
            file: "scripts/sign-file".into(),
        })
    };
    if let Some(missing) = missing {
        let family = distro::family(host);
        let list = MissingList::new(&headers.release, vec![missing], family);
        return Err(BuildError::Missing(list));
    }
    let hash = headers.config.get("MODULE_SIG_HASH");
    let mut command = Command::new(&tool);
    command
        .env("LC_ALL", "C")
        .arg(hash.unwrap_or(DEFAULT_HASH))
        .args([&keys.key, &keys.certificate])
        .arg(module);
    let failure = |reason: String| BuildError::Sign {
        reason,
        hint: format!(
            "the key {} must be a private key in PEM without a passphrase (or with it in KBUILD_SIGN_PIN), {} its \
             certificate",
            keys.key.display(),
            keys.certificate.display()
        ),
    };
    let finished = command::run(command, TIMEOUT)
        .map_err(|error| failure(format!("{} {error}", tool.display())))?;
    if finished.status.success() {
        return Ok(());
    }
    let output: Vec<&str> = finished.output.lines().map(str::trim).take(3).collect();
    Err(failure(format!(
        "{} ended with {}: {}",
        tool.display(),
        finished.status,
        output.join("; ")
    )))
}

/// What to tell about a module that is not signed: that its kernel demands it, and what to do.
pub(super) fn unsigned_note(host: &Host, config: &Config, release: &str) -> Option<String> {
    let why = demand(host, config, release)?;
    Some(format!(
        "kernel {release} will not load this module, which is not signed: {why}\n  = hint: {}",
        signature::how_to_sign(host)
    ))
}

/// What to enrol so that the kernel takes a module that was signed with `keys`; `None` where it takes any.
pub(super) fn enrol_note(
    host: &Host,
    config: &Config,
    release: &str,
    keys: &SignKey,
) -> Option<String> {
    let why = demand(host, config, release)?;
    let certificate = keys.certificate.display().to_string();
    Some(format!(
        "kernel {release} loads this module only if it trusts {certificate}: {why}\n  = hint: {}",
        signature::how_to_enrol(host, &certificate)
    ))
}

/// Why the kernel wants signatures, if it does.
fn demand(host: &Host, config: &Config, release: &str) -> Option<&'static str> {
    let by_config = config
        .is_set("MODULE_SIG_FORCE")
        .then_some("it is built to load signed modules only (CONFIG_MODULE_SIG_FORCE)");
    let running = || {
        (release == host.release())
            .then(|| signature::demanded(host))
            .flatten()
    };
    by_config.or_else(running)
}

#[cfg(test)]
mod tests {
    use super::super::headers::{find, tests::tree};
    use super::*;
    use crate::host::tests::script;

    const REL: &str = "6.1.0-56-amd64";

    fn headers(config: &str) -> (tempfile::TempDir, Host, Headers) {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), REL);
        let dir = root.path().join("headers");
        tree(&dir, REL, config);
        let (headers, _) = find(&host, REL, Some(&dir)).expect("found");
        (root, host, headers)
    }

    fn keys(dir: &Path) -> SignKey {
        SignKey {
            key: dir.join("key.pem"),
            certificate: dir.join("cert.der"),
        }
    }

    #[test]
    fn the_kernel_s_hash_and_the_keys_are_used() {
        let (root, host, headers) = headers("CONFIG_MODULE_SIG_HASH=\"sha512\"\n");
        let keys = keys(root.path());
        let module = root.path().join("saker.ko");
        script(&headers.dir.join("scripts/sign-file"), "echo $* > \"$4\"");
        sign(&host, &headers, &keys, &module).expect("signed");
        let root = root.path().display();
        assert_eq!(
            std::fs::read_to_string(&module).expect("written"),
            format!("sha512 {root}/key.pem {root}/cert.der {root}/saker.ko\n")
        );
    }

    #[test]
    fn a_failing_sign_file_is_quoted() {
        let (root, host, headers) = headers("");
        script(
            &headers.dir.join("scripts/sign-file"),
            "echo 'At main.c:170: bad decrypt'; exit 1",
        );
        let error = sign(&host, &headers, &keys(root.path()), Path::new("x")).expect_err("failed");
        assert!(error.to_string().contains("bad decrypt"), "{error}");
        assert!(error.to_string().contains("PEM"), "{error}");
    }

    #[test]
    fn headers_without_sign_file_and_absent_keys_are_told() {
        let (root, host, headers) = headers("");
        let error = sign(&host, &headers, &keys(root.path()), Path::new("x")).expect_err("failed");
        assert!(error.to_string().contains("scripts/sign-file"), "{error}");
        let error = keys(root.path()).check().expect_err("absent").to_string();
        assert!(
            error.contains("key.pem") && error.contains("--sign-key"),
            "{error}"
        );
    }

    #[test]
    fn an_unsigned_module_for_a_strict_kernel_gets_a_note() {
        let (_root, host, strict) = headers("CONFIG_MODULE_SIG_FORCE=y\n");
        let note = unsigned_note(&host, &strict.config, REL).expect("a note");
        assert!(note.contains("CONFIG_MODULE_SIG_FORCE"), "{note}");
        assert!(note.contains("mokutil --import"), "{note}");
        let keys = keys(Path::new("/etc/saker"));
        let note = enrol_note(&host, &strict.config, REL, &keys).expect("a note");
        assert!(
            note.contains("mokutil --import /etc/saker/cert.der"),
            "{note}"
        );
        let (_root, host, mild) = headers("CONFIG_MODULE_SIG=y\n");
        assert_eq!(unsigned_note(&host, &mild.config, REL), None);
        assert_eq!(enrol_note(&host, &mild.config, REL, &keys), None);
    }
}
