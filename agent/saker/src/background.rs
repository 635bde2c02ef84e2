//! The background thread: look-ups the workers asked for, and facts that change slowly.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use saker_fields::{Clock, HostInfo, Mounts};
use saker_state::{Interfaces, Recovery, RollCall, SharedState};

use crate::host;
use crate::worker::Context;

/// Longest wait for a look-up before the stop flag is looked at.
const SERVE_TIMEOUT: Duration = Duration::from_millis(200);
/// Time between two looks at users, addresses and clocks.
const REFRESH_PERIOD: Duration = Duration::from_secs(5);
/// Time between two looks for processes whose end was lost.
const ROLL_CALL_PERIOD: Duration = Duration::from_secs(10);

/// The running thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the thread.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        mut recovery: Recovery,
        state: Arc<SharedState>,
        context: Arc<Context>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("saker-background".into())
            .spawn(move || {
                let roll_call = roll_call(&state);
                let mut called = Instant::now();
                let mut refreshed = called;
                while !stopped.load(Relaxed) {
                    recovery.serve(SERVE_TIMEOUT);
                    if refreshed.elapsed() >= REFRESH_PERIOD {
                        refreshed = Instant::now();
                        state.users().refresh();
                        state.sweep_cgroups();
                        refresh_host(&context, &state);
                        return_memory();
                    }
                    if called.elapsed() >= ROLL_CALL_PERIOD {
                        called = Instant::now();
                        find_missing(roll_call.as_ref(), &state);
                    }
                }
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

fn roll_call(state: &SharedState) -> Option<RollCall> {
    RollCall::of_host(state)
        .inspect_err(|error| {
            tracing::warn!(
                "processes whose end is lost stay known until their number is used again: {error}"
            );
        })
        .ok()
}

/// Has the workers let go of processes that are no more.
fn find_missing(roll_call: Option<&RollCall>, state: &SharedState) {
    let missing = roll_call.map_or(0, |roll_call| roll_call.call(state));
    if missing > 0 {
        tracing::debug!("{missing} processes have ended of which no record has told so yet");
    }
}

/// Lets the allocator give memory back that the start freed (the kernel's type information alone is
/// tens of MiB). mimalloc looks for such memory only when it frees a large block, some time after the
/// memory was freed, and a settled agent frees none.
fn return_memory() {
    /// Above mimalloc's largest small object, so that it is a block of its own.
    const LARGE_BYTES: usize = 1 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BYTES)));
}

/// Tells the workers of the host's addresses, and the log when there are more than they look at.
pub(crate) fn publish_interfaces(state: &SharedState, interfaces: Interfaces) {
    let left_out = interfaces.left_out();
    if left_out > 0 && state.interfaces().left_out() != left_out {
        tracing::warn!(
            "{left_out} addresses of interfaces are too many: names of sockets that are bound to none never have them"
        );
    }
    state.set_interfaces(interfaces);
}

/// Facts about the host, now, when capture begins.
pub(crate) fn host_info(
    hostname: &str,
    clock: Clock,
    mounts: Arc<Mounts>,
    interfaces: &Interfaces,
) -> HostInfo {
    HostInfo {
        hostname: hostname.to_owned(),
        addresses: host::addresses(interfaces),
        boot_to_epoch_ns: host::boot_to_epoch_ns(),
        mounts,
        clock,
        capture_start_ns: saker_state::boot_ns(),
        ..HostInfo::default()
    }
}

/// Replaces the facts if they differ by more than the jitter of reading two clocks.
fn refresh_host(context: &Context, state: &SharedState) {
    /// Smaller changes of the offset are noise.
    const CLOCK_NOISE_NS: u64 = 10_000;
    let old = context.host.load();
    let mounts = Arc::clone(&old.mounts);
    match host::interfaces() {
        Ok(interfaces) => publish_interfaces(state, interfaces),
        Err(error) => tracing::debug!("addresses of the interfaces stay as they were: {error}"),
    }
    let new = host_info(
        &old.hostname,
        old.clock.clone(),
        mounts,
        &state.interfaces(),
    );
    let moved = new.boot_to_epoch_ns.abs_diff(old.boot_to_epoch_ns) > CLOCK_NOISE_NS;
    if moved || new.addresses != old.addresses {
        context.host.rcu(|host| HostInfo {
            addresses: new.addresses.clone(),
            boot_to_epoch_ns: new.boot_to_epoch_ns,
            ..(**host).clone()
        });
    }
}
