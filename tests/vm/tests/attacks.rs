//! The attack suite of tests/attacks in guests, whose kernels let a driver see what this host may not: the same stock
//! rules, the same attacks and twins, every output field.
//!
//! Boots guests, and needs the stock rules (`SAKER_COMPAT`): `make vm-attacks`, or `make vm` where they are.

use std::path::PathBuf;
use std::time::Duration;

use saker_vm::{Cache, Guest, Kernel, fetch, packages, programs};

/// Longest run, of some 290 actions: 10 minutes on a busy host, three times that on a very busy one.
const LIMIT: Duration = Duration::from_secs(3600);
/// A userland, containers and what is in them, all in memory.
const MEMORY_MIB: u32 = 3072;
/// The stock rules and Falco's alerts in a guest.
const COMPAT: &str = "/compat";

/// What the suite wants of a host: overlays and a root that a runtime can leave, which an initramfs is not. The suite
/// goes on in there.
const HOST: &str = "\
set -e
insmod /overlay.ko
mkdir -p /top
mount --rbind / /top
cd /top
mount --move . /
exec chroot . /bin/sh -eu /attacks/run.sh
";
/// And hierarchies of cgroups as this host's, as far as the kernel has them (Debian's 6.12 has none of cpuset and
/// memory), names, a profile, and an address beside that of loopback: it stands for
/// the ends of sockets that are bound to none.
const RUN: &str = "\
umount /sys/fs/cgroup
mount -t tmpfs tmpfs /sys/fs/cgroup
for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
	mkdir /sys/fs/cgroup/$controller
	mount -t cgroup -o $controller cgroup /sys/fs/cgroup/$controller || rmdir /sys/fs/cgroup/$controller
done
ln -s /saker-vm/busybox /usr/bin/busybox
: > /etc/resolv.conf
cp /usr/share/base-files/profile /etc/profile
ip address add 198.18.0.1/32 dev lo
failed=0
";
/// The attacks and twins, what must raise nothing, each alone.
const ATTACKS: Suite = Suite {
    program: "attacks",
    tests: "compat_attacks",
};
/// Ordinary work, of which real names must raise nothing more than given ones.
const BUSY: Suite = Suite {
    program: "busy",
    tests: "",
};

/// Where a kernel's own module of overlays is.
const OVERLAYS: &str = "kernel/fs/overlayfs";

/// How the suite begins a line about an attack that the driver cannot tell.
const NOT_SEEN: &str = "not seen here";

/// Why, of requests of io_uring that 5.10 does not have.
const OLD_RINGS: &str = "needs requests that this kernel has";

/// A test program of tests/attacks, and which of its tests.
#[derive(Debug, Clone, Copy)]
struct Suite {
    program: &'static str,
    tests: &'static str,
}

/// Directory of the stock rules.
fn compat() -> PathBuf {
    let directory = std::env::var_os("SAKER_COMPAT").map(PathBuf::from);
    let directory = directory.unwrap_or_else(|| programs::root().join("../shared/compat"));
    assert!(
        directory.join("falco-rules").is_dir(),
        "no stock rules in {}: set SAKER_COMPAT to their directory (make vm-attacks)",
        directory.display()
    );
    directory
}

/// `SAKER_TEST_ATTACKS`, as for a run on the host.
fn only() -> String {
    std::env::var("SAKER_TEST_ATTACKS").unwrap_or_default()
}

/// Runs a suite with `driver`, of its actions those that `only` is part of. What it printed.
fn run(suite: Suite, kernel: Kernel, driver: &str, only: &str) -> String {
    let cache = Cache::open().expect("a cache");
    let files = fetch::kernel(&cache, kernel, false).expect("a kernel");
    let overlays = files.modules().expect("its modules").join(OVERLAYS);
    // insmod takes either.
    let overlay = ["overlay.ko", "overlay.ko.xz"].map(|name| overlays.join(name));
    let overlay = overlay.iter().find(|path| path.exists());
    let (_, program) = programs::tests("saker-tests-attacks")
        .expect("test programs")
        .into_iter()
        .find(|(name, _)| name == suite.program)
        .expect("the suite");
    let mut run = RUN.to_owned();
    run += &format!(
        "/attacks/suite --ignored --nocapture {} || failed=1\n",
        suite.tests
    );
    let mut guest = Guest::new(kernel)
        .userland(true)
        .memory_mib(MEMORY_MIB)
        .timeout(LIMIT)
        .file(programs::agent().expect("an agent"), "/usr/bin/saker")
        .file(program, "/attacks/suite")
        .file(compat(), COMPAT)
        .file(overlay.expect("overlays, a module"), "/overlay.ko")
        .environment("SAKER_BIN", "/usr/bin/saker")
        .environment("SAKER_COMPAT", COMPAT)
        .environment("SAKER_TEST_DRIVER", driver)
        .environment("SAKER_TEST_ATTACKS", only)
        .environment("SAKER_TEST_ACTED", "told");
    if driver == "kmod" {
        let module = programs::module(kernel).expect("a module");
        guest = guest.file(module, "/saker.ko");
        run.insert_str(0, "insmod /saker.ko\n");
        run += "rmmod saker || failed=1\n";
    }
    run += "exit $failed\n";
    let dir = tempfile::tempdir().expect("a directory");
    let script = dir.path().join("run.sh");
    std::fs::write(&script, run).expect("written");
    if suite.program == BUSY.program {
        let packages = packages::directory(&cache).expect("packages");
        guest = guest
            .file(packages, "/packages")
            .environment("SAKER_TEST_BUSY", "guest");
    }
    let outcome = guest
        .file(script, "/attacks/run.sh")
        .script(HOST)
        .run(&cache);
    let outcome = outcome.expect("a run");
    println!("{}", outcome.output);
    println!("{kernel} {driver}: {:.1} s", outcome.duration.as_secs_f64());
    outcome.success().expect("success");
    assert!(outcome.output.contains("test result: ok. 1 passed"));
    outcome.output
}

/// Attacks with `driver`; what it cannot tell is listed.
fn attack(kernel: Kernel, driver: &str, only: &str) {
    let output = run(ATTACKS, kernel, driver, only);
    let unseen = output.lines();
    let unseen: Vec<_> = unseen.filter(|line| line.starts_with(NOT_SEEN)).collect();
    // Old kernels do not have all requests of io_uring, and nothing else may be missing.
    let old = kernel == Kernel::V5_10 && unseen.iter().all(|line| line.contains(OLD_RINGS));
    assert!(unseen.is_empty() || old, "{unseen:#?}");
}

#[test]
#[ignore = "boots a guest and needs SAKER_COMPAT: make compat"]
fn compat_hidden_names_with_ebpf() {
    attack(Kernel::V6_1, "ebpf", "acted_paths");
}

#[test]
#[ignore = "boots guests and needs SAKER_COMPAT: make vm-attacks"]
fn attacks_with_ebpf() {
    attack(Kernel::V6_1, "ebpf", &only());
}

#[test]
#[ignore = "boots guests and needs SAKER_COMPAT: make vm-attacks"]
fn attacks_with_the_module() {
    for kernel in Kernel::selected().expect("kernels") {
        attack(kernel, "kmod", &only());
    }
}

#[test]
#[ignore = "boots a guest and needs SAKER_COMPAT: make vm-attacks"]
fn attacks_none_in_ordinary_work_with_ebpf() {
    run(BUSY, Kernel::V6_1, "ebpf", &only());
}

#[test]
#[ignore = "boots guests and needs SAKER_COMPAT: make vm-attacks"]
fn attacks_none_in_ordinary_work_with_the_module() {
    for kernel in Kernel::selected().expect("kernels") {
        run(BUSY, kernel, "kmod", &only());
    }
}
