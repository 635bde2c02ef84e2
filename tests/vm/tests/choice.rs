//! Which driver the agent takes in a guest: eBPF where it works, else the module, else none.
//!
//! Boots guests; `make vm` runs it. `SAKER_BIN` names the agent's program.

use std::fs;
use std::path::{Path, PathBuf};

use saker_vm::module::Build;
use saker_vm::scenes::assert_says;
use saker_vm::{Cache, Guest, Kernel, programs};

/// Each scene prints its name, then what the agent or doctor said.
const SCRIPT: &str = r#"
set -u
touch /etc/shadow
extra=/lib/modules/$(uname -r)/extra
ask() { wget -q -O- http://127.0.0.1:8765$1 2>&1; }
run() {
    echo "== $1"; shift
    : >/tmp/out; : >/tmp/err
    /opt/saker run -r /rules -o lock_file=/tmp/lock -o kmod.build_at_start=false "$@" \
        >>/tmp/out 2>>/tmp/err &
    pid=$!
    until grep -q 'ready after\|NOT ready' /tmp/err; do
        kill -0 $pid || { cat /tmp/err; wait $pid; echo "status $?"; return; }
        sleep 0.1
    done
    sh -c ': </etc/shadow'
    grep -q 'NOT ready' /tmp/err || until grep -q 'Password hashes' /tmp/out; do sleep 0.1; done
    ask /readyz
    ask /metrics | grep '^saker_driver_info'
    kill -TERM $pid
    wait $pid
    echo "status $?"
    cat /tmp/err
}
doctor() {
    echo "== $1"; shift
    /opt/saker doctor -o kmod.build_at_start=false "$@"
    echo "status $?"
    grep -q '^saker ' /proc/modules && echo "module loaded" || echo "no module"
}

run first
insmod /fits.ko
run configured --driver kmod
mount -t tmpfs none /sys/kernel/btf
run loaded
rmmod saker
mkdir -p $extra
cp /fits.ko $extra/saker.ko
doctor doctor
run loadable
rmmod saker
cp /foreign.ko $extra/saker.ko
run stale
insmod /foreign.ko
run foreign
doctor asked --driver kmod
rmmod saker
rm $extra/saker.ko
run neither
"#;

/// The module, and one of another contract: a word more in one of its headers.
fn modules(cache: &Cache, kernel: Kernel, work: &Path) -> (PathBuf, PathBuf) {
    let source = programs::root().join("driver-kmod/kmod");
    let one = |build: Build, name: &str| {
        let built = build.run(cache, kernel, &work.join(name));
        built.expect("a module").modules.remove(0)
    };
    let fits = one(Build::new(&source), "fits");
    let abi = work.join("abi");
    copy(
        &programs::root().join("driver-abi/include"),
        &abi.join("include"),
    );
    copy(
        &programs::root().join("driver-abi/fillers"),
        &abi.join("fillers"),
    );
    let header = abi.join("include/saker_ioctl.h");
    let text = fs::read_to_string(&header).expect("a header");
    fs::write(&header, format!("{text}/* Another contract. */\n")).expect("written");
    let foreign = one(Build::new(&source).abi(abi), "foreign");
    (fits, foreign)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
    }
}

#[test]
#[ignore = "boots guests: make vm"]
fn the_first_driver_that_works_is_taken() {
    let agent = std::env::var_os("SAKER_BIN").expect("SAKER_BIN names the agent's program");
    let cache = Cache::open().expect("a cache");
    for kernel in Kernel::selected().expect("kernels") {
        let work = tempfile::tempdir().expect("a directory");
        let (fits, foreign) = modules(&cache, kernel, work.path());
        let outcome = Guest::new(kernel)
            .file(&agent, "/opt/saker")
            .file(programs::root().join("rules"), "/rules")
            .file(fits, "/fits.ko")
            .file(foreign, "/foreign.ko")
            .script(SCRIPT)
            .run(&cache)
            .expect("a run");
        outcome.success().expect("success");
        check(kernel, &outcome.output);
        println!("{kernel}: {:.1} s", outcome.duration.as_secs_f64());
    }
}

fn check(kernel: Kernel, output: &str) {
    let says = |name, parts: &[&str]| assert_says(output, name, parts);
    let module = "canary seen on 2 CPU(s)";
    let by_module = [
        "driver: kmod (eBPF does not work here: module ",
        module,
        "\"driver\":\"kmod\"",
        "driver=\"kmod\",reason=\"ebpf_failed\"",
        "status 0",
    ];
    // 5.10 has BTF and lacks the atomics that number records: only loading tells.
    match kernel {
        Kernel::V5_10 => says(
            "first",
            &["ebpf refused: ", "kmod not loaded: ", "status 3"],
        ),
        _ => says(
            "first",
            &[
                "driver: ebpf (first choice: ",
                module,
                "\"driver\":\"ebpf\"",
                "driver=\"ebpf\",reason=\"first_choice\"",
                "status 0",
            ],
        ),
    }
    says(
        "configured",
        &["driver: kmod (as configured: module ", module, "status 0"],
    );
    says("loaded", &by_module);
    says(
        "doctor",
        &[
            "NO  ebpf refused: ",
            "ok  kmod loaded: /lib/modules/",
            "ok  kmod attached: ",
            "status 0",
            "no module",
        ],
    );
    says("loadable", &by_module);
    says("loadable", &["kmod loaded: /lib/modules/"]);
    says(
        "stale",
        &["kmod not loaded: ", "of another version", "status 3"],
    );
    let other = "has another hash of the driver interface";
    let action = "saker driver build && saker driver unload && saker driver load";
    says("foreign", &[other, action, "503", "status 3"]);
    says("asked", &[other, action, "status 1", "module loaded"]);
    says(
        "neither",
        &[
            "ERROR NO DRIVER",
            "driver: none (no driver works here)",
            "503",
            "driver=\"none\",reason=\"no_driver\"",
            "status 3",
        ],
    );
}
