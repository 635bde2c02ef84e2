//! What calls were given, as the kernel took it (`driver-abi/fillers/given.h`): programs at functions of the kernel,
//! where it allows them.

use std::os::fd::OwnedFd;

use aya::{Btf, Ebpf};
use saker_abi::driver::{Feature, Lack, LoadOptions};

use crate::functions;

/// The function that opens a name: until 6.19, and since 7.0.
const OPEN: [&str; 2] = ["do_filp_open", "do_file_open"];
/// The function that asks security modules about a connect.
const CONNECT: &str = "security_socket_connect";

/// Opens at a time between the kernel's function and the return of their call; they do not wait there.
pub(crate) const OPENED: u32 = 1024;

/// What was attached, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Program names and descriptors.
    pub(crate) attached: Vec<(&'static str, OwnedFd)>,
    /// If any is missing.
    pub(crate) lack: Option<Lack>,
}

/// Loads and attaches what `options` ask for. What the kernel refuses is told, not an error.
pub(crate) fn attach(ebpf: &mut Ebpf, btf: &Btf, options: &LoadOptions) -> Given {
    let mut given = Given::default();
    let mut refused = Vec::new();
    let mut add = |program, functions: &[&str]| {
        let mut last = String::new();
        for function in functions {
            match functions::hang(ebpf, btf, program, function) {
                Ok(fd) => return given.attached.push((program, fd)),
                Err(reason) => last = reason,
            }
        }
        refused.push(format!("{} ({last})", functions.join(" or ")));
    };
    if options.names() || options.opened() {
        add("saker_given_name", &OPEN);
    }
    if options.addresses() {
        add("saker_given_addr", &[CONNECT]);
    }
    if !refused.is_empty() {
        given.lack = Some(Lack {
            feature: Feature::GivenArguments,
            reason: format!(
                "the kernel lets no program hang at {}; it needs {}",
                refused.join(", "),
                functions::NEEDS
            ),
        });
    }
    given
}
