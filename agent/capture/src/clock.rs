//! The clock of records, as something tests can turn.

use rustix::time::{ClockId, clock_gettime};

/// Reads the time base of the drivers.
pub trait Clock: Send {
    /// `CLOCK_BOOTTIME` in ns: the clock of `saker_hdr.ts_ns`.
    fn boottime_ns(&self) -> u64;
}

/// The machine's own clock, read without a system call (vDSO).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn boottime_ns(&self) -> u64 {
        let now = clock_gettime(ClockId::Boottime);
        // Never negative: the clock counts from boot.
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_time_since_boot() {
        let before = SystemClock.boottime_ns();
        let uptime = std::fs::read_to_string("/proc/uptime").expect("/proc/uptime");
        let after = SystemClock.boottime_ns();
        let seconds: f64 = uptime
            .split(' ')
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        let uptime_ns = (seconds * 1e9) as u64;
        // /proc/uptime has hundredths of a second.
        assert!(before.saturating_sub(20_000_000) <= uptime_ns && uptime_ns <= after);
    }
}
