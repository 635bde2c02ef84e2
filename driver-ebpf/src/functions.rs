//! Programs at functions of the kernel, where it allows them.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf};
use saker_abi::driver::{Feature, Lack, LoadOptions};

use crate::load::chain;
use crate::programs::program;

/// What any such program needs.
pub(crate) const NEEDS: &str = "CONFIG_FUNCTION_TRACER and no restriction on fentry programs";

/// Loads where the kernel has `bpf_task_pt_regs`.
const KNOWS_CALL: &str = "saker_knows_call";

/// What is asked for of such programs.
fn wanted(options: &LoadOptions) -> impl Iterator<Item = Feature> {
    let given = options.names() || options.opened() || options.addresses();
    let features = [
        (Feature::ActedPaths, options.acted()),
        (Feature::GivenArguments, given),
    ];
    features
        .into_iter()
        .filter_map(|(feature, wanted)| wanted.then_some(feature))
}

/// What `options` ask for in vain, as programs at functions hang there but do not know which call runs and so record
/// nothing. Nothing is lacking where they do.
pub(crate) fn blind(ebpf: &mut Ebpf, options: &LoadOptions) -> Vec<Lack> {
    if wanted(options).next().is_none() {
        return Vec::new();
    }
    lacking(options, &knows_call(ebpf))
}

fn knows_call(ebpf: &mut Ebpf) -> Result<(), String> {
    let text = |error: &ProgramError| chain(error).replace('\n', " ");
    match program(ebpf, KNOWS_CALL).map_err(|error| chain(&error))? {
        Program::RawTracePoint(found) => found
            .load()
            .and_then(|()| found.unload())
            .map_err(|error| text(&error)),
        _ => Err(text(&ProgramError::UnexpectedProgramType)),
    }
}

fn lacking(options: &LoadOptions, known: &Result<(), String>) -> Vec<Lack> {
    let Err(reason) = known else {
        return Vec::new();
    };
    let lack = |feature| Lack {
        feature,
        reason: format!(
            "programs at functions of this kernel cannot tell which call runs; it needs bpf_task_pt_regs, of \
             Linux 5.15 ({reason})"
        ),
    };
    wanted(options).map(lack).collect()
}

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

#[cfg(test)]
mod tests {
    use saker_abi::driver::EventSet;
    use saker_abi::raw::{SAKER_EV_CONNECT, SAKER_EV_OPENAT, SAKER_EV_UNLINK};

    use super::*;

    fn lacks(events: &[u32], known: &Result<(), String>) -> Vec<(Feature, bool)> {
        let options = LoadOptions {
            partitions: 1,
            ring_bytes: 1 << 16,
            cpus: vec![0],
            events: events
                .iter()
                .map(|&event| event as u16)
                .collect::<EventSet>(),
            snaplen_bytes: 0,
            own_tgid: 0,
            reached: true,
            names: true,
        };
        let lacks = lacking(&options, known).into_iter();
        lacks
            .map(|lack| (lack.feature, lack.reason.contains("unknown func")))
            .collect()
    }

    #[test]
    fn who_does_not_know_the_call_lacks_what_was_asked_for() {
        let unknown = Err("unknown func".to_owned());
        let (acted, given) = ((Feature::ActedPaths, true), (Feature::GivenArguments, true));
        assert_eq!(lacks(&[SAKER_EV_UNLINK], &unknown), [acted]);
        assert_eq!(lacks(&[SAKER_EV_OPENAT], &unknown), [given]);
        assert_eq!(lacks(&[SAKER_EV_CONNECT], &unknown), [given]);
        assert_eq!(
            lacks(&[SAKER_EV_UNLINK, SAKER_EV_CONNECT], &unknown),
            [acted, given]
        );
        assert_eq!(lacks(&[SAKER_EV_UNLINK, SAKER_EV_CONNECT], &Ok(())), []);
        assert_eq!(lacks(&[], &unknown), []);
    }
}
