//! `user.*` and `group.*` (rules-spec F6).

use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::{Cred, NO_ID, Names, User};

use super::EventView;
use crate::field::{Field, text};
use crate::render::NOT_AVAILABLE;

/// Used for id 0 where the database has no entry.
const ROOT: &[u8] = b"root";
const ROOT_HOME: &[u8] = b"/root";

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "user.uid",
        Uint,
        |e, _| Some(Value::Uint(e.cred()?.uid.into())),
        "Effective user id in the initial namespace.",
    ),
    Field::new(
        "user.name",
        Str,
        |e, _| text(e.user_name(e.cred()?.uid)),
        "Name of that user; <NA> when it has none.",
    )
    .cost(5),
    Field::new(
        "user.homedir",
        Str,
        |e, _| {
            let uid = e.cred()?.uid;
            let fallback = if uid == 0 { ROOT_HOME } else { NOT_AVAILABLE };
            text(e.user(uid).map_or(fallback, |user| user.home.as_bytes()))
        },
        "Home directory of that user.",
    )
    .cost(5),
    Field::new(
        "user.shell",
        Str,
        |e, _| {
            let user = e.user(e.cred()?.uid);
            text(user.map_or(NOT_AVAILABLE, |user| user.shell.as_bytes()))
        },
        "Shell of that user.",
    )
    .cost(5),
    Field::new(
        "user.loginuid",
        Int,
        |e, _| {
            let uid = e.cred()?.loginuid;
            Some(Value::Int(if uid == NO_ID { -1 } else { uid.into() }))
        },
        "User id at login, -1 when nobody logged in.",
    ),
    Field::new(
        "user.loginname",
        Str,
        |e, _| text(e.user_name(e.cred()?.loginuid)),
        "Name of the user at login; <NA> when it has none.",
    )
    .cost(5),
    Field::new(
        "group.gid",
        Uint,
        |e, _| Some(Value::Uint(e.cred()?.gid.into())),
        "Effective group id in the initial namespace.",
    ),
    Field::new(
        "group.name",
        Str,
        |e, _| {
            let gid = e.cred()?.gid;
            let name = e
                .id_names()
                .and_then(|names| names.group(gid))
                .map(str::as_bytes);
            text(name.unwrap_or(if gid == 0 { ROOT } else { NOT_AVAILABLE }))
        },
        "Name of that group; <NA> when it has none.",
    )
    .cost(5),
];

impl<'a> EventView<'a> {
    /// Credentials of the event's thread.
    pub(super) fn cred(&self) -> Option<&'a Cred> {
        Some(self.process()?.cred_of(self.record.hdr().tid))
    }

    /// Names of users and groups where the process lives: the host's or its container's.
    pub(super) fn id_names(&self) -> Option<&'a Names> {
        match &self.process()?.cgroup.container {
            None => Some(self.names),
            Some(container) => {
                let found = self.scratch.users(|| container.users.found());
                found.names.as_ref().ok()
            }
        }
    }

    fn user(&self, uid: u32) -> Option<&'a User> {
        self.id_names()?.user(uid)
    }

    fn user_name(&self, uid: u32) -> &'a [u8] {
        let fallback = if uid == 0 { ROOT } else { NOT_AVAILABLE };
        self.user(uid).map_or(fallback, |user| user.name.as_bytes())
    }
}

/// Name in the database, without fallback.
pub(super) fn user_name(names: &Names, uid: u32) -> Option<&str> {
    names.user(uid).map(|user| &*user.name)
}
