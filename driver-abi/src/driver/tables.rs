//! The look-up tables of a driver's sys_exit hook: which calls are wanted and which event each one is.

use super::EventSet;
use crate::event::EVENTS;
use crate::raw::*;

const CALLS: usize = SAKER_MAX_SYSCALLS as usize;

/// Older i386 calls with the same arguments as the ones in the event table, which a program of either
/// ABI can still make (arch/x86/entry/syscalls/syscall_32.tbl). Their ids have 16 bits; state takes the
/// resulting ids from the kernel. umount has no flags: that slot is whatever the register held.
const LEGACY_32: [(u32, u16); 11] = [
    (SAKER_EV_LCHOWN, 16),
    (SAKER_EV_UMOUNT2, 22),
    (SAKER_EV_SETUID, 23),
    (SAKER_EV_SETGID, 46),
    (SAKER_EV_SETREUID, 70),
    (SAKER_EV_SETREGID, 71),
    (SAKER_EV_FCHOWN, 95),
    (SAKER_EV_SETRESUID, 164),
    (SAKER_EV_SETRESGID, 170),
    (SAKER_EV_CHOWN, 182),
    (SAKER_EV_FCNTL, 221),
];

/// Contents of `saker_wanted`, `saker_event_of_64` and `saker_event_of_32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyscallTables {
    /// Calls to look at, a bit for each number, both ABIs together.
    pub wanted: [u64; CALLS / 64],
    /// Event + 1 of each x86-64 call, 0 when it is not wanted.
    pub event_of_64: [u8; CALLS],
    /// The same of i386; may hold `SAKER_CALL_UNDECODED`.
    pub event_of_32: [u8; CALLS],
}

impl SyscallTables {
    /// The tables that let `events` through.
    pub fn new(events: &EventSet) -> Self {
        let mut tables = Self {
            wanted: [0; CALLS / 64],
            event_of_64: [0; CALLS],
            event_of_32: [0; CALLS],
        };
        for event in EVENTS.iter().filter(|event| events.contains(event.id)) {
            let mark = event.id as u8 + 1;
            for nr in [event.nr64, event.nr32].into_iter().flatten() {
                // The fork program asks which call it was; its return is not wanted.
                if !event.is_sched() {
                    tables.wanted[usize::from(nr) / 64] |= 1 << (nr % 64);
                }
            }
            if let Some(nr) = event.nr64 {
                tables.event_of_64[usize::from(nr)] = mark;
            }
            if let Some(nr) = event.nr32 {
                tables.event_of_32[usize::from(nr)] = mark;
            }
        }
        // The agent's canary is a prctl(2) of its own, whether rules want others or not.
        let prctl = SAKER_NR64_PRCTL as usize;
        tables.wanted[prctl / 64] |= 1 << (prctl % 64);
        for (event, nr) in LEGACY_32 {
            if events.contains(event as u16) {
                tables.wanted[usize::from(nr) / 64] |= 1 << (nr % 64);
                tables.event_of_32[usize::from(nr)] = event as u8 + 1;
            }
        }
        // Old 32-bit programs make their socket calls through one that is not decoded.
        let sockets = [
            SAKER_EV_SOCKET,
            SAKER_EV_CONNECT,
            SAKER_EV_ACCEPT,
            SAKER_EV_ACCEPT4,
            SAKER_EV_BIND,
            SAKER_EV_LISTEN,
        ];
        if sockets.iter().any(|&event| events.contains(event as u16)) {
            let nr = SAKER_NR32_SOCKETCALL as usize;
            tables.wanted[nr / 64] |= 1 << (nr % 64);
            tables.event_of_32[nr] = SAKER_CALL_UNDECODED as u8;
        }
        tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecoded_socket_calls_are_marked_when_sockets_matter() {
        let mark = |event: u32| {
            let mut events = EventSet::new();
            events.insert(event as u16);
            u32::from(SyscallTables::new(&events).event_of_32[102])
        };
        assert_eq!(mark(SAKER_EV_CONNECT), SAKER_CALL_UNDECODED);
        assert_eq!(mark(SAKER_EV_OPENAT), 0);
    }

    #[test]
    fn the_canary_passes_without_prctl_being_recorded() {
        let tables = SyscallTables::new(&EventSet::state());
        assert_eq!(tables.wanted[157 / 64] >> (157 % 64) & 1, 1);
        assert_eq!(tables.event_of_64[157], 0);
    }

    #[test]
    fn older_calls_of_32_bit_programs_are_the_same_events() {
        let tables = SyscallTables::new(&EventSet::state());
        assert_eq!(u32::from(tables.event_of_32[23]), SAKER_EV_SETUID + 1);
        assert_eq!(u32::from(tables.event_of_32[213]), SAKER_EV_SETUID + 1);
        assert_eq!(tables.event_of_64[23], 0, "select, in the other ABI");
    }

    #[test]
    fn returns_of_fork_are_not_looked_at() {
        let tables = SyscallTables::new(&EventSet::state());
        assert_eq!(u32::from(tables.event_of_64[56]), SAKER_EV_CLONE + 1);
        assert_eq!(tables.wanted[0] >> 56 & 1, 0);
    }

    #[test]
    fn both_call_tables_are_marked() {
        let mut events = EventSet::new();
        events.insert(SAKER_EV_OPENAT as u16);
        let tables = SyscallTables::new(&events);
        assert_eq!(u32::from(tables.event_of_64[257]), SAKER_EV_OPENAT + 1);
        assert_eq!(u32::from(tables.event_of_32[295]), SAKER_EV_OPENAT + 1);
        assert_eq!(tables.wanted[4], 1 << (257 - 256) | 1 << (295 - 256));
        assert_eq!(
            tables
                .event_of_64
                .iter()
                .filter(|&&event| event != 0)
                .count(),
            1
        );
    }
}
