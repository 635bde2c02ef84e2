//! Kernels before 5.11 need memory to detach a probe and may have none. None of the test bed's does that, so the
//! failure is planted into a copy of the module's source: nothing of the session may be used any more, the module
//! must not be unloaded under a probe that stays, and a later session must work and clean up.
//!
//! Boots guests; `make vm` runs it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use saker_vm::module::Build;
use saker_vm::{Cache, Guest, Kernel, programs};

const LIMIT: Duration = Duration::from_secs(600);

/// Detaching fails while the parameter says so; then the kernel still calls the probe.
const PLANTED: [(&str, &str); 2] = [
    (
        "int saker_tp_detach(const char *name, void *probe, void *data)\n{\n\tstruct tracepoint *tp = \
         find_tracepoint(name);\n\n",
        "static int failures;\nmodule_param(failures, int, 0600);\n\n\
         int saker_tp_detach(const char *name, void *probe, void *data)\n{\n\tstruct tracepoint *tp = \
         find_tracepoint(name);\n\n\tif (failures > 0 && failures--)\n\t\treturn -ENOMEM;\n",
    ),
    (
        "#include <linux/mm.h>\n",
        "#include <linux/mm.h>\n#include <linux/module.h>\n",
    ),
];

const SCRIPT: &str = r#"
set -u
fail() { echo "FAILED: $*"; exit 1; }
parameter=/sys/module/saker/parameters/failures
session() {
    (while :; do cat /proc/self/stat >/dev/null; done) &
    load=$!
    /drain kmod 50 2 openat close >/tmp/drained 2>&1 || fail "drain: $(cat /tmp/drained)"
    grep -q '"openat": ' /tmp/drained || fail "nothing was recorded: $(cat /tmp/drained)"
    # Calls of everybody come to the probe that stays, while the session's memory is used for something else.
    cat /proc/slabinfo /proc/vmallocinfo >/dev/null
    kill $load
    wait $load 2>/dev/null
}
says() { dmesg | grep -c "cannot detach from $1"; }
insmod /saker.ko || fail insmod

# Some failures are waited out.
echo 20 >$parameter
session
[ $(cat $parameter) = 0 ] || fail "nothing was tried again"
[ $(says sys_exit) = 0 ] || fail "given up too soon"

# Those that go on are not; the probe of all calls is detached first.
echo 50 >$parameter
session
[ $(says sys_exit) = 1 ] || fail "not said: $(dmesg | tail -5)"
rmmod saker 2>/dev/null && fail "unloaded under a probe"
grep -q '^saker .* 1 ' /proc/modules || fail "references: $(grep saker /proc/modules)"

# Again, with the probe left by that one: said once.
echo 50 >$parameter
session
[ $(says sys_exit) = 1 ] || fail "said again"
rmmod saker 2>/dev/null && fail "unloaded under a probe"

# All goes well again.
session
grep -q '^saker .* 0 ' /proc/modules || fail "references: $(grep saker /proc/modules)"
rmmod saker || fail "not unloaded"
echo "all detached"
"#;

#[test]
#[ignore = "boots guests: make vm"]
fn a_probe_that_cannot_be_detached_keeps_the_module_and_harms_nobody() {
    let cache = Cache::open().expect("a cache");
    let root = programs::root();
    for kernel in Kernel::selected().expect("kernels") {
        let dir = tempfile::tempdir().expect("a directory");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(root.join("driver-kmod/kmod"))
            .arg(dir.path())
            .status();
        assert!(copied.expect("cp").success());
        let source = dir.path().join("kmod");
        let file = source.join("compat/attach.c");
        let mut text = fs::read_to_string(&file).expect("a source file");
        for (from, to) in PLANTED {
            assert_eq!(text.matches(from).count(), 1, "not there once: {from}");
            text = text.replace(from, to);
        }
        fs::write(&file, text).expect("written");
        let built = Build::new(source)
            .abi(root.join("driver-abi"))
            .run(&cache, kernel, &dir.path().join("work"))
            .expect("a build");
        let outcome = Guest::new(kernel)
            .file(&built.modules[0], "/saker.ko")
            .file(
                programs::program("examples/drain").expect("a program"),
                "/drain",
            )
            .script(SCRIPT)
            .strict(true)
            .timeout(LIMIT)
            .run(&cache)
            .expect("a guest");
        println!("{kernel}: {}", outcome.output);
        outcome.success().expect("all well");
        assert!(outcome.output.contains("all detached"));
    }
}
