//! The figures that are promised, measured in one run.
//!
//! Other work on the machine only ever adds to a round, so the fastest of many counts. What takes
//! long, loading and the oracle, is measured by what the thread has spent on a CPU instead; that clock
//! is too coarse for rounds. What it takes to make an event is measured as well and taken off.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use saker_engine::compiler::RuleSet;
use saker_engine::loader::LoadedRule;
use saker_engine::matcher::{Matcher, Matching};
use saker_fields::{EventView, FieldSchema, Scratch};
use saker_tests_rules::corpus::{self, Files};
use saker_tests_rules::mix::Mix;
use saker_tests_rules::{generate, oracle};

const ROUNDS: usize = 4_000;
/// The oracle takes its time.
const ORACLE_ROUNDS: usize = 10;
const LOADS: usize = 5;

/// What this thread has spent on a CPU.
fn cpu_ns() -> u64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as u64 * 1_000_000_000 + spent.tv_nsec as u64
}

/// Nanoseconds per event of the fastest round.
fn fastest(
    mix: &Mix,
    rounds: usize,
    clock: fn() -> u64,
    mut step: impl FnMut(&EventView<'_>),
) -> f64 {
    let mut scratch = Scratch::new();
    let rounds = (0..rounds).map(|_| {
        let started = clock();
        mix.round(&mut scratch, &mut step);
        (clock() - started) as f64 / mix.len() as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// Nothing but making the events.
fn making(mix: &Mix) -> f64 {
    fastest(mix, ROUNDS, clock, |event| {
        black_box(event);
    })
}

fn matching(mix: &Mix, set: &Arc<RuleSet>, profile: bool) -> f64 {
    let mut matcher = Matcher::new(Arc::clone(set));
    if profile {
        matcher.start_profile(clock);
    }
    fastest(mix, ROUNDS, clock, |event| {
        black_box(matcher.matches(event, Matching::First, &mut |_| {}));
    })
}

/// Time since the first call.
fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

fn interpreting(mix: &Mix, rules: &[LoadedRule]) -> f64 {
    let mut found = Vec::new();
    fastest(mix, ORACLE_ROUNDS, cpu_ns, |event| {
        oracle::matching(rules.iter(), event, &mut found);
        black_box(&found);
    })
}

/// Milliseconds from text to compiled rules, the fastest of some.
fn loading(files: &Files, schema: &FieldSchema) -> f64 {
    let loads = (0..LOADS).map(|_| {
        let started = cpu_ns();
        black_box(corpus::compile_all(&corpus::load(files, schema), schema));
        (cpu_ns() - started) as f64 / 1e6
    });
    loads.fold(f64::INFINITY, f64::min)
}

/// Bytes that the compiled rules and one worker's matcher keep.
fn memory(files: &Files, schema: &FieldSchema) -> (u64, u64) {
    let outcome = corpus::load(files, schema);
    let (mut set, mut matcher) = (None, None);
    let of_set = allocation_counter::measure(|| set = Some(corpus::compile_all(&outcome, schema)));
    let of_matcher = allocation_counter::measure(|| matcher = set.clone().map(Matcher::new));
    drop(matcher);
    let kept = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    (kept(of_set.bytes_current), kept(of_matcher.bytes_current))
}

fn line(mix: &Mix, name: &str, files: &Files, making: f64) {
    let outcome = corpus::load(files, mix.schema());
    let set = corpus::compile_all(&outcome, mix.schema());
    let rules = set.rules().len();
    let ns = matching(mix, &set, false) - making;
    let profiled = matching(mix, &set, true) - making;
    let plain = interpreting(mix, &outcome.rules) - making;
    let (of_set, of_matcher) = memory(files, mix.schema());
    let each = |bytes: u64| bytes as f64 / 1024.0 / rules as f64;
    println!(
        "{name:10} {rules:6} {:10.1} {ns:10.0} {profiled:10.0} {plain:12.0} {:8.0}x {:8.1} {:8.2}",
        loading(files, mix.schema()),
        plain / ns,
        each(of_set),
        each(of_matcher),
    );
}

pub(super) fn print() {
    let mix = Mix::new();
    let making = making(&mix);
    println!(
        "{} events a round; making one takes {making:.0} ns, which is taken off.\n\
         Promised: all stock rules in 250 ns per event and 10 times faster than the oracle, loaded \
         in 50 ms;\n10,000 rules loaded in 2 s; cost that does not grow with the number of rules.\n",
        mix.len()
    );
    println!(
        "{:10} {:>6} {:>10} {:>10} {:>10} {:>12} {:>9} {:>8} {:>8}",
        "rules",
        "",
        "load ms",
        "match ns",
        "profiled",
        "oracle ns",
        "faster",
        "KiB/rule",
        "matcher"
    );
    for count in [100, 1_000, 10_000] {
        line(&mix, "generated", &generate::rules(count), making);
    }
    line(&mix, "own", &corpus::own(), making);
    match corpus::stock() {
        Some(files) => line(&mix, "stock", &files, making),
        None => println!("stock      not measured: SAKER_COMPAT names no directory"),
    }
    println!();
}
