//! The bed itself: a guest does what it should, and everything that goes wrong in one is seen.
//!
//! Boots guests; `make vm` and `make vm-test` run it.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel};

/// Longest run of a guest that is meant to hang.
const HANG: Duration = Duration::from_secs(20);

fn cache() -> Cache {
    Cache::open().expect("a cache")
}

/// What the guest says about a script that is to fail.
fn failure(guest: &Guest) -> String {
    let error = guest.run(&cache()).expect_err("a failure");
    format!("{error:#}")
}

fn guest(script: &str) -> Guest {
    Guest::new(Kernel::V6_1).script(script)
}

/// File systems, devices, network and ways back.
const HELLO: &str = r#"
set -eu
echo "hello from $(uname -r) $NAME" >&2
for type in devtmpfs proc sysfs tmpfs devpts debugfs tracefs bpf securityfs cgroup2; do
    grep -q " $type " /proc/mounts || { echo "no $type"; exit 1; }
done
test "$(id -u)" = 0
test -w /dev/shm
test -x /files/tool
test "$(cat /files/sub/text)" = text
ping -c 1 127.0.0.1 >/dev/null
ping -6 -c 1 ::1 >/dev/null
# In the background once it listens.
httpd -p 127.0.0.1:80 -h /files
test "$(wget -q -O- http://127.0.0.1/sub/text)" = text
cat /files/bytes /files/bytes >/tmp/twice
"#;

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_guests_run_scripts_and_bring_files_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(100_001).collect();
    std::fs::write(dir.path().join("bytes"), &bytes).expect("written");
    std::fs::create_dir(dir.path().join("sub")).expect("made");
    std::fs::write(dir.path().join("sub/text"), "text\n").expect("written");
    std::os::unix::fs::symlink("/saker-vm/busybox", dir.path().join("tool")).expect("linked");
    for kernel in Kernel::selected().expect("kernels") {
        let outcome = Guest::new(kernel)
            .file(dir.path(), "/files")
            .environment("NAME", "guest")
            .script(HELLO)
            .strict(true)
            .bring("/tmp/twice")
            .run(&cache())
            .expect("a run");
        outcome.success().expect("success");
        let hello = format!(
            "hello from {}",
            if kernel == Kernel::Sid {
                ""
            } else {
                kernel.name()
            }
        );
        assert!(outcome.output.starts_with(&hello), "{}", outcome.output);
        assert!(outcome.output.contains(" guest\n"), "{}", outcome.output);
        assert_eq!(
            outcome.files["/tmp/twice"],
            [bytes.clone(), bytes.clone()].concat()
        );
        println!("{kernel}: {:.1} s", outcome.duration.as_secs_f64());
    }
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_failed_script_is_seen() {
    let outcome = guest("echo reason; exit 3").run(&cache()).expect("a run");
    assert_eq!(outcome.status, 3);
    let error = outcome.success().expect_err("status 3").to_string();
    assert!(
        error.contains("status 3") && error.contains("reason"),
        "{error}"
    );
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_missing_verdict_is_seen() {
    let error = failure(&guest("echo last words; poweroff -f; while :; do :; done"));
    assert!(error.contains("without a verdict"), "{error}");
    assert!(error.contains("last words"), "{error}");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_complaint_of_the_kernel_is_seen() {
    let script = "echo 'WARNING: CPU: 0 PID: 1 at planted.c:1' >/dev/kmsg";
    let error = failure(&guest(script));
    assert!(error.contains("complained"), "{error}");
    assert!(error.contains("planted.c"), "{error}");
    let outcome = guest(script).allow_complaints().run(&cache());
    assert_eq!(outcome.expect("a run").complaints.len(), 1);
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_crash_is_seen_at_once() {
    let error = failure(&guest("echo c >/proc/sysrq-trigger").timeout(Duration::from_secs(120)));
    assert!(error.contains("without a verdict"), "{error}");
    assert!(error.contains("sysrq triggered crash"), "{error}");
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_hanging_guest_is_killed() {
    let error = failure(&guest("echo begun; sleep 1000").timeout(HANG));
    assert!(error.contains("killed after 20 s"), "{error}");
}

#[test]
#[ignore = "boots guests: make vm"]
fn a_boot_that_hangs_is_seen() {
    let dir = tempfile::tempdir().expect("a directory");
    let init = dir.path().join("init");
    std::fs::write(
        &init,
        "#!/saker-vm/busybox sh\nexec /saker-vm/busybox sleep 1000\n",
    )
    .expect("written");
    std::fs::set_permissions(&init, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let hanging = guest("true").file(init, "/hang").append("rdinit=/hang");
    let error = failure(&hanging.timeout(HANG));
    assert!(
        error.contains("killed after 20 s while it booted"),
        "{error}"
    );
}

#[test]
#[ignore = "boots guests: make vm-test"]
fn short_a_missing_file_is_seen() {
    let error = failure(&guest("true").bring("/tmp/none"));
    assert!(error.contains("/tmp/none"), "{error}");
}
