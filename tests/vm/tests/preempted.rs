//! Programs are preempted, or not: where they are, the kernel passes over calls and that is counted; where
//! they need not be, no call is passed over.
//!
//! Boots guests; `make vm` and `make vm-test` run it.

use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, programs};

const LIMIT: Duration = Duration::from_secs(600);
/// Length of one measurement, and how often it is taken before a count of nothing is believed.
const MILLISECONDS: u32 = 15_000;
const ROUNDS: u32 = 6;

/// More busy processes than CPUs; the programs are loaded before, as an emulated machine is slow.
const TOOLS: &str = r#"
set -u
under_load() { # driver
    /drain $1 $MILLISECONDS 1 openat close >/tmp/drained 2>&1 &
    drain=$!
    until grep -q ' attached in ' /tmp/drained; do
        kill -0 $drain 2>/dev/null || { cat /tmp/drained; exit 1; }
        usleep 100000
    done
    loads=""
    for n in 1 2 3 4 5 6; do
        (while :; do (exit 0); done) 2>/dev/null &
        loads="$loads $!"
    done
    wait $drain || { cat /tmp/drained; exit 1; }
    kill $loads
    wait $loads 2>/dev/null
    missed=$(sed -n 's/^records .* missed //p' /tmp/drained)
}
"#;

const NONE_MISSED: &str = r#"
under_load ebpf
cat /tmp/drained
[ "$missed" = 0 ] || exit 1
"#;

const COUNTED: &str = r#"
round=0
until under_load ebpf-raw; [ "$missed" -gt 0 ]; do
    round=$((round + 1))
    [ $round -lt $ROUNDS ] || { echo "nothing was missed"; exit 1; }
done
cat /tmp/drained
"#;

fn run(kernel: Kernel, script: &str) -> String {
    let outcome = Guest::new(kernel)
        .file(
            programs::program("examples/drain").expect("a program"),
            "/drain",
        )
        .environment("MILLISECONDS", MILLISECONDS.to_string())
        .environment("ROUNDS", ROUNDS.to_string())
        .script(format!("{TOOLS}{script}"))
        .timeout(LIMIT)
        .run(&Cache::open().expect("a cache"))
        .expect("a guest");
    println!("{}: {}", outcome.kernel, outcome.output);
    outcome.success().expect("all well");
    outcome.output
}

/// Kernels that can load the programs, the newest of which preempt them at raw tracepoints.
fn kernels() -> impl Iterator<Item = (Kernel, bool)> {
    let selected = Kernel::selected().expect("kernels");
    let with_ebpf = |kernel: &Kernel| *kernel != Kernel::V5_10;
    let kernels = selected.into_iter().filter(with_ebpf);
    kernels.map(|kernel| (kernel, kernel == Kernel::Sid))
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_no_call_is_missed_under_load() {
    for (kernel, preempts) in kernels() {
        let output = run(kernel, NONE_MISSED);
        let expected = if preempts {
            "perf tracepoints"
        } else {
            "raw tracepoints"
        };
        assert!(output.contains(expected), "{kernel}: {output}");
    }
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_what_preempted_programs_miss_is_counted() {
    for (kernel, _) in kernels().filter(|(_, preempts)| *preempts) {
        let output = run(kernel, COUNTED);
        assert!(output.contains(": missed "), "{kernel}: {output}");
    }
}
