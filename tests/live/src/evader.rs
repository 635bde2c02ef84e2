//! A program that opens and changes files in ways which hide their names.

use std::path::PathBuf;

use anyhow::Result;

use crate::lab::Lab;

/// Its name.
pub const NAME: &str = "evader";

/// Compiles it into a laboratory and returns its path.
///
/// # Errors
/// When the compiler is missing or refuses.
pub fn compile(lab: &Lab) -> Result<PathBuf> {
    lab.compile(
        NAME,
        concat!(
            include_str!("ring.c"),
            include_str!("evader_ring.c"),
            include_str!("evader.c")
        ),
        // Static, for containers of busybox alone.
        &["-pthread", "-static"],
    )
}
