//! The loads of `bench/` without a driver, with the module and with eBPF, in turn in one guest.
//!
//! An emulated machine says nothing about nanoseconds; ratios within one run say which driver costs more.
//! Boots guests; `make bench-vm` runs it.

use std::collections::BTreeMap;
use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, programs};

/// Rounds of all drivers; odd, so that there is a median.
const ROUNDS: u32 = 5;
/// Kinds of load in the script.
const LOADS: usize = 6;
const LIMIT: Duration = Duration::from_secs(1200);
/// With names as given alone nobody listens where the kernel looks at directories.
const AGENTS: [&str; 4] = ["kmod any", "ebpf any", "kmod given", "ebpf given"];

/// Prints `RESULT agent load nanoseconds-an-operation` for each load. "none" runs no agent at all.
const SCRIPT: &str = r#"
set -u
insmod /saker.ko || exit 1
measure() {
    for load in "unwanted 200000" "open-close 20000" "dup-close 50000" "fork-exec 60" "connect 800" "rename 8000"; do
        set -- "$1" $load
        /saker-bench load $2 --count $3 >/tmp/load || exit 1
        echo "RESULT $1;$2;$(sed 's/.*"ns_per_op":\([0-9]*\).*/\1/' /tmp/load)"
    done
}
round=0
while [ $round -lt $ROUNDS ]; do
    measure none
    for agent in "kmod any" "ebpf any" "kmod given" "ebpf given"; do
        set -- $agent
        : >/tmp/err
        /saker run -r /rules -o driver=$1 -o path_identity=$2 -o lock_file=/tmp/lock >/tmp/out 2>/tmp/err &
        pid=$!
        until grep -q 'ready after' /tmp/err; do
            kill -0 $pid 2>/dev/null || { cat /tmp/err; exit 1; }
            sleep 0.1
        done
        measure "$agent"
        kill -TERM $pid
        wait $pid
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
    let kernels = Kernel::selected().expect("kernels");
    let both = kernels.into_iter().filter(|kernel| kernel.has_ebpf());
    for kernel in both {
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
        // Load -> agent -> one figure a round.
        let mut figures: BTreeMap<&str, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
        let results = outcome
            .output
            .lines()
            .filter_map(|line| line.strip_prefix("RESULT "));
        for result in results {
            let words: Vec<&str> = result.split(';').collect();
            let [agent, load, ns] = words[..] else {
                panic!("a result of three: {result}");
            };
            let ns = ns.parse().expect("a number");
            let by_agent = figures.entry(load).or_default();
            by_agent.entry(agent).or_default().push(ns);
        }
        assert_eq!(figures.len(), LOADS, "{}", outcome.output);
        println!("kernel {kernel}, medians of {ROUNDS} ratios to no agent");
        println!(
            "{:12} {}",
            "load",
            AGENTS.map(|agent| format!("{agent:>12}")).join("")
        );
        for (load, by_agent) in &figures {
            let ratio = |agent: &str| {
                let pairs = by_agent[agent].iter().zip(&by_agent["none"]);
                median(pairs.map(|(with, without)| with / without).collect())
            };
            println!(
                "{load:12} {}",
                AGENTS
                    .map(|agent| format!("{:>12.2}", ratio(agent)))
                    .join("")
            );
        }
    }
}
