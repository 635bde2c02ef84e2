//! Names that must and must not resolve.

use saker_abi::driver::EventSet;
use saker_abi::event::EVENTS;
use saker_engine::schema::{Arity, EventType, FieldError, Place, Schema};
use saker_engine::value::ValueType;
use saker_fields::FieldSchema;

#[test]
fn recorded_events_come_first() {
    let schema = FieldSchema::new();
    for event in EVENTS.iter() {
        let id = EventType(event.id);
        let named = (!event.is_internal() && !event.is_generic()).then_some(id);
        assert_eq!(schema.event_name(id), event.name);
        assert_eq!(schema.event_type(event.name), named);
        assert_eq!(schema.captured(id), named.is_some());
    }
}

#[test]
fn no_rule_can_name_what_is_for_the_agent() {
    let schema = FieldSchema::new();
    assert!(EVENTS.iter().any(|event| event.name == "canary"));
    assert_eq!(schema.event_type("canary"), None);
    assert!(schema.resolve("evt.arg.token", None).is_err());
}

#[test]
fn events_nobody_records_are_known() {
    let schema = FieldSchema::new();
    // The last is the kernel's name of a call whose event has another one.
    for name in [
        "switch",
        "page_fault",
        "asyncevent",
        "exit_group",
        "prlimit64",
    ] {
        let event = schema.event_type(name).expect(name);
        assert_eq!(schema.event_name(event), name);
        assert!(!schema.captured(event), "{name}");
        assert!(event.0 < schema.event_count());
    }
    assert_eq!(schema.event_type("no_such_call"), None);
    assert_eq!(schema.event_name(EventType(u16::MAX)), "unknown");
}

#[test]
fn calls_without_an_event_are_asked_for_by_name() {
    let schema = FieldSchema::new();
    for name in ["fsync", "landlock_add_rule", "waitpid", "mseal"] {
        let event = schema.event_type(name).expect(name);
        assert!(schema.captured(event) && schema.on_demand(event), "{name}");
        let mut set = EventSet::new();
        schema.request(event, &mut set);
        let calls: Vec<_> = set.calls().map(|call| call.name).collect();
        assert_eq!(calls, [name]);
    }
    assert_eq!(schema.event_type("generic"), None);
    let stat = schema.event_type("stat").expect("an event");
    assert!(schema.on_demand(stat));
    let mut set = EventSet::new();
    schema.request(stat, &mut set);
    schema.request(schema.event_type("page_fault").expect("known"), &mut set);
    assert_eq!(set.iter().collect::<Vec<_>>(), [stat.0]);
    assert!(!schema.on_demand(schema.event_type("openat").expect("an event")));
}

#[test]
fn names_of_events_are_distinct() {
    let schema = FieldSchema::new();
    let mut names: Vec<_> = (0..schema.event_count())
        .map(|event| schema.event_name(EventType(event)))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), usize::from(schema.event_count()));
}

#[test]
fn dotted_and_bracketed_arguments_are_the_same() {
    let schema = FieldSchema::new();
    let both = |dotted: &str, name: &str, arg: &str| {
        let dotted = schema.resolve(dotted, None).expect(dotted);
        assert_eq!(Ok(dotted), schema.resolve(name, Some(arg)));
    };
    both("evt.arg.flags", "evt.arg", "flags");
    both("evt.rawarg.mode", "evt.rawarg", "mode");
    both("evt.type.is.openat", "evt.type.is", "openat");
    let of = |name| schema.resolve("evt.arg", Some(name)).expect(name).field;
    assert_ne!(of("0"), of("flags"));
    assert_ne!(of("oldpath"), of("newpath"));
}

#[test]
fn arguments_are_checked() {
    let schema = FieldSchema::new();
    let argument = |name, arg| {
        let result = schema.resolve(name, arg);
        assert!(
            matches!(result, Err(FieldError::Argument(_))),
            "{name} {arg:?}: {result:?}"
        );
    };
    argument("proc.name", Some("1"));
    argument("proc.aname", Some("x"));
    argument("proc.aname", Some("-1"));
    argument("proc.aname", Some("99999999999"));
    argument("container.label", None);
    argument("evt.arg", None);
    argument("evt.arg.no_such_parameter", None);
    argument("evt.rawarg", Some("0"));
    argument("evt.type.is.no_such_event", None);
    argument("container.mount.dest", None);
    argument("container.mount.dest", Some("("));
    let unknown = |name| {
        assert_eq!(
            schema.resolve(name, None),
            Err(FieldError::Unknown),
            "{name}"
        )
    };
    unknown("proc.no_such_field");
    unknown("proc");
    unknown("evt.arg.");
    unknown("proc.aname.2");
    unknown("");
}

#[test]
fn internal_facts_are_no_arguments() {
    let schema = FieldSchema::new();
    for name in ["facts", "now_euid", "child_pid", "group_dead"] {
        assert!(schema.resolve("evt.arg", Some(name)).is_err(), "{name}");
    }
}

#[test]
fn types_and_places() {
    let schema = FieldSchema::new();
    let field = |name, arg| schema.resolve(name, arg).expect(name);
    assert_eq!(field("evt.rawarg", Some("flags")).ty, ValueType::Uint);
    assert_eq!(field("evt.rawarg", Some("res")).ty, ValueType::Int);
    assert_eq!(field("evt.rawarg", Some("name")).ty, ValueType::Str);
    assert_eq!(field("fd.net", None).arity, Arity::Ends);
    assert_eq!(field("fd.net", None).place, Place::ConditionOnly);
    assert_eq!(field("fd.sport", None).ty, ValueType::Port);
    assert_eq!(field("fd.types", None).arity, Arity::List);
    assert_eq!(field("fd.types", Some("1")).arity, Arity::One);
    assert_eq!(field("proc.aname", None).arity, Arity::Any);
    assert_eq!(field("proc.aname", Some("2")).arity, Arity::One);
    assert!(schema.is_event_type_field(field("evt.type", None).field));
    assert!(schema.is_event_type_field(field("syscall.type", None).field));
    assert!(!schema.is_event_type_field(field("proc.name", None).field));
    assert!(schema.is_event_number_field(field("evt.num", None).field));
}

/// rules-spec B7.
#[test]
fn some_fields_stand_on_the_left_only() {
    let schema = FieldSchema::new();
    let neither = [
        "fd.ip",
        "fd.port",
        "fd.proto",
        "fd.net",
        "fd.cnet",
        "fd.snet",
        "fd.lnet",
        "fd.rnet",
        "fd.cip.name",
        "fd.sip.name",
        "fd.lip.name",
        "fd.rip.name",
        "evt.rawarg",
        "proc.aname",
        "proc.aexe",
        "proc.aexepath",
        "proc.acmdline",
        "proc.apid",
        "proc.aenv",
    ];
    let not_on_right = ["fd.types", "evt.around"];
    for info in schema.fields() {
        let name = info.name;
        assert_eq!(info.in_transformer, !neither.contains(&name), "{name}");
        let on_right = info.in_transformer && !not_on_right.contains(&name);
        assert_eq!(info.on_right, on_right, "{name}");
    }
    let ancestor = schema.resolve("proc.aname", Some("2")).expect("a field");
    assert!(!ancestor.on_right && !ancestor.in_transformer);
}

#[test]
fn static_fields_are_those_of_the_configuration() {
    let pair = |(k, v): (&str, &str)| (k.to_owned(), v.to_owned());
    let values = [("env", "prod"), ("team.name", "blue")].map(pair).into();
    let schema = FieldSchema::with_static_fields(&values);
    let resolved = |name: &str| schema.resolve(name, None);
    let env = resolved("static.env").expect("configured");
    assert_eq!(
        (env.ty, env.arity, env.place),
        (ValueType::Str, Arity::One, Place::Anywhere)
    );
    assert!(env.on_right && env.in_transformer);
    let team = resolved("static.team.name").expect("configured");
    assert_ne!(env.field, team.field);
    assert_eq!(schema.field_text(team.field), "static.team.name");
    assert_eq!(resolved("static.other"), Err(FieldError::Unknown));
    let without = FieldSchema::new();
    assert_eq!(
        without.resolve("static.env", None),
        Err(FieldError::Unknown)
    );
}
