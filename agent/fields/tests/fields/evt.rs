//! `evt.*`: rules-spec D1.

use jiff::tz::{TimeZone, offset};
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_engine::schema::Schema as _;
use saker_fields::Clock;

use crate::world::{BOOT_NS, CHILD, World, exec, openat, record, shown};

#[test]
fn what_every_event_has() {
    let mut world = World::new();
    let open = openat(5_000, CHILD, 3, "/x", 0).hdr(|hdr| hdr.cpu = 7);
    let time = (BOOT_NS + 5_000).to_string();
    world.expect(
        &open,
        &[
            ("evt.num", "6"),
            ("evt.type", "openat"),
            ("syscall.type", "openat"),
            ("evt.type.is.openat", "1"),
            ("evt.type.is.open", "0"),
            ("evt.time", &time),
            ("evt.time.iso8601", &time),
            ("evt.rawtime.s", "1700000000"),
            ("evt.rawtime.ns", "5000"),
            ("evt.hostname", "box"),
            ("evt.source", "syscall"),
            ("evt.cpu", "7"),
            ("evt.dir", "<"),
            ("evt.buffer", "~"),
        ],
    );
}

#[test]
fn results() {
    let result = |value: i64, res: &str, raw: &str, failed: &str| {
        let rmdir = record(SAKER_EV_RMDIR, 5_000, CHILD).num(SAKER_P_RMDIR_res, value);
        let fields = [
            ("evt.res", res),
            ("evt.rawres", raw),
            ("evt.failed", failed),
        ];
        World::new().expect(&rmdir, &fields);
    };
    result(0, "SUCCESS", "0", "false");
    result(-2, "ENOENT", "-2", "true");
    result(-512, "ERESTARTSYS", "-512", "true");
    result(-99_999, "~", "-99999", "true");
    World::new().expect(
        &openat(5_000, CHILD, 3, "/x", 0),
        &[("evt.res", "SUCCESS"), ("evt.rawres", "3")],
    );
    World::new().expect(
        &openat(5_000, CHILD, -13, "/x", 0),
        &[("evt.res", "EACCES"), ("evt.rawres", "-13")],
    );
    let exit = record(SAKER_EV_PROCEXIT, 5_000, CHILD);
    World::new().expect(
        &exit,
        &[
            ("evt.res", "~"),
            ("evt.rawres", "~"),
            ("evt.failed", "~"),
            ("syscall.type", "~"),
            ("evt.dir", ">"),
            ("proc.name", "cat"),
        ],
    );
}

/// Its flags are those that it asked for, by the kernel's numbers; those of others are what the driver has seen.
#[test]
fn a_failed_fork_tells_what_it_asked_for() {
    let failed = record(SAKER_EV_CLONE, 5_000, CHILD)
        .num(SAKER_P_CLONE_res, -22)
        .num(SAKER_P_CLONE_flags, 0x0301_0011);
    World::new().expect(
        &failed,
        &[
            ("evt.type", "clone"),
            ("evt.res", "EINVAL"),
            ("evt.failed", "true"),
            ("evt.rawres", "-22"),
            ("evt.arg.res", "-22"),
            (
                "evt.arg.flags",
                "CLONE_THREAD|CLONE_CHILD_SETTID|CLONE_NEWCGROUP",
            ),
            ("proc.name", "cat"),
        ],
    );
}

#[test]
fn kinds_of_opens() {
    let kinds = |flags: i64, mode: i64, wanted: [&str; 4]| {
        let open = openat(5_000, CHILD, 3, "/x", flags).num(SAKER_P_OPENAT_mode, mode);
        let fields = [
            "evt.is_open_read",
            "evt.is_open_write",
            "evt.is_open_exec",
            "evt.is_open_create",
        ];
        let found = World::new().show(&open, fields);
        assert_eq!(
            found.map(|value| value.expect("never absent")),
            wanted,
            "{flags:o}"
        );
    };
    kinds(0, 0, ["true", "false", "false", "false"]);
    kinds(1, 0, ["false", "true", "false", "false"]);
    kinds(2, 0, ["true", "true", "false", "false"]);
    kinds(0o101, 0o755, ["false", "true", "true", "false"]);
    kinds(0o101, 0o644, ["false", "true", "false", "false"]);
    // Opening a directory counts as creating (rules-spec E4), but its mode is left-over data.
    kinds(0o200_000, 0o755, ["true", "false", "false", "true"]);
}

#[test]
fn creat_is_no_open_for_writing_but_may_make_programs() {
    let creat = |mode| {
        record(SAKER_EV_CREAT, 5_000, CHILD)
            .num(SAKER_P_CREAT_fd, 3)
            .num(SAKER_P_CREAT_mode, mode)
            .var(SAKER_P_CREAT_name, b"/x")
    };
    let fields = |exec| [("evt.is_open_write", "false"), ("evt.is_open_exec", exec)];
    World::new().expect(&creat(0o755), &fields("true"));
    World::new().expect(&creat(0o644), &fields("false"));
    let created =
        openat(5_000, CHILD, 3, "/x", 0o101).num(SAKER_P_OPENAT_facts, (SAKER_FILE_CREATED).into());
    World::new().expect(&created, &[("evt.is_open_create", "true")]);
}

#[test]
fn other_events_are_no_opens() {
    let fields = [
        ("evt.is_open_read", "false"),
        ("evt.is_open_write", "false"),
        ("evt.is_open_exec", "false"),
        ("evt.is_open_create", "false"),
    ];
    World::new().expect(&record(SAKER_EV_RMDIR, 5_000, CHILD), &fields);
}

#[test]
fn a_failed_exec_shows_the_caller() {
    let failed = exec(CHILD, 20, 5_000, "evil", &[]).num(SAKER_P_EXECVE_res, -2);
    World::new().expect(
        &failed,
        &[
            ("evt.type", "execve"),
            ("evt.res", "ENOENT"),
            ("proc.name", "cat"),
        ],
    );
}

#[test]
fn static_fields_are_the_same_on_every_event() {
    let mut world = World::empty();
    let record = RecordBuilder::new(SAKER_EV_OPENAT, 10, 0, 0);
    world.event(&record, |event, schema| {
        assert_eq!(shown(event, schema, "static.env").as_deref(), Some("prod"));
        let all: Vec<_> = schema.static_fields().collect();
        let env = schema
            .resolve("static.env", None)
            .expect("configured")
            .field;
        assert_eq!(all, [(env, "prod")]);
    });
}

#[test]
fn times_as_text() {
    let mut world = World::new();
    world.expect(
        &record(SAKER_EV_RMDIR, 5_000, CHILD),
        &[
            ("evt.datetime", "2023-11-14 22:13:20.000005000"),
            ("evt.datetime.s", "2023-11-14 22:13:20"),
            ("evt.time.s", "22:13:20"),
            ("evt.reltime", "4950"),
            ("evt.reltime.s", "0"),
            ("evt.reltime.ns", "4950"),
            ("evt.deltatime", "1000"),
            ("evt.latency", "0"),
            ("evt.latency.human", "0ns"),
            ("evt.wait_latency", "0"),
        ],
    );
    let late = record(SAKER_EV_RMDIR, 2_000_006_000, CHILD);
    let fields = [
        ("evt.deltatime", "2000001000"),
        ("evt.deltatime.s", "2"),
        ("evt.deltatime.ns", "1000"),
    ];
    world.expect(&late, &fields);
    World::empty().expect(&late, &[("evt.deltatime", "0")]);
}

/// rules-spec C1, C4: texts show the time of day, `output_fields` the number.
#[test]
fn outputs_spell_the_time_and_fields_hold_the_number() {
    let mut world = World::new();
    let shown = |world: &mut World| {
        let output =
            "%evt.time|%evt.time.iso8601|%10evt.time|%evt.outputtime|%evt.rawtime|%evt.reltime";
        world.output(&record(SAKER_EV_RMDIR, 5_000, CHILD), output)
    };
    let (text, fields) = shown(&mut world);
    assert_eq!(
        text,
        "22:13:20.000005000|2023-11-14T22:13:20.000005000+0000|22:13:20.0|22:13:20.000005000|\
         1700000000000005000|4950"
    );
    let json = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    let number = Some(serde_json::json!(BOOT_NS + 5_000));
    assert_eq!(json("evt.time"), number);
    assert_eq!(json("evt.time.iso8601"), number);
    assert_eq!(json("evt.outputtime"), Some("22:13:20.000005000".into()));

    world.set_clock(Clock {
        zone: TimeZone::fixed(offset(-3)),
        iso_8601: true,
    });
    let (text, _) = shown(&mut world);
    assert_eq!(
        text,
        "19:13:20.000005000|2023-11-14T22:13:20.000005000+0000|19:13:20.0|\
         2023-11-14T22:13:20.000005000+0000|1700000000000005000|4950"
    );
    let fields = [
        ("evt.datetime", "2023-11-14 19:13:20.000005000"),
        ("evt.time.s", "19:13:20"),
    ];
    world.expect(&record(SAKER_EV_RMDIR, 5_000, CHILD), &fields);
}

#[test]
fn sorts_of_events() {
    let mut world = World::new();
    let failed = record(SAKER_EV_RMDIR, 5_000, CHILD).num(SAKER_P_RMDIR_res, -2);
    world.expect(
        &failed,
        &[
            ("evt.category", "file"),
            ("evt.count.error", "1"),
            ("evt.count.error.file", "1"),
            ("evt.count.error.net", "~"),
            ("evt.count.error.other", "~"),
            ("evt.count.exit", "1"),
            ("evt.is_io", "false"),
            ("evt.io_dir", "~"),
            ("evt.is_wait", "false"),
            ("evt.is_syslog", "false"),
            ("evt.buflen", "~"),
        ],
    );
    world.feed(&openat(6_000, CHILD, 3, "/tmp/x", 0));
    let close = record(SAKER_EV_CLOSE, 7_000, CHILD).num(SAKER_P_CLOSE_fd, 3);
    let fields = [("evt.category", "file"), ("evt.count.error", "~")];
    world.expect(&close, &fields);
    let unknown = record(SAKER_EV_CLOSE, 8_000, CHILD).num(SAKER_P_CLOSE_fd, 99);
    world.expect(&unknown, &[("evt.category", "unknown")]);
    let exit = record(SAKER_EV_PROCEXIT, 9_000, CHILD);
    let fields = [("evt.category", "process"), ("evt.count.exit", "~")];
    world.expect(&exit, &fields);
}

#[test]
fn absolute_paths() {
    let mut world = World::new();
    let rename = record(SAKER_EV_RENAMEAT2, 5_000, CHILD)
        .num(SAKER_P_RENAMEAT2_res, -13)
        .num(SAKER_P_RENAMEAT2_olddirfd, -100)
        .num(SAKER_P_RENAMEAT2_newdirfd, -100)
        .var(SAKER_P_RENAMEAT2_oldpath, b"a")
        .var(SAKER_P_RENAMEAT2_newpath, b"../b");
    world.expect(
        &rename,
        &[
            ("evt.abspath", "/work/a"),
            ("evt.abspath.src", "/work/a"),
            ("evt.abspath.dst", "/b"),
            ("fs.path.source", "~"),
        ],
    );
    world.expect(
        &openat(6_000, CHILD, 3, "x", 0),
        &[
            ("evt.abspath", "/work/x"),
            ("evt.abspath.src", "~"),
            ("evt.abspath.dst", "~"),
        ],
    );
    world.expect(
        &record(SAKER_EV_RMDIR, 7_000, CHILD),
        &[("evt.abspath", "~")],
    );
}
