//! The control thread: signals and HTTP on one small runtime, away from events.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use crossbeam_channel::Sender;
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
