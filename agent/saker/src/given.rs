//! Whose names and addresses must be told as the kernel took them: calls that rules may raise alerts for and of
//! which nothing else says what they were given.

use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::SAKER_EV_CONNECT;
use saker_engine::compiler::{RuleMeta, RuleSet};
use saker_engine::possible::{Known, may_hold};
use saker_engine::schema::{FieldRef, Schema as _};
use saker_engine::value::Value;
use saker_fields::FieldSchema;

use crate::needs::looks::argument;
use crate::needs::outputs;

/// What rules need, see `LoadOptions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Given {
    /// Names of opens and execs that fail.
    pub names: bool,
    /// Addresses of connects.
    pub addresses: bool,
}

impl Given {
    /// Those of `rules`.
    pub(crate) fn of(rules: &RuleSet, schema: &FieldSchema) -> Self {
        let mut given = Self::default();
        for rule in rules.rules() {
            let looks = Looks::of(rule, schema);
            let events = rule.event_types.iter();
            let events = events.filter_map(|event| EVENTS.get(usize::from(event.0)));
            for event in events.filter(|event| looks.at_given(event)) {
                if u32::from(event.id) == SAKER_EV_CONNECT {
                    given.addresses = true;
                } else {
                    given.names = given.names || sees_failures(rule, event, schema);
                }
            }
        }
        given
    }
}

/// Whether a rule may be raised for an `event` that has failed.
fn sees_failures(rule: &RuleMeta, event: &EventInfo, schema: &FieldSchema) -> bool {
    let known = |field: FieldRef| {
        Some(match schema.field_text(field).as_str() {
            "evt.type" => Known::Exactly(Value::Bytes(event.name.as_bytes())),
            "evt.failed" => Known::Exactly(Value::Bool(true)),
            "evt.rawres" => Known::Negative,
            // None was made.
            "fd.num" if event.creates_fd() => Known::Exactly(Value::Int(-1)),
            _ => return None,
        })
    };
    may_hold(&rule.condition, &known)
}

/// What a rule looks at, in its condition or its output.
#[derive(Debug, Default)]
struct Looks {
    /// Parameters, by name or position.
    at_parameters: Vec<String>,
    /// All of them.
    at_all: bool,
    /// Descriptors and paths, which those of opens are named by.
    at_files: bool,
}

impl Looks {
    fn of(rule: &RuleMeta, schema: &FieldSchema) -> Self {
        let mut looks = Self::default();
        rule.condition.predicates(&mut |predicate| {
            predicate.fields(&mut |field| looks.see(&schema.field_text(field)));
        });
        outputs(rule, &mut |field| looks.see(field));
        looks
    }

    fn see(&mut self, field: &str) {
        self.at_all |= matches!(field, "evt.args" | "evt.info");
        let files = ["fd.", "fs.", "evt.abspath"];
        self.at_files |= files.iter().any(|family| field.starts_with(family));
        let mut kinds = ["evt.arg", "evt.rawarg"].iter();
        let parameter = kinds.find_map(|kind| argument(field, kind));
        self.at_parameters.extend(parameter.map(str::to_owned));
    }

    /// Whether it looks at what the driver can tell of `event`.
    fn at_given(&self, event: &EventInfo) -> bool {
        let Some(slot) = event.given_slot() else {
            return false;
        };
        // What rules can name comes first, so that positions are slots.
        let name = event.params[slot as usize].name;
        let is_it = |parameter: &String| parameter == name || parameter.parse() == Ok(slot);
        self.at_all || self.at_files && event.creates_fd() || self.at_parameters.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::compiled;

    fn given(condition: &str, output: &str) -> (bool, bool) {
        let text = format!(
            "- rule: R\n  desc: d\n  condition: {condition}\n  output: \"{output}\"\n  priority: INFO\n"
        );
        let schema = FieldSchema::new();
        let rules = compiled(&text, &schema);
        let Given { names, addresses } = Given::of(&rules, &schema);
        (names, addresses)
    }

    #[test]
    fn who_looks_at_failed_opens_gets_their_names() {
        for condition in [
            "evt.type=openat and fd.name startswith /etc",
            "evt.type in (open, openat) and fd.name=/etc/shadow and evt.failed=true",
            "evt.type=openat and fd.name=/etc/shadow and evt.rawres<0",
            "evt.type=openat and fd.name=/etc/shadow and evt.rawres in (-2, 5)",
            "evt.type=openat and fd.name=/etc/shadow and not fd.num>=0",
            "evt.type=openat and fd.name=/etc/shadow and not (fd.num>=0 and proc.name=cat)",
            "evt.type=openat and fd.name=/etc/shadow and (fd.num>=0 or proc.name=cat)",
            "evt.type=creat and evt.arg.name contains x and evt.res=EACCES",
            "evt.type=execve and evt.arg.filename contains x",
            "evt.type=execve and evt.args contains x",
            "evt.type=openat and evt.arg[2] contains x",
            "evt.type=openat and evt.rawarg.name contains x",
            "evt.type in (open, unlink) and fs.path.name=/etc/x and (evt.type=open or evt.rawres=0)",
        ] {
            assert_eq!(given(condition, "x"), (true, false), "{condition}");
        }
        let opens = "evt.type=openat and evt.failed=true";
        assert_eq!(given(opens, "x"), (false, false), "nobody asks for names");
        assert_eq!(given(opens, "x %fd.name"), (true, false));
    }

    #[test]
    fn who_looks_at_successful_ones_has_the_files() {
        for condition in [
            "evt.type=openat and fd.name=/etc/shadow and fd.num>=0",
            "evt.type=openat and fd.name=/etc/shadow and not fd.num<0",
            "evt.type=openat and fd.name=/etc/shadow and fd.num in (1, 2)",
            "evt.type=openat and fd.name=/etc/shadow and evt.rawres>=0",
            "evt.type=openat and fd.name=/etc/shadow and evt.rawres in (3, 4)",
            "evt.type=openat and fd.name=/etc/shadow and evt.failed=false",
            "evt.type=openat and fd.name=/etc/shadow and not evt.failed=true",
            "evt.type in (open, unlink) and fs.path.name=/etc/x and (evt.type=unlink or evt.rawres>=0)",
            "evt.type=execve and evt.arg.filename contains x and evt.rawres=0",
            "evt.type in (execve, execveat) and proc.name=cat and fd.name=x",
            "evt.type=execve and evt.arg.flags contains EXE_WRITABLE",
            "evt.type=openat and evt.arg[1] contains x",
            "evt.type=read and fd.name=/etc/shadow",
        ] {
            assert_eq!(given(condition, "x"), (false, false), "{condition}");
        }
    }

    #[test]
    fn addresses_are_wanted_with_the_arguments_of_connects() {
        assert_eq!(
            given("evt.type=connect and fd.sport=53", "x %fd.name"),
            (false, false)
        );
        assert_eq!(
            given("evt.type=connect and evt.arg.addr contains 53", "x"),
            (false, true)
        );
        assert_eq!(
            given("evt.type=connect and evt.rawres=0", "x %evt.args"),
            (false, true)
        );
        assert_eq!(given("evt.type=bind", "x %evt.args"), (false, false));
    }
}
