//! Golden captures: what they replay to, at any number of workers, and what becomes of damaged files.

#[expect(dead_code, reason = "no agent runs here")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Output, run, saker};

/// Set to write what is replayed as what is expected (CONTRIBUTING.md).
const BLESS: &str = "SAKER_BLESS";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/captures")
}

fn golden() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).expect("tests/captures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "saker"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn replay(file: &Path, arguments: &[&str]) -> Output {
    let mut command = saker();
    command.env("TZ", "UTC").args(["replay", "--json", "-r"]);
    command.arg(directory().join("rules.yaml")).arg(file);
    run(command
        .args(arguments)
        .args(["-o", "time_format_iso_8601=true"]))
}

#[test]
fn golden_captures_replay_to_the_alerts_kept_with_them() {
    for file in golden() {
        let expected = file.with_extension("alerts.json");
        for workers in ["1", "2", "4"] {
            let replayed = replay(&file, &["--workers", workers]);
            assert_eq!(replayed.status, 0, "{}", replayed.stderr);
            assert!(replayed.stderr.contains("a second"), "{}", replayed.stderr);
            if workers == "1" && std::env::var_os(BLESS).is_some() {
                fs::write(&expected, &replayed.stdout).expect("written");
            }
            let kept = fs::read_to_string(&expected).expect("what is expected");
            assert!(kept.lines().count() > 5, "{}", expected.display());
            for (line, (replayed, kept)) in (1..).zip(replayed.stdout.lines().zip(kept.lines())) {
                let place = expected.display();
                assert_eq!(replayed, kept, "{place}:{line} with {workers} workers");
            }
            assert_eq!(replayed.stdout, kept, "{} alerts", expected.display());
        }
        let bytes = fs::metadata(&file).expect("there").len();
        assert!(bytes < 100 << 10, "{}: {bytes} bytes", file.display());
    }
}

#[test]
fn a_cut_file_gives_its_alerts_and_says_where_it_ends() {
    let file = &golden()[0];
    let dir = tempfile::tempdir().expect("a directory");
    let cut = dir.path().join("cut.saker");
    let bytes = fs::read(file).expect("read");
    fs::write(&cut, &bytes[..bytes.len() - 10]).expect("written");
    let whole = replay(file, &[]);
    let replayed = replay(&cut, &[]);
    assert_eq!(replayed.status, 1);
    assert_eq!(replayed.stdout, whole.stdout, "only the end is missing");
    assert!(
        replayed
            .stderr
            .contains("cut.saker: the file ends early, at offset"),
        "{}",
        replayed.stderr
    );
    let salvaged = replay(&cut, &["--salvage"]);
    assert_eq!((salvaged.status, &salvaged.stdout), (0, &whole.stdout));
    assert!(salvaged.stderr.contains("warning:"), "{}", salvaged.stderr);
}

#[test]
fn files_that_are_none_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("x");
    for (bytes, what) in [
        (&b""[..], "no capture file"),
        (b"not a capture", "no capture file"),
        (b"SAKERCAP\x63\0\0\0\x58\x21\xeb\x40", "offset 0"),
    ] {
        fs::write(&file, bytes).expect("written");
        let refused = replay(&file, &[]);
        assert_eq!(refused.status, 1);
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }
    let refused = replay(&golden()[0], &["--workers", "3"]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("power of two"),
        "{}",
        refused.stderr
    );
}
