//! What the module's source says to headers it cannot be built with (`kmod/compat/compat.h`), asked of the
//! preprocessor alone: made-up headers are enough.

use std::fs;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kmod/compat/compat.h");

const NORMAL: [&str; 3] = ["CONFIG_X86_64", "CONFIG_TRACEPOINTS", "SAKER_HAVE_BASELINE"];

/// The preprocessor's errors about headers of kernel `version` with these macros.
fn errors(version: (u32, u32, u32), macros: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    let text = fs::read_to_string(SOURCE).expect(SOURCE);
    let write = |file: &str, text: &str| {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().expect("has one")).expect("made");
        fs::write(path, text).expect("written");
    };
    for line in text.lines() {
        let included = line.strip_prefix("#include ");
        if let Some(file) = included.map(|name| name.trim_matches(['"', '<', '>'])) {
            write(file, "");
        }
    }
    let (major, minor, patch) = version;
    write(
        "linux/version.h",
        &format!(
            "#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))\n\
             #define LINUX_VERSION_CODE KERNEL_VERSION({major}, {minor}, {patch})\n"
        ),
    );
    write("compat.h", &text);
    preprocess(dir.path(), macros)
}

fn preprocess(dir: &Path, macros: &[&str]) -> Vec<String> {
    let output = Command::new("gcc")
        .args(["-E", "-nostdinc", "-I."])
        .args(macros.iter().map(|name| format!("-D{name}=1")))
        .args(["compat.h", "-o", "/dev/null"])
        .env("LC_ALL", "C")
        .current_dir(dir)
        .output()
        .expect("gcc (apt-get install gcc)");
    let text = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<String> = text
        .lines()
        .filter(|line| line.contains("error:"))
        .map(str::to_owned)
        .collect();
    assert_eq!(output.status.success(), errors.is_empty(), "{text}");
    errors
}

#[test]
fn kernels_out_of_range_are_told_so_in_one_sentence() {
    for version in [(3, 10, 0), (4, 18, 0), (6, 1, 0), (7, 99, 255)] {
        assert_eq!(errors(version, &NORMAL), [""; 0], "{version:?}");
    }
    for (version, sentence) in [
        ((3, 9, 255), "needs Linux 3.10 or newer"),
        ((2, 6, 32), "needs Linux 3.10 or newer"),
        ((8, 0, 0), "take a newer Saker"),
    ] {
        let said = errors(version, &NORMAL);
        assert!(said.len() == 1 && said[0].contains(sentence), "{said:?}");
    }
}

#[test]
fn what_the_kernel_must_have_is_named() {
    for (without, sentence) in [
        ("CONFIG_X86_64", "system calls of x86-64 only"),
        ("CONFIG_TRACEPOINTS", "a kernel with CONFIG_TRACEPOINTS"),
        ("SAKER_HAVE_BASELINE", "compat/probed.log"),
    ] {
        let macros = NORMAL.map(|name| if name == without { "NOTHING" } else { name });
        let said = errors((6, 1, 0), &macros);
        assert!(said.len() == 1 && said[0].contains(sentence), "{said:?}");
    }
}
