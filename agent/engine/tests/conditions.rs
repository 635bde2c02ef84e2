//! What conditions mean: operators, absent values, arities, transformers.

mod common;

use common::{Owned, TestEvent, check, compiled, load, matching, messages, one_rule};
use saker_engine::matcher::Matching;

fn event() -> TestEvent {
    TestEvent::new("open")
        .with("proc.name", &[Owned::text("bash")])
        .with("fd.name", &[Owned::text("/etc/passwd")])
        .with("fd.num", &[Owned::Int(-1)])
        .with("user.uid", &[Owned::Uint(1000)])
        .with("evt.is_open_read", &[Owned::Bool(true)])
        .with("evt.buffer", &[Owned::Bytes(vec![0xca, 0xfe, 0, b'x'])])
        .with("evt.load", &[Owned::Double(1.5)])
        .with("proc.cmdline", &[Owned::text("bash -c 'x y'")])
}

#[test]
fn operators_on_strings() {
    let yes = [
        "proc.name=bash",
        "proc.name == 'bash'",
        "proc.name != sh",
        "proc.name in (sh, \"bash\")",
        "proc.name intersects (bash)",
        "fd.name contains etc/pass",
        "fd.name contains ''",
        "fd.name icontains PASS",
        "fd.name startswith /etc",
        "fd.name endswith passwd",
        "fd.name glob '/*/pass??'",
        "fd.name iglob /ETC/*",
        "fd.name regex '/etc/(passwd|shadow)'",
        "fd.name pmatch (/usr, /etc)",
        "fd.name startswith oneof (/etc, /usr)",
        "fd.name contains anyof (x, pass)",
        "fd.name contains allof (etc, pass)",
        "fd.name exists",
        "proc.cmdline contains \"'x y'\"",
        "proc.name = \"\\x62ash\"",
    ];
    let no = [
        "proc.name = Bash",
        "proc.name in ()",
        "proc.name in (ba, ash)",
        "fd.name regex etc",
        "fd.name pmatch (/et, /etc/pass)",
        "fd.name startswith oneof (/e, /etc)",
        "fd.name contains allof (etc, shadow)",
        "fd.name contains anyof ()",
        "fd.name contains allof ()",
        "fd.name glob passwd",
    ];
    check(&event(), &yes, &no);
}

#[test]
fn operators_on_other_types() {
    let yes = [
        "fd.num = -1",
        "fd.num < 0",
        "fd.num>=-1",
        "fd.num in (1, 0x10, -1)",
        "user.uid > 999",
        "user.uid = 0x3e8",
        "evt.is_open_read = true",
        "evt.is_open_read != false",
        "evt.buffer bcontains cafe",
        "evt.buffer bstartswith CAFE00",
        "evt.buffer endswith x",
        "evt.load > 1",
        "evt.load < 2",
    ];
    let no = [
        "fd.num > 0",
        "evt.load = 1",
        "evt.is_open_read = false",
        "evt.buffer bcontains feca",
    ];
    check(&event(), &yes, &no);
}

#[test]
fn absent_values_make_every_comparison_false() {
    let yes = [
        "not proc.pname in (a, b)",
        "not proc.pname = a",
        "not proc.pname != a",
        "not proc.pname exists",
        "not not proc.name = bash",
        "not (proc.pname = a or proc.pname = b)",
    ];
    let no = [
        "proc.pname = a",
        "proc.pname != a",
        "proc.pname in (a)",
        "proc.pname = '<NA>'",
        "proc.pname contains ''",
        "proc.pname exists",
        "proc.name = val(proc.pname)",
        "proc.name != val(proc.pname)",
        "tolower(proc.pname) != x",
        "proc.pname startswith allof (a)",
    ];
    check(&event(), &yes, &no);
}

#[test]
fn alternatives_match_either_end_and_differ_from_both() {
    let ip = |text: &str| Owned::Ip(text.parse().expect("address"));
    let event = TestEvent::new("connect")
        .with("fd.ip", &[ip("10.0.0.1"), ip("192.168.1.7")])
        .with("fd.net", &[ip("10.0.0.1"), ip("192.168.1.7")])
        .with("fd.port", &[Owned::Uint(40000), Owned::Uint(443)])
        .with("fd.sip", &[ip("10.0.0.1")]);
    let yes = [
        "fd.ip = 10.0.0.1",
        "fd.ip = 192.168.1.7",
        "fd.ip != 1.2.3.4",
        "fd.ip != ::1",
        "fd.port = https",
        "fd.port in (80, 443)",
        "fd.port > 30000",
        "fd.net = 10.0.0.0/8",
        "fd.net in (\"127.0.0.0/8\", 192.168.0.0/16)",
        "fd.net != 172.16.0.0/12",
        "fd.port = oneof (443, 80)",
        "fd.ip = val(fd.sip)",
        "fd.ip exists",
    ];
    let no = [
        "fd.ip != 10.0.0.1",
        "fd.port != 443",
        "fd.net != 10.0.0.0/8",
        "fd.port = oneof (443, 40000)",
        "fd.port = 22",
        "fd.ip = ::1",
        "fd.ip != val(fd.sip)",
    ];
    check(&event, &yes, &no);
    let nothing = TestEvent::new("connect");
    check(
        &nothing,
        &["not fd.ip != 1.2.3.4"],
        &["fd.ip != 1.2.3.4", "fd.ip exists", "fd.net != 10.0.0.0/8"],
    );
    // A file is there, and has no address.
    let file = TestEvent::new("connect")
        .with("fd.ip", &[])
        .with("fd.net", &[])
        .with("fd.port", &[]);
    let yes = ["fd.ip exists", "fd.port exists", "fd.net != 10.0.0.0/8"];
    let no = [
        "fd.ip != 1.2.3.4",
        "fd.port != 443",
        "fd.net = 10.0.0.0/8",
        "fd.net in (10.0.0.0/8)",
    ];
    check(&file, &yes, &no);
}

#[test]
fn any_ancestor_and_lists() {
    let names: Vec<Owned> = ["sshd", "systemd"].map(Owned::text).into();
    let ids = [Owned::Uint(1), Owned::Uint(2)];
    let event = TestEvent::new("execve")
        .with("proc.aname", &names)
        .with_arg("proc.aname", 3, &[Owned::text("systemd")])
        .with("proc.tags", &names)
        .with("proc.ids", &ids);
    let yes = [
        "proc.aname = sshd",
        "proc.aname != sshd",
        "proc.aname in (sshd)",
        "proc.aname contains oneof (ssh, system)",
        "proc.aname[2] = systemd",
        "proc.tags in (sshd, systemd, x)",
        "proc.tags intersects (sshd, x)",
        "proc.tags exists",
        "proc.ids in (1, 2)",
        "len(proc.tags) = 2",
        "join(',', proc.tags) = 'sshd,systemd'",
        "tolower(proc.tags) intersects (sshd)",
    ];
    let no = [
        "proc.aname = init",
        "proc.tags in (sshd)",
        "proc.tags intersects (x)",
        "proc.ids in (1)",
        "proc.tags in ()",
        "proc.aname[1] exists",
    ];
    check(&event, &yes, &no);
    check(
        &TestEvent::new("execve")
            .with("proc.aname", &[])
            .with("proc.tags", &[]),
        &[
            "proc.tags exists",
            "proc.tags in (a)",
            "not proc.aname exists",
        ],
        &[
            "proc.aname != a",
            "proc.tags in ()",
            "proc.tags intersects (a)",
        ],
    );
}

#[test]
fn transformers_nest_and_stand_on_both_sides() {
    let event = event()
        .with("proc.pname", &[Owned::text("BASH")])
        .with("proc.name", &[Owned::text("bash")])
        .with("ka.user", &[Owned::text("YmFzaA")]);
    let yes = [
        "tolower(proc.pname) = bash",
        "proc.name = tolower(proc.pname)",
        "toupper(basename(fd.name)) = PASSWD",
        "basename(fd.name) in (passwd, shadow)",
        "len(proc.name) = 4",
        "concat(proc.name, \"/\", proc.pname) = 'bash/BASH'",
        "b64(ka.user) = val(proc.name)",
        "join('-', (proc.name, proc.pname)) = bash-BASH",
        "getopt((proc.name, proc.pname), 'a') exists",
        "proc.name in val(proc.name)",
    ];
    let no = [
        "proc.name = val(proc.pname)",
        "b64(proc.cmdline) exists",
        "len(proc.name) > 4",
    ];
    check(&event, &yes, &no);
}

/// Every operator that takes a literal takes a field of the same type, but for `pmatch`, `regex` and
/// networks (rules-spec B7).
#[test]
fn fields_stand_on_the_right_of_operators() {
    let event = event()
        .with("proc.pname", &[Owned::text("*B[a-c]s?")])
        .with("proc.tags", &[Owned::text("bash"), Owned::text("sh")])
        .with("ka.user", &[Owned::text("sh")]);
    let yes = [
        "proc.name iglob val(proc.pname)",
        "proc.name iglob tolower(proc.pname)",
        "fd.name glob concat(\"/*/pass\", \"??\")",
        "proc.name endswith val(ka.user)",
        "proc.name contains val(ka.user)",
        "proc.name icontains toupper(ka.user)",
        "proc.cmdline startswith val(proc.name)",
        "proc.name > val(fd.name)",
        "proc.name in val(proc.tags)",
        "proc.tags intersects val(proc.tags)",
        "proc.tags in val(proc.tags)",
        "evt.buffer bcontains val(evt.buffer)",
        "evt.buffer bstartswith val(evt.buffer)",
        "evt.buffer startswith val(evt.buffer)",
        "evt.is_open_read = val(evt.is_open_read)",
        "user.uid >= val(user.uid)",
    ];
    let no = [
        "proc.name glob val(proc.pname)",
        "proc.pname glob val(proc.name)",
        "ka.user in val(proc.name)",
        "proc.tags in val(ka.user)",
        "proc.name iglob concat(proc.pname, ka.user)",
    ];
    check(&event, &yes, &no);
    let mut longer = event.clone();
    longer = longer.with("proc.pname", &[Owned::Bytes(b"[".repeat(4096))]);
    check(&longer, &[], &["proc.name glob val(proc.pname)"]);
    let absent = TestEvent::new("open").with("proc.name", &[Owned::text("a")]);
    check(&absent, &[], &["proc.name glob val(proc.pname)"]);
}

#[test]
fn event_types_are_folded_and_numbers_start_at_one() {
    let text = [
        ("typed", "evt.type in (open, openat) and proc.name = bash"),
        ("never", "evt.num = 0"),
        ("always", "evt.num >= 0 and evt.type = open"),
        ("other", "evt.type != open"),
        ("not", "not evt.type in (open, connect)"),
        ("prefix", "evt.type startswith open"),
        ("free", "proc.name = bash"),
    ];
    let rules: String = text
        .iter()
        .map(|(name, c)| one_rule(c).replace("rule: r", &format!("rule: {name}")))
        .collect();
    let set = compiled(&rules);
    let types = |name: &str| -> Vec<u16> {
        let rule = set
            .rules()
            .iter()
            .find(|rule| rule.name == name)
            .expect("rule");
        rule.event_types.iter().map(|event| event.0).collect()
    };
    assert_eq!(types("typed"), [0, 1]);
    assert_eq!(types("never"), [0u16; 0]);
    assert_eq!(types("always"), [0]);
    assert_eq!(types("other"), [1, 2, 3]);
    assert_eq!(types("not"), [1, 3]);
    assert_eq!(types("prefix"), [0, 1]);
    assert_eq!(types("free"), [0, 1, 2, 3]);
    assert!(set.event_types().is_all());
}

#[test]
fn first_takes_typed_rules_first_and_all_skips_untyped_ones() {
    let rule = |name: &str, condition: &str| {
        one_rule(condition).replace("rule: r", &format!("rule: {name}"))
    };
    let text = rule("free", "proc.name = bash")
        + &rule("one", "evt.type = open")
        + &rule("two", "evt.type = open and proc.name = bash");
    let set = compiled(&text);
    let open = event();
    assert_eq!(matching(&set, &open, Matching::First), ["one"]);
    assert_eq!(matching(&set, &open, Matching::All), ["one", "two"]);
    let execve = TestEvent::new("execve").with("proc.name", &[Owned::text("bash")]);
    assert_eq!(matching(&set, &execve, Matching::All), ["free"]);
}

#[test]
fn wrong_operators_and_literals_are_errors() {
    let cases = [
        (
            "fd.num contains 1",
            "operator contains cannot be used with a integer field",
        ),
        (
            "proc.tags = a",
            "operator = cannot be used with a list field",
        ),
        (
            "proc.name bcontains ff",
            "operator bcontains cannot be used with a string field",
        ),
        (
            "fd.ip > 1",
            "operator > cannot be used with a IP address field",
        ),
        ("fd.num = x1", "'x1' is not an integer that fits in 64 bits"),
        (
            "user.uid = 99999999999999999999",
            "is not an unsigned integer",
        ),
        ("evt.is_open_read = yes", "'yes' is not a boolean"),
        ("fd.ip = 1.2.3", "'1.2.3' is not an IP address"),
        ("fd.net = 10.0.0.0", "'10.0.0.0' is not a network"),
        ("fd.net = 10.0.0.0/33", "is not a network"),
        ("fd.port = nosuch", "'nosuch' is not a port"),
        (
            "evt.buffer bcontains abc",
            "is not an even number of hexadecimal digits",
        ),
        ("fd.name regex '(a'", "invalid regex"),
        ("evt.type = opem", "unknown event type opem"),
        (
            "proc.name = val(user.uid)",
            "the types of the two sides differ",
        ),
        (
            "fd.ip = val(fd.ip)",
            "cannot be used on the right-hand side",
        ),
        ("tolower(proc.aname) = x", "cannot be used in a transformer"),
        ("len(fd.num) = 1", "len: expected one string, bytes or list"),
        ("proc.nam = x", "nonexistent field proc.nam"),
        ("proc.name[1] = x", "takes no argument"),
        ("proc.name pmatch val(proc.pname)", "does not take a field"),
        ("proc.name regex val(proc.pname)", "does not take a field"),
        (
            "proc.name pmatch tolower(proc.pname)",
            "does not take a field",
        ),
        (
            "proc.name = val(proc.tags)",
            "operator = does not take a list on the right-hand side",
        ),
        (
            "fd.net = val(fd.sip)",
            "a network is not compared with a field",
        ),
        (
            "proc.name = val(proc.aname[1])",
            "field proc.aname[1] cannot be used on the right-hand side",
        ),
    ];
    for (condition, expected) in cases {
        let all = messages(&load(&one_rule(condition)));
        assert!(
            all.iter().any(|m| m.contains(expected)),
            "{condition}: {all:?}"
        );
    }
    let long = format!("proc.name = {}", "a".repeat(256));
    assert!(messages(&load(&one_rule(&long)))[0].contains("filter parameter too long"));
    assert!(!load(&one_rule(&format!("proc.name = {}", "a".repeat(255)))).has_errors());
}

#[test]
fn suspicious_conditions_are_warnings() {
    let cases = [
        ("proc.name regex bash", "use ="),
        ("proc.name regex '^bash.*'", "use startswith"),
        ("proc.name regex '.*bash$'", "use endswith"),
        ("proc.name regex '.*bash.*'", "use contains"),
        ("proc.name = proc.aname[2]", "use val(proc.aname[2])"),
        ("proc.name = proc.pname", "use val(proc.pname)"),
        ("proc.name = 'tolower(x)'", "remove the quotes"),
        ("ka.user = <NA>", "LOAD_UNSAFE_NA_CHECK"),
    ];
    for (condition, expected) in cases {
        let outcome = load(&one_rule(condition));
        assert!(!outcome.has_errors(), "{condition}");
        let all = messages(&outcome);
        assert!(
            all.iter().any(|m| m.contains(expected)),
            "{condition}: {all:?}"
        );
    }
}
