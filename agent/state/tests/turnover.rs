//! Whatever comes and goes, what is kept is what lives: cgroups and processes by the thousand. Alone in its
//! process, whose memory is measured.

#[path = "state/common.rs"]
mod common;

use std::fs::{self, File};

use saker_abi::raw::*;
use saker_state::{Partition, RollCall, boot_ns};

use common::*;

/// Short-lived cgroups, each with a container of its own.
const CGROUPS: u64 = 1_000;
/// Processes forked in each; every second one executes a program.
const FORKS: u64 = 40;
/// Time between two forks; ended processes are kept a moment for those who may still ask.
const STEP_NS: u64 = 1_000_000;
/// The end of one in so many is lost.
const LOST: u64 = 50;
/// The clock of the records begins after every look at the host.
const AHEAD_NS: u64 = 3_600_000_000_000;
/// Process numbers come again after this many, as on a host.
const NUMBERS: u32 = 5_000;

const SHELL: Who = Who {
    pid: 100,
    start_ns: 1,
};

/// A worker lets go of some processes whose end was lost in each round.
const MAX_ROUNDS: usize = 100;

/// Pages of this process that are in memory.
fn resident_pages() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages = statm.split_whitespace().nth(1).expect("a second column");
    pages.parse().expect("a number")
}

fn round(partition: &mut Partition, clock: &mut u64, cgroup: u64) {
    let path = format!("/docker/{cgroup:064x}");
    for number in 0..FORKS {
        *clock += STEP_NS;
        let count = cgroup * FORKS + number;
        let child = who(1_000 + (count % u64::from(NUMBERS)) as u32, *clock);
        let (parents, birth) = fork(*clock, SHELL, child, "bash");
        run(partition, &parents);
        run(partition, &birth);
        if number % 2 == 0 {
            let exec = exec(*clock + 1, child, "job", "a\0b")
                .var(SAKER_P_EXECVE_cgroups, path.as_bytes())
                .hdr(|hdr| hdr.cgroup_id = cgroup);
            run(partition, &exec.build());
            run(partition, &openat(*clock + 2, child.pid, 3, -100, "/x", 0));
            let inside = partition.process(child.pid).expect("alive");
            let container = inside.cgroup.container.as_ref().expect("a container");
            assert_eq!(*container.identity.full_id, path[8..]);
        }
        if !count.is_multiple_of(LOST) {
            run(partition, &exit(*clock + 3, child.pid, 1));
        }
    }
    partition.round_done(*clock);
}

#[test]
fn nothing_is_kept_of_what_has_gone() {
    let mut world = state(1);
    let mut partition = world.partitions.remove(0);
    run(&mut partition, &exec(10, SHELL, "bash", "").build());
    let host = tempfile::TempDir::new().expect("a directory");
    fs::create_dir(host.path().join(SHELL.pid.to_string())).expect("an entry");
    let roll_call = RollCall::over(File::open(host.path()).expect("a directory").into());
    let mut clock = boot_ns() + AHEAD_NS;
    let mut settled = 0;
    for cgroup in 1..=CGROUPS {
        round(&mut partition, &mut clock, cgroup);
        // What the background thread does all the time.
        while world.recovery.serve(std::time::Duration::ZERO) {}
        if cgroup % 100 == 0 {
            world.shared.sweep_cgroups();
            roll_call.call(&world.shared);
            partition.poll_inbox(clock, |_, _, _| ());
        }
        if cgroup == CGROUPS / 5 {
            settled = resident_pages();
        }
    }
    for _ in 0..MAX_ROUNDS {
        partition.round_done(clock + 1);
    }
    partition.round_done(clock + 5_000_000_000);
    world.shared.sweep_cgroups();
    let counters = *partition.counters();
    assert_eq!(
        (counters.processes, counters.fds, counters.threads),
        (1, 0, 0)
    );
    assert_eq!(world.shared.directory().len(), 1);
    assert_eq!((world.shared.cgroups(), world.shared.containers()), (0, 0));
    assert!(counters.ends_missed > 0);
    assert_eq!(counters.recovery_overflow, 0);
    let now = resident_pages();
    assert!(
        now <= settled + settled / 10,
        "{now} pages in memory, {settled} when a fifth was done"
    );
}
