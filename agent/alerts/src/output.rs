//! The thread that formats alerts and writes them.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::format::Formatter;
use crate::queue::AlertReceiver;
use crate::sink::Sink;
use crate::summary::Summary;

/// Most alerts joined into one write.
const MAX_BATCH_ALERTS: usize = 256;
/// No alert is added to a batch that is longer than this.
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// Longest wait for the last alerts when the agent stops, if a reader of the output hangs.
pub const FLUSH_TIMEOUT_MS: u64 = 5_000;

/// The running output thread. It ends when all senders of its queue are gone.
#[derive(Debug)]
pub struct Output {
    thread: JoinHandle<()>,
    summary: Receiver<Summary>,
}

impl Output {
    /// Starts the thread. `on_dead` is called once, when the last sink has failed; alerts are then
    /// only counted.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn spawn(
        alerts: AlertReceiver,
        formatter: Formatter,
        sinks: Vec<Box<dyn Sink>>,
        on_dead: impl FnOnce(io::ErrorKind) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, summary) = crossbeam_channel::bounded(1);
        let on_dead: Box<dyn FnOnce(io::ErrorKind) + Send> = Box::new(on_dead);
        let mut writer = Writer {
            formatter,
            sinks,
            on_dead: Some(on_dead),
            lines: Vec::with_capacity(MAX_BATCH_BYTES),
            summary: Summary::default(),
        };
        let thread = thread::Builder::new()
            .name("saker-output".into())
            .spawn(move || {
                while writer.batch(&alerts) {}
                // The receiver is gone only when nobody waits for the summary.
                let _ = sender.send(writer.summary);
            })?;
        Ok(Self { thread, summary })
    }

    /// Waits until every queued alert has been written, [`FLUSH_TIMEOUT_MS`] at most, and returns
    /// what was reported. `None` when the output hung; the thread is then left to the process's end.
    pub fn finish(self) -> Option<Summary> {
        let summary = self
            .summary
            .recv_timeout(Duration::from_millis(FLUSH_TIMEOUT_MS))
            .ok()?;
        self.thread.join().ok()?;
        Some(summary)
    }

    /// The same without a limit, for those who have time. `None` when the thread panicked.
    pub fn wait(self) -> Option<Summary> {
        let summary = self.summary.recv().ok()?;
        self.thread.join().ok()?;
        Some(summary)
    }
}

struct Writer {
    formatter: Formatter,
    sinks: Vec<Box<dyn Sink>>,
    on_dead: Option<Box<dyn FnOnce(io::ErrorKind) + Send>>,
    lines: Vec<u8>,
    summary: Summary,
}

impl Writer {
    /// Writes one batch; `false` when the queue is finished.
    fn batch(&mut self, alerts: &AlertReceiver) -> bool {
        let Some(mut alert) = alerts.recv() else {
            return false;
        };
        self.lines.clear();
        let mut count = 0;
        loop {
            self.summary.count(&alert);
            self.formatter.line(&alert, &mut self.lines);
            count += 1;
            if count >= MAX_BATCH_ALERTS || self.lines.len() >= MAX_BATCH_BYTES {
                break;
            }
            match alerts.try_recv() {
                Some(next) => alert = next,
                None => break,
            }
        }
        self.write(count as u64);
        true
    }

    fn write(&mut self, alerts: u64) {
        let lines = &self.lines;
        let mut failure = io::ErrorKind::Other;
        self.sinks.retain_mut(|sink| match sink.write(lines) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!("{} takes no more alerts: {error}", sink.name());
                failure = error.kind();
                false
            }
        });
        if self.sinks.is_empty() {
            self.summary.unwritten += alerts;
            if let Some(on_dead) = self.on_dead.take() {
                on_dead(failure);
            }
        }
    }
}
