//! Parameters of events as rules see them: the driver's table, under the names and in the print
//! forms rules-spec E3 and E4 demand.

use rustc_hash::FxHashMap;
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::{self, *};
use saker_engine::schema::IntFormat;
use saker_engine::value::ValueType;

use crate::names::{Name, enums, flags, sockets};
use crate::universe;

/// Where a parameter's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// In a slot.
    Slot(u32),
    /// Open flags in a slot, facts about the file in another.
    OpenFlags {
        /// Kernel flags.
        slot: u32,
        /// `facts`, if the event has it.
        facts: Option<u32>,
    },
    /// Mode of an open in a slot; means something only if the flags in another say so.
    OpenMode {
        /// Mode bits.
        slot: u32,
        /// Kernel flags.
        flags: u32,
    },
    /// Made from the type argument of socket(2).
    SocketFlags(u32),
    /// What a fork led to, or if it failed what it asked for, in the kernel's bits.
    ForkFlags(u32),
    /// Made from the facts slot of creat(2).
    CreatFlags(u32),
}

/// What a parameter means and how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Signed,
    Unsigned,
    Unsigned32,
    Hex,
    Octal,
    Errno,
    Fd,
    Pid,
    Uid,
    Gid,
    Signal,
    Time,
    /// A span in nanoseconds, -1 for none.
    Span,
    /// A return value that is an address.
    ErrnoHex,
    /// Bit n stands for signal n + 1.
    SignalSet,
    /// Number of a system call.
    Syscall,
    /// `struct pollfd`s.
    FdList,
    Mode,
    /// A mode with the type of a file.
    NodeMode,
    Flags(&'static [Name]),
    Enum(&'static [Name]),
    /// A socket option, of the level in this slot.
    SocketOption(u32),
    /// Relative to the working directory.
    Path,
    /// Relative to the directory descriptor in this slot.
    PathAt(u32),
    Text,
    Bytes,
    Tuple,
    Address,
}

/// A parameter of one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) kind: Kind,
}

/// Type of the raw value and how integers print.
pub(crate) type RawType = (ValueType, IntFormat);

impl Kind {
    /// Type of `evt.rawarg.X`.
    pub(crate) fn raw_type(self) -> RawType {
        let ty = match self {
            Self::Signed | Self::Errno | Self::Fd | Self::Pid | Self::Signal => ValueType::Int,
            Self::ErrnoHex => ValueType::Int,
            Self::Time => ValueType::AbsTime,
            Self::Span => ValueType::RelTime,
            Self::Path | Self::PathAt(_) | Self::Text => ValueType::Str,
            Self::Tuple | Self::Address | Self::FdList => ValueType::Str,
            Self::Bytes => ValueType::Bytes,
            _ => ValueType::Uint,
        };
        let format = match self {
            Self::Hex | Self::ErrnoHex => IntFormat::Hex,
            Self::Octal | Self::Mode | Self::NodeMode => IntFormat::Octal,
            _ => IntFormat::Decimal,
        };
        (ty, format)
    }
}

/// All parameters of all events, with their names numbered.
#[derive(Debug)]
pub(crate) struct Params {
    /// By event number, those of the driver's table only.
    events: Vec<Vec<Param>>,
    /// Number and raw type of every parameter name, recorded or not.
    names: FxHashMap<&'static str, (u32, RawType)>,
    /// Raw type by number of the name.
    types: Vec<RawType>,
    /// By number of the name, then by event: position of the parameter plus one.
    positions: Vec<Box<[u8]>>,
}

impl Params {
    pub(crate) fn new() -> Self {
        let events = EVENTS.iter().map(of_event).collect();
        let mut params = Self {
            events,
            names: FxHashMap::default(),
            types: Vec::new(),
            positions: Vec::new(),
        };
        for event in 0..params.events.len() {
            for at in 0..params.events[event].len() {
                let param = params.events[event][at];
                let number = params.name(param.name, param.kind.raw_type());
                params.positions[number as usize][event] = at as u8 + 1;
            }
        }
        universe::for_each(|_, list| {
            for &(name, ty, format) in list {
                params.name(name, (ty, format));
            }
        });
        params
    }

    fn name(&mut self, name: &'static str, ty: RawType) -> u32 {
        let next = self.types.len() as u32;
        let (number, _) = *self.names.entry(name).or_insert((next, ty));
        if number == next {
            self.types.push(ty);
            self.positions.push(vec![0; self.events.len()].into());
        }
        number
    }

    /// Number and raw type of a parameter's name; `None` when no event has it.
    pub(crate) fn find(&self, name: &str) -> Option<(u32, RawType)> {
        self.names.get(name).copied()
    }

    /// Name by its number.
    pub(crate) fn name_of(&self, number: u32) -> &'static str {
        let found = self.names.iter().find(|(_, (known, _))| *known == number);
        found.map_or("?", |(name, _)| name)
    }

    /// Raw type of a name by its number.
    pub(crate) fn raw_type(&self, number: u32) -> Option<RawType> {
        self.types.get(number as usize).copied()
    }

    /// Parameters of event `event` in order.
    pub(crate) fn of(&self, event: u32) -> &[Param] {
        self.events.get(event as usize).map_or(&[], Vec::as_slice)
    }

    /// Position in `event` of the parameter with this name number.
    pub(crate) fn position(&self, number: u32, event: u32) -> Option<usize> {
        let plus_one = *self.positions.get(number as usize)?.get(event as usize)?;
        usize::from(plus_one).checked_sub(1)
    }
}

fn of_event(event: &EventInfo) -> Vec<Param> {
    let id = u32::from(event.id);
    let facts = event.slot("facts").map(|slot| slot as u32);
    let is_flags = |param: &saker_abi::event::Param| u32::from(param.ty) == SAKER_T_OPEN_FLAGS;
    let open_flags = event
        .params
        .iter()
        .position(is_flags)
        .map(|slot| slot as u32);
    let mut dir = None;
    let mut params = Vec::new();
    for (slot, param) in event
        .params
        .iter()
        .enumerate()
        .filter(|(_, param)| !param.internal)
    {
        let slot = slot as u32;
        let ty = u32::from(param.ty);
        let source = match (ty, open_flags) {
            (SAKER_T_OPEN_FLAGS, _) => Source::OpenFlags { slot, facts },
            (SAKER_T_CLONE_FLAGS, _) => Source::ForkFlags(slot),
            (SAKER_T_OCTAL, Some(flags)) => Source::OpenMode { slot, flags },
            _ => Source::Slot(slot),
        };
        let kind = match (ty, dir) {
            (SAKER_T_RELPATH, Some(dir)) => Kind::PathAt(dir),
            (SAKER_T_SOCKOPT_NAME, _) => Kind::SocketOption(slot - 1),
            _ => kind(id, param.name, ty),
        };
        if kind == Kind::Fd {
            dir = Some(slot);
        }
        params.push(Param {
            name: param.name,
            source,
            kind,
        });
    }
    let made = |name, source, table| Param {
        name,
        source,
        kind: Kind::Flags(table),
    };
    match (id, facts) {
        (SAKER_EV_SOCKET, _) => {
            params.push(made(
                "flags",
                Source::SocketFlags(SAKER_P_SOCKET_type),
                flags::OPEN,
            ));
        }
        (SAKER_EV_CREAT, Some(facts)) => {
            params.push(made("creat_flags", Source::CreatFlags(facts), flags::CREAT));
        }
        _ => {}
    }
    params
}

fn kind(event: u32, name: &str, ty: u32) -> Kind {
    match (event, name) {
        // Numbers without names there (rules-spec E3).
        (SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK, "uid" | "gid") => {
            return Kind::Unsigned32;
        }
        // What a fork returns is a process.
        (SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK, "res") => {
            return Kind::Pid;
        }
        (SAKER_EV_DELETE_MODULE, "flags") => return Kind::Flags(flags::DELETE_MODULE),
        _ => {}
    }
    match ty {
        raw::SAKER_T_I64 | SAKER_T_RESULT => Kind::Signed,
        SAKER_T_U32 => Kind::Unsigned32,
        SAKER_T_HEX | SAKER_T_CAPS => Kind::Hex,
        SAKER_T_OCTAL => Kind::Octal,
        SAKER_T_ERRNO => Kind::Errno,
        SAKER_T_FD => Kind::Fd,
        SAKER_T_PID => Kind::Pid,
        SAKER_T_UID => Kind::Uid,
        SAKER_T_GID => Kind::Gid,
        SAKER_T_SIG => Kind::Signal,
        SAKER_T_ABSTIME => Kind::Time,
        SAKER_T_RELTIME => Kind::Span,
        SAKER_T_ERRNO_HEX => Kind::ErrnoHex,
        SAKER_T_SIGSET => Kind::SignalSet,
        SAKER_T_SYSCALL => Kind::Syscall,
        SAKER_T_FDLIST => Kind::FdList,
        SAKER_T_MODE => Kind::Mode,
        SAKER_T_MKNOD_MODE => Kind::NodeMode,
        SAKER_T_PATH | SAKER_T_RELPATH => Kind::Path,
        SAKER_T_STR => Kind::Text,
        SAKER_T_BYTES | SAKER_T_STRINGS => Kind::Bytes,
        SAKER_T_TUPLE => Kind::Tuple,
        SAKER_T_ADDR => Kind::Address,
        _ => named(ty).unwrap_or(Kind::Unsigned),
    }
}

/// Types whose numbers have names.
fn named(ty: u32) -> Option<Kind> {
    Some(match ty {
        SAKER_T_OPEN_FLAGS => Kind::Flags(flags::OPEN),
        SAKER_T_EXE_FLAGS => Kind::Flags(flags::EXE),
        SAKER_T_CLONE_FLAGS | SAKER_T_UNSHARE_FLAGS => Kind::Flags(flags::CLONE),
        SAKER_T_MOUNT_FLAGS => Kind::Flags(flags::MOUNT),
        SAKER_T_UMOUNT_FLAGS => Kind::Flags(flags::UMOUNT),
        SAKER_T_UNLINKAT_FLAGS => Kind::Flags(flags::UNLINKAT),
        SAKER_T_LINKAT_FLAGS => Kind::Flags(flags::LINKAT),
        SAKER_T_FCHOWNAT_FLAGS => Kind::Flags(flags::FCHOWNAT),
        SAKER_T_RENAME_FLAGS => Kind::Flags(flags::RENAME),
        SAKER_T_RESOLVE_FLAGS => Kind::Flags(flags::RESOLVE),
        SAKER_T_MEMFD_FLAGS => Kind::Flags(flags::MEMFD),
        SAKER_T_MODULE_FLAGS => Kind::Flags(flags::MODULE),
        SAKER_T_FD_FLAGS => Kind::Flags(flags::OPEN),
        SAKER_T_EPOLL_FLAGS => Kind::Flags(flags::EPOLL),
        SAKER_T_ACCESS_FLAGS => Kind::Flags(flags::ACCESS),
        SAKER_T_NEWFSTATAT_FLAGS => Kind::Flags(flags::NEWFSTATAT),
        SAKER_T_FLOCK_FLAGS => Kind::Flags(flags::FLOCK),
        SAKER_T_SPLICE_FLAGS => Kind::Flags(flags::SPLICE),
        SAKER_T_PIDFD_FLAGS => Kind::Flags(flags::PIDFD),
        SAKER_T_PROT_FLAGS => Kind::Flags(flags::PROT),
        SAKER_T_MMAP_FLAGS => Kind::Flags(flags::MMAP),
        SAKER_T_MLOCKALL_FLAGS => Kind::Flags(flags::MLOCKALL),
        SAKER_T_MLOCK2_FLAGS => Kind::Flags(flags::MLOCK2),
        SAKER_T_FUTEX_OP => Kind::Flags(flags::FUTEX),
        SAKER_T_SEMGET_FLAGS => Kind::Flags(flags::SEMGET),
        SAKER_T_SEMOP_FLAGS => Kind::Flags(flags::SEMOP),
        SAKER_T_QUOTA_FLAGS => Kind::Flags(flags::QUOTA),
        SAKER_T_URING_SETUP_FLAGS => Kind::Flags(flags::URING_SETUP),
        SAKER_T_URING_ENTER_FLAGS => Kind::Flags(flags::URING_ENTER),
        SAKER_T_URING_FEATURES => Kind::Flags(flags::URING_FEATURES),
        SAKER_T_WHENCE => Kind::Enum(enums::WHENCE),
        SAKER_T_RLIMIT => Kind::Enum(enums::RLIMIT),
        SAKER_T_SEMCTL_CMD => Kind::Enum(enums::SEMCTL),
        SAKER_T_QUOTA_CMD => Kind::Enum(enums::QUOTA_CMD),
        SAKER_T_QUOTA_TYPE => Kind::Enum(enums::QUOTA_TYPE),
        SAKER_T_QUOTA_FORMAT => Kind::Enum(enums::QUOTA_FORMAT),
        SAKER_T_KEYCTL_OP => Kind::Enum(enums::KEYCTL),
        SAKER_T_FSCONFIG_CMD => Kind::Enum(enums::FSCONFIG),
        SAKER_T_URING_REGISTER_OP => Kind::Enum(enums::URING_REGISTER),
        SAKER_T_PTRACE_REQUEST => Kind::Enum(enums::PTRACE),
        SAKER_T_BPF_CMD => Kind::Enum(enums::BPF_CMD),
        SAKER_T_DOMAIN => Kind::Enum(enums::DOMAIN),
        SAKER_T_PRCTL_OPTION => Kind::Enum(enums::PRCTL),
        SAKER_T_FCNTL_CMD => Kind::Enum(enums::FCNTL),
        SAKER_T_SHUTDOWN_HOW => Kind::Enum(sockets::SHUTDOWN),
        SAKER_T_SOCKOPT_LEVEL => Kind::Enum(sockets::LEVEL),
        SAKER_T_SOCKOPT_NAME => Kind::Enum(sockets::OPTION),
        SAKER_T_CLOSE_RANGE_FLAGS => Kind::Flags(sockets::CLOSE_RANGE),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lead_back_to_the_parameter() {
        let params = Params::new();
        for event in EVENTS.iter() {
            for (at, param) in params.of(u32::from(event.id)).iter().enumerate() {
                let (number, _) = params.find(param.name).expect("numbered");
                assert_eq!(params.position(number, u32::from(event.id)), Some(at));
            }
        }
        let (flags, _) = params.find("flags").expect("numbered");
        assert_eq!(params.position(flags, SAKER_EV_RMDIR), None);
    }

    #[test]
    fn paths_know_their_directory() {
        let params = Params::new();
        let kinds = |event| {
            params
                .of(event)
                .iter()
                .map(|param| param.kind)
                .collect::<Vec<_>>()
        };
        let renameat = kinds(SAKER_EV_RENAMEAT);
        assert_eq!(renameat[2], Kind::PathAt(SAKER_P_RENAMEAT_olddirfd));
        assert_eq!(renameat[4], Kind::PathAt(SAKER_P_RENAMEAT_newdirfd));
        assert_eq!(kinds(SAKER_EV_OPEN)[1], Kind::Path);
    }

    #[test]
    fn every_type_with_a_table_is_known() {
        let unnamed = [SAKER_T_U64, SAKER_T_FILE_FACTS];
        for event in EVENTS.iter() {
            for param in &event.params {
                let ty = u32::from(param.ty);
                let kind = kind(u32::from(event.id), param.name, ty);
                assert!(
                    kind != Kind::Unsigned || unnamed.contains(&ty),
                    "{}",
                    param.name
                );
            }
        }
    }

    #[test]
    fn names_of_events_nobody_records_are_known() {
        let params = Params::new();
        assert!(params.find("queuelen").is_some());
        assert!(params.find("no_such_parameter").is_none());
    }
}
