//! Finds the module's source and lays out a private copy of it to build in.

use std::fs;
use std::path::{Path, PathBuf};

use saker_abi::CONTRACT;
use sha2::{Digest as _, Sha256};

use super::problem::{BuildError, Missing, SOURCE};
use crate::Host;

/// Names the directory of the module's source.
const VARIABLE: &str = "SAKER_KMOD_SOURCE";

/// Bounds of a source tree; the module's own has some dozens of files and some hundred kilobytes.
const MAX_FILES: usize = 2000;
const MAX_BYTES: u64 = 32 << 20;
const MAX_DEPTH: usize = 8;

/// Endings and names of what a build in the source itself has left there.
const PRODUCTS: [&str; 8] = [
    ".o", ".ko", ".mod", ".mod.c", ".order", ".symvers", ".d", ".log",
];

/// The module's source: two layouts, one for packages and one for the repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// `Kbuild` and the C files.
    pub dir: PathBuf,
    /// `include/` and `fillers/` of driver-abi: `dir/abi` when it comes from a package.
    abi: PathBuf,
}

/// Where a copy has what comes from driver-abi.
pub(super) fn abi(work: &Path) -> PathBuf {
    work.join("abi")
}

/// The parts of driver-abi that the module is built with.
const ABI_PARTS: [&str; 2] = ["include", "fillers"];

/// Finds the source: in `dir`, else where it is known to be.
pub(super) fn find(host: &Host, dir: Option<&Path>) -> Result<Source, Missing> {
    let named = dir
        .map(Path::to_owned)
        .or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    let looked = match named {
        Some(dir) => vec![dir],
        None => known_places(host, std::env::current_exe().ok().as_deref()),
    };
    let Some(dir) = looked.iter().find(|dir| dir.join("Kbuild").is_file()) else {
        return Err(Missing::Source { looked });
    };
    let is_abi = |dir: &PathBuf| dir.join("include").join(CONTRACT[0]).is_file();
    let places = [abi(dir), dir.join("../../driver-abi")];
    let abi = places.into_iter().find(is_abi).ok_or(Missing::Incomplete {
        what: SOURCE,
        dir: dir.clone(),
        file: Path::new("abi/include").join(CONTRACT[0]),
    })?;
    Ok(Source {
        dir: dir.clone(),
        abi,
    })
}

/// Where packages put the source, and the repository that this program was built in.
fn known_places(host: &Host, program: Option<&Path>) -> Vec<PathBuf> {
    let version = env!("CARGO_PKG_VERSION");
    let mut places = vec![host.path(format!("/usr/src/saker-{version}"))];
    let repository = program.into_iter().flat_map(Path::ancestors).find(|dir| {
        // Nothing but a build directory of the repository is trusted to be next to its source.
        dir.join("driver-kmod/kmod/Kbuild").is_file() && dir.join("target").is_dir()
    });
    places.extend(repository.map(|dir| dir.join("driver-kmod/kmod")));
    places
}

impl Source {
    /// Copies the source into `to`, laid out as in a package, without what earlier builds left in it.
    pub(super) fn copy(&self, to: &Path) -> Result<(), BuildError> {
        let mut copy = Copy { files: 0, bytes: 0 };
        copy.tree(&self.dir, to, 0)?;
        let abi = abi(to);
        if self.abi != self::abi(&self.dir) {
            for part in ABI_PARTS {
                copy.tree(&self.abi.join(part), &abi.join(part), 0)?;
            }
        }
        let found = contract_hash(&abi.join("include")).map_err(|reason| self.problem(reason))?;
        if !abi.join("fillers").is_dir() {
            return Err(self.problem("abi/fillers is missing".to_owned()));
        }
        if found != saker_abi::SCHEMA_HASH {
            return Err(BuildError::OtherSource {
                dir: self.dir.clone(),
                found,
            });
        }
        Ok(())
    }

    fn problem(&self, reason: String) -> BuildError {
        BuildError::Source {
            dir: self.dir.clone(),
            reason,
        }
    }
}

/// The first 64 bits of the SHA-256 of the contract, as the module answers it.
fn contract_hash(include: &Path) -> Result<u64, String> {
    let mut digest = Sha256::new();
    for name in CONTRACT {
        let text = fs::read(include.join(name)).map_err(|error| format!("{name}: {error}"))?;
        digest.update(text);
    }
    let digest = digest.finalize();
    Ok(u64::from_be_bytes(
        digest[..8].try_into().expect("8 of 32 bytes"),
    ))
}

/// A running copy of a tree.
struct Copy {
    files: usize,
    bytes: u64,
}

impl Copy {
    fn tree(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), BuildError> {
        let wrong = |reason: &str| BuildError::Source {
            dir: from.to_owned(),
            reason: reason.to_owned(),
        };
        let failed = |error: std::io::Error| wrong(&error.to_string());
        if depth > MAX_DEPTH {
            return Err(wrong("directories too deep"));
        }
        fs::create_dir_all(to).map_err(|error| BuildError::File {
            path: to.to_owned(),
            error,
            hint: super::WORK_HINT,
        })?;
        for entry in fs::read_dir(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            let name = entry.file_name();
            if is_product(&name.to_string_lossy()) {
                continue;
            }
            // Packages may link files; what they link to is read once, here.
            let meta = fs::metadata(&path).map_err(failed)?;
            if meta.is_dir() {
                self.tree(&path, &target, depth + 1)?;
                continue;
            }
            self.files += 1;
            self.bytes += meta.len();
            if !meta.is_file() || self.files > MAX_FILES || self.bytes > MAX_BYTES {
                return Err(wrong("this is not a source tree of the module"));
            }
            fs::copy(&path, &target).map_err(|error| BuildError::File {
                path: target,
                error,
                hint: super::WORK_HINT,
            })?;
        }
        Ok(())
    }
}

fn is_product(name: &str) -> bool {
    name.starts_with('.') || PRODUCTS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
pub(in crate::build) mod tests {
    use super::*;

    /// The contract's headers in this repository.
    fn include() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../driver-abi/include")
    }

    /// A source tree as packages have it, around the real contract.
    pub(in crate::build) fn packaged(dir: &Path) {
        let files = [("Kbuild", "obj-m := saker.o\n"), ("abi/fillers/exec.h", "")];
        for (file, text) in files {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(path, text).expect("written");
        }
        let to = dir.join("abi/include");
        fs::create_dir_all(&to).expect("made");
        for name in CONTRACT {
            fs::copy(include().join(name), to.join(name)).expect("copied");
        }
    }

    #[test]
    fn the_contract_has_the_hash_of_this_agent() {
        assert_eq!(contract_hash(&include()), Ok(saker_abi::SCHEMA_HASH));
    }

    #[test]
    fn packaged_source_is_copied_without_products() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        let dir = host.path(format!("/usr/src/saker-{}", env!("CARGO_PKG_VERSION")));
        packaged(&dir);
        for product in [
            "main.o",
            "saker.ko",
            ".main.o.cmd",
            "saker.mod.c",
            "modules.order",
        ] {
            fs::write(dir.join(product), "").expect("written");
        }
        let source = find(&host, None).expect("found");
        assert_eq!(source.dir, dir);
        let work = root.path().join("work");
        source.copy(&work).expect("copied");
        let mut names: Vec<String> = fs::read_dir(&work)
            .expect("read")
            .map(|entry| entry.expect("read").file_name().to_string_lossy().into())
            .collect();
        names.sort();
        assert_eq!(names, ["Kbuild", "abi"]);
    }

    #[test]
    fn the_repository_s_layout_becomes_a_package_s() {
        let root = tempfile::tempdir().expect("a directory");
        let kmod = root.path().join("driver-kmod/kmod");
        fs::create_dir_all(&kmod).expect("made");
        packaged(&kmod);
        fs::rename(kmod.join("abi"), root.path().join("driver-abi")).expect("moved");
        let program = root.path().join("target/release/saker");
        fs::create_dir_all(program.parent().expect("has one")).expect("made");
        let host = Host::fake(&root.path().join("nowhere"), "6.1.0");
        let places = known_places(&host, Some(&program));
        assert_eq!(places.last(), Some(&kmod));

        let work = root.path().join("work");
        find(&host, Some(&kmod))
            .expect("found")
            .copy(&work)
            .expect("copied");
        assert!(work.join("abi/include/saker_ioctl.h").is_file());
        assert!(work.join("abi/fillers/exec.h").is_file());
    }

    #[test]
    fn source_of_another_version_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        let dir = root.path().join("source");
        packaged(&dir);
        fs::write(dir.join("abi/include/saker_abi.h"), "/* other */").expect("written");
        let source = find(&host, Some(&dir)).expect("found");
        let error = source.copy(&root.path().join("work")).expect_err("refused");
        assert!(matches!(error, BuildError::OtherSource { .. }), "{error}");
    }

    #[test]
    fn absent_and_wrong_sources_say_so() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        let missing = find(&host, Some(Path::new("/nowhere"))).expect_err("absent");
        let looked = vec![PathBuf::from("/nowhere")];
        assert_eq!(missing, Missing::Source { looked });

        let dir = root.path().join("source");
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join("Kbuild"), "").expect("written");
        let missing = find(&host, Some(&dir))
            .expect_err("no contract")
            .to_string();
        assert!(
            missing.starts_with("abi/include/saker_abi.h of"),
            "{missing}"
        );

        packaged(&dir);
        let source = find(&host, Some(&dir)).expect("found");
        fs::remove_dir_all(dir.join("abi/fillers")).expect("removed");
        let error = source
            .copy(&root.path().join("work"))
            .expect_err("no fillers");
        assert!(error.to_string().contains("abi/fillers"), "{error}");
    }

    #[test]
    fn endless_trees_end() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        let dir = root.path().join("source");
        packaged(&dir);
        std::os::unix::fs::symlink("..", dir.join("abi/fillers/loop")).expect("linked");
        let source = find(&host, Some(&dir)).expect("found");
        let error = source.copy(&root.path().join("work")).expect_err("a loop");
        assert!(error.to_string().contains("too deep"), "{error}");
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut files = Vec::new();
        let mut dirs = vec![dir.to_owned()];
        while let Some(next) = dirs.pop() {
            for entry in fs::read_dir(next).expect("read") {
                let path = entry.expect("read").path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    let name = path.strip_prefix(dir).expect("below");
                    files.push(name.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// What packages carry is what the repository has: nothing is forgotten, nothing left behind.
    #[test]
    fn install_source_lays_out_the_whole_source() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = tempfile::tempdir().expect("a directory");
        let script = || {
            let mut command = std::process::Command::new(here.join("install-source.sh"));
            command.arg(root.path()).output().expect("ran")
        };
        let output = script();
        assert!(output.status.success(), "{output:?}");
        assert!(script().status.success(), "again over its own");

        let packaged = find(&Host::fake(root.path(), "6.1.0"), None).expect("found");
        let conf = fs::read_to_string(packaged.dir.join("dkms.conf")).expect("read");
        let version = format!("PACKAGE_VERSION=\"{}\"", env!("CARGO_PKG_VERSION"));
        assert!(conf.contains(&version), "{conf}");
        let from_package = root.path().join("package");
        packaged.copy(&from_package).expect("copied");

        let repository = find(&Host::running(), Some(&here.join("kmod"))).expect("found");
        let from_repository = root.path().join("repository");
        repository.copy(&from_repository).expect("copied");
        let mut expected = files(&from_repository);
        // Of user space, and what a build in the tree has left.
        expected.retain(|file| {
            let generated = file.starts_with("compat/probe") && file.ends_with(".h");
            let foreign = ["abi/include/bindings.h", "abi/include/saker_table.c"];
            !generated && !foreign.contains(&file.as_str())
        });
        expected.extend(["COPYING".to_owned(), "dkms.conf".to_owned()]);
        expected.sort();
        assert_eq!(files(&from_package), expected);
    }

    #[test]
    fn install_source_removes_nothing_that_is_not_its_own() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root
            .path()
            .join(format!("usr/src/saker-{}", env!("CARGO_PKG_VERSION")));
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join("thesis.tex"), "").expect("written");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("install-source.sh");
        let mut command = std::process::Command::new(script);
        let output = command.arg(root.path()).output().expect("ran");
        assert!(!output.status.success());
        assert!(dir.join("thesis.tex").exists());
    }

    #[test]
    fn the_module_has_the_version_of_the_agent() {
        let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("kmod/saker_kmod.h");
        let text = fs::read_to_string(header).expect("read");
        let line = format!(
            "#define SAKER_KMOD_VERSION \"{}\"",
            env!("CARGO_PKG_VERSION")
        );
        assert!(
            text.contains(&line),
            "kmod/saker_kmod.h and Cargo.toml differ"
        );
    }
}
