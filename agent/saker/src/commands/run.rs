//! `saker run`.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use saker_abi::driver::LoadOptions;
use saker_fields::FieldSchema;

use crate::agent::{Agent, Finished};
use crate::cli::RunArgs;
use crate::commands::selection::{print_format, switches};
use crate::config::{self, Config, DriverChoice, Request};
use crate::control::{Control, Stop};
use crate::driver::{Chosen, HostTrials, Step, choose};
use crate::host;
use crate::http::{self, Pages};
use crate::lock::Lock;
use crate::logging;
use crate::plan;
use crate::rules::{self, Rules};

/// Time between two looks at the workers' threads.
const WATCH_PERIOD: Duration = Duration::from_secs(1);
/// Least time between two messages about loss.
const LOSS_PERIOD: Duration = Duration::from_secs(10);
/// Exit status of an agent that could take no driver and so saw nothing.
const STATUS_BLIND: u8 = 3;
/// Stop requests that may wait; one is enough, the rest says the same.
pub(super) const STOP_QUEUE: usize = 4;

/// Watches until stopped.
///
/// # Errors
/// What kept the agent from starting, or a worker that ended.
pub(super) fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let (print, preset) = print_format(args.selection.print.as_deref());
    let config = config::load(&Request {
        file: args.config.file,
        options: args.config.options,
        rules_files: args.rules,
        json: args.json,
        switches: switches(&args.selection),
        print,
        driver: args.driver,
        hostname: host::hostname_override(),
    })?;
    logging::start(config.log_level);
    if let Some(preset) = preset {
        tracing::warn!(
            "-p {preset} is deprecated and does nothing: set append_output, suggested_output: true"
        );
    }
    let schema = Arc::new(FieldSchema::with_static_fields(&config.static_fields));
    let rules = rules::compile_configured(&config, &schema)?;
    let plan = plan::for_rules(&config, &rules, &schema)?;
    let _lock = Lock::take(&config.lock_file)?;
    let listener = match config.http_enabled {
        true => Some(http::listen(&config.http_listen_address)?),
        false => None,
    };
    let address = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let pages = Arc::new(Pages::default());
    let (stop_sender, stop) = crossbeam_channel::bounded(STOP_QUEUE);
    let control = Control::start(listener, Arc::clone(&pages), stop_sender.clone())?;
    let Some(chosen) = choose_driver(&config, &plan, &stop)? else {
        tracing::info!("stopped before it began");
        return Ok(ExitCode::SUCCESS);
    };
    let driver = Announced::new(&chosen);
    let agent = Agent::start(&config, chosen, plan, schema, &rules, &pages, stop_sender)?;
    let metrics = address.map(|address| format!("http://{address}/metrics"));
    announce(
        &config,
        &driver,
        &rules,
        &agent,
        metrics.as_deref(),
        started,
    );
    let outcome = wait(&agent, &stop);
    pages.health.set_stopping();
    let finished = agent.stop();
    drop(control);
    report(&finished);
    if driver.blind {
        eprintln!("Nothing was seen: there was no driver (exit status {STATUS_BLIND})");
    }
    match outcome {
        Ok(reason) => {
            match reason {
                Stop::Signal(name) => tracing::info!("stopped by {name}"),
                // Whoever read the alerts has gone: as wanted as a signal.
                Stop::OutputClosed(ErrorKind::BrokenPipe) => {
                    tracing::info!("stopped: standard output was closed");
                }
                // Nobody records in a run but for rules, whose captures end by themselves.
                Stop::RecordingEnded => tracing::info!("stopped by the recorder"),
                Stop::OutputClosed(kind) => {
                    bail!("alerts cannot be written to standard output: {kind}")
                }
            }
            Ok(ExitCode::from(if driver.blind { STATUS_BLIND } else { 0 }))
        }
        Err(error) => Err(error),
    }
}

/// Tries the drivers, each step in the log. None when a stop was asked for meanwhile.
///
/// # Errors
/// When the driver that was asked for cannot be had. Without any asked for there is an agent without
/// a driver, which says so.
pub(super) fn choose_driver(
    config: &Config,
    plan: &LoadOptions,
    stop: &Receiver<Stop>,
) -> anyhow::Result<Option<Chosen>> {
    let mut trials = HostTrials::new(plan, config.kmod_build_timeout(), stop);
    let chosen = choose(config.driver, &mut trials, |step| match &step.outcome {
        Ok(_) => tracing::info!("driver {}", step.line()),
        Err(_) => tracing::warn!("driver {}", step.line()),
    });
    if !stop.is_empty() {
        return Ok(None);
    }
    if !chosen.failed() {
        return Ok(Some(chosen));
    }
    let why: Vec<String> = chosen.steps.iter().map(Step::line).collect();
    let why = why.join("\n  ");
    if config.driver != DriverChoice::Auto {
        let name = match config.driver {
            DriverChoice::Kmod => "the kernel module",
            _ => "the eBPF driver",
        };
        bail!("{name} cannot be used on this host:\n  {why}");
    }
    tracing::error!(
        "NO DRIVER: nothing this host does is seen, and no rule on system calls can match\n  {why}\n  \
         `saker doctor` tries again and says the same"
    );
    Ok(Some(chosen))
}

/// What the first and last lines tell of the choice.
#[derive(Debug)]
struct Announced {
    summary: String,
    attached: bool,
    /// Why nothing is seen although something was to be.
    blind: bool,
}

impl Announced {
    fn new(chosen: &Chosen) -> Self {
        Self {
            summary: chosen.summary(),
            attached: chosen.kind.is_some(),
            blind: chosen.failed(),
        }
    }
}

/// Waits for a reason to stop.
fn wait(agent: &Agent, stop: &Receiver<Stop>) -> anyhow::Result<Stop> {
    let mut loss = LossWatch::default();
    loop {
        loss.look(agent);
        match stop.recv_timeout(WATCH_PERIOD) {
            Ok(reason) => return Ok(reason),
            Err(RecvTimeoutError::Timeout) if agent.alive() => {}
            Err(RecvTimeoutError::Timeout) => bail!("a worker thread has ended unexpectedly"),
            Err(RecvTimeoutError::Disconnected) => bail!("the control thread has ended"),
        }
    }
}

/// Says in the log that something was lost, at most once in [`LOSS_PERIOD`].
#[derive(Debug, Default)]
struct LossWatch {
    said: Option<Instant>,
    events: u64,
    alerts: u64,
}

impl LossWatch {
    fn look(&mut self, agent: &Agent) {
        if self.said.is_some_and(|said| said.elapsed() < LOSS_PERIOD) {
            return;
        }
        let (events, alerts) = (agent.dropped(), agent.queue_dropped());
        if events > self.events {
            let new = events - self.events;
            tracing::warn!(
                "{new} events were lost ({events} in all); saker_dropped_total and \
                 saker_ebpf_missed_total say why: against ring_full and shed raise \
                 ring_buffer_total_mib; calls missed by programs are explained in docs/metrics.md"
            );
            self.said = Some(Instant::now());
        }
        if alerts > self.alerts {
            let new = alerts - self.alerts;
            tracing::warn!(
                "{new} alerts were lost because their reader is slow ({alerts} in all); \
                 raise alert_queue_capacity"
            );
            self.said = Some(Instant::now());
        }
        (self.events, self.alerts) = (events, alerts);
    }
}

/// The first lines: what runs, what cannot be seen, how to see something. They are not log
/// messages: whoever starts the agent reads them whatever the log level.
fn announce(
    config: &Config,
    driver: &Announced,
    rules: &Rules,
    agent: &Agent,
    metrics: Option<&str>,
    started: Instant,
) {
    let facts = agent.facts();
    eprintln!("saker {}", env!("CARGO_PKG_VERSION"));
    eprintln!("driver: {}", driver.summary);
    if driver.attached {
        let (cpus, workers) = (facts.cpus, facts.workers);
        let kib = facts.ring_bytes / 1024;
        let rings = cpus * workers as usize;
        eprintln!("  {rings} rings of {kib} KiB, {workers} worker(s)");
    }
    announce_rules(rules);
    if driver.attached {
        let events = &facts.events;
        let (count, list) = (events.len(), events.join(" "));
        eprintln!("events: {count} types captured: {list}");
    }
    announce_uncaptured(rules);
    match metrics {
        Some(address) => eprintln!("metrics: {address}"),
        None => eprintln!("metrics: off (http.enabled: false)"),
    }
    let ms = started.elapsed().as_millis();
    let look = facts.first_look;
    if driver.attached {
        let (source, processes, fds) = (look.source.name(), look.processes, look.fds);
        let (completed, look_ms) = (look.completed, look.took.as_secs_f64() * 1e3);
        eprintln!(
            "first look: {processes} processes, {fds} descriptors in {look_ms:.1} ms; source: {source}, \
             completed from /proc: {completed}"
        );
        eprintln!("ready after {ms} ms, {processes} processes known");
        let form = if config.json_output { "JSON" } else { "text" };
        eprintln!(
            "alerts follow on standard output as {form}; to see one, run `cat /etc/shadow` \
             in another terminal"
        );
    } else {
        eprintln!("started after {ms} ms, NOT ready: without a driver nothing is seen");
    }
}

fn announce_uncaptured(rules: &Rules) {
    let spots = &rules.blind_spots;
    for (what, counts) in [
        ("not captured by this version", &spots.events),
        ("parameters that no event of theirs has", &spots.parameters),
    ] {
        let list: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        if !list.is_empty() {
            eprintln!(
                "  {what}, with the rules that name them: {}",
                list.join(", ")
            );
        }
    }
}

fn announce_rules(rules: &Rules) {
    let counts = rules.counts;
    let total = counts.active + counts.disabled + counts.skipped;
    eprintln!(
        "rules: {} of {total} active, {} disabled, {} skipped",
        counts.active, counts.disabled, counts.skipped
    );
    for rule in &rules.skipped {
        let (name, file, line) = (&rule.name, &rule.file, rule.line);
        eprintln!(
            "  skipped {name:?} ({file}:{line}): no field {}",
            rule.missing.join(", ")
        );
    }
    for name in &rules.blind_spots.rules {
        eprintln!("  silent {name:?}: none of its event types is captured by this version");
    }
    for warning in &rules.warnings {
        tracing::debug!("{warning}");
    }
    if !rules.warnings.is_empty() {
        eprintln!(
            "  {} warning(s): `saker check` shows them",
            rules.warnings.len()
        );
    }
}

/// The last lines.
fn report(finished: &Finished) {
    match &finished.summary {
        Some(summary) => eprintln!("{summary}"),
        None => eprintln!("the output did not take the last alerts in time; they are lost"),
    }
    let Finished {
        events,
        dropped,
        missed,
        unread,
        queue_dropped,
        ..
    } = finished;
    eprintln!("Events handled: {events}, dropped by the driver: {dropped}");
    if *missed > 0 {
        eprintln!("Of these, calls that the driver's programs were not run for: {missed}");
    }
    if *unread > 0 {
        eprintln!("Events left in the rings: {unread}");
    }
    if *queue_dropped > 0 {
        eprintln!("Alerts dropped because the queue was full: {queue_dropped}");
    }
}
