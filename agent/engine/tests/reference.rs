//! Statements of the reference about conditions (rules-spec B) that `conditions.rs` does not hold, in
//! its order.

mod common;

use common::{FIELDS, Owned, TestEvent, check, finds, fires, load, messages, one_rule};
use saker_engine::ast::Op;
use saker_engine::schema::Arity;
use saker_engine::value::ValueType;

fn event() -> TestEvent {
    TestEvent::new("open")
        .with("proc.name", &[Owned::text("bash")])
        .with("fd.name", &[Owned::text("/etc/passwd")])
        .with("fd.num", &[Owned::Int(-1)])
        .with("user.uid", &[Owned::Uint(1000)])
}

fn refused(conditions: &[&str]) {
    for condition in conditions {
        finds(&one_rule(condition), "error[LOAD_ERR_COMPILE_CONDITION]");
    }
}

/// B1.
#[test]
fn grammar() {
    let yes = [
        "proc.name=bash and(fd.num=-1)",
        "fd.num=1 or(fd.num>=-1)",
        "not(not proc.name=bash)",
        "not not not proc.name = sh",
        "proc.name\t=\r\n\u{8}bash",
        "fd.num = -1 or proc.name = x and fd.num = 1",
        "proc.name = x and fd.num = 1 or fd.num = -1",
        "proc.name in(bash)",
        "proc.name in ( 'bash' , sh )",
        "fd.num > +1 or user.uid >= 0x3e8",
        "(((proc.name exists)))",
        "proc.name exists and fd.num exists",
        "fd.name startswith /etc/",
        "concat( proc.name , \"/\" , fd.name ) = bash//etc/passwd",
        "tolower( toupper( proc.name ) ) = bash",
    ];
    check(&event(), &yes, &[]);
    let words = TestEvent::new("open").with("proc.name", &[Owned::text("anyof")]);
    let no_modifier = [
        "proc.name = anyof",
        "proc.name startswith anyof and proc.name exists",
        "(proc.name endswith anyof)",
        "proc.name = anyof or proc.name = x",
    ];
    check(&words, &no_modifier, &[]);
    refused(&[
        "proc.name = a AND fd.num = 1",
        "proc.name = a b",
        "proc.name in (a,)",
        "proc.name in (,a)",
        "proc.name in (a b)",
        "proc.name contains(bash)",
        "proc.name =",
        "proc.name",
        "proc.name exists bash",
        "fd.num < a",
        "fd.num < '1'",
        "fd.num > -0x1",
        "and fd.num = 1",
        "fd.num = 1 or",
        "fd.num = 1 andfd.num = 1",
        "not",
        "()",
        "(fd.num = 1",
        "fd.num = 1)",
        "proc.name in a, b",
        "proc.aname[] = x",
        "proc.aname[1 = x",
        "proc.name = val(a)",
        "lower(proc.name) = x",
        "tolower() = x",
        "tolower(proc.name)[x] = x",
    ]);
    for keyword in ["android", "order", "notable", "oneof", "exists", "val"] {
        let text = format!("- macro: {keyword}\n  condition: fd.num = -1\n");
        assert!(
            fires(
                &(text + &one_rule(&format!("{keyword} and not fd.num = 1"))),
                &event()
            ),
            "{keyword}"
        );
    }
    let ancestor = TestEvent::new("open").with_arg("proc.aname", 3, &[Owned::text("sh")]);
    check(
        &ancestor,
        &[
            "proc.aname[\"2\"] = sh",
            "proc.aname['2']=sh",
            "proc.aname[2]=sh",
        ],
        &[],
    );
}

/// B2.
#[test]
fn strings_and_escapes() {
    let named = |text: &str| TestEvent::new("open").with("proc.name", &[Owned::text(text)]);
    for (written, meant) in [
        (r#""\b\f\n\r\t\\\/\"""#, "\u{8}\u{c}\n\r\t\\/\""),
        (r"'it\'s'", "it's"),
        (r#""it's""#, "it's"),
        (r#""a\ b""#, "a\\b"),
        (r#""\x41\x7e""#, "A~"),
        (r"a\nb", r"a\nb"),
        ("a[b]*{c}", "a[b]*{c}"),
        ("/a:b;c|d", "/a:b;c|d"),
        ("\"a,b (c) = d\"", "a,b (c) = d"),
        ("\"\"", ""),
    ] {
        check(&named(meant), &[&format!("proc.name = {written}")], &[]);
    }
    refused(&[
        r#"proc.name = "\q""#,
        r#"proc.name = "\'""#,
        r#"proc.name = '\"'"#,
        r#"proc.name = "\x4""#,
        r#"proc.name = "\x00""#,
        "proc.name = \"a\0b\"",
        "proc.name = 'open",
        &format!("proc.name startswith anyof (a, {})", "a".repeat(256)),
        &format!("proc.name contains '{}'", "\\x41".repeat(256)),
    ]);
    // 255 bytes after conversion.
    check(
        &named(&"A".repeat(255)),
        &[&format!("proc.name = '{}'", "\\x41".repeat(255))],
        &[],
    );
}

/// B3: which operators a field of each type admits.
#[test]
fn operators_by_type() {
    const SETS: &[Op] = &[Op::In, Op::Intersects, Op::Exists];
    const EQUALITY: &[Op] = &[Op::Eq, Op::Ne, Op::In, Op::Intersects, Op::Exists];
    let admits = |ty: ValueType, arity: Arity, op: Op| match ty {
        _ if arity == Arity::List => SETS.contains(&op),
        ValueType::Str => !matches!(op, Op::Bcontains | Op::Bstartswith),
        ValueType::Bool | ValueType::Ip | ValueType::Net => EQUALITY.contains(&op),
        ValueType::Bytes => {
            EQUALITY.contains(&op)
                || matches!(op, Op::Contains | Op::Startswith | Op::Endswith)
                || matches!(op, Op::Bcontains | Op::Bstartswith)
        }
        _ => EQUALITY.contains(&op) || matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge),
    };
    let in_conditions = |(name, ..): &&(&str, _, _)| *name != "evt.outputtime";
    for &(field, ty, arity) in FIELDS.iter().filter(in_conditions) {
        for op in Op::ALL {
            let value = match ty {
                _ if field == "evt.type" && !matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge) => {
                    "open"
                }
                ValueType::Bool => "true",
                ValueType::Ip => "10.0.0.1",
                ValueType::Net => "10.0.0.0/8",
                _ => "10",
            };
            let right = match op {
                Op::Exists => String::new(),
                Op::In | Op::Intersects | Op::Pmatch => format!("({value})"),
                Op::Lt | Op::Le | Op::Gt | Op::Ge => "10".to_owned(),
                _ => value.to_owned(),
            };
            let condition = format!("{field} {} {right}", op.name());
            let outcome = load(&one_rule(&condition));
            assert_eq!(
                !outcome.has_errors(),
                admits(ty, arity, op),
                "{condition}: {:?}",
                messages(&outcome)
            );
        }
    }
}

/// B3: what operators mean.
#[test]
fn operators() {
    let tags = [Owned::text("sh"), Owned::text("x")];
    let odd = TestEvent::new("open")
        .with("proc.name", &[Owned::text("bash")])
        .with("fd.name", &[Owned::Bytes(b"b\xffx".to_vec())])
        .with("proc.cmdline", &[Owned::text("Cat [x] /.hidden")])
        .with("proc.tags", &tags)
        .with("evt.buffer", &[Owned::Bytes(vec![0, 1, b'a', 0xff])]);
    let yes = [
        "proc.name > 5",
        "proc.name >= 10",
        "proc.name != anyof (bash, sh)",
        "proc.name != allof (sh, ash)",
        "proc.name != oneof (bash, sh)",
        "proc.name = oneof (bash, sh)",
        "proc.name contains oneof (bash, x)",
        "proc.name icontains anyof (BA, x)",
        "fd.name regex 'b.x'",
        "fd.name startswith b",
        "proc.cmdline glob 'Cat ?x] *'",
        "proc.cmdline glob 'Cat \\\\[x\\\\]*.hid*'",
        "proc.cmdline glob 'C[!b]t*'",
        "proc.cmdline iglob 'CAT*'",
        "proc.cmdline regex 'Cat.*'",
        "evt.buffer bcontains 0161",
        "evt.buffer bstartswith 0001",
        "evt.buffer contains a",
        "not evt.buffer = a",
        "proc.tags intersects (x, y)",
        "proc.name intersects (bash)",
    ];
    let no = [
        "proc.name < 5",
        "proc.name != allof (bash, sh)",
        "proc.name = oneof ()",
        "proc.name = allof (bash, sh)",
        "proc.name != anyof (bash)",
        "proc.name intersects ()",
        "proc.cmdline regex cat",
        "proc.cmdline startswith cat",
        "evt.buffer bstartswith 01",
        "proc.tags in (x)",
        "fd.name = b",
    ];
    check(&odd, &yes, &no);
}

/// B3, B4: addresses, networks, ports, numbers.
#[test]
fn literals() {
    let ip = |text: &str| Owned::Ip(text.parse().expect("address"));
    let event = TestEvent::new("connect")
        .with("fd.sip", &[ip("10.0.0.1")])
        .with("fd.net", &[ip("fe80::1"), ip("fe80::2")])
        .with("fd.port", &[Owned::Uint(40_000), Owned::Uint(53)])
        .with("fd.num", &[Owned::Int(i64::MAX)])
        .with("user.uid", &[Owned::Uint(u64::MAX)]);
    let yes = [
        "fd.sip = \"10.0.0.1\"",
        "fd.sip in (::1, '10.0.0.1')",
        "fd.sip != ::1",
        "fd.net = \"fe80::/10\"",
        "fd.net in (10.0.0.0/8, 'fe80::/64')",
        "fd.net != 10.0.0.0/8",
        "fd.port = domain",
        "fd.port in (https, 53)",
        "fd.num = 0x7fffffffffffffff",
        "fd.num = 9223372036854775807",
        "user.uid = 18446744073709551615",
        "user.uid = 0xffffffffffffffff",
    ];
    check(
        &event,
        &yes,
        &["fd.sip = ::1", "fd.net = 10.0.0.0/8", "fd.net != fe80::/10"],
    );
    refused(&[
        "fd.sip = 10.0.0",
        "fd.sip = localhost",
        "fd.sip = 10.0.0.1/8",
        "fd.net = 10.0.0.0/255.0.0.0",
        "fd.net = ::1/129",
        "fd.net = 10.0.0.1",
        "fd.port = 70000",
        "fd.port = -1",
        "fd.num = 9223372036854775808",
        "fd.num = 0x",
        "fd.num = 1x",
        "fd.num = ''",
        "user.uid = -1",
        "evt.is_open_read = True",
        "evt.is_open_read = 1",
        "evt.load > 1.5",
    ]);
}

/// B6.
#[test]
fn paths() {
    let at = |path: &str| TestEvent::new("open").with("fd.name", &[Owned::text(path)]);
    check(
        &at("/etc/ssh/sshd_config"),
        &[
            "fd.name pmatch (/etc)",
            "fd.name pmatch (etc)",
            "fd.name pmatch (/etc/)",
            "fd.name pmatch (/)",
            "fd.name pmatch (/etc/ssh/sshd_config)",
            "fd.name pmatch (/etc/*/sshd*)",
            "fd.name pmatch ('/[ef]tc', /usr)",
            "fd.name pmatch (/etc/ssh/x, /etc)",
            "fd.name pmatch (/etc//ssh)",
        ],
        &[
            "fd.name pmatch (/et)",
            "fd.name pmatch (/etc/s)",
            "fd.name pmatch (/*/sshd_config)",
            "fd.name pmatch (/etc/ssh/sshd_config/x)",
            "fd.name pmatch ()",
        ],
    );
    check(&at("/etcd/x"), &[], &["fd.name pmatch (/etc)"]);
    check(&at("etc/x"), &["fd.name pmatch (/etc)"], &[]);
}

/// B5, B7: a missing argument of a transformer makes the comparison false.
#[test]
fn transformers_of_absent_values() {
    let no = [
        "tolower(proc.pname) = x",
        "tolower(proc.pname) != x",
        "proc.name != tolower(proc.pname)",
        "concat(proc.name, proc.pname) != x",
        "len(proc.pname) >= 0",
        "join(\",\", (proc.name, proc.pname)) != x",
        "join(\",\", proc.tags) != x",
        "getopt((proc.name, proc.pname), \"a\") exists",
        "basename(proc.pname) exists",
        "b64(proc.pname) exists",
    ];
    check(&event(), &[], &no);
    let more = event()
        .with("proc.pname", &[Owned::text("-ab")])
        .with("ka.user", &[Owned::text("val")])
        .with("proc.cmdline", &[Owned::text("/a/")])
        .with("evt.buffer", &[Owned::text("YQ==")]);
    let yes = [
        "basename(proc.cmdline) = ''",
        "len(proc.cmdline) = 3",
        "len(evt.buffer) = 4",
        "b64(evt.buffer) = a",
        "getopt((proc.pname, ka.user), \"ab:\")[b] = val",
        "getopt((proc.pname, ka.user), \"ab:\") in (a, b)",
        "getopt((proc.pname, ka.user), \"b:\") intersects (\"?\")",
        "getopt((proc.pname), \"ab:\") intersects (\"?\")",
        "getopt((proc.pname), \":ab:\") intersects (\":\")",
        "not getopt((proc.pname, ka.user), \"ab:\")[c] exists",
    ];
    check(
        &more,
        &yes,
        &["getopt((ka.user, proc.pname), \"ab:\")[b] exists"],
    );
    refused(&[
        "tolower(user.uid) = x",
        "concat(proc.name) = x",
        "join(proc.tags, \",\") = x",
        "join(\",\", proc.name) = x",
        "basename(proc.tags) = x",
        "len(proc.name, fd.name) = 1",
        "getopt(proc.name, \"a\") exists",
        "getopt(proc.tags, proc.name) exists",
        "getopt(proc.tags, \"a\")[ab] exists",
        "getopt(proc.tags, \"a\") = a",
        "b64(user.uid) = x",
        "tolower(fd.ip) = x",
        "proc.name = len(proc.name)",
        "evt.outputtime = x",
        "tolower(evt.outputtime) = x",
        "proc.name = tolower(evt.outputtime)",
    ]);
}
