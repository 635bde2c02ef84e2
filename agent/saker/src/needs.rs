//! What the kernel must send besides the events that rules name: data of calls, and what makes descriptors
//! known that the wanted events only use.

use saker_abi::driver::EventSet;
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::*;
use saker_engine::compiler::{ExtraOutput, RuleMeta, RuleSet};
use saker_engine::schema::Schema as _;
use saker_fields::FieldSchema;

use crate::rules::wanted_events;

/// What rules need of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Events.
    pub events: EventSet,
    /// Whether a rule looks at what was read, written, sent or received.
    pub data: bool,
}

/// Events whose name of a descriptor comes from the open before.
const OPENS: [u32; 8] = [
    SAKER_EV_OPEN,
    SAKER_EV_OPENAT,
    SAKER_EV_OPENAT2,
    SAKER_EV_CREAT,
    SAKER_EV_DUP,
    SAKER_EV_DUP2,
    SAKER_EV_DUP3,
    SAKER_EV_FCNTL,
];

/// What else changes what a number stands for.
const OTHERS: [u32; 5] = [
    SAKER_EV_CONNECT,
    SAKER_EV_BIND,
    SAKER_EV_RECVMSG,
    SAKER_EV_RECVMMSG,
    SAKER_EV_CLOSE_RANGE,
];

impl Needs {
    /// With what amounts to events that are wanted, where files are known by all their names: an open by a handle
    /// is an `openat` of the real name.
    #[must_use]
    pub(crate) fn by_any_name(mut self) -> Self {
        if self.events.contains(SAKER_EV_OPENAT as u16) {
            add(&mut self.events, &[SAKER_EV_OPEN_BY_HANDLE_AT]);
        }
        self
    }

    /// Those of `rules`.
    pub(crate) fn of(rules: &RuleSet, schema: &FieldSchema) -> Self {
        let mut events = wanted_events(rules, schema);
        let mut fields: Vec<String> = Vec::new();
        for predicate in rules.predicates() {
            predicate.fields(&mut |field| fields.push(schema.field_text(field)));
        }
        let mut data = fields.iter().any(|field| names_data(field));
        let mut descriptors = fields.iter().any(|field| names_descriptor(field));
        let mut standard = fields.iter().any(|field| names_standard(field));
        for rule in rules.rules() {
            let moves = rule
                .event_types
                .iter()
                .any(|event| EVENTS.get(usize::from(event.0)).is_some_and(has_data));
            outputs(rule, &mut |field| {
                data |= moves && (names_data(field) || names_all(field));
                descriptors |= names_descriptor(field) || names_all(field);
                standard |= names_standard(field);
            });
        }
        let wanted: Vec<u16> = events.iter().collect();
        if descriptors {
            for event in wanted.iter().map(|&id| &EVENTS[usize::from(id)]) {
                match depends(event) {
                    Depends::Not => {}
                    Depends::OnOpens => add(&mut events, &OPENS),
                    Depends::OnAll => add_all(&mut events),
                }
            }
        }
        if standard && !wanted.is_empty() {
            add_all(&mut events);
        }
        let data = data && wanted.iter().any(|&id| has_data(&EVENTS[usize::from(id)]));
        Self { events, data }
    }
}

/// How an event comes by the name of its descriptor.
enum Depends {
    Not,
    OnOpens,
    OnAll,
}

fn depends(event: &EventInfo) -> Depends {
    let has = |ty| event.params.iter().any(|param| u32::from(param.ty) == ty);
    if has(SAKER_T_FDLIST) {
        Depends::OnAll
    } else if !event.uses_fd() || event.is_state() || has(SAKER_T_TUPLE) {
        // It has none, needs none, or tells itself.
        Depends::Not
    } else if has(SAKER_T_RELPATH) || event.creates_fd() || u32::from(event.id) == SAKER_EV_CLOSE {
        Depends::OnOpens
    } else {
        Depends::OnAll
    }
}

/// Everything that tells what a number stands for.
fn add_all(events: &mut EventSet) {
    let creates = EVENTS.iter().filter(|event| event.creates_fd());
    creates.for_each(|event| events.insert(event.id));
    add(events, &OPENS);
    add(events, &OTHERS);
}

fn add(events: &mut EventSet, more: &[u32]) {
    more.iter().for_each(|&event| events.insert(event as u16));
}

fn has_data(event: &EventInfo) -> bool {
    let id = u32::from(event.id);
    (SAKER_EV_READ_CALL..=SAKER_EV_RECVMMSG).contains(&id)
}

fn outputs(rule: &RuleMeta, see: &mut dyn FnMut(&str)) {
    rule.output.field_names().for_each(&mut *see);
    for extra in &rule.extra {
        match extra {
            ExtraOutput::Field(field) => see(&field.name),
            ExtraOutput::Format { format, .. } => format.field_names().for_each(&mut *see),
        }
    }
}

/// `evt.arg[1]` is the data of most such events, of some another parameter: any position counts.
fn names_data(field: &str) -> bool {
    let argument = ["evt.arg", "evt.rawarg"].iter().find_map(|start| {
        let rest = field.strip_prefix(start)?;
        Some(rest.trim_matches(['.', '[', ']']))
    });
    field == "evt.buffer"
        || argument.is_some_and(|name| {
            matches!(name, "data" | "msgcontrol") || name.bytes().all(|b| b.is_ascii_digit())
        })
}

/// All parameters at once.
fn names_all(field: &str) -> bool {
    matches!(field, "evt.args" | "evt.info")
}

fn names_descriptor(field: &str) -> bool {
    let families = ["fd.", "fdlist.", "fs.path", "evt.arg.fd"];
    families.iter().any(|family| field.starts_with(family))
}

/// Descriptors 0 to 2, whatever the event is about.
fn names_standard(field: &str) -> bool {
    field.starts_with("proc.std")
}

#[cfg(test)]
mod tests {
    use saker_engine::compiler::{Selection, compile};
    use saker_engine::loader::{Loader, LoaderOptions};

    use super::*;

    fn needs(condition: &str, output: &str) -> Needs {
        let schema = FieldSchema::new();
        let mut loader = Loader::new(LoaderOptions::default());
        let text = format!(
            "- rule: R\n  desc: d\n  condition: {condition}\n  output: \"{output}\"\n  priority: INFO\n"
        );
        loader.add_file("r.yaml", text.as_bytes());
        let outcome = loader.finish(&schema);
        assert!(!outcome.has_errors(), "{condition}");
        let rules = compile(&outcome, &schema, &Selection::default()).expect("compiles");
        Needs::of(&rules, &schema)
    }

    fn wants(needs: &Needs, event: u32) -> bool {
        needs.events.contains(event as u16)
    }

    #[test]
    fn data_leave_the_kernel_only_for_rules_that_look_at_them() {
        assert!(!needs("evt.type=recvfrom and fd.sport=53", "x %fd.name").data);
        assert!(needs("evt.type=recvfrom and evt.buffer contains abc", "x").data);
        assert!(needs("evt.type=write and evt.arg.data contains abc", "x").data);
        assert!(needs("evt.type=write", "x %evt.arg[1]").data);
        assert!(needs("evt.type=write", "x %evt.args").data);
        assert!(!needs("evt.type=openat", "x %evt.args").data);
        assert!(!needs("evt.type=openat and evt.buffer contains abc", "x").data);
    }

    #[test]
    fn descriptors_are_followed_only_for_events_that_do_not_tell() {
        let sends = needs("evt.type=sendto and fd.sport=53", "x");
        assert!(wants(&sends, SAKER_EV_SENDTO) && !wants(&sends, SAKER_EV_SOCKET));
        let writes = needs("evt.type=write and fd.name=/etc/passwd", "x");
        assert!(wants(&writes, SAKER_EV_OPENAT) && wants(&writes, SAKER_EV_RECVMSG));
        assert!(wants(&writes, SAKER_EV_PIPE2) && wants(&writes, SAKER_EV_CLOSE_RANGE));
        assert!(!wants(&writes, SAKER_EV_READ_CALL) && !wants(&writes, SAKER_EV_CLOSE));
        let unlinks = needs("evt.type=unlinkat", "x %fs.path.name");
        assert!(wants(&unlinks, SAKER_EV_OPENAT) && !wants(&unlinks, SAKER_EV_PIPE));
        let polls = needs("evt.type=poll and fdlist.names contains /dev/input", "x");
        assert!(wants(&polls, SAKER_EV_OPENAT) && wants(&polls, SAKER_EV_PIPE2));
        assert!(!wants(&needs("evt.type=poll", "x"), SAKER_EV_PIPE2));
        let opens = needs("evt.type=openat and fd.name=/etc/shadow", "x");
        assert!(!wants(&opens, SAKER_EV_OPEN_BY_HANDLE_AT));
        assert!(wants(&opens.by_any_name(), SAKER_EV_OPEN_BY_HANDLE_AT));
        let bare = needs("evt.type=write and proc.name=cat", "x");
        assert!(!wants(&bare, SAKER_EV_OPENAT));
        let shell = needs("evt.type=execve and proc.stdin.type=ipv4", "x");
        assert!(wants(&shell, SAKER_EV_SOCKET) && wants(&shell, SAKER_EV_CONNECT));
        assert!(wants(&shell, SAKER_EV_DUP2) && wants(&shell, SAKER_EV_OPENAT));
    }
}
