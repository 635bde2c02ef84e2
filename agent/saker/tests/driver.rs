//! `saker driver` as its users meet it, without a kernel that loads modules and without root.

#[expect(dead_code, reason = "no agent runs here")]
mod common;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{run, saker};
use rustix::process::{Pid, Signal, kill_process};
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

/// A build whose `make` tells its number and then waits for something that never comes.
#[test]
fn a_signal_ends_a_build_and_what_it_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |path: &str| dir.path().join(path);
    let headers = [
        ("headers/Makefile", "modules:\n"),
        ("headers/Module.symvers", ""),
        ("headers/include/generated/autoconf.h", ""),
        ("headers/include/config/auto.conf", "CONFIG_MODULES=y\n"),
        (
            "headers/include/generated/utsrelease.h",
            "#define UTS_RELEASE \"1.2.3\"\n",
        ),
        ("headers/scripts/basic/fixdep", "#!/bin/sh\n"),
        ("headers/scripts/mod/modpost", "#!/bin/sh\n"),
    ];
    for (path, text) in headers {
        fs::create_dir_all(at(path).parent().expect("has one")).expect("made");
        fs::write(at(path), text).expect("written");
    }
    let script = format!(
        "#!/bin/sh\ncd {}\nmkfifo pipe\nexec 3<>pipe\necho $$ >new\nmv new number\nread nothing <&3\n",
        dir.path().display()
    );
    fs::create_dir(at("bin")).expect("made");
    fs::write(at("bin/make"), script).expect("written");
    fs::set_permissions(at("bin/make"), fs::Permissions::from_mode(0o755)).expect("changed");
    let path = std::env::var("PATH").expect("a path");
    let mut child = saker()
        .args(["driver", "build", "--headers"])
        .arg(at("headers"))
        .arg("--output")
        .arg(at("saker.ko"))
        .env("PATH", format!("{}:{path}", at("bin").display()))
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let number = wait_for(|| fs::read_to_string(at("number")).ok());
    let make: i32 = number.trim().parse().expect("a number");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("sent");
    let status = child.wait().expect("ended");
    let mut text = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("read");
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("was stopped"), "{text}");
    let stat = format!("/proc/{make}/stat");
    wait_for(|| {
        fs::read_to_string(&stat)
            .map_or(true, |stat| stat.contains(") Z"))
            .then_some(())
    });
    assert!(!at("saker.ko").exists());
}

/// Waits until something is there.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come");
        std::thread::yield_now();
    }
}
