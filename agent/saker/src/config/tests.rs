//! Positions and hints of errors, and that documentation, keys and values agree.

use super::load::{Request, build};
use super::model::*;
use super::problem::{Place, Problems};
use super::tree;
use saker_engine::compiler::{AppendOutput, ExtraField, Switch, Target};

fn errors(text: &str, options: &[&str]) -> String {
    let request = Request {
        options: options.iter().map(|&o| o.to_owned()).collect(),
        ..Request::default()
    };
    let list = build("saker.yaml", text, &request).expect_err("must not load");
    Problems {
        list,
        text: text.to_owned(),
    }
    .to_string()
}

fn config(text: &str, options: &[&str]) -> Config {
    let request = Request {
        options: options.iter().map(|&o| o.to_owned()).collect(),
        ..Request::default()
    };
    build("saker.yaml", text, &request).unwrap_or_else(|list| {
        panic!(
            "{}",
            Problems {
                list,
                text: text.to_owned()
            }
        );
    })
}

#[test]
fn nothing_is_the_default() {
    for text in ["", "\n", "# only a comment\n", "{}", "---\n"] {
        assert_eq!(config(text, &[]), Config::default(), "{text:?}");
    }
}

#[test]
fn unknown_keys_name_the_nearest() {
    assert_eq!(
        errors("priority: notice\njson_ouput: true\n", &[]),
        "saker.yaml:2:1: error: unknown key json_ouput\n  | json_ouput: true\n  | ^\n  \
         = hint: did you mean json_output?"
    );
    assert_eq!(
        errors("http:\n  port: 1\n", &[]),
        "saker.yaml:2:3: error: unknown key http.port\n  |   port: 1\n  |   ^\n  \
         = hint: known keys: enabled, listen_address"
    );
}

#[test]
fn wrong_types_and_ranges_say_what_is_expected() {
    let text = errors(
        "json_output: maybe\nworkers: 3\nhttp: 5\nrules_files: x\n",
        &[],
    );
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("saker"))
        .collect();
    assert_eq!(
        lines,
        [
            "saker.yaml:4:14: error: rules_files must be a list, not text",
            "saker.yaml:1:14: error: json_output must be true or false, not \"maybe\"",
            "saker.yaml:2:10: error: workers must be auto, 1, 2, 4 or 8, not 3",
            "saker.yaml:3:7: error: http must be a map, not an integer",
        ]
    );
}

#[test]
fn broken_yaml_has_a_position() {
    let text = errors("priority: [notice\njson_output: true\n", &[]);
    assert!(text.starts_with("saker.yaml:2:"), "{text}");
    assert!(text.contains("error: not valid YAML: "), "{text}");
    let text = errors("priority: debug\npriority: notice\n", &[]);
    assert!(
        text.starts_with("saker.yaml:2:1: error: not valid YAML: "),
        "{text}"
    );
}

#[test]
fn options_win_and_are_named_in_errors() {
    let options = [
        "rules=[a: b: c]",
        "rules[].disable.rule=*",
        "rules[].enable.tag=network",
        "rules_files={}",
    ];
    let text = errors("http: {enabled: false}\n", &options);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("-o rules=[a: b: c]: error: not valid YAML: "),
        "{text}"
    );
    assert_eq!(
        lines[1],
        "-o rules_files={}: error: rules_files must be a list, not a map"
    );
    let config = config("http: {enabled: false}\npriority: error\n", &options[1..3]);
    assert_eq!(
        config.rules,
        [
            Switch {
                enable: false,
                target: Target::Rule("*".into())
            },
            Switch {
                enable: true,
                target: Target::Tag("network".into())
            },
        ]
    );
    assert!(!config.http_enabled);
    let address = self::config("", &["http.listen_address=[::1]:80"]).http_listen_address;
    assert_eq!(address, "[::1]:80");
    assert!(errors("", &["nonsense"]).contains("KEY=VALUE"));
    assert!(errors("", &["rules[7].enable.tag=x"]).contains("no element [7]"));
}

#[test]
fn toggles_say_one_thing() {
    for bad in [
        "{enable: {}}",
        "{enable: {rule: a, tag: b}}",
        "{}",
        "{enable: {rule: ''}}",
    ] {
        assert!(!errors(&format!("rules: [{bad}]"), &[]).is_empty(), "{bad}");
    }
    assert!(errors("rules:\n - enable: {name: x}", &[]).contains("2:13: error: unknown key"));
}

#[test]
fn append_output_is_read() {
    let text = "append_output:\n - match: {source: syscall, tags: [a]}\n   extra_output: \"x\"\n   \
                extra_fields: [proc.pid, {who: \"%user.name\"}]\n - suggested_output: true\n";
    let expected = AppendOutput {
        source: Some("syscall".into()),
        tags: ["a".to_owned()].into(),
        extra_output: Some("x".into()),
        extra_fields: vec![
            ExtraField::Field("proc.pid".into()),
            ExtraField::Format {
                key: "who".into(),
                format: "%user.name".into(),
            },
        ],
        ..AppendOutput::default()
    };
    let found = config(text, &[]).append_output;
    assert_eq!(found[0], expected);
    let text = found[1]
        .suggested
        .iter()
        .map(|(name, field)| format!("{name}=%{field}"));
    assert_eq!(
        text.collect::<Vec<_>>().join(" "),
        "container_id=%container.id container_name=%container.name \
         container_image_repository=%container.image.repository \
         container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name \
         k8s_ns_name=%k8s.ns.name"
    );
}

#[test]
fn static_fields_are_texts_and_suggested() {
    let text = "append_output: [{suggested_output: true}]\n\
                static_fields: {env: prod, rack.row: 7, spare: true}\n";
    let found = config(text, &["static_fields.env=test"]);
    let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
    let expected = [("env", "test"), ("rack.row", "7"), ("spare", "true")].map(pair);
    assert_eq!(found.static_fields, expected.into());
    let suggested = &found.append_output[0].suggested;
    assert_eq!(
        suggested[suggested.len() - 3..],
        [
            ("static_env", "static.env"),
            ("static_rack_row", "static.rack.row"),
            ("static_spare", "static.spare"),
        ]
        .map(pair)
    );
    let wrong = errors("static_fields:\n  a-b: x\n  c: [x]\n  d:\n", &[]);
    for message in [
        "2:8: error: static_fields.a-b: no rule can name static.a-b",
        "3:6: error: static_fields.c must be text, a number or a boolean, not a list",
        "error: static_fields.d must be text, a number or a boolean, not nothing",
    ] {
        assert!(wrong.contains(message), "{message}: {wrong}");
    }
    assert!(
        errors("static_fields: [a]\n", &[]).contains("static_fields must be a map, not a list")
    );
    let many: String = (0..=256).map(|n| format!("  k{n}: v\n")).collect();
    let wrong = errors(&format!("static_fields:\n{many}"), &[]);
    assert!(
        wrong.contains("static_fields has more than 256 keys"),
        "{wrong}"
    );
}

#[test]
fn the_command_line_appends_to_outputs_of_system_calls_first() {
    let request = Request {
        print: Some("user=%user.name".to_owned()),
        ..Request::default()
    };
    let text = "append_output: [{extra_output: x}]\n";
    let found = build("f.yaml", text, &request).expect("a configuration");
    let [first, second] = found.append_output.as_slice() else {
        panic!("two: {:?}", found.append_output);
    };
    assert_eq!(first.extra_output.as_deref(), Some("user=%user.name"));
    assert_eq!(
        (first.source.as_deref(), first.rule.as_ref()),
        (Some("syscall"), None)
    );
    assert_eq!(second.extra_output.as_deref(), Some("x"));
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!("rules: {}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(!errors(&text, &[]).is_empty());
}

/// Rows `| key | default | ...` of the tables in docs/configuration.md.
fn documented() -> Vec<(String, String)> {
    let page = include_str!("../../../../docs/configuration.md");
    let cells = |line: &str| -> Option<(String, String)> {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let key = cells.next()?.strip_suffix('`')?.to_owned();
        let default = cells.next()?;
        let code = default.strip_prefix('`').and_then(|d| d.strip_suffix('`'));
        Some((key, code.unwrap_or_default().to_owned()))
    };
    let keys = page
        .split("## Keys")
        .nth(1)
        .and_then(|rest| rest.split("## Example").next());
    keys.expect("the section")
        .lines()
        .filter_map(cells)
        .collect()
}

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let root = tree::parse("", &Place::file("")).expect("empty");
    let (_, _, mut keys) = Config::read(&root);
    keys.retain(|key| key != "http");
    let documented: Vec<String> = documented().into_iter().map(|(key, _)| key).collect();
    let (mut a, mut b) = (keys, documented);
    a.sort();
    b.sort();
    assert_eq!(a, b);
}

#[test]
fn documented_defaults_are_the_defaults() {
    for (key, default) in documented() {
        if !default.is_empty() {
            let config = config("", &[&format!("{key}={default}")]);
            assert_eq!(config, Config::default(), "{key}");
        }
    }
}

#[test]
fn every_key_changes_the_configuration() {
    let other = |key: &str, default: &str| -> String {
        match (key, default) {
            ("rules_files", _) => "[/elsewhere]".into(),
            ("rules", _) => "[{enable: {tag: x}}]".into(),
            ("append_output", _) => "[{suggested_output: true}]".into(),
            ("static_fields", _) => "{env: prod}".into(),
            ("rule_matching", _) => "all".into(),
            ("path_identity", _) => "given".into(),
            ("priority" | "log_level", _) => "error".into(),
            ("driver", _) => "none".into(),
            ("capture.mode", _) => "all_rules".into(),
            ("capture.path_prefix", _) => "x".into(),
            (_, "true") => "false".into(),
            (_, "false") => "true".into(),
            ("hostname" | "http.listen_address" | "lock_file", _) => "x".into(),
            _ => "2".into(),
        }
    };
    for (key, default) in documented() {
        let option = format!("{key}={}", other(&key, &default));
        assert_ne!(config("", &[&option]), Config::default(), "{option}");
    }
}

#[test]
fn the_example_of_the_page_loads() {
    let page = include_str!("../../../../docs/configuration.md");
    let example = page
        .split("```yaml")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let config = config(example.expect("an example"), &[]);
    assert_eq!(config.http_listen_address, "127.0.0.1:9000");
}
