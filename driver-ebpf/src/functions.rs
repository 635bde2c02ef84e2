//! Programs at functions of the kernel, where it allows them.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf};

use crate::load::chain;
use crate::programs::program;

/// What any such program needs.
pub(crate) const NEEDS: &str = "CONFIG_FUNCTION_TRACER and no restriction on fentry programs";

/// Loads a program for the entry or the exit of `function`, and attaches it.
///
/// # Errors
/// What the kernel says, in one line.
pub(crate) fn hang(
    ebpf: &mut Ebpf,
    btf: &Btf,
    name: &str,
    function: &str,
) -> Result<OwnedFd, String> {
    let text = |error: &ProgramError| chain(error).replace('\n', " ");
    let found = program(ebpf, name).map_err(|error| chain(&error))?;
    let attached = match found {
        Program::FEntry(found) => found
            .load(function, btf)
            .and_then(|()| found.attach().map(drop)),
        Program::FExit(found) => found
            .load(function, btf)
            .and_then(|()| found.attach().map(drop)),
        _ => Err(ProgramError::UnexpectedProgramType),
    };
    attached.map_err(|error| text(&error))?;
    let fd = found.fd().map_err(|error| text(&error))?;
    fd.as_fd()
        .try_clone_to_owned()
        .map_err(|error| error.to_string())
}
