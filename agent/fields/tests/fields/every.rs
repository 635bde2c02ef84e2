//! Every field, on an event of every type: no panic, the promised type, a description.

use std::ops::ControlFlow;

use proptest::prelude::*;
use saker_abi::event::EVENTS;
use saker_abi::record::RecordBuilder;
use saker_engine::schema::{ArgKind, Arity, Event, Schema};
use saker_engine::value::ValueType;
use saker_fields::FieldSchema;

use crate::world::{CHILD, World, check_type, resolve, shown};

/// Ways to write each field that cover its arguments.
fn spellings(schema: &FieldSchema) -> Vec<String> {
    let mut all = Vec::new();
    for info in schema.fields() {
        let name = info.name;
        if matches!(
            info.arg,
            ArgKind::None | ArgKind::OptionalIndex | ArgKind::OptionalKey
        ) {
            all.push(name.to_owned());
        }
        let keys: &[&str] = match (info.arg, name) {
            (ArgKind::None, _) => &[],
            (ArgKind::Index | ArgKind::OptionalIndex, _) => &["0", "1", "2", "7", "65535"],
            (_, "static") => &["env"],
            (_, "evt.type.is") => &["openat", "read"],
            (_, "evt.arg") => &["0", "5", "99", "flags", "name", "res", "data", "queuelen"],
            (_, "evt.rawarg") => &[
                "flags",
                "name",
                "res",
                "data",
                "uid",
                "exe_ino_ctime",
                "mode",
            ],
            (_, "proc.aenv") => &["0", "1", "7", "HOME"],
            (_, "thread.cgroup") => &["cpu", "HOME"],
            _ => &["HOME", "/etc"],
        };
        all.extend(keys.iter().map(|key| format!("{name}[{key}]")));
    }
    all
}

fn visit_all(event: &dyn Event, schema: &FieldSchema) -> usize {
    let fields = spellings(schema);
    fields
        .iter()
        .filter(|field| shown(event, schema, field).is_some())
        .count()
}

#[test]
fn every_field_answers_on_every_event() {
    let mut world = World::new();
    for event in EVENTS.iter() {
        let record = RecordBuilder::new(event.id.into(), 10_000, CHILD, CHILD);
        let present = world.event(&record, visit_all);
        assert!(present > 50, "{}: {present} fields", event.name);
    }
}

/// What the page of fields says of their presence.
#[test]
fn fields_are_present_where_the_documentation_says() {
    let mut world = World::new();
    for event in EVENTS.iter().filter(|event| !event.is_internal()) {
        for tgid in [CHILD, 0] {
            let record = RecordBuilder::new(event.id.into(), 10_000, tgid, tgid);
            let is_call = event.is_call();
            world.event(&record, |event, schema| {
                for field in spellings(schema) {
                    let name = field.split('[').next().unwrap_or_default();
                    let present = shown(event, schema, &field).is_some();
                    match schema.present_on(name) {
                        "every event" => assert!(present, "{field}: absent"),
                        "events of a process" => assert_eq!(present, tgid != 0, "{field}"),
                        "never" => assert!(!present, "{field}: present"),
                        "system calls" => assert_eq!(present, is_call, "{field}"),
                        // What these need, not every event has; the kernel's own have none of it but
                        // returns and parameters.
                        "system calls of the table" | "system calls of the table that fail" => {}
                        "events with that parameter" | "calls that read or write" => {}
                        "reads, writes, sends and receives" => {}
                        _ => assert!(!present || tgid != 0, "{field}: present without a process"),
                    }
                }
            });
        }
    }
}

#[test]
fn fields_of_a_process_are_absent_without_one() {
    let mut world = World::empty();
    let record = RecordBuilder::new(saker_abi::raw::SAKER_EV_OPENAT, 10, 0, 0);
    world.event(&record, |event, schema| {
        for info in schema.fields() {
            let family = info.name.split('.').next().unwrap_or_default();
            if family == "evt" || family == "syscall" || info.arg == ArgKind::Key {
                continue;
            }
            let field = match info.arg {
                ArgKind::Index => format!("{}[1]", info.name),
                _ => info.name.to_owned(),
            };
            assert_eq!(shown(event, schema, &field), None, "{field}");
        }
    });
}

#[test]
fn every_field_is_described() {
    let schema = FieldSchema::new();
    let mut names: Vec<_> = schema.fields().iter().map(|info| info.name).collect();
    for info in schema.fields() {
        assert!(info.description.ends_with('.'), "{}: a sentence", info.name);
        assert!((1..=100).contains(&info.cost), "{}", info.name);
        // `static` is never written without its key.
        let named = info.name.contains('.') || info.name == "static";
        assert!(named, "{}", info.name);
        assert!(!schema.present_on(info.name).is_empty(), "{}", info.name);
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a field twice");
}

#[test]
fn visits_end_when_the_visitor_has_enough() {
    let mut world = World::new();
    let record = RecordBuilder::new(saker_abi::raw::SAKER_EV_RMDIR, 10_000, CHILD, CHILD);
    world.event(&record, |event, schema| {
        let mut seen = 0;
        let aname = resolve(schema, "proc.aname");
        assert_eq!(aname.arity, Arity::Any);
        let present = event.each(aname.field, &mut |value| {
            check_type(value, ValueType::Str);
            seen += 1;
            ControlFlow::Break(())
        });
        assert!(present);
        assert_eq!(seen, 1);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Records as a broken driver might write them.
    #[test]
    fn no_record_panics(
        event in 0..EVENTS.len(),
        ts_ns in any::<u64>(),
        tgid in 0_u32..40,
        slots in prop::collection::vec(any::<u64>(), 64),
        bytes in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        let info = &EVENTS[event];
        let mut record = RecordBuilder::new(event as u32, ts_ns, tgid, tgid);
        for (slot, param) in info.params.iter().enumerate() {
            let value = slots[slot];
            record = if param.is_var() {
                let end = value as usize % (bytes.len() + 1);
                record.var(slot as u32, &bytes[..end])
            } else {
                // Small numbers and ends of ranges as well as anything.
                let value = match value % 4 { 0 => value % 8, 1 => u64::MAX, _ => value };
                record.num(slot as u32, value as i64)
            };
        }
        World::new().event(&record, visit_all);
    }
}
