//! A program that talks to others through a ring of io_uring.

use std::path::PathBuf;

use anyhow::Result;

use crate::lab::Lab;

/// Its name.
pub const NAME: &str = "talker";

/// Compiles it into a laboratory and returns its path.
///
/// # Errors
/// When the compiler is missing or refuses.
pub fn compile(lab: &Lab) -> Result<PathBuf> {
    let source = concat!(
        include_str!("ring.c"),
        include_str!("talker.c"),
        include_str!("talker_accept.c"),
        include_str!("talker_ways.c")
    );
    lab.compile(NAME, source, &[])
}
