//! The report: tables for people, the same by serde for programs.

use std::fmt::{self, Display, Formatter, Write};

use serde::Serialize;

use crate::latency::AlertLatency;
use crate::procfs::Resident;

/// Everything a comparison found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) kernel: String,
    pub(crate) cpus: usize,
    pub(crate) rounds: u16,
    pub(crate) quick: bool,
    pub(crate) loads: Vec<Row>,
    pub(crate) flat_out: FlatOut,
    pub(crate) idle: Idle,
    /// Median.
    pub(crate) exec_to_first_alert_ms: f64,
    pub(crate) open_to_alert: AlertLatency,
}

/// One load, medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) load: String,
    pub(crate) wall_off_ns: f64,
    pub(crate) wall_on_ns: f64,
    pub(crate) wall_ratio: f64,
    pub(crate) cpu_off_ns: f64,
    pub(crate) cpu_on_ns: f64,
    pub(crate) cpu_ratio: f64,
    pub(crate) cpu_added_ns: f64,
    /// None when the load makes (almost) no events.
    pub(crate) agent_cpu_s_per_million_events: Option<f64>,
    /// Over all rounds.
    pub(crate) events: f64,
    /// Over all rounds.
    pub(crate) drops: f64,
    /// After the last round.
    #[serde(flatten)]
    pub(crate) resident: Resident,
}

/// Several open-close loads as fast as they can.
#[derive(Debug, Serialize)]
pub(crate) struct FlatOut {
    pub(crate) threads: u16,
    pub(crate) opens: u64,
    pub(crate) opens_per_second: f64,
    pub(crate) events: f64,
    pub(crate) drops: f64,
}

/// An agent with nothing to do.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) seconds: f64,
    /// Of one CPU.
    pub(crate) cpu_percent: f64,
    #[serde(flatten)]
    pub(crate) resident: Resident,
}

const HEADINGS: [&str; 12] = [
    "load",
    "wall off ns/op",
    "on ns/op",
    "ratio",
    "CPU off ns/op",
    "on ns/op",
    "ratio",
    "added ns",
    "agent s/M events",
    "events",
    "drops",
    "RSS (anon) MiB",
];

impl Row {
    fn cells(&self) -> [String; 12] {
        [
            self.load.clone(),
            format!("{:.0}", self.wall_off_ns),
            format!("{:.0}", self.wall_on_ns),
            format!("{:.2}", self.wall_ratio),
            format!("{:.0}", self.cpu_off_ns),
            format!("{:.0}", self.cpu_on_ns),
            format!("{:.2}", self.cpu_ratio),
            format!("{:+.0}", self.cpu_added_ns),
            self.agent_cpu_s_per_million_events
                .map_or("-".to_owned(), |s| format!("{s:.2}")),
            format!("{:.0}", self.events),
            format!("{:.0}", self.drops),
            memory(self.resident),
        ]
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mode = if self.quick {
            " (quick: a smoke test, not a figure)"
        } else {
            ""
        };
        writeln!(
            f,
            "kernel {}, {} CPUs, {} rounds{mode}; medians of ratios within a round",
            self.kernel, self.cpus, self.rounds
        )?;
        write_table(
            f,
            &HEADINGS,
            &self.loads.iter().map(Row::cells).collect::<Vec<_>>(),
        )?;
        let flat_out = &self.flat_out;
        writeln!(
            f,
            "\n{} flat-out open-close loads: {} opens at {:.0}/s, {:.0} events, {:.0} drops",
            flat_out.threads,
            flat_out.opens,
            flat_out.opens_per_second,
            flat_out.events,
            flat_out.drops
        )?;
        writeln!(
            f,
            "idle for {:.0} s: {:.2} % of one CPU, RSS (anon) {} MiB",
            self.idle.seconds,
            self.idle.cpu_percent,
            memory(self.idle.resident)
        )?;
        writeln!(
            f,
            "exec to first alert: {:.0} ms",
            self.exec_to_first_alert_ms
        )?;
        let late = &self.open_to_alert;
        writeln!(
            f,
            "open to alert, {} samples: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            late.samples, late.p50_ms, late.p99_ms, late.max_ms
        )
    }
}

fn memory(resident: Resident) -> String {
    let mib = |kib: u64| kib as f64 / 1024.0;
    format!(
        "{:.1} ({:.1})",
        mib(resident.rss_total_kib),
        mib(resident.rss_anon_kib)
    )
}

/// A table as text.
pub(crate) fn table_of<const N: usize>(headings: &[&str; N], rows: &[[String; N]]) -> String {
    let mut text = String::new();
    // A String takes whatever is written to it.
    let _ = write_table(&mut text, headings, rows);
    text
}

/// First column to the left, the others to the right.
fn write_table<const N: usize>(
    f: &mut impl Write,
    headings: &[&str; N],
    rows: &[[String; N]],
) -> fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    write_line(f, &widths, |column| headings[column])?;
    rows.iter()
        .try_for_each(|row| write_line(f, &widths, |column| &row[column]))
}

fn write_line<'a, const N: usize>(
    f: &mut impl Write,
    widths: &[usize; N],
    cell: impl Fn(usize) -> &'a str,
) -> fmt::Result {
    for (column, width) in widths.iter().enumerate() {
        match column {
            0 => write!(f, "{:<width$}", cell(column))?,
            _ => write!(f, " | {:>width$}", cell(column))?,
        }
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let resident = Resident {
            rss_total_kib: 30_720,
            rss_anon_kib: 10_240,
        };
        Report {
            kernel: "6.1".to_owned(),
            cpus: 2,
            rounds: 7,
            quick: false,
            loads: vec![Row {
                load: "unwanted".to_owned(),
                wall_off_ns: 100.4,
                wall_on_ns: 201.0,
                wall_ratio: 2.0,
                cpu_off_ns: 99.0,
                cpu_on_ns: 200.0,
                cpu_ratio: 2.02,
                cpu_added_ns: 101.0,
                agent_cpu_s_per_million_events: None,
                events: 12.0,
                drops: 0.0,
                resident,
            }],
            flat_out: FlatOut {
                threads: 2,
                opens: 10,
                opens_per_second: 5.0,
                events: 10.0,
                drops: 3.0,
            },
            idle: Idle {
                seconds: 10.0,
                cpu_percent: 0.25,
                resident,
            },
            exec_to_first_alert_ms: 123.4,
            open_to_alert: AlertLatency {
                samples: 200,
                p50_ms: 0.5,
                p99_ms: 4.0,
                max_ms: 4.5,
            },
        }
    }

    #[test]
    fn columns_of_the_table_line_up() {
        let text = report().to_string();
        let table: Vec<&str> = text.lines().filter(|line| line.contains(" | ")).collect();
        assert_eq!(table.len(), 2);
        let bars = |line: &str| {
            line.match_indices('|')
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        assert_eq!(bars(table[0]), bars(table[1]));
        assert_eq!(bars(table[0]).len(), HEADINGS.len() - 1);
        let cells: Vec<&str> = table[1].split('|').map(str::trim).collect();
        let expected = "unwanted 100 201 2.00 99 200 2.02 +101 - 12 0";
        assert_eq!(cells[..11].join(" "), expected);
        assert_eq!(cells[11], "30.0 (10.0)");
    }

    #[test]
    fn figures_below_the_table() {
        let text = report().to_string();
        assert!(text.contains("2 flat-out open-close loads: 10 opens at 5/s, 10 events, 3 drops"));
        assert!(text.contains("idle for 10 s: 0.25 % of one CPU"));
        assert!(text.contains("exec to first alert: 123 ms"));
        assert!(text.contains("p50 0.50 ms, p99 4.00 ms, max 4.50 ms"));
    }

    #[test]
    fn json_names_units() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["loads"][0]["rss_anon_kib"], 10_240);
        assert_eq!(json["idle"]["cpu_percent"], 0.25);
        assert!(json["loads"][0]["agent_cpu_s_per_million_events"].is_null());
    }
}
