//! The Falco rule language: lexer, parser, types, loader, compiler, matcher.
//!
//! Pure: no I/O, no clock, nothing of Linux. What fields and events mean comes in through
//! [`schema::Schema`] and [`schema::Event`].
#![forbid(unsafe_code)]

pub mod schema;
pub mod value;
