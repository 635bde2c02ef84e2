//! Differences that kernels make, not drivers.

use crate::compare::Difference;

/// Version of a kernel: major and minor.
pub type Version = (u32, u32);

/// A kernel's release, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(Version);

impl Release {
    /// Of `6.1.0-56-amd64` the 6 and the 1.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        Some(Self((
            numbers.next()?.parse().ok()?,
            numbers.next()?.parse().ok()?,
        )))
    }
}

/// Something that is another way since a version.
#[derive(Debug, PartialEq, Eq)]
pub struct Exception {
    /// First version that does it the new way.
    pub since: Version,
    /// Steps of the script, `*` at the end of one for all that begin so.
    pub steps: &'static [&'static str],
    /// Event.
    pub event: &'static str,
    /// Parameter; `None` for the whole record.
    pub parameter: Option<&'static str>,
    /// What changed, with the kernel's commit where it is known.
    pub reason: &'static str,
}

impl Exception {
    /// Whether the change lies between two kernels.
    pub fn between(&self, a: Release, b: Release) -> bool {
        let since = Release(self.since);
        a.min(b) < since && since <= a.max(b)
    }

    /// Whether it explains a difference.
    pub fn excuses(&self, difference: &Difference) -> bool {
        let Some((_, _, event)) = &difference.record else {
            return false;
        };
        let step = self.steps.iter().any(|step| match step.strip_suffix('*') {
            Some(start) => difference.step.starts_with(start),
            None => difference.step == *step,
        });
        step && event == self.event && difference.parameter.as_deref() == self.parameter
    }
}

/// What is known to differ between the kernels of the test bed. Stable releases take over what is newer
/// than their name says: `since` is the first of the bed's kernels that does it.
pub static EXCEPTIONS: &[Exception] = &[
    Exception {
        since: (6, 1),
        steps: &["strings/link/second"],
        event: "link",
        parameter: Some("newpath"),
        reason: "5.15 (020250f31c4c) reads both names before it looks for the first: a page that nobody \
                 had touched is present afterwards",
    },
    Exception {
        since: (6, 1),
        steps: &["strings/linkat/second"],
        event: "linkat",
        parameter: Some("newpath"),
        reason: "as link",
    },
    Exception {
        since: (6, 1),
        steps: &[
            "execveat/empty path",
            "exec/memory file*",
            "exec/script in a memory file",
            "exec/file that has no name any more",
            "overlay",
            "cwd/*",
            "fchdir",
            "chroot*",
        ],
        event: "execve",
        parameter: Some("comm"),
        reason: "6.14 (543841d18060), and stable releases of 6.1 and newer: execveat with an empty path \
                 names the thread after the file, not after the descriptor",
    },
    Exception {
        since: (6, 1),
        steps: &["standing still", "passing/every kind"],
        event: "file",
        parameter: Some("name"),
        reason: "5.15 (94531cfcbe79) has a protocol of its own for unix stream sockets: UNIX-STREAM",
    },
    Exception {
        since: (6, 1),
        steps: &["io_uring"],
        event: "io_uring_setup",
        parameter: Some("features"),
        reason: "newer kernels can do more",
    },
    Exception {
        since: (6, 1),
        steps: &["garbage/flock", "garbage32/flock"],
        event: "flock",
        parameter: Some("res"),
        reason: "between 5.10 and 6.1: the operation is looked at before the descriptor, one that does \
                 nothing succeeds",
    },
    Exception {
        since: (6, 1),
        steps: &["garbage/semop", "garbage32/semop"],
        event: "semop",
        parameter: Some("res"),
        reason: "between 5.10 and 6.1: too many operations are told before a wrong number of the set",
    },
    Exception {
        since: (6, 1),
        steps: &["close_range"],
        event: "close_range",
        parameter: Some("res"),
        reason: "5.11 (582f1fb6b721) has CLOSE_RANGE_CLOEXEC",
    },
    Exception {
        since: (6, 1),
        steps: &["read/errors"],
        event: "write",
        parameter: Some("res"),
        reason: "5.16 (a6294593e8a1) writes what can be read before a page that cannot",
    },
    Exception {
        since: (6, 1),
        steps: &["read/errors"],
        event: "write",
        parameter: Some("data"),
        reason: "5.16 (a6294593e8a1) writes what can be read before a page that cannot",
    },
    Exception {
        since: (6, 1),
        steps: &["read/errors"],
        event: "writev",
        parameter: Some("res"),
        reason: "5.16 (a6294593e8a1) writes what can be read before a page that cannot",
    },
    Exception {
        since: (6, 1),
        steps: &["read/errors"],
        event: "writev",
        parameter: Some("data"),
        reason: "5.16 (a6294593e8a1) writes what can be read before a page that cannot",
    },
    Exception {
        since: (6, 6),
        steps: &["*"],
        event: "fchmodat2",
        parameter: Some("res"),
        reason: "6.6 (09da082b07bb) has the call; before that it is -ENOSYS",
    },
    Exception {
        since: (6, 6),
        steps: &["strings/fchmodat2/first"],
        event: "fchmodat2",
        parameter: Some("filename"),
        reason: "as above: nobody touches the page of the name",
    },
    Exception {
        since: (6, 8),
        steps: &["failed exec/how long an argument", "failed exec of 32 bits"],
        event: "execve",
        parameter: Some("res"),
        reason: "6.8 (978ffcbf00d8) opens the file before it looks at the arguments: -ENOENT comes first",
    },
    Exception {
        since: (6, 12),
        steps: &["failed exec/how long an argument", "failed exec of 32 bits"],
        event: "given",
        parameter: None,
        reason: "the same: before, the kernel had not looked for the file",
    },
    Exception {
        since: (6, 12),
        steps: &["*"],
        event: "execve",
        parameter: Some("vm_rss"),
        reason: "6.2 (f1a7941243c1) counts pages per CPU; what a small process has is not added up yet",
    },
    Exception {
        since: (6, 12),
        steps: &["standing still"],
        event: "task",
        parameter: Some("vm_rss"),
        reason: "as execve",
    },
    Exception {
        since: (6, 12),
        steps: &["io_uring"],
        event: "io_uring_setup",
        parameter: Some("features"),
        reason: "newer kernels can do more",
    },
    Exception {
        since: (6, 12),
        steps: &["garbage/open_by_handle_at", "garbage32/open_by_handle_at"],
        event: "open_by_handle_at",
        parameter: Some("fd"),
        reason: "between 6.1 and 6.12: the mount's descriptor is looked at before the handle is read",
    },
    Exception {
        since: (6, 12),
        steps: &["bpf"],
        event: "bpf",
        parameter: Some("fd"),
        reason: "between 6.1 and 6.12: a program without instructions is refused before its licence is \
                 read",
    },
    Exception {
        since: (7, 0),
        steps: &["*"],
        event: "execve",
        parameter: Some("vm_size"),
        reason: "between 6.12 and 7.2: the kernel maps two more pages of its own into every program",
    },
    Exception {
        since: (7, 0),
        steps: &["*"],
        event: "task",
        parameter: Some("vm_size"),
        reason: "as execve",
    },
    Exception {
        since: (7, 0),
        steps: &["*"],
        event: "mmap",
        parameter: Some("vm_size"),
        reason: "as execve",
    },
    Exception {
        since: (7, 0),
        steps: &["*"],
        event: "mmap2",
        parameter: Some("vm_size"),
        reason: "as execve",
    },
    Exception {
        since: (7, 0),
        steps: &["*"],
        event: "munmap",
        parameter: Some("vm_size"),
        reason: "as execve",
    },
    Exception {
        since: (7, 0),
        steps: &["*"],
        event: "brk",
        parameter: Some("vm_size"),
        reason: "as execve",
    },
    Exception {
        since: (7, 0),
        steps: &["io_uring"],
        event: "io_uring_setup",
        parameter: Some("features"),
        reason: "newer kernels can do more",
    },
    Exception {
        since: (7, 0),
        steps: &["garbage/open_by_handle_at", "garbage32/open_by_handle_at"],
        event: "open_by_handle_at",
        parameter: Some("fd"),
        reason: "between 6.12 and 7.2: the handle is read first again",
    },
    Exception {
        since: (7, 0),
        steps: &["garbage/epoll_wait", "garbage32/epoll_wait"],
        event: "epoll_wait",
        parameter: Some("res"),
        reason: "between 6.12 and 7.2: the descriptor is looked at before the other arguments",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_from_their_names() {
        assert_eq!(Release::parse("6.1.0-56-amd64"), Some(Release((6, 1))));
        assert_eq!(Release::parse("7.2-rc3"), Some(Release((7, 2))));
        assert_eq!(Release::parse("x"), None);
        assert_eq!(Release::parse("6"), None);
    }

    #[test]
    fn an_exception_counts_only_between_its_sides() {
        let exception = Exception {
            since: (6, 6),
            steps: &["x", "a*"],
            event: "open",
            parameter: Some("fd"),
            reason: "",
        };
        let release = |text| Release::parse(text).expect("a version");
        assert!(exception.between(release("6.1"), release("6.12")));
        assert!(exception.between(release("6.6"), release("5.10")));
        assert!(!exception.between(release("6.6"), release("6.12")));
        assert!(!exception.between(release("5.10"), release("6.1")));
        let mut difference = Difference {
            group: "P1".into(),
            step: "ab".into(),
            record: Some((1, 1, "open".into())),
            parameter: Some("fd".into()),
            first: None,
            second: None,
        };
        assert!(exception.excuses(&difference));
        difference.parameter = None;
        assert!(!exception.excuses(&difference));
        difference.record = None;
        assert!(!exception.excuses(&difference));
    }
}
