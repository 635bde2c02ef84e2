//! What a driver cannot see on a host, though it works.

use std::fmt;

/// Something that is seen only where the kernel allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Requests of io_uring that open, name or connect something: a driver that lacks it sees none.
    IoUring,
    /// Requests of io_uring that send, receive, read or write.
    IoUringData,
    /// What calls that return no descriptor act on: `SAKER_EV_ACTED`.
    ActedPaths,
    /// Names and addresses as the kernel took them: `SAKER_EV_GIVEN`.
    GivenArguments,
    /// Paths through mounts up to the root: without it each begins at the file system it is on.
    WholePaths,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::IoUring,
        Self::IoUringData,
        Self::ActedPaths,
        Self::GivenArguments,
        Self::WholePaths,
    ];

    /// Label in metrics and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::IoUringData => "io_uring_data",
            Self::ActedPaths => "acted_paths",
            Self::GivenArguments => "given_arguments",
            Self::WholePaths => "whole_paths",
        }
    }

    /// What follows from its absence.
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::IoUring => "what programs do through io_uring is not seen",
            Self::IoUringData => {
                "what programs send, receive, read and write through io_uring is not seen"
            }
            Self::ActedPaths => {
                "rules see unlink, rename, link, chmod and the like by the names as given alone, not by the real ones"
            }
            Self::GivenArguments => {
                "names of opens and execs that fail, or addresses of connects, are read when the call returns, and then the file \
                 that an open has made is looked up by its number: a program can change them before"
            }
            Self::WholePaths => {
                "rules see no real paths of files, and those of programs and working directories without what their file system \
                 is mounted on"
            }
        }
    }
}

/// A feature that was asked for and is not there. Its text says what follows and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What is not there.
    pub feature: Feature,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.feature.consequence(), self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_says_what_follows_and_why() {
        let lack = Lack {
            feature: Feature::IoUring,
            reason: "too old".to_owned(),
        };
        let text = lack.to_string();
        assert_eq!(
            text,
            "what programs do through io_uring is not seen: too old"
        );
    }
}
