//! What calls that return no descriptor act on (`driver-abi/fillers/acted.h`): programs at functions of the kernel,
//! where it allows them.

use std::os::fd::OwnedFd;

use aya::{Btf, Ebpf};
use saker_abi::driver::{Feature, Lack, LoadOptions};
use saker_abi::raw::*;

use crate::functions;

/// A program, the function it hangs at, first and last event of the calls that come there.
struct Hook {
    program: &'static str,
    function: &'static str,
    events: (u32, u32),
}

macro_rules! hooks {
    ($($name:literal $first:ident $last:ident,)+) => {
        [$(Hook {
            program: concat!("saker_acted_", $name),
            function: concat!("security_path_", $name),
            events: ($first, $last),
        },)+]
    };
}

/// As `SAKER_ACTED` of the fillers.
const HOOKS: [Hook; 9] = hooks! {
    "unlink" SAKER_EV_UNLINK SAKER_EV_UNLINKAT,
    "rmdir" SAKER_EV_UNLINKAT SAKER_EV_RMDIR,
    "rename" SAKER_EV_RENAME SAKER_EV_RENAMEAT2,
    "symlink" SAKER_EV_SYMLINK SAKER_EV_SYMLINKAT,
    "link" SAKER_EV_LINK SAKER_EV_LINKAT,
    "mkdir" SAKER_EV_MKDIR SAKER_EV_MKDIRAT,
    "mknod" SAKER_EV_MKNOD SAKER_EV_MKNODAT,
    "chmod" SAKER_EV_CHMOD SAKER_EV_FCHMODAT2,
    "chown" SAKER_EV_CHOWN SAKER_EV_FCHOWNAT,
};

impl Hook {
    /// Whether one of its calls is wanted. Between the two of `rmdir` stand others: it ends where they begin.
    fn wanted(&self, options: &LoadOptions) -> bool {
        let (first, last) = self.events;
        let contains = |event: u32| options.events.contains(event as u16);
        if self.function == "security_path_rmdir" {
            return contains(first) || contains(last);
        }
        (first..=last).any(contains)
    }
}

/// What was attached, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Acted {
    /// Program names and descriptors.
    pub(crate) attached: Vec<(&'static str, OwnedFd)>,
    /// If any is missing.
    pub(crate) lack: Option<Lack>,
}

/// Scratch areas these programs need: of their own, as the kernel may preempt them.
pub(crate) fn areas(options: &LoadOptions, cpus: u32) -> u32 {
    if options.acted() { cpus } else { 0 }
}

/// Loads and attaches what `options` ask for. What the kernel refuses is told, not an error.
pub(crate) fn attach(ebpf: &mut Ebpf, btf: &Btf, options: &LoadOptions) -> Acted {
    let mut acted = Acted::default();
    if !options.acted() {
        return acted;
    }
    let mut refused = Vec::new();
    for hook in HOOKS.iter().filter(|hook| hook.wanted(options)) {
        match functions::hang(ebpf, btf, hook.program, hook.function) {
            Ok(fd) => acted.attached.push((hook.program, fd)),
            Err(reason) => refused.push((hook.function, reason)),
        }
    }
    if let Some((_, reason)) = refused.first() {
        let names: Vec<_> = refused.iter().map(|(function, _)| *function).collect();
        acted.lack = Some(Lack {
            feature: Feature::ActedPaths,
            reason: format!(
                "the kernel lets no program hang at {} ({reason}); it needs CONFIG_SECURITY_PATH, {}",
                names.join(", "),
                functions::NEEDS
            ),
        });
    }
    acted
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::driver::EventSet;
    use saker_abi::event::EVENTS;

    fn options(events: &[u32], reached: bool) -> LoadOptions {
        LoadOptions {
            partitions: 1,
            ring_bytes: 1 << 16,
            cpus: vec![0],
            events: events.iter().map(|&event| event as u16).collect(),
            snaplen_bytes: 0,
            own_tgid: 0,
            reached,
            names: false,
        }
    }

    fn wanted(events: &[u32]) -> Vec<&'static str> {
        let options = options(events, true);
        let hooks = HOOKS.iter().filter(|hook| hook.wanted(&options));
        hooks.map(|hook| hook.function).collect()
    }

    #[test]
    fn only_what_rules_want_is_hooked() {
        assert!(wanted(&[SAKER_EV_OPENAT]).is_empty());
        assert!(!options(&[SAKER_EV_OPENAT], true).acted());
        assert!(!options(&[SAKER_EV_UNLINK], false).acted());
        let both = ["security_path_unlink", "security_path_rmdir"];
        assert_eq!(wanted(&[SAKER_EV_UNLINKAT]), both);
        assert_eq!(wanted(&[SAKER_EV_RENAME]), ["security_path_rename"]);
        assert_eq!(wanted(&[SAKER_EV_FCHMODAT]), ["security_path_chmod"]);
    }

    #[test]
    fn every_call_that_acts_has_its_hook() {
        for event in EVENTS.iter() {
            assert_eq!(
                !wanted(&[u32::from(event.id)]).is_empty(),
                event.acts(),
                "{}",
                event.name
            );
        }
        let all = options(
            &EventSet::all().iter().map(u32::from).collect::<Vec<_>>(),
            true,
        );
        assert!(HOOKS.iter().all(|hook| hook.wanted(&all)));
    }
}
