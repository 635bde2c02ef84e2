//! The attacks, by what they are about.

pub mod containers;
pub mod evasions;
pub mod files;
pub mod names;
pub mod network;
pub mod persistence;
pub mod processes;
pub mod tools;

use crate::attack::Attack;

/// All tables.
pub const TABLES: [&[Attack]; 8] = [
    containers::ATTACKS,
    evasions::ATTACKS,
    files::ATTACKS,
    names::ATTACKS,
    network::ATTACKS,
    persistence::ATTACKS,
    processes::ATTACKS,
    tools::ATTACKS,
];

/// All attacks.
pub fn attacks() -> impl Iterator<Item = &'static Attack> {
    TABLES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::waiting::WAITING;

    #[test]
    fn a_rule_is_attacked_or_waits() {
        let attacked: BTreeSet<&str> = attacks().map(|attack| attack.rule).collect();
        let mut seen = BTreeSet::new();
        for rule in WAITING.iter().map(|waiting| waiting.rule) {
            assert!(!attacked.contains(rule), "{rule}: attacked, too");
            assert!(seen.insert(rule), "{rule}: twice");
        }
    }

    #[test]
    fn twins_differ_from_their_attacks() {
        for attack in attacks() {
            let (action, twin) = (attack.action, attack.twin);
            assert!(
                action.script != twin.script || action.place != twin.place,
                "{}",
                attack.rule
            );
        }
    }
}
