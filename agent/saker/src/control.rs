//! The control thread: signals and HTTP on one small runtime, away from events.

use std::io::PipeReader;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Select, Sender};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::http::{self, Pages};

/// Why the agent should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A signal, by name.
    Signal(&'static str),
    /// Nothing can be written to standard output any more.
    OutputClosed(std::io::ErrorKind),
    /// The recording is as large as it may be, or cannot be written; its thread says which.
    RecordingEnded,
}

/// The running thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts the thread. From then on signals are sent to `stop` and pages are served.
    ///
    /// # Errors
    /// When the thread, the runtime or the signal handlers cannot be made.
    pub(crate) fn start(
        listener: Option<TcpListener>,
        pages: Arc<Pages>,
        stop: Sender<Stop>,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .build()
            .context("cannot start the control thread")?;
        let (mut term, mut int) = {
            // Handlers register with the runtime that is entered.
            let _entered = runtime.enter();
            (
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
            )
        };
        let (end, ended) = oneshot::channel();
        let work = async move {
            let signals = async {
                loop {
                    let name = tokio::select! {
                        _ = term.recv() => "SIGTERM",
                        _ = int.recv() => "SIGINT",
                    };
                    // A full queue means that stopping has begun.
                    let _ = stop.try_send(Stop::Signal(name));
                }
            };
            let pages = async {
                if let Some(listener) = listener
                    && let Err(error) = http::serve(listener, pages).await
                {
                    tracing::error!("HTTP is down: {error}");
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = signals => {}
                () = pages => {}
                _ = ended => {}
            }
        };
        let thread = thread::Builder::new()
            .name("saker-control".into())
            .spawn(move || runtime.block_on(work))
            .context("cannot start the control thread")?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Does some work with a pipe whose other end is closed as soon as something waits in `stop`, where it stays.
///
/// # Errors
/// When there is no pipe or thread to be had.
pub(crate) fn until_stopped<R>(
    stop: &Receiver<Stop>,
    work: impl FnOnce(PipeReader) -> R,
) -> Result<R, String> {
    let (reader, writer) = std::io::pipe().map_err(|error| format!("no pipe: {error}"))?;
    let (working, done) = crossbeam_channel::bounded::<()>(0);
    std::thread::scope(|scope| {
        let watch = move || {
            let mut either = Select::new();
            either.recv(stop);
            // Ready once its sender is gone.
            either.recv(&done);
            either.ready();
            drop(writer);
        };
        let name = "saker-build-stop".to_owned();
        let watcher = std::thread::Builder::new().name(name);
        watcher
            .spawn_scoped(scope, watch)
            .map_err(|error| format!("no thread: {error}"))?;
        let result = work(reader);
        drop(working);
        Ok(result)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn work_ends_when_a_stop_comes_and_the_stop_stays() {
        let (sender, stop) = crossbeam_channel::bounded(1);
        let read = until_stopped(&stop, |mut pipe| {
            sender.send(Stop::Signal("SIGTERM")).expect("sent");
            pipe.read(&mut [0])
        });
        assert_eq!(read.expect("worked").expect("closed"), 0);
        assert_eq!(stop.try_recv(), Ok(Stop::Signal("SIGTERM")));
    }

    #[test]
    fn work_that_ends_by_itself_is_not_waited_for() {
        let (_sender, stop) = crossbeam_channel::bounded(1);
        assert_eq!(until_stopped(&stop, |_| 7), Ok(7));
        assert!(stop.is_empty());
    }
}
