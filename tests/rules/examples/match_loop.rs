//! Matches the mix N times over against the stock rules, or generated ones: for perf and callgrind.
//!
//! `match_loop ROUNDS [NUMBER OF GENERATED RULES]`

use std::sync::Arc;

use saker_engine::matcher::{Matcher, Matching};
use saker_fields::Scratch;
use saker_tests_rules::mix::Mix;
use saker_tests_rules::{corpus, generate};

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let rounds = args.next().unwrap_or(1_000);
    let mix = Mix::new();
    let files = match args.next() {
        Some(count) => generate::rules(count),
        None => corpus::stock().unwrap_or_else(corpus::own),
    };
    let outcome = corpus::load(&files, mix.schema());
    let set = corpus::compile_all(&outcome, mix.schema());
    let mut matcher = Matcher::new(Arc::clone(&set));
    let mut scratch = Scratch::new();
    let mut matched = 0;
    for _ in 0..rounds {
        mix.round(&mut scratch, |event| {
            matched += matcher.matches(event, Matching::First, &mut |_| {});
        });
    }
    println!("{} events, {matched} matches", rounds * mix.len());
}
