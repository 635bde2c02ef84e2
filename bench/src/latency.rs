//! How late alerts are: from the start of the agent to its first alert, and from an open to its
//! alert at the other end of the pipe.

use std::fs::File;
use std::io::Read;
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::agent::{Agent, AgentSetup};
use crate::stats::percentile;

/// What is opened. Any rules worth the name alert when an unknown program reads it.
const WATCHED_FILE: &str = "/etc/shadow";
/// The bench's own process name: alerts about others that read the file are not counted.
const OWN_NAME: &str = "saker-bench";
/// Between two opens until the first alert comes.
const FIRST_ALERT_PACE: Duration = Duration::from_micros(500);
/// Longest wait for the first alert.
const FIRST_ALERT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for the alert of one open.
const ALERT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pauses between two opens are spread evenly up to this: several times the longest sleep of an
/// idle worker, so that opens meet every phase of it.
const MAX_PAUSE_US: u64 = 20_000;

/// From an open to its alert.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct AlertLatency {
    /// Opens measured.
    pub(crate) samples: usize,
    /// Median in ms.
    pub(crate) p50_ms: f64,
    /// 99th percentile in ms.
    pub(crate) p99_ms: f64,
    /// Latest in ms.
    pub(crate) max_ms: f64,
}

/// Starts an agent and opens the watched file again and again until an alert arrives; the time from
/// just before the exec to that arrival, in ms.
///
/// # Errors
/// When the agent fails or no alert arrives within [`FIRST_ALERT_TIMEOUT`].
pub(crate) fn exec_to_first_alert_ms(setup: &AgentSetup) -> Result<f64> {
    let (mut agent, pipe) = Agent::start_piped(setup)?;
    let alerts = Alerts::read(pipe);
    let deadline = agent.started() + FIRST_ALERT_TIMEOUT;
    let arrival = loop {
        open_watched_file()?;
        if let Some(arrival) = alerts.next(FIRST_ALERT_PACE)? {
            break arrival;
        }
        agent.check_alive()?;
        if Instant::now() > deadline {
            bail!("no alert about {WATCHED_FILE} within {FIRST_ALERT_TIMEOUT:?}");
        }
    };
    let elapsed = arrival.duration_since(agent.started());
    // The agent shuts down only when it may finish writing: the reader keeps the pipe open.
    agent.stop()?;
    alerts.finish()?;
    Ok(milliseconds(elapsed))
}

/// Opens the watched file `samples` times at irregular intervals and measures each alert.
///
/// # Errors
/// When the agent fails or an alert is missing.
pub(crate) fn open_to_alert(setup: &AgentSetup, samples: usize) -> Result<AlertLatency> {
    let (mut agent, pipe) = Agent::start_piped(setup)?;
    let alerts = Alerts::read(pipe);
    agent.wait_until_ready()?;
    let mut latencies_ms = Vec::with_capacity(samples);
    for sample in 0..samples {
        std::thread::sleep(Duration::from_micros(pause_us(sample as u64)));
        alerts.discard_waiting();
        let opened = Instant::now();
        open_watched_file()?;
        let arrival = alerts
            .next(ALERT_TIMEOUT)?
            .with_context(|| format!("no alert within {ALERT_TIMEOUT:?} of open {sample}"))?;
        latencies_ms.push(milliseconds(arrival.duration_since(opened)));
    }
    agent.stop()?;
    alerts.finish()?;
    summarise(&latencies_ms).context("no sample")
}

fn summarise(latencies_ms: &[f64]) -> Option<AlertLatency> {
    Some(AlertLatency {
        samples: latencies_ms.len(),
        p50_ms: percentile(latencies_ms, 50.0)?,
        p99_ms: percentile(latencies_ms, 99.0)?,
        max_ms: percentile(latencies_ms, 100.0)?,
    })
}

fn open_watched_file() -> Result<()> {
    File::open(WATCHED_FILE).map(drop).context(WATCHED_FILE)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Multiples of the golden ratio, modulo one, fill an interval evenly without a pattern in time.
fn pause_us(sample: u64) -> u64 {
    const GOLDEN_RATIO_32: u64 = 0x9E37_79B9;
    ((sample.wrapping_mul(GOLDEN_RATIO_32) % (1 << 32)) * MAX_PAUSE_US) >> 32
}

/// When alerts about opens of the bench's own arrive at the pipe.
struct Alerts {
    arrivals: Receiver<Instant>,
    reader: JoinHandle<std::io::Result<()>>,
}

impl Alerts {
    fn read(mut pipe: ChildStdout) -> Self {
        let (sender, arrivals) = channel();
        let reader = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            let mut lines = Lines::default();
            loop {
                let length = pipe.read(&mut chunk)?;
                let arrival = Instant::now();
                if length == 0 {
                    return Ok(());
                }
                for _ in 0..lines.count_own(&chunk[..length]) {
                    if sender.send(arrival).is_err() {
                        return Ok(());
                    }
                }
            }
        });
        Self { arrivals, reader }
    }

    /// The next arrival, or nothing within `timeout`.
    fn next(&self, timeout: Duration) -> Result<Option<Instant>> {
        match self.arrivals.recv_timeout(timeout) {
            Ok(arrival) => Ok(Some(arrival)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the agent closed its standard output"),
        }
    }

    fn discard_waiting(&self) {
        while self.arrivals.try_recv().is_ok() {}
    }

    fn finish(self) -> Result<()> {
        drop(self.arrivals);
        let outcome = self
            .reader
            .join()
            .ok()
            .context("the reader of alerts panicked")?;
        outcome.context("reading alerts")
    }
}

/// Cuts a byte stream into lines and recognises alerts about the bench's own opens.
#[derive(Default)]
struct Lines {
    incomplete: Vec<u8>,
}

impl Lines {
    fn count_own(&mut self, chunk: &[u8]) -> usize {
        let mut own = 0;
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.incomplete.extend_from_slice(&rest[..end]);
            own += usize::from(is_own(&self.incomplete));
            self.incomplete.clear();
            rest = &rest[end + 1..];
        }
        self.incomplete.extend_from_slice(rest);
        own
    }
}

fn is_own(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    line.contains(WATCHED_FILE) && line.contains(OWN_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_alerts_are_counted_across_chunks() {
        let mut lines = Lines::default();
        assert_eq!(lines.count_own(b"{\"fd.name\":\"/etc/sha"), 0);
        assert_eq!(
            lines.count_own(b"dow\",\"proc.name\":\"saker-bench\"}\n{\"x\""),
            1
        );
        assert_eq!(
            lines.count_own(b":1}\n/etc/shadow by sshd\nsaker-bench /etc/shadow\n"),
            1
        );
    }

    #[test]
    fn pauses_cover_the_interval() {
        let pauses: Vec<u64> = (0..200).map(pause_us).collect();
        assert!(pauses.iter().all(|&pause| pause < MAX_PAUSE_US));
        for tenth in 0..10 {
            let low = MAX_PAUSE_US / 10 * tenth;
            let inside = pauses
                .iter()
                .filter(|&&p| p >= low && p < low + MAX_PAUSE_US / 10)
                .count();
            assert!((15..=25).contains(&inside), "{inside} pauses from {low}");
        }
    }

    #[test]
    fn summary_of_known_samples() {
        let samples: Vec<f64> = (1..=100).map(f64::from).collect();
        let expected = AlertLatency {
            samples: 100,
            p50_ms: 50.0,
            p99_ms: 99.0,
            max_ms: 100.0,
        };
        assert_eq!(summarise(&samples), Some(expected));
        assert_eq!(summarise(&[]), None);
    }
}
