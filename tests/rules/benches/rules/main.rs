//! What loading and matching rules costs: `make bench-rules`.
//!
//! First the figures that are promised, in one run and as ratios where that is possible; then the
//! same pieces one by one under divan. `SAKER_COMPAT` adds the stock rules.

mod figures;

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use saker_engine::compiler::RuleSet;
use saker_engine::matcher::{Matcher, Matching};
use saker_fields::{FieldSchema, Scratch};
use saker_tests_rules::corpus::{self, Files};
use saker_tests_rules::generate;
use saker_tests_rules::mix::Mix;

fn main() {
    figures::print();
    divan::main();
}

/// Rule sets by name.
const SETS: [&str; 5] = ["own", "stock", "100", "1000", "10000"];

/// The files of a set; `None` for the stock rules when they are not at hand.
fn files(set: &str) -> Option<Files> {
    match set {
        "own" => Some(corpus::own()),
        "stock" => corpus::stock(),
        count => Some(generate::rules(count.parse().expect("a number"))),
    }
}

fn compiled(files: &Files, schema: &FieldSchema) -> Arc<RuleSet> {
    corpus::compile_all(&corpus::load(files, schema), schema)
}

/// From text to compiled rules.
#[divan::bench(args = SETS, sample_count = 10, sample_size = 1)]
fn load(bencher: Bencher<'_, '_>, set: &str) {
    let Some(files) = files(set) else {
        return bencher.bench_local(|| ());
    };
    let schema = FieldSchema::new();
    bencher.bench_local(|| compiled(&files, &schema));
}

/// All events of the mix.
#[divan::bench(args = SETS)]
fn match_the_mix(bencher: Bencher<'_, '_>, set: &str) {
    let Some(files) = files(set) else {
        return bencher.bench_local(|| ());
    };
    let mix = Mix::new();
    let mut matcher = Matcher::new(compiled(&files, mix.schema()));
    let mut scratch = Scratch::new();
    bencher.counter(ItemsCount::new(mix.len())).bench_local(|| {
        mix.round(&mut scratch, |event| {
            matcher.matches(event, Matching::First, &mut |_| {});
        });
    });
}
