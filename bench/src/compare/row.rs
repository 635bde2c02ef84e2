//! From the samples of a load to its line in the report.

use crate::cli::LoadKind;
use crate::load::LoadResult;
use crate::procfs::Resident;
use crate::report::Row;
use crate::stats::median;

/// Below this, the agent's CPU time is that of its clockwork, and a cost per event means nothing.
const MIN_EVENTS_FOR_COST: f64 = 500.0;

/// One run of a load under the agent.
#[derive(Debug, Clone)]
pub(super) struct With {
    pub(super) result: LoadResult,
    pub(super) events: f64,
    pub(super) drops: f64,
    pub(super) agent_cpu_ns: u64,
    pub(super) resident: Resident,
}

/// All runs of a load; `off[i]` and `on[i]` are of the same round.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) kind: LoadKind,
    pub(super) off: Vec<LoadResult>,
    pub(super) on: Vec<With>,
}

impl Samples {
    pub(super) fn new(kind: LoadKind) -> Self {
        Self {
            kind,
            off: Vec::new(),
            on: Vec::new(),
        }
    }

    /// Medians over the rounds; of ratios and differences, not ratios of medians: what drifts in
    /// the course of a run (frequency, temperature, neighbours) is the same on both sides of a
    /// round. `None` without a round.
    pub(super) fn row(&self) -> Option<Row> {
        let wall_off = |r: &LoadResult| r.ns_per_op;
        let cpu_off = |r: &LoadResult| r.cpu_ns_per_op;
        let last = self.on.last()?;
        Some(Row {
            load: self.kind.name().to_owned(),
            wall_off_ns: median(&self.off.iter().map(wall_off).collect::<Vec<_>>())?,
            wall_on_ns: self.median_on(|on| on.result.ns_per_op)?,
            wall_ratio: self.median_pairs(|off, on| on.ns_per_op / off.ns_per_op)?,
            cpu_off_ns: median(&self.off.iter().map(cpu_off).collect::<Vec<_>>())?,
            cpu_on_ns: self.median_on(|on| on.result.cpu_ns_per_op)?,
            cpu_ratio: self.median_pairs(|off, on| on.cpu_ns_per_op / off.cpu_ns_per_op)?,
            cpu_added_ns: self.median_pairs(|off, on| on.cpu_ns_per_op - off.cpu_ns_per_op)?,
            agent_cpu_s_per_million_events: self.agent_cost(),
            events: self.on.iter().map(|on| on.events).sum(),
            drops: self.on.iter().map(|on| on.drops).sum(),
            resident: last.resident,
        })
    }

    fn median_on(&self, value: impl Fn(&With) -> f64) -> Option<f64> {
        median(&self.on.iter().map(value).collect::<Vec<_>>())
    }

    fn median_pairs(&self, value: impl Fn(&LoadResult, &LoadResult) -> f64) -> Option<f64> {
        let pairs = self.off.iter().zip(&self.on);
        median(
            &pairs
                .map(|(off, on)| value(off, &on.result))
                .collect::<Vec<_>>(),
        )
    }

    /// ns per event is µs per thousand and s per billion: s per million is ns / 1000.
    fn agent_cost(&self) -> Option<f64> {
        let counted = self.on.iter().filter(|on| on.events >= MIN_EVENTS_FOR_COST);
        median(
            &counted
                .map(|on| on.agent_cpu_ns as f64 / on.events / 1e3)
                .collect::<Vec<_>>(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(wall_ns: u64, cpu_ns: u64) -> LoadResult {
        LoadResult {
            kind: "open-close".to_owned(),
            threads: 1,
            count: 1,
            wall_ns,
            ns_per_op: wall_ns as f64,
            cpu_user_ns: 0,
            cpu_system_ns: cpu_ns,
            cpu_ns_per_op: cpu_ns as f64,
        }
    }

    fn with(result: LoadResult, events: f64, agent_cpu_ns: u64) -> With {
        let resident = Resident {
            rss_total_kib: 2,
            rss_anon_kib: 1,
        };
        With {
            result,
            events,
            drops: 1.0,
            agent_cpu_ns,
            resident,
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut samples = Samples::new(LoadKind::OpenClose);
        // The machine gets slower from round to round, the ratio stays.
        for base in [100, 200, 400] {
            samples.off.push(result(base, base));
            samples
                .on
                .push(with(result(base * 3 / 2, base * 2), 1e6, 600_000_000));
        }
        let row = samples.row().unwrap();
        assert_eq!((row.wall_ratio, row.cpu_ratio), (1.5, 2.0));
        assert_eq!((row.wall_off_ns, row.wall_on_ns), (200.0, 300.0));
        assert_eq!(row.cpu_added_ns, 200.0);
        assert_eq!(row.agent_cpu_s_per_million_events, Some(0.6));
        assert_eq!((row.events, row.drops), (3e6, 3.0));
    }

    #[test]
    fn too_few_events_have_no_cost() {
        let mut samples = Samples::new(LoadKind::Unwanted);
        samples.off.push(result(1, 1));
        samples.on.push(with(result(1, 1), 7.0, 1_000_000));
        assert_eq!(samples.row().unwrap().agent_cpu_s_per_million_events, None);
    }

    #[test]
    fn no_round_no_row() {
        assert!(Samples::new(LoadKind::Connect).row().is_none());
    }
}
