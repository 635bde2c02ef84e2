//! The agent's own log: standard error, one line per message.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::level_filters::LevelFilter;

use crate::config::LogLevel;

/// Turns the log on. Only the first call has an effect.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // A second subscriber is refused, which is what is wanted in tests.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .try_init();
}

/// Lets one message in `PERIOD` through, for what can happen with every event.
#[derive(Debug, Default)]
pub struct RateLimit {
    /// Boot-time nanoseconds of the last message, 0 for none.
    last_ns: AtomicU64,
}

impl RateLimit {
    /// Least time between two messages.
    pub const PERIOD_NS: u64 = 10_000_000_000;

    /// Whether a message may be written at `now_ns`.
    pub fn allow(&self, now_ns: u64) -> bool {
        let last = self.last_ns.load(Relaxed);
        if last != 0 && now_ns.saturating_sub(last) < Self::PERIOD_NS {
            return false;
        }
        self.last_ns.compare_exchange(last, now_ns.max(1), Relaxed, Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_in_a_period() {
        let limit = RateLimit::default();
        assert!(limit.allow(5));
        assert!(!limit.allow(6));
        assert!(!limit.allow(4 + RateLimit::PERIOD_NS));
        assert!(limit.allow(5 + RateLimit::PERIOD_NS));
    }
}
