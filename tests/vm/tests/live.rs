//! The live tests of tests/live in guests, with either driver: the same actions, the same alerts.
//!
//! Boots guests; `make vm` runs it all and `make test` those that begin with `short_`.

use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, fetch, programs};

/// Emulated and on a busy host they take ten times as long.
const LIMIT: Duration = Duration::from_secs(1500);
/// Agents, a compiler and a userland, all in memory.
const MEMORY_MIB: u32 = 2048;

/// What the tests read of the source tree; not where it is on the host, which may be hidden by a mount here.
const SOURCE: &str = "/source";

/// Runs the test programs of tests/live that `wanted` accepts with `driver`.
fn live(kernel: Kernel, driver: &str, wanted: impl Fn(&str) -> bool) {
    let mut guest = Guest::new(kernel)
        .userland(true)
        .memory_mib(MEMORY_MIB)
        .timeout(LIMIT)
        .file(programs::agent().expect("an agent"), "/usr/bin/saker")
        .environment("SAKER_BIN", "/usr/bin/saker")
        .environment("SAKER_TEST_DRIVER", driver)
        .environment("SAKER_TEST_SOURCE", SOURCE)
        // Hosts may not let a driver look at functions of the kernel; Debian's kernels do.
        .environment("SAKER_TEST_ACTED", "told");
    for path in ["rules", "docs"] {
        let to = format!("{SOURCE}/{path}");
        guest = guest.file(programs::root().join(path), to);
    }
    let cache = Cache::open().expect("a cache");
    let files = fetch::kernel(&cache, kernel, false).expect("a kernel");
    let work = tempfile::tempdir().expect("a directory");
    let mut script = "failed=0\n".to_owned();
    if let Some(fuse) = files.module("fs/fuse/fuse", work.path()).expect("FUSE") {
        guest = guest.file(fuse, "/fuse.ko");
        script += "insmod /fuse.ko || exit 1\n";
    }
    if driver == "kmod" {
        let module = programs::module(kernel).expect("a module");
        guest = guest.file(module, "/saker.ko");
        script += "insmod /saker.ko || exit 1\n";
    }
    for (name, program) in programs::tests("saker-tests-live").expect("test programs") {
        if wanted(&name) {
            guest = guest.file(program, format!("/live/{name}"));
            let skipped = not_with(kernel, driver, &name);
            script += &format!("/live/{name} --test-threads=1 {skipped} || failed=1\n");
        }
    }
    if driver == "kmod" {
        script += "rmmod saker || failed=1\n";
    }
    let outcome = guest.script(script + "exit $failed").run(&cache);
    let outcome = outcome.expect("a run");
    print!("{}", outcome.output);
    outcome.success().expect("success");
    let passed = outcome.output.contains("test result: ok. ");
    assert!(passed, "no test ran: {}", outcome.output);
    println!("{kernel} {driver}: {:.1} s", outcome.duration.as_secs_f64());
}

/// Arguments that leave out tests of a program: guests have no overlays, the module does not see what data requests of
/// io_uring move, and in 5.10 there are neither requests whose success is not told nor rings that tell when they are asked.
fn not_with(kernel: Kernel, driver: &str, program: &str) -> &'static str {
    match (kernel, driver, program) {
        (_, "kmod", "ring_data") => "--skip what_rings",
        (Kernel::V5_10, _, "evasion") => {
            "--skip what_only_looks_like_it --skip in_silence --skip does_unasked"
        }
        (_, _, "evasion") => "--skip what_only_looks_like_it",
        _ => "",
    }
}

/// All of them.
fn any(_name: &str) -> bool {
    true
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_default_rules_with_ebpf() {
    live(Kernel::V6_1, "ebpf", |name| name == "default_rules");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_what_calls_act_on_with_ebpf() {
    live(Kernel::V6_1, "ebpf", |name| name == "acted");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_what_calls_act_on_with_the_module() {
    live(Kernel::V5_10, "kmod", |name| name == "acted");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_what_rings_do_with_the_module() {
    for kernel in [Kernel::V5_10, Kernel::V6_1] {
        live(kernel, "kmod", |name| name == "ring_calls");
    }
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_what_calls_were_given_with_ebpf() {
    live(Kernel::V6_1, "ebpf", |name| name == "given");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_what_calls_were_given_with_the_module() {
    live(Kernel::V5_10, "kmod", |name| name == "given");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_silent_memory_with_ebpf() {
    live(Kernel::V6_1, "ebpf", |name| name == "silent");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_silent_memory_with_the_module() {
    live(Kernel::V5_10, "kmod", |name| name == "silent");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_default_rules_with_the_module() {
    live(Kernel::V5_10, "kmod", |name| name == "default_rules");
}

#[test]
#[ignore = "boots guests: make vm"]
fn everything_with_ebpf() {
    for kernel in Kernel::selected().expect("kernels") {
        if kernel.has_ebpf() {
            live(kernel, "ebpf", any);
        } else {
            println!("{kernel}: its eBPF lacks what the programs need");
        }
    }
}

#[test]
#[ignore = "boots guests: make vm"]
fn everything_with_the_module() {
    for kernel in Kernel::selected().expect("kernels") {
        // The tests of the choice want no module loaded, choice.rs makes it in guests; a second agent that watches
        // the first needs a driver with room for two.
        let not = ["drivers", "quiet_proc"];
        live(kernel, "kmod", |name| any(name) && !not.contains(&name));
    }
}
