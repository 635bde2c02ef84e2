//! What the rules of a worker have cost, as text for the log (`rules_profile`).

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

use saker_engine::compiler::RuleSet;
use saker_engine::explain::{predicate_text, term_text};
use saker_engine::profile::{Cost, Profile};
use saker_fields::FieldSchema;

/// Lines of each table.
const LINES: usize = 20;
/// Characters of a comparison before it is cut.
const NAME_COLUMNS: usize = 72;

/// Nanoseconds since the first call.
pub(super) fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The dearest rules, look-ups and comparisons.
pub(super) fn report(profile: &Profile, rules: &RuleSet, schema: &FieldSchema) -> String {
    let mut out = format!("profile of the rules over {} events", profile.events);
    let names = rules.rules().iter().map(|rule| rule.name.clone());
    table(&mut out, "rule", names, &profile.rules, profile.events);
    let names = rules.lookups().map(|term| term_text(term, schema));
    table(
        &mut out,
        "look-up of",
        names,
        &profile.lookups,
        profile.events,
    );
    let names = rules
        .checks()
        .iter()
        .map(|check| predicate_text(check, schema));
    table(
        &mut out,
        "comparison",
        names,
        &profile.checks,
        profile.events,
    );
    out
}

/// Those that took most time in all; of equal ones, those evaluated most.
fn table(
    out: &mut String,
    title: &str,
    names: impl Iterator<Item = String>,
    costs: &[Cost],
    events: u64,
) {
    let used = |(_, cost): &(String, &Cost)| cost.evaluations > 0;
    let mut lines: Vec<(String, &Cost)> = names.zip(costs).filter(used).collect();
    if lines.is_empty() {
        return;
    }
    lines.sort_by_key(|(_, cost)| std::cmp::Reverse((cost.total_ns(), cost.evaluations)));
    let left = lines.len().saturating_sub(LINES);
    _ = write!(
        out,
        "\n  {title:NAME_COLUMNS$} {:>10} {:>8} {:>8} {:>9}",
        "evaluated", "held", "ns each", "ns/event"
    );
    for (name, cost) in lines.into_iter().take(LINES) {
        let name: String = name.chars().take(NAME_COLUMNS).collect();
        // Comparisons that a look-up answers have no time of their own.
        let each = match cost.sampled {
            0 => "-".to_owned(),
            sampled => (cost.sampled_ns / sampled).to_string(),
        };
        let per_event = cost.total_ns() as f64 / events.max(1) as f64;
        _ = write!(
            out,
            "\n  {name:NAME_COLUMNS$} {:>10} {:>8} {each:>8} {per_event:>9.1}",
            cost.evaluations, cost.hits
        );
    }
    if left > 0 {
        _ = write!(out, "\n  and {left} more");
    }
}
