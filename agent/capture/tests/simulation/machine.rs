//! A machine with a clock, CPUs and threads, whose driver writes a record in separate steps.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saker_abi::event::partition;
use saker_abi::raw::{SAKER_EV_CLOSE, SAKER_P_CLOSE_fd};
use saker_abi::record::RecordBuilder;
use saker_abi::ring::{Reserved, RingProducer, RingReader, memory_ring};
use saker_capture::Clock;

use crate::{Plan, rng::Rng};

/// Deepest nesting of records on a CPU: task, soft interrupt, interrupt.
const NESTING: usize = 3;

/// Thread ids of interrupts begin here, `NESTING` of them a CPU.
const INTERRUPTS: u32 = 10_000;

/// Time that moves when told to.
#[derive(Clone)]
pub(crate) struct SimClock(Arc<AtomicU64>);

impl SimClock {
    pub(crate) fn advance(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn boottime_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A record that was committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) tid: u32,
    pub(crate) number: u64,
}

struct Ring {
    producer: RingProducer,
    seq: u32,
    lost_mask: u16,
    dropped: u64,
}

/// A record on its way.
struct InFlight {
    tid: u32,
    number: u64,
    partition: usize,
    /// Was discarded once: a string did not fit.
    retried: bool,
    stage: Stage,
}

/// The order of the drivers: room, time, and only then a number (driver-ebpf/bpf/emit.h).
enum Stage {
    Begun,
    Reserved(Reserved),
    Stamped(Reserved, u64),
    Numbered(Reserved),
}

/// One record in this many is discarded after it was stamped, and written anew.
const DISCARD_EVERY: u64 = 8;

struct Cpu {
    rings: Vec<Ring>,
    /// What runs, and below it what it interrupted.
    stack: Vec<InFlight>,
    stolen_until_ns: u64,
}

pub(crate) struct Machine {
    pub(crate) clock: SimClock,
    plan: Plan,
    cpus: Vec<Cpu>,
    /// Threads that are in the middle of a record.
    running: HashSet<u32>,
    written: Vec<Written>,
    next_number: u64,
    attempts: u64,
}

fn record(tid: u32, number: u64, ts_ns: u64, seq: u32, lost_mask: u16) -> Vec<u8> {
    RecordBuilder::new(SAKER_EV_CLOSE, ts_ns, tid, tid)
        .hdr(|hdr| (hdr.seq, hdr.lost_mask) = (seq, lost_mask))
        .num(SAKER_P_CLOSE_fd, number as i64)
        .build()
}

impl Machine {
    /// The machine, and the readers of its rings by partition.
    pub(crate) fn new(plan: Plan) -> (Self, Vec<Vec<RingReader>>) {
        let mut readers: Vec<Vec<RingReader>> = (0..plan.partitions).map(|_| vec![]).collect();
        let mut cpus = Vec::new();
        for cpu in 0..plan.cpus {
            let mut rings = Vec::new();
            for partition in 0..plan.partitions {
                let (producer, reader) = memory_ring(cpu, partition, plan.ring_bytes);
                readers[partition as usize].push(reader);
                rings.push(Ring {
                    producer,
                    seq: 0,
                    lost_mask: 0,
                    dropped: 0,
                });
            }
            cpus.push(Cpu {
                rings,
                stack: Vec::new(),
                stolen_until_ns: 0,
            });
        }
        let machine = Self {
            clock: SimClock(Arc::new(AtomicU64::new(1_000_000_000))),
            plan,
            cpus,
            running: HashSet::new(),
            written: Vec::new(),
            next_number: 0,
            attempts: 0,
        };
        (machine, readers)
    }

    /// One step of a random CPU, 10 to 500 ns later.
    pub(crate) fn step(&mut self, rng: &mut Rng) {
        self.clock.advance(10 + rng.below(490));
        let now_ns = self.clock.boottime_ns();
        let which = rng.below(self.cpus.len() as u64) as usize;
        if self.cpus[which].stolen_until_ns > now_ns {
            return;
        }
        let depth = self.cpus[which].stack.len();
        if depth == 0 {
            let tid = 1 + rng.below(u64::from(self.plan.threads)) as u32;
            if !self.running.contains(&tid) {
                self.begin(which, tid);
            }
        } else if depth < NESTING && rng.one_in(10) {
            self.begin(which, INTERRUPTS + (which * NESTING + depth) as u32);
        } else {
            self.go_on(which);
        }
        if rng.one_in(self.plan.stolen_every) {
            self.cpus[which].stolen_until_ns = now_ns + rng.below(5_000_000);
        }
    }

    /// Everything that was begun is completed.
    pub(crate) fn complete(&mut self) {
        for which in 0..self.cpus.len() {
            while !self.cpus[which].stack.is_empty() {
                self.clock.advance(100);
                self.go_on(which);
            }
        }
    }

    pub(crate) fn write_one_to_each_ring(&mut self) {
        for which in 0..self.cpus.len() {
            for part in 0..self.plan.partitions {
                let home = |tid: &u32| partition(*tid, self.plan.partitions) == part;
                let tid = (20_000..).find(home).expect("ids do not end");
                self.begin(which, tid);
                self.complete();
            }
        }
    }

    pub(crate) fn dropped(&self, cpu: u32, partition: u32) -> u64 {
        self.cpus[cpu as usize].rings[partition as usize].dropped
    }

    pub(crate) fn dropped_total(&self) -> u64 {
        self.cpus
            .iter()
            .flat_map(|cpu| &cpu.rings)
            .map(|ring| ring.dropped)
            .sum()
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts
    }

    pub(crate) fn written(&self) -> &[Written] {
        &self.written
    }

    fn begin(&mut self, which: usize, tid: u32) {
        let partition = partition(tid, self.plan.partitions) as usize;
        self.attempts += 1;
        self.next_number += 1;
        self.running.insert(tid);
        self.cpus[which].stack.push(InFlight {
            tid,
            number: self.next_number,
            partition,
            retried: false,
            stage: Stage::Begun,
        });
    }

    /// The innermost record makes its next step.
    fn go_on(&mut self, which: usize) {
        let cpu = &mut self.cpus[which];
        let Some(mut top) = cpu.stack.pop() else {
            return;
        };
        let ring = &mut cpu.rings[top.partition];
        top.stage = match top.stage {
            Stage::Begun => {
                let len = record(0, 0, 0, 0, 0).len();
                let Some(reserved) = ring.producer.reserve(len) else {
                    // A failed attempt takes a number, too.
                    ring.seq += 1;
                    ring.dropped += 1;
                    ring.lost_mask |= 1 << 3;
                    self.running.remove(&top.tid);
                    return;
                };
                Stage::Reserved(reserved)
            }
            Stage::Reserved(reserved) => Stage::Stamped(reserved, self.clock.boottime_ns()),
            Stage::Stamped(reserved, _)
                if !top.retried && top.number.is_multiple_of(DISCARD_EVERY) =>
            {
                ring.producer.discard(reserved);
                top.retried = true;
                Stage::Begun
            }
            Stage::Stamped(reserved, ts_ns) => {
                let seq = ring.seq;
                ring.seq += 1;
                let lost_mask = std::mem::take(&mut ring.lost_mask);
                let bytes = record(top.tid, top.number, ts_ns, seq, lost_mask);
                ring.producer.fill(&reserved, &bytes);
                Stage::Numbered(reserved)
            }
            Stage::Numbered(reserved) => {
                ring.producer.commit(reserved);
                self.written.push(Written {
                    tid: top.tid,
                    number: top.number,
                });
                self.running.remove(&top.tid);
                return;
            }
        };
        cpu.stack.push(top);
    }
}
