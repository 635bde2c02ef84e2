//! `saker driver` as its users meet it, without a kernel that loads modules and without root.

#[expect(dead_code, reason = "no agent runs here")]
mod common;

use std::fs;
use std::path::Path;

use common::{run, saker};
use serde_json::Value as Json;

#[test]
fn what_is_missing_for_a_build_is_one_message_with_packages() {
    let output = run(saker()
        .args([
            "driver",
            "build",
            "--kernel",
            "1.2.3-none",
            "--source",
            "/no/such",
        ])
        .env("PATH", "/no/such"));
    assert_eq!(output.status, 1);
    assert_eq!(output.stdout, "");
    let text = output.stderr;
    assert!(
        text.starts_with("saker: the module cannot be built for kernel 1.2.3-none; missing:\n  * "),
        "{text}"
    );
    for word in [
        "/lib/modules/1.2.3-none/build",
        "no Kbuild in /no/such",
        "1.2.3-none",
        "--headers",
        "--source",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_key_without_its_certificate_is_a_wrong_command_line() {
    let output = run(saker().args(["driver", "build", "--sign-key", "k"]));
    assert_eq!(output.status, 2);
    assert!(output.stderr.contains("--sign-cert"), "{}", output.stderr);
}

#[test]
fn keys_that_cannot_be_read_are_told_before_anything_else() {
    let output = run(saker()
        .args(["driver", "build", "--kernel", "1.2.3"])
        .args(["--sign-key", "/no/such/key", "--sign-cert", "/no/such/cert"]));
    assert_eq!(output.status, 1);
    assert_eq!(
        output.stderr,
        "saker: /no/such/key: No such file or directory (os error 2)\n  \
         = hint: name the key with --sign-key and its certificate with --sign-cert\n"
    );
}

#[test]
fn garbage_is_not_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("saker.ko");
    fs::write(&file, "garbage").expect("written");
    let output = run(saker().args(["driver", "load"]).arg(&file));
    assert_eq!(output.status, 1);
    // A kernel without modules says that first.
    let expected = if Path::new("/proc/modules").exists() {
        "no kernel module"
    } else {
        "built without modules"
    };
    let text = output.stderr;
    let loaded = text.contains("loaded already");
    assert!(text.contains(expected) || loaded, "{text}");
    assert!(text.contains("\n  = hint: "), "{text}");
}

#[test]
fn status_is_told_as_text_and_as_json() {
    let text = run(saker().args(["driver", "status"]));
    let json = run(saker().args(["driver", "status", "--format", "json"]));
    assert_eq!(text.status, json.status);
    let page: Json = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(page["usable"], Json::Bool(json.status == 0));
    assert_eq!(page["action"].is_null(), json.status == 0);
    let release = page["kernel"].as_str().expect("a kernel");
    assert!(
        text.stdout.starts_with(&format!("kernel   {release}")),
        "{}",
        text.stdout
    );
    assert_eq!(
        page["modules_possible"],
        Json::Bool(Path::new("/proc/modules").exists())
    );
}
