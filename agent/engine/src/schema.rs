//! What the engine must be told about fields and events: the seam between the rule language and
//! Linux. `saker-fields` implements both traits; tests implement them by hand.

use std::ops::ControlFlow;

use crate::value::{Value, ValueType};

/// Number of an event type: an index into the names of [`Schema::event_name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(pub u16);

/// How many values a field has and how an operator combines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arity {
    /// One value or none.
    One,
    /// A list: only `in` (every element), `intersects` (some element) and `exists` apply.
    List,
    /// Several alternatives of one fact (`fd.ip`, `fd.port`, `fd.net`): `=` holds if it holds for
    /// one of them, `!=` only if it holds for all.
    Ends,
    /// `proc.aname` without index: every operator holds if it holds for any one of them; false if
    /// there are none.
    Any,
}

/// Where a field may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Conditions and outputs.
    Anywhere,
    /// Conditions only (`fd.ip`, `fd.net`, ...).
    ConditionOnly,
    /// Outputs only.
    OutputOnly,
}

/// How an argument of a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// No argument allowed.
    None,
    /// `[N]` required.
    Index,
    /// `[N]` allowed.
    OptionalIndex,
    /// `[KEY]` or `.KEY` required.
    Key,
    /// `[KEY]` allowed.
    OptionalKey,
}

/// How an integer is printed in outputs (rules-spec C1). Anything but decimal is a string in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntFormat {
    /// Decimal digits.
    Decimal,
    /// Upper-case hexadecimal without `0x`.
    Hex,
    /// Octal with a leading zero.
    Octal,
}

/// Description of one field, for type checking, `saker list fields` and the docs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// Full name without argument, such as `proc.aname`.
    pub name: &'static str,
    /// Type of one value.
    pub ty: ValueType,
    /// Number of values.
    pub arity: Arity,
    /// Argument form.
    pub arg: ArgKind,
    /// Where it may stand.
    pub place: Place,
    /// Print form of integers.
    pub int_format: IntFormat,
    /// May stand in `val()` on the right-hand side (rules-spec B7).
    pub on_right: bool,
    /// May be an argument of a transformer (rules-spec B7).
    pub in_transformer: bool,
    /// Relative cost of extraction, 1 (a load) to 100 (a walk); orders predicates.
    pub cost: u8,
    /// One sentence for people.
    pub description: &'static str,
}

/// A field with its argument resolved by the [`Schema`]. `arg` is private to the schema: an index,
/// or the number of an interned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// Number of the field in the schema.
    pub id: u16,
    /// Argument, meaning decided by the schema; 0 when the field has none.
    pub arg: u32,
}

/// A successful look-up of a field name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Handle for [`Event::get`].
    pub field: FieldRef,
    /// Type of one value (for `evt.rawarg.X` it depends on the argument).
    pub ty: ValueType,
    /// Number of values (with an argument a list may become one value).
    pub arity: Arity,
    /// Print form of integers.
    pub int_format: IntFormat,
    /// Where it may stand.
    pub place: Place,
    /// May stand in `val()` on the right-hand side.
    pub on_right: bool,
    /// May be an argument of a transformer.
    pub in_transformer: bool,
    /// Relative cost of extraction.
    pub cost: u8,
}

/// Why a field could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldError {
    /// No field of that name.
    Unknown,
    /// The field exists but its argument does not fit; the text says why.
    Argument(String),
}

/// The vocabulary of one event source.
///
/// Event types are dense numbers `0..event_count()`. `evt.type` (and `syscall.type`) is an ordinary
/// string field whose value is `event_name(event.event_type())`; the compiler folds comparisons with
/// it per event type, so [`Schema::is_event_type_field`] must name it.
pub trait Schema {
    /// Looks up `name` (without argument) with `arg` (text between brackets or after the dot).
    ///
    /// `evt.arg.flags` arrives as name `evt.arg.flags` with no argument first; a schema that knows
    /// dotted arguments resolves it itself.
    fn resolve(&self, name: &str, arg: Option<&str>) -> Result<Resolved, FieldError>;
    /// Names of all fields, for hints.
    fn fields(&self) -> &[FieldInfo];
    /// A field as rules write it, with its argument.
    fn field_text(&self, field: FieldRef) -> String {
        let name = self
            .fields()
            .get(usize::from(field.id))
            .map_or("?", |info| info.name);
        match field.arg {
            0 => name.to_owned(),
            arg => format!("{name}[{arg}]"),
        }
    }
    /// Number of event types.
    fn event_count(&self) -> u16;
    /// Name of an event type.
    fn event_name(&self, event: EventType) -> &str;
    /// Whether this field is the name of the event's type.
    fn is_event_type_field(&self, field: FieldRef) -> bool;
    /// Whether this field is one whose value does not vary with the event so that the compiler may
    /// fold it: returns the folded truth of `evt.num >= 0`-like invariants. `evt.num` is 1 or more.
    fn is_event_number_field(&self, field: FieldRef) -> bool;
}

/// One event as the matcher sees it. Implementations are built per event and must not allocate in
/// `get` on common paths.
pub trait Event {
    /// Type of this event.
    fn event_type(&self) -> EventType;
    /// Value of a field of arity [`Arity::One`], `None` when absent (rules-spec B5).
    fn get(&self, field: FieldRef) -> Option<Value<'_>>;
    /// What outputs print as text for a field of arity [`Arity::One`] whose value they show otherwise, such as
    /// the time of day for a time; `None`: the value. JSON fields hold the value all the same.
    fn printed(&self, _field: FieldRef) -> Option<Value<'_>> {
        None
    }
    /// Visits the values of a field of any other arity until `visit` breaks. Returns `false` when
    /// the field is absent (distinct from an empty list).
    fn each(&self, field: FieldRef, visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool;
}
