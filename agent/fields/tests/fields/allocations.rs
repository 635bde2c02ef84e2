//! Once warm, answering allocates nothing: what workers do for every event must not depend on the
//! allocator.

use std::ops::ControlFlow;

use saker_engine::schema::{Arity, Event, Resolved};

use crate::world::{CHILD, World, connect, exec, openat, resolve, tcp};

/// What the stock rules ask of opens, connects and execs in conditions and outputs.
const FIELDS: [&str; 24] = [
    "evt.type",
    "evt.args",
    "evt.arg.flags",
    "evt.arg.name",
    "evt.rawarg.name",
    "evt.is_open_write",
    "evt.res",
    "fd.name",
    "fd.nameraw",
    "fd.directory",
    "fd.containername",
    "fd.net",
    "fd.sport",
    "fd.l4proto",
    "fd.types",
    "proc.name",
    "proc.cmdline",
    "proc.pname",
    "proc.aname",
    "proc.aname[3]",
    "proc.sname",
    "proc.env",
    "thread.cap_effective",
    "user.name",
];

fn ask(event: &dyn Event, fields: &[Resolved]) -> usize {
    let mut present = 0;
    for field in fields {
        present += usize::from(match field.arity {
            Arity::One => event.get(field.field).is_some(),
            _ => event.each(field.field, &mut |_| ControlFlow::Continue(())),
        });
    }
    present
}

#[test]
fn answers_allocate_nothing_once_warm() {
    let mut world = World::new();
    let tuple = tcp(([10, 0, 0, 5], 5000), ([8, 8, 8, 8], 443));
    let events = [
        openat(5_000, CHILD, 3, "relative", 0o101),
        openat(5_000, CHILD, -2, "../missing", 0),
        connect(5_000, 0, 4, &tuple),
        connect(5_000, -1, 77, &tuple),
        exec(CHILD, 20, 5_000, "x", &["a", "b"]),
    ];
    let fields = world.event(&events[0], |_, schema| {
        FIELDS.map(|field| resolve(schema, field))
    });
    // Buffers change hands between texts: a few rounds until each has seen the longest.
    for event in (0..8).flat_map(|_| &events) {
        world.event(event, |event, _| ask(event, &fields));
    }
    for event in &events {
        let mut present = 0;
        let info = world.event(event, |event, _| {
            allocation_counter::measure(|| present = ask(event, &fields))
        });
        assert!(present > 12, "{present} fields");
        assert_eq!(info.count_total, 0, "{info:?}");
    }
}
