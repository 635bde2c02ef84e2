//! Rules without an alert in this version, and what they wait for.

use crate::attack::{Action, Container, Place};

/// A rule that waits. What it should detect is performed all the same: the day it raises an alert, it belongs
/// into a table of [`crate::table`].
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// The rule.
    pub rule: &'static str,
    /// For what.
    pub reason: &'static str,
    /// What it should detect.
    pub action: Action,
}

const fn waiting(
    rule: &'static str,
    reason: &'static str,
    place: Place,
    script: &'static str,
) -> Waiting {
    Waiting {
        rule,
        reason,
        action: Action { place, script },
    }
}

const PRIVILEGED: &str = "container.privileged is known from the runtime's socket only";
const PRIVILEGED_CONTAINER: Place = Place::Container(Container {
    capabilities: &["CAP_SYS_ADMIN"],
    ..Container::PLAIN
});

/// All that wait.
pub const WAITING: &[Waiting] = &[
    waiting(
        "Debugfs Launched in Privileged Container",
        PRIVILEGED,
        PRIVILEGED_CONTAINER,
        "cp $LAB/lab_untrusted $LAB/debugfs; $LAB/debugfs noop",
    ),
    waiting(
        "Launch Privileged Container",
        PRIVILEGED,
        PRIVILEGED_CONTAINER,
        ":",
    ),
    waiting(
        "Mount Launched in Privileged Container",
        PRIVILEGED,
        PRIVILEGED_CONTAINER,
        "mount -t tmpfs none /srv",
    ),
    waiting(
        "Network Connection outside Local Subnet",
        "k8s.ns.name is looked for in a list that is empty until somebody fills it",
        Place::CONTAINER,
        "$LAB/lab_untrusted serve 80 $LAB/lab_untrusted connect tcp 192.0.2.1 80",
    ),
    waiting(
        "Launch Disallowed Container",
        "the stock macro allowed_containers holds for every container until somebody replaces it",
        Place::CONTAINER,
        ":",
    ),
];
