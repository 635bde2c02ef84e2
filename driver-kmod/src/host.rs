//! The machine: which kernel runs, where files and programs are.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Most bytes read of one text file of the system; the largest is a kernel's configuration (0.3 MB).
const MAX_TEXT: u64 = 4 << 20;

/// Directories with programs that a PATH made for users may lack.
const SYSTEM_DIRS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// The machine that modules are built and loaded on. Everything this crate looks up goes through it,
/// so that tests can hand it another root.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    release: String,
    programs: Vec<PathBuf>,
}

impl Host {
    /// This machine, with the running kernel and the programs of `PATH`.
    #[must_use]
    pub fn running() -> Self {
        let release = rustix::system::uname().release().to_string_lossy().into();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut programs: Vec<PathBuf> = std::env::split_paths(&path)
            .filter(|dir| dir.is_absolute())
            .collect();
        for dir in SYSTEM_DIRS.map(PathBuf::from) {
            if !programs.contains(&dir) {
                programs.push(dir);
            }
        }
        Self {
            root: PathBuf::from("/"),
            release,
            programs,
        }
    }

    /// A made-up machine below `root`, whose programs are in `root/bin`.
    #[cfg(test)]
    pub(crate) fn fake(root: &Path, release: &str) -> Self {
        Self {
            root: root.to_owned(),
            release: release.to_owned(),
            programs: vec![root.join("bin")],
        }
    }

    /// The running kernel, as `uname -r` says it.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// A path of this machine, given as absolute path.
    pub(crate) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root
            .join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// A text file of this machine.
    pub(crate) fn read(&self, absolute: impl AsRef<Path>) -> io::Result<String> {
        read_text(&self.path(absolute))
    }

    /// Directories that programs are looked up in, as a value for `PATH`.
    pub(crate) fn program_dirs(&self) -> &[PathBuf] {
        &self.programs
    }

    /// An executable file of that name.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        let name = name.as_ref();
        let mut places = self.programs.iter().map(|dir| dir.join(name));
        places.find(|path| is_executable(path))
    }
}

/// A regular file that somebody may execute.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Reads a text file, at most [`MAX_TEXT`] bytes; bytes that are no UTF-8 are replaced.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// A made-up machine with these files.
    pub(crate) fn machine(release: &str, files: &[(&str, &[u8])]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), release);
        for (path, content) in files {
            let path = host.path(path);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(path, content).expect("written");
        }
        (root, host)
    }

    /// Puts a shell script into the programs of a made-up machine.
    pub(crate) fn program(host: &Host, name: &str, script: &str) {
        let dir = &host.programs[0];
        fs::create_dir_all(dir).expect("made");
        self::script(&dir.join(name), script);
    }

    /// Makes a shell script. Another process writes it: a descriptor of this one could be inherited by a
    /// child of another test just then, and a file open for writing cannot be executed.
    pub(crate) fn script(path: &Path, script: &str) {
        let text = format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n");
        let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", write, "sh", &text]).arg(path);
        assert!(command.status().expect("ran").success());
    }

    #[test]
    fn the_running_machine_has_a_release_and_a_shell() {
        let host = Host::running();
        assert!(host.release().contains('.'), "{}", host.release());
        assert!(host.program("sh").is_some());
        assert_eq!(host.program("no-such-program"), None);
    }

    #[test]
    fn a_file_nobody_may_execute_is_no_program() {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        program(&host, "make", "exit 0");
        let make = host.program("make").expect("found");
        fs::set_permissions(&make, fs::Permissions::from_mode(0o644)).expect("set");
        assert_eq!(host.program("make"), None);
    }
}
