//! What one ordinary open costs a worker under the default rules, in nanoseconds.
//!
//! `cargo run --release -p saker-fields --example match_cost [DIRECTORY OF RULES]`
//!
//! Other work on the machine only ever adds to a batch, so the fastest of many batches counts. The
//! file names differ in length and ending, the processes in name, so that no branch is learnt by
//! heart.

#[path = "../tests/fields/world.rs"]
#[allow(
    dead_code,
    reason = "records by hand are shared with the tests, most are not needed here"
)]
mod world;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use saker_abi::record::Record;
use saker_engine::compiler::{RuleSet, Selection, compile};
use saker_engine::loader::{Loader, LoaderOptions};
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::schema::EventType;
use saker_fields::{EventView, FieldSchema, HostInfo, Scratch};
use saker_state::{Names, State, StateConfig};

use world::{exec, fork, openat};

/// Events per batch; short, so that some batches run without interruption.
const BATCH: usize = 256;
/// Batches per measurement.
const BATCHES: usize = 4_000;

/// What is opened; `O_RDONLY` unless stated.
const OPENS: [(&str, i64); 8] = [
    ("/etc/hostname", 0),
    ("/etc/ld.so.cache", 0),
    ("/usr/lib/x86_64-linux-gnu/libc.so.6", 0),
    ("/srv/www/index.html", 0),
    ("/proc/meminfo", 0),
    ("/srv/build/target/debug/deps/libserde.rlib", 0),
    ("/home/user/notes.txt", 0),
    ("/srv/log/access", 0o1),
];

fn rules(directory: &Path, schema: &FieldSchema) -> Arc<RuleSet> {
    let entries = std::fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    let mut loader = Loader::new(LoaderOptions::default());
    for path in &files {
        let bytes = std::fs::read(path).expect("a rules file");
        loader.add_file(&path.to_string_lossy(), &bytes);
    }
    let outcome = loader.finish(schema);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    Arc::new(compile(&outcome, schema, &Selection::default()).expect("nothing appended"))
}

/// A worker without rings and outputs.
struct Bench {
    state: State,
    schema: FieldSchema,
    names: Names,
    host: HostInfo,
    scratch: Scratch,
    matcher: Matcher,
    num: u64,
}

impl Bench {
    /// `/usr/sbin/init` has forked a service, and that a worker called `server`.
    fn new(directory: &Path) -> Self {
        let schema = FieldSchema::new();
        let rules = rules(directory, &schema);
        let mut bench = Self {
            state: State::new(StateConfig::default()).expect("one partition"),
            schema,
            names: Names::parse("root:x:0:0:root:/root:/bin/bash\n", "root:x:0:\n"),
            host: HostInfo::default(),
            scratch: Scratch::new(),
            matcher: Matcher::new(rules),
            num: 0,
        };
        let cast = [
            exec(1, 0, 100, "init", &[]),
            fork(1, 20, 1_000),
            exec(20, 1, 2_000, "service", &["--daemon"]),
            fork(20, 30, 3_000),
            exec(30, 20, 4_000, "server", &["--port", "80"]),
        ];
        for record in cast {
            bench.whole(&record.build());
        }
        bench
    }

    /// Applies, matches, settles; the number of rules that matched.
    fn whole(&mut self, bytes: &[u8]) -> usize {
        let record = Record::parse(bytes).expect("a record");
        let partition = &mut self.state.partitions[0];
        let applied = partition.apply(&record);
        self.num += 1;
        self.scratch.reset();
        let event = EventView::new(
            record,
            partition.view(&record, &applied),
            &self.names,
            &self.host,
            &self.schema,
            self.num,
            &self.scratch,
        );
        let matched = self.matcher.matches(&event, Matching::First, &mut |_| {});
        partition.settle(&record);
        matched
    }

    /// Nanoseconds of matching per event of the fastest batch, the record being applied once.
    fn matching_ns(&mut self, bytes: &[u8]) -> f64 {
        let record = Record::parse(bytes).expect("a record");
        let applied = self.state.partitions[0].apply(&record);
        let mut fastest = f64::INFINITY;
        for _ in 0..BATCHES {
            let started = Instant::now();
            for _ in 0..BATCH {
                self.num += 1;
                self.scratch.reset();
                let event = EventView::new(
                    record,
                    self.state.partitions[0].view(&record, &applied),
                    &self.names,
                    &self.host,
                    &self.schema,
                    self.num,
                    &self.scratch,
                );
                let matched = self
                    .matcher
                    .matches(black_box(&event), Matching::First, &mut |_| {});
                assert_eq!(matched, 0, "an ordinary open");
            }
            fastest = fastest.min(started.elapsed().as_nanos() as f64 / BATCH as f64);
        }
        self.state.partitions[0].settle(&record);
        fastest
    }

    /// Nanoseconds per event of the fastest batch, `step` being run for one of `records` in turn.
    fn fastest_ns(&mut self, records: &[Vec<u8>], step: fn(&mut Self, &[u8])) -> f64 {
        let mut fastest = f64::INFINITY;
        for _ in 0..BATCHES {
            let started = Instant::now();
            for bytes in records.iter().cycle().take(BATCH) {
                step(self, black_box(bytes));
            }
            fastest = fastest.min(started.elapsed().as_nanos() as f64 / BATCH as f64);
        }
        fastest
    }

    /// Applies and settles, no rules.
    fn state_only(&mut self, bytes: &[u8]) {
        let record = Record::parse(bytes).expect("a record");
        let partition = &mut self.state.partitions[0];
        black_box(partition.apply(&record));
        partition.settle(&record);
    }
}

fn main() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
    let directory = std::env::args_os()
        .nth(1)
        .map_or(default.into(), PathBuf::from);
    let mut bench = Bench::new(&directory);
    let records = OPENS.map(|(name, flags)| openat(5_000, 30, 3, name, flags).build());
    let event = Record::parse(&records[0]).expect("a record").hdr().event;
    let tried = bench.matcher.rules().rules_for(EventType(event)).count();
    let all = bench.matcher.rules().rules().len();
    println!("{tried} of {all} rules concern this event");
    for (record, (name, flags)) in records.iter().zip(OPENS) {
        let ns = bench.matching_ns(record);
        println!("{ns:6.0} ns match only: {name} (flags {flags:#o})");
    }
    let ns = bench.fastest_ns(&records, |bench, bytes| {
        assert_eq!(bench.whole(bytes), 0, "an ordinary open");
    });
    println!("{ns:6.0} ns apply + match + settle, all of them in turn");
    let ns = bench.fastest_ns(&records, Bench::state_only);
    println!("{ns:6.0} ns apply + settle, without rules");
    let ns = bench.fastest_ns(&records[..1], |bench, bytes| {
        assert_eq!(bench.whole(bytes), 0, "an ordinary open");
    });
    println!("{ns:6.0} ns apply + match + settle, {} alone", OPENS[0].0);
}
