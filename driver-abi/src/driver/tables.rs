//! The look-up tables of a driver's sys_exit hook: which calls are wanted and which event each one is.

use super::EventSet;
use crate::event::EVENTS;
use crate::raw::*;

const CALLS: usize = SAKER_MAX_SYSCALLS as usize;

/// Older i386 calls with the same arguments as the ones in the event table, which a program of either
/// ABI can still make (arch/x86/entry/syscalls/syscall_32.tbl). Ids of some have 16 bits; state takes the
/// resulting ids from the kernel. Where they point to other widths, the fillers know the number
/// (driver-abi/fillers/sources.h).
const LEGACY_32: [(u32, u16); 26] = [
    (SAKER_EV_LCHOWN, 16),
    (SAKER_EV_STAT, 18),
    (SAKER_EV_SETUID, 23),
    (SAKER_EV_GETUID, 24),
    (SAKER_EV_FSTAT, 28),
    (SAKER_EV_SETGID, 46),
    (SAKER_EV_GETGID, 47),
    (SAKER_EV_GETEUID, 49),
    (SAKER_EV_GETEGID, 50),
    (SAKER_EV_SETREUID, 70),
    (SAKER_EV_SETREGID, 71),
    (SAKER_EV_GETRLIMIT, 76),
    (SAKER_EV_SELECT, 82),
    (SAKER_EV_LSTAT, 84),
    (SAKER_EV_MMAP, 90),
    (SAKER_EV_FCHOWN, 95),
    (SAKER_EV_SETRESUID, 164),
    (SAKER_EV_GETRESUID, 165),
    (SAKER_EV_SETRESGID, 170),
    (SAKER_EV_GETRESGID, 171),
    (SAKER_EV_CHOWN, 182),
    (SAKER_EV_FCNTL, 221),
    (SAKER_EV_SENDFILE, 239),
    (SAKER_EV_PPOLL, 414),
    (SAKER_EV_RECVMMSG, 417),
    (SAKER_EV_FUTEX, 422),
];

/// Event of an x86-64 call; `None` when it has none of its own.
pub fn event_of_64(nr: u16) -> Option<u16> {
    let found = EVENTS.iter().find(|event| event.nr64 == Some(nr));
    found.map(|event| event.id)
}

/// Event of an i386 call. A call that holds many is no event, but none can be recorded in its place: it gives
/// the first of them.
pub fn event_of_32(nr: u16) -> Option<u16> {
    let own = EVENTS.iter().find(|event| event.nr32 == Some(nr));
    let legacy = LEGACY_32.iter().find(|&&(_, number)| number == nr);
    let inside = subcalls().iter().find(|call| u16::from(call.nr32) == nr);
    own.map(|event| event.id)
        .or(legacy.map(|&(event, _)| event as u16))
        .or(inside.map(|call| call.event))
}

/// Calls of 32-bit programs that are made through another one.
fn subcalls() -> &'static [saker_subcall_info] {
    // SAFETY: the table is constant data of this crate's C object; its length is part of its type.
    unsafe { &saker_subcalls }
}

/// Contents of the drivers' tables of the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyscallTables {
    /// Calls to look at, a bit for each number, both ABIs together.
    pub wanted: [u64; CALLS / 64],
    /// Event + 1 of each x86-64 call, 0 when it is not wanted.
    pub event_of_64: [u8; CALLS],
    /// The same of i386; may hold `SAKER_CALL_MULTIPLEXED`.
    pub event_of_32: [u8; CALLS],
    /// Event + 1 of each call behind a multiplexed one, by `SAKER_SUBCALL`.
    pub subcalls: [u8; SAKER_MAX_SUBCALLS as usize],
    /// `SAKER_SESSION_*`: hooks that are needed besides.
    pub session_flags: u32,
}

impl SyscallTables {
    /// The tables that let `events` through.
    pub fn new(events: &EventSet) -> Self {
        let mut tables = Self {
            wanted: [0; CALLS / 64],
            event_of_64: [0; CALLS],
            event_of_32: [0; CALLS],
            subcalls: [0; SAKER_MAX_SUBCALLS as usize],
            session_flags: 0,
        };
        for event in EVENTS.iter().filter(|event| events.contains(event.id)) {
            let mark = event.id as u8 + 1;
            for nr in [event.nr64, event.nr32].into_iter().flatten() {
                tables.want(nr);
            }
            if let Some(nr) = event.nr64 {
                tables.event_of_64[usize::from(nr)] = mark;
            }
            if let Some(nr) = event.nr32 {
                tables.event_of_32[usize::from(nr)] = mark;
            }
        }
        // The agent's canary is a prctl(2) of its own, whether rules want others or not.
        tables.want(SAKER_NR64_PRCTL as u16);
        for (event, nr) in LEGACY_32 {
            if events.contains(event as u16) {
                tables.want(nr);
                tables.event_of_32[usize::from(nr)] = event as u8 + 1;
            }
        }
        for call in subcalls() {
            if events.contains(call.event) {
                tables.want(u16::from(call.nr32));
                tables.event_of_32[usize::from(call.nr32)] = SAKER_CALL_MULTIPLEXED as u8;
                tables.subcalls[usize::from(call.subcall)] = call.event as u8 + 1;
            }
        }
        let generic = SAKER_EV_GENERIC as u8 + 1;
        for call in events.calls() {
            if let Some(nr) = call.nr64 {
                tables.want(nr);
                tables.event_of_64[usize::from(nr)] = generic;
            }
            if let Some(nr) = call.nr32 {
                tables.want(nr);
                tables.event_of_32[usize::from(nr)] = generic;
            }
        }
        if events.contains(SAKER_EV_SIGNALDELIVER as u16) {
            tables.session_flags |= SAKER_SESSION_SIGNALS;
        }
        if events.has_every_fcntl() {
            tables.session_flags |= SAKER_SESSION_FCNTL;
        }
        tables
    }

    fn want(&mut self, nr: u16) {
        self.wanted[usize::from(nr) / 64] |= 1 << (nr % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_inside_others_are_told_apart() {
        let tables = |event: u32| {
            let mut events = EventSet::new();
            events.insert(event as u16);
            SyscallTables::new(&events)
        };
        let connect = tables(SAKER_EV_CONNECT);
        assert_eq!(u32::from(connect.event_of_32[102]), SAKER_CALL_MULTIPLEXED);
        assert_eq!(u32::from(connect.subcalls[3]), SAKER_EV_CONNECT + 1);
        assert_eq!(
            connect.subcalls.iter().filter(|&&mark| mark != 0).count(),
            1
        );
        assert_eq!(connect.event_of_32[117], 0);
        let semop = tables(SAKER_EV_SEMOP);
        assert_eq!(u32::from(semop.event_of_32[117]), SAKER_CALL_MULTIPLEXED);
        assert_eq!(u32::from(semop.subcalls[32 + 1]), SAKER_EV_SEMOP + 1);
        assert_eq!(tables(SAKER_EV_OPENAT).event_of_32[102], 0);
    }

    #[test]
    fn generic_calls_are_wanted_one_by_one() {
        let mut events = EventSet::new();
        events.insert_call(crate::syscalls::generic("fsync").expect("a call"));
        let tables = SyscallTables::new(&events);
        assert_eq!(u32::from(tables.event_of_64[74]), SAKER_EV_GENERIC + 1);
        assert_eq!(u32::from(tables.event_of_32[118]), SAKER_EV_GENERIC + 1);
        let marks = tables.event_of_64.iter().chain(&tables.event_of_32);
        assert_eq!(marks.filter(|&&mark| mark != 0).count(), 2);
    }

    #[test]
    fn signals_have_a_hook_of_their_own() {
        let flags = |event: u32| {
            let mut events = EventSet::new();
            events.insert(event as u16);
            SyscallTables::new(&events).session_flags
        };
        assert_eq!(flags(SAKER_EV_SIGNALDELIVER), SAKER_SESSION_SIGNALS);
        assert_eq!(flags(SAKER_EV_KILL), 0);
    }

    #[test]
    fn fcntl_is_whole_for_who_asks_for_it() {
        let mut events: EventSet = [SAKER_EV_FCNTL as u16].into_iter().collect();
        assert_eq!(SyscallTables::new(&events).session_flags, 0);
        events.want_every_fcntl();
        assert_eq!(
            SyscallTables::new(&events).session_flags,
            SAKER_SESSION_FCNTL
        );
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

    /// Only the timeout is wider, which the fillers know or do not read.
    #[test]
    fn calls_with_wide_times_are_the_same_events() {
        let mut seen = 0;
        for call in crate::syscalls::SYSCALLS.iter() {
            let base = call.name.strip_suffix("_time64");
            let event = EVENTS.iter().find(|event| Some(event.name) == base);
            if let (Some(nr), Some(event)) = (call.nr32, event) {
                assert_eq!(event_of_32(nr), Some(event.id), "{}", call.name);
                seen += 1;
            }
        }
        assert!(seen >= 3, "{seen} calls");
        let mut events = EventSet::new();
        events.insert(SAKER_EV_RECVMMSG as u16);
        let tables = SyscallTables::new(&events);
        assert_eq!(u32::from(tables.event_of_32[417]), SAKER_EV_RECVMMSG + 1);
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
