//! Events and parameters rules may name although no driver records them yet.
//!
//! Rules written for Falco name them (`evt.type=read`, `evt.arg.queuelen`); they must load, and are
//! simply never true. Names are Falco's (rules-spec E3).

use saker_engine::schema::IntFormat;
use saker_engine::value::ValueType;

/// One parameter: name, type and print form of its raw value.
pub(crate) type ParamType = (&'static str, ValueType, IntFormat);

/// Events of one shape, then the parameters that the driver's table does not have for them. Types:
/// `i` signed, `u` unsigned, `x` hexadecimal, `o` octal, `s` text, `b` bytes, `t` time span, `T`
/// time.
const EVENTS: &[(&str, &str)] = &[
    ("accept accept4", "queuepct:u queuelen:u queuemax:u"),
    ("asyncevent", "plugin_id:u name:s data:b"),
    (
        "clone clone3 fork vfork",
        "exe:s args:b cwd:s pgft_maj:u pgft_min:u vm_size:u vm_rss:u vm_swap:u cgroups:b \
         pidns_init_start_ts:u",
    ),
    ("close_range", "res:i first:u last:u flags:x"),
    ("getsockname getpeername", ""),
    ("page_fault", "addr:x ip:x error:x"),
    ("pidfd_getfd", "fd:i pid_fd:i target_fd:i flags:x"),
    ("pipe", "res:i fd1:i fd2:i ino:u"),
    ("pipe2", "res:i fd1:i fd2:i ino:u flags:x"),
    ("pread pwrite pwritev", "res:i data:b fd:i size:u pos:u"),
    ("preadv", "res:i size:u data:b fd:i pos:u"),
    ("read write writev", "res:i data:b fd:i size:u"),
    ("readv", "res:i size:u data:b fd:i"),
    ("recvfrom", "res:i data:b tuple:s fd:i size:u"),
    ("recvmmsg", "res:i fd:i size:u data:b tuple:s msgcontrol:b"),
    ("recvmsg", "res:i size:u data:b tuple:s msgcontrol:b fd:i"),
    (
        "send sendto recv sendmsg",
        "res:i data:b fd:i size:u tuple:s",
    ),
    ("sendmmsg", "res:i fd:i size:u data:b tuple:s"),
    (
        "setsockopt getsockopt",
        "res:i fd:i level:u optname:u val:u optlen:u",
    ),
    ("shutdown", "res:i fd:i how:x"),
    (
        "socketpair",
        "res:i fd1:i fd2:i source:x peer:x domain:u type:u proto:u",
    ),
    (
        "switch",
        "next:i pgft_maj:u pgft_min:u vm_size:u vm_rss:u vm_swap:u",
    ),
];

/// Visits every event of the table with its parameters.
pub(crate) fn for_each(mut visit: impl FnMut(&'static str, &[ParamType])) {
    let mut params = Vec::new();
    for (names, list) in EVENTS {
        params.clear();
        params.extend(list.split_whitespace().filter_map(parse));
        names
            .split_whitespace()
            .for_each(|name| visit(name, &params));
    }
}

fn parse(param: &'static str) -> Option<ParamType> {
    let (name, ty) = param.split_once(':')?;
    let (ty, format) = match ty {
        "i" => (ValueType::Int, IntFormat::Decimal),
        "u" => (ValueType::Uint, IntFormat::Decimal),
        "x" => (ValueType::Uint, IntFormat::Hex),
        "o" => (ValueType::Uint, IntFormat::Octal),
        "s" => (ValueType::Str, IntFormat::Decimal),
        "b" => (ValueType::Bytes, IntFormat::Decimal),
        "t" => (ValueType::RelTime, IntFormat::Decimal),
        "T" => (ValueType::AbsTime, IntFormat::Decimal),
        _ => return None,
    };
    Some((name, ty, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_the_table_parses() {
        let mut events = Vec::new();
        for (names, list) in EVENTS {
            for param in list.split_whitespace() {
                assert!(parse(param).is_some(), "{names}: {param}");
            }
            events.extend(names.split_whitespace());
        }
        let count = events.len();
        events.sort_unstable();
        events.dedup();
        assert_eq!(events.len(), count, "an event twice");
    }
}
