//! Capture files: written, read, damaged.

mod bytes;
mod damage;
mod order;
#[path = "../../../../fuzz/capture.rs"]
mod target;
