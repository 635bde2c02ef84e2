//! The vocabulary of the kernel event source: fields, event types, arguments.

use std::collections::BTreeMap;

use regex::bytes::Regex;
use rustc_hash::FxHashMap;
use saker_abi::driver::EventSet;
use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::{SAKER_EV_GENERIC, SAKER_HF_COMPAT32, SAKER_MAX_SYSCALLS};
use saker_abi::record::Record;
use saker_abi::syscalls::{self, GENERIC, SYSCALLS, Syscall};
use saker_engine::schema::{
    ArgKind, Arity, EventType, FieldError, FieldInfo, FieldRef, Resolved, Schema,
};

use crate::event::{self, Spelling};
use crate::field::{Arg, Extract, Field, KeyKind};
use crate::keys::{Keys, MAX_KEYS};
use crate::params::Params;
use crate::statics::Statics;
use crate::universe;

/// Largest index that may stand between brackets.
pub const MAX_INDEX: u32 = 65_535;

/// Fields and events of the kernel source. One serves all rule generations and all workers.
///
/// Event types are numbered so that the number of one that drivers record is its `SAKER_EV_*`;
/// after these come the events rules may name although nothing records them, then all other
/// system calls, most of which are recorded as `SAKER_EV_GENERIC` when a rule names them.
#[derive(Debug)]
pub struct FieldSchema {
    fields: Vec<&'static Field>,
    /// How each is got, side by side: asked for every value of every event.
    extracts: Box<[Extract]>,
    infos: Vec<FieldInfo>,
    by_name: FxHashMap<&'static str, u16>,
    events: Vec<&'static str>,
    event_by_name: FxHashMap<&'static str, u16>,
    generic: GenericTypes,
    params: Params,
    keys: Keys,
    statics: Statics,
    evt_type: u16,
    syscall_type: u16,
    evt_num: u16,
    /// Fields that outputs print otherwise than as their value.
    times: Vec<(u16, Spelling)>,
}

impl Default for FieldSchema {
    fn default() -> Self {
        Self::new()
    }
}

impl FieldSchema {
    /// The complete vocabulary, without static fields.
    ///
    /// # Panics
    /// Never, unless the crate's own tables contradict each other.
    pub fn new() -> Self {
        Self::with_static_fields(&BTreeMap::new())
    }

    /// The complete vocabulary and `static.KEY` for every key of `values`, of which
    /// [`MAX_STATIC_FIELDS`](crate::MAX_STATIC_FIELDS) are taken.
    ///
    /// # Panics
    /// As [`FieldSchema::new`].
    pub fn with_static_fields(values: &BTreeMap<String, String>) -> Self {
        let fields: Vec<&'static Field> = event::families().collect();
        let by_name: FxHashMap<_, _> = fields
            .iter()
            .enumerate()
            .map(|(id, field)| (field.info.name, id as u16))
            .collect();
        let (events, event_by_name) = event_names();
        let generic = GenericTypes::new(&event_by_name);
        let id = |name| *by_name.get(name).expect("in the table of fields");
        Self {
            infos: fields.iter().map(|field| field.info.clone()).collect(),
            extracts: fields.iter().map(|field| field.extract).collect(),
            evt_type: id("evt.type"),
            syscall_type: id("syscall.type"),
            evt_num: id("evt.num"),
            times: spelled(&fields),
            fields,
            by_name,
            events,
            event_by_name,
            generic,
            params: Params::new(),
            keys: Keys::new(),
            statics: Statics::new(values),
        }
    }

    /// Whether a driver records events of this type for rules.
    pub fn captured(&self, event: EventType) -> bool {
        self.table_event(event).is_some() || self.call(event).is_some()
    }

    /// Whether records of this event tell the parameter `name`.
    pub fn has_parameter(&self, event: EventType, name: &str) -> bool {
        // Calls without an event of their own are all recorded as one.
        let recorded = match self.table_event(event) {
            Some(event) => u32::from(event.id),
            None if self.call(event).is_some() => SAKER_EV_GENERIC,
            None => return false,
        };
        let found = self.params.find(name);
        found.is_some_and(|(number, _)| self.params.position(number, recorded).is_some())
    }

    /// Whether events of this type are so frequent, or so many sorts of them are one, that only rules which
    /// name the type get them.
    pub fn on_demand(&self, event: EventType) -> bool {
        match self.table_event(event) {
            Some(event) => event.is_on_demand(),
            None => true,
        }
    }

    /// Adds what drivers must record for events of this type; nothing when they cannot.
    pub fn request(&self, event: EventType, set: &mut EventSet) {
        if let Some(event) = self.table_event(event) {
            set.insert(event.id);
        } else if let Some(call) = self.call(event) {
            set.insert_call(call);
        }
    }

    /// The type of a record's event.
    pub(crate) fn type_of(&self, record: &Record<'_>) -> EventType {
        if record.event() == SAKER_EV_GENERIC {
            let compat = u32::from(record.hdr().flags) & SAKER_HF_COMPAT32 != 0;
            return self.generic.find(record.u64(0), compat);
        }
        EventType(record.hdr().event)
    }

    fn table_event(&self, event: EventType) -> Option<&'static EventInfo> {
        let event = EVENTS.get(usize::from(event.0))?;
        (!event.is_internal() && !event.is_generic()).then_some(event)
    }

    fn call(&self, event: EventType) -> Option<&'static Syscall> {
        let beyond = usize::from(event.0) >= EVENTS.len();
        beyond.then(|| syscalls::generic(self.event_name(event)))?
    }

    /// On which events the field `name` has a value, for people; empty for what is no field.
    pub fn present_on(&self, name: &str) -> &'static str {
        let id = self.by_name.get(name).copied();
        id.and_then(|id| self.field(id))
            .map_or("", |field| field.presence.describe())
    }

    /// The event type called `name`.
    pub fn event_type(&self, name: &str) -> Option<EventType> {
        self.event_by_name.get(name).copied().map(EventType)
    }

    pub(crate) fn field(&self, id: u16) -> Option<&'static Field> {
        self.fields.get(usize::from(id)).copied()
    }

    pub(crate) fn extract(&self, id: u16) -> Option<Extract> {
        self.extracts.get(usize::from(id)).copied()
    }

    /// How outputs print this field, if not as its value.
    pub(crate) fn time_field(&self, id: u16) -> Option<Spelling> {
        let found = self.times.iter().find(|&&(field, _)| field == id);
        found.map(|&(_, spelling)| spelling)
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    pub(crate) fn key(&self, arg: Arg) -> Option<&[u8]> {
        self.keys.get(arg.as_key()?)
    }

    /// The key of a field that looks for a pattern.
    pub(crate) fn pattern(&self, arg: Arg) -> Option<&Regex> {
        self.keys.pattern(arg.as_key()?)
    }

    /// The static fields with their values.
    pub fn static_fields(&self) -> impl Iterator<Item = (FieldRef, &str)> {
        let id = self.by_name.get("static").copied();
        let all = self.statics.values().zip(0..);
        all.filter_map(move |(value, number)| {
            let arg = Arg::key(number).0;
            Some((FieldRef { id: id?, arg }, value))
        })
    }

    pub(crate) fn static_value(&self, arg: Arg) -> Option<&[u8]> {
        self.statics.value(arg.as_key()?).map(str::as_bytes)
    }

    /// `evt.arg.flags` is `evt.arg` with `flags`: only fields that take a key do that.
    fn split_dotted<'n>(&self, name: &'n str) -> Option<(u16, &'n str)> {
        name.match_indices('.').rev().find_map(|(dot, _)| {
            let id = *self.by_name.get(&name[..dot])?;
            let takes_key = matches!(
                self.infos[usize::from(id)].arg,
                ArgKind::Key | ArgKind::OptionalKey
            );
            let key = &name[dot + 1..];
            (takes_key && !key.is_empty()).then_some((id, key))
        })
    }

    fn resolve_with(&self, id: u16, key: Option<&str>) -> Result<Resolved, FieldError> {
        let field = self.fields[usize::from(id)];
        let info = &field.info;
        let arg = match (info.arg, key) {
            (ArgKind::None, Some(_)) => {
                return Err(FieldError::Argument(format!(
                    "{} takes no argument",
                    info.name
                )));
            }
            (ArgKind::Index | ArgKind::Key, None) => {
                return Err(FieldError::Argument(format!(
                    "{} needs an argument",
                    info.name
                )));
            }
            (_, None) => Arg::NONE,
            (_, Some(key)) => self.argument(field, key)?,
        };
        let one = key.is_some() || matches!(field.extract, Extract::One(_));
        let mut resolved = Resolved {
            field: FieldRef { id, arg: arg.0 },
            ty: info.ty,
            arity: if one { Arity::One } else { info.arity },
            int_format: info.int_format,
            place: info.place,
            on_right: info.on_right,
            in_transformer: info.in_transformer,
            cost: info.cost,
        };
        if info.name == "evt.rawarg" {
            (resolved.ty, resolved.int_format) = self.raw_type(arg, key.unwrap_or_default())?;
        }
        Ok(resolved)
    }

    fn argument(&self, field: &Field, key: &str) -> Result<Arg, FieldError> {
        let name = field.info.name;
        match field.key {
            KeyKind::Index => index(key).map(Arg::index).ok_or_else(|| {
                FieldError::Argument(format!(
                    "{name}[{key}]: a number up to {MAX_INDEX} expected"
                ))
            }),
            KeyKind::IndexOrText | KeyKind::IndexOrPattern if index(key).is_some() => {
                Ok(Arg::index(index(key).unwrap_or_default()))
            }
            KeyKind::Text | KeyKind::IndexOrText => self.intern(name, key).map(Arg::key),
            KeyKind::IndexOrPattern => {
                let number = self.intern(name, key)?;
                self.keys.compile(number, key).map_err(|error| {
                    FieldError::Argument(format!("{name}[{key}]: no regular expression: {error}"))
                })?;
                Ok(Arg::key(number))
            }
            KeyKind::Event => self.event_by_name.get(key).map_or_else(
                || {
                    Err(FieldError::Argument(format!(
                        "{name}.{key}: no event has this name"
                    )))
                },
                |&event| Ok(Arg::key(u32::from(event))),
            ),
            // A key that is not configured is a field that does not exist.
            KeyKind::Static => self
                .statics
                .find(key)
                .map(Arg::key)
                .ok_or(FieldError::Unknown),
            KeyKind::Param => match (index(key), self.params.find(key)) {
                (Some(at), _) => Ok(Arg::index(at)),
                (None, Some((number, _))) => Ok(Arg::key(number)),
                (None, None) => Err(FieldError::Argument(format!(
                    "{name}.{key}: no event has a parameter of this name"
                ))),
            },
        }
    }

    fn intern(&self, name: &str, key: &str) -> Result<u32, FieldError> {
        self.keys.intern(key).ok_or_else(|| {
            FieldError::Argument(format!("{name}[{key}]: more than {MAX_KEYS} keys in rules"))
        })
    }

    fn raw_type(&self, arg: Arg, key: &str) -> Result<crate::params::RawType, FieldError> {
        arg.as_key()
            .and_then(|number| self.params.raw_type(number))
            .ok_or_else(|| {
                let text = format!("evt.rawarg[{key}]: a position has no type, name the parameter");
                FieldError::Argument(text)
            })
    }
}

impl Schema for FieldSchema {
    fn resolve(&self, name: &str, arg: Option<&str>) -> Result<Resolved, FieldError> {
        if let Some(&id) = self.by_name.get(name) {
            return self.resolve_with(id, arg);
        }
        match (arg, self.split_dotted(name)) {
            (None, Some((id, key))) => self.resolve_with(id, Some(key)),
            _ => Err(FieldError::Unknown),
        }
    }

    fn fields(&self) -> &[FieldInfo] {
        &self.infos
    }

    fn field_text(&self, field: FieldRef) -> String {
        let Some(known) = self.field(field.id) else {
            return "?".to_owned();
        };
        let (name, arg) = (known.info.name, Arg(field.arg));
        let key = match (known.key, arg.as_index(), arg.as_key()) {
            (_, Some(index), _) => index.to_string(),
            (_, None, None) => return name.to_owned(),
            (KeyKind::Param, _, Some(number)) => {
                return format!("{name}.{}", self.params.name_of(number));
            }
            (KeyKind::Event, _, Some(number)) => {
                return format!("{name}.{}", self.event_name(EventType(number as u16)));
            }
            (KeyKind::Static, _, Some(number)) => {
                return format!("{name}.{}", self.statics.key(number));
            }
            (
                KeyKind::Text | KeyKind::IndexOrText | KeyKind::IndexOrPattern | KeyKind::Index,
                _,
                Some(number),
            ) => String::from_utf8_lossy(self.keys.get(number).unwrap_or_default()).into_owned(),
        };
        format!("{name}[{key}]")
    }

    fn event_count(&self) -> u16 {
        self.events.len() as u16
    }

    fn event_name(&self, event: EventType) -> &str {
        self.events
            .get(usize::from(event.0))
            .copied()
            .unwrap_or("unknown")
    }

    fn is_event_type_field(&self, field: FieldRef) -> bool {
        field.id == self.evt_type || field.id == self.syscall_type
    }

    fn is_event_number_field(&self, field: FieldRef) -> bool {
        field.id == self.evt_num
    }
}

/// Types of generic events by the call's number, 64-bit first.
#[derive(Debug)]
struct GenericTypes([Box<[u16]>; 2]);

impl GenericTypes {
    fn new(event_by_name: &FxHashMap<&'static str, u16>) -> Self {
        // What stands for all of them, for calls that nobody asked for.
        let nobody =
            || vec![SAKER_EV_GENERIC as u16; SAKER_MAX_SYSCALLS as usize].into_boxed_slice();
        let mut types = [nobody(), nobody()];
        for call in GENERIC.iter() {
            let Some(&event) = event_by_name.get(call.name) else {
                continue;
            };
            for (types, nr) in types.iter_mut().zip([call.nr64, call.nr32]) {
                if let Some(slot) = nr.and_then(|nr| types.get_mut(usize::from(nr))) {
                    *slot = event;
                }
            }
        }
        Self(types)
    }

    fn find(&self, nr: u64, compat: bool) -> EventType {
        let types = &self.0[usize::from(compat)];
        let found = usize::try_from(nr).ok().and_then(|nr| types.get(nr));
        EventType(found.copied().unwrap_or(SAKER_EV_GENERIC as u16))
    }
}

fn spelled(fields: &[&Field]) -> Vec<(u16, Spelling)> {
    let numbered = fields.iter().zip(0..);
    let found = numbered.map(|(field, id)| Some((id, Spelling::of(field.info.name)?)));
    found.flatten().collect()
}

fn event_names() -> (Vec<&'static str>, FxHashMap<&'static str, u16>) {
    let mut names = Vec::new();
    let mut by_name = FxHashMap::default();
    let mut add = |name: &'static str| {
        by_name.entry(name).or_insert_with(|| {
            names.push(name);
            names.len() as u16 - 1
        });
    };
    EVENTS.iter().for_each(|event| add(event.name));
    universe::for_each(|name, _| add(name));
    SYSCALLS.iter().for_each(|call| add(call.name));
    // Numbered like all, but no rule can name them.
    let unnamed = |event: &&EventInfo| event.is_internal() || event.is_generic();
    for event in EVENTS.iter().filter(unnamed) {
        by_name.remove(event.name);
    }
    (names, by_name)
}

fn index(key: &str) -> Option<u32> {
    let digits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| key.parse().ok())
        .flatten()
        .filter(|&index| index <= MAX_INDEX)
}
