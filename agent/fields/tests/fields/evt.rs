//! `evt.*`: rules-spec D1.

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_engine::schema::Schema as _;

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
