//! Where lines go.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// A destination of finished lines.
pub trait Sink: Send {
    /// Name in log messages.
    fn name(&self) -> &'static str;

    /// Writes whole lines so that a reader sees them when the call returns.
    ///
    /// # Errors
    /// Those of the destination; after one the sink is not used again.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
}

/// Standard output, past any buffer of the process.
#[derive(Debug)]
pub struct Stdout(File);

impl Stdout {
    /// A handle of its own on standard output.
    ///
    /// # Errors
    /// When the descriptor is closed or cannot be duplicated.
    pub fn new() -> io::Result<Self> {
        Ok(Self(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
    }
}

impl Sink for Stdout {
    fn name(&self) -> &'static str {
        "standard output"
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.0.write_all(lines)
    }
}
