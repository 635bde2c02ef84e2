//! Takes the debug information out of the module: nine tenths of the file, which no kernel reads.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::compiler::{Compiler, Vendor};
use crate::{Host, command};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Strips the module as Kbuild's INSTALL_MOD_STRIP does; what the kernel reads (symbols, versions, BTF) stays.
///
/// # Errors
/// A note for the user: the module is as good, but large.
pub(super) fn strip(host: &Host, compiler: &Compiler, module: &Path) -> Result<(), String> {
    let note =
        |reason: String| format!("the module keeps its debug information, some MB: {reason}");
    let names = match compiler.id.vendor {
        Vendor::Gcc => ["strip", "llvm-strip"],
        Vendor::Clang => ["llvm-strip", "strip"],
    };
    let Some(program) = names.iter().find_map(|name| host.program(name)) else {
        return Err(note("there is no strip in PATH".to_owned()));
    };
    let mut command = Command::new(&program);
    command.env("LC_ALL", "C").arg("--strip-debug").arg(module);
    let finished = command::run(command, TIMEOUT)
        .map_err(|error| note(format!("{} {error}", program.display())))?;
    if finished.status.success() {
        return Ok(());
    }
    let first = finished.output.lines().next().unwrap_or_default().trim();
    let (program, status) = (program.display(), finished.status);
    Err(note(format!("{program} ended with {status}: {first}")))
}
