//! Fields of the rule language that this version does not supply, and why.
//!
//! Rules that name them are left out and listed; a name that is neither here nor in the table is a
//! mistake. Names are Falco's (rules-spec D6).

/// Sorted, without arguments.
pub(crate) const MISSING: &[(&str, &str)] = &[
    (
        "evt.around",
        "a window around one moment of a recording: no event of a running host falls into it; compare evt.rawtime with >= and <=",
    ),
    ("syslog.facility", SYSLOG),
    ("syslog.facility.str", SYSLOG),
    ("syslog.message", SYSLOG),
    ("syslog.severity", SYSLOG),
    ("syslog.severity.str", SYSLOG),
    ("util.cnt", "a counter without a meaning"),
];

const SYSLOG: &str =
    "Falco has removed the family; evt.is_syslog and evt.arg.data tell what is written to /dev/log";

/// Families whose members are made by configuration; here those that were not made.
const MISSING_FAMILIES: &[&str] = &["static."];

/// Whether `written`, a field as it stands in a rule, belongs to the language although
/// [`FieldSchema`](crate::FieldSchema) does not know it.
pub fn is_missing_field(written: &str) -> bool {
    let name = written.split('[').next().unwrap_or(written);
    MISSING
        .binary_search_by_key(&name, |&(name, _)| name)
        .is_ok()
        || MISSING_FAMILIES
            .iter()
            .any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use saker_engine::schema::Schema as _;

    use super::*;
    use crate::FieldSchema;

    #[test]
    fn what_is_missing_is_not_in_the_table() {
        let schema = FieldSchema::new();
        assert!(
            MISSING.is_sorted_by_key(|&(name, _)| name),
            "binary search needs order"
        );
        for (name, _) in MISSING {
            assert!(
                schema.fields().iter().all(|field| field.name != *name),
                "{name} is supplied by now"
            );
        }
    }

    #[test]
    fn arguments_do_not_matter_and_mistakes_are_mistakes() {
        assert!(is_missing_field("util.cnt"));
        assert!(is_missing_field("evt.around[1700000000000000000]"));
        assert!(is_missing_field("static.env"));
        assert!(!is_missing_field("proc.nme"));
        assert!(!is_missing_field("proc.name"));
    }
}
