//! Reading the agent's /metrics (text format 0.0.4 of Prometheus).

/// Metric names the bench relies on; docs/metrics.md describes them.
pub(crate) const EVENTS: &str = "saker_events_total";
/// Records the driver could not put into a ring, over all CPUs, classes and causes. The series of
/// each cause appear only when they are not zero; this sum is always there.
pub(crate) const DROPPED: &str = "saker_dropped_records_total";

/// Sum of all series of a counter or gauge; 0 if there is none yet. Lines that are not understood
/// are skipped: other metrics are none of the bench's business.
pub(crate) fn sum(text: &str, name: &str) -> f64 {
    series(text, name).map(|(_, value)| value).sum()
}

/// The series of a counter or gauge with exactly these labels; 0 if there is none.
pub(crate) fn labelled(text: &str, name: &str, labels: &str) -> f64 {
    let found = series(text, name).filter(|(other, _)| *other == labels);
    found.map(|(_, value)| value).sum()
}

/// Is there a metric of that name, by its samples or by its description?
pub(crate) fn is_declared(text: &str, name: &str) -> bool {
    series(text, name).next().is_some()
        || text.lines().any(|line| {
            line.strip_prefix("# TYPE ")
                .is_some_and(|rest| rest.split(' ').next() == Some(name))
        })
}

/// Label text (without braces, empty if none) and value of each series of a metric.
fn series<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            // A label value may hold a brace, the value after the last one may not.
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let value = value.split_ascii_whitespace().next()?.parse().ok()?;
        Some((labels, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP saker_events_total Events evaluated.
# TYPE saker_events_total counter
saker_events_total{type=\"openat\"} 12
saker_events_total{type=\"odd}name\"} 3 1700000000000
saker_events_total_other 1000
saker_up 1
# TYPE saker_dropped_records_total counter
saker_broken{ 4
saker_broken nonsense
";

    #[test]
    fn series_of_one_name_are_summed() {
        assert_eq!(sum(TEXT, EVENTS), 15.0);
        assert_eq!(sum(TEXT, "saker_up"), 1.0);
        assert_eq!(labelled(TEXT, EVENTS, "type=\"openat\""), 12.0);
        assert_eq!(labelled(TEXT, EVENTS, "type=\"open\""), 0.0);
    }

    #[test]
    fn labels_end_at_the_last_brace() {
        let labels: Vec<_> = series(TEXT, EVENTS).map(|(labels, _)| labels).collect();
        assert_eq!(labels, ["type=\"openat\"", "type=\"odd}name\""]);
    }

    #[test]
    fn absent_and_broken_series_are_nothing() {
        assert_eq!(sum(TEXT, "saker_absent"), 0.0);
        assert_eq!(sum(TEXT, "saker_broken"), 0.0);
    }

    #[test]
    fn declared_without_a_sample() {
        assert!(is_declared(TEXT, DROPPED));
        assert!(is_declared(TEXT, "saker_up"));
        assert!(!is_declared(TEXT, "saker_events"));
    }
}
