//! Compiles the script: a static program without a libc, see `script/sys.h`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// No libc, no unwinding, no protection that needs one; not relocated, so that addresses in records are
/// the same in every run.
const FLAGS: &[&str] = &[
    "-std=gnu11",
    "-O1",
    "-Wall",
    "-Wextra",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-pic",
    "-fno-pie",
    "-fcf-protection=none",
    "-fno-asynchronous-unwind-tables",
    "-nostdlib",
    "-no-pie",
    "-static",
    "-Wl,--build-id=none",
];

fn main() {
    println!("cargo::rerun-if-changed=script");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut sources: Vec<PathBuf> = fs::read_dir("script")
        .expect("the script's directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    let mut compile = cc::Build::new().get_compiler().to_command();
    // After cc's own flags, which may say the opposite.
    compile.args(&sources).args(FLAGS);
    compile.arg("-o").arg(out.join("conformance-script"));
    let done = compile.output().unwrap_or_else(|error| {
        panic!("{compile:?}: {error}\nIt needs a C compiler: apt-get install gcc")
    });
    let said = String::from_utf8_lossy(&done.stderr);
    for line in said.lines().filter(|line| line.contains("warning:")) {
        println!("cargo::warning={line}");
    }
    assert!(
        done.status.success() && Path::new(&out).is_dir(),
        "the script does not compile:\n{said}\nIt needs the kernel's headers: apt-get install \
         linux-libc-dev"
    );
}
