//! Names that programs choose break no line and no JSON.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::lab::Lab;
use serde_json::{Value, json};

/// A file, a program and an argument: line ends, quotes, a colour, an end of a string in C, no UTF-8.
const NAME: &[u8] = b"odd\n{\"rule\":\"forged\"}\r\t\\\"'\x1b[31m\x7f\xc3\xff%fd.name";
/// How text has it.
const SHOWN: &str = r#"odd\n{\"rule\":\"forged\"}\r\t\\\"'\u001b[31m\u007f"#;
/// How JSON has it, once parsed.
const PARSED: &str = "odd\n{\"rule\":\"forged\"}\r\t\\\"'\u{1b}[31m\u{7f}\u{fffd}\u{fffd}%fd.name";

const RULES: &str = r#"
- rule: odd
  desc: A file with an odd name was opened by the program of the test.
  condition: evt.type in (open, openat) and fd.num>=0 and fd.directory=DIR/file and proc.exepath startswith DIR
  output: "[%fd.name|%fd.realpath|%proc.name|%proc.cmdline|%proc.exepath]"
  priority: INFO
"#;

/// What an agent with these settings prints about the odd ones: alerts, and lines that are none.
fn printed(json_output: bool) -> (Vec<Value>, Vec<String>, String) {
    let lab = Lab::new().expect("a laboratory");
    let directory = lab.path().display().to_string();
    let rules = lab
        .write("rules.yaml", &RULES.replace("DIR", &directory))
        .expect("written");
    let options = Options::rules([rules]).set("json_output", json!(json_output));
    let name = OsStr::from_bytes(NAME);
    let [program, file] = ["program", "file"].map(|dir| {
        let dir = lab.path().join(dir);
        fs::create_dir(&dir).expect("a directory");
        dir.join(name)
    });
    fs::copy("/bin/cat", &program).expect("copied");
    fs::write(&file, "x\n").expect("written");
    let agent = Agent::start(&options).expect("an agent");
    let done = Command::new(&program)
        .arg(&file)
        .output()
        .expect("a program");
    assert!(done.status.success(), "{done:?}");
    let stopped = agent.stop().expect("an end");
    assert_eq!(stopped.status, Some(0), "{:#?}", stopped.stderr);
    let alerts = stopped.alerts.into_iter().map(|alert| alert.json).collect();
    (alerts, stopped.other, directory)
}

#[test]
fn names_with_every_odd_byte_are_json() {
    let (alerts, other, directory) = printed(true);
    assert!(other.is_empty(), "{other:?}");
    let odd = |alert: &&Value| alert["rule"] == "odd";
    let [alert] = &alerts.iter().filter(odd).collect::<Vec<_>>()[..] else {
        panic!("one alert, not {alerts:#?}");
    };
    let fields = &alert["output_fields"];
    let file = format!("{directory}/file/{PARSED}");
    let program = format!("{directory}/program/{PARSED}");
    assert_eq!(fields["fd.name"], *file);
    assert_eq!(fields["fd.realpath"], *file);
    assert_eq!(fields["proc.exepath"], *program);
    assert_eq!(fields["proc.name"], PARSED[..15]);
}

#[test]
fn names_with_every_odd_byte_are_one_line_of_text() {
    let (alerts, other, _) = printed(false);
    assert!(alerts.is_empty(), "{alerts:#?}");
    let lines: Vec<_> = other.iter().filter(|line| line.contains("odd")).collect();
    let [line] = lines[..] else {
        panic!("one line, not {other:#?}");
    };
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.contains(SHOWN), "{line}");
}
