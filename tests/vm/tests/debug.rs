//! The kernel `debug` sees mistakes of the module: each test plants one into a copy of the source, and the
//! guest must fail with the checker's report. Without these, quiet runs there would prove nothing.
//!
//! Boots guests; `make vm-debug` runs it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use saker_vm::module::Build;
use saker_vm::{Cache, Guest, Kernel, programs};

const LIMIT: Duration = Duration::from_secs(120);

/// A session with some records of everything.
const SCRIPT: &str = r#"
insmod /saker.ko || exit 1
(n=0; while [ $n -lt 20 ]; do cat /proc/self/stat >/dev/null; n=$((n + 1)); done) &
/drain kmod 20 2 openat close connect || exit 2
wait
rmmod saker || exit 3
"#;

/// Replaces text that is once in a file.
fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a source file");
    assert_eq!(
        text.matches(from).count(),
        1,
        "{}: the place to plant is not there once: {from}",
        file.display()
    );
    fs::write(file, text.replace(from, to)).expect("written");
}

/// Runs [`SCRIPT`] with the module changed so; returns why the guest failed.
fn planted(changes: &[(&str, &str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let root = programs::root();
    let copied = Command::new("cp")
        .arg("-a")
        .arg(root.join("driver-kmod/kmod"))
        .arg(dir.path())
        .status();
    assert!(copied.expect("cp").success());
    let source = dir.path().join("kmod");
    for (file, from, to) in changes {
        replace(&source.join(file), from, to);
    }
    let cache = Cache::open().expect("a cache");
    let built = Build::new(source)
        .abi(root.join("driver-abi"))
        .run(&cache, Kernel::Debug, &dir.path().join("work"))
        .expect("a build");
    let drain = programs::program("examples/drain").expect("a program");
    let error = Guest::new(Kernel::Debug)
        .file(&built.modules[0], "/saker.ko")
        .file(drain, "/drain")
        .script(SCRIPT)
        .strict(true)
        .timeout(LIMIT)
        .run(&cache)
        .expect_err("the mistake was not seen");
    format!("{error:#}")
}

fn expect(report: &str, texts: &[&str]) {
    for text in texts {
        assert!(report.contains(text), "no {text:?} in:\n{report}");
    }
}

#[test]
#[ignore = "boots guests: make vm-debug"]
fn debug_a_use_after_free_is_seen() {
    let report = planted(&[(
        "ring.c",
        "\tfree_pages_of(r);\n\tkfree(r);\n}\n\nvoid",
        "\tfree_pages_of(r);\n\tkfree(r);\n\tWRITE_ONCE(r->nr_pages, 0);\n}\n\nvoid",
    )]);
    expect(&report, &["BUG: KASAN: use-after-free", "ring_free"]);
}

/// The copy is made by assembly, which the compiler does not check.
#[test]
#[ignore = "boots guests: make vm-debug"]
fn debug_a_copy_from_user_space_beyond_its_buffer_is_seen() {
    let report = planted(&[
        (
            "tracepoints.c",
            "#include \"fillers.h\"\n",
            "#include <linux/slab.h>\n#include \"fillers.h\"\n",
        ),
        (
            "tracepoints.c",
            "\t\tsaker_record_call(regs, ret);\n",
            "\t{\n\t\tchar *b = kmalloc(32, GFP_ATOMIC);\n\n\t\tif (b)\n\t\t\tsaker_copy_user(b, \
             (void __user *)regs->sp, 40);\n\t\tkfree(b);\n\t\tsaker_record_call(regs, ret);\n\t}\n",
        ),
    ]);
    expect(&report, &["BUG: KASAN: slab-out-of-bounds", "[saker]"]);
}

#[test]
#[ignore = "boots guests: make vm-debug"]
fn debug_a_sleep_in_a_probe_is_seen() {
    let report = planted(&[
        (
            "tracepoints.c",
            "#include \"fillers.h\"\n",
            "#include <linux/slab.h>\n#include \"fillers.h\"\n",
        ),
        (
            "tracepoints.c",
            "\t\tsaker_record_call(regs, ret);\n",
            "\t{\n\t\tkfree(kmalloc(64, GFP_KERNEL));\n\t\tsaker_record_call(regs, ret);\n\t}\n",
        ),
    ]);
    expect(
        &report,
        &[
            "BUG: sleeping function called from invalid context",
            "on_sys_exit",
        ],
    );
}

#[test]
#[ignore = "boots guests: make vm-debug"]
fn debug_locks_in_two_orders_are_seen() {
    let report = planted(&[
        (
            "session.c",
            "static DEFINE_MUTEX(session_mutex);\n",
            "static DEFINE_MUTEX(session_mutex);\nstatic DEFINE_MUTEX(planted_mutex);\n",
        ),
        (
            "session.c",
            "\tsaker_synchronize_probes();\n",
            "\tsaker_synchronize_probes();\n\tmutex_lock(&planted_mutex);\n\
             \tmutex_unlock(&planted_mutex);\n",
        ),
        (
            "session.c",
            "\tret = saker_counters_fd(s->counter_area);\n\tmutex_unlock(&session_mutex);\n",
            "\tret = saker_counters_fd(s->counter_area);\n\tmutex_unlock(&session_mutex);\n\
             \tmutex_lock(&planted_mutex);\n\tmutex_lock(&session_mutex);\n\
             \tmutex_unlock(&session_mutex);\n\tmutex_unlock(&planted_mutex);\n",
        ),
    ]);
    expect(
        &report,
        &["possible circular locking dependency", "planted_mutex"],
    );
}

#[test]
#[ignore = "boots guests: make vm-debug"]
fn debug_a_pointer_without_its_read_section_is_seen() {
    let report = planted(&[(
        "session.c",
        "\tRCU_INIT_POINTER(saker_active, NULL);\n",
        "\tif (rcu_dereference(saker_active))\n\t\tRCU_INIT_POINTER(saker_active, NULL);\n",
    )]);
    expect(&report, &["suspicious RCU usage", "session.c"]);
}
