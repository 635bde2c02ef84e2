//! The event table as the agent sees it.

use std::ffi::CStr;
use std::sync::LazyLock;

use crate::raw;

/// Number of events in the table.
pub const EVENT_COUNT: usize = raw::SAKER_NR_EVENTS as usize;

/// What is shed first when a ring fills; most precious first (DESIGN.md 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Fork, exec, exit, credentials, namespaces.
    Lifecycle,
    /// Connect, ptrace, mount, module load and the like.
    Security,
    /// Opens and other operations on names.
    File,
    /// Close, dup and what only state uses.
    Noise,
}

impl Class {
    /// All classes in the order of their numbers.
    pub const ALL: [Class; raw::SAKER_NR_CLASSES as usize] =
        [Class::Lifecycle, Class::Security, Class::File, Class::Noise];

    /// Label in metrics and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Lifecycle => "lifecycle",
            Class::Security => "security",
            Class::File => "file",
            Class::Noise => "noise",
        }
    }
}

/// Why a record did not reach its ring, in the order of `enum saker_drop`.
pub const DROP_CAUSES: [&str; raw::SAKER_NR_DROPS as usize] = [
    "ring_full",
    "shed",
    "no_ring",
    "scratch_busy",
    "tailcall",
    "abi",
    "bug",
];

/// One parameter of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Falco's name, as in `evt.arg.NAME`; for internal facts the agent's own.
    pub name: &'static str,
    /// `SAKER_T_*`: meaning and print form.
    pub ty: u16,
    /// A kernel fact for the agent, invisible to rules.
    pub internal: bool,
}

impl Param {
    /// Whether the slot is a `struct saker_var`.
    pub const fn is_var(&self) -> bool {
        self.ty >= raw::SAKER_T_VAR as u16
    }
}

/// One line of the event table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventInfo {
    /// `SAKER_EV_*`, the index in [`EVENTS`].
    pub id: u16,
    /// Falco's event name, as in `evt.type`.
    pub name: &'static str,
    /// Shedding class.
    pub class: Class,
    /// `SAKER_EF_*`.
    pub flags: u16,
    /// x86-64 system call, if the event has one of its own.
    pub nr64: Option<u16>,
    /// i386 system call.
    pub nr32: Option<u16>,
    /// Parameters in slot order.
    pub params: Vec<Param>,
}

impl EventInfo {
    /// The new descriptor is the return value.
    pub const fn creates_fd(&self) -> bool {
        self.flags & raw::SAKER_EF_FD_CREATES as u16 != 0
    }

    /// The event is about a descriptor given as an argument.
    pub const fn uses_fd(&self) -> bool {
        self.flags & raw::SAKER_EF_FD_USES as u16 != 0
    }

    /// The descriptor is gone after the event.
    pub const fn destroys_fd(&self) -> bool {
        self.flags & raw::SAKER_EF_FD_DESTROYS as u16 != 0
    }

    /// For the agent itself: rules cannot name it and listings leave it out.
    pub const fn is_internal(&self) -> bool {
        self.flags & raw::SAKER_EF_INTERNAL as u16 != 0
    }

    /// Comes from an iterator, never through a ring.
    pub const fn is_iterated(&self) -> bool {
        self.flags & raw::SAKER_EF_ITERATE as u16 != 0
    }

    /// State depends on it whatever the rules say.
    pub const fn is_state(&self) -> bool {
        self.flags & raw::SAKER_EF_STATE as u16 != 0
    }

    /// Recorded by a hook of its own, not at the return of a system call.
    pub const fn is_sched(&self) -> bool {
        self.flags & raw::SAKER_EF_SCHED as u16 != 0
    }

    /// So frequent that only rules which name it get it.
    pub const fn is_on_demand(&self) -> bool {
        self.flags & raw::SAKER_EF_ON_DEMAND as u16 != 0
    }

    /// Stands for all calls without an event of their own.
    pub const fn is_generic(&self) -> bool {
        self.flags & raw::SAKER_EF_GENERIC as u16 != 0
    }

    /// A system call's return.
    pub const fn is_call(&self) -> bool {
        self.nr64.is_some() || self.nr32.is_some() || self.is_generic()
    }

    /// A driver that is asked to says what file the event reached (`SAKER_PARAMS_REACHED`).
    pub fn tells_reached(&self) -> bool {
        self.slot("mount_root").is_some()
    }

    /// The event acts on names and returns no descriptor: a driver that is asked to says on which files in a
    /// record before it, `SAKER_EV_ACTED`.
    pub fn acts(&self) -> bool {
        (raw::SAKER_EV_UNLINK..=raw::SAKER_EV_FCHOWNAT).contains(&u32::from(self.id))
    }

    /// The event opens a file by a name, an exec included.
    pub fn opens(&self) -> bool {
        self.given_slot().is_some() && u32::from(self.id) != raw::SAKER_EV_CONNECT
    }

    /// Slot of the name or address that a driver can tell as the kernel took it, in a record before the event:
    /// `SAKER_EV_GIVEN`.
    pub fn given_slot(&self) -> Option<u32> {
        Some(match u32::from(self.id) {
            raw::SAKER_EV_OPEN => raw::SAKER_P_OPEN_name,
            raw::SAKER_EV_OPENAT => raw::SAKER_P_OPENAT_name,
            raw::SAKER_EV_OPENAT2 => raw::SAKER_P_OPENAT2_name,
            raw::SAKER_EV_CREAT => raw::SAKER_P_CREAT_name,
            raw::SAKER_EV_EXECVE => raw::SAKER_P_EXECVE_filename,
            raw::SAKER_EV_EXECVEAT => raw::SAKER_P_EXECVEAT_filename,
            raw::SAKER_EV_CONNECT => raw::SAKER_P_CONNECT_addr,
            _ => return None,
        })
    }

    /// Slot of the parameter called `name`.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|p| p.name == name)
    }

    /// Slot of the descriptor the `fd.*` fields describe (rules-spec E3): the returned one for
    /// creating events, otherwise the first descriptor argument.
    pub fn fd_slot(&self) -> Option<usize> {
        if self.creates_fd() {
            // Of two new descriptors the second: Falco adds it last.
            return self.slot("fd2").or(Some(0));
        }
        if !(self.uses_fd() || self.destroys_fd()) {
            return None;
        }
        self.params
            .iter()
            .skip(1)
            .position(|p| p.ty == raw::SAKER_T_FD as u16)
            .map(|i| i + 1)
    }
}

/// All events, index = `SAKER_EV_*`.
pub static EVENTS: LazyLock<Vec<EventInfo>> = LazyLock::new(|| {
    // SAFETY: the table is constant data of this crate's C object; its length is part of its type.
    let table = unsafe { &raw::saker_event_table };
    table
        .iter()
        .enumerate()
        .map(|(id, info)| {
            // SAFETY: every line points to exactly `nparams` constant parameters (saker_table.c).
            let params =
                unsafe { std::slice::from_raw_parts(info.params, usize::from(info.nparams)) };
            EventInfo {
                id: id as u16,
                name: static_str(info.name),
                class: Class::ALL[usize::from(info.cls)],
                flags: info.flags,
                nr64: u16::try_from(info.nr64).ok(),
                nr32: u16::try_from(info.nr32).ok(),
                params: params
                    .iter()
                    .map(|p| Param {
                        name: static_str(p.name),
                        ty: p.type_,
                        internal: u32::from(p.flags) & raw::SAKER_PF_INTERNAL != 0,
                    })
                    .collect(),
            }
        })
        .collect()
});

/// The event called `name`.
pub fn by_name(name: &str) -> Option<&'static EventInfo> {
    EVENTS.iter().find(|event| event.name == name)
}

fn static_str(p: *const std::ffi::c_char) -> &'static str {
    // SAFETY: names in the table are string literals of the C object.
    unsafe { CStr::from_ptr(p) }
        .to_str()
        .expect("the table is ASCII")
}

/// Partition of a thread group; `partitions` is a power of two. The same arithmetic as the macro
/// `SAKER_PARTITION` that the drivers use.
pub const fn partition(tgid: u32, partitions: u32) -> u32 {
    (tgid.wrapping_mul(0x9E37_79B1) >> 16) & (partitions - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_consistent() {
        for event in EVENTS.iter() {
            assert!(!event.params.is_empty(), "{} has no parameters", event.name);
            let mut names: Vec<_> = event.params.iter().map(|p| p.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(
                names.len(),
                event.params.len(),
                "{}: a name twice",
                event.name
            );
            let first_internal = event.params.iter().position(|p| p.internal);
            if let Some(first) = first_internal {
                let all = event.params[first..].iter().all(|p| p.internal);
                assert!(all, "{}: internal facts must come last", event.name);
            }
            if event.flags & 0x7 != 0 {
                assert!(
                    event.fd_slot().is_some(),
                    "{}: which descriptor?",
                    event.name
                );
            }
        }
    }

    #[test]
    fn event_descriptors() {
        let slot = |name: &str| {
            let event = by_name(name).expect("in the table");
            event.fd_slot().map(|i| event.params[i].name)
        };
        assert_eq!(slot("openat"), Some("fd"));
        assert_eq!(slot("dup2"), Some("res"));
        assert_eq!(slot("connect"), Some("fd"));
        assert_eq!(slot("unlinkat"), Some("dirfd"));
        assert_eq!(slot("symlinkat"), Some("linkdirfd"));
        assert_eq!(slot("unlink"), None);
        assert_eq!(slot("splice"), Some("fd_in"));
        assert_eq!(slot("sendfile"), Some("out_fd"));
        assert_eq!(slot("copy_file_range"), Some("fdout"));
        assert_eq!(slot("signalfd4"), Some("res"));
        assert_eq!(slot("pipe2"), Some("fd2"));
        assert_eq!(slot("recvmsg"), Some("fd"));
    }
}
