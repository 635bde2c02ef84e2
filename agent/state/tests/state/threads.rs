//! Real workers on real threads see what one worker sees: the waits and the inboxes at work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::common::*;
use crate::partitions::{Queues, Seed, Seen, simulate, stream_with};
use saker_abi::raw::SAKER_CL_FILES;
use saker_abi::record::Record;
use saker_state::{Applied, Cell, Outcome, Partition, SharedState, State, StateConfig, Wake};

const WORKERS: u32 = 4;

/// The longest a read waits in the test of sleepers, and how long these sleep unless woken.
const PATIENCE_US: u64 = 2_000_000;
const OVERSLEPT: Duration = Duration::from_secs(5);

/// Later than any record of the test.
const END_NS: u64 = 1_000_000;

fn see(
    partition: &Partition,
    rec: &Record<'_>,
    applied: &Applied,
    seen: &mut BTreeMap<(u64, u32), Seen>,
) {
    let view = partition.view(rec, applied);
    let process = view.process().expect("all processes are known");
    let reader = view.lineage();
    let name = |cell: Arc<Cell>| text(&reader.image(&cell).comm);
    let event = Seen {
        comm: view.comm().map(text).unwrap_or_default(),
        cwd: text(&process.cwd),
        fd: view.fd().map(|fd| text(&fd.name)),
        ancestors: reader.ancestors(&process.cell).map(name).collect(),
    };
    seen.insert((rec.hdr().ts_ns, rec.hdr().tgid), event);
}

/// Workers' threads that sleep until they are woken, as those of the agent do.
#[derive(Debug, Default)]
struct Beds {
    sleeping: [AtomicBool; WORKERS as usize],
    threads: [OnceLock<Thread>; WORKERS as usize],
    asleep: AtomicU32,
    /// Wake-ups that ended a sleep.
    woken: AtomicU64,
}

impl Beds {
    /// Sleeps unless `worker` is awaited: longer than anybody waits for it. One stays awake.
    fn sleep(&self, worker: &Partition) {
        if self.asleep.fetch_add(1, Ordering::Relaxed) < WORKERS - 1 {
            self.sleep_now(worker);
        }
        self.asleep.fetch_sub(1, Ordering::Relaxed);
    }

    fn sleep_now(&self, worker: &Partition) {
        let flag = &self.sleeping[worker.index() as usize];
        flag.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let started = Instant::now();
        while flag.load(Ordering::Relaxed) && !worker.awaited() && started.elapsed() < OVERSLEPT {
            std::thread::park_timeout(OVERSLEPT);
        }
        flag.store(false, Ordering::Relaxed);
    }
}

impl Wake for Beds {
    fn wake(&self, partition: u32) {
        if self.sleeping[partition as usize].swap(false, Ordering::SeqCst)
            && let Some(thread) = self.threads[partition as usize].get()
        {
            self.woken.fetch_add(1, Ordering::Relaxed);
            thread.unpark();
        }
    }
}

/// A worker's life: apply, evaluate, settle; between rounds the inbox. Ends when all have ended.
fn work(mut worker: Partition, queue: &[&[u8]], beds: &Beds) -> BTreeMap<(u64, u32), Seen> {
    let me = worker.index();
    _ = beds.threads[me as usize].set(std::thread::current());
    let (mut seed, mut seen) = (Seed(u64::from(me)), BTreeMap::new());
    let mut rounds = queue.chunks(5);
    loop {
        worker.poll_inbox(0, |partition, rec, applied| {
            see(partition, rec, applied, &mut seen)
        });
        let mut done_ns = END_NS;
        if let Some(round) = rounds.next() {
            for bytes in round {
                let rec = Record::parse(bytes).expect("built by the builder");
                done_ns = rec.hdr().ts_ns - 1;
                let applied = worker.apply(&rec);
                if applied.outcome == Outcome::Evaluate {
                    see(&worker, &rec, &applied, &mut seen);
                    worker.settle(&rec);
                }
            }
        }
        worker.round_done(done_ns);
        assert_eq!(worker.shared().ancestor_waits().1, 0, "a read timed out");
        let progress = worker.shared().progress();
        if progress.min_done() >= END_NS {
            return seen;
        }
        match seed.below(4) {
            0 if progress.done(me) < END_NS => beds.sleep(&worker),
            // Who has finished keeps the others at work, as a timer would.
            0 => (0..WORKERS).for_each(|other| beds.wake(other)),
            1 => {}
            _ => std::thread::yield_now(),
        }
    }
}

/// Works `records` off on real threads, all of them awake at the beginning.
fn on_threads(records: &[(u32, Vec<u8>)], config: StateConfig) -> (Arc<SharedState>, Arc<Beds>) {
    let State {
        shared, partitions, ..
    } = State::new(config).expect("a power of two");
    let beds = Arc::new(Beds::default());
    shared.set_wake(Arc::clone(&beds) as Arc<dyn Wake>);
    let queues = Queues::split(records, WORKERS);
    let mut all = BTreeMap::new();
    std::thread::scope(|scope| {
        let spawn = |(worker, queue)| {
            let beds = &*beds;
            scope.spawn(move || work(worker, queue, beds))
        };
        let workers: Vec<_> = partitions
            .into_iter()
            .zip(queues.iter())
            .map(spawn)
            .collect();
        for worker in workers {
            all.append(&mut worker.join().expect("no panic"));
        }
    });
    assert_eq!(all, simulate(records, 1, 0));
    (shared, beds)
}

fn random_stream(seed: &mut Seed, len: usize) -> Vec<(u32, Vec<u8>)> {
    let mut byte = || seed.below(256) as u8;
    let choices: Vec<_> = (0..len).map(|_| (byte(), byte(), byte())).collect();
    // Tables that several processes share, too.
    stream_with(&choices, SAKER_CL_FILES)
}

/// A wait that ended early would show something else than one worker sees.
#[test]
fn threads_do_not_show() {
    let mut seed = Seed(7);
    for _ in 0..20 {
        let config = StateConfig {
            partitions: WORKERS,
            ancestor_wait_us: 60_000_000,
            ..Default::default()
        };
        let (shared, _) = on_threads(&random_stream(&mut seed, 400), config);
        assert_eq!(shared.ancestor_waits().1, 0);
    }
}

/// More threads than CPUs, and workers that go to sleep for longer than the others' patience: only
/// wake-ups keep the waits within their bound.
#[test]
fn sleepers_are_woken_on_a_busy_host() {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let over = AtomicBool::new(false);
    let mut woken = 0;
    std::thread::scope(|scope| {
        for _ in 0..2 * cpus {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = std::panic::catch_unwind(|| {
            let mut seed = Seed(11);
            let mut woken = 0;
            for _ in 0..5 {
                let config = StateConfig {
                    partitions: WORKERS,
                    ancestor_wait_us: PATIENCE_US,
                    ..Default::default()
                };
                let (shared, beds) = on_threads(&random_stream(&mut seed, 400), config);
                assert_eq!(shared.ancestor_waits().1, 0, "reads that timed out");
                woken += beds.woken.load(Ordering::Relaxed);
            }
            woken
        });
        over.store(true, Ordering::Relaxed);
        woken = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(woken > 0, "somebody was asleep when another needed it");
}

/// A worker that is gone sends nothing: births whose parents were its go on at once.
#[test]
fn nobody_waits_for_a_worker_that_is_gone() {
    let State { mut partitions, .. } = state(2);
    let owner = |pid| saker_abi::event::partition(pid, 2);
    let other = (11..).find(|&pid| owner(pid) != owner(10));
    let (parent, child) = (who(10, 10), who(other.expect("the hash spreads"), 30));
    let (_, birth) = fork(30, parent, child, "sh");
    drop(partitions.remove(owner(parent.pid) as usize));
    let worker = &mut partitions[0];
    let applied = worker.apply(&Record::parse(&birth).expect("a record"));
    assert_eq!(applied.outcome, Outcome::Parked);
    let mut seen = 0;
    worker.poll_inbox(31, |_, _, _| seen += 1);
    assert_eq!(seen, 1);
}

/// At the end nothing stays behind, and nobody waits for who has ended.
#[test]
fn the_end_lets_go_of_what_waits() {
    let State {
        shared,
        mut partitions,
        ..
    } = state(2);
    let owner = |pid| saker_abi::event::partition(pid, 2);
    let other = (11..).find(|&pid| owner(pid) != owner(10));
    let (parent, child) = (who(10, 10), who(other.expect("the hash spreads"), 30));
    let (_, birth) = fork(30, parent, child, "sh");
    let worker = &mut partitions[owner(child.pid) as usize];
    worker.apply(&Record::parse(&birth).expect("a record"));
    assert!(worker.is_held());
    let mut seen = 0;
    worker.end(|_, _, _| seen += 1);
    assert_eq!((seen, worker.is_held()), (1, false));
    assert_eq!(shared.progress().done(owner(child.pid)), u64::MAX);
}
