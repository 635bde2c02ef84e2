//! Where the page of fields says a field has a value, there it has one, and nowhere else.

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;
use saker_engine::schema::{ArgKind, Schema as _};

use crate::world::{CHILD, World, connect, openat, record, shown, tcp};

/// Fields about descriptors by what the page says, and in which order [`SITUATIONS`] answers.
const CLASSES: [&str; 8] = [
    "events about a descriptor, known or not",
    "events about a known descriptor",
    "events about a known file or directory; failed opens and connections",
    "events about a known file",
    "events about a known inet or unix socket",
    "events about a known inet socket",
    "events about a connection or a listening socket",
    "events about a connection",
];

/// What happens before, what happens, and of each class whether its fields are present then.
struct Situation {
    name: &'static str,
    before: fn() -> Vec<RecordBuilder>,
    event: fn() -> RecordBuilder,
    present: [u8; CLASSES.len()],
}

fn client() -> saker_tuple {
    tcp(([10, 0, 0, 5], 5000), ([8, 8, 8, 8], 443))
}

fn socket(domain: i64) -> RecordBuilder {
    record(SAKER_EV_SOCKET, 5_000, CHILD)
        .num(SAKER_P_SOCKET_fd, 4)
        .num(SAKER_P_SOCKET_domain, domain)
        .num(SAKER_P_SOCKET_type, 1)
}

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "a file",
        before: Vec::new,
        event: || openat(6_000, CHILD, 3, "/etc/passwd", 0),
        present: [1, 1, 1, 1, 0, 0, 0, 0],
    },
    Situation {
        name: "a directory",
        before: Vec::new,
        event: || openat(6_000, CHILD, 3, "/etc", 0o200_000),
        present: [1, 1, 1, 0, 0, 0, 0, 0],
    },
    Situation {
        name: "an open that fails",
        before: Vec::new,
        event: || openat(6_000, CHILD, -2, "/etc/passwd", 0),
        present: [1, 0, 1, 0, 0, 0, 0, 0],
    },
    Situation {
        name: "a number nobody knows",
        before: Vec::new,
        event: || record(SAKER_EV_CLOSE, 6_000, CHILD).num(SAKER_P_CLOSE_fd, 99),
        present: [1, 0, 0, 0, 0, 0, 0, 0],
    },
    Situation {
        name: "a file that is closed",
        before: || vec![openat(5_000, CHILD, 3, "/etc/passwd", 0)],
        event: || record(SAKER_EV_CLOSE, 6_000, CHILD).num(SAKER_P_CLOSE_fd, 3),
        present: [1, 1, 1, 1, 0, 0, 0, 0],
    },
    Situation {
        name: "a connection",
        before: Vec::new,
        event: || connect(6_000, 0, 4, &client()),
        present: [1, 1, 0, 0, 1, 1, 1, 1],
    },
    Situation {
        name: "a listening socket",
        before: || vec![socket(2)],
        event: || {
            let local = tcp(([10, 0, 0, 5], 80), ([0; 4], 0));
            record(SAKER_EV_BIND, 6_000, CHILD)
                .num(SAKER_P_BIND_fd, 4)
                .tuple(SAKER_P_BIND_tuple, &local)
        },
        present: [1, 1, 0, 0, 1, 1, 1, 0],
    },
    Situation {
        name: "a socket without ends",
        before: Vec::new,
        event: || socket(2),
        present: [1, 1, 0, 0, 1, 1, 0, 0],
    },
    Situation {
        name: "a unix socket",
        before: Vec::new,
        event: || socket(1),
        present: [1, 1, 0, 0, 1, 0, 0, 0],
    },
    Situation {
        name: "no descriptor",
        before: Vec::new,
        event: || record(SAKER_EV_RMDIR, 6_000, CHILD),
        present: [0; 8],
    },
];

#[test]
fn fields_of_descriptors() {
    let mut seen = 0;
    for situation in SITUATIONS {
        let mut world = World::new();
        (situation.before)().iter().for_each(|it| world.feed(it));
        world.event(&(situation.event)(), |event, schema| {
            let plain = |kind| matches!(kind, ArgKind::None | ArgKind::OptionalIndex);
            for info in schema.fields().iter().filter(|info| plain(info.arg)) {
                let class = schema.present_on(info.name);
                if let Some(at) = CLASSES.iter().position(|&known| known == class) {
                    let present = shown(event, schema, info.name).is_some();
                    assert_eq!(
                        present,
                        situation.present[at] != 0,
                        "{} on {}, said to be on: {class}",
                        info.name,
                        situation.name
                    );
                    seen += 1;
                }
            }
        });
    }
    assert!(seen >= 40 * SITUATIONS.len(), "{seen} looks");
}

#[test]
fn fields_of_paths_calls_and_containers() {
    let mut world = World::new();
    let rename = record(SAKER_EV_RENAME, 5_000, CHILD)
        .var(SAKER_P_RENAME_oldpath, b"/a")
        .var(SAKER_P_RENAME_newpath, b"/b");
    world.expect(
        &rename,
        &[
            ("fs.path.name", "~"),
            ("fs.path.source", "/b"),
            ("fs.path.targetraw", "/a"),
            ("evt.count.error", "~"),
            ("container.mount[0]", "~"),
            ("container.label[app]", "~"),
            ("container.mounts", ""),
        ],
    );
    let unlink = |res| {
        record(SAKER_EV_UNLINK, 6_000, CHILD)
            .num(SAKER_P_UNLINK_res, res)
            .var(SAKER_P_UNLINK_path, b"/a")
    };
    let fields = [
        ("fs.path.name", "/a"),
        ("fs.path.source", "~"),
        ("evt.count.error", "~"),
    ];
    world.expect(&unlink(0), &fields);
    let fields = [("fs.path.name", "~"), ("evt.count.error", "1")];
    world.expect(&unlink(-13), &fields);
    let generic = record(SAKER_EV_GENERIC, 7_000, CHILD).num(0, 74);
    let fields = [("syscall.type", "fsync"), ("evt.via", "syscall")];
    world.expect(&generic, &fields);
    let fields = [("proc.stdin.type", "~"), ("proc.stdin.name", "~")];
    world.expect(&generic, &fields);
    world.feed(&openat(8_000, CHILD, 0, "/dev/null", 0));
    let fields = [
        ("proc.stdin.type", "file"),
        ("proc.stdin.name", "/dev/null"),
    ];
    world.expect(&generic, &fields);
}

/// The fields of real names: by what the page says of them, present where the driver has told the file.
#[test]
fn fields_of_what_calls_act_on() {
    const CLASSES: [&str; 3] = [
        "calls on one path, also failed ones, of which the driver tells the file",
        "calls on two paths, also failed ones, of which the driver tells the files",
        "unlink, rename, link, chmod and the like, also failed, where the driver tells the file",
    ];
    let acted = |event: u32| {
        record(SAKER_EV_ACTED, 5_000, CHILD)
            .num(SAKER_P_ACTED_event, event.into())
            .var(SAKER_P_ACTED_real, b"/etc/a")
            .var(SAKER_P_ACTED_real2, b"/etc/b")
    };
    let unlink = |res| {
        record(SAKER_EV_UNLINK, 5_001, CHILD)
            .num(SAKER_P_UNLINK_res, res)
            .var(SAKER_P_UNLINK_path, b"/tmp/a")
    };
    let rename = |res| {
        record(SAKER_EV_RENAME, 5_001, CHILD)
            .num(SAKER_P_RENAME_res, res)
            .var(SAKER_P_RENAME_oldpath, b"/tmp/a")
            .var(SAKER_P_RENAME_newpath, b"/tmp/b")
    };
    let mut world = World::new();
    for (told, call, expected) in [
        (Some(SAKER_EV_UNLINK), unlink(0), [true, false, true]),
        (Some(SAKER_EV_UNLINK), unlink(-13), [true, false, true]),
        (Some(SAKER_EV_RENAME), rename(0), [false, true, true]),
        (Some(SAKER_EV_RENAME), rename(-13), [false, true, true]),
        (None, unlink(0), [false; 3]),
        (None, rename(0), [false; 3]),
        (None, openat(5_001, CHILD, -2, "/etc/passwd", 0), [false; 3]),
    ] {
        told.iter().for_each(|&event| world.feed(&acted(event)));
        world.event(&call, |event, schema| {
            let mut seen = 0;
            for info in schema.fields() {
                let class = schema.present_on(info.name);
                if let Some(at) = CLASSES.iter().position(|&known| known == class) {
                    let present = shown(event, schema, info.name).is_some();
                    assert_eq!(present, expected[at], "{} after {told:?}", info.name);
                    seen += 1;
                }
            }
            assert_eq!(seen, 5);
        });
    }
}

#[test]
fn fields_of_data() {
    let mut world = World::new();
    let read = |res| {
        record(SAKER_EV_READ_CALL, 5_000, CHILD)
            .num(SAKER_P_READ_CALL_res, res)
            .num(SAKER_P_READ_CALL_fd, 3)
    };
    world.expect(&read(4), &[("evt.buffer", ""), ("evt.buflen", "~")]);
    world.feed(&openat(5_500, CHILD, 3, "/etc/passwd", 0));
    world.expect(&read(4), &[("evt.buflen", "4"), ("evt.io_dir", "read")]);
    world.expect(&read(-5), &[("evt.buflen", "~"), ("evt.io_dir", "read")]);
}
