//! The drivers' records (tests/conformance): equal on one kernel, and the module's equal on all kernels but
//! for what kernels do differently.
//!
//! Boots guests; `make vm` and `make vm-test` run it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use saker_conformance::compare::{Comparison, compare, compare_kernels};
use saker_conformance::exceptions::EXCEPTIONS;
use saker_conformance::text::Dump;
use saker_vm::{Cache, Guest, Kernel, fetch, programs};

/// On a busy host; a quarter of a minute on an idle one.
const LIMIT: Duration = Duration::from_secs(900);

const BOTH: &str = r#"
set -e
insmod /overlay.ko
/saker-conformance dump --timeout 400 --driver ebpf --out /tmp/ebpf.txt
/saker-conformance dump --timeout 400 --driver ebpf --reached --out /tmp/ebpf-reached.txt
insmod /saker.ko
/saker-conformance dump --timeout 400 --driver kmod --out /tmp/kmod.txt
/saker-conformance dump --timeout 400 --driver kmod --reached --out /tmp/kmod-reached.txt
rmmod saker
"#;

const MODULE_ONLY: &str = r#"
set -e
insmod /overlay.ko
if /saker-conformance dump --timeout 400 --driver ebpf --out /tmp/ebpf.txt; then
	echo "eBPF loads on $(uname -r): Kernel::has_ebpf is wrong"
	exit 1
fi
insmod /saker.ko
/saker-conformance dump --timeout 400 --driver kmod --out /tmp/kmod.txt
rmmod saker
"#;

#[test]
#[ignore = "boots guests: make vm"]
fn short_drivers_are_equal_and_so_are_kernels() {
    let mut dumps: Vec<(Kernel, Dump)> = Vec::new();
    for kernel in Kernel::selected().expect("kernels") {
        let dump = run(kernel).unwrap_or_else(|error| panic!("{error:#}"));
        if let Some((before, other)) = dumps.last() {
            let comparison = compare_kernels(other, &dump, EXCEPTIONS).expect("versions");
            expect_equal(&format!("module on {before} and {kernel}"), &comparison);
        }
        dumps.push((kernel, dump));
    }
}

/// The module's dump on this kernel, compared with that of the eBPF programs.
fn run(kernel: Kernel) -> Result<Dump> {
    let cache = Cache::open()?;
    let work = tempfile::tempdir()?;
    let with_ebpf = kernel.has_ebpf();
    // Files have layers there.
    let overlay = fetch::kernel(&cache, kernel, false)?
        .module("fs/overlayfs/overlay", work.path())?
        .context("overlays, a module")?;
    let mut guest = Guest::new(kernel)
        .file(
            programs::program("saker-conformance")?,
            "/saker-conformance",
        )
        .file(programs::module(kernel)?, "/saker.ko")
        .file(overlay, "/overlay.ko")
        .append("ia32_emulation=1")
        .strict(true)
        .timeout(LIMIT)
        .script(if with_ebpf { BOTH } else { MODULE_ONLY })
        .bring("/tmp/kmod.txt");
    if with_ebpf {
        for what in ["ebpf", "ebpf-reached", "kmod-reached"] {
            guest = guest.bring(format!("/tmp/{what}.txt"));
        }
    }
    let outcome = guest.run(&cache)?;
    outcome.success()?;
    let dump = |name: &str| {
        let path = format!("/tmp/{name}.txt");
        Dump::parse(outcome.text(&path)?).context(path)
    };
    let module = dump("kmod")?;
    if with_ebpf {
        expect_given(&module);
        let comparison = compare(&dump("ebpf")?, &module)?;
        expect_equal(&format!("eBPF and module on {kernel}"), &comparison);
        let reached = dump("kmod-reached")?;
        expect_reached(&reached);
        let comparison = compare(&dump("ebpf-reached")?, &reached)?;
        expect_equal(
            &format!("what eBPF and module reach on {kernel}"),
            &comparison,
        );
    }
    println!(
        "{kernel}: {} records, {:.1} s",
        module.lines().count(),
        outcome.duration.as_secs_f64()
    );
    Ok(module)
}

/// Names of opens and of execs that fail, and addresses of connects.
fn expect_given(dump: &Dump) {
    assert_eq!(dump.fact("given").expect("a fact"), "true");
    let text = dump.to_string();
    for call in ["openat2", "execve", "connect"] {
        assert!(
            text.contains(&format!(" given event={call} ")),
            "nothing of {call}"
        );
    }
}

/// Every call on names with the file it is about, and opens with theirs, elsewhere mounted ones among them.
fn expect_reached(dump: &Dump) {
    assert_eq!(dump.fact("acted").expect("a fact"), "true");
    let text = dump.to_string();
    for part in [" acted event=", " real2=\"/", " real=\"/proc\"+\"/"] {
        assert!(text.contains(part), "no {part:?}");
    }
}

fn expect_equal(what: &str, comparison: &Comparison) {
    let differences: Vec<_> = comparison
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        comparison.is_equal(),
        "{what}: {} differences, exceptions not needed: {:?}\n{}",
        differences.len(),
        comparison.stale,
        differences.join("\n")
    );
}
