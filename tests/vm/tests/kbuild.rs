//! Builds of the module that no guest has to run: with every check, and against trees that are only prepared.
//!
//! Needs the test bed's headers; `make vm` and `make vm-test` run it.

use std::fs;
use std::path::Path;
use std::process::Command;

use saker_vm::kernel::Compiler;
use saker_vm::module::Build;
use saker_vm::{Cache, Kernel, fetch, programs};

fn build() -> Build {
    Build::new(programs::root().join("driver-kmod/kmod"))
}

/// What the probes of compat/ said in a build below `work`.
fn answers(work: &Path) -> String {
    let path = work.join("driver-kmod/kmod/compat/probed.h");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same of the module that `make vm-programs` has built.
fn answers_of_all(kernel: Kernel) -> String {
    let module = programs::module(kernel).expect("a module");
    answers(module.ancestors().nth(3).expect("the work directory"))
}

/// Those of the headers that a compiler of the host builds for: the others are hidden in a root of their own.
fn on_host() -> Vec<Kernel> {
    let mut kernels = Kernel::selected().expect("kernels");
    kernels.retain(|kernel| matches!(kernel.compiler(), Compiler::Host(_)));
    kernels
}

#[test]
#[ignore = "needs the test bed: make vm-test"]
fn short_a_tree_that_is_only_prepared_gives_the_same_module() {
    let cache = Cache::open().expect("a cache");
    for kernel in on_host() {
        let work = tempfile::tempdir().expect("a directory");
        let built = build().prepared().run(&cache, kernel, work.path());
        built.expect("a module");
        assert_eq!(answers(work.path()), answers_of_all(kernel), "{kernel}");
    }
}

#[test]
#[ignore = "needs the test bed: make vm"]
fn each_probe_alone_answers_as_all_at_once() {
    let cache = Cache::open().expect("a cache");
    for kernel in Kernel::selected().expect("kernels") {
        let work = tempfile::tempdir().expect("a directory");
        let built = build().argument("SAKER_PROBE_ALONE=1");
        built.run(&cache, kernel, work.path()).expect("a module");
        let log = work.path().join("driver-kmod/kmod/compat/probed.log");
        let log = fs::read_to_string(log).expect("a log");
        assert!(
            log.contains("<stdin>:1:") && !log.contains("<stdin>:2"),
            "{kernel}: not alone: {log}"
        );
        assert_eq!(answers(work.path()), answers_of_all(kernel), "{kernel}");
    }
}

#[test]
#[ignore = "needs the test bed: make vm"]
fn sparse_and_the_compiler_find_nothing() {
    let cache = Cache::open().expect("a cache");
    for kernel in on_host() {
        let work = tempfile::tempdir().expect("a directory");
        let checked = build().strict(true).argument("W=1").argument("C=1");
        checked.run(&cache, kernel, work.path()).expect("no word");
    }
}

/// Of the kernel `debug` alone: Debian's headers bring no checkpatch.
#[test]
#[ignore = "needs the kernel debug: make vm-debug"]
fn debug_checkpatch_finds_nothing() {
    let cache = Cache::open().expect("a cache");
    let headers = fetch::kernel(&cache, Kernel::Debug, false).expect("a kernel");
    let source = programs::root().join("driver-kmod/kmod");
    let files = "perl \"$0\" -f --terse *.[ch] compat/*.[ch] ../../driver-abi/*/*.h";
    let output = Command::new("sh")
        .args(["-c", files])
        .arg(headers.headers_path().join("scripts/checkpatch.pl"))
        .current_dir(source)
        .output()
        .expect("sh");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.is_empty(), "{text}");
}
