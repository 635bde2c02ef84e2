//! Everything that the suite does.

use crate::attack::{Action, Attack};
use crate::silent::{SILENT, Silent};
use crate::table::attacks;
use crate::waiting::{WAITING, Waiting};

/// What an action is to the suite.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// It must raise its alerts.
    Attack(&'static Attack),
    /// It must raise none.
    Twin(&'static Attack),
    /// Harmless.
    Silent(&'static Silent),
    /// Of a rule that waits.
    Waiting(&'static Waiting),
}

impl Part {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        attacks()
            .flat_map(|attack| [Self::Attack(attack), Self::Twin(attack)])
            .chain(SILENT.iter().map(Self::Silent))
            .chain(WAITING.iter().map(Self::Waiting))
    }

    /// What is done.
    pub const fn action(self) -> Action {
        match self {
            Self::Attack(attack) => attack.action,
            Self::Twin(attack) => attack.twin,
            Self::Silent(silent) => silent.action,
            Self::Waiting(waiting) => waiting.action,
        }
    }

    /// For messages, before [`Self::name`].
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Attack(_) => "attack on",
            Self::Twin(_) => "twin of the attack on",
            Self::Silent(_) => "what should raise nothing:",
            Self::Waiting(_) => "what should raise",
        }
    }

    /// The rule, or what it is.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attack(attack) | Self::Twin(attack) => attack.rule,
            Self::Silent(silent) => silent.what,
            Self::Waiting(waiting) => waiting.rule,
        }
    }
}
