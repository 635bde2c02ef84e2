//! How a worker ends the sleep of another that it waits for.

use std::fmt::Debug;

/// Ends sleeps. Set once with [`crate::SharedState::set_wake`]; without it workers find out when
/// they next poll.
///
/// The protocol loses no wake-up. Who waits publishes what it waits for (or sends a message), then
/// a `SeqCst` fence, then calls [`wake`](Self::wake), which loads the sleeper's flag. Who is about
/// to sleep sets its flag, then a `SeqCst` fence, then asks [`crate::Partition::awaited`]. One of
/// the two sees the other.
pub trait Wake: Debug + Send + Sync {
    /// Ends the sleep of worker `partition` if it sleeps or is about to; else costs one load.
    fn wake(&self, partition: u32);
}
