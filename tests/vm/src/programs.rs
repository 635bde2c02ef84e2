//! What tests take into guests: programs of the workspace, and the module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::kernel::Kernel;
use crate::process;

/// Names the agent's program.
const AGENT: &str = "SAKER_BIN";
/// Names the directory of the other programs, `target/x86_64-unknown-linux-gnu/debug`.
const PROGRAMS: &str = "SAKER_PROGRAMS";
/// Longest build of test programs.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// Names the directory below which `saker-vm build` builds, `target/saker-vm`.
const MODULES: &str = "SAKER_MODULES";

/// Top of the source tree.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The agent.
///
/// # Errors
/// When `SAKER_BIN` does not name a file.
pub fn agent() -> Result<PathBuf> {
    named(AGENT, "")
}

/// Another program of the workspace, by its path below the directory of built programs.
///
/// # Errors
/// When `SAKER_PROGRAMS` does not name a directory that has it.
pub fn program(name: &str) -> Result<PathBuf> {
    named(PROGRAMS, name)
}

fn named(variable: &str, name: &str) -> Result<PathBuf> {
    let value = std::env::var_os(variable)
        .with_context(|| format!("{variable} is not set: `make vm` sets it"))?;
    let path = Path::new(&value).join(name);
    let path = if name.is_empty() { value.into() } else { path };
    ensure!(path.is_file(), "{variable}: no file {}", path.display());
    Ok(path)
}

/// The module of this tree, built for a kernel by `saker-vm build`.
///
/// # Errors
/// When `SAKER_MODULES`, its work directory, does not hold one for the kernel.
pub fn module(kernel: Kernel) -> Result<PathBuf> {
    let path = Path::new(kernel.name()).join("driver-kmod/kmod/saker.ko");
    named(MODULES, &path.to_string_lossy())
}

/// The test programs of a package of the workspace, as name and path; cargo builds what is missing.
///
/// # Errors
/// When cargo fails or makes none.
pub fn tests(package: &str) -> Result<Vec<(String, PathBuf)>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "test",
            "--no-run",
            "--tests",
            "--locked",
            "--message-format=json",
        ])
        .args(["-p", package])
        .current_dir(root());
    let output = process::run(&mut command, BUILD_LIMIT)?;
    let programs: Vec<_> = output.lines().filter_map(executable).collect();
    if programs.is_empty() {
        bail!("cargo made no test program of {package}\n{output}");
    }
    Ok(programs)
}

/// Name and path of the program that a line of cargo's messages tells of.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let path = text_after(line, "\"executable\":\"")?;
    // "target":{"kind":[...],"crate_types":[...],"name":"..."
    let target = &line[line.find("\"target\":{")?..];
    let name = text_after(target, "\"name\":\"")?;
    Some((name.to_owned(), path.into()))
}

/// What stands between `start` and the next quotation mark; paths with one are not for us.
fn text_after<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    let rest = &line[line.find(start)? + start.len()..];
    Some(&rest[..rest.find('"')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_cargo_name_programs() {
        let line = r#"{"reason":"compiler-artifact","package_id":"p","target":{"kind":["test"],"crate_types":["bin"],"name":"live","src_path":"/x"},"executable":"/t/live-1","fresh":true}"#;
        assert_eq!(
            executable(line),
            Some(("live".to_owned(), "/t/live-1".into()))
        );
        let library = line.replace(r#""/t/live-1""#, "null");
        assert_eq!(executable(&library), None);
        assert_eq!(executable("   Compiling x"), None);
    }
}
