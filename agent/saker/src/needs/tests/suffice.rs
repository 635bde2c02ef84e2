//! What every field shows with the events it needs is what it shows with all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use proptest::prelude::*;
use saker_abi::record::Record;
use saker_engine::schema::{ArgKind, Arity, Event, Resolved, Schema};
use saker_engine::value::Value;
use saker_fields::{EventView, HostInfo, Scratch};
use saker_state::{Address, Interfaces, Names, State, StateConfig};

use super::host::{Choice, Host, Told};
use super::*;

/// What these show is which events are recorded.
const OF_THE_STREAM: [&str; 4] = [
    "evt.num",
    "evt.deltatime",
    "evt.deltatime.s",
    "evt.deltatime.ns",
];

/// Every field in ways that cover its arguments.
fn spellings(schema: &FieldSchema) -> Vec<String> {
    let mut all = Vec::new();
    for info in schema
        .fields()
        .iter()
        .filter(|info| !OF_THE_STREAM.contains(&info.name))
    {
        let name = info.name;
        if !matches!(info.arg, ArgKind::Index | ArgKind::Key) {
            all.push(name.to_owned());
        }
        let keys: &[&str] = match (info.arg, name) {
            (ArgKind::None, _) | (_, "static") => &[],
            (_, "evt.type.is") => &["openat"],
            (_, "evt.arg") => &[
                "0", "1", "2", "3", "fd", "oldfd", "dirfd", "name", "path", "tuple", "fds",
            ],
            (_, "evt.rawarg") => &["fd", "name"],
            (ArgKind::Index | ArgKind::OptionalIndex, _) => &["0", "1", "3"],
            (_, "proc.aenv") => &["1", "HOME"],
            _ => &["HOME"],
        };
        all.extend(keys.iter().map(|key| format!("{name}[{key}]")));
    }
    all
}

fn resolved(schema: &FieldSchema, field: &str) -> Resolved {
    let (name, key) = match field
        .strip_suffix(']')
        .and_then(|rest| rest.split_once('['))
    {
        Some((name, key)) => (name, Some(key)),
        None => (field, None),
    };
    schema.resolve(name, key).expect(field)
}

fn shown(event: &dyn Event, field: &Resolved) -> Option<String> {
    let text = |value: Value<'_>| match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    };
    if field.arity == Arity::One {
        return event.get(field.field).map(text);
    }
    let mut values = Vec::new();
    let present = event.each(field.field, &mut |value| {
        values.push(text(value));
        ControlFlow::Continue(())
    });
    present.then(|| values.join(" "))
}

struct Looker {
    schema: FieldSchema,
    host: HostInfo,
    names: Names,
}

impl Looker {
    fn new() -> Self {
        Self {
            schema: FieldSchema::new(),
            host: HostInfo::default(),
            names: Names::parse("root:x:0:0::/root:/bin/sh\n", ""),
        }
    }

    /// What `fields` show of the records of `event`, all if none, by their place, when only `events` are recorded.
    fn look(
        &self,
        told: &[Told],
        events: Option<&EventSet>,
        event: Option<u16>,
        fields: &[(usize, Resolved)],
    ) -> BTreeMap<(usize, usize), Option<String>> {
        let mut state = State::new(StateConfig::default()).expect("one partition");
        let ip = "10.0.0.5".parse().expect("an address");
        state
            .shared
            .set_interfaces(Interfaces::new([Address { ip, prefix: 24 }]));
        let partition = &mut state.partitions[0];
        let (mut seen, mut scratch) = (BTreeMap::new(), Scratch::new());
        for (at, one) in told.iter().enumerate() {
            if events.is_some_and(|events| !events.contains(one.of)) {
                continue;
            }
            let record = Record::parse(&one.bytes).expect("a record");
            let applied = partition.apply(&record);
            let asked = event.is_none_or(|event| record.event() == u32::from(event));
            if asked && !record.info().is_internal() {
                scratch.reset();
                let view = partition.view(&record, &applied);
                let view = EventView::new(
                    record,
                    view,
                    &self.names,
                    &self.host,
                    &self.schema,
                    1,
                    &scratch,
                );
                seen.extend(
                    fields
                        .iter()
                        .map(|(id, field)| ((at, *id), shown(&view, field))),
                );
            }
            partition.settle(&record);
        }
        seen
    }
}

fn check(choices: &[Choice]) -> Result<(), TestCaseError> {
    let looker = Looker::new();
    let fields = spellings(&looker.schema);
    let all: Vec<_> = fields
        .iter()
        .map(|field| resolved(&looker.schema, field))
        .enumerate()
        .collect();
    let host = Host::new(choices);
    let whole = looker.look(&host.told, None, None, &all);
    let mut wrong = Vec::new();
    let events: BTreeSet<u16> = host.told.iter().map(|told| told.of).collect();
    for event in events {
        let info = &EVENTS[usize::from(event)];
        let mut groups: BTreeMap<Vec<u16>, Vec<(usize, Resolved)>> = BTreeMap::new();
        for ((id, resolved), field) in all.iter().zip(&fields) {
            let mut needed = EventSet::state();
            needed.insert(event);
            looks::keepers(field, info).add_to(&mut needed);
            groups
                .entry(needed.iter().collect())
                .or_default()
                .push((*id, resolved.clone()));
        }
        for (needed, fields_here) in groups {
            let needed: EventSet = needed.into_iter().collect();
            for (key, value) in looker.look(&host.told, Some(&needed), Some(event), &fields_here) {
                let all = &whole[&key];
                if value != *all {
                    let (at, field) = (key.0, &fields[key.1]);
                    let name = info.name;
                    wrong.push(format!(
                        "{field} of {name}: {value:?}, of all {all:?} (record {at})"
                    ));
                }
            }
        }
    }
    prop_assert!(wrong.is_empty(), "{:#?}", wrong);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_fields_need_suffices(choices in prop::collection::vec(any::<Choice>(), 1..120)) {
        check(&choices)?;
    }
}
