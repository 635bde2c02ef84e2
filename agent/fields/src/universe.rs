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
    ("page_fault", "addr:x ip:x error:x"),
    ("send recv", "res:i data:b fd:i size:u tuple:s"),
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
