//! The fields rules can name, over an event and the state.
//!
//! [`FieldSchema`] is the vocabulary the rule loader asks; [`EventView`] answers for one event. A
//! worker applies a record to its partition, resets its [`Scratch`], makes an [`EventView`] and
//! hands it to the rules.
//!
//! ```text
//! let applied = partition.apply(&record);
//! scratch.reset();
//! let view = partition.view(&record, applied);
//! let event = EventView::new(record, view, &names, &host, &schema, num, &scratch);
//! // evaluate the rules
//! partition.settle(&record);
//! ```
#![forbid(unsafe_code)]

mod clock;
mod event;
mod field;
mod host_names;
mod inodes;
mod keys;
mod missing;
mod mounts;
pub mod names;
mod params;
mod reference;
mod render;
mod schema;
mod scratch;
mod statics;
mod universe;

pub use clock::Clock;
pub use event::{
    Elsewhere, EventView, HostInfo, MAX_REAL_NAMES, RealNames, category_is_of_descriptor,
};
pub use host_names::HostNames;
pub use inodes::Inodes;
pub use keys::MAX_KEYS;
pub use missing::is_missing_field;
pub use mounts::Mounts;
pub use reference::reference_page;
pub use schema::{FieldSchema, MAX_INDEX};
pub use scratch::{MAX_TEXTS, Scratch};
pub use statics::{MAX_STATIC_FIELDS, is_static_key};
