//! The Falco rule language: lexer, parser, types, loader, compiler, matcher.
//!
//! Pure: no I/O, no clock, nothing of Linux. What fields and events mean comes in through
//! [`schema::Schema`] and [`schema::Event`].
//!
//! The way of a rule: [`yaml`] -> [`loader`] (lists, macros, appends, exceptions) -> [`parser`] ->
//! [`typeck`] -> [`compiler`] -> [`matcher`].
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use saker_engine::compiler::{Selection, compile};
//! use saker_engine::loader::{Loader, LoaderOptions};
//! use saker_engine::matcher::{Matcher, Matching};
//! use saker_engine::output::RenderOptions;
//! use saker_engine::schema::*;
//! use saker_engine::value::{Value, ValueType};
//!
//! /// One event type, `open`, and two fields: `evt.type` and `fd.name`.
//! struct Tiny;
//!
//! impl Schema for Tiny {
//!     fn resolve(&self, name: &str, _arg: Option<&str>) -> Result<Resolved, FieldError> {
//!         let id = ["evt.type", "fd.name"].iter().position(|known| *known == name);
//!         let id = id.ok_or(FieldError::Unknown)? as u16;
//!         Ok(Resolved {
//!             field: FieldRef { id, arg: 0 },
//!             ty: ValueType::Str,
//!             arity: Arity::One,
//!             int_format: IntFormat::Decimal,
//!             place: Place::Anywhere,
//!             on_right: true,
//!             in_transformer: true,
//!             cost: 1,
//!         })
//!     }
//!     fn fields(&self) -> &[FieldInfo] { &[] }
//!     fn event_count(&self) -> u16 { 1 }
//!     fn event_name(&self, _: EventType) -> &str { "open" }
//!     fn is_event_type_field(&self, field: FieldRef) -> bool { field.id == 0 }
//!     fn is_event_number_field(&self, _: FieldRef) -> bool { false }
//! }
//!
//! struct Open(&'static str);
//!
//! impl Event for Open {
//!     fn event_type(&self) -> EventType { EventType(0) }
//!     fn get(&self, field: FieldRef) -> Option<Value<'_>> {
//!         let text = if field.id == 0 { "open" } else { self.0 };
//!         Some(Value::Bytes(text.as_bytes()))
//!     }
//!     fn each(&self, _: FieldRef, _: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>) -> bool { false }
//! }
//!
//! let rules = b"
//! - rule: Shadow read
//!   desc: Somebody reads the password file
//!   condition: evt.type = open and fd.name = /etc/shadow
//!   output: opened %fd.name
//!   priority: warning
//! ";
//! let mut loader = Loader::new(LoaderOptions::default());
//! loader.add_file("rules.yaml", rules);
//! let outcome = loader.finish(&Tiny);
//! assert!(!outcome.has_errors());
//! let set = Arc::new(compile(&outcome, &Tiny, &Selection::default()).expect("no appended output"));
//! let mut matcher = Matcher::new(Arc::clone(&set));
//! let mut alerts = Vec::new();
//! let event = Open("/etc/shadow");
//! matcher.matches(&event, Matching::First, &mut |rule| {
//!     let mut text = String::new();
//!     rule.output.render(&event, RenderOptions::default(), &mut text);
//!     alerts.push(format!("{}: {text}", rule.priority));
//! });
//! assert_eq!(alerts, ["Warning: opened /etc/shadow"]);
//! ```
#![forbid(unsafe_code)]

pub mod ast;
pub mod compiler;
pub mod diagnostics;
pub mod explain;
mod glob;
mod index;
pub mod lexer;
mod literal;
pub mod loader;
pub mod matcher;
pub mod names;
mod operators;
pub mod output;
pub mod parser;
mod paths;
pub mod possible;
pub mod profile;
pub mod schema;
pub mod source;
pub mod table;
mod terms;
pub mod typeck;
pub mod typed;
mod typelists;
mod typerules;
pub mod value;
pub mod yaml;
