//! Real workers on real threads see what one worker sees: the waits and the inboxes at work.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::*;
use crate::partitions::{Queues, Seed, Seen, simulate, stream};
use saker_abi::record::Record;
use saker_state::{Applied, Cell, Outcome, Partition, State, StateConfig};

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

/// A worker's life: apply, evaluate, settle; between rounds the inbox. Ends when all have ended.
fn work(mut worker: Partition, queue: &[&[u8]]) -> BTreeMap<(u64, u32), Seen> {
    let mut seen = BTreeMap::new();
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
        if worker.shared().progress().min_done() >= END_NS {
            return seen;
        }
        std::thread::yield_now();
    }
}

#[test]
fn threads_do_not_show() {
    let mut seed = Seed(7);
    for _ in 0..20 {
        let byte = |seed: &mut Seed| seed.below(256) as u8;
        let choices: Vec<_> = (0..400)
            .map(|_| (byte(&mut seed), byte(&mut seed), byte(&mut seed)))
            .collect();
        let records = stream(&choices);
        // A wait that ended early would show something else than one worker sees.
        let config = StateConfig {
            partitions: 4,
            ancestor_wait_us: 60_000_000,
            ..Default::default()
        };
        let State {
            shared, partitions, ..
        } = State::new(config).expect("a power of two");
        let queues = Queues::split(&records, 4);
        let mut all = BTreeMap::new();
        std::thread::scope(|scope| {
            let spawn = |(worker, queue)| scope.spawn(move || work(worker, queue));
            let workers: Vec<_> = partitions
                .into_iter()
                .zip(queues.iter())
                .map(spawn)
                .collect();
            for worker in workers {
                all.append(&mut worker.join().expect("no panic"));
            }
        });
        assert_eq!(shared.ancestor_waits().1, 0);
        assert_eq!(all, simulate(&records, 1, 0));
    }
}
