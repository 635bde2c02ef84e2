//! The agent put together: rules, driver, state, workers, output.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use crossbeam_channel::Sender;
use saker_abi::driver::{Lack, LoadOptions};
use saker_abi::event::EVENTS;
use saker_abi::ring::{Counters, RingReader};
use saker_alerts::{
    AlertSender, FormatOptions, Formatter, JsonOptions, Output, QueueMonitor, Stdout, Summary,
    queue,
};
use saker_capture::{Driver, Handler, MissedCalls, Proven, WorkerOptions, Workers, spawn_workers};
use saker_engine::output::RenderOptions;
use saker_fields::{Clock, FieldSchema, HostInfo};
use saker_state::{Partition, SharedState, State, StateConfig};

use crate::background::{Background, host_info, publish_interfaces};
use crate::capture::{Host, RuleCaptures, SharedDriver, share, with_driver};
use crate::config::{Config, PathIdentity};
use crate::control::Stop;
use crate::dns::Resolver;
use crate::driver::Chosen;
use crate::first_look::{FirstLook, adopt_running};
use crate::host;
use crate::http::Pages;
use crate::losses::{dropped, missed, produced};
use crate::metrics::{self, DriverInfo, Sources, WorkerMetrics};
use crate::mounts::{MountWatch, mounts};
use crate::named_files::{FileWatch, NamedFiles};
use crate::rules::Rules;
use crate::worker::{Context, RealPaths, RuleWorker, WakeWorkers, labels};

/// A running agent. Dropping it detaches the driver and stops all threads.
#[derive(Debug)]
pub(crate) struct Agent {
    // Dropped in this order: nothing is produced any more before the readers stop.
    driver: Option<Attached>,
    workers: Option<Workers<RuleWorker>>,
    captures: Option<RuleCaptures>,
    _background: Background,
    _mounts: Option<MountWatch>,
    _files: Option<FileWatch>,
    _resolver: Option<Resolver>,
    output: Output,
    queue: QueueMonitor,
    facts: Facts,
}

/// The driver, and what can be read of it without asking it.
#[derive(Debug)]
struct Attached {
    driver: SharedDriver,
    counters: Arc<Counters>,
    missed: Option<Arc<dyn MissedCalls>>,
    lacks: Vec<Lack>,
}

/// What was set up, for the first lines of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// CPUs with rings.
    pub cpus: usize,
    /// Workers.
    pub workers: u32,
    /// Size of one ring.
    pub ring_bytes: usize,
    /// Names of the event types that leave the kernel.
    pub events: Vec<&'static str>,
    /// The look at what ran already.
    pub first_look: FirstLook,
}

/// Numbers of a finished run.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Alerts; absent when the output hung.
    pub summary: Option<Summary>,
    /// Events handled.
    pub events: u64,
    /// What the driver could not deliver, calls it missed included.
    pub dropped: u64,
    /// Calls the driver's programs were not run for.
    pub missed: u64,
    /// Records that were still in the rings when the time for draining was over.
    pub unread: u64,
    /// Alerts that found the queue full.
    pub queue_dropped: u64,
}

impl Agent {
    /// Starts everything. When this returns, events are evaluated.
    ///
    /// # Errors
    /// The first thing that could not be set up; nothing stays attached.
    pub(crate) fn start(
        config: &Config,
        mut chosen: Chosen,
        plan: LoadOptions,
        schema: Arc<FieldSchema>,
        rules: &Rules,
        pages: &Pages,
        stop: Sender<Stop>,
    ) -> anyhow::Result<Self> {
        let (mut driver, rings) = match chosen.driver.take() {
            Some(Proven { driver, rings, .. }) => (Some(driver), rings),
            None => (None, Vec::new()),
        };
        pages.health.set_driver(match chosen.kind {
            Some(kind) => Ok(kind.name()),
            None => Err(chosen.why_none()),
        });
        let mut state = State::new(StateConfig {
            partitions: plan.partitions,
            ..StateConfig::default()
        })?;
        state.shared.users().refresh();
        publish_interfaces(&state.shared, host::first_interfaces());
        let first_look = match &mut driver {
            Some(driver) => adopt_running(driver, &mut state.partitions),
            None => FirstLook::NONE,
        };
        pages.health.set_scanned();

        let host = host_info(
            &host::hostname(config.hostname.as_deref()),
            Clock::of_host(config.time_format_iso_8601),
            Arc::new(mounts()),
            &state.shared.interfaces(),
        );
        let hostname = host.hostname.clone();
        let context = Arc::new(context(config, schema, rules, host));
        // Before the workers take over what is known of the host.
        let files = match config.path_identity {
            PathIdentity::Any => Some(
                FileWatch::start(NamedFiles::of(&context.rules), &context)
                    .context("cannot look at the files that rules name")?,
            ),
            PathIdentity::Given => None,
        };
        let resolver = Resolver::start(&context)?;
        let (sender, receiver) = queue(usize::try_from(config.alert_queue_capacity)?);
        let monitor = receiver.monitor();
        let output = Output::spawn(
            receiver,
            formatter(config, hostname),
            vec![Box::new(
                Stdout::new().context("standard output is not usable")?,
            )],
            move |kind| _ = stop.try_send(Stop::OutputClosed(kind)),
        )?;
        let (worker_metrics, mut handlers) =
            handlers(state.partitions, &context, &sender, rules.set.rules().len());
        let (driver, kind) = (driver.map(Attached::new), chosen.kind);
        for lack in driver.iter().flat_map(|driver| &driver.lacks) {
            tracing::warn!("{lack}");
        }
        let mut captures = None;
        if let (Some(attached), Some(kind)) = (&driver, kind) {
            let host = Host {
                plan: plan.clone(),
                kind,
                driver: Arc::clone(&attached.driver),
                context: Arc::clone(&context),
                state: Arc::clone(&state.shared),
            };
            if let Some((thread, taps)) = RuleCaptures::start(&config.capture, host)? {
                let workers = handlers.iter_mut().zip(taps);
                workers.for_each(|(worker, tap)| worker.capture_with(tap));
                captures = Some(thread);
            }
        }
        let workers = match &driver {
            Some(driver) => Some(start_workers(config, &driver.counters, rings, handlers)?),
            None => None,
        };
        if let Some(workers) = &workers {
            let wakers = Arc::clone(workers.wakers());
            state.shared.set_wake(Arc::new(WakeWorkers(wakers)));
        }
        let mounts = match config.path_identity {
            PathIdentity::Any => Some(
                MountWatch::start(Arc::clone(&context))
                    .context("cannot watch the host's mounts")?,
            ),
            PathIdentity::Given => None,
        };
        let background = Background::start(state.recovery, Arc::clone(&state.shared), context)?;
        let facts = facts(&plan, first_look);
        let agent = Self {
            driver,
            workers,
            captures,
            _background: background,
            _mounts: mounts,
            _files: files,
            _resolver: resolver,
            output,
            queue: monitor,
            facts,
        };
        agent.publish(pages, &chosen, rules, worker_metrics, state.shared, plan)?;
        Ok(agent)
    }

    /// What was set up.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether every worker thread runs.
    pub(crate) fn alive(&self) -> bool {
        self.workers.as_ref().is_none_or(Workers::alive)
    }

    /// What the driver could not deliver so far: records, and calls that its programs missed.
    pub(crate) fn dropped(&self) -> u64 {
        self.driver.as_ref().map_or(0, |driver| {
            dropped(&driver.counters) + missed(driver.missed.as_deref())
        })
    }

    /// Alerts that found the queue full so far.
    pub(crate) fn queue_dropped(&self) -> u64 {
        saker_alerts::PRIORITIES
            .iter()
            .map(|&priority| self.queue.dropped(priority))
            .sum()
    }

    /// Detaches, handles what is in the rings, writes what is in the queue.
    pub(crate) fn stop(self) -> Finished {
        let Self {
            driver,
            workers,
            captures,
            output,
            queue,
            ..
        } = self;
        let counters = driver.as_ref().map(|driver| Arc::clone(&driver.counters));
        let calls = driver.as_ref().and_then(|driver| driver.missed.clone());
        if let Some(driver) = driver.and_then(|driver| with_driver(&driver.driver, Option::take)) {
            driver.detach();
        }
        let finished = workers.map(Workers::stop).unwrap_or_default();
        let (mut events, mut undecodable) = (0, 0);
        for worker in &finished {
            let stats = worker.stats.snapshot();
            events += stats.records_total();
            undecodable += stats.undecodable;
        }
        // The handlers hold the queue's senders; without them the output comes to its end.
        drop(finished);
        if let Some(captures) = captures {
            captures.finish();
        }
        // What was committed and not taken in the time for draining is lost, too.
        let unread = counters.as_ref().map_or(0, |counters| {
            produced(counters).saturating_sub(events + undecodable)
        });
        let missed = missed(calls.as_deref());
        let dropped = counters.map_or(0, |counters| dropped(&counters)) + missed;
        let summary = output.finish();
        let queue_dropped = saker_alerts::PRIORITIES
            .iter()
            .map(|&p| queue.dropped(p))
            .sum();
        Finished {
            summary,
            events,
            dropped,
            missed,
            unread,
            queue_dropped,
        }
    }

    fn publish(
        &self,
        pages: &Pages,
        chosen: &Chosen,
        rules: &Rules,
        workers: Vec<Arc<WorkerMetrics>>,
        state: Arc<SharedState>,
        plan: LoadOptions,
    ) -> anyhow::Result<()> {
        let capture = self
            .workers
            .as_ref()
            .map(Workers::stats)
            .unwrap_or_default();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let sources = Sources {
            driver: DriverInfo {
                driver: chosen.name(),
                reason: chosen.reason.label(),
                version: saker_abi::raw::SAKER_ABI_VERSION.to_string(),
            },
            rules: rules.counts,
            labels: labels(&rules.set),
            rings: self
                .driver
                .as_ref()
                .map(|driver| Arc::clone(&driver.counters)),
            missed: self
                .driver
                .as_ref()
                .and_then(|driver| driver.missed.clone()),
            lacks: self
                .driver
                .as_ref()
                .map(|driver| driver.lacks.iter().map(|lack| lack.feature).collect())
                .unwrap_or_default(),
            captures: self
                .captures
                .as_ref()
                .map(|captures| Arc::clone(captures.stats())),
            ring_bytes: plan.ring_bytes,
            cpus: plan.cpus,
            capture: capture.clone(),
            workers,
            queue: self.queue.clone(),
            state,
            first_look: self.facts.first_look,
            start_time_s: now.as_secs_f64(),
        };
        // The first registry stays: there is one agent for a process.
        let _ = pages.registry.set(metrics::registry(Arc::new(sources))?);
        if self.workers.is_some() {
            pages.health.set_workers(capture);
        }
        Ok(())
    }
}

impl Attached {
    fn new(driver: Driver) -> Self {
        Self {
            counters: driver.counters(),
            missed: driver.missed(),
            lacks: driver.lacks().to_vec(),
            driver: share(driver),
        }
    }
}

/// What workers evaluate with, on the host that `host` tells of.
pub(crate) fn context(
    config: &Config,
    schema: Arc<FieldSchema>,
    rules: &Rules,
    host: HostInfo,
) -> Context {
    Context {
        real_paths: (config.path_identity == PathIdentity::Any).then(|| RealPaths::new(&schema)),
        schema,
        rules: Arc::clone(&rules.set),
        labels: labels(&rules.set),
        matching: config.rule_matching,
        render: RenderOptions {
            // JSON escapes by itself.
            escape: !config.json_output,
            base64_bytes: config.buffer_format_base64,
        },
        with_fields: config.json_output && config.json_include_output_fields_property,
        absent_reasons: config.absent_reasons,
        profile: config.rules_profile,
        host: ArcSwap::from_pointee(host),
    }
}

/// How alerts are printed.
pub(crate) fn formatter(config: &Config, hostname: String) -> Formatter {
    let json = JsonOptions {
        output: config.json_include_output_property,
        message: config.json_include_message_property,
        output_fields: config.json_include_output_fields_property,
        tags: config.json_include_tags_property,
    };
    Formatter::new(FormatOptions {
        json: config.json_output.then_some(json),
        iso_8601: config.time_format_iso_8601,
        hostname,
    })
}

/// A worker for each partition, with what it publishes.
pub(crate) fn handlers(
    partitions: Vec<Partition>,
    context: &Arc<Context>,
    sender: &AlertSender,
    rules: usize,
) -> (Vec<Arc<WorkerMetrics>>, Vec<RuleWorker>) {
    let handler = |partition| {
        let metrics = Arc::new(WorkerMetrics::new(rules, context.profile));
        let (context, sender) = (Arc::clone(context), sender.clone());
        let worker = RuleWorker::new(partition, context, sender, Arc::clone(&metrics));
        (metrics, worker)
    };
    partitions.into_iter().map(handler).unzip()
}

/// Starts the workers' threads as configured.
///
/// # Errors
/// When one cannot be started.
pub(crate) fn start_workers<H: Handler + 'static>(
    config: &Config,
    counters: &Arc<Counters>,
    rings: Vec<RingReader>,
    handlers: Vec<H>,
) -> anyhow::Result<Workers<H>> {
    let nice = i32::try_from(config.worker_nice)?;
    let options = WorkerOptions {
        pin: config.pin_workers,
        nice: (nice != 0).then_some(nice),
        max_sleep: Duration::from_millis(u64::try_from(config.max_poll_interval_ms)?),
    };
    Ok(spawn_workers(rings, counters, handlers, &options)?)
}

fn facts(plan: &LoadOptions, first_look: FirstLook) -> Facts {
    let events = plan.events.iter().map(|id| &EVENTS[usize::from(id)]);
    let own = events.filter(|event| !event.is_generic());
    let calls = plan.events.calls().map(|call| call.name);
    Facts {
        cpus: plan.cpus.len(),
        workers: plan.partitions,
        ring_bytes: plan.ring_bytes,
        events: own.map(|event| event.name).chain(calls).collect(),
        first_look,
    }
}
