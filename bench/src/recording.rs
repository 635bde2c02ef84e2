//! What recording costs: the loads under `saker run`, the same with a rule that may ask for a capture, the same
//! while a capture goes on, and `saker record`, in turn, in one run.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::agent::{Agent, AgentSetup};
use crate::cli::{LoadKind, RecordingOptions};
use crate::load::{self, LoadResult};
use crate::metrics::labelled;
use crate::report::table_of;
use crate::stats::median;

/// Longest wait for a capture to begin.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks whether it has.
const BEGIN_INTERVAL: Duration = Duration::from_millis(10);

/// What the agent does with records besides evaluating rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Run,
    /// A rule may ask for a capture: the last records are kept.
    Armed,
    /// A capture goes on.
    Capturing,
    /// `saker record`: no rules, everything is written.
    Record,
}

const MODES: [Mode; 4] = [Mode::Run, Mode::Armed, Mode::Capturing, Mode::Record];

/// A load under an agent in one mode.
#[derive(Debug, Clone)]
struct Sample {
    load: LoadResult,
    /// CPU time of the agent for each event, ns; `record` counts none.
    agent_ns: Option<f64>,
    /// Records that the capture or the rings lost.
    lost: f64,
}

/// By round, mode and load.
type Samples = Vec<[Vec<Sample>; MODES.len()]>;

/// `saker-bench recording`.
///
/// # Errors
/// When a load or an agent fails, or no capture begins.
pub(crate) fn command(options: &RecordingOptions) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("recording starts the agent, which needs root: run it with sudo");
    }
    let kinds = match options.only.as_slice() {
        [] => LoadKind::value_variants(),
        only => only,
    };
    let mut samples = Samples::new();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        let mut of_round: [Vec<Sample>; MODES.len()] = Default::default();
        for (mode, samples) in MODES.into_iter().zip(&mut of_round) {
            *samples = measure(options, mode, kinds)?;
        }
        samples.push(of_round);
    }
    print!("{}", report(kinds, &samples)?);
    Ok(())
}

/// All loads under an agent of their own.
fn measure(options: &RecordingOptions, mode: Mode, kinds: &[LoadKind]) -> Result<Vec<Sample>> {
    let directory = TempDir::new().context("directory for captures")?;
    let trigger = directory.path().join("trigger");
    let agent = start(options, mode, directory.path(), &trigger)?;
    if mode == Mode::Capturing {
        begin(&agent, &trigger)?;
    }
    let samples = kinds.iter().map(|&kind| sample(&agent, mode, kind));
    let samples = samples.collect::<Result<_>>()?;
    agent.stop()?;
    Ok(samples)
}

fn sample(agent: &Agent, mode: Mode, kind: LoadKind) -> Result<Sample> {
    let count = kind.default_count();
    if mode == Mode::Record {
        return Ok(Sample {
            load: load::run_apart(kind, 1, count)?,
            agent_ns: None,
            lost: 0.0,
        });
    }
    let before = agent.wait_until_quiet()?;
    let load = load::run_apart(kind, 1, count)?;
    let after = agent.wait_until_quiet()?;
    let events = after.events - before.events;
    let cpu_ns = after.cpu_ns.saturating_sub(before.cpu_ns);
    let lost = labelled(
        &agent.metrics()?,
        "saker_capture_records_total",
        "result=\"lost\"",
    );
    Ok(Sample {
        load,
        // Below a few hundred, the time is that of the agent's clockwork.
        agent_ns: (events >= 500.0).then_some(cpu_ns as f64 / events),
        lost: lost + after.drops - before.drops,
    })
}

fn start(
    options: &RecordingOptions,
    mode: Mode,
    directory: &Path,
    trigger: &Path,
) -> Result<Agent> {
    let mut setup = AgentSetup {
        program: options.saker.clone(),
        rules: options.rules.clone(),
        settings: options.agent_settings.clone(),
    };
    match mode {
        Mode::Run => Agent::start(&setup),
        Mode::Record => Agent::start_recording(&setup, &directory.join("recording.saker")),
        Mode::Armed | Mode::Capturing => {
            fs::write(trigger, "").context("trigger of the capture")?;
            let rules = directory.join("capture.yaml");
            fs::write(&rules, capturing_rule(trigger)).context("rule with a capture")?;
            setup.rules.push(rules);
            let prefix = directory.join("capture");
            setup.settings.extend([
                "capture.enabled=true".to_owned(),
                format!("capture.path_prefix={}", prefix.display()),
            ]);
            Agent::start(&setup)
        }
    }
}

/// Lasts longer than any round.
fn capturing_rule(trigger: &Path) -> String {
    format!(
        "- rule: captured\n  desc: Begins a capture.\n  \
         condition: evt.type=openat and fd.name={}\n  output: \"%fd.name\"\n  priority: INFO\n  \
         capture: true\n  capture_duration: 3600000\n",
        trigger.display()
    )
}

fn begin(agent: &Agent, trigger: &Path) -> Result<()> {
    let deadline = Instant::now() + BEGIN_TIMEOUT;
    let directory = trigger.parent().context("a directory")?;
    File::open(trigger).context("trigger of the capture")?;
    loop {
        let entries = fs::read_dir(directory).context("captures")?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        if names.into_iter().any(|name| name.starts_with("capture_")) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "no capture has begun {BEGIN_TIMEOUT:?} after its alert; its log:\n{}",
                agent.log_tail()
            );
        }
        std::thread::sleep(BEGIN_INTERVAL);
    }
}

/// Medians over the rounds of ratios within a round, to `saker run` alone.
fn report(kinds: &[LoadKind], samples: &Samples) -> Result<String> {
    let rows: Vec<[String; 9]> = kinds
        .iter()
        .enumerate()
        .map(|(kind, name)| row(name.name(), kind, samples))
        .collect::<Option<_>>()
        .context("no round")?;
    let lost: f64 = samples
        .iter()
        .flatten()
        .filter_map(|of_mode| of_mode.last())
        .map(|sample| sample.lost)
        .sum();
    let headings = [
        "load",
        "run ns/op",
        "armed",
        "capturing",
        "record",
        "CPU: armed",
        "capturing",
        "record",
        "agent ns/event: run, armed, capturing",
    ];
    Ok(format!(
        "{}{lost:.0} records lost to captures and rings\n",
        table_of(&headings, &rows)
    ))
}

fn row(name: &str, kind: usize, samples: &Samples) -> Option<[String; 9]> {
    let ratio = |mode: Mode, read: fn(&LoadResult) -> f64| {
        let ratios: Vec<f64> = samples
            .iter()
            .filter_map(|modes| {
                let of = |mode: Mode| Some(read(&modes[mode as usize].get(kind)?.load));
                Some(of(mode)? / of(Mode::Run)?)
            })
            .collect();
        median(&ratios).map(|ratio| format!("{ratio:.2}"))
    };
    let agent = |mode: Mode| {
        let costs: Vec<f64> = samples
            .iter()
            .filter_map(|modes| modes[mode as usize].get(kind)?.agent_ns)
            .collect();
        median(&costs).map_or_else(|| "-".to_owned(), |ns| format!("{ns:.0}"))
    };
    let wall = |load: &LoadResult| load.ns_per_op;
    let cpu = |load: &LoadResult| load.cpu_ns_per_op;
    let run: Vec<f64> = samples
        .iter()
        .filter_map(|modes| Some(modes[0].get(kind)?.load.ns_per_op))
        .collect();
    Some([
        name.to_owned(),
        format!("{:.0}", median(&run)?),
        ratio(Mode::Armed, wall)?,
        ratio(Mode::Capturing, wall)?,
        ratio(Mode::Record, wall)?,
        ratio(Mode::Armed, cpu)?,
        ratio(Mode::Capturing, cpu)?,
        ratio(Mode::Record, cpu)?,
        [Mode::Run, Mode::Armed, Mode::Capturing]
            .map(agent)
            .join(", "),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ns: u64, agent_ns: Option<f64>) -> Sample {
        let load = LoadResult {
            kind: "open-close".to_owned(),
            threads: 1,
            count: 1,
            wall_ns: ns,
            ns_per_op: ns as f64,
            cpu_user_ns: 0,
            cpu_system_ns: ns,
            cpu_ns_per_op: 2.0 * ns as f64,
        };
        Sample {
            load,
            agent_ns,
            lost: 1.0,
        }
    }

    #[test]
    fn ratios_are_to_the_run_of_the_same_round() {
        let round = |base: u64| {
            [
                vec![sample(base, Some(300.0))],
                vec![sample(base * 11 / 10, Some(330.0))],
                vec![sample(base * 2, Some(400.0))],
                vec![sample(base * 3, None)],
            ]
        };
        let text = report(&[LoadKind::OpenClose], &vec![round(100), round(400)]).unwrap();
        for expected in ["1.10", "2.00", "3.00", "300, 330, 400", "8 records lost"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn no_round_is_an_error() {
        assert!(report(&[LoadKind::OpenClose], &Samples::new()).is_err());
    }
}
