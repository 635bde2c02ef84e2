//! What the kernel passed over because a program was running already.
//!
//! A program that runs on a CPU is not run again there. Where programs can be preempted, other tasks hit the
//! same place meanwhile; such a call leaves neither a record nor a gap, only the kernel's count.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use aya::maps::{Array, MapData};

/// Line of a program's /proc/self/fdinfo (5.12 and newer).
const FIELD: &str = "recursion_misses:";

/// The kernel's counts for the attached programs. Readable after they were detached, too.
pub struct Missed {
    programs: Vec<(&'static str, OwnedFd)>,
    /// Of `uring_forgotten`.
    forgotten: Option<Array<MapData, u64>>,
}

impl fmt::Debug for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Missed")
            .field("programs", &self.programs)
            .finish_non_exhaustive()
    }
}

impl Missed {
    /// Counts of `programs`, by their descriptors. Those that this kernel does not tell are left out with a
    /// warning.
    pub(crate) fn new(mut programs: Vec<(&'static str, OwnedFd)>) -> Self {
        programs.retain(|(name, program)| {
            let result = read(program);
            if let Err(error) = &result {
                tracing::warn!("calls that {name} misses cannot be counted: {error}");
            }
            result.is_ok()
        });
        Self {
            programs,
            forgotten: None,
        }
    }

    /// With the count of requests of io_uring that ended when it was forgotten what they had been given.
    pub(crate) fn forgotten_in(mut self, count: Option<Array<MapData, u64>>) -> Self {
        self.forgotten = count;
        self
    }

    /// Requests of io_uring of which names, size or descriptor were not known any more when they ended.
    pub fn forgotten(&self) -> u64 {
        let count = self.forgotten.as_ref();
        count
            .and_then(|count| count.get(&0, 0).ok())
            .unwrap_or_default()
    }

    /// Calls that each program was not run for.
    ///
    /// Not each would have become a record: most calls are wanted by nobody.
    pub fn by_program(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let count = |fd| read(fd).unwrap_or_default(); // could be read before
        self.programs
            .iter()
            .map(move |(name, fd)| (*name, count(fd)))
    }

    /// The sum of [`Self::by_program`].
    pub fn total(&self) -> u64 {
        self.by_program().map(|(_, count)| count).sum()
    }
}

fn read(program: &OwnedFd) -> io::Result<u64> {
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    let text = fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    parse(&text).ok_or_else(|| io::Error::other(format!("{path} has no line `{FIELD}`")))
}

fn parse(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(FIELD))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_text_is_read() {
        let text = "pos:\t0\nrun_cnt:\t9\nrecursion_misses:\t547\nverified_insns:\t8\n";
        assert_eq!(parse(text), Some(547));
        assert_eq!(parse("pos:\t0\nrun_cnt:\t9\n"), None);
        assert_eq!(parse("recursion_misses:\tx\n"), None);
    }

    #[test]
    fn what_has_no_count_is_left_out() {
        let file = fs::File::open("/proc/self/stat").expect("a file");
        let file = OwnedFd::from(file);
        let error = read(&file).expect_err("no program").to_string();
        assert!(error.contains(FIELD), "{error}");
        assert_eq!(Missed::new(vec![("x", file)]).by_program().count(), 0);
    }
}
