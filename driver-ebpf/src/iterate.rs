//! Iterators: what exists now, in records of the same form as the rings'.

use std::fs::File;

use aya::programs::Iter;
use aya::{Btf, Ebpf};
use saker_abi::driver::Iterate;

use crate::EbpfDriver;
use crate::load::{LoadError, chain};

/// Kind of an iterator and its program.
const fn program_of(what: Iterate) -> (&'static str, &'static str) {
    match what {
        Iterate::Tasks => ("task", "saker_tasks"),
        Iterate::Files => ("task_file", "saker_files"),
    }
}

/// Loads what the kernel takes of the iterators and tells why it refused the rest; a kernel without them
/// is no obstacle to capturing.
pub(crate) fn load(ebpf: &mut Ebpf, btf: &Btf) -> Vec<String> {
    let mut refused = Vec::new();
    for what in [Iterate::Tasks, Iterate::Files] {
        let (kind, name) = program_of(what);
        let Some(Ok(program)) = ebpf.program_mut(name).map(<&mut Iter>::try_from) else {
            continue;
        };
        if let Err(error) = program.load(kind, btf) {
            refused.push(format!("program {name}: {}", chain(&error)));
        }
    }
    refused
}

impl EbpfDriver {
    /// A descriptor from which the records can be read, each behind a header of
    /// `SAKER_RING_HDR` bytes whose first word is its length; padded to 8 bytes.
    ///
    /// # Errors
    /// When this kernel has no such iterator or refused the program.
    pub fn iterate(&mut self, what: Iterate) -> Result<File, LoadError> {
        let (kind, name) = program_of(what);
        let program = self.ebpf.program_mut(name).map(<&mut Iter>::try_from);
        let loaded = program
            .and_then(Result::ok)
            .filter(|program| program.fd().is_ok());
        let Some(program) = loaded else {
            return Err(LoadError::Object(format!(
                "no iterator `{kind}` on this kernel: {}",
                self.no_iterators.join("; ")
            )));
        };
        let refused = |error: &dyn std::error::Error| LoadError::Program {
            name: name.to_owned(),
            reason: chain(error),
        };
        let link = program.attach().map_err(|error| refused(&error))?;
        let link = program.take_link(link).map_err(|error| refused(&error))?;
        link.into_file().map_err(|error| refused(&error))
    }
}
