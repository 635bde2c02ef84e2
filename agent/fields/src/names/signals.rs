//! Signals of x86, signal(7).

/// Name of a signal; `None` for 0 and the real-time ones.
pub fn name(signal: u64) -> Option<&'static str> {
    let at = usize::try_from(signal.checked_sub(1)?).ok()?;
    NAMES.get(at).copied()
}

/// Appends the names of a set, bit n for signal n + 1, separated by spaces.
pub fn write_set(out: &mut Vec<u8>, set: u64) {
    let start = out.len();
    for (bit, name) in NAMES.iter().enumerate() {
        if set >> bit & 1 != 0 {
            if out.len() > start {
                out.push(b' ');
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
}

/// From signal 1 on.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_x86() {
        assert_eq!(name(9), Some("SIGKILL"));
        assert_eq!(name(15), Some("SIGTERM"));
        assert_eq!(name(31), Some("SIGSYS"));
        let mut out = Vec::new();
        write_set(&mut out, 1 << 8 | 1 << 1 | 1 << 63);
        assert_eq!(out, b"SIGINT SIGKILL");
        assert_eq!((name(0), name(32), name(u64::MAX)), (None, None, None));
    }
}
