//! Reading every counter for one scrape.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Registry, TextEncoder};
use saker_abi::driver::Feature;
use saker_abi::event::{Class, DROP_CAUSES, EVENTS};
use saker_abi::ring::Counters;
use saker_alerts::{PRIORITIES, Priority, QueueMonitor, RuleLabel};
use saker_capture::{
    Clock, LATENCY_BOUNDS_NS, MissedCalls, StatsSnapshot, SystemClock, WorkerStats,
};
use saker_engine::profile::Cost;
use saker_state::SharedState;

use super::definitions::{self as def, Definition};
use super::families::Families;
use super::histogram::{Histogram, HistogramSnapshot};
use super::worker::{MAX_RULE_SERIES, WorkerMetrics, sum};
use crate::capture::CaptureStats;
use crate::first_look::FirstLook;
use crate::host;

/// State counters that go down as well as up.
const STATE_GAUGES: [&str; 5] = ["processes", "threads", "fds", "ended", "parked_groups"];

/// Label of the rules beyond [`MAX_RULE_SERIES`].
const OTHER_RULES: &str = "(other rules)";

/// The driver that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriverInfo {
    /// `ebpf`, `kmod` or `none`.
    pub driver: &'static str,
    /// Why this one: one of few.
    pub reason: &'static str,
    /// Version of the contract with it.
    pub version: String,
}

/// Rules by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RuleCounts {
    /// Evaluated.
    pub active: usize,
    /// Switched off.
    pub disabled: usize,
    /// Left out because a field is missing.
    pub skipped: usize,
}

/// Everything a scrape reads.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Driver.
    pub driver: DriverInfo,
    /// Rules.
    pub rules: RuleCounts,
    /// Rules as they appear in alerts, by number.
    pub labels: Vec<Arc<RuleLabel>>,
    /// The driver's counters; none without a driver.
    pub rings: Option<Arc<Counters>>,
    /// What the driver's programs and probes missed.
    pub missed: Option<Arc<dyn MissedCalls>>,
    /// What the driver was asked for and this host does not allow.
    pub lacks: Vec<Feature>,
    /// Size of one ring.
    pub ring_bytes: usize,
    /// CPUs with rings.
    pub cpus: Vec<u32>,
    /// What workers publish about reading rings.
    pub capture: Vec<Arc<WorkerStats>>,
    /// What workers publish about evaluating.
    pub workers: Vec<Arc<WorkerMetrics>>,
    /// The alert queue.
    pub queue: QueueMonitor,
    /// Captures of rules; none when no rule asks for them.
    pub captures: Option<Arc<CaptureStats>>,
    /// The state.
    pub state: Arc<SharedState>,
    /// The look at what ran already.
    pub first_look: FirstLook,
    /// Start of the agent, seconds since the epoch.
    pub start_time_s: f64,
}

/// A registry with everything in `sources`.
///
/// # Errors
/// When a definition is not one Prometheus accepts.
pub(crate) fn registry(sources: Arc<Sources>) -> anyhow::Result<Registry> {
    let descriptors = def::ALL
        .iter()
        .map(|d| {
            let labels = d.labels.iter().map(|&label| label.to_owned()).collect();
            Desc::new(d.name.to_owned(), d.help.to_owned(), labels, HashMap::new())
        })
        .collect::<Result<_, _>>()
        .context("a metric is not well defined")?;
    let registry = Registry::new();
    registry
        .register(Box::new(Scrape {
            sources,
            descriptors,
        }))
        .context("the metrics cannot be registered")?;
    Ok(registry)
}

/// The registry's metrics in the text format 0.0.4.
///
/// # Errors
/// When a family is not consistent.
pub(crate) fn encode(registry: &Registry) -> anyhow::Result<String> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(String::from_utf8(text)?)
}

struct Scrape {
    sources: Arc<Sources>,
    descriptors: Vec<Desc>,
}

impl Collector for Scrape {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptors.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Families::default();
        let snapshots: Vec<(String, StatsSnapshot)> = self
            .sources
            .capture
            .iter()
            .map(|stats| (stats.partition().to_string(), stats.snapshot()))
            .collect();
        self.agent(&mut families);
        self.rings(&mut families);
        self.missed(&mut families);
        self.ring_readers(&mut families, &snapshots);
        self.capture(&mut families, &snapshots);
        self.evaluation(&mut families);
        self.alerts(&mut families);
        self.rules(&mut families);
        self.captures(&mut families);
        self.state(&mut families);
        families.finish()
    }
}

impl Scrape {
    fn agent(&self, families: &mut Families) {
        let sources = &self.sources;
        families.value(
            &def::BUILD_INFO,
            &[("version", env!("CARGO_PKG_VERSION"))],
            1.0,
        );
        let DriverInfo {
            driver,
            reason,
            version,
        } = &sources.driver;
        let labels = [
            ("driver", *driver),
            ("reason", *reason),
            ("version", version),
        ];
        families.value(&def::DRIVER_INFO, &labels, 1.0);
        for feature in Feature::ALL {
            let lacks = sources.lacks.contains(&feature);
            let labels = [("feature", feature.name())];
            families.value(&def::DRIVER_LACKS, &labels, f64::from(u8::from(lacks)));
        }
        let RuleCounts {
            active,
            disabled,
            skipped,
        } = sources.rules;
        for (state, count) in [
            ("active", active),
            ("disabled", disabled),
            ("skipped", skipped),
        ] {
            families.value(&def::RULES, &[("state", state)], count as f64);
        }
        families.value(&def::START_TIME, &[], sources.start_time_s);
        if let Some(usage) = host::own_usage() {
            families.value(&def::RESIDENT, &[], usage.resident_bytes as f64);
            families.value(&def::CPU, &[], usage.cpu_seconds);
        }
    }

    /// What the driver counts, ring by ring.
    fn rings(&self, families: &mut Families) {
        families.value(&def::RING_SIZE, &[], self.sources.ring_bytes as f64);
        let Some(counters) = &self.sources.rings else {
            return;
        };
        let rings: Vec<_> = self
            .sources
            .cpus
            .iter()
            .flat_map(|&cpu| (0..counters.partitions()).map(move |partition| (cpu, partition)))
            .map(|(cpu, partition)| {
                let snapshot = counters.snapshot(cpu, partition);
                (cpu.to_string(), partition.to_string(), snapshot)
            })
            .collect();
        type Read = fn(&saker_abi::ring::RingCounters) -> u64;
        let each: [(&Definition, Read); 3] = [
            (&def::PRODUCED, |ring| ring.produced),
            (&def::RING_HIGH_WATER, |ring| ring.high_water_bytes),
            (&def::RING_WAKEUPS, |ring| ring.wakeups),
        ];
        for (definition, read) in each {
            for (cpu, partition, ring) in &rings {
                let labels = [("cpu", cpu.as_str()), ("partition", partition)];
                families.value(definition, &labels, read(ring) as f64);
            }
        }
        let mut total = 0;
        for (cpu, partition, ring) in &rings {
            total += ring.dropped_total();
            for (cause, by_class) in DROP_CAUSES.iter().zip(&ring.dropped) {
                for (class, &count) in Class::ALL.iter().zip(by_class).filter(|(_, n)| **n > 0) {
                    let labels = [
                        ("cpu", cpu.as_str()),
                        ("partition", partition),
                        ("class", class.name()),
                        ("cause", cause),
                    ];
                    families.value(&def::DROPPED, &labels, count as f64);
                }
            }
        }
        families.value(&def::DROPPED_ALL, &[], total as f64);
    }

    fn missed(&self, families: &mut Families) {
        let Some(missed) = &self.sources.missed else {
            return;
        };
        for (program, count) in missed.by_program() {
            families.value(&def::MISSED, &[("program", program)], count as f64);
        }
        for (probe, count) in missed.by_probe() {
            families.value(&def::KMOD_MISSED, &[("probe", probe)], count as f64);
        }
        if let Some(forgotten) = missed.forgotten_requests() {
            families.value(&def::FORGOTTEN, &[], forgotten as f64);
        }
    }

    /// What the readers count, ring by ring.
    fn ring_readers(&self, families: &mut Families, workers: &[(String, StatsSnapshot)]) {
        let mut each = |definition, read: fn(&saker_capture::stats::RingStats) -> u64| {
            for (partition, stats) in workers {
                for ring in &stats.rings {
                    let cpu = ring.cpu.to_string();
                    let labels = [("cpu", cpu.as_str()), ("partition", partition)];
                    families.value(definition, &labels, read(ring) as f64);
                }
            }
        };
        each(&def::LOST, |ring| ring.lost);
        each(&def::RING_CORRUPT, |ring| ring.corrupt);
    }

    fn capture(&self, families: &mut Families, workers: &[(String, StatsSnapshot)]) {
        for event in EVENTS.iter() {
            let count: u64 = workers
                .iter()
                .map(|(_, stats)| stats.records[usize::from(event.id)])
                .sum();
            families.value(&def::EVENTS, &[("type", event.name)], count as f64);
        }
        families.histogram(&def::KERNEL_TO_WORKER, &latency(workers));
        type Read = fn(&StatsSnapshot) -> u64;
        let each: [(&Definition, Read); 8] = [
            (&def::LATE, |s| s.late),
            (&def::UNDECODABLE, |s| s.undecodable),
            (&def::BUSY_STALLS, |s| s.busy_stalls),
            (&def::LEFT_BEHIND, |s| s.left_behind),
            (&def::PANICS, |s| s.panics),
            (&def::BATCHES, |s| s.batches),
            (&def::SLEEPS, |s| s.sleeps),
            (&def::WAKEUPS, |s| s.wakeups),
        ];
        for (definition, read) in each {
            for (worker, stats) in workers {
                families.value(definition, &[("worker", worker)], read(stats) as f64);
            }
        }
        let now_ns = SystemClock.boottime_ns();
        for (worker, stats) in workers {
            let lag_ns = now_ns.saturating_sub(stats.watermark_ns);
            families.value(&def::LAG, &[("worker", worker)], lag_ns as f64 / 1e9);
        }
    }

    fn evaluation(&self, families: &mut Families) {
        let workers = &self.sources.workers;
        let sum = Histogram::sum(workers.iter().map(|worker| &worker.evaluation));
        families.histogram(&def::EVALUATION, &sum);
        for (index, worker) in workers.iter().enumerate() {
            let index = index.to_string();
            let evaluated = worker.evaluated() as f64;
            families.value(&def::EVALUATED, &[("worker", &index)], evaluated);
        }
    }

    fn alerts(&self, families: &mut Families) {
        let sources = &self.sources;
        let count = |rule: usize| -> u64 {
            let workers = sources.workers.iter();
            workers.map(|worker| worker.alerts(rule)).sum()
        };
        let mut alerts = |rule: &str, priority: Priority, count: u64| {
            let labels = [("rule", rule), ("priority", priority.name())];
            families.value(&def::ALERTS, &labels, count as f64);
        };
        let own = sources.labels.len().min(MAX_RULE_SERIES);
        for (rule, label) in sources.labels[..own].iter().enumerate() {
            alerts(&label.name, label.priority, count(rule));
        }
        for priority in PRIORITIES {
            let others = own..sources.labels.len();
            let mut others = others.filter(|&rule| sources.labels[rule].priority == priority);
            if let Some(first) = others.next() {
                let rest: u64 = others.map(count).sum();
                alerts(OTHER_RULES, priority, count(first) + rest);
            }
        }
        let by_real_name: u64 = sources
            .workers
            .iter()
            .map(|worker| worker.by_real_name())
            .sum();
        families.value(&def::BY_REAL_NAME, &[], by_real_name as f64);
        let workers = sources.workers.iter();
        let bounds = workers.map(|worker| worker.bounds());
        let bounds =
            bounds.reduce(|sum, one| std::array::from_fn(|at| (sum[at].0, sum[at].1 + one[at].1)));
        for (bound, count) in bounds.unwrap_or_default() {
            families.value(&def::FIELDS_BOUNDED, &[("bound", bound)], count as f64);
        }
        for priority in PRIORITIES {
            let dropped = sources.queue.dropped(priority) as f64;
            families.value(
                &def::QUEUE_DROPPED,
                &[("priority", priority.name())],
                dropped,
            );
        }
        families.value(&def::QUEUE_LENGTH, &[], sources.queue.waiting() as f64);
        families.value(&def::QUEUE_CAPACITY, &[], sources.queue.capacity() as f64);
    }

    /// What the rules cost, if that is counted.
    fn rules(&self, families: &mut Families) {
        let sources = &self.sources;
        let names = sources.labels.iter().map(|label| label.name.as_str());
        let names = names.take(MAX_RULE_SERIES).chain([OTHER_RULES]);
        let costs: Vec<(&str, Cost)> = names
            .enumerate()
            .filter_map(|(rule, name)| {
                let of_workers = sources
                    .workers
                    .iter()
                    .filter_map(|worker| worker.cost(rule));
                let mut of_workers = of_workers.peekable();
                of_workers.peek()?;
                Some((name, sum(of_workers)))
            })
            .collect();
        type Read = fn(&Cost) -> f64;
        let each: [(&Definition, Read); 4] = [
            (&def::RULE_EVALUATIONS, |cost| cost.evaluations as f64),
            (&def::RULE_HITS, |cost| cost.hits as f64),
            (&def::RULE_TIMED, |cost| cost.sampled as f64),
            (&def::RULE_TIME, |cost| cost.sampled_ns as f64 / 1e9),
        ];
        for (definition, read) in each {
            for (rule, cost) in &costs {
                families.value(definition, &[("rule", rule)], read(cost));
            }
        }
    }

    /// Zero where no rule asks for captures.
    fn captures(&self, families: &mut Families) {
        let stats = self.sources.captures.as_deref();
        for (result, count) in stats.map_or(CaptureStats::NONE, CaptureStats::results) {
            families.value(&def::CAPTURES, &[("result", result)], count as f64);
        }
        let bytes = stats.map_or(0, CaptureStats::bytes);
        families.value(&def::CAPTURE_BYTES, &[], bytes as f64);
        let (copied, lost) = stats.map_or((0, 0), CaptureStats::records);
        for (result, count) in [("copied", copied), ("lost", lost)] {
            families.value(&def::CAPTURE_RECORDS, &[("result", result)], count as f64);
        }
    }

    fn state(&self, families: &mut Families) {
        let state = &self.sources.state;
        let mut sums: Vec<(&'static str, u64)> = Vec::new();
        for partition in 0..state.partitions() {
            for (n, (name, value)) in state.counters(partition).each().enumerate() {
                match sums.get_mut(n) {
                    Some((_, sum)) => *sum += value,
                    None => sums.push((name, value)),
                }
            }
        }
        let (gauges, counters): (Vec<_>, Vec<_>) = sums
            .into_iter()
            .partition(|(name, _)| STATE_GAUGES.contains(name));
        for (kind, value) in gauges {
            families.value(&def::STATE_ENTRIES, &[("kind", kind)], value as f64);
        }
        for (kind, entries) in [
            ("cgroups", state.cgroups()),
            ("containers", state.containers()),
            ("directory", state.directory().len()),
            ("addresses", state.interfaces().addresses().len()),
            ("addresses_left_out", state.interfaces().left_out()),
            ("users_left_out", state.users().names().left_out()),
        ] {
            families.value(&def::STATE_ENTRIES, &[("kind", kind)], entries as f64);
        }
        let look = &self.sources.first_look;
        families.value(
            &def::FIRST_LOOK,
            &[("source", look.source.name())],
            look.took.as_secs_f64(),
        );
        for (kind, value) in counters {
            families.value(&def::STATE_EVENTS, &[("kind", kind)], value as f64);
        }
        for (kind, value) in [
            ("cgroup_overflow", state.cgroups_forgotten()),
            ("container_user_overflow", state.container_users_left_out()),
            ("arguments_late", saker_state::scan::late_in_all()),
            ("container_users_late", saker_state::container_users_late()),
        ] {
            families.value(&def::STATE_EVENTS, &[("kind", kind)], value as f64);
        }
        let (done, timeout) = state.ancestor_waits();
        families.value(&def::ANCESTOR_WAITS, &[("result", "done")], done as f64);
        families.value(
            &def::ANCESTOR_WAITS,
            &[("result", "timeout")],
            timeout as f64,
        );
    }
}

fn latency(workers: &[(String, StatsSnapshot)]) -> HistogramSnapshot {
    let bucket = |n: usize| {
        workers
            .iter()
            .map(|(_, stats)| stats.latency[n])
            .sum::<u64>()
    };
    let mut running = 0;
    let cumulative = LATENCY_BOUNDS_NS
        .iter()
        .enumerate()
        .map(|(n, &bound)| {
            running += bucket(n);
            (bound, running)
        })
        .collect();
    let count = running + bucket(LATENCY_BOUNDS_NS.len());
    let sum_ns = workers.iter().map(|(_, stats)| stats.latency_sum_ns).sum();
    HistogramSnapshot {
        cumulative,
        count,
        sum_ns,
    }
}
