//! Everything that the suite does.

use crate::attack::{Action, Attack};
use crate::sight::{Sight, Sights};
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

    /// The attack, also that of a twin.
    const fn attack(self) -> Option<&'static Attack> {
        match self {
            Self::Attack(attack) | Self::Twin(attack) => Some(attack),
            Self::Silent(_) | Self::Waiting(_) => None,
        }
    }

    /// What the attack, or that of a twin, needs and the driver does not see.
    pub fn missing(self, sights: Sights) -> Option<Sight> {
        sights.missing(self.attack()?)
    }

    /// Whether its name or script contains `text`, or it needs the sight of that name ([`Sight::feature`]).
    pub fn is_about(self, text: &str) -> bool {
        let needs = self.attack().map_or(&[][..], |attack| attack.needs);
        self.name().contains(text)
            || self.action().script.contains(text)
            || needs.iter().any(|sight| sight.feature() == text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_what_they_need() {
        let of = |text| Part::all().filter(move |part| part.is_about(text));
        let hooks: Vec<_> = of(Sight::Functions.feature()).collect();
        assert!(!hooks.is_empty());
        let missing = |part: &Part| part.missing(Sights::RECORDED);
        assert!(
            hooks
                .iter()
                .all(|part| missing(part) == Some(Sight::Functions))
        );
        assert_eq!(of("").count(), Part::all().count());
        assert_eq!(of("no part has this text").count(), 0);
        assert!(of("evader ring-link").count() >= 2, "attack and twin");
    }
}
