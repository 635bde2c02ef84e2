//! Rules by the names as given and by the files behind them.

use super::*;

/// An open that reached a file of the host's file system, seen by the process as `real`.
fn open_real(given: &str, real: &str, ts_ns: u64) -> RecordBuilder {
    open(given, ts_ns)
        .num(SAKER_P_OPENAT_dev, 0x800)
        .var(SAKER_P_OPENAT_real, real.as_bytes())
}

/// The same through a mount of the directory `top` at the first `at` bytes of `real`.
fn open_mounted(given: &str, real: &str, at: i64, top: &str, ts_ns: u64) -> RecordBuilder {
    open_real(given, real, ts_ns)
        .num(SAKER_P_OPENAT_mount_at, at)
        .var(SAKER_P_OPENAT_mount_root, top.as_bytes())
}

fn rule(condition: &str) -> String {
    format!(
        "- rule: r\n  desc: d\n  condition: evt.type=openat and {condition}\n  output: at %fd.name\n  priority: NOTICE\n"
    )
}

/// What the rule says to the opens, in order; empty where it is silent.
fn said(condition: &str, opens: &[RecordBuilder]) -> Vec<String> {
    said_by(&rule(condition), opens)
}

/// The same of a rule as it is written.
fn said_by(rule: &str, opens: &[RecordBuilder]) -> Vec<String> {
    let mut bench = Bench::new(Matching::First, true, rule.as_bytes());
    bench.start_cat();
    opens
        .iter()
        .map(|open| {
            bench.record(open);
            let texts = bench.texts();
            assert!(texts.len() < 2, "one event raises a rule once: {texts:#?}");
            let said = texts
                .first()
                .map(|text| text.split_once("at ").expect("output").1);
            said.unwrap_or_default().trim_end().to_owned()
        })
        .collect()
}

/// By its handle, in the mount that is `at` bytes into `real` and begins at the directory `top`.
fn open_handle(real: &str, at: i64, top: &str, ts_ns: u64) -> RecordBuilder {
    RecordBuilder::new(SAKER_EV_OPEN_BY_HANDLE_AT, ts_ns, CAT, CAT)
        .num(SAKER_P_OPEN_BY_HANDLE_AT_fd, 3)
        .num(SAKER_P_OPEN_BY_HANDLE_AT_dev, 0x800)
        .num(SAKER_P_OPEN_BY_HANDLE_AT_mount_at, at)
        .var(SAKER_P_OPEN_BY_HANDLE_AT_path, real.as_bytes())
        .var(SAKER_P_OPEN_BY_HANDLE_AT_real, real.as_bytes())
        .var(SAKER_P_OPEN_BY_HANDLE_AT_mount_root, top.as_bytes())
}

#[test]
fn an_open_by_handle_is_an_open_to_rules_and_itself_in_alerts() {
    let opens = [
        open_handle("/etc/shadow", 0, "", 3_000),
        open_handle("/mnt/shadow", 4, "/etc", 3_001),
        open_handle("/etc/hostname", 0, "", 3_002),
        // Real names are not asked for, or it has none.
        open_handle("/etc/shadow", 0, "", 3_003).var(SAKER_P_OPEN_BY_HANDLE_AT_real, b""),
        // The kernel has no name for it at the moment.
        open_handle("", 0, "", 3_004).num(SAKER_P_OPEN_BY_HANDLE_AT_ino, SHADOW_INO as i64),
        open_handle("", 0, "", 3_005).num(SAKER_P_OPEN_BY_HANDLE_AT_ino, 1),
    ];
    let condition = "fd.name=/etc/shadow and evt.is_open_read=true and fd.num>=0";
    let expected = [
        "/etc/shadow",
        "/mnt/shadow realpath=/etc/shadow",
        "",
        "",
        " realpath=/etc/shadow",
        "",
    ];
    assert_eq!(said(condition, &opens), expected);
    let rule = b"- rule: r\n  desc: d\n  condition: evt.type in (openat, open_by_handle_at) and fd.name=/etc/shadow\n  \
                 output: \"%evt.type %syscall.type\"\n  priority: NOTICE\n";
    let mut bench = Bench::new(Matching::All, true, rule);
    bench.start_cat();
    bench.record(&opens[0]);
    let texts = bench.texts();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    assert!(
        texts[0].contains("open_by_handle_at open_by_handle_at"),
        "{texts:#?}"
    );
}

#[test]
fn a_rule_sees_the_file_behind_the_name() {
    let opens = [
        open_real("/etc/shadow", "/etc/shadow", 3_000),
        open_real("/tmp/link", "/etc/shadow", 3_001),
        open_real("/tmp/link", "/etc/hostname", 3_002),
        open_mounted("/mnt/shadow", "/mnt/shadow", 4, "/etc", 3_003),
        open_mounted("/shadow", "/shadow", 0, "/etc", 3_004),
        // Another file system's file of that name.
        open("/mnt/etc/shadow", 3_005)
            .num(SAKER_P_OPENAT_dev, 0x810)
            .num(SAKER_P_OPENAT_mount_at, 4)
            .var(SAKER_P_OPENAT_real, b"/mnt/etc/shadow"),
        // A container's, on a file system that the host does not see.
        open("/etc/shadow", 3_006)
            .num(SAKER_P_OPENAT_dev, 0x99)
            .var(SAKER_P_OPENAT_real, b"/etc/shadow"),
        // Not asked for, or without a name.
        open("/tmp/link", 3_007),
    ];
    let expected = [
        "/etc/shadow",
        "/tmp/link realpath=/etc/shadow",
        "",
        "/mnt/shadow realpath=/etc/shadow",
        "/shadow realpath=/etc/shadow",
        "",
        "/etc/shadow",
        "",
    ];
    assert_eq!(said("fd.name=/etc/shadow", &opens), expected);
    assert_eq!(
        said("fd.directory=/etc and fd.filename=shadow", &opens),
        expected
    );
    assert_eq!(said("fs.path.name=/etc/shadow", &opens), expected);
    assert_eq!(said("evt.arg.name=/etc/shadow", &opens), expected);
    assert_eq!(said("fd.containername=host:/etc/shadow", &opens), expected);
}

/// Executed as `given`, which led to `path`; its mount is `at` bytes into that and begins at `top`.
fn executed(given: &str, path: &str, at: i64, top: &str, ts_ns: u64) -> RecordBuilder {
    exec(CAT, SHELL, "x", path, b"0", ts_ns)
        .var(SAKER_P_EXECVE_filename, given.as_bytes())
        .num(SAKER_P_EXECVE_exe_dev, 0x800)
        .num(SAKER_P_EXECVE_mount_mark, at + 1)
        .var(SAKER_P_EXECVE_mount_root, top.as_bytes())
}

#[test]
fn a_rule_sees_the_program_behind_the_name() {
    let mounted = |ts_ns| executed("/mnt/sleep", "/mnt/sleep", 4, "/usr/bin", ts_ns);
    let runs = [
        executed("/usr/bin/sleep", "/usr/bin/sleep", 0, "", 3_000),
        executed("/tmp/x", "/tmp/x", 6, "/usr/bin/sleep", 3_001),
        mounted(3_002),
        executed("/mnt/true", "/mnt/true", 4, "/usr/bin", 3_003),
        // On a file system that the host does not see; not asked for.
        mounted(3_004).num(SAKER_P_EXECVE_exe_dev, 0x99),
        mounted(3_005).num(SAKER_P_EXECVE_mount_mark, 0),
        executed("/tmp/link", "/usr/bin/sleep", 0, "", 3_006),
        executed("/tmp/script", "/usr/bin/sleep", 0, "", 3_007)
            .var(SAKER_P_EXECVE_args, b"-x\0/tmp/script\x000"),
    ];
    let of_exec = |condition: &str, runs: &[RecordBuilder]| {
        said_by(&rule(condition).replace("openat", "execve"), runs)
    };
    let (itself, real) = ("<NA>", "<NA> realpath=/usr/bin/sleep");
    assert_eq!(
        of_exec("proc.exepath=/usr/bin/sleep", &runs),
        [itself, real, real, "", "", "", itself, itself]
    );
    assert_eq!(
        of_exec("evt.arg.filename=/usr/bin/sleep", &runs),
        [itself, real, real, "", "", "", real, ""]
    );
    assert_eq!(
        of_exec(
            "not proc.exepath startswith /mnt/ and proc.exepath endswith /true",
            &runs
        ),
        [""; 8],
        "an exception by either name"
    );
    assert_eq!(
        of_exec("proc.exepath=/mnt/sleep", &runs),
        ["", "", real, "", itself, itself, "", ""]
    );
}

#[test]
fn fields_of_the_given_name_stay() {
    let opens = [open_real("/tmp/./link", "/etc/shadow", 3_000)];
    assert_eq!(
        said("fd.nameraw=/tmp/./link and fd.name=/etc/shadow", &opens),
        ["/tmp/link realpath=/etc/shadow"]
    );
    assert_eq!(said("fd.nameraw=/etc/shadow", &opens), [""]);
    assert_eq!(
        said("fd.realpath=/etc/shadow", &opens),
        ["/tmp/link realpath=/etc/shadow"]
    );
}

#[test]
fn exceptions_hold_by_either_name() {
    let run = [open_real("/var/run/app.pid", "/run/app.pid", 3_000)];
    for condition in [
        "fd.name startswith / and not fd.name startswith /var/run/",
        "fd.name startswith / and fd.directory != /var/run",
        "not (fd.name startswith /var/run and proc.name=cat)",
        "not fd.filename=app.pid",
    ] {
        assert_eq!(said(condition, &run), [""], "{condition}");
    }
    // What the given name raises, the real one does not take back.
    let given = said("not fd.name startswith /run/", &run);
    assert_eq!(given, ["/var/run/app.pid realpath=/run/app.pid"]);
    // Two negations are a requirement, and what is not about the file is as it is.
    for condition in [
        "not fd.name != /run/app.pid",
        "not (not fd.directory=/run)",
        "fd.directory=/run and not proc.name=sh",
    ] {
        assert_eq!(
            said(condition, &run),
            ["/var/run/app.pid realpath=/run/app.pid"],
            "{condition}"
        );
    }
}

#[test]
fn one_rule_of_several_is_raised_for_one_event() {
    let rules = [
        rule("fd.name=/tmp/link"),
        rule("fd.name=/etc/shadow").replace("rule: r", "rule: s"),
    ]
    .concat();
    for (matching, alerts) in [(Matching::First, 1), (Matching::All, 2)] {
        let mut bench = Bench::new(matching, true, rules.as_bytes());
        bench.start_cat();
        bench.record(&open_real("/tmp/link", "/etc/shadow", 3_000));
        assert_eq!(bench.texts().len(), alerts, "{matching:?}");
        assert_eq!(bench.metrics.by_real_name(), alerts as u64 - 1);
    }
}

#[test]
fn json_has_the_real_path_as_a_field() {
    let mut bench = Bench::new(
        Matching::First,
        false,
        rule("fd.name=/etc/shadow").as_bytes(),
    );
    bench.start_cat();
    bench.record(&open_real("/tmp/link", "/etc/shadow", 3_000));
    let json = Some(JsonOptions {
        output: true,
        message: false,
        output_fields: true,
        tags: false,
    });
    let lines = bench.lines(FormatOptions {
        json,
        ..FormatOptions::default()
    });
    let line: Json = serde_json::from_str(&lines[0]).expect("JSON");
    let fields = &line["output_fields"];
    assert_eq!(fields["fd.name"], "/tmp/link");
    assert_eq!(fields["fd.realpath"], "/etc/shadow");
}
