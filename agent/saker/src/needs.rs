//! What the kernel must send besides the events that rules name: data of calls, and what makes descriptors
//! known that the wanted events only use.

use saker_abi::driver::EventSet;
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::*;
use saker_engine::compiler::{ExtraOutput, RuleMeta, RuleSet};
use saker_engine::schema::Schema as _;
use saker_fields::{FieldSchema, category_is_of_descriptor};

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
        let wanted = wanted_events(rules, schema);
        let mut conditions = Looks::default();
        for predicate in rules.predicates() {
            predicate.fields(&mut |field| conditions.see(&schema.field_text(field)));
        }
        let mut needs = Self {
            events: wanted,
            data: false,
        };
        needs.add(&conditions, wanted.iter());
        for rule in rules.rules() {
            let mut output = Looks::default();
            outputs(rule, &mut |field| output.see(field));
            let events = rule.event_types.iter().map(|event| event.0);
            needs.add(&output, events.filter(|&event| wanted.contains(event)));
        }
        needs
    }

    /// What one who looks at that of these events needs.
    fn add(&mut self, looks: &Looks, events: impl Iterator<Item = u16>) {
        for event in events.filter_map(|event| EVENTS.get(usize::from(event))) {
            self.data |= has_data(event) && looks.at_data;
            match looks.depends(event) {
                Depends::Not => {}
                Depends::OnOpens => add(&mut self.events, &OPENS),
                Depends::OnBind => add(&mut self.events, &[SAKER_EV_BIND]),
                Depends::OnAll => add_all(&mut self.events),
            }
        }
    }
}

/// What fields look at.
#[derive(Debug, Default)]
struct Looks {
    /// What is read, written, sent or received.
    at_data: bool,
    /// The descriptor of an event, or a path.
    at_descriptor: bool,
    /// That of a call that moves data.
    at_moving: bool,
    /// That of calls whose category is their file's.
    at_category: bool,
    /// Paths after a directory's descriptor.
    at_paths: bool,
    /// Descriptors 0 to 2, whatever the event is about.
    at_standard: bool,
    /// Parameters, by name or position.
    at_parameters: Vec<String>,
    /// All of them.
    at_all: bool,
}

impl Looks {
    fn see(&mut self, field: &str) {
        let starts = |family: &str| field.starts_with(family);
        self.at_all |= matches!(field, "evt.args" | "evt.info");
        self.at_data |= self.at_all || names_data(field);
        self.at_descriptor |= ["fd.", "fdlist.", "fs.path"]
            .iter()
            .any(|family| starts(family));
        self.at_moving |= matches!(field, "evt.buflen" | "evt.is_syslog");
        self.at_category |= field == "evt.category" || starts("evt.count.error.");
        self.at_paths |= starts("evt.abspath");
        self.at_standard |= starts("proc.std");
        // Raw ones are as passed.
        if let Some(parameter) = argument(field, "evt.arg") {
            self.at_parameters.push(parameter.to_owned());
        }
    }

    fn depends(&self, event: &EventInfo) -> Depends {
        let own = self.at_descriptor
            || self.at_moving && has_data(event)
            || self.at_category && category_is_of_descriptor(event);
        let own = if own { depends(event) } else { Depends::Not };
        let paths = if self.at_paths && has(event, SAKER_T_RELPATH) {
            Depends::OnOpens
        } else {
            Depends::Not
        };
        let standard = if self.at_standard {
            Depends::OnAll
        } else {
            Depends::Not
        };
        own.max(paths).max(standard).max(self.parameters(event))
    }

    /// Parameters that are shown by what a descriptor is.
    fn parameters(&self, event: &EventInfo) -> Depends {
        if !self.at_all && self.at_parameters.is_empty() {
            return Depends::Not;
        }
        let slots = event.params.iter().enumerate();
        let visible = slots.filter(|(_, param)| !param.internal).enumerate();
        let seen = visible.filter(|&(position, (_, param))| {
            let is_it = |name: &String| name == param.name || name.parse() == Ok(position);
            self.at_all || self.at_parameters.iter().any(is_it)
        });
        let each = seen.map(|(_, (slot, param))| match u32::from(param.ty) {
            SAKER_T_FDLIST => Depends::OnAll,
            SAKER_T_RELPATH => Depends::OnOpens,
            SAKER_T_FD if event.fd_slot() == Some(slot) => depends(event),
            SAKER_T_FD if event.creates_fd() && param.name.starts_with("fd") => Depends::Not,
            // A directory's.
            SAKER_T_FD if has(event, SAKER_T_RELPATH) => Depends::OnOpens,
            SAKER_T_FD => Depends::OnAll,
            _ => Depends::Not,
        });
        each.max().unwrap_or(Depends::Not)
    }
}

/// How an event comes by the name of its descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depends {
    Not,
    OnOpens,
    /// Its ends it tells itself, but not whether a sender of datagrams is bound to a port and so a server.
    OnBind,
    OnAll,
}

fn depends(event: &EventInfo) -> Depends {
    if has(event, SAKER_T_FDLIST) {
        Depends::OnAll
    } else if has(event, SAKER_T_RELPATH) {
        // Whatever else it is about: its path begins at a directory's descriptor.
        Depends::OnOpens
    } else if has_data(event) && has(event, SAKER_T_TUPLE) {
        Depends::OnBind
    } else if !event.uses_fd() || event.is_state() || has(event, SAKER_T_TUPLE) {
        // It has none, needs none, or tells itself.
        Depends::Not
    } else if event.creates_fd() || u32::from(event.id) == SAKER_EV_CLOSE {
        Depends::OnOpens
    } else {
        Depends::OnAll
    }
}

fn has(event: &EventInfo, ty: u32) -> bool {
    event.params.iter().any(|param| u32::from(param.ty) == ty)
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
    let mut arguments = ["evt.arg", "evt.rawarg"].iter();
    let argument = arguments.find_map(|start| argument(field, start));
    field == "evt.buffer"
        || argument.is_some_and(|name| {
            matches!(name, "data" | "msgcontrol") || name.bytes().all(|b| b.is_ascii_digit())
        })
}

/// The parameter that `evt.arg.NAME` or `evt.arg[NUMBER]` names.
fn argument<'a>(field: &'a str, start: &str) -> Option<&'a str> {
    let rest = field.strip_prefix(start)?;
    let names = rest.starts_with(['.', '[']);
    names.then(|| rest.trim_matches(['.', '[', ']']))
}

#[cfg(test)]
mod tests {
    use saker_engine::compiler::{Selection, compile};
    use saker_engine::loader::{Loader, LoaderOptions};

    use super::*;

    fn needs(condition: &str, output: &str) -> Needs {
        needs_of(&format!(
            "- rule: R\n  desc: d\n  condition: {condition}\n  output: \"{output}\"\n  priority: INFO\n"
        ))
    }

    fn needs_of(text: &str) -> Needs {
        let schema = FieldSchema::new();
        let mut loader = Loader::new(LoaderOptions::default());
        loader.add_file("r.yaml", text.as_bytes());
        let outcome = loader.finish(&schema);
        assert!(!outcome.has_errors(), "{text}");
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
    fn conditions_on_all_parameters_look_at_data_and_descriptors() {
        for field in ["evt.args", "evt.info"] {
            let sends = needs(&format!("evt.type=write and {field} contains abc"), "x");
            assert!(sends.data && wants(&sends, SAKER_EV_OPENAT), "{field}");
            let opens = needs(&format!("evt.type=openat and {field} contains abc"), "x");
            assert!(!opens.data && wants(&opens, SAKER_EV_OPENAT2), "{field}");
            let kills = needs(&format!("evt.type=kill and {field} contains abc"), "x");
            assert!(!kills.data && !wants(&kills, SAKER_EV_OPENAT), "{field}");
        }
    }

    #[test]
    fn paths_after_a_directory_need_the_opens() {
        for event in ["renameat", "renameat2", "linkat"] {
            for field in [
                "fs.path.target",
                "evt.abspath.src",
                "evt.arg.oldpath",
                "evt.arg[2]",
            ] {
                let needs = needs(
                    &format!("evt.type={event} and {field} startswith /etc"),
                    "x",
                );
                let place = format!("{event} {field}");
                assert!(wants(&needs, SAKER_EV_OPENAT), "{place}");
                assert!(!wants(&needs, SAKER_EV_PIPE2), "{place}");
            }
            let raw = needs(
                &format!("evt.type={event}"),
                "x %evt.rawarg.oldpath %evt.res",
            );
            assert!(!wants(&raw, SAKER_EV_OPENAT), "{event}");
        }
        let plain = needs("evt.type=rename and evt.arg.oldpath startswith /etc", "x");
        assert!(!wants(&plain, SAKER_EV_OPENAT));
    }

    #[test]
    fn fields_that_ask_the_descriptors_table_follow_it() {
        for condition in [
            "evt.type=write and evt.buflen > 9",
            "evt.type=write and evt.is_syslog = true",
            "evt.type=write and evt.category = file",
            "evt.type=write and evt.count.error.net = 1",
            "evt.type=write and evt.arg.fd contains /etc",
            "evt.type=write and evt.arg[2] contains /etc",
            "evt.type=finit_module and evt.arg.fd contains /tmp",
        ] {
            let needs = needs(condition, "x");
            assert!(wants(&needs, SAKER_EV_OPENAT), "{condition}");
            assert!(wants(&needs, SAKER_EV_PIPE2), "{condition}");
        }
        for condition in [
            "evt.type=pipe and evt.args contains abc",
            "evt.type=unlink and evt.category = file",
            "evt.type=kill and evt.category = process and evt.buflen > 9",
            "evt.type=connect and evt.count.error.net = 1",
            "evt.type=write and evt.count.error = 1",
            "evt.type=write and evt.is_io_write = true",
            "evt.type=write and evt.rawarg.fd = 3",
            "evt.type=sendto and evt.arg.fd contains 53",
        ] {
            let needs = needs(condition, "x");
            assert!(!wants(&needs, SAKER_EV_OPENAT), "{condition}");
            assert!(!wants(&needs, SAKER_EV_PIPE2), "{condition}");
        }
    }

    #[test]
    fn outputs_ask_for_their_own_events_alone() {
        let rules = "\
- rule: A
  desc: d
  condition: evt.type=write
  output: x
  priority: INFO
- rule: B
  desc: d
  condition: evt.type=kill
  output: x %fd.name %evt.args
  priority: INFO
";
        let needs = needs_of(rules);
        assert!(wants(&needs, SAKER_EV_WRITE_CALL) && !needs.data);
        assert!(!wants(&needs, SAKER_EV_OPENAT));
    }

    #[test]
    fn descriptors_are_followed_only_for_events_that_do_not_tell() {
        let sends = needs("evt.type=sendto and fd.sport=53", "x");
        assert!(wants(&sends, SAKER_EV_SENDTO) && !wants(&sends, SAKER_EV_SOCKET));
        assert!(wants(&sends, SAKER_EV_BIND), "who is bound serves");
        assert!(!wants(
            &needs("evt.type=connect and fd.sport=53", "x"),
            SAKER_EV_BIND
        ));
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
