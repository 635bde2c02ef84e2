//! What a worker does with a record: state, rules, alerts.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use saker_abi::event::Class;
use saker_abi::raw::SAKER_EV_CANARY;
use saker_abi::record::Record;
use saker_alerts::{Alert, AlertSender, RuleLabel};
use saker_capture::{Gap, Handler, Wakers};
use saker_engine::compiler::{ExtraOutput, RuleMeta, RuleSet};
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::names::holds_by_real_name;
use saker_engine::output::{OutputFormat, RenderOptions};
use saker_engine::schema::Schema as _;
use saker_engine::typeck::{Checker, Vocabulary};
use saker_fields::{Elsewhere, EventView, FieldSchema, HostInfo, Scratch};
use saker_state::{Applied, Names, Outcome, Partition, Wake};

use crate::capture::{Alerted, Tap, Triggers};
use crate::metrics::WorkerMetrics;

mod absent;
mod profile;
#[cfg(test)]
mod tests;

/// Doubtful processes looked up after a loss in one round, so that the queue to the recovery thread,
/// and with it unknown processes, never waits long.
const RECOVER_PER_ROUND: usize = 16;
/// The class whose loss leaves state wrong, as a bit of a gap's classes.
const LIFECYCLE: u16 = 1 << Class::Lifecycle as u16;
/// One event in this many is timed; a power of two.
const SAMPLE_EVERY: u64 = 64;
/// Time between two publications of what the rules have cost.
const COSTS_PERIOD_NS: u64 = 1_000_000_000;
/// First size of the buffer an alert's message is rendered into.
const MESSAGE_BYTES: usize = 512;

/// What an alert says of files that are really elsewhere.
const REAL_PATHS: [(Elsewhere, &str); 5] = [
    (Elsewhere::Descriptor, " realpath=%fd.realpath"),
    (Elsewhere::Path, " realpath=%fs.realpath.name"),
    (Elsewhere::Program, " realpath=%proc.realpath"),
    (Elsewhere::Source, " realpath=%fs.realpath.source"),
    (
        Elsewhere::Both,
        " realpath.source=%fs.realpath.source realpath.target=%fs.realpath.target",
    ),
];

/// The additions to alerts about files that are really elsewhere.
#[derive(Debug, Default)]
pub(crate) struct RealPaths(Vec<(Elsewhere, OutputFormat)>);

impl RealPaths {
    /// With the fields of `schema`.
    pub(crate) fn new(schema: &FieldSchema) -> Self {
        let vocabulary = Vocabulary::new(schema);
        let mut checker = Checker::new(&vocabulary);
        let lookup = |name: &str, arg: Option<&str>| schema.resolve(name, arg).map(|_| ());
        let formats = REAL_PATHS.into_iter().map(|(elsewhere, text)| {
            let format = OutputFormat::parse(text, &mut checker, &lookup);
            (elsewhere, format.unwrap_or_default())
        });
        Self(formats.collect())
    }

    /// That for `event`, unless its files are where they are said to be or `output` names the real ones itself.
    fn of(&self, event: &EventView<'_>, output: &OutputFormat) -> Option<&OutputFormat> {
        let elsewhere = event.is_elsewhere()?;
        let (_, format) = self.0.iter().find(|(of, _)| *of == elsewhere)?;
        let named = |name: &str| output.field_names().any(|field| field == name);
        (!format.field_names().all(named)).then_some(format)
    }
}

/// What all workers evaluate with; immutable but for what is swapped as a whole.
#[derive(Debug)]
pub(crate) struct Context {
    /// Fields and events.
    pub schema: Arc<FieldSchema>,
    /// Compiled rules.
    pub rules: Arc<RuleSet>,
    /// The rules as they appear in alerts, by index.
    pub labels: Vec<Arc<RuleLabel>>,
    /// One or all matching rules.
    pub matching: Matching,
    /// Appended to alerts about files that are really elsewhere; `None` where rules look at given names alone, whatever
    /// records tell.
    pub real_paths: Option<RealPaths>,
    /// How values are printed.
    pub render: RenderOptions,
    /// Whether anybody reads the fields of alerts.
    pub with_fields: bool,
    /// Whether alerts say why values are absent.
    pub absent_reasons: bool,
    /// Whether to count what rules cost.
    pub profile: bool,
    /// Facts about the host, renewed in the background.
    pub host: ArcSwap<HostInfo>,
}

/// One worker: a partition of the state and its own evaluator.
#[derive(Debug)]
pub(crate) struct RuleWorker {
    partition: Partition,
    evaluator: Evaluator,
    /// A loss made processes doubtful that were not asked for yet.
    recovering: bool,
    /// Copies records for captures, if a rule may ask for one.
    tap: Option<Tap>,
}

impl RuleWorker {
    /// A worker over `partition`.
    pub(crate) fn new(
        partition: Partition,
        context: Arc<Context>,
        alerts: AlertSender,
        metrics: Arc<WorkerMetrics>,
    ) -> Self {
        let names = Arc::clone(&partition.shared().users().names());
        let host = context.host.load_full();
        let mut matcher = Matcher::new(Arc::clone(&context.rules));
        if context.profile {
            matcher.start_profile(profile::clock);
        }
        let raised = vec![0; context.rules.rules().len()];
        let evaluator = Evaluator {
            matcher,
            scratch: Scratch::new(),
            context,
            alerts,
            metrics,
            names,
            host,
            triggers: None,
            events: 0,
            costs_published_ns: 0,
            raised,
        };
        Self {
            partition,
            evaluator,
            recovering: false,
            tap: None,
        }
    }
}

impl RuleWorker {
    /// Lets rules ask for captures.
    pub(crate) fn capture_with(&mut self, tap: Tap) {
        self.evaluator.triggers = Some(Arc::clone(tap.triggers()));
        self.tap = Some(tap);
    }

    /// Goes on counting events from `events`: those of a replay are numbered over all workers.
    pub(crate) fn count_from(&mut self, events: u64) {
        self.evaluator.events = events;
    }

    /// Number of the last event.
    pub(crate) fn events(&self) -> u64 {
        self.evaluator.events
    }

    /// As [`Partition::hand_over`].
    pub(crate) fn hand_over(&mut self, birth: &Record<'_>) {
        self.partition.hand_over(birth);
    }

    /// As [`Partition::take_in`].
    pub(crate) fn take_in(&mut self) {
        self.partition.take_in();
    }

    /// Notes that records are missing, where nobody can look them up.
    pub(crate) fn mark_loss(&mut self) {
        self.partition.mark_loss();
    }

    /// Takes messages of other workers; returns whether records that waited for them were evaluated.
    fn replay(&mut self, now_ns: u64) -> bool {
        let before = self.evaluator.events;
        let evaluator = &mut self.evaluator;
        self.partition
            .poll_inbox(now_ns, |partition, rec, applied| {
                evaluator.evaluate(partition, rec, applied);
            });
        self.evaluator.events != before
    }
}

impl Handler for RuleWorker {
    fn record(&mut self, rec: &Record<'_>) {
        // A canary has proven what it should by being there; nothing happened.
        if rec.event() == SAKER_EV_CANARY {
            return;
        }
        if let Some(tap) = &mut self.tap {
            tap.record(rec);
        }
        let applied = self.partition.apply(rec);
        match applied.outcome {
            Outcome::Evaluate => {
                self.evaluator.evaluate(&self.partition, rec, &applied);
                self.partition.settle(rec);
            }
            Outcome::Parked => {}
            // Nothing is read ahead of its time: the clock is at least as far as the record.
            Outcome::ParkedFull => _ = self.replay(rec.hdr().ts_ns),
        }
    }

    fn batch_end(&mut self, watermark_ns: u64) {
        if self.recovering {
            self.recovering = self.partition.recover_some(RECOVER_PER_ROUND) != 0;
        }
        self.partition.round_done(watermark_ns);
        if let Some(tap) = &mut self.tap {
            tap.batch_end(watermark_ns);
        }
        self.evaluator.publish(watermark_ns);
    }

    fn poll_inbox(&mut self, now_ns: u64) -> bool {
        self.evaluator.refresh(&self.partition);
        // Held, it looks again soon also when nobody wakes it: the fork record may be lost.
        self.replay(now_ns) || self.partition.is_held()
    }

    fn awaited(&self) -> bool {
        self.partition.awaited()
    }

    fn held(&self) -> bool {
        self.partition.is_held()
    }

    fn end(&mut self) {
        let evaluator = &mut self.evaluator;
        self.partition.end(|partition, rec, applied| {
            evaluator.evaluate(partition, rec, applied);
        });
        if let Some(tap) = &mut self.tap {
            tap.end();
        }
        evaluator.publish(u64::MAX);
        if let Some(report) = evaluator.profile_report() {
            tracing::info!("{report}");
        }
    }

    fn gap(&mut self, gap: &Gap) {
        self.partition.mark_loss();
        if let Some(tap) = &mut self.tap {
            tap.gap(gap);
        }
        // Without a fork, exec or change of credentials among the lost, descriptors heal by themselves.
        self.recovering |= gap.classes & LIFECYCLE != 0;
    }
}

/// The workers' threads, as the state knows them.
#[derive(Debug)]
pub(crate) struct WakeWorkers(pub Arc<Wakers>);

impl Wake for WakeWorkers {
    fn wake(&self, partition: u32) {
        self.0.wake(partition);
    }
}

/// Rules and what they need besides the state.
#[derive(Debug)]
struct Evaluator {
    matcher: Matcher,
    scratch: Scratch,
    context: Arc<Context>,
    alerts: AlertSender,
    metrics: Arc<WorkerMetrics>,
    names: Arc<Names>,
    host: Arc<HostInfo>,
    /// What begins captures, if a rule may ask for one.
    triggers: Option<Arc<Triggers>>,
    /// Events evaluated so far; `evt.num` of the last one.
    events: u64,
    /// When what the rules have cost was last published.
    costs_published_ns: u64,
    /// By rule: the last event that raised it.
    raised: Vec<u64>,
}

impl Evaluator {
    /// Takes over what was renewed in the background; once a round is often enough.
    fn refresh(&mut self, partition: &Partition) {
        let names = partition.shared().users().names();
        if !Arc::ptr_eq(&names, &self.names) {
            self.names = Arc::clone(&names);
        }
        let host = self.context.host.load();
        if !Arc::ptr_eq(&host, &self.host) {
            self.host = Arc::clone(&host);
        }
    }

    /// Publishes what was counted up to `now_ns`.
    fn publish(&mut self, now_ns: u64) {
        self.metrics.publish_evaluated(self.events);
        self.metrics.publish_bounds(&self.scratch);
        if let Some(profile) = self.matcher.profile()
            && now_ns.saturating_sub(self.costs_published_ns) >= COSTS_PERIOD_NS
        {
            self.metrics.publish_costs(&profile.rules);
            self.costs_published_ns = now_ns;
        }
    }

    /// What the rules have cost, if that was asked for.
    fn profile_report(&self) -> Option<String> {
        let context = &*self.context;
        let profile = self.matcher.profile()?;
        Some(profile::report(profile, &context.rules, &context.schema))
    }

    /// Evaluates the rules on a record that was applied. Allocates only when one matches.
    fn evaluate(&mut self, partition: &Partition, rec: &Record<'_>, applied: &Applied) {
        // State alone: what a call brought along.
        if rec.info().is_internal() {
            return;
        }
        self.events += 1;
        let started = self.events.is_multiple_of(SAMPLE_EVERY).then(Instant::now);
        self.scratch.reset();
        let context = &*self.context;
        let rec = partition.as_given(rec, applied);
        let event = EventView::new(
            rec,
            partition.view(&rec, applied),
            &self.names,
            &self.host,
            &context.schema,
            self.events,
            &self.scratch,
        );
        let mut raise = Raise {
            context,
            alerts: &self.alerts,
            metrics: &self.metrics,
            triggers: self.triggers.as_ref(),
            raised: &mut self.raised,
            num: self.events,
        };
        let matched = self.matcher.matches(&event, context.matching, &mut |rule| {
            raise.alert(rule, &event);
        });
        let all = matched == 0 || context.matching == Matching::All;
        if all && context.real_paths.is_some() {
            by_real_names(&mut self.matcher, &event, &mut raise);
        }
        if let Some(started) = started {
            let ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.metrics.evaluation.observe(ns);
        }
    }
}

/// Where the alerts of one event go.
struct Raise<'a> {
    context: &'a Context,
    alerts: &'a AlertSender,
    metrics: &'a WorkerMetrics,
    triggers: Option<&'a Arc<Triggers>>,
    raised: &'a mut [u64],
    num: u64,
}

impl Raise<'_> {
    fn alert(&mut self, rule: &RuleMeta, event: &EventView<'_>) {
        self.raised[rule.index] = self.num;
        self.metrics.count_alert(rule.index);
        self.alerts.send(alert(self.context, rule, event));
        if let Some(triggers) = self.triggers {
            triggers.alert(Alerted {
                rule: rule.index,
                ts_ns: event.record().hdr().ts_ns,
                epoch_ns: event.epoch_ns(),
                number: self.num,
            });
        }
    }
}

/// Evaluates the rules that were not raised yet by the other names of the event's files, if they have any.
fn by_real_names(matcher: &mut Matcher, event: &EventView<'_>, raise: &mut Raise<'_>) {
    let first = raise.context.matching == Matching::First;
    let names = event.real_names().into_iter().enumerate();
    for (number, names) in names.filter_map(|(number, names)| Some((number, names?))) {
        let real = event.called(number, names);
        let mut done = false;
        // All of them: the first may be one that the given name excludes.
        matcher.matches(&real, Matching::All, &mut |rule| {
            let raised = done || raise.raised[rule.index] == raise.num;
            if !raised && holds_by_real_name(&rule.condition, &real, event) {
                raise.metrics.count_by_real_name();
                raise.alert(rule, &real.shown());
                done = first;
            }
        });
        if done {
            return;
        }
    }
}

fn alert(context: &Context, rule: &RuleMeta, event: &EventView<'_>) -> Alert {
    let options = context.render;
    let mut message = String::with_capacity(MESSAGE_BYTES);
    rule.output.render(event, options, &mut message);
    let mut fields = Vec::new();
    if context.with_fields {
        fields = rule.output.fields(event, options);
        fields.extend(rule.extra.iter().map(|extra| match extra {
            ExtraOutput::Field(field) => (field.name.clone(), field.json(event, options)),
            ExtraOutput::Format { key, format } => {
                let mut text = String::new();
                format.render(event, options, &mut text);
                (key.clone(), text.into())
            }
        }));
        if context.absent_reasons {
            absent::add_reasons(&mut fields, event, &context.schema);
        }
    }
    let real_paths = context.real_paths.as_ref();
    if let Some(real_paths) = real_paths.and_then(|paths| paths.of(event, &rule.output)) {
        real_paths.render(event, options, &mut message);
        if context.with_fields {
            fields.extend(real_paths.fields(event, options));
        }
    }
    Alert {
        rule: Arc::clone(&context.labels[rule.index]),
        time_ns: event.epoch_ns(),
        message,
        fields,
    }
}

/// The rules of a set as they appear in alerts.
pub(crate) fn labels(rules: &RuleSet) -> Vec<Arc<RuleLabel>> {
    let label = |rule: &RuleMeta| {
        Arc::new(RuleLabel {
            name: rule.name.clone(),
            priority: rule.priority,
            source: rule.source.clone(),
            tags: rule.tags.iter().cloned().collect(),
        })
    };
    rules.rules().iter().map(label).collect()
}
