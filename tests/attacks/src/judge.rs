//! Whether an action raised what it should.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use saker_tests_live::alert::Alert;

use crate::part::Part;
use crate::run::Ran;
use crate::sight::Sights;
use crate::stock::Rule;
use crate::{compare, container, reference};

/// Alerts in short, for messages.
fn told(alerts: &[&Alert]) -> String {
    let line = |alert: &&Alert| {
        let field = |name| alert.field(name).unwrap_or_default();
        format!(
            "\n    [{}] {} by {} below {}, file {}",
            alert.rule(),
            field("evt.type"),
            field("proc.cmdline"),
            field("proc.pname"),
            field("fd.name")
        )
    };
    alerts.iter().map(line).collect()
}

/// Compares the alerts of one action, which are among `all`, with what it must raise where the driver has these
/// `sights`.
///
/// # Errors
/// When one is missing, too much or says something else.
pub fn judge(
    part: Part,
    ran: &Ran,
    all: &[Alert],
    rules: &BTreeMap<String, Rule>,
    falco: &reference::Reference,
    sights: Sights,
) -> Result<()> {
    let own: Vec<&Alert> = all.iter().filter(|alert| ran.owns(alert)).collect();
    let mut allowed: BTreeSet<&str> = container::raises(part.action().place)
        .iter()
        .copied()
        .collect();
    match part {
        Part::Waiting(waiting) => {
            ensure!(
                own.iter().all(|alert| alert.rule() != waiting.rule),
                "raises an alert now: move it from the waiting rules to a table"
            );
            return Ok(());
        }
        Part::Twin(_) => {}
        Part::Silent(silent) => allowed.extend(silent.by_given),
        Part::Attack(attack) if let Some(sight) = sights.missing(attack) => {
            ensure!(
                own.iter().all(|alert| alert.rule() != attack.rule),
                "raises an alert although it {}: {}",
                sight.needs(),
                told(&own)
            );
            return Ok(());
        }
        Part::Attack(attack) => {
            allowed.insert(attack.rule);
            allowed.extend(attack.also);
        }
    }
    let raised: BTreeSet<&str> = own.iter().map(|alert| alert.rule()).collect();
    let list = || told(&own);
    ensure!(
        raised == allowed,
        "alerts of {:?} are missing, of {:?} too much: {}",
        allowed.difference(&raised).collect::<Vec<_>>(),
        raised.difference(&allowed).collect::<Vec<_>>(),
        list()
    );
    let Part::Attack(attack) = part else {
        return Ok(());
    };
    let its: Vec<_> = own
        .iter()
        .filter(|alert| alert.rule() == attack.rule)
        .collect();
    ensure!(
        its.len() == attack.times,
        "{} alerts, not {}: {}",
        its.len(),
        attack.times,
        list()
    );
    for alert in its {
        compare::compare(alert, &rules[attack.rule], attack, ran, sights)?;
    }
    let Some((name, differing)) = attack.reference else {
        return Ok(());
    };
    // Falco's alerts are of a newer kernel.
    let older = if sights.old_kernel { attack.older } else { &[] };
    let differing = differing.iter().chain(older.iter().map(|(field, _)| field));
    let differing: Vec<&str> = differing.copied().collect();
    reference::compare(&own, falco, (name, &differing), ran)
}
