//! Whole rule sets: the compiled rules find what the oracle finds, on events aimed at them and on
//! real records.

use saker_fields::{FieldSchema, Scratch};
use saker_tests_rules::agreement::Agreement;
use saker_tests_rules::corpus::{self, Files};
use saker_tests_rules::generate;
use saker_tests_rules::made::Maker;
use saker_tests_rules::mix::Mix;

/// Compares on `events` made events; rules that never match are fine up to `unmatched` of them.
#[track_caller]
fn agree(files: &Files, events: usize, unmatched: usize) {
    let schema = FieldSchema::new();
    let outcome = corpus::load(files, &schema);
    let set = corpus::compile_all(&outcome, &schema);
    let mut agreement = Agreement::new(&outcome.rules, &set);
    let mut maker = Maker::new(&outcome.rules, &schema, 1);
    let mut hits = vec![0usize; set.rules().len()];
    for number in 0..events {
        let event = maker.event();
        match agreement.check(&event) {
            Ok(matching) => matching.iter().for_each(|&at| hits[at] += 1),
            Err(difference) => panic!("event {number}: {difference}: {event:?}"),
        }
    }
    let silent: Vec<&str> = hits
        .iter()
        .zip(set.rules())
        .filter(|(hits, _)| **hits == 0)
        .map(|(_, rule)| rule.name.as_str())
        .collect();
    assert!(silent.len() <= unmatched, "never matched: {silent:?}");
    println!("{events} events, {} matches", hits.iter().sum::<usize>());
}

/// Compares on every event of the mix.
#[track_caller]
fn agree_on_the_mix(files: &Files) {
    let mix = Mix::new();
    let outcome = corpus::load(files, mix.schema());
    let set = corpus::compile_all(&outcome, mix.schema());
    let mut agreement = Agreement::new(&outcome.rules, &set);
    mix.round(&mut Scratch::new(), |event| {
        if let Err(difference) = agreement.check(event) {
            panic!("{difference}: {:?}", event.record());
        }
    });
}

#[test]
fn own_rules_mean_what_the_oracle_says() {
    agree(&corpus::own(), 20_000, 0);
    agree_on_the_mix(&corpus::own());
}

#[test]
fn generated_rules_mean_what_the_oracle_says() {
    agree(&generate::rules(200), 20_000, 0);
    agree_on_the_mix(&generate::rules(200));
}

#[test]
#[ignore = "needs SAKER_COMPAT"]
fn compat_stock_rules_mean_what_the_oracle_says() {
    let files = corpus::stock().expect("SAKER_COMPAT names the directory of the stock rules");
    let outcome = corpus::load(&files, &FieldSchema::new());
    assert_eq!(outcome.rules.len(), 93);
    // One contradicts itself, one has an empty list for the user to fill.
    agree(&files, 150_000, 2);
    agree_on_the_mix(&files);
}
