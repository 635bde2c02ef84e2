//! `static.KEY`: what the configuration says of this agent.

use saker_engine::schema::ArgKind::Key;
use saker_engine::value::ValueType::Str;

use crate::field::{Field, KeyKind, text};

/// The family of fields that `static_fields` makes.
pub(super) const FIELDS: &[Field] = &[Field::new(
    "static",
    Str,
    |e, arg| text(e.schema.static_value(arg)?),
    "A value of `static_fields` in the configuration, by its key.",
)
.arg(Key, KeyKind::Static)
.cost(1)];
