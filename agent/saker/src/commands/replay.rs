//! `saker replay`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, bail};
use saker_alerts::{Output, Stdout, Summary, queue};
use saker_capture::file::{CaptureError, Item, Source};
use saker_fields::{Clock, FieldSchema, HostInfo};
use saker_state::scan::{Told, from_records};
use saker_state::{State, StateConfig};

use crate::agent;
use crate::capture::{host_of, interfaces_of, names_of};
use crate::cli::ReplayArgs;
use crate::commands::selection::{print_format, switches};
use crate::config::{self, DriverChoice, Request};
use crate::first_look::adopt;
use crate::replay::Replay;
use crate::{logging, rules};

/// Evaluates rules on recorded files.
///
/// # Errors
/// Wrong rules, files that cannot be read, or not to their end.
pub(super) fn replay(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let (print, _) = print_format(args.selection.print.as_deref());
    let config = config::load(&Request {
        file: args.config.file,
        options: args.config.options,
        rules_files: args.rules,
        json: args.json,
        switches: switches(&args.selection),
        print,
        driver: Some(DriverChoice::None),
        hostname: None,
    })?;
    logging::start(config.log_level);
    let first = args.files[0].display().to_string();
    let mut source = Source::open(&args.files, args.salvage).with_context(|| first.clone())?;
    let schema = Arc::new(FieldSchema::with_static_fields(&config.static_fields));
    let rules = rules::compile_configured(&config, &schema)?;
    let mut state = State::new(StateConfig {
        partitions: args.workers,
        ..StateConfig::default()
    })?;
    // Questions are as good as asked, and nobody answers.
    drop(state.recovery);
    // Times are spelled for who reads them here.
    let host = HostInfo {
        clock: Clock::of_host(config.time_format_iso_8601),
        ..host_of(source.meta())
    };
    state.shared.users().set(names_of(source.meta()));
    state.shared.set_interfaces(interfaces_of(source.meta()));
    let told = tell(&mut source);
    announce(&first, &source, &told);
    adopt(told.processes, &mut state.partitions);

    let hostname = host.hostname.clone();
    let context = Arc::new(agent::context(&config, schema, &rules, host));
    let (sender, receiver) = queue(usize::try_from(config.alert_queue_capacity)?);
    let sender = sender.waiting();
    let closed = Arc::new(AtomicBool::new(false));
    let output = {
        let closed = Arc::clone(&closed);
        Output::spawn(
            receiver,
            agent::formatter(&config, hostname),
            vec![Box::new(
                Stdout::new().context("standard output is not usable")?,
            )],
            move |_| closed.store(true, Ordering::Relaxed),
        )?
    };
    let count = rules.set.rules().len();
    let (_, workers) = agent::handlers(state.partitions, &context, &sender, count);
    drop(sender);
    let mut replay = Replay::new(workers, state.shared);
    let started = Instant::now();
    let outcome = run(&mut replay, &mut source, &closed);
    let (events, seconds) = (replay.events(), started.elapsed().as_secs_f64());
    // The workers hold the queue's senders; without them the output comes to its end.
    drop(replay);
    let summary = output.wait();
    if closed.load(Ordering::Relaxed) {
        return Ok(ExitCode::SUCCESS);
    }
    report(&source, summary.as_ref(), events, seconds);
    let path = source.path().display();
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if args.salvage => {
            eprintln!("warning: {path}: {error}");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let hint = match error.is_local() {
                true => "\n  = hint: --salvage leaves out what is damaged and goes on behind it",
                false => "",
            };
            bail!("{path}: {error}{hint}")
        }
    }
}

fn run(replay: &mut Replay, source: &mut Source, closed: &AtomicBool) -> Result<(), CaptureError> {
    let outcome = loop {
        match source.next() {
            Ok(Some(Item::Record(rec))) => replay.record(&rec),
            Ok(Some(Item::Gap(_))) => replay.gap(),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        if closed.load(Ordering::Relaxed) {
            break Ok(());
        }
    };
    replay.end();
    outcome
}

/// What ran when the recording began.
fn tell(source: &mut Source) -> Told {
    let state = source.take_state();
    from_records(&state.tasks, &state.files, None)
}

fn announce(file: &str, source: &Source, told: &Told) {
    let meta = source.meta();
    eprintln!(
        "{file}: recorded on {} ({}, {}) by saker {}, {} events, {} partition(s)",
        meta.hostname,
        meta.kernel_release,
        meta.driver,
        meta.saker_version,
        meta.recorded.len(),
        meta.partitions,
    );
    if !source.is_same_table() {
        eprintln!("  its event table differs from this version's: events are read by their names");
    }
    let (processes, undecodable) = (told.processes.len(), told.undecodable);
    eprintln!("  {processes} processes ran before it began");
    if undecodable > 0 {
        eprintln!("  {undecodable} records of what ran before cannot be decoded");
    }
}

fn report(source: &Source, summary: Option<&Summary>, events: u64, seconds: f64) {
    if let Some(summary) = summary {
        eprintln!("{summary}");
    }
    let rate = events as f64 / seconds.max(1e-9);
    eprintln!("Events replayed: {events} in {seconds:.3} s, {rate:.0} a second");
    let counts = source.counts();
    let unknown: Vec<String> = counts
        .unknown
        .iter()
        .map(|(name, count)| format!("{name} ({count})"))
        .collect();
    if !unknown.is_empty() {
        eprintln!(
            "Records of events this version does not know: {}",
            unknown.join(", ")
        );
    }
    for (count, what) in [
        (counts.lost, "Records that the recording misses"),
        (counts.undecodable, "Records that cannot be decoded"),
        (counts.unordered, "Records that may be out of order"),
        (counts.damaged, "Damaged parts left out"),
    ] {
        if count > 0 {
            eprintln!("{what}: {count}");
        }
    }
}
