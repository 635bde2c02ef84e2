//! Whether the agent works: the facts behind `/healthz` and `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use saker_capture::{Clock, SystemClock, WorkerStats};

/// A worker whose last round began longer ago than this is stuck. Idle workers have a round every
/// `max_poll_interval_ms`, one second at most.
const STUCK_AFTER_NS: u64 = 5_000_000_000;

/// What the parts of the agent report as it starts and runs.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Name of the driver, or why there is none.
    driver: OnceLock<Result<&'static str, String>>,
    scanned: AtomicBool,
    stopping: AtomicBool,
    workers: OnceLock<Vec<Arc<WorkerStats>>>,
}

impl Health {
    /// A driver is attached and proven, or none can be and why. Only the first call counts.
    pub(crate) fn set_driver(&self, driver: Result<&'static str, String>) {
        // There is one choice for the life of the agent.
        let _ = self.driver.set(driver);
    }

    /// The first look at running processes is done.
    pub(crate) fn set_scanned(&self) {
        self.scanned.store(true, Relaxed);
    }

    /// The agent is shutting down.
    pub(crate) fn set_stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// The workers run. Only the first call counts.
    pub(crate) fn set_workers(&self, workers: Vec<Arc<WorkerStats>>) {
        // There is one set of workers for the life of the agent.
        let _ = self.workers.set(workers);
    }

    /// Whether everything that was started goes on.
    ///
    /// # Errors
    /// What does not, in one line.
    pub(crate) fn healthy(&self) -> Result<(), String> {
        self.healthy_at(SystemClock.boottime_ns())
    }

    /// Whether the agent sees what happens and evaluates it, and through which driver.
    ///
    /// # Errors
    /// What is missing, in one line.
    pub(crate) fn ready(&self) -> Result<&'static str, String> {
        self.ready_at(SystemClock.boottime_ns())
    }

    fn healthy_at(&self, now_ns: u64) -> Result<(), String> {
        for worker in self.workers.get().into_iter().flatten() {
            let (partition, stats) = (worker.partition(), worker.snapshot());
            if !stats.healthy {
                let panics = stats.panics;
                return Err(format!("worker {partition} contained {panics} failure(s)"));
            }
            let age_ns = now_ns.saturating_sub(stats.last_round_ns);
            if stats.last_round_ns != 0 && age_ns > STUCK_AFTER_NS {
                let age_s = age_ns / 1_000_000_000;
                return Err(format!("worker {partition} has not moved for {age_s} s"));
            }
        }
        Ok(())
    }

    fn ready_at(&self, now_ns: u64) -> Result<&'static str, String> {
        let check = |fact: &AtomicBool, missing: &str| {
            if fact.load(Relaxed) {
                Ok(())
            } else {
                Err(missing.to_owned())
            }
        };
        if self.stopping.load(Relaxed) {
            return Err("the agent is stopping".to_owned());
        }
        let driver = match self.driver.get() {
            Some(Ok(name)) => *name,
            Some(Err(reason)) => return Err(format!("no driver is attached: {reason}")),
            None => return Err("no driver is attached yet".to_owned()),
        };
        check(&self.scanned, "running processes have not been read yet")?;
        let workers = self
            .workers
            .get()
            .ok_or("the workers have not started yet")?;
        if let Some(idle) = workers.iter().find(|w| w.snapshot().last_round_ns == 0) {
            return Err(format!(
                "worker {} has not read its rings yet",
                idle.partition()
            ));
        }
        self.healthy_at(now_ns).map(|()| driver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_every_step() {
        let health = Health::default();
        let missing = |health: &Health| health.ready_at(0).expect_err("not ready yet");
        assert!(missing(&health).contains("driver"));
        health.set_driver(Ok("kmod"));
        assert!(missing(&health).contains("processes"));
        health.set_scanned();
        assert!(missing(&health).contains("not started"));
        health.set_workers(vec![Arc::new(WorkerStats::new(0, [0]))]);
        assert!(missing(&health).contains("has not read its rings"));
        assert_eq!(health.healthy_at(0), Ok(()));
        health.set_stopping();
        assert!(missing(&health).contains("stopping"));
    }

    #[test]
    fn why_there_is_no_driver_is_said() {
        let health = Health::default();
        health.set_driver(Err("ebpf refused: no BTF".to_owned()));
        let reason = health.ready_at(0).expect_err("nothing is seen");
        assert_eq!(reason, "no driver is attached: ebpf refused: no BTF");
        assert_eq!(health.healthy_at(0), Ok(()), "what was started goes on");
    }
}
