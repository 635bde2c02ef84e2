//! Golden lines: what people's tools parse must not change.

use std::sync::Arc;

use jiff::tz::{self, TimeZone};
use saker_alerts::{Alert, FormatOptions, Formatter, JsonOptions, Priority, RuleLabel};
use serde_json::{Value, json};

fn alert() -> Alert {
    Alert {
        rule: Arc::new(RuleLabel {
            name: "Read \"secret\" file".into(),
            priority: Priority::Warning,
            source: "syscall".into(),
            tags: vec!["T1555".into(), "host".into()],
        }),
        time_ns: 1_795_291_768_095_281_856,
        message: r#"Read | file=/etc/sha\"dow tty=0"#.into(),
        fields: vec![
            ("proc.tty".into(), json!(34816)),
            ("container.id".into(), json!("host")),
            ("proc.aname[2]".into(), Value::Null),
            ("evt.time".into(), json!(1)),
            ("fd.name".into(), json!("/etc/sha\"dow\u{fffd}")),
        ],
    }
}

fn print(options: FormatOptions) -> String {
    let zone = TimeZone::fixed(tz::offset(2));
    let mut out = Vec::new();
    Formatter::with_zone(options, zone).line(&alert(), &mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn text_with_local_time() {
    let line = print(FormatOptions::default());
    assert_eq!(
        line,
        "22:09:28.095281856: Warning Read | file=/etc/sha\\\"dow tty=0\n"
    );
}

#[test]
fn text_with_iso_time() {
    let line = print(FormatOptions {
        iso_8601: true,
        ..FormatOptions::default()
    });
    let expected =
        "2026-11-21T20:09:28.095281856+0000: Warning Read | file=/etc/sha\\\"dow tty=0\n";
    assert_eq!(line, expected);
}

#[test]
fn json_with_defaults() {
    let line = print(FormatOptions {
        json: Some(JsonOptions::default()),
        hostname: "h1".into(),
        ..FormatOptions::default()
    });
    let expected = concat!(
        r#"{"hostname":"h1","#,
        r#""output":"22:09:28.095281856: Warning Read | file=/etc/sha\\\"dow tty=0","#,
        r#""output_fields":{"container.id":"host","evt.time":1795291768095281856,"#,
        r#""fd.name":"/etc/sha\"dow"#,
        "\u{fffd}",
        r#"","proc.aname[2]":null,"proc.tty":34816},"#,
        r#""priority":"Warning","rule":"Read \"secret\" file","source":"syscall","#,
        r#""tags":["T1555","host"],"time":"2026-11-21T20:09:28.095281856Z"}"#,
        "\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn json_properties_can_be_switched() {
    let json = JsonOptions {
        output: false,
        message: true,
        output_fields: false,
        tags: false,
    };
    let line = print(FormatOptions {
        json: Some(json),
        ..FormatOptions::default()
    });
    let object: Value = serde_json::from_str(&line).expect("JSON");
    let keys: Vec<&str> = object
        .as_object()
        .expect("object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        ["hostname", "message", "priority", "rule", "source", "time"]
    );
    assert_eq!(object["message"], r#"Read | file=/etc/sha\"dow tty=0"#);
}

#[test]
fn json_with_iso_time_names_the_field_so() {
    let options = FormatOptions {
        json: Some(JsonOptions::default()),
        iso_8601: true,
        ..FormatOptions::default()
    };
    let object: Value = serde_json::from_str(&print(options)).expect("JSON");
    assert_eq!(
        object["output_fields"]["evt.time.iso8601"],
        json!(1_795_291_768_095_281_856_u64)
    );
    let output = object["output"].as_str().expect("text");
    assert!(
        output.starts_with("2026-11-21T20:09:28.095281856+0000: Warning "),
        "{output}"
    );
}
