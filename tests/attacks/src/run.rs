//! Performs actions and tells whose an alert is.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use saker_tests_live::action;
use saker_tests_live::alert::Alert;
use saker_tests_live::lab::Lab;
use serde::{Deserialize, Serialize};

use crate::attack::{Action, Place};
use crate::container;
use crate::stage::Stage;

/// Extra field that tells the action: its laboratory's token is in the environment of its processes.
pub const TOKEN_FIELD: &str = "proc.env[TOKEN]";
/// First digits of a container's identifier, which alerts show.
const SHOWN_DIGITS: usize = 12;

/// This process's audit user, which its children inherit.
const LOGINUID: &str = "/proc/self/loginuid";

/// An action that ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ran {
    /// Its session: the process id of its shell.
    pub session: i64,
    token: String,
    /// Audit user of its processes.
    pub loginuid: String,
    /// Its laboratory as its processes named it.
    pub lab: PathBuf,
    /// Identifier of its container as alerts show it.
    pub container: Option<String>,
    /// Names of its shell's ancestors, the nearest first. A recording has none of their records.
    #[serde(skip)]
    pub ancestors: Option<Vec<String>>,
}

impl Ran {
    /// Whether an alert tells of this action: by its container, its environment or its session.
    pub fn owns(&self, alert: &Alert) -> bool {
        let field = |name| alert.field(name);
        field("container.id").is_some_and(|id| Some(id) == self.container)
            || field(TOKEN_FIELD).as_ref() == Some(&self.token)
            || alert.session() == Some(self.session)
    }

    /// A text with `$LAB` and `$TOKEN` filled in.
    pub fn expand(&self, text: &str) -> String {
        text.replace("$LAB", &self.lab.to_string_lossy())
            .replace("$TOKEN", &self.token)
    }
}

/// Performs an action to its end.
///
/// # Errors
/// When it fails, with what it printed.
pub fn perform(stage: &Stage, action: &Action) -> Result<Ran> {
    let lab = stage.laboratory()?;
    match action.place {
        Place::Host => on_host(lab, action.script),
        Place::HostNetwork => {
            lab.write("attack.sh", action.script)?;
            let enter = "unshare --net sh -eu $LAB/network.sh sh -eu $LAB/attack.sh";
            on_host(lab, enter)
        }
        Place::Container(container) => {
            let prepared = container::prepare(&stage.image, &lab, container, action.script)?;
            let done = action::run(&lab, &prepared.script);
            if done.is_err() {
                container::remove(&lab, &prepared.id);
            }
            let done = done?;
            Ok(Ran {
                session: done.session,
                ancestors: Some(done.ancestors),
                token: lab.token(),
                loginuid: loginuid()?,
                lab: container::LAB.into(),
                container: Some(prepared.id[..SHOWN_DIGITS].to_owned()),
            })
        }
    }
}

fn on_host(lab: Lab, script: &str) -> Result<Ran> {
    let done = action::run(&lab, script)?;
    Ok(Ran {
        loginuid: loginuid()?,
        session: done.session,
        ancestors: Some(done.ancestors),
        token: lab.token(),
        lab: lab.path().to_owned(),
        container: None,
    })
}

fn loginuid() -> Result<String> {
    let text = fs::read_to_string(LOGINUID).context(LOGINUID)?;
    Ok(text.trim().to_owned())
}
