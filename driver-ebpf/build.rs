//! Compiles the CO-RE programs with clang and strips what the kernel does not need.
//!
//! `CLANG` and `LLVM_STRIP` name other tools; `BPF_CFLAGS` adds flags.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    for name in ["CLANG", "LLVM_STRIP", "BPF_CFLAGS"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=bpf");
    println!("cargo::rerun-if-changed=../driver-abi/include");
    println!("cargo::rerun-if-changed=../driver-abi/fillers");
    build("saker.bpf.o", &[]);
    build("saker_unpreempted.bpf.o", &["-DSAKER_UNPREEMPTED"]);
}

/// One object; `bpf/hooks.h` says in what they differ.
fn build(name: &str, defines: &[&str]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let object = out.join(name);
    let abi = env::var("DEP_SAKER_ABI_INCLUDE").expect("saker-abi publishes its include directory");
    let fillers = env::var("DEP_SAKER_ABI_FILLERS").expect("saker-abi publishes its fillers");
    let hash = env::var("DEP_SAKER_ABI_SCHEMA_HASH").expect("saker-abi publishes its hash");

    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let extra = env::var("BPF_CFLAGS").unwrap_or_default();
    let mut compile = Command::new(&clang);
    compile
        .args([
            "-g",
            "-O2",
            "-target",
            "bpf",
            "-mcpu=v3",
            "-D__TARGET_ARCH_x86",
        ])
        .args(["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"])
        .args(["-Ibpf", &format!("-I{abi}"), &format!("-I{fillers}")])
        .arg(format!("-DSAKER_SCHEMA_HASH=0x{hash}ULL"))
        // Debug paths must not depend on where the tree is.
        .arg("-fdebug-compilation-dir=.")
        .args(defines)
        .args(extra.split_whitespace())
        .args(["-c", "bpf/saker.bpf.c", "-o"])
        .arg(&object);
    run(&mut compile, &clang, "clang");

    let strip = env::var("LLVM_STRIP").unwrap_or_else(|_| "llvm-strip".into());
    run(Command::new(&strip).arg("-g").arg(&object), &strip, "llvm");
    let size = fs::metadata(&object).expect("clang wrote the object").len();
    assert!(
        size < 4 << 20,
        "the BPF object has {size} bytes: stripping failed?"
    );
}

/// Runs a build tool; says which Debian package brings it when it is missing.
fn run(command: &mut Command, tool: &str, package: &str) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!(
            "{tool} failed ({status}).\nIf a header is missing: apt-get install libbpf-dev \
             linux-libc-dev"
        ),
        Err(error) => panic!(
            "cannot run {tool}: {error}\nThe eBPF programs are C compiled by clang: \
             apt-get install {package}"
        ),
    }
}
