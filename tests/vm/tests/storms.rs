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
/// The same: five in each half are more than [`SLACK`].
const KILLS_SHORT: u32 = 10;
/// Objects of one kind that may come by themselves in half the rounds and stay, however many rounds there are: 3 were
/// seen in both halves of 20 loads.
const SLACK: u32 = 4;
/// The same of pages that no list of the kernel's names, as those of rings. Loading 100 times is 50 rounds in a half, in
/// which a page of one ring that is lost in each stands out; in 20 times it takes a page of each ring (four), in kills a
/// few pages of each. A whole ring has 1024.
const SLACK_PAGES: u32 = 32;
/// Where KASAN keeps pages for itself: shadows of areas, stacks of allocations. There a lost ring stands out.
const SLACK_PAGES_DEBUG: u32 = 1024;
/// An emulated machine starts an agent in a few seconds.
const LIMIT: Duration = Duration::from_secs(2400);
const LIMIT_SHORT: Duration = Duration::from_secs(600);

/// Load on both processors, and what the kernel holds of memory that nobody reclaims by itself. Pages have 4 KiB.
const TOOLS: &str = r#"
set -u
fail() { echo "FAILED: $*"; exit 1; }
loads=""
start_load() {
    for n in 1 2; do
        (while :; do cat /proc/self/stat >/tmp/load.$n; rm /tmp/load.$n; (exit 0); done) 2>/dev/null &
        loads="$loads $!"
    done
}
stop_load() {
    kill $loads
    wait $loads 2>/dev/null
    loads=""
}
# Objects in use in each cache of the kernel, after what can be had again at any time is dropped. Mapped areas are
# counted below: their cache has those that wait to be freed together, too. DAMON, which watches all memory where it is
# on by default (7.2), splits and joins its regions as it likes, and the checker of objects fills its pool by dozens.
objects() {
    echo 3 >/proc/sys/vm/drop_caches
    for cache in /sys/kernel/slab/*; do [ -L $cache ] || echo 1 >$cache/shrink; done 2>/dev/null
    awk 'NR > 2 && $1 !~ /^(vmap_area|debug_objects_cache)$/ && $1 !~ /^damon_/ { print $1, $2 }' /proc/slabinfo
}
# Mapped areas but those of stacks, which the kernel keeps for later, and those that are free already.
areas() {
    awk '!/thread_stack|dup_task_struct|copy_process|kernel_clone|fork_idle|bpf_|unpurged/{ count++; sum += $2 } END { print "areas", count; print "pages", sum / 4096 }' \
        /proc/vmallocinfo
}
# Pages in use that are not of files, programs, slabs, tables of pages, vmalloc or what each processor has for itself:
# what is left is the kernel's own and whoever asked for pages, as rings do. Free are those that a processor has put
# aside, too. Each has its part of the numbers to itself until it is asked for it.
loose() {
    cat /proc/sys/vm/stat_refresh 2>/dev/null
    awk '$1 == "managed" { pages += $2 }
        $1 == "pages" && $2 == "free" { pages -= $3 }
        $1 == "count:" { pages -= $2 }
        FILENAME == "/proc/vmstat" &&
            $1 ~ /^nr_(file_pages|anon_pages|slab_reclaimable|slab_unreclaimable|page_table_pages|sec_page_table_pages)$/ { pages -= $2 }
        $1 == "VmallocUsed:" || $1 == "Percpu:" { pages -= $2 / 4 }
        END { print "loose", pages }' /proc/zoneinfo /proc/vmstat /proc/meminfo
}
look() {
    objects
    areas
    loose
}
# What there is more of in file $2 than in file $1, by more than $3; of loose pages by more than $4.
more() {
    awk -v most=$3 -v pages=$4 'NR == FNR { before[$1] = $2; next }
        $2 - before[$1] > ($1 == "loose" ? pages : most) { print $1, $2 - before[$1] }' $1 $2
}
# Two halves of work, named $1: what the kernel makes once, when the load asks for it (a worker thread, say), grows in
# one of them; what the module loses grows in both. SLACK more of anything in a half is noise, SLACK_PAGES of pages.
halves() {
    half=1
    while [ $half -le 2 ]; do
        look >/tmp/before
        start_load
        round=0
        while [ $round -lt $((ROUNDS / 2)) ]; do $1; round=$((round + 1)); done
        stop_load
        # In a bounded time: what RCU still holds goes away by itself.
        tries=0
        while :; do
            look >/tmp/after
            more /tmp/before /tmp/after $SLACK $SLACK_PAGES >/tmp/grown.$half
            [ -s /tmp/grown.$half ] && [ $((tries += 1)) -lt 40 ] || break
            usleep 200000
        done
        echo "half $half: more than before, after $tries looks:" $(more /tmp/before /tmp/after 0 0)
        half=$((half + 1))
    done
    leaked=$(awk 'NR == FNR { grown[$1] = $2; next } $1 in grown { print $1, grown[$1], $2 }' /tmp/grown.1 /tmp/grown.2)
    [ -z "$leaked" ] || fail "leaked in each half: $leaked
$(awk '{ print $2, $3 }' /proc/vmallocinfo | sort | uniq -c | sort -n | tail -20)"
}
"#;

const STORMS: &str = r#"
cycle() {
    insmod /saker.ko || fail "insmod"
    /drain kmod 20 2 --reached openat close connect unlink unlinkat >/tmp/drained 2>&1 ||
        fail "drain: $(cat /tmp/drained)"
    grep -q 'records {"' /tmp/drained || fail "nothing was recorded: $(cat /tmp/drained)"
    ! grep "lacks acted_paths" /tmp/drained || fail "functions are not probed"
    rmmod saker || fail "rmmod"
    [ ! -e /dev/saker ] || fail "the device stays"
}
start_load
for round in 1 2 3 4 5; do cycle; done
stop_load
halves cycle
"#;

const KILLED: &str = r#"
kill_one() {
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
    killed=$((killed + 1))
}
touch /etc/shadow
insmod /saker.ko || fail "insmod"
killed=0
start_load
kill_one
stop_load
killed=0
halves kill_one
rmmod saker || fail "rmmod"
grep -q saker /proc/modules && fail "the module stays"
echo "killed $killed"
"#;

fn guest(kernel: Kernel, script: &str, rounds: u32, limit: Duration) -> Guest {
    let pages = if kernel == Kernel::Debug {
        SLACK_PAGES_DEBUG
    } else {
        SLACK_PAGES
    };
    Guest::new(kernel)
        .file(programs::module(kernel).expect("a module"), "/saker.ko")
        .environment("ROUNDS", rounds.to_string())
        .environment("SLACK", SLACK.to_string())
        .environment("SLACK_PAGES", pages.to_string())
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
        assert!(run(&guest).output.contains("half 2: "));
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
