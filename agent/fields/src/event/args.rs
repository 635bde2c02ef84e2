//! Parameters of the event: `evt.arg.X`, `evt.rawarg.X`, `evt.args`, and paths made of them.

use saker_abi::event::EventInfo;
use saker_abi::raw::*;
use saker_engine::value::{Value, ValueType};
use saker_state::{NO_ID, path};

use super::{EventView, Made, fd, user};
use crate::field::{Arg, text};
use crate::names::{convert, errno, flags, signals, sockets, write_enum, write_flags};
use crate::params::{Kind, Param, Source};
use crate::render::{self, NOT_AVAILABLE, NULL, put};

/// `openat` and its kin: the working directory.
const AT_FDCWD: i32 = -100;
/// There is no such process.
const ESRCH: i64 = 3;

/// One descriptor of a list, and the events reported of it.
pub(super) struct Polled {
    pub(super) number: i32,
    reported: u16,
}

impl<'a> EventView<'a> {
    pub(super) fn info(&self) -> &'static EventInfo {
        self.record.info()
    }

    pub(super) fn params(&self) -> &'a [Param] {
        self.schema.params().of(self.record.event())
    }

    /// Position of the parameter that `arg` names, if this event has it.
    pub(super) fn position(&self, arg: Arg) -> Option<usize> {
        match (arg.as_index(), arg.as_key()) {
            (Some(at), _) => (at < self.params().len()).then_some(at),
            (_, Some(name)) => self.schema.params().position(name, self.record.event()),
            _ => None,
        }
    }

    /// Position of the parameter called `name`.
    pub(super) fn position_of(&self, name: &str) -> Option<usize> {
        self.params().iter().position(|param| param.name == name)
    }

    /// `evt.arg.X`: the resolved form, or the raw one when there is none.
    pub(super) fn argument(&self, at: usize) -> Option<&'a [u8]> {
        let param = self.params().get(at)?;
        if let Some(real) = self.called_at(at) {
            return Some(real);
        }
        self.made(Made::Argument, at, |out| {
            self.write_resolved(param, out);
            if out.is_empty() {
                self.write_raw(param, out);
            }
            true
        })
    }

    /// `evt.args`: `name=raw(resolved)` of all parameters.
    pub(super) fn arguments(&self) -> Option<&'a [u8]> {
        self.made(Made::Arguments, 0, |out| {
            for param in self.params() {
                if !out.is_empty() {
                    out.push(b' ');
                }
                out.extend_from_slice(param.name.as_bytes());
                out.push(b'=');
                self.write_raw(param, out);
                let raw_end = out.len();
                out.push(b'(');
                self.write_resolved(param, out);
                if out.len() == raw_end + 1 {
                    out.truncate(raw_end);
                } else {
                    out.push(b')');
                }
            }
            true
        })
    }

    /// `evt.rawarg.X`. The type is that of the first event with such a parameter; where another
    /// event has one of a different type, the field is absent.
    pub(super) fn raw_argument(&self, arg: Arg) -> Option<Value<'a>> {
        let (declared, _) = self.schema.params().raw_type(arg.as_key()?)?;
        let at = self.position(arg)?;
        let param = &self.params()[at];
        let ty = param.kind.raw_type().0;
        // A span is a number: poll counts it in another unit than ppoll, but both can be compared.
        let is_int = |ty| matches!(ty, ValueType::Int | ValueType::RelTime);
        if ty != declared && !(is_int(ty) && is_int(declared)) {
            return None;
        }
        match declared {
            ValueType::Int | ValueType::RelTime => Some(Value::Int(self.signed(param))),
            ValueType::Bytes => Some(Value::Bytes(self.bytes(param))),
            ValueType::Str => text(self.made(Made::RawText, at, |out| {
                self.write_raw(param, out);
                true
            })?),
            _ => Some(Value::Uint(self.number(param))),
        }
    }

    /// The path parameter at `at`, absolute and normalised (rules-spec F7); `None` when it is no
    /// path or could not be read.
    pub(super) fn path(&self, at: usize) -> Option<&'a [u8]> {
        let param = self.params().get(at)?;
        if let Some(real) = self.called_at(at) {
            return Some(real);
        }
        let given = self.given_path(at)?;
        self.made(Made::Path, at, |out| {
            path::join(self.base(param), given, out);
            true
        })
    }

    /// The path parameter at `at` as passed.
    pub(super) fn given_path(&self, at: usize) -> Option<&'a [u8]> {
        let param = self.params().get(at)?;
        let is_path = matches!(param.kind, Kind::Path | Kind::PathAt(_) | Kind::Text);
        let Source::Slot(slot) = param.source else {
            return None;
        };
        let var = is_path.then(|| self.record.var(slot))?;
        (!var.bytes.is_empty() || !var.fault).then_some(var.bytes)
    }

    fn base(&self, param: &Param) -> &'a [u8] {
        match param.kind {
            Kind::PathAt(dirfd) => self.state.dir(self.record.i64(dirfd) as i32),
            _ => self.state.dir(AT_FDCWD),
        }
    }

    /// A number as rules see it, after conversion from the kernel's.
    pub(super) fn number(&self, param: &Param) -> u64 {
        match param.source {
            Source::OpenFlags { slot, facts } => {
                let facts = facts.map_or(0, |facts| self.record.u64(facts));
                convert::open_flags(self.record.u64(slot)) | convert::open_facts(facts)
            }
            // The argument is passed only with flags that create; without, it is left-over data.
            Source::OpenMode { slot, flags } => {
                let creates = convert::open_creates(self.record.u64(flags));
                if creates {
                    self.record.u64(slot) & 0o7777
                } else {
                    0
                }
            }
            Source::SocketFlags(slot) => convert::socket_flags(self.record.u64(slot)),
            Source::ForkFlags(slot) => {
                let flags = self.record.u64(slot);
                if self.record.i64(SAKER_P_CLONE_res) < 0 {
                    convert::clone_flags(flags)
                } else {
                    flags
                }
            }
            Source::CreatFlags(slot) => convert::creat_facts(self.record.u64(slot)),
            Source::Slot(slot) => self.converted(slot, param.kind),
        }
    }

    fn converted(&self, slot: u32, kind: Kind) -> u64 {
        let value = self.record.u64(slot);
        // Flags, requests and ids are ints: what a register holds above means nothing.
        let low = u64::from(value as u32);
        let ty = self
            .info()
            .params
            .get(slot as usize)
            .map_or(0, |param| u32::from(param.ty));
        match ty {
            SAKER_T_UNSHARE_FLAGS => convert::clone_flags(low),
            SAKER_T_MOUNT_FLAGS => convert::mount_flags(low),
            SAKER_T_RESOLVE_FLAGS => convert::resolve_flags(low),
            SAKER_T_PTRACE_REQUEST => convert::ptrace_request(low),
            SAKER_T_FCNTL_CMD => convert::fcntl_command(low),
            SAKER_T_FD_FLAGS => convert::descriptor_flags(low),
            SAKER_T_PROT_FLAGS => convert::protection(low),
            SAKER_T_MMAP_FLAGS => convert::mmap_flags(low),
            SAKER_T_QUOTA_CMD => convert::quota_command(low),
            SAKER_T_QUOTA_TYPE => convert::quota_type(low),
            SAKER_T_SEMCTL_CMD => convert::semctl_command(low),
            _ => match kind {
                Kind::Unsigned | Kind::Hex | Kind::Octal | Kind::Time => value,
                Kind::Span | Kind::SignalSet => value,
                _ => low,
            },
        }
    }

    fn signed(&self, param: &Param) -> i64 {
        let Source::Slot(slot) = param.source else {
            return 0;
        };
        let value = self.record.i64(slot);
        match param.kind {
            Kind::Fd | Kind::Pid | Kind::Signal => i64::from(value as i32),
            _ => value,
        }
    }

    pub(super) fn bytes(&self, param: &Param) -> &'a [u8] {
        match param.source {
            Source::Slot(slot) => self.record.var(slot).bytes,
            _ => &[],
        }
    }

    fn write_raw(&self, param: &Param, out: &mut Vec<u8>) {
        let start = out.len();
        match param.kind {
            Kind::Signed | Kind::Errno | Kind::Fd | Kind::Pid | Kind::Signal => {
                put!(out, "{}", self.signed(param));
            }
            // Nobody is -1, not the largest number there is.
            Kind::Uid | Kind::Gid => match self.number(param) as u32 {
                NO_ID => out.extend_from_slice(b"-1"),
                id => put!(out, "{id}"),
            },
            Kind::Hex => put!(out, "{:X}", self.number(param)),
            Kind::ErrnoHex => put!(out, "{:X}", self.signed(param)),
            Kind::SignalSet => put!(out, "0x{:x}", self.number(param)),
            Kind::Span => match self.number(param) {
                u64::MAX => out.extend_from_slice(b"none"),
                ns => put!(out, "{ns}"),
            },
            Kind::FdList => self.write_fd_list(param, out),
            Kind::Octal | Kind::Mode | Kind::NodeMode => render::octal(out, self.number(param)),
            Kind::Time => self.host.clock.local(out, self.number(param)),
            Kind::Path | Kind::PathAt(_) | Kind::Text => {
                out.extend_from_slice(self.bytes(param));
            }
            Kind::Bytes => render::printable(out, self.bytes(param)),
            Kind::Address => _ = render::address(out, self.bytes(param)),
            Kind::Tuple => self.write_tuple(param, out),
            Kind::Unsigned
            | Kind::Unsigned32
            | Kind::Syscall
            | Kind::Flags(_)
            | Kind::Enum(_)
            | Kind::SocketOption(_) => {
                put!(out, "{}", self.number(param));
            }
        }
        if out.len() == start {
            out.extend_from_slice(match param.kind {
                Kind::Bytes | Kind::Address | Kind::Tuple | Kind::FdList => NULL,
                _ => NOT_AVAILABLE,
            });
        }
    }

    /// Both ends of the socket, where it came from first: the peer of what was accepted or received.
    pub(super) fn write_tuple(&self, param: &Param, out: &mut Vec<u8>) {
        let Source::Slot(slot) = param.source else {
            return;
        };
        let from_remote = matches!(
            self.record.event(),
            SAKER_EV_ACCEPT
                | SAKER_EV_ACCEPT4
                | SAKER_EV_RECVFROM
                | SAKER_EV_RECVMSG
                | SAKER_EV_RECVMMSG
        );
        if let Some(tuple) = self.record.tuple(slot) {
            let socket = self.fd().and_then(|fd| fd.socket.as_ref());
            let known = socket.and_then(|socket| socket.local.zip(socket.remote));
            render::tuple(out, &tuple, from_remote, known);
        }
    }

    fn write_resolved(&self, param: &Param, out: &mut Vec<u8>) {
        match param.kind {
            Kind::Errno | Kind::ErrnoHex => {
                out.extend_from_slice(
                    errno::of_return_value(self.signed(param))
                        .unwrap_or("")
                        .as_bytes(),
                );
            }
            Kind::Fd => self.write_fd(self.signed(param), out),
            Kind::Pid => self.write_comm(self.signed(param), out),
            Kind::Uid | Kind::Gid => self.write_owner(param, out),
            Kind::Signal => {
                let signal = u64::try_from(self.signed(param))
                    .ok()
                    .and_then(signals::name);
                out.extend_from_slice(signal.unwrap_or("").as_bytes());
            }
            Kind::Mode => write_flags(out, flags::MODE, self.number(param)),
            Kind::NodeMode => {
                let mode = self.number(param);
                write_flags(out, flags::MODE, mode & 0o7777);
                let before = out.len();
                write_flags(out, flags::MKNOD_TYPE, mode & !0o7777);
                if before != 0 && out.len() > before {
                    out.insert(before, b'|');
                }
            }
            Kind::Span => render::seconds(out, self.number(param)),
            Kind::SignalSet => signals::write_set(out, self.number(param)),
            Kind::Syscall => out.extend_from_slice(self.type_name().as_bytes()),
            Kind::Flags(table) => write_flags(out, table, self.number(param)),
            Kind::Enum(table) => write_enum(out, table, self.number(param)),
            Kind::SocketOption(level) if self.record.u64(level) == sockets::SOL_SOCKET => {
                write_enum(out, sockets::OPTION, self.number(param));
            }
            Kind::Path | Kind::PathAt(_) => self.write_absolute(param, out),
            _ => {}
        }
    }

    /// Only relative paths have a resolved form; absolute ones stand as passed.
    fn write_absolute(&self, param: &Param, out: &mut Vec<u8>) {
        let given = self.bytes(param);
        if given.is_empty() || given.starts_with(b"/") {
            return;
        }
        let at = self
            .params()
            .iter()
            .position(|other| other.name == param.name);
        let absolute = at.and_then(|at| self.path(at));
        out.extend_from_slice(absolute.unwrap_or_default());
    }

    fn write_fd(&self, number: i64, out: &mut Vec<u8>) {
        let number = number as i32;
        if number == AT_FDCWD {
            out.extend_from_slice(b"AT_FDCWD");
        } else if number < 0 {
            let name = errno::of_return_value(i64::from(number));
            out.extend_from_slice(name.unwrap_or("").as_bytes());
        } else if let Some(entry) = self.state.fd_at(number) {
            out.push(b'<');
            fd::write_type_chars(entry, out);
            out.push(b'>');
            out.extend_from_slice(&entry.name);
        }
    }

    /// `fd:Tevents` of each, separated by spaces: the type's character, then what was reported.
    fn write_fd_list(&self, param: &Param, out: &mut Vec<u8>) {
        let start = out.len();
        for polled in self.polled_in(param) {
            if out.len() > start {
                out.push(b' ');
            }
            put!(out, "{}:", polled.number);
            match self.state.fd_at(polled.number) {
                Some(entry) => fd::write_type_chars(entry, out),
                None => out.push(b'?'),
            }
            put!(out, "{:x}", convert::poll_events(polled.reported.into()));
        }
    }

    /// The descriptors of a list.
    pub(super) fn polled_in(&self, param: &Param) -> impl Iterator<Item = Polled> + use<'a> {
        // struct pollfd: an int, then asked-for and reported events, two bytes each.
        let each = self.bytes(param).chunks_exact(8);
        each.map(|polled| Polled {
            number: i32::from_le_bytes([polled[0], polled[1], polled[2], polled[3]]),
            reported: u16::from_le_bytes([polled[6], polled[7]]),
        })
    }

    fn write_comm(&self, pid: i64, out: &mut Vec<u8>) {
        let Ok(pid) = u32::try_from(pid) else { return };
        match self.process() {
            Some(process) if process.tgid == pid || process.threads.contains_key(&pid) => {
                out.extend_from_slice(process.comm(pid));
            }
            _ => {
                let lineage = self.state.lineage();
                let nobody = self.return_value() == Some(-ESRCH);
                let found = if nobody {
                    lineage.by_tgid(pid)
                } else {
                    lineage.last_of_tgid(pid)
                };
                if let Some(cell) = found {
                    out.extend_from_slice(&lineage.image(&cell).comm);
                }
            }
        }
    }

    fn write_owner(&self, param: &Param, out: &mut Vec<u8>) {
        let id = self.number(param) as u32;
        let name = match param.kind {
            Kind::Uid => self.id_names().and_then(|names| user::user_name(names, id)),
            _ => self.id_names().and_then(|names| names.group(id)),
        };
        out.extend_from_slice(match name {
            _ if id == NO_ID => b"<NONE>",
            Some(name) => name.as_bytes(),
            None => NOT_AVAILABLE,
        });
    }
}
