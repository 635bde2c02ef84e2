//! Capture files of any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../capture.rs"]
mod target;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    target::capture(&bytes);
    target::mend(&mut bytes);
    target::capture(&bytes);
});
