//! Seeded simulation: CPUs that write as drivers do, interrupted and stolen at every step, and
//! workers that merge what they wrote. A plan that fails becomes a test here.

mod machine;
mod rng;

use std::collections::HashMap;

use machine::{Machine, Written};
use proptest::prelude::*;
use rng::Rng;
use saker_abi::raw::{SAKER_EV_CLOSE, SAKER_P_CLOSE_fd};
use saker_abi::record::Record;
use saker_capture::{Clock, Gap, Merge, Sink};

/// What a run looks like.
#[derive(Debug, Clone, Copy)]
struct Plan {
    seed: u64,
    cpus: u32,
    partitions: u32,
    threads: u32,
    ring_bytes: usize,
    /// One scheduler step in so many is a worker's.
    worker_every: u64,
    /// One CPU step in so many is followed by the loss of the CPU for up to 5 ms; 0 for never.
    stolen_every: u64,
    steps: u32,
}

/// Checks what a merge delivers while it is delivered.
#[derive(Default)]
struct Checker {
    delivered: Vec<(u32, u64)>,
    /// Key of the last record by ring, and the largest delivered.
    ring_keys: HashMap<usize, u64>,
    max_key: u64,
    watermark_ns: u64,
    /// Last number by thread, over records that were not late.
    in_order: HashMap<u32, u64>,
    late: u64,
    lost: HashMap<usize, u64>,
}

impl Sink for Checker {
    fn record(&mut self, ring: usize, record: &Record<'_>, late: bool) {
        assert_eq!(record.event(), SAKER_EV_CLOSE);
        let (tid, number) = (record.hdr().tid, record.u64(SAKER_P_CLOSE_fd));
        self.delivered.push((tid, number));
        let ring_key = self.ring_keys.entry(ring).or_default();
        let key = record.hdr().ts_ns.max(*ring_key);
        *ring_key = key;
        let overdue = key < self.max_key || key <= self.watermark_ns;
        assert_eq!(late, overdue, "{key}, delivered {}", self.max_key);
        self.max_key = self.max_key.max(key);
        self.late += u64::from(late);
        if !late {
            let before = self.in_order.insert(tid, number);
            assert!(
                before.is_none_or(|before| before < number),
                "thread {tid} out of order"
            );
        }
    }

    fn gap(&mut self, ring: usize, gap: &Gap) {
        assert!(gap.records > 0 && gap.from_ns <= gap.until_ns.max(gap.from_ns));
        *self.lost.entry(ring).or_default() += gap.records;
    }
}

/// Result of a run, for tests about one kind of run.
struct Outcome {
    delivered: usize,
    late: u64,
    dropped: u64,
    left_behind: u64,
}

fn run(plan: Plan) -> Outcome {
    let mut rng = Rng::new(plan.seed);
    let (mut machine, readers) = Machine::new(plan);
    let mut workers: Vec<(Merge, Checker)> = readers
        .into_iter()
        .map(|rings| (Merge::new(rings), Checker::default()))
        .collect();
    for _ in 0..plan.steps {
        if rng.one_in(plan.worker_every) {
            let which = rng.below(workers.len() as u64) as usize;
            round(&machine, &mut workers[which]);
        } else {
            machine.step(&mut rng);
        }
    }
    machine.complete();
    settle(&machine, &mut workers);
    // The last losses of a ring show in the number of the next record.
    machine.write_one_to_each_ring();
    settle(&machine, &mut workers);
    check(&machine, &mut workers)
}

fn round(machine: &Machine, (merge, checker): &mut (Merge, Checker)) -> u32 {
    let round = merge.round(&machine.clock, checker);
    assert!(
        round.watermark_ns >= checker.watermark_ns,
        "watermarks do not go back"
    );
    assert!(round.watermark_ns < round.now_ns);
    checker.watermark_ns = round.watermark_ns;
    round.records
}

/// Lets time pass until the workers have nothing more to do.
fn settle(machine: &Machine, workers: &mut [(Merge, Checker)]) {
    machine.clock.advance(10_000_000);
    let horizon_ns = machine.clock.boottime_ns();
    for worker in workers {
        machine.clock.advance(10_000);
        while worker.0.watermark_ns() < horizon_ns {
            round(machine, worker);
        }
    }
}

fn check(machine: &Machine, workers: &mut [(Merge, Checker)]) -> Outcome {
    let mut delivered: Vec<(u32, u64)> = Vec::new();
    let (mut late, mut left_behind) = (0, 0);
    for (partition, (merge, checker)) in workers.iter_mut().enumerate() {
        merge.finish(checker);
        let faults = merge.faults();
        assert_eq!((faults.late, faults.undecodable), (checker.late, 0));
        for (cpu, ring) in merge.rings().iter().enumerate() {
            assert_eq!((ring.corrupt(), ring.waiting_bytes()), (0, 0));
            let lost = checker.lost.get(&cpu).copied().unwrap_or(0) - merge.recovered(cpu);
            let dropped = machine.dropped(cpu as u32, partition as u32);
            assert_eq!(lost, dropped, "loss of CPU {cpu}, partition {partition}");
        }
        delivered.append(&mut checker.delivered);
        late += faults.late;
        left_behind += faults.left_behind;
    }
    delivered.sort_unstable();
    let mut committed: Vec<(u32, u64)> = machine
        .written()
        .iter()
        .map(|&Written { tid, number }| (tid, number))
        .collect();
    committed.sort_unstable();
    assert_eq!(delivered, committed, "every committed record once");
    let dropped = machine.dropped_total();
    assert_eq!(machine.attempts(), delivered.len() as u64 + dropped);
    Outcome {
        delivered: delivered.len(),
        late,
        dropped,
        left_behind,
    }
}

const QUIET: Plan = Plan {
    seed: 1,
    cpus: 4,
    partitions: 2,
    threads: 12,
    ring_bytes: 1 << 16,
    worker_every: 20,
    stolen_every: 0,
    steps: 20_000,
};

#[test]
fn without_stolen_time_nothing_is_late_or_lost() {
    for seed in 0..20 {
        let outcome = run(Plan { seed, ..QUIET });
        assert!(outcome.delivered > 1000);
        assert_eq!(
            (outcome.late, outcome.dropped, outcome.left_behind),
            (0, 0, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn slow_workers_lose_records_and_account_for_them() {
    let outcome = run(Plan {
        ring_bytes: 4096,
        worker_every: 2000,
        ..QUIET
    });
    assert!(outcome.dropped > 100, "{}", outcome.dropped);
}

#[test]
fn stolen_cpus_are_left_behind_and_their_records_are_late() {
    let outcomes: Vec<Outcome> = (0..10)
        .map(|seed| {
            run(Plan {
                seed,
                stolen_every: 50,
                ..QUIET
            })
        })
        .collect();
    assert!(
        outcomes
            .iter()
            .any(|outcome| outcome.left_behind > 0 && outcome.late > 0)
    );
}

proptest! {

    #[test]
    fn any_interleaving(
        seed: u64,
        cpus in 1u32..7,
        log2_partitions in 0u32..3,
        threads in 1u32..20,
        log2_ring in 12u32..15,
        worker_every in 2u64..500,
        stolen_every in prop_oneof![Just(0u64), 20u64..2000],
        steps in 100u32..4000,
    ) {
        run(Plan {
            seed,
            cpus,
            partitions: 1 << log2_partitions,
            threads,
            ring_bytes: 1 << log2_ring,
            worker_every,
            stolen_every,
            steps,
        });
    }
}
