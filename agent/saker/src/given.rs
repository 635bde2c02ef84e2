//! Whether names must be told as the kernel took them: of calls that rules may raise alerts for and of which nothing
//! else says what they were given.

use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::SAKER_EV_CONNECT;
use saker_engine::compiler::{RuleMeta, RuleSet};
use saker_engine::possible::{Known, may_hold};
use saker_engine::schema::{FieldRef, Schema as _};
use saker_engine::value::Value;
use saker_fields::FieldSchema;

use crate::needs::looks::argument;
use crate::needs::outputs;

/// Whether `rules` look at names of opens and execs that fail.
pub(crate) fn names(rules: &RuleSet, schema: &FieldSchema) -> bool {
    rules.rules().iter().any(|rule| {
        let looks = Looks::of(rule, schema);
        let events = rule.event_types.iter();
        let mut events = events.filter_map(|event| EVENTS.get(usize::from(event.0)));
        events.any(|event| {
            u32::from(event.id) != SAKER_EV_CONNECT
                && looks.at_given(event)
                && sees_failures(rule, event, schema)
        })
    })
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

    fn given(condition: &str, output: &str) -> bool {
        let text = format!(
            "- rule: R\n  desc: d\n  condition: {condition}\n  output: \"{output}\"\n  priority: INFO\n"
        );
        let schema = FieldSchema::new();
        let rules = compiled(&text, &schema);
        names(&rules, &schema)
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
            assert!(given(condition, "x"), "{condition}");
        }
        let opens = "evt.type=openat and evt.failed=true";
        assert!(!given(opens, "x"), "nobody asks for names");
        assert!(given(opens, "x %fd.name"));
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
            assert!(!given(condition, "x"), "{condition}");
        }
    }
}
