//! `saker driver` with real headers and real kernels: builds from the source as packages carry it, loads
//! in guests, and is refused there in every way that can be had.
//!
//! Boots guests; `make vm` runs it all and `make test` the first. `SAKER_BIN` names the agent's program.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use saker_vm::scenes::{assert_says, scene};
use saker_vm::{Cache, Guest, Kernel, fetch};

/// Those that compilers of this system build modules for.
const KERNELS: [Kernel; 2] = [Kernel::V5_10, Kernel::V6_1];

/// Each scene prints its name, what the command said, and its status.
const SCENE: &str = r#"
set -u
scene() { echo "== $1"; shift; "$@" 2>&1; echo "status $?"; }
saker() { /opt/saker driver "$@"; }
"#;

const USUAL: &str = r#"
release=$(uname -r)
scene empty-status saker status
scene empty-load saker load
scene empty-unload saker unload
echo garbage > /tmp/bad.ko
scene garbage saker load /tmp/bad.ko
head -c 100000 /saker.ko > /tmp/bad.ko
scene cut saker load /tmp/bad.ko
scene other-kernel saker load /other-kernel.ko
scene other-contract saker load /other-contract.ko

mkdir -p /var/lib/saker/kmod/$release
cp /saker.ko /var/lib/saker/kmod/$release/
scene built saker load
scene status saker status
scene json saker status --format json
scene again saker load
exec 7<>/dev/saker
scene busy saker unload
exec 7>&-
scene unload saker unload

mkdir -p /lib/modules/$release/updates/dkms
mv /saker.ko /lib/modules/$release/updates/dkms/
scene installed saker load
scene unload-installed saker unload
scene container unshare -U /opt/saker driver load
echo integrity > /sys/kernel/security/lockdown
scene locked saker load
echo 1 > /proc/sys/kernel/modules_disabled
scene disabled saker load
"#;

const SIGNATURES: &str = r#"
scene unsigned saker load /saker.ko
scene foreign saker load /signed.ko
"#;

fn agent() -> OsString {
    std::env::var_os("SAKER_BIN").expect("SAKER_BIN names the agent's program")
}

/// Runs `saker driver build`; `Err` is what it wrote to standard error when it failed.
fn build<A: AsRef<OsStr>>(source: &Path, arguments: &[A]) -> Result<String, String> {
    let output = Command::new(agent())
        .args(["driver", "build", "--source"])
        .arg(source)
        .args(arguments)
        .output()
        .expect("ran");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() {
        Ok(out + &err)
    } else {
        Err(err)
    }
}

/// The module's source as packages carry it.
fn source(root: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../driver-kmod/install-source.sh");
    let output = Command::new(script).arg(root).output().expect("ran");
    assert!(output.status.success(), "{output:?}");
    let path = String::from_utf8(output.stdout).expect("UTF-8");
    PathBuf::from(path.trim_end())
}

/// A module whose file names another contract.
fn with_other_contract(module: &Path, to: &Path) {
    let mut bytes = fs::read(module).expect("read");
    let mark = b"schema=0x";
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark)
        .expect("the module names its contract");
    let digit = &mut bytes[at + mark.len()];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    fs::write(to, bytes).expect("written");
}

/// A module without its appended signature: signature, 12 bytes that end with its length, a mark.
fn without_signature(module: &Path, to: &Path) {
    let bytes = fs::read(module).expect("read");
    let rest = bytes.strip_suffix(b"~Module signature appended~\n");
    let rest = rest.expect("a signature");
    let (rest, length) = rest.split_last_chunk().expect("a length");
    let length = u32::from_be_bytes(*length) as usize + 8;
    fs::write(to, &rest[..rest.len() - length]).expect("written");
}

#[test]
#[ignore = "boots guests: make vm"]
fn short_the_module_is_built_loaded_and_refused_as_it_should_be() {
    let cache = Cache::open().expect("a cache");
    let work = tempfile::tempdir().expect("a directory");
    let source = source(work.path());
    let module = |kernel: Kernel| work.path().join(format!("{kernel}.ko"));
    for kernel in KERNELS {
        let files = fetch::kernel(&cache, kernel, false).expect("a kernel");
        let headers = files.headers_path();
        let output = module(kernel);
        let arguments = [
            OsStr::new("--headers"),
            headers.as_os_str(),
            OsStr::new("--output"),
            output.as_os_str(),
        ];
        let said = build(&source, &arguments).expect("built");
        assert!(
            said.contains(&format!("for kernel {}", files.release)),
            "{said}"
        );
        println!("{kernel}: {said}");

        let mut wrong = arguments.to_vec();
        wrong.extend([OsStr::new("--kernel"), OsStr::new("1.2.3")]);
        let said = build(&source, &wrong).expect_err("other headers");
        assert!(
            said.contains(&format!("kernel {}, not of 1.2.3", files.release)),
            "{said}"
        );
    }
    let other_contract = work.path().join("other-contract.ko");
    for (kernel, other) in [KERNELS, [KERNELS[1], KERNELS[0]]].map(|[one, other]| (one, other)) {
        with_other_contract(&module(kernel), &other_contract);
        let outcome = Guest::new(kernel)
            .strict(true)
            .file(agent(), "/opt/saker")
            .file(module(kernel), "/saker.ko")
            .file(module(other), "/other-kernel.ko")
            .file(&other_contract, "/other-contract.ko")
            .script(format!("{SCENE}{USUAL}"))
            .run(&cache)
            .expect("a run");
        outcome.success().expect("success");
        check_usual(&outcome.output);
        println!("{kernel}: {:.1} s", outcome.duration.as_secs_f64());
    }
}

fn check_usual(output: &str) {
    let says = |name, parts: &[&str]| assert_says(output, name, parts);
    says(
        "empty-status",
        &[
            "module   not loaded",
            "device   absent",
            "-> saker driver build",
            "status 1",
        ],
    );
    says("empty-load", &["there is no module for kernel", "status 1"]);
    says(
        "empty-unload",
        &["saker: the module is not loaded\nstatus 1"],
    );
    says(
        "garbage",
        &[
            "bad.ko: it is no kernel module: not an ELF file",
            "status 1",
        ],
    );
    says("cut", &["bad.ko: it is cut off or damaged", "status 1"]);
    says(
        "other-kernel",
        &[
            "/other-kernel.ko is for kernel ",
            ", this one is ",
            "status 1",
        ],
    );
    says(
        "other-contract",
        &[
            "of another version than this agent",
            "saker driver build",
            "status 1",
        ],
    );
    says("built", &["loaded /var/lib/saker/kmod/", "status 0"]);
    says(
        "status",
        &["live, used by 0", "device   answers and fits", "status 0"],
    );
    says(
        "json",
        &["\"usable\":true", "\"device\":\"fits\"", "status 0"],
    );
    says("again", &["loaded already", "status 1"]);
    says(
        "busy",
        &["the module is in use by process ", " (sh)\n", "status 1"],
    );
    assert!(
        !scene(output, "busy").contains("(saker)"),
        "itself: {output}"
    );
    says("unload", &["unloaded\nstatus 0"]);
    says("installed", &["/updates/dkms/saker.ko", "status 0"]);
    says("unload-installed", &["unloaded\nstatus 0"]);
    says(
        "container",
        &[
            "this process may not load modules",
            "outside of containers",
            "status 1",
        ],
    );
    says(
        "locked",
        &["locked down (integrity)", "--sign-key", "status 1"],
    );
    says(
        "disabled",
        &["switched off until the next boot", "status 1"],
    );
}

#[test]
#[ignore = "boots guests: make vm"]
fn kernels_that_demand_signatures_say_what_is_wrong_with_them() {
    let cache = Cache::open().expect("a cache");
    let kernel = Kernel::V6_1;
    let work = tempfile::tempdir().expect("a directory");
    let source = source(work.path());
    let headers = fetch::kernel(&cache, kernel, false)
        .expect("a kernel")
        .headers_path();
    let path = |name: &str| work.path().join(name);
    let made = Command::new("openssl")
        .args([
            "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
        ])
        .args(["-subj", "/CN=saker/", "-outform", "DER", "-keyout"])
        .arg(path("key"))
        .arg("-out")
        .arg(path("cert"))
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{made:?}");

    let arguments: [(&str, PathBuf); 4] = [
        ("--headers", headers),
        ("--output", path("signed.ko")),
        ("--sign-key", path("key")),
        ("--sign-cert", path("cert")),
    ];
    let arguments = arguments.map(|(name, value)| [name.into(), value.into_os_string()]);
    let said = build(&source, arguments.as_flattened()).expect("built and signed");
    assert!(said.ends_with(", signed\n"), "{said}");
    without_signature(&path("signed.ko"), &path("saker.ko"));

    let outcome = Guest::new(kernel)
        .append("module.sig_enforce=1")
        .file(agent(), "/opt/saker")
        .file(path("saker.ko"), "/saker.ko")
        .file(path("signed.ko"), "/signed.ko")
        .script(format!("{SCENE}{SIGNATURES}"))
        .run(&cache)
        .expect("a run");
    outcome.success().expect("success");
    let says = |name, parts: &[&str]| assert_says(&outcome.output, name, parts);
    says(
        "unsigned",
        &[
            "it is not signed",
            "= kernel: Loading of unsigned",
            "--sign-key",
            "status 1",
        ],
    );
    says(
        "foreign",
        &[
            "not with a key this kernel trusts",
            "mokutil --import",
            "status 1",
        ],
    );
}
