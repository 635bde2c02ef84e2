//! System calls by name and number, in both ABIs of x86, and which of them have no event of their own.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use syscalls::{x86, x86_64};

use crate::driver::{event_of_32, event_of_64};
use crate::raw::*;

/// A system call. Names are those of the kernel's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syscall {
    /// Name.
    pub name: &'static str,
    /// Number for 64-bit programs, if it has one there.
    pub nr64: Option<u16>,
    /// Number for 32-bit programs, if it has one there.
    pub nr32: Option<u16>,
}

/// All system calls by name.
pub static SYSCALLS: LazyLock<Vec<Syscall>> = LazyLock::new(|| {
    let mut by_name: BTreeMap<&'static str, (Option<u16>, Option<u16>)> = BTreeMap::new();
    for call in x86_64::Sysno::iter() {
        by_name.entry(plain(call.name())).or_default().0 = number(call.id());
    }
    for call in x86::Sysno::iter() {
        by_name.entry(plain(call.name())).or_default().1 = number(call.id());
    }
    by_name
        .into_iter()
        .map(|(name, (nr64, nr32))| Syscall { name, nr64, nr32 })
        .collect()
});

/// Calls that are recorded as `SAKER_EV_GENERIC` when a rule names them: in each ABI the numbers no other event
/// has. Never empty on both sides.
pub static GENERIC: LazyLock<Vec<Syscall>> = LazyLock::new(|| {
    let mut generic = Vec::new();
    for call in SYSCALLS.iter() {
        let nr64 = call.nr64.filter(|&nr| event_of_64(nr).is_none());
        let nr32 = call.nr32.filter(|&nr| event_of_32(nr).is_none());
        let never_returns =
            ["exit", "exit_group", "rt_sigreturn", "sigreturn"].contains(&call.name);
        if !never_returns && (nr64.is_some() || nr32.is_some()) {
            generic.push(Syscall {
                nr64,
                nr32,
                ..*call
            });
        }
    }
    generic
});

/// The generic call called `name`.
pub fn generic(name: &str) -> Option<&'static Syscall> {
    let at = GENERIC.binary_search_by(|call| call.name.cmp(name)).ok()?;
    GENERIC.get(at)
}

/// Numbers that drivers look at; x32 has its own above them.
fn number(id: i32) -> Option<u16> {
    let number = u16::try_from(id).ok()?;
    (u32::from(number) < SAKER_MAX_SYSCALLS).then_some(number)
}

/// One name is a word of Rust.
fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("r#").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EVENTS;

    /// Events whose names are not those of their calls, in either table.
    const OTHER_NAMES: [(&str, &str); 29] = [
        ("prlimit", "prlimit64"),
        ("llseek", "_llseek"),
        ("select", "_newselect"),
        ("newfstatat", "fstatat64"),
        ("getrlimit", "ugetrlimit"),
        ("getuid", "getuid32"),
        ("geteuid", "geteuid32"),
        ("getgid", "getgid32"),
        ("getegid", "getegid32"),
        ("getresuid", "getresuid32"),
        ("getresgid", "getresgid32"),
        ("setuid", "setuid32"),
        ("setgid", "setgid32"),
        ("setreuid", "setreuid32"),
        ("setregid", "setregid32"),
        ("setresuid", "setresuid32"),
        ("setresgid", "setresgid32"),
        ("chown", "chown32"),
        ("lchown", "lchown32"),
        ("fchown", "fchown32"),
        ("pread", "pread64"),
        ("pwrite", "pwrite64"),
        ("fcntl", "fcntl64"),
        ("sendfile", "sendfile64"),
        ("stat", "oldstat"),
        ("lstat", "oldlstat"),
        ("fstat", "oldfstat"),
        ("ppoll", "ppoll_time64"),
        ("futex", "futex_time64"),
    ];

    #[test]
    fn numbers_of_events_are_those_of_their_calls() {
        for event in EVENTS.iter() {
            let same = |name: &str| name == event.name || OTHER_NAMES.contains(&(event.name, name));
            for call in SYSCALLS.iter() {
                let is = (call.nr64.is_some() && call.nr64 == event.nr64)
                    || (call.nr32.is_some() && call.nr32 == event.nr32);
                assert!(!is || same(call.name), "{} is {}", event.name, call.name);
            }
        }
    }

    #[test]
    fn generic_calls_are_those_without_an_event() {
        let fsync = generic("fsync").expect("a call without an event");
        assert_eq!((fsync.nr64, fsync.nr32), (Some(74), Some(118)));
        assert!(generic("openat").is_none() && generic("no such call").is_none());
        assert!(generic("socketcall").is_none() && generic("getuid32").is_none());
        assert!(generic("exit_group").is_none());
        let waitpid = generic("waitpid").expect("a call of 32 bits only");
        assert_eq!((waitpid.nr64, waitpid.nr32), (None, Some(7)));
        assert!(generic("break").is_some());
    }

    #[test]
    fn all_events_of_calls_are_found_by_number() {
        for event in EVENTS.iter() {
            if let Some(nr) = event.nr64 {
                assert_eq!(event_of_64(nr), Some(event.id), "{}", event.name);
            }
            if let Some(nr) = event.nr32 {
                assert_eq!(event_of_32(nr), Some(event.id), "{}", event.name);
            }
        }
        assert_eq!(event_of_64(101), Some(SAKER_EV_PTRACE as u16));
        assert_eq!(event_of_32(24), Some(SAKER_EV_GETUID as u16));
    }
}
