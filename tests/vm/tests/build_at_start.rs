//! The agent builds its module at the start, in a guest with a compiler and its kernel's headers and without a
//! module and without BTF; and stops building when it is told to.
//!
//! Boots guests; `make vm` runs it. `SAKER_BIN` names the agent's program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use saker_vm::scenes::{assert_says, scene};
use saker_vm::{Cache, Guest, Kernel, fetch, programs};

/// A build in an emulated machine on a busy host: seconds become minutes. The script gives it nearly as long.
const LIMIT: Duration = Duration::from_secs(3600);
/// Userland, headers and what a build makes, all in memory.
const MEMORY_MIB: u32 = 2048;
/// Kernels for which the userland's compiler and C library do.
const KERNELS: [Kernel; 2] = [Kernel::V5_10, Kernel::V6_1];

/// Each scene prints its name, what the agent said, and what is left of it.
const SCRIPT: &str = r#"
set -u
mount -t tmpfs none /sys/kernel/btf 2>/dev/null
release=$(uname -r)
built=/var/lib/saker/kmod/$release
extra=/lib/modules/$release/extra
start() {
    : >/tmp/out; : >/tmp/err
    /opt/saker run -r /rules -o http.enabled=false -o lock_file=/tmp/lock \
        -o kmod.build_timeout_s=$1 >>/tmp/out 2>>/tmp/err &
    pid=$!
}
# Not a corpse, either, which `kill -0` takes for alive.
alive() {
    case $(cat /proc/$pid/stat 2>/dev/null) in '' | *') Z '*) return 1 ;; esac
}
# Until a file says it, or the agent has ended, or a minute is over.
until_says() {
    left=600
    until grep -q "$2" $1; do
        alive && [ $((left -= 1)) -gt 0 ] || break
        sleep 0.1
    done
}
run() {
    echo "== $1"
    start 2000
    while alive && ! grep -q 'ready after\|NOT ready' /tmp/err; do sleep 0.1; done
    sh -c ': </etc/shadow'
    until_says /tmp/out 'Password hashes'
    kill -TERM $pid
    wait $pid
    echo "status $?"
    grep -o 'Password hashes' /tmp/out | head -n 1
    cat /tmp/err
    rmmod saker && echo unloaded
}

run builds
echo "bytes $(stat -c %s $built/saker.ko)"

# One that is installed and of another contract does not stand in the way of the built one.
mkdir -p $extra
sed 's/schema=0x[0-9]/schema=0xa/; t; s/schema=0x[a-f]/schema=0x0/' $built/saker.ko >$extra/saker.ko
cmp -s $built/saker.ko $extra/saker.ko && echo "the same contract"
run again

echo "== stopped"
rm -r $built $extra
mkfifo /tmp/told /tmp/never
cat >/usr/local/bin/make <<'END'
#!/bin/sh
cat /tmp/never &
for word; do case $word in M=*) dir=${word#M=};; esac; done
echo "$$ $! $dir" >/tmp/told
cat /tmp/never
END
chmod 755 /usr/local/bin/make
start 2000
# Open for writing, too, so that nobody waits for the other side; an agent that ends ends the waiting.
exec 3<>/tmp/told
(while alive; do sleep 0.2; done; echo '0 0 /nowhere' >&3) &
read -r make child dir <&3
[ -d "$dir" ] && echo "builds in $dir"
kill -TERM $pid
wait $pid
echo "status $?"
# Orphans are this machine's first program's to bury.
for one in $make $child; do
    case $(cat /proc/$one/stat 2>/dev/null) in
    '' | *') Z '*) echo "ended" ;;
    *) echo "process $one is left" ;;
    esac
done
ls -d "$dir" $built/* /tmp/saker-* 2>/dev/null
cat /tmp/err

echo "== too long"
start 1
while alive && ! grep -q 'NOT ready' /tmp/err; do sleep 0.1; done
ls -d /tmp/saker-* 2>/dev/null || echo "nothing is left"
kill -TERM $pid
wait $pid
echo "status $?"
cat /tmp/err
"#;

/// The module's source as packages carry it.
fn source(root: &Path) -> PathBuf {
    let script = programs::root().join("driver-kmod/install-source.sh");
    let output = Command::new(script).arg(root).output().expect("ran");
    assert!(output.status.success(), "{output:?}");
    root.join("usr/src")
}

#[test]
#[ignore = "boots guests: make vm"]
fn an_agent_without_a_module_builds_one_and_stops_when_told() {
    let cache = Cache::open().expect("a cache");
    let work = tempfile::tempdir().expect("a directory");
    let source = source(work.path());
    let selected = Kernel::selected().expect("kernels");
    for kernel in KERNELS {
        if !selected.contains(&kernel) {
            println!("{kernel} is not among the kernels of this run");
            continue;
        }
        let headers = fetch::kernel(&cache, kernel, false).expect("a kernel").root;
        let outcome = Guest::new(kernel)
            .userland(true)
            .memory_mib(MEMORY_MIB)
            .timeout(LIMIT)
            .file(programs::agent().expect("an agent"), "/opt/saker")
            .file(programs::root().join("rules"), "/rules")
            .file(headers.join("usr/src"), "/usr/src")
            .file(headers.join("usr/lib"), "/usr/lib")
            .file(&source, "/usr/src")
            .script(SCRIPT)
            .run(&cache)
            .expect("a run");
        print!("{}", outcome.output);
        outcome.success().expect("success");
        check(&outcome.output);
        println!("{kernel}: {:.1} s", outcome.duration.as_secs_f64());
    }
}

fn check(output: &str) {
    let says = |name, parts: &[&str]| assert_says(output, name, parts);
    let by_module = [
        "driver: kmod (eBPF does not work here: module ",
        "Password hashes",
        "status 0",
        "unloaded",
    ];
    says("builds", &by_module);
    says(
        "builds",
        &[
            "driver kmod not loaded: there is no module for kernel ",
            "driver kmod built: /var/lib/saker/kmod/",
            "driver kmod loaded: /var/lib/saker/kmod/",
        ],
    );
    let bytes = scene(output, "builds").split("bytes ").nth(1);
    let bytes: u64 = bytes.expect("a size").trim().parse().expect("a number");
    assert!(bytes < 1 << 20, "{bytes} bytes: is it stripped?");

    says("again", &by_module);
    says(
        "again",
        &[
            "driver kmod loaded: /var/lib/saker/kmod/",
            "passed over /lib/modules/",
            "of another version than this agent",
        ],
    );
    let again = scene(output, "again");
    assert!(!again.contains("kmod built"), "{again}");

    says(
        "stopped",
        &[
            "builds in /tmp/saker-kmod-",
            "status 0",
            "ended\nended\n",
            "kmod not built: the build was stopped",
            "stopped before it began",
        ],
    );
    let stopped = scene(output, "stopped");
    let left = stopped.lines().filter(|line| line.starts_with('/'));
    assert_eq!(left.count(), 0, "{stopped}");

    says(
        "too long",
        &[
            "nothing is left",
            "status 3",
            "did not end within 1 s and was killed",
            "give it longer",
        ],
    );
}
