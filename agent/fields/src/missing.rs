//! Fields of the rule language that this version does not supply.
//!
//! Rules that name them are left out and listed; a name that is neither here nor in the table is a
//! mistake. Names are Falco's (rules-spec D6).

/// Sorted, without arguments.
const MISSING: &[&str] = &[
    "evt.abspath",
    "evt.abspath.dst",
    "evt.abspath.src",
    "evt.around",
    "evt.asynctype",
    "evt.buflen",
    "evt.category",
    "evt.count.error",
    "evt.count.error.file",
    "evt.count.error.memory",
    "evt.count.error.net",
    "evt.count.error.other",
    "evt.count.exit",
    "evt.datetime",
    "evt.datetime.s",
    "evt.deltatime",
    "evt.deltatime.ns",
    "evt.deltatime.s",
    "evt.io_dir",
    "evt.is_io",
    "evt.is_io_read",
    "evt.is_io_write",
    "evt.is_syslog",
    "evt.is_wait",
    "evt.latency",
    "evt.latency.human",
    "evt.latency.ns",
    "evt.latency.s",
    "evt.outputtime",
    "evt.plugininfo",
    "evt.pluginname",
    "evt.reltime",
    "evt.reltime.ns",
    "evt.reltime.s",
    "evt.time.s",
    "evt.wait_latency",
    "fd.cproto",
    "fd.is_lower_layer",
    "fd.is_upper_layer",
    "fd.lproto",
    "fd.proto",
    "fd.rproto",
    "fd.sproto",
    "fdlist.cips",
    "fdlist.cports",
    "fdlist.names",
    "fdlist.nums",
    "fdlist.sips",
    "fdlist.sports",
    "k8s.deployment.id",
    "k8s.deployment.label",
    "k8s.deployment.labels",
    "k8s.deployment.name",
    "k8s.ns.id",
    "k8s.ns.label",
    "k8s.ns.labels",
    "k8s.rc.id",
    "k8s.rc.label",
    "k8s.rc.labels",
    "k8s.rc.name",
    "k8s.rs.id",
    "k8s.rs.label",
    "k8s.rs.labels",
    "k8s.rs.name",
    "k8s.svc.id",
    "k8s.svc.label",
    "k8s.svc.labels",
    "k8s.svc.name",
    "proc.aenv",
    "proc.nchilds",
    "proc.pvpid",
    "proc.vmrss",
    "proc.vmsize",
    "proc.vmswap",
    "thread.cgroup",
    "thread.cgroups",
    "thread.cpu",
    "thread.cpu.system",
    "thread.cpu.user",
    "thread.exectime",
    "thread.nametid",
    "thread.pfmajor",
    "thread.pfminor",
    "thread.totexectime",
    "thread.vmrss",
    "thread.vmsize",
    "util.cnt",
];

/// Families whose members are made by configuration or plugins; here those that were not made.
const MISSING_FAMILIES: &[&str] = &["static.", "evt.type.is.", "thread.cgroup."];

/// Whether `written`, a field as it stands in a rule, belongs to the language although
/// [`FieldSchema`](crate::FieldSchema) does not know it.
pub fn is_missing_field(written: &str) -> bool {
    let name = written.split('[').next().unwrap_or(written);
    MISSING.binary_search(&name).is_ok()
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
        assert!(MISSING.is_sorted(), "binary search needs order");
        for name in MISSING {
            assert!(
                schema.fields().iter().all(|field| field.name != *name),
                "{name} is supplied by now"
            );
        }
    }

    #[test]
    fn arguments_do_not_matter_and_mistakes_are_mistakes() {
        assert!(is_missing_field("evt.category"));
        assert!(is_missing_field("proc.aenv[HOME]"));
        assert!(is_missing_field("static.env"));
        assert!(!is_missing_field("proc.nme"));
        assert!(!is_missing_field("proc.name"));
    }
}
