//! Which state a field shows on an event: the one table of it.

use saker_abi::event::EventInfo;
use saker_abi::raw::*;
use saker_fields::category_is_of_descriptor;

use super::keepers::Keepers;

/// What `field`, as rules write it, shows on `event` besides what the record itself tells.
pub(super) fn keepers(field: &str, event: &EventInfo) -> Keepers {
    let (name, _) = field.split_once('[').unwrap_or((field, ""));
    match name {
        "proc.fdopencount" | "proc.fdusage" => Keepers::TABLE | Keepers::CLOSED,
        "proc.cwd" => directory(event),
        "fd.types" if event.fd_slot().is_some() => Keepers::TABLE | Keepers::CLOSED,
        "fd.name_changed" if has(event, SAKER_T_TUPLE) => {
            descriptor(event) | Keepers::SENT | Keepers::RECEIVED
        }
        "fd.connected" if event.uses_fd() => descriptor(event) | Keepers::OUTCOMES,
        "evt.args" | "evt.info" => parameters(event, |_, _| true),
        // What is moved, and errors of it, are of the sort of the descriptor.
        "evt.buflen" | "evt.is_syslog" | "evt.category" if category_is_of_descriptor(event) => {
            descriptor(event)
        }
        _ if name.starts_with("evt.count.error.") && category_is_of_descriptor(event) => {
            descriptor(event)
        }
        _ if name.starts_with("thread.cap_") => Keepers::CAPABILITIES,
        _ if name.starts_with("proc.std") => Keepers::TABLE,
        _ if name.starts_with("evt.abspath") => paths(event),
        _ if name.starts_with("fd") || name.starts_with("fs.path") => {
            descriptor(event) | paths(event)
        }
        // Raw ones are as passed.
        _ => match argument(field, "evt.arg") {
            Some(wanted) => parameters(event, |position, name| {
                wanted == name || wanted.parse() == Ok(position)
            }),
            None => Keepers::NONE,
        },
    }
}

/// Whether `field` shows what was read, written, sent or received by `event`.
pub(super) fn at_data(field: &str, event: &EventInfo) -> bool {
    // The position of the data differs: any counts.
    let shown = |name: &str| {
        matches!(name, "data" | "msgcontrol") || name.bytes().all(|b| b.is_ascii_digit())
    };
    let mut arguments = ["evt.arg", "evt.rawarg"].iter();
    let named = arguments.find_map(|start| argument(field, start));
    has_data(event)
        && (matches!(field, "evt.args" | "evt.info" | "evt.buffer") || named.is_some_and(shown))
}

/// The descriptor that an event is about.
fn descriptor(event: &EventInfo) -> Keepers {
    if has(event, SAKER_T_FDLIST) {
        return Keepers::TABLE;
    }
    if event.fd_slot().is_none() || event.creates_fd() && !event.uses_fd() {
        return Keepers::NONE;
    }
    match (has_data(event), has(event, SAKER_T_TUPLE)) {
        (true, true) if is_receive(event) => {
            // Who has sent before is the client.
            Keepers::SOCKETS | Keepers::SENT | Keepers::RECEIVED
        }
        (true, true) => Keepers::SOCKETS | Keepers::SENT,
        // Also where it fails.
        _ if tells_socket(event) => Keepers::SOCKETS,
        _ if u32::from(event.id) == SAKER_EV_FCHDIR => Keepers::DIRECTORIES,
        _ if has(event, SAKER_T_RELPATH) => paths(event),
        _ => Keepers::TABLE,
    }
}

/// Where paths begin.
fn paths(event: &EventInfo) -> Keepers {
    // An empty path stands for the descriptor before it, whatever that is.
    let may_be_empty = [SAKER_T_FCHOWNAT_FLAGS, SAKER_T_NEWFSTATAT_FLAGS];
    if may_be_empty.into_iter().any(|flags| has(event, flags)) {
        Keepers::TABLE | Keepers::DIRECTORIES
    } else if has(event, SAKER_T_RELPATH) || has(event, SAKER_T_PATH) {
        directory(event)
    } else {
        Keepers::NONE
    }
}

/// The working directory; an exec tells it anew.
fn directory(event: &EventInfo) -> Keepers {
    match u32::from(event.id) {
        SAKER_EV_EXECVE | SAKER_EV_EXECVEAT => Keepers::NONE,
        _ => Keepers::DIRECTORIES,
    }
}

/// Parameters that are shown by what a descriptor is, or by where their path begins.
fn parameters(event: &EventInfo, wanted: impl Fn(usize, &str) -> bool) -> Keepers {
    let slots = event.params.iter().enumerate();
    let visible = slots.filter(|(_, param)| !param.internal).enumerate();
    let seen = visible.filter(|(position, (_, param))| wanted(*position, param.name));
    let each = seen.map(|(_, (slot, param))| match u32::from(param.ty) {
        SAKER_T_FDLIST => Keepers::TABLE,
        SAKER_T_RELPATH | SAKER_T_PATH => paths(event),
        SAKER_T_FD if event.fd_slot() == Some(slot) => descriptor(event) | paths(event),
        // Both are new.
        SAKER_T_FD if matches!(param.name, "fd1" | "fd2") => Keepers::NONE,
        // A directory's.
        SAKER_T_FD if has(event, SAKER_T_RELPATH) => paths(event),
        SAKER_T_FD => Keepers::TABLE,
        _ => Keepers::NONE,
    });
    each.fold(Keepers::NONE, |all, one| all | one)
}

fn has(event: &EventInfo, ty: u32) -> bool {
    event.params.iter().any(|param| u32::from(param.ty) == ty)
}

fn has_data(event: &EventInfo) -> bool {
    let id = u32::from(event.id);
    (SAKER_EV_READ_CALL..=SAKER_EV_RECVMMSG).contains(&id)
}

fn is_receive(event: &EventInfo) -> bool {
    let id = u32::from(event.id);
    matches!(id, SAKER_EV_RECVFROM | SAKER_EV_RECVMSG | SAKER_EV_RECVMMSG)
}

/// Whether success makes the socket known, whatever was known before.
fn tells_socket(event: &EventInfo) -> bool {
    let id = u32::from(event.id);
    matches!(id, SAKER_EV_CONNECT | SAKER_EV_BIND | SAKER_EV_LISTEN)
}

/// The parameter that `evt.arg.NAME` or `evt.arg[NUMBER]` names.
pub(crate) fn argument<'a>(field: &'a str, start: &str) -> Option<&'a str> {
    let rest = field.strip_prefix(start)?;
    let names = rest.starts_with(['.', '[']);
    names.then(|| rest.trim_matches(['.', '[', ']']))
}
