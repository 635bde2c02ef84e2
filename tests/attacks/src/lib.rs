//! The attack suite: for every stock rule an attack that raises its alert, and a benign twin that
//! raises none.
//!
//! [`table`] holds the attacks and what their alerts say, [`waiting`] the rules that wait for
//! something this version does not know. README.md tells how to add one.
#![forbid(unsafe_code)]

pub mod attack;
pub mod busy;
pub mod compare;
pub mod container;
pub mod judge;
pub mod part;
pub mod recorder;
pub mod recording;
pub mod reference;
pub mod run;
pub mod sight;
pub mod silent;
pub mod stage;
pub mod stock;
pub mod table;
pub mod waiting;
