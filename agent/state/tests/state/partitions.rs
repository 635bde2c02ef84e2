//! One partition and four see the same (DESIGN.md 3), whatever the workers' order of work.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::common::*;
use saker_abi::record::Record;
use saker_state::{Applied, Cell, Outcome, Partition, State};

/// What rules can see of one event, by the event's place in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) comm: String,
    pub(crate) cwd: String,
    pub(crate) fd: Option<String>,
    pub(crate) ancestors: Vec<String>,
}

/// An evaluated event whose ancestors are still to be read: they are read when every worker has
/// come so far, which is what the wait of a real worker amounts to.
struct Open {
    ts_ns: u64,
    tgid: u32,
    seen: Seen,
    cell: Arc<Cell>,
}

/// Events by time and process: both records of a fork have one timestamp.
#[derive(Default)]
struct Events {
    open: Vec<Open>,
    done: BTreeMap<(u64, u32), Seen>,
}

impl Events {
    fn look(&mut self, partition: &Partition, rec: &Record<'_>, applied: &Applied) {
        let view = partition.view(rec, applied);
        let process = view.process().expect("all processes are known");
        let seen = Seen {
            comm: view.comm().map(text).unwrap_or_default(),
            cwd: text(&process.cwd),
            fd: view.fd().map(|fd| text(&fd.name)),
            ancestors: Vec::new(),
        };
        let (ts_ns, tgid) = (rec.hdr().ts_ns, rec.hdr().tgid);
        self.open.push(Open {
            ts_ns,
            tgid,
            seen,
            cell: Arc::clone(&process.cell),
        });
        self.finish(partition);
    }

    /// Reads the ancestors of events for which all workers have come far enough.
    fn finish(&mut self, partition: &Partition) {
        let all_done = partition.shared().progress().min_done();
        self.open.retain(|event| {
            let waits = event.ts_ns - 1 > all_done;
            if !waits {
                let reader = partition.reader(event.ts_ns);
                let name = |cell: Arc<Cell>| text(&reader.image(&cell).comm);
                let ancestors = reader.ancestors(&event.cell).map(name).collect();
                let seen = Seen {
                    ancestors,
                    ..event.seen.clone()
                };
                self.done.insert((event.ts_ns, event.tgid), seen);
            }
            waits
        });
    }
}

/// A generated process.
#[derive(Debug, Clone)]
struct Live {
    who: Who,
    comm: String,
    /// Programs so far: more than a cell keeps are not told apart by a worker that lags.
    execs: usize,
}

/// Turns numbers into a stream of records that a kernel could have produced.
fn stream(choices: &[(u8, u8, u8)]) -> Vec<(u32, Vec<u8>)> {
    stream_with(choices, 0)
}

/// The same; every third child is made with these `SAKER_CL_*`.
pub(crate) fn stream_with(choices: &[(u8, u8, u8)], flags: u32) -> Vec<(u32, Vec<u8>)> {
    let init = Live {
        who: who(1, 1),
        comm: "init".into(),
        execs: 1,
    };
    let mut live = vec![init];
    let mut records = vec![(1, exec(1, who(1, 1), "init", "").build())];
    let mut next_pid = 10;
    for (i, &(kind, which, arg)) in choices.iter().enumerate() {
        let ts = 100 + 10 * i as u64;
        let index = usize::from(which) % live.len();
        let Live {
            who: me,
            comm,
            execs,
        } = live[index].clone();
        match kind % 6 {
            0 | 1 => {
                next_pid += 1 + u32::from(arg);
                let child = who(next_pid, ts);
                let flags = if arg % 3 == 0 { flags } else { 0 };
                let (parents, birth) = fork_with(ts, me, child, &comm, flags);
                records.extend([(me.pid, parents), (child.pid, birth)]);
                live.push(Live {
                    who: child,
                    comm,
                    execs: 1,
                });
            }
            2 if execs < saker_state::limits::MAX_VERSIONS => {
                let comm = format!("prog{arg}");
                records.push((me.pid, exec(ts, me, &comm, "x").build()));
                (live[index].comm, live[index].execs) = (comm, execs + 1);
            }
            3 => records.push((
                me.pid,
                openat(ts, me.pid, 3 + i32::from(arg % 4), -100, "f", 0),
            )),
            4 => records.push((me.pid, chdir(ts, me.pid, &format!("../d{arg}")))),
            _ if index > 0 => {
                records.push((me.pid, exit(ts, me.pid, 1)));
                live.remove(index);
            }
            _ => records.push((me.pid, close(ts, me.pid, 3 + i32::from(arg % 4)))),
        }
    }
    records
}

/// Records by partition.
pub(crate) struct Queues<'a>(Vec<Vec<&'a [u8]>>);

impl<'a> Queues<'a> {
    pub(crate) fn split(records: &'a [(u32, Vec<u8>)], partitions: u32) -> Self {
        let mut queues = vec![Vec::new(); partitions as usize];
        for (tgid, bytes) in records {
            let queue = saker_abi::event::partition(*tgid, partitions) as usize;
            queues[queue].push(bytes.as_slice());
        }
        Self(queues)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[&'a [u8]]> {
        self.0.iter().map(Vec::as_slice)
    }
}

/// A small generator of the scheduler's decisions.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % n
    }
}

/// Applies the stream with workers taking turns as `seed` says; sees every event.
pub(crate) fn simulate(
    records: &[(u32, Vec<u8>)],
    partitions: u32,
    seed: u64,
) -> BTreeMap<(u64, u32), Seen> {
    let State {
        partitions: mut workers,
        ..
    } = state(partitions);
    let Queues(queues) = Queues::split(records, partitions);
    let mut next = vec![0; workers.len()];
    let (mut seed, mut events) = (Seed(seed), Events::default());
    let busy = |next: &[usize], queues: &[Vec<&[u8]>]| {
        next.iter()
            .zip(queues)
            .any(|(&next, queue)| next < queue.len())
    };
    let parked = |workers: &[Partition]| workers.iter().any(|w| w.counters().parked_groups > 0);
    while busy(&next, &queues) || !events.open.is_empty() || parked(&workers) {
        let p = seed.below(workers.len());
        let worker = &mut workers[p];
        // The clock stands still: only the others' progress ends a wait here.
        worker.poll_inbox(0, |partition, rec, applied| {
            events.look(partition, rec, applied)
        });
        for _ in 0..seed.below(8) {
            let Some(bytes) = queues[p].get(next[p]) else {
                break;
            };
            next[p] += 1;
            let rec = Record::parse(bytes).expect("built by the builder");
            let applied = worker.apply(&rec);
            if applied.outcome == Outcome::Evaluate {
                events.look(worker, &rec, &applied);
                worker.settle(&rec);
            }
        }
        // Up to the next record, or past the last of all; not so far that cells are let go, which
        // a real worker with an unfinished event would hold up.
        let upto = queues[p].get(next[p]).map_or(1_000_000, |bytes| {
            Record::parse(bytes)
                .expect("built by the builder")
                .hdr()
                .ts_ns
                - 1
        });
        worker.round_done(upto);
        events.finish(worker);
    }
    for worker in &workers {
        let counters = worker.counters();
        assert_eq!((counters.park_timeouts, counters.park_overflow), (0, 0));
    }
    // Only init, whose own birth nobody has seen.
    assert_eq!(
        workers
            .iter()
            .map(|worker| worker.counters().placeholders)
            .sum::<u64>(),
        1
    );
    events.done
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn partitions_do_not_show(
        choices in prop::collection::vec(any::<(u8, u8, u8)>(), 1..120),
        seed in any::<u64>(),
    ) {
        let records = stream(&choices);
        let one = simulate(&records, 1, 0);
        prop_assert_eq!(one.len(), records.len());
        for partitions in [2, 4] {
            let many = simulate(&records, partitions, seed);
            for (key, seen) in &one {
                prop_assert_eq!(many.get(key), Some(seen), "event {:?} of {}", key, partitions);
            }
            prop_assert_eq!(one.len(), many.len());
        }
    }
}

/// Two processes in different partitions of two.
fn strangers() -> (Who, Who) {
    let owner = |pid| saker_abi::event::partition(pid, 2);
    let other = (11..)
        .find(|&pid| owner(pid) != owner(10))
        .expect("the hash spreads");
    (who(10, 10 << 20), who(other, 30))
}

#[test]
fn a_birth_without_its_snapshot_goes_on_after_the_timeout() {
    let mut world = state(2);
    let (parent, child) = strangers();
    let index = |who: Who| saker_abi::event::partition(who.pid, 2) as usize;
    run(
        &mut world.partitions[index(parent)],
        &exec(5, parent, "sh", "").build(),
    );
    let (_, birth) = fork(30, parent, child, "sh");
    let partition = &mut world.partitions[index(child)];
    let apply = |partition: &mut Partition, bytes: &[u8]| {
        partition
            .apply(&Record::parse(bytes).expect("a record"))
            .outcome
    };
    assert_eq!(apply(partition, &birth), Outcome::Parked);
    assert_eq!(
        apply(partition, &openat(31, child.pid, 3, -100, "f", 0)),
        Outcome::Parked
    );
    let mut seen = Vec::new();
    partition.poll_inbox(60_000_000, |_, rec, _| seen.push(rec.info().name));
    assert!(seen.is_empty());
    partition.poll_inbox(1_100_000_000, |_, rec, _| seen.push(rec.info().name));
    assert_eq!(seen, ["clone", "openat"]);
    assert_eq!(
        (
            partition.counters().park_timeouts,
            partition.counters().births_without_fork
        ),
        (1, 1)
    );
    let process = partition.process(child.pid).expect("made from its birth");
    assert_eq!(
        process.comm(child.pid),
        b"sh",
        "the parent's program can be read"
    );
    assert!(process.doubt.any());
    assert_eq!(process.cell.start_ns(), child.start_ns);
}

#[test]
fn a_group_that_waits_too_much_is_let_go() {
    let small = fill_parking(|ts, pid| close(ts, pid, 3));
    assert_eq!(small.len(), saker_state::limits::MAX_PARKED_RECORDS);
    let large = fill_parking(|ts, pid| openat(ts, pid, 3, -100, &"f".repeat(1000), 0));
    assert!(large.len() < small.len());
    assert!(large.iter().sum::<usize>() >= saker_state::limits::MAX_PARKED_BYTES);
}

/// Parks records of a child whose parent is not heard of until no more fits; all are evaluated then. Returns
/// their sizes, in the parking.
fn fill_parking(record: impl Fn(u64, u32) -> Vec<u8>) -> Vec<usize> {
    /// Of the length before each.
    const LEN: usize = 4;
    let mut world = state(2);
    let (parent, child) = strangers();
    let partition = &mut world.partitions[saker_abi::event::partition(child.pid, 2) as usize];
    let (_, birth) = fork(30, parent, child, "sh");
    partition.apply(&Record::parse(&birth).expect("a record"));
    let mut sizes = vec![birth.len() + LEN];
    loop {
        let bytes = record(30 + sizes.len() as u64, child.pid);
        sizes.push(bytes.len() + LEN);
        match partition
            .apply(&Record::parse(&bytes).expect("a record"))
            .outcome
        {
            Outcome::ParkedFull => break,
            outcome => assert_eq!(outcome, Outcome::Parked),
        }
    }
    let mut seen = 0;
    partition.poll_inbox(31, |_, _, _| seen += 1);
    assert_eq!(seen, sizes.len());
    assert_eq!(partition.counters().park_overflow, 1);
    sizes
}

#[test]
fn a_child_whose_birth_was_lost_is_known_all_the_same() {
    let mut world = state(2);
    let (parent, child) = strangers();
    let index = |who: Who| saker_abi::event::partition(who.pid, 2) as usize;
    run(
        &mut world.partitions[index(parent)],
        &exec(5, parent, "sh", "").build(),
    );
    let (parents, _) = fork(30, parent, child, "sh");
    run(&mut world.partitions[index(parent)], &parents);
    let partition = &mut world.partitions[index(child)];
    partition.poll_inbox(40, |_, _, _| ());
    assert!(
        partition.process(child.pid).is_none(),
        "its birth may still come"
    );
    partition.round_done(40);
    assert_eq!(
        partition.process(child.pid).map(|p| p.comm(0)),
        Some(&b"sh"[..])
    );
    assert_eq!(partition.counters().placeholders, 0);
}

#[test]
fn numbers_of_partitions() {
    for wrong in [0, 3, 16] {
        let config = saker_state::StateConfig {
            partitions: wrong,
            ..Default::default()
        };
        assert!(State::new(config).is_err());
    }
}
