//! Conformance of the drivers: a program performs every event of the table in an order that is the same
//! every time, its records are written as text, and two such texts are compared. README.md says how.
//!
//! [`dump::dump`] loads a driver, runs the script and makes the text; [`compare::compare`] compares two
//! texts, exactly or, across kernels, with the exceptions of [`exceptions`].
#![forbid(unsafe_code)]

pub mod collect;
pub mod compare;
pub mod driver;
pub mod dump;
pub mod exceptions;
pub mod labels;
pub mod render;
pub mod script;
pub mod text;
pub mod tree;
