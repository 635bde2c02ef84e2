//! The loads of `bench/` without a driver, with the module and with eBPF, in turn in one guest.
//!
//! An emulated machine says nothing about nanoseconds; ratios within one run say which driver costs more.
//! Boots guests; `make bench-vm` runs it.

use std::collections::BTreeMap;
use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, programs};

/// Rounds of all drivers; odd, so that there is a median.
const ROUNDS: u32 = 5;
const LIMIT: Duration = Duration::from_secs(1200);
const DRIVERS: [&str; 3] = ["none", "kmod", "ebpf"];

/// Prints `RESULT driver kind nanoseconds-an-operation` for each load. "none" runs no agent at all.
const SCRIPT: &str = r#"
set -u
insmod /saker.ko || exit 1
measure() {
    for load in "unwanted 200000" "open-close 20000" "dup-close 50000" "fork-exec 60" "connect 800"; do
        set -- $1 $load
        /saker-bench load $2 --count $3 >/tmp/load || exit 1
        echo "RESULT $1 $2 $(sed 's/.*"ns_per_op":\([0-9]*\).*/\1/' /tmp/load)"
    done
}
round=0
while [ $round -lt $ROUNDS ]; do
    measure none
    for driver in kmod ebpf; do
        : >/tmp/err
        /saker run -r /rules -o driver=$driver -o lock_file=/tmp/lock >/tmp/out 2>/tmp/err &
        agent=$!
        until grep -q 'ready after' /tmp/err; do
            kill -0 $agent 2>/dev/null || { cat /tmp/err; exit 1; }
            sleep 0.1
        done
        measure $driver
        kill -TERM $agent
        wait $agent
    done
    round=$((round + 1))
done
"#;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "boots guests and measures: make bench-vm"]
fn bench_no_driver_module_and_ebpf() {
    for kernel in Kernel::selected().expect("kernels") {
        let outcome = Guest::new(kernel)
            .userland(true)
            .file(programs::module(kernel).expect("a module"), "/saker.ko")
            .file(programs::agent().expect("an agent"), "/saker")
            .file(
                programs::program("saker-bench").expect("a program"),
                "/saker-bench",
            )
            .file(programs::root().join("rules"), "/rules")
            .environment("ROUNDS", ROUNDS.to_string())
            .script(SCRIPT)
            .timeout(LIMIT)
            .run(&Cache::open().expect("a cache"))
            .expect("a guest");
        outcome.success().expect("every load ran");
        // Load -> driver -> one figure a round.
        let mut figures: BTreeMap<&str, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
        for line in outcome.output.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["RESULT", driver, load, ns] = words[..] {
                let ns = ns.parse().expect("a number");
                figures
                    .entry(load)
                    .or_default()
                    .entry(driver)
                    .or_default()
                    .push(ns);
            }
        }
        assert_eq!(figures.len(), 5, "{}", outcome.output);
        println!("kernel {kernel}, medians of {ROUNDS} ratios to no driver");
        println!("{:12} {:>8} {:>8}", "load", "kmod", "ebpf");
        for (load, by_driver) in &figures {
            let ratio = |driver: &str| {
                let pairs = by_driver[driver].iter().zip(&by_driver[DRIVERS[0]]);
                median(pairs.map(|(with, without)| with / without).collect())
            };
            println!(
                "{load:12} {:>8.2} {:>8.2}",
                ratio(DRIVERS[1]),
                ratio(DRIVERS[2])
            );
        }
    }
}
