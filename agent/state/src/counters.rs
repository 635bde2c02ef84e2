//! What happened in the state, as numbers.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// One worker's counts; plain numbers, written by that worker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)+
        }

        /// The same numbers where other threads can read them.
        #[derive(Debug, Default)]
        pub(crate) struct PublishedCounters {
            $($name: AtomicU64,)+
        }

        impl PublishedCounters {
            /// Stores `counters`; once a batch is often enough.
            pub(crate) fn publish(&self, counters: &Counters) {
                $(self.$name.store(counters.$name, Ordering::Relaxed);)+
            }

            /// The numbers as last published.
            pub(crate) fn read(&self) -> Counters {
                Counters { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }

        impl Counters {
            /// Names and values, for metrics.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Processes now (gauge).
    processes,
    /// Threads besides leaders now (gauge).
    threads,
    /// Descriptors now (gauge).
    fds,
    /// Ended processes kept for those who may still ask (gauge).
    ended,
    /// Thread groups whose birth waits now, with all records behind it: 0 or 1 (gauge).
    parked_groups,
    /// Processes made up because nothing was known about them.
    placeholders,
    /// Records that waited for a snapshot of another partition, or behind one that did.
    parked_records,
    /// Births whose snapshot did not come in time.
    park_timeouts,
    /// Births let go early because too much was parked behind them.
    park_overflow,
    /// Snapshots sent to other partitions.
    handovers_sent,
    /// Snapshots that found the other partition's inbox full.
    handover_overflow,
    /// Snapshots whose process never showed up before its number was reused.
    handover_stale,
    /// Births whose fork record did not come before them.
    births_without_fork,
    /// Processes looked up in the background.
    recovery_requests,
    /// Look-ups not made because the queue was full.
    recovery_overflow,
    /// Processes mended by a look-up.
    recovered,
    /// Look-ups that came too late or found nothing.
    recovery_unused,
    /// Processes kept for a moment only because the table was full.
    process_overflow,
    /// Threads not stored because a table was full.
    thread_overflow,
    /// Descriptors forgotten because a table was full and others came.
    fd_overflow,
    /// Entries replaced because the kernel's facts said otherwise.
    fd_healed,
    /// Descriptors that came in a message with more of them than drivers record.
    passed_overflow,
    /// Messages of sendmmsg and recvmmsg beyond those that drivers record.
    messages_overflow,
    /// What calls act on, not kept until the call's record because a table was full.
    acted_overflow,
    /// What a call acts on, dropped because that call's record did not come next, or its process ended unseen.
    acted_unmatched,
    /// Paths of programs that were too long for a record.
    exepaths_cut,
    /// Working directories that were.
    cwds_cut,
    /// Paths of cgroups that were.
    cgroups_cut,
    /// Paths of files that calls reached that were.
    reached_cut,
    /// Files without a name that were opened by a handle.
    handles_nameless,
    /// Processes replaced because their number had been reused unnoticed.
    pid_reused,
    /// Programs forgotten that a lagging worker might have asked for.
    version_overflow,
    /// Processes that were found to be gone though no record had told their end.
    ends_missed,
    /// Ends not remembered for their children because the queue was full.
    retire_overflow,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_come_back() {
        let counters = Counters {
            processes: 3,
            fd_overflow: 9,
            ..Counters::default()
        };
        let published = PublishedCounters::default();
        published.publish(&counters);
        assert_eq!(published.read(), counters);
        assert!(
            counters
                .each()
                .any(|(name, value)| name == "fd_overflow" && value == 9)
        );
    }
}
