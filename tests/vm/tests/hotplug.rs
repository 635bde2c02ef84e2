//! Processors that come, go and leave holes in their numbering: the agent sees what happens on each.
//!
//! Boots guests; `make vm` runs it all and `make test` those that begin with `short_`.

use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, programs};

const LIMIT: Duration = Duration::from_secs(600);

/// With three processors: the middle one is off when the agent starts, comes, and goes under load.
const SCRIPT: &str = r#"
set -u
touch /etc/shadow
[ "$DRIVER" != kmod ] || insmod /saker.ko || exit 1
online() { echo $2 >/sys/devices/system/cpu/cpu$1/online || { echo "FAILED: cpu$1 $2"; exit 1; }; }
# One alert more than before, from a process on this processor.
seen_on() {
    before=$(grep -c 'Password hashes' /tmp/out)
    taskset -c $1 sh -c ': </etc/shadow' || { echo "FAILED: taskset $1"; exit 1; }
    tries=0
    until [ $(grep -c 'Password hashes' /tmp/out) -gt $before ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "FAILED: nothing from cpu$1"; cat /tmp/err; exit 1; }
        usleep 50000
    done
    echo "seen on $1"
}
online 1 0
grep -q '^0,2$' /sys/devices/system/cpu/online || { echo "FAILED: no hole"; exit 1; }
: >/tmp/err
/saker run -r /rules -o driver=$DRIVER -o lock_file=/tmp/lock >/tmp/out 2>/tmp/err &
agent=$!
until grep -q 'ready after' /tmp/err; do
    kill -0 $agent 2>/dev/null || { cat /tmp/err; exit 1; }
    usleep 50000
done
seen_on 0
seen_on 2
online 1 1
seen_on 1
(while :; do cat /proc/self/stat >/dev/null; done) &
load=$!
for round in 1 2 3 4 5; do
    online 1 0
    seen_on 2
    online 1 1
    seen_on 1
done
kill $load
kill -TERM $agent
wait $agent || { echo "FAILED: status $?"; cat /tmp/err; exit 1; }
grep 'dropped by the driver' /tmp/err
[ "$DRIVER" != kmod ] || rmmod saker || exit 1
"#;

fn run(driver: &str, kernels: &[Kernel]) {
    for &kernel in kernels {
        let mut guest = Guest::new(kernel)
            .file(programs::agent().expect("an agent"), "/saker")
            .file(programs::root().join("rules"), "/rules")
            .environment("DRIVER", driver)
            .script(SCRIPT)
            .cpus(3)
            .strict(true)
            .timeout(LIMIT);
        if driver == "kmod" {
            guest = guest.file(programs::module(kernel).expect("a module"), "/saker.ko");
        }
        let outcome = guest.run(&Cache::open().expect("a cache"));
        let outcome = outcome.expect("a guest");
        println!("{kernel} {driver}: {}", outcome.output);
        outcome.success().expect("all well");
        let lost = "dropped by the driver: 0";
        assert!(outcome.output.contains(lost), "{}", outcome.output);
    }
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_processors_come_and_go_under_the_module() {
    run("kmod", &[Kernel::V6_1]);
}

#[test]
#[ignore = "boots guests: make vm"]
fn processors_come_and_go_under_both_drivers() {
    let kernels = Kernel::selected().expect("kernels");
    run("kmod", &kernels);
    run("ebpf", &[Kernel::V6_1]);
}
