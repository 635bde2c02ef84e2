//! Saker, a runtime-security agent for Linux.
#![forbid(unsafe_code)]

mod config;

fn main() {}
