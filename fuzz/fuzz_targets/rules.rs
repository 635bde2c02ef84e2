//! Rules files of any bytes.
#![no_main]

#[path = "../../agent/engine/tests/common/mod.rs"]
#[allow(dead_code)]
mod common;
#[path = "../entry.rs"]
#[allow(dead_code)]
mod entry;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| entry::rules(bytes, &common::TestSchema::default()));
