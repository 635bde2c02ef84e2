//! The workers' threads: start, pinning, loop, stop.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use core_affinity::CoreId;
use saker_abi::ring::{Counters, RingReader};

use crate::clock::{Clock, SystemClock};
use crate::ledger::SharedLedger;
use crate::sleep::{DEFAULT_MAX_SLEEP, Sleeper};
use crate::stats::WorkerStats;
use crate::wake::Wakers;
use crate::worker::{Handler, Turn, Worker};

/// Longest time a worker goes on after it was told to stop, to handle what is in its rings and what
/// waits for other workers.
pub const DRAIN_MAX_NS: u64 = 2_000_000_000;

/// How workers run.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Pin each worker to a CPU of its own, as far as there are enough.
    pub pin: bool,
    /// Nice value of the workers' threads, -20 to 19; `None` leaves it.
    pub nice: Option<i32>,
    /// Longest sleep of an idle worker.
    pub max_sleep: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            pin: true,
            nice: None,
            max_sleep: DEFAULT_MAX_SLEEP,
        }
    }
}

/// Why workers cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// A ring belongs to a partition that has no handler.
    #[error("ring of CPU {cpu} is of partition {partition}, and there are {handlers} handlers")]
    Partition {
        /// CPU of the ring.
        cpu: u32,
        /// Its partition.
        partition: u32,
        /// Handlers there are.
        handlers: usize,
    },
    /// No descriptors for the workers to wake each other.
    #[error("wake-ups between workers")]
    Wakers(#[source] io::Error),
    /// No thread or no descriptor.
    #[error("worker {partition}")]
    Start {
        /// Which worker.
        partition: u32,
        /// Why not.
        source: io::Error,
    },
}

/// A worker that has come to its end.
#[derive(Debug)]
pub struct Finished<H> {
    /// Its partition.
    pub partition: u32,
    /// Its handler; `None` when the thread itself panicked.
    pub handler: Option<H>,
    /// Its last counts.
    pub stats: Arc<WorkerStats>,
    /// Its gaps.
    pub ledger: SharedLedger,
}

/// Running workers. Dropping it asks them to stop and does not wait.
#[derive(Debug)]
pub struct Workers<H> {
    stop: Arc<AtomicBool>,
    wakers: Arc<Wakers>,
    threads: Vec<Running<H>>,
}

#[derive(Debug)]
struct Running<H> {
    partition: u32,
    stats: Arc<WorkerStats>,
    ledger: SharedLedger,
    thread: JoinHandle<H>,
}

/// Starts a worker for each handler; `handlers[p]` gets the records of partition `p`.
///
/// # Errors
/// When a ring belongs to no handler or a thread cannot be started; workers already running are
/// told to stop.
pub fn spawn_workers<H: Handler + 'static>(
    rings: Vec<RingReader>,
    counters: &Arc<Counters>,
    handlers: Vec<H>,
    options: &WorkerOptions,
) -> Result<Workers<H>, SpawnError> {
    let mut by_partition: BTreeMap<u32, Vec<RingReader>> = BTreeMap::new();
    for ring in rings {
        let (cpu, partition) = (ring.cpu(), ring.partition());
        if partition as usize >= handlers.len() {
            return Err(SpawnError::Partition {
                cpu,
                partition,
                handlers: handlers.len(),
            });
        }
        by_partition.entry(partition).or_default().push(ring);
    }
    let cores = if options.pin {
        core_affinity::get_core_ids().unwrap_or_default()
    } else {
        Vec::new()
    };
    let mut workers = Workers {
        stop: Arc::default(),
        wakers: Arc::new(Wakers::new(handlers.len()).map_err(SpawnError::Wakers)?),
        threads: Vec::new(),
    };
    for (partition, handler) in (0..).zip(handlers) {
        let rings = by_partition.remove(&partition).unwrap_or_default();
        let start = |source| SpawnError::Start { partition, source };
        let (counters, wakers) = (Arc::clone(counters), Arc::clone(&workers.wakers));
        let sleeper =
            Sleeper::new(partition, &rings, counters, wakers, options.max_sleep).map_err(start)?;
        let worker = Worker::new(partition, rings, handler, SystemClock);
        let (stats, ledger) = (Arc::clone(worker.stats()), worker.ledger().clone());
        let core = (!cores.is_empty()).then(|| cores[partition as usize % cores.len()]);
        let (nice, stop) = (options.nice, Arc::clone(&workers.stop));
        let thread = Builder::new()
            .name(format!("saker-worker/{partition}"))
            .spawn(move || {
                settle_in(partition, core, nice);
                run(worker, sleeper, &stop)
            })
            .map_err(start)?;
        workers.threads.push(Running {
            partition,
            stats,
            ledger,
            thread,
        });
    }
    Ok(workers)
}

impl<H> Workers<H> {
    /// Ends sleeps of workers; for handlers that wait for each other.
    pub fn wakers(&self) -> &Arc<Wakers> {
        &self.wakers
    }

    /// The workers' counts, by partition.
    pub fn stats(&self) -> Vec<Arc<WorkerStats>> {
        self.threads
            .iter()
            .map(|worker| Arc::clone(&worker.stats))
            .collect()
    }

    /// The workers' gaps, by partition.
    pub fn ledgers(&self) -> Vec<SharedLedger> {
        self.threads
            .iter()
            .map(|worker| worker.ledger.clone())
            .collect()
    }

    /// Whether all threads run.
    pub fn alive(&self) -> bool {
        self.threads
            .iter()
            .all(|worker| !worker.thread.is_finished())
    }

    /// Stops the workers: each handles what is stamped before it learns of it, within
    /// [`DRAIN_MAX_NS`]. Detach the driver first, else its rings fill on unread.
    pub fn stop(mut self) -> Vec<Finished<H>> {
        self.stop.store(true, Ordering::Release);
        let finish = |worker: Running<H>| Finished {
            partition: worker.partition,
            handler: worker.thread.join().ok(),
            stats: worker.stats,
            ledger: worker.ledger,
        };
        std::mem::take(&mut self.threads)
            .into_iter()
            .map(finish)
            .collect()
    }
}

impl<H> Drop for Workers<H> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Pins and renices the current thread. Neither is worth refusing to watch.
fn settle_in(partition: u32, core: Option<CoreId>, nice: Option<i32>) {
    if let Some(core) = core
        && !core_affinity::set_for_current(core)
    {
        tracing::warn!(partition, cpu = core.id, "worker not pinned");
    }
    if let Some(nice) = nice
        && let Err(error) = rustix::process::setpriority_process(None, nice)
    {
        tracing::warn!(partition, nice, %error, "worker keeps its priority");
    }
}

/// The loop of a worker's thread.
fn run<H: Handler, C: Clock>(
    mut worker: Worker<H, C>,
    mut sleeper: Sleeper,
    stop: &AtomicBool,
) -> H {
    while !stop.load(Ordering::Acquire) {
        let turn = worker.turn();
        let awaited = || worker.handler().awaited();
        let woken = match turn {
            Turn::More => continue,
            Turn::Worked => sleeper.after_work(worker.rings(), awaited),
            Turn::Idle => sleeper.idle(worker.rings(), awaited),
        };
        worker.count_sleep(woken);
    }
    let horizon_ns = worker.clock().boottime_ns();
    let end_ns = horizon_ns.saturating_add(DRAIN_MAX_NS);
    let behind =
        |worker: &Worker<H, C>| worker.watermark_ns() < horizon_ns || worker.handler().held();
    while behind(&worker) && worker.clock().boottime_ns() < end_ns {
        if worker.turn() != Turn::More && behind(&worker) {
            sleeper.after_work(worker.rings(), || worker.handler().awaited());
        }
    }
    worker.finish();
    worker.into_handler()
}
