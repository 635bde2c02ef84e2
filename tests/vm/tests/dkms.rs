//! DKMS of this system installs the module for a kernel of the test bed, from the source as packages carry it,
//! and the agent in a guest takes what it has installed.
//!
//! Boots guests; `make vm` runs it. `SAKER_BIN` names the agent's program.

use std::path::Path;
use std::process::Command;

use saker_vm::scenes::{assert_says, scene};
use saker_vm::{Cache, Guest, Kernel, fetch, programs};

/// Debian's headers name the compiler, and this system has it.
const KERNEL: Kernel = Kernel::V6_1;

/// In a mount namespace of its own, where DKMS has this system's places for itself: installs the module whose
/// source is in `$1` for kernel `$2` with headers `$3`, and brings what it installed to `$4`. Then once more as it
/// does for a kernel that comes later.
const HOST_SCRIPT: &str = r#"
set -eu
source=$1 release=$2 headers=$3 to=$4
for place in /usr/src /lib/modules /var/lib/dkms; do
    mount -t tmpfs none $place
done
cp -r "$source" /usr/src
module=saker/${source##*/saker-}
mkdir /lib/modules/$release
ln -s "$headers" /lib/modules/$release/build
try() {
    "$@" || { cat /var/lib/dkms/$module/build/make.log; exit 1; }
    dkms status $module -k $release
}
echo "== installed"
try dkms install $module -k $release
cp -r /lib/modules/$release/updates "$to"
dkms unbuild $module -k $release
echo "== again"
try dkms autoinstall -k $release
echo "== removed"
dkms remove $module --all
find /lib/modules /var/lib/dkms -name 'saker*'
"#;

/// In the guest.
const SCRIPT: &str = r#"
echo "== loaded"
/opt/saker driver load && /opt/saker driver status
echo "status $?"
echo "== attached"
/opt/saker doctor --driver kmod
echo "status $?"
"#;

/// Runs a command of the host; returns what it wrote, if it succeeded.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("ran");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}

#[test]
#[ignore = "boots guests: make vm"]
fn the_agent_takes_what_dkms_installs() {
    let cache = Cache::open().expect("a cache");
    let work = tempfile::tempdir().expect("a directory");
    let install = programs::root().join("driver-kmod/install-source.sh");
    let said = run(Command::new(install).arg(work.path())).expect("the source");
    let files = fetch::kernel(&cache, KERNEL, false).expect("a kernel");
    let (release, updates) = (&files.release, work.path().join("updates"));
    // A host without modules lacks the directory for the mount.
    let made = std::fs::create_dir("/lib/modules").is_ok();
    let said = run(Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .args(["sh", "-c", HOST_SCRIPT, "sh", said.trim_end(), release])
        .arg(files.headers_path())
        .arg(&updates));
    if made {
        std::fs::remove_dir("/lib/modules").expect("empty: all was in the namespace");
    }
    let said = said.unwrap_or_else(|said| panic!("{said}"));
    println!("{said}");
    let installed = format!("{release}, x86_64: installed");
    for name in ["installed", "again"] {
        assert_says(&said, name, &[&installed]);
    }
    let removed = scene(&said, "removed");
    let left = removed.lines().filter(|line| line.starts_with('/'));
    assert_eq!(left.count(), 0, "{removed}");
    check_file(&updates.join("dkms/saker.ko"));

    let outcome = Guest::new(KERNEL)
        .strict(true)
        .file(programs::agent().expect("an agent"), "/opt/saker")
        .file(updates, format!("/lib/modules/{release}/updates"))
        .script(SCRIPT)
        .run(&cache)
        .expect("a run");
    outcome.success().expect("success");
    let says = |name, parts: &[&str]| assert_says(&outcome.output, name, parts);
    let loaded = format!("loaded /lib/modules/{release}/updates/dkms/saker.ko");
    says("loaded", &[&loaded, "answers and fits", "status 0"]);
    says(
        "attached",
        &["ok  kmod attached: ", "canary seen", "status 0"],
    );
    println!("{KERNEL}: {:.1} s", outcome.duration.as_secs_f64());
}

/// It is stripped, and signed after that.
fn check_file(module: &Path) {
    let bytes = std::fs::read(module).expect("installed");
    assert!(
        bytes.len() < 1 << 20,
        "{} bytes: is it stripped?",
        bytes.len()
    );
    let signed = bytes.ends_with(b"~Module signature appended~\n");
    assert!(signed, "DKMS found sign-file and made a key");
}
