//! Live tests: an agent on this host's kernel detects real actions.
//!
//! The agent is the program that `SAKER_BIN` names; `make live` builds it and sets that. The tests
//! need root and a kernel with BTF, and fail with the reason where one is missing: a test that did
//! not look has not passed. They share the kernel, so run them with `--test-threads=1`.
//!
//! Other programs of the host go on meanwhile and may raise alerts of their own. Every action
//! therefore runs in a session of its own, alerts carry `proc.sid`, and tests look at their
//! sessions only.
#![forbid(unsafe_code)]

pub mod action;
pub mod agent;
pub mod alert;
pub mod bpf;
pub mod case;
pub mod command;
pub mod driver;
pub mod evader;
pub mod functions;
pub mod host;
pub mod http;
pub mod kernel;
pub mod lab;
pub mod metrics;
mod process;
pub mod talker;
