//! A directory for the programs and files of a test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// Not below /tmp: rules look at what happens in world-writable directories.
const PARENT: &str = "/var/lib";

/// A directory that everybody may read and that goes away with the value.
#[derive(Debug)]
pub struct Lab {
    dir: TempDir,
}

impl Lab {
    /// An empty one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("saker-live-")
            .tempdir_in(PARENT)?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self { dir })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A name that nobody else uses, for files elsewhere.
    pub fn token(&self) -> String {
        self.path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// Writes a file of mode 0644 and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        Ok(path)
    }

    /// Copies a program, mode 0755, and returns the copy's path.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy_program(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::copy(from, &path).with_context(|| format!("cannot copy {}", from.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// Compiles a C program and returns its path.
    ///
    /// # Errors
    /// When gcc is missing or refuses.
    pub fn compile(&self, name: &str, source: &str, options: &[&str]) -> Result<PathBuf> {
        let file = self.write(&format!("{name}.c"), source)?;
        let path = self.path().join(name);
        let mut gcc = Command::new("gcc");
        gcc.args(["-O1", "-Wall", "-o"])
            .arg(&path)
            .arg(file)
            .args(options);
        let output = gcc.output().context("cannot run gcc")?;
        ensure!(
            output.status.success(),
            "gcc: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(path)
    }
}
