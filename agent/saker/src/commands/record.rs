//! `saker record`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use saker_abi::driver::{EventSet, LoadOptions};
use saker_abi::record::Record;
use saker_abi::{event, syscalls};
use saker_capture::recorder::Recorder;
use saker_capture::{Gap, Handler, Proven};
use saker_fields::{Clock, FieldSchema};
use saker_state::Users;

use crate::agent::start_workers;
use crate::background::host_info;
use crate::capture::{Finished, Limits, Recording, describe, share, with_driver};
use crate::cli::RecordArgs;
use crate::commands::run::{STOP_QUEUE, choose_driver};
use crate::config::{self, Request};
use crate::control::{Control, Stop};
use crate::host;
use crate::http::Pages;
use crate::lock::Lock;
use crate::losses::dropped;
use crate::mounts::mounts;
use crate::{logging, plan, rules};

/// Time between two looks at the workers' threads.
const WATCH_PERIOD: Duration = Duration::from_secs(1);

/// Records until stopped.
///
/// # Errors
/// What kept it from starting or the files from being written.
pub(super) fn record(args: RecordArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&Request {
        file: args.config.file.clone(),
        options: args.config.options.clone(),
        rules_files: args.rules.clone(),
        driver: args.driver,
        hostname: host::hostname_override(),
        ..Request::default()
    })?;
    logging::start(config.log_level);
    let limits = limits(&args)?;
    let plan = match events(&args)? {
        // Which rules will look at them nobody knows: with data.
        Some(events) => LoadOptions {
            snaplen_bytes: u32::try_from(config.snaplen_bytes)?,
            ..plan::for_events(&config, events)?
        },
        None => {
            let schema = Arc::new(FieldSchema::with_static_fields(&config.static_fields));
            let rules = rules::compile_configured(&config, &schema)
                .context("what the rules need cannot be told; give -r, --events or --all")?;
            plan::for_rules(&config, &rules, &schema)?
        }
    };
    let _lock = Lock::take(&config.lock_file)?;
    let (stop_sender, stop) = crossbeam_channel::bounded(STOP_QUEUE);
    let control = Control::start(None, Arc::new(Pages::default()), stop_sender.clone())?;
    let Some(mut chosen) = choose_driver(&config, &plan, &stop)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let Some(Proven { driver, rings, .. }) = chosen.driver.take() else {
        bail!("there is no driver to record with; `saker doctor` says why");
    };
    let users = Users::new("/".as_ref());
    users.refresh();
    let interfaces = host::first_interfaces();
    let host = host_info(
        &host::hostname(config.hostname.as_deref()),
        Clock::default(),
        Arc::new(mounts()),
        &interfaces,
    );
    let mut meta = describe(&plan, driver.kind(), &host, &interfaces, &users.names());
    meta.reason = "record".to_owned();
    let (kind, counters) = (driver.kind(), driver.counters());
    let driver = share(driver);
    let recording = Recording::start(&args.write, limits, meta, Arc::clone(&driver), stop_sender)?;
    let handlers = (0..plan.partitions as u16)
        .map(|stream| RecordWorker(Recorder::new(stream, recording.pool().clone())))
        .collect();
    let workers = start_workers(&config, &counters, rings, handlers)?;
    let (events, path) = (plan.events.iter().count(), args.write.display());
    eprintln!(
        "recording {events} event types to {path} ({}); Ctrl-C ends it",
        kind.name()
    );
    let end = args
        .duration
        .map(|s| Instant::now() + Duration::from_secs(s));
    let outcome = wait(&stop, end, || workers.alive());
    if let Some(driver) = with_driver(&driver, Option::take) {
        driver.detach();
    }
    drop(workers.stop());
    let finished = recording.finish()?;
    drop(control);
    report(&finished, dropped(&counters));
    outcome?;
    Ok(ExitCode::SUCCESS)
}

fn limits(args: &RecordArgs) -> anyhow::Result<Limits> {
    let limits = Limits {
        max_bytes: args.max_size_mib.map(|mib| mib << 20),
        keep_files: args.rotate_files.map(usize::try_from).transpose()?,
        interval: args.rotate_interval_s.map(Duration::from_secs),
    };
    if limits.keep_files.is_some() && limits.max_bytes.is_none() && limits.interval.is_none() {
        bail!(
            "--rotate-files needs to know when a file ends: add --max-size-mib or --rotate-interval-s"
        );
    }
    Ok(limits)
}

/// The events the command line names; `None`: those of the rules.
fn events(args: &RecordArgs) -> anyhow::Result<Option<EventSet>> {
    if args.all {
        return Ok(Some(EventSet::all()));
    }
    if args.events.is_empty() {
        return Ok(None);
    }
    let mut events = EventSet::state();
    for name in &args.events {
        let own = event::by_name(name).filter(|event| !event.is_internal() && !event.is_generic());
        match (own, syscalls::generic(name)) {
            (Some(event), _) => events.insert(event.id),
            (None, Some(call)) => events.insert_call(call),
            (None, None) => bail!("there is no event {name:?}; `saker list events` lists them"),
        }
    }
    Ok(Some(events))
}

fn wait(
    stop: &Receiver<Stop>,
    end: Option<Instant>,
    alive: impl Fn() -> bool,
) -> anyhow::Result<()> {
    loop {
        let left = end.map_or(WATCH_PERIOD, |end| {
            end.saturating_duration_since(Instant::now())
                .min(WATCH_PERIOD)
        });
        match stop.recv_timeout(left) {
            Ok(_) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => bail!("the control thread has ended"),
            Err(RecvTimeoutError::Timeout) if !alive() => {
                bail!("a worker thread has ended unexpectedly")
            }
            Err(RecvTimeoutError::Timeout) => {
                if end.is_some_and(|end| Instant::now() >= end) {
                    return Ok(());
                }
            }
        }
    }
}

fn report(finished: &Finished, dropped: u64) {
    let Finished {
        paths,
        bytes,
        totals,
        no_room,
    } = finished;
    let records = totals.records;
    let each = *bytes as f64 / records.max(1) as f64;
    for path in paths {
        eprintln!("{}", path.display());
    }
    eprintln!(
        "{records} records and {} of what ran before, {bytes} bytes: {each:.1} a record",
        totals.state_records
    );
    eprintln!("lost: {dropped} records dropped by the driver, {no_room} by a slow disk");
}

/// A worker that copies.
#[derive(Debug)]
struct RecordWorker(Recorder);

impl Handler for RecordWorker {
    fn record(&mut self, rec: &Record<'_>) {
        self.0.record(rec);
    }

    fn batch_end(&mut self, watermark_ns: u64) {
        self.0.batch_end(watermark_ns);
    }

    fn poll_inbox(&mut self, _now_ns: u64) -> bool {
        false
    }

    fn end(&mut self) {
        self.0.flush(u64::MAX);
    }

    fn gap(&mut self, gap: &Gap) {
        self.0.gap(gap);
    }
}
