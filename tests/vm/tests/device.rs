//! `/dev/saker` against everything that may be asked of it: what it must do and refuse, and a fuzzer.
//!
//! Boots guests; `make vm` runs it all and `make test` those that begin with `short_`.

use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, programs};

/// Of the fuzzer.
const SECONDS: u32 = 60;
const SECONDS_SHORT: u32 = 10;
const SEED: &str = "1";
const LIMIT: Duration = Duration::from_secs(400);

/// Runs a program of tests/vm-guest on every selected kernel, where a warning ends the guest.
fn run(program: &str, arguments: &str) {
    for kernel in Kernel::selected().expect("kernels") {
        let outcome = Guest::new(kernel)
            .file(programs::module(kernel).expect("a module"), "/saker.ko")
            .file(programs::program(program).expect("a program"), "/program")
            .append("ia32_emulation=1")
            .script(format!("/program /saker.ko {arguments}"))
            .strict(true)
            .timeout(LIMIT)
            .run(&Cache::open().expect("a cache"))
            .expect("a guest");
        println!("{kernel}: {}", outcome.output);
        outcome.success().expect("all well");
    }
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_the_device_does_and_refuses_what_it_should() {
    run("device-test", "");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_random_use_does_no_harm() {
    run("device-fuzz", &format!("{SECONDS_SHORT} {SEED}"));
}

#[test]
#[ignore = "boots guests: make vm"]
fn random_use_does_no_harm() {
    run("device-fuzz", &format!("{SECONDS} {SEED}"));
}
