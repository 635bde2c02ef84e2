//! The agent's memory and tables, and what is wrong with them.

use super::living::Living;
use crate::metrics::{self, labelled};
use crate::procfs::Resident;
use crate::report::table_of;

/// Growth that is allowed, percent.
const MAX_GROWTH_PERCENT: u64 = 10;
/// What others on this host may begin or end between the two looks that are compared.
const SLACK: u64 = 32;
/// The same of cgroups, which others seldom make.
const CGROUPS_SLACK: u64 = 8;
/// Processes of others that may have ended within the second or so that the agent remembers them.
const ENDED_OF_OTHERS: u64 = 256;
/// Descriptors whose close no record told: the agent hears of close only where a rule names it.
const FDS_FACTOR: u64 = 2;
const FDS_SLACK: u64 = 1_024;
/// Percent of what was done that must have been seen, if it was not lost.
const SEEN_PERCENT: u64 = 99;

/// The agent at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sample {
    /// Resident memory, KiB.
    pub(super) rss: u64,
    /// That part of it that is no ring and no program, KiB.
    pub(super) anonymous: u64,
    /// Entries of its tables.
    pub(super) processes: u64,
    pub(super) threads: u64,
    pub(super) fds: u64,
    pub(super) cgroups: u64,
    pub(super) containers: u64,
    pub(super) ended: u64,
    pub(super) directory: u64,
    /// Ends it was told.
    pub(super) ends: u64,
    /// Ends it found out.
    pub(super) ends_missed: u64,
    /// cgroups in which it saw a program.
    pub(super) alerts: u64,
    /// Records lost.
    pub(super) dropped: u64,
}

impl Sample {
    /// From the text of /metrics.
    pub(super) fn from(text: &str, resident: Resident) -> Self {
        let kind = |kind: &str| {
            let label = format!("kind=\"{kind}\"");
            labelled(text, "saker_state_entries", &label) as u64
        };
        let missed = labelled(text, "saker_state_events_total", "kind=\"ends_missed\"");
        Self {
            rss: resident.rss_total_kib,
            anonymous: resident.rss_anon_kib,
            processes: kind("processes"),
            threads: kind("threads"),
            fds: kind("fds"),
            cgroups: kind("cgroups"),
            containers: kind("containers"),
            ended: kind("ended"),
            directory: kind("directory"),
            ends: labelled(text, metrics::EVENTS, "type=\"procexit\"") as u64,
            ends_missed: missed as u64,
            alerts: metrics::sum(text, "saker_alerts_total") as u64,
            dropped: metrics::sum(text, metrics::DROPPED) as u64,
        }
    }
}

/// Tables that hold more than what lives.
pub(super) fn dead(sample: &Sample, living: &Living) -> Vec<String> {
    let limits = [
        ("processes", sample.processes, living.processes + SLACK),
        ("threads", sample.threads, living.threads + SLACK),
        ("fds", sample.fds, FDS_FACTOR * living.fds + FDS_SLACK),
        ("cgroups", sample.cgroups, living.cgroups + CGROUPS_SLACK),
        (
            "containers",
            sample.containers,
            living.cgroups + CGROUPS_SLACK,
        ),
        ("ended", sample.ended, ENDED_OF_OTHERS),
        (
            "directory",
            sample.directory,
            living.processes + ENDED_OF_OTHERS + SLACK,
        ),
    ];
    let over = limits.into_iter().filter(|(_, held, limit)| held > limit);
    over.map(|(table, held, limit)| format!("{held} {table}, at most {limit} live"))
        .collect()
}

/// All that is wrong at the end.
pub(super) fn faults(
    warm: &Sample,
    end: &Sample,
    living: &Living,
    cgroups: u64,
    forks: u64,
) -> Vec<String> {
    let mut faults = dead(end, living);
    for (memory, before, after) in [
        ("resident", warm.rss, end.rss),
        ("anonymous", warm.anonymous, end.anonymous),
    ] {
        if after * 100 > before * (100 + MAX_GROWTH_PERCENT) {
            faults.push(format!(
                "{memory} memory has grown from {before} to {after} KiB, by more than {MAX_GROWTH_PERCENT} %"
            ));
        }
    }
    // An agent that looks away keeps nothing, either.
    for (what, seen, done) in [
        ("ends of processes", end.ends, forks),
        ("cgroups", end.alerts, cgroups),
    ] {
        if (seen + end.dropped) * 100 < done * SEEN_PERCENT {
            faults.push(format!("it saw {seen} {what} of {done}"));
        }
    }
    faults
}

/// The two samples side by side, with what lives.
pub(super) fn table(warm: &Sample, end: &Sample, living: &Living) -> String {
    let row = |what: &str, read: fn(&Sample) -> u64, lives: Option<u64>| {
        let lives = lives.map_or_else(|| "-".to_owned(), |count| count.to_string());
        [
            what.to_owned(),
            read(warm).to_string(),
            read(end).to_string(),
            lives,
        ]
    };
    let rows = [
        row("resident KiB", |s| s.rss, None),
        row("anonymous KiB", |s| s.anonymous, None),
        row("processes", |s| s.processes, Some(living.processes)),
        row("threads", |s| s.threads, Some(living.threads)),
        row("descriptors", |s| s.fds, Some(living.fds)),
        row("cgroups", |s| s.cgroups, Some(living.cgroups)),
        row("containers", |s| s.containers, None),
        row("ended a moment ago", |s| s.ended, None),
        row("directory", |s| s.directory, None),
        row("ends told", |s| s.ends, None),
        row("ends found out", |s| s.ends_missed, None),
        row("cgroups seen", |s| s.alerts, None),
        row("records dropped", |s| s.dropped, None),
    ];
    table_of(&["", "warm", "end", "living"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn living() -> Living {
        Living {
            processes: 100,
            threads: 50,
            fds: 1_000,
            cgroups: 10,
        }
    }

    fn good() -> Sample {
        Sample {
            rss: 50_000,
            anonymous: 12_000,
            processes: 100,
            threads: 50,
            fds: 1_100,
            cgroups: 10,
            containers: 1,
            ended: 3,
            directory: 103,
            ends: 1_000_000,
            ends_missed: 0,
            alerts: 10_000,
            dropped: 0,
        }
    }

    fn judge(end: Sample) -> Vec<String> {
        faults(&good(), &end, &living(), 10_000, 1_000_000)
    }

    #[test]
    fn a_flat_agent_passes() {
        let grown = Sample {
            rss: 54_900,
            anonymous: 13_000,
            ..good()
        };
        assert_eq!(judge(grown), Vec::<String>::new());
    }

    #[test]
    fn each_fault_is_found() {
        type Spoil = fn(&mut Sample);
        let bad: [(&str, Spoil); 10] = [
            ("resident", |s| s.rss = 55_100),
            ("anonymous", |s| s.anonymous = 13_300),
            ("processes", |s| s.processes = 200),
            ("threads", |s| s.threads = 200),
            ("fds", |s| s.fds = 10_000),
            ("cgroups", |s| s.cgroups = 10_000),
            ("containers", |s| s.containers = 10_000),
            ("directory", |s| s.directory = 10_000),
            ("ends of processes", |s| s.ends = 900_000),
            ("it saw 1 cgroups", |s| s.alerts = 1),
        ];
        for (name, spoil) in bad {
            let mut end = good();
            spoil(&mut end);
            let faults = judge(end);
            assert!(
                matches!(&faults[..], [fault] if fault.contains(name)),
                "{name}: {faults:?}"
            );
        }
    }

    #[test]
    fn what_was_lost_need_not_be_seen() {
        let lossy = Sample {
            ends: 900_000,
            dropped: 95_000,
            ..good()
        };
        assert!(judge(lossy).is_empty());
    }

    #[test]
    fn metrics_are_read() {
        let text = "saker_state_entries{kind=\"processes\"} 7\n\
                    saker_state_events_total{kind=\"ends_missed\"} 2\n\
                    saker_events_total{type=\"procexit\"} 5\n\
                    saker_alerts_total{rule=\"seen\",priority=\"Informational\"} 4\n\
                    saker_dropped_records_total 1\n";
        let resident = Resident {
            rss_total_kib: 9,
            rss_anon_kib: 8,
        };
        let expected = Sample {
            rss: 9,
            anonymous: 8,
            processes: 7,
            ends_missed: 2,
            ends: 5,
            alerts: 4,
            dropped: 1,
            ..Sample::default()
        };
        assert_eq!(Sample::from(text, resident), expected);
    }
}
