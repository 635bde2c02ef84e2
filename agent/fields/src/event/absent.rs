//! Why a field has no value for an event.

use std::ops::ControlFlow;

use saker_engine::schema::{Event, FieldRef};
use saker_state::{Absent, Doubt, Process};

use super::EventView;
use crate::field::{Extract, Presence};

impl EventView<'_> {
    /// Why `field` has no value here, or shows `<NA>` in the place of a container's name; `None` when it
    /// has one. For alerts: it may walk to ancestors.
    pub fn why_absent(&self, field: FieldRef) -> Option<Absent> {
        let known = self.schema.field(field.id)?;
        if names_ids(known.info.name)
            && let Some(container) = self.process().and_then(|p| p.cgroup.container.as_ref())
        {
            let found = self.scratch.users(|| container.users.found());
            return found.names.as_ref().err().copied();
        }
        let present = match known.extract {
            Extract::One(_) => self.get(field).is_some(),
            _ if field.arg != 0 => self.get(field).is_some(),
            _ => self.each(field, &mut |_| ControlFlow::Break(())),
        };
        (!present).then(|| self.reason(known.info.name, known.presence))
    }

    fn reason(&self, name: &str, presence: Presence) -> Absent {
        let of_process = !presence.of_event();
        let Some(process) = self.process().filter(|_| of_process) else {
            let lost = of_process && self.record.hdr().tgid != 0;
            return if lost {
                Absent::Lost
            } else {
                Absent::NotApplicable
            };
        };
        match presence {
            Presence::Metadata | Presence::Contained | Presence::Pod => {
                self.of_engine(process, presence)
            }
            Presence::Known => of_doubt(process, false),
            Presence::Certain => of_doubt(process, true),
            Presence::Parent => of_doubt(process, process.ppid != 0),
            Presence::Ancestor => of_doubt(process, self.lacks_ancestors()),
            // A process that is known may have closed it, but not one whose descriptors are not.
            Presence::Standard => of_doubt(process, process.doubt.has(Doubt::FDS)),
            Presence::NamedEnd if self.awaits_name(name) => Absent::Pending,
            presence if presence.of_entry() && self.fd_num.is_some_and(|number| number >= 0) => {
                match self.fd {
                    Some(_) => Absent::NotApplicable,
                    None => Absent::Lost,
                }
            }
            _ => Absent::NotApplicable,
        }
    }

    /// What only an engine can tell.
    fn of_engine(&self, process: &Process, presence: Presence) -> Absent {
        let container = process.cgroup.container.as_ref();
        let applies =
            presence != Presence::Pod || container.is_some_and(|it| it.identity.pod.is_some());
        match self.metadata().filter(|_| applies) {
            Some(Err(why)) => *why,
            _ => Absent::NotApplicable,
        }
    }
}

/// Fields that show `<NA>` for a name that is not there.
fn names_ids(field: &str) -> bool {
    matches!(
        field,
        "user.name" | "user.homedir" | "user.shell" | "user.loginname" | "group.name"
    )
}

/// Of a value that the process has, or had, if `existed`.
fn of_doubt(process: &Process, existed: bool) -> Absent {
    if process.doubt.has(Doubt::LOSS) {
        Absent::Lost
    } else if process.is_looked_up() {
        Absent::Pending
    } else if existed {
        Absent::Lost
    } else {
        Absent::NotApplicable
    }
}
