//! Where the programs hang: raw tracepoints, or places where the kernel does not preempt them.

use std::fs;
use std::path::Path;

use aya::Btf;
use aya_obj::btf::BtfKind;

/// The two objects of `build.rs`.
static RAW: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/saker.bpf.o"));
static UNPREEMPTED: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/saker_unpreempted.bpf.o"));

/// Variables, one for each CPU, of kernels whose tracepoints are protected by sleepable RCU instead of
/// disabled preemption: those of the scheduler and those of system calls.
const PREEMPTIBLE: [&str; 2] = [
    "rcu_tasks_trace_srcu_struct_srcu_data",
    "tracepoint_srcu_srcu_data",
];

/// Where tracefs is, in the order that aya looks.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// What the programs read of perf's tracepoints, by position (bpf/hooks.h).
const FIELDS: [(&str, &str); 3] = [
    (
        "raw_syscalls/sys_exit",
        "field:long ret;\toffset:16;\tsize:8;",
    ),
    (
        "sched/sched_process_exec",
        "field:__data_loc char[] filename;\toffset:8;\tsize:4;",
    ),
    (
        "sched/sched_process_exec",
        "field:pid_t old_pid;\toffset:16;\tsize:4;",
    ),
];

/// Where the programs hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    /// Raw tracepoints: the cheapest. Where the kernel preempts programs there, it passes over calls
    /// meanwhile ([`crate::Missed`]).
    Raw,
    /// perf's tracepoints, and one of the scheduler with interrupts off: never preempted.
    Unpreempted,
}

impl Hooks {
    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw tracepoints",
            Self::Unpreempted => "perf tracepoints",
        }
    }

    /// Whether the kernel preempts programs at raw tracepoints.
    pub(crate) const fn preempted(self) -> bool {
        matches!(self, Self::Unpreempted)
    }

    pub(crate) const fn object(self) -> &'static [u8] {
        match self {
            Self::Raw => RAW,
            Self::Unpreempted => UNPREEMPTED,
        }
    }

    /// The ones for the kernel with these types.
    pub(crate) fn for_kernel(btf: &Btf) -> Self {
        let has = |name| btf.id_by_type_name_kind(name, BtfKind::Var).is_ok();
        if PREEMPTIBLE.into_iter().all(has) {
            Self::Unpreempted
        } else {
            Self::Raw
        }
    }
}

/// Whether perf's tracepoints can be found and are as the programs expect them.
///
/// # Errors
/// What is missing and what to do.
pub(crate) fn check_formats() -> Result<(), String> {
    let mut roots = TRACEFS.into_iter();
    let root = roots.find(|root| Path::new(root).join("events").is_dir());
    let root = root.ok_or_else(|| {
        format!(
            "tracefs is not at {}; mount it: mount -t tracefs tracefs {}",
            TRACEFS[0], TRACEFS[0]
        )
    })?;
    for (event, field) in FIELDS {
        let path = Path::new(root).join("events").join(event).join("format");
        let format = fs::read_to_string(&path)
            .map_err(|error| format!("{} is not readable: {error}", path.display()))?;
        if !format.contains(field) {
            return Err(format!("{} has no {field:?}", path.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 7.0 brought both: a tree that is built and tested on a host must choose by what the host is.
    #[test]
    fn preemptible_kernels_are_those_of_7_0_and_newer() {
        let btf = Btf::from_sys_fs().expect("this test needs a kernel with BTF");
        let uname = rustix::system::uname();
        let release = uname.release().to_string_lossy();
        let major: u32 = release
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .expect("a version");
        let expected = if major >= 7 {
            Hooks::Unpreempted
        } else {
            Hooks::Raw
        };
        assert_eq!(Hooks::for_kernel(&btf), expected, "{release}");
    }
}
