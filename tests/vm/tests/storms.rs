//! The module comes and goes while the machine is busy, and its users are killed: nothing is left, the
//! kernel does not complain.
//!
//! Boots guests; `make vm` runs it.

use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, Outcome, programs};

/// Loads and unloads: enough that one object lost in each stands out from the noise.
const LOADS: u32 = 100;
const LOADS_SHORT: u32 = 20;
/// Agents that are killed.
const KILLS: u32 = 20;
const KILLS_SHORT: u32 = 3;
/// An emulated machine starts an agent in a few seconds.
const LIMIT: Duration = Duration::from_secs(900);
const LIMIT_SHORT: Duration = Duration::from_secs(240);

/// Load on both processors, and what the kernel holds of memory that nobody reclaims by itself.
const TOOLS: &str = r#"
set -u
fail() { echo "FAILED: $*"; exit 1; }
loads=""
start_load() {
    for n in 1 2; do
        (while :; do cat /proc/self/stat >/tmp/load.$n; (exit 0); done) 2>/dev/null &
        loads="$loads $!"
    done
}
stop_load() {
    kill $loads
    wait $loads 2>/dev/null
    loads=""
}
# Objects in the general caches, of which the module's are some; shrunk first, so that only used ones count.
objects() {
    for cache in /sys/kernel/slab/kmalloc-*; do echo 1 >$cache/shrink; done
    awk '/^kmalloc-[0-9k]+ /{ sum += $2 } END { print sum }' /proc/slabinfo
}
# Mapped areas but those of stacks, which the kernel keeps for later, and those that are free already.
areas() {
    awk '!/thread_stack|dup_task_struct|copy_process|kernel_clone|fork_idle|bpf_|unpurged/{ count++; sum += $2 } END { print count, sum }' \
        /proc/vmallocinfo
}
cycle() {
    insmod /saker.ko || fail "insmod"
    /drain kmod 20 2 openat close connect >/tmp/drained 2>&1 || fail "drain: $(cat /tmp/drained)"
    grep -q 'records {"' /tmp/drained || fail "nothing was recorded: $(cat /tmp/drained)"
    rmmod saker || fail "rmmod"
    [ ! -e /dev/saker ] || fail "the device stays"
}
"#;

// Two halves: what the kernel makes once, when the load asks for it (a worker thread, say), grows in one of
// them; what the module loses grows in both.
const STORMS: &str = r#"
half() {
    start_load
    round=0
    while [ $round -lt $((ROUNDS / 2)) ]; do cycle; round=$((round + 1)); done
    stop_load
}
# Whether less than an object in two loads and no area came in addition since $1 objects, $2 areas of $3 bytes.
settled() {
    [ $(($(objects) - $1)) -lt $((ROUNDS / 4)) ] || return 1
    set -- $(areas) $2 $3
    [ $1 -le $3 ] && [ $2 -le $4 ]
}
# The same in a bounded time: what RCU still holds goes away by itself.
settles() {
    tries=0
    until settled "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || return 1
        usleep 200000
    done
}
start_load
for round in 1 2 3 4 5; do cycle; done
stop_load
grown=0
for part in 1 2; do
    before="$(objects) $(areas)"
    cp /proc/slabinfo /tmp/slabinfo
    half
    settles $before || grown=$((grown + 1))
    echo "half $part: objects and areas $before -> $(objects) $(areas)"
done
[ $grown -lt 2 ] || fail "leak
$(diff /tmp/slabinfo /proc/slabinfo | grep kmalloc)
$(awk '{ print $2, $3 }' /proc/vmallocinfo | sort | uniq -c | sort -n | tail -20)"
"#;

const KILLED: &str = r#"
touch /etc/shadow
insmod /saker.ko || fail "insmod"
start_load
round=0
while [ $round -lt $ROUNDS ]; do
    : >/tmp/err
    /saker run -r /rules -o driver=kmod -o lock_file=/tmp/lock >/tmp/out 2>/tmp/err &
    agent=$!
    until grep -q 'ready after' /tmp/err; do
        kill -0 $agent 2>/dev/null || fail "the agent: $(cat /tmp/err)"
        usleep 50000
    done
    rmmod saker 2>/dev/null && fail "unloaded in use"
    kill -KILL $agent
    wait $agent
    round=$((round + 1))
done
stop_load
rmmod saker || fail "rmmod"
grep -q saker /proc/modules && fail "the module stays"
echo "killed $round"
"#;

fn guest(kernel: Kernel, script: &str, rounds: u32, limit: Duration) -> Guest {
    Guest::new(kernel)
        .file(programs::module(kernel).expect("a module"), "/saker.ko")
        .environment("ROUNDS", rounds.to_string())
        .script(format!("{TOOLS}{script}"))
        .strict(true)
        .timeout(limit)
}

fn run(guest: &Guest) -> Outcome {
    let outcome = guest
        .run(&Cache::open().expect("a cache"))
        .expect("a guest");
    println!("{}: {}", outcome.kernel, outcome.output);
    outcome.success().expect("all well");
    outcome
}

fn storms(rounds: u32, limit: Duration) {
    let drain = programs::program("examples/drain").expect("a program");
    for kernel in Kernel::selected().expect("kernels") {
        let guest = guest(kernel, STORMS, rounds, limit).file(&drain, "/drain");
        assert!(run(&guest).output.contains("half 2: objects"));
    }
}

fn kills(rounds: u32, limit: Duration) {
    let agent = programs::agent().expect("an agent");
    for kernel in Kernel::selected().expect("kernels") {
        let guest = guest(kernel, KILLED, rounds, limit)
            .file(&agent, "/saker")
            .file(programs::root().join("rules"), "/rules");
        assert!(run(&guest).output.contains(&format!("killed {rounds}")));
    }
}

// Not part of vm-test: on a host that stands still now and then, what the kernel holds takes long to settle.
#[test]
#[ignore = "boots guests: make vm"]
fn brief_loading_and_unloading_leaves_nothing() {
    storms(LOADS_SHORT, LIMIT_SHORT);
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_killed_agent_leaves_nothing() {
    kills(KILLS_SHORT, LIMIT_SHORT);
}

#[test]
#[ignore = "boots guests: make vm"]
fn long_loading_and_unloading_leaves_nothing() {
    storms(LOADS, LIMIT);
}

#[test]
#[ignore = "boots guests: make vm"]
fn long_a_killed_agent_leaves_nothing() {
    kills(KILLS, LIMIT);
}
