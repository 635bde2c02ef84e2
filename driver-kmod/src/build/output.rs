//! The files a build leaves: the module and the log of make, each appearing in one step.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::problem::BuildError;

const HINT: &str = "run as root, or name a file that can be written with --output";

/// Where the module goes. Made before anything is compiled, so that a directory that cannot be written
/// is known at once.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    module: NamedTempFile,
}

impl Output {
    pub(super) fn prepare(path: PathBuf) -> Result<Self, BuildError> {
        if path.is_dir() || path.file_name().is_none() {
            let error = io::ErrorKind::IsADirectory.into();
            return Err(failed(&path, error));
        }
        let dir = directory(&path);
        fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        let module = NamedTempFile::new_in(dir).map_err(|error| failed(dir, error))?;
        Ok(Self { path, module })
    }

    /// Keeps the output of make next to the module; returns where.
    pub(super) fn write_log(&self, text: &str) -> Result<PathBuf, BuildError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".log");
        let path = PathBuf::from(path);
        let write = || {
            let mut file = NamedTempFile::new_in(directory(&path))?;
            file.write_all(text.as_bytes())?;
            publish(file, &path)
        };
        write().map_err(|error| failed(&path, error))?;
        Ok(path)
    }

    /// Puts the finished module in its place.
    pub(super) fn finish(mut self, module: &Path) -> Result<PathBuf, BuildError> {
        let write = || {
            io::copy(&mut fs::File::open(module)?, &mut self.module)?;
            self.module.as_file().sync_all()?;
            publish(self.module, &self.path)
        };
        write().map_err(|error| failed(&self.path, error))?;
        Ok(self.path)
    }
}

/// Renaming follows no link that somebody has put there meanwhile.
fn publish(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file()
        .set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, error: io::Error) -> BuildError {
    BuildError::File {
        path: path.to_owned(),
        error,
        hint: HINT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_and_log_appear_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let built = dir.path().join("built.ko");
        fs::write(&built, "module").expect("written");
        let path = dir.path().join("a/b/saker.ko");
        let output = Output::prepare(path.clone()).expect("prepared");
        assert!(!path.exists());
        let log = output.write_log("make: done").expect("written");
        assert_eq!(output.finish(&built).expect("finished"), path);
        assert_eq!(fs::read_to_string(&path).expect("read"), "module");
        assert_eq!(fs::read_to_string(&log).expect("read"), "make: done");
        assert_eq!(
            fs::read_dir(dir.path().join("a/b")).expect("read").count(),
            2
        );
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn a_link_in_the_way_of_the_log_is_replaced_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let victim = dir.path().join("victim");
        fs::write(&victim, "untouched").expect("written");
        let output = Output::prepare(dir.path().join("saker.ko")).expect("prepared");
        std::os::unix::fs::symlink(&victim, dir.path().join("saker.ko.log")).expect("linked");
        output.write_log("log").expect("written");
        assert_eq!(fs::read_to_string(&victim).expect("read"), "untouched");
    }

    #[test]
    fn what_cannot_be_written_is_known_at_once() {
        for path in ["/proc/saker.ko", "/proc", "/", "/dev/null/saker.ko"] {
            let error = Output::prepare(path.into()).expect_err(path).to_string();
            assert!(error.contains("/") && error.contains("--output"), "{error}");
        }
    }
}
