//! An agent process of the bench's own: its configuration, start, readiness and stop.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{http, metrics, procfs};

/// Longest wait for /readyz after the start.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for the end after SIGTERM; then the agent is killed and the measurement fails.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at a condition that is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Between two looks at /metrics while the agent catches up: longer than a worker sleeps.
const QUIET_INTERVAL: Duration = Duration::from_millis(20);
/// Events between two looks that still count as quiet: the looks themselves make a few.
const QUIET_EVENTS: f64 = 64.0;
/// Longest wait for quiet.
const QUIET_TIMEOUT: Duration = Duration::from_secs(10);
/// What a recorder's log says once it records.
const RECORDING: &str = "recording ";
/// Lines of the agent's log shown when it fails.
const LOG_TAIL_LINES: usize = 12;

/// What an agent is started with.
#[derive(Debug, Clone)]
pub(crate) struct AgentSetup {
    /// The binary.
    pub(crate) program: PathBuf,
    /// Rules files and directories.
    pub(crate) rules: Vec<PathBuf>,
    /// KEY=VALUE settings.
    pub(crate) settings: Vec<String>,
}

/// A running agent. Killed when dropped, should nobody have stopped it.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Child,
    address: SocketAddr,
    /// Configuration, lock, log and alerts.
    directory: TempDir,
    started: Instant,
}

/// Counters of an agent at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counters {
    /// Events by all workers.
    pub(crate) events: f64,
    /// Records lost.
    pub(crate) drops: f64,
    /// CPU time of all threads.
    pub(crate) cpu_ns: u64,
}

impl Agent {
    /// Starts an agent whose alerts go to a file, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends early (with the tail of its log) or is not ready in time.
    pub(crate) fn start(setup: &AgentSetup) -> Result<Self> {
        let directory = TempDir::new().context("directory for the agent")?;
        let alerts = File::create(directory.path().join("alerts")).context("file for alerts")?;
        let mut agent = Self::spawn(setup, directory, alerts.into(), &["run".as_ref()])?;
        agent.wait_until_ready()?;
        Ok(agent)
    }

    /// Starts an agent whose alerts come through a pipe; does not wait.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start_piped(setup: &AgentSetup) -> Result<(Self, ChildStdout)> {
        let directory = TempDir::new().context("directory for the agent")?;
        let mut agent = Self::spawn(setup, directory, Stdio::piped(), &["run".as_ref()])?;
        let alerts = agent.process.stdout.take().context("pipe of the agent")?;
        Ok((agent, alerts))
    }

    /// Starts `saker record` into `file` and waits until it records.
    ///
    /// # Errors
    /// When it cannot be started, ends early or does not record in time.
    pub(crate) fn start_recording(setup: &AgentSetup, file: &Path) -> Result<Self> {
        let directory = TempDir::new().context("directory for the agent")?;
        let command = ["record".as_ref(), "-w".as_ref(), file.as_os_str()];
        let mut agent = Self::spawn(setup, directory, Stdio::null(), &command)?;
        let log = agent.directory.path().join("log");
        agent.wait_until("does not record", |_| {
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains(RECORDING))
        })?;
        Ok(agent)
    }

    fn spawn(
        setup: &AgentSetup,
        directory: TempDir,
        alerts: Stdio,
        subcommand: &[&OsStr],
    ) -> Result<Self> {
        let address = free_address()?;
        let config = directory.path().join("saker.yaml");
        std::fs::write(&config, configuration(directory.path(), address))
            .context("configuration of the agent")?;
        let log = File::create(directory.path().join("log")).context("log of the agent")?;
        let mut command = Command::new(&setup.program);
        command.args(subcommand).arg("-c").arg(&config);
        for path in &setup.rules {
            command.arg("-r").arg(path);
        }
        for setting in &setup.settings {
            command.arg("-o").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(alerts).stderr(log);
        let started = Instant::now();
        let process = command
            .spawn()
            .with_context(|| format!("starting {}", setup.program.display()))?;
        Ok(Self {
            process,
            address,
            directory,
            started,
        })
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Just before the agent was executed.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Waits for status 200 of /readyz.
    ///
    /// # Errors
    /// When the agent ends or is not ready within [`READY_TIMEOUT`].
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_until("is not ready", |agent| {
            matches!(http::get(agent.address, "/readyz"), Ok((200, _)))
        })
    }

    fn wait_until(&mut self, problem: &str, done: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if done(self) {
                return Ok(());
            }
            self.check_alive()?;
            if Instant::now() > deadline {
                bail!(
                    "the agent {problem} after {READY_TIMEOUT:?}; its log:\n{}",
                    self.log_tail()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Fails, with the tail of its log, if the agent has ended.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.process.try_wait().context("state of the agent")? {
            None => Ok(()),
            Some(status) => bail!(
                "the agent ended early, {status}; its log:\n{}",
                self.log_tail()
            ),
        }
    }

    /// Counters now.
    ///
    /// # Errors
    /// When the agent does not answer, or its metrics lack what the bench reads: a missing counter
    /// must not look like a count of nothing.
    pub(crate) fn counters(&self) -> Result<Counters> {
        let text = self.metrics()?;
        for name in [metrics::EVENTS, metrics::DROPPED] {
            if !metrics::is_declared(&text, name) {
                bail!("/metrics has no {name}");
            }
        }
        Ok(Counters {
            events: metrics::sum(&text, metrics::EVENTS),
            drops: metrics::sum(&text, metrics::DROPPED),
            cpu_ns: procfs::cpu_ns(self.pid())?,
        })
    }

    /// The text of /metrics.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub(crate) fn metrics(&self) -> Result<String> {
        let (status, text) = http::get(self.address, "/metrics").context("/metrics")?;
        if status != 200 {
            bail!("/metrics: status {status}");
        }
        Ok(text)
    }

    /// Waits until the agent has worked off what it was sent, and returns its counters then.
    ///
    /// # Errors
    /// When events keep coming for [`QUIET_TIMEOUT`].
    pub(crate) fn wait_until_quiet(&self) -> Result<Counters> {
        let deadline = Instant::now() + QUIET_TIMEOUT;
        let mut before = self.counters()?;
        loop {
            std::thread::sleep(QUIET_INTERVAL);
            let now = self.counters()?;
            if now.events - before.events <= QUIET_EVENTS {
                return Ok(now);
            }
            if Instant::now() > deadline {
                bail!("events keep coming: something else is busy on this machine");
            }
            before = now;
        }
    }

    /// Ends the agent with SIGTERM and waits.
    ///
    /// # Errors
    /// When it takes longer than [`STOP_TIMEOUT`] or ends with a failure.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(Pid::from_raw)
            .context("pid")?;
        kill_process(pid, Signal::TERM).context("SIGTERM to the agent")?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        loop {
            match self.process.try_wait().context("state of the agent")? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    bail!(
                        "the agent ended with {status}; its log:\n{}",
                        self.log_tail()
                    );
                }
                None if Instant::now() > deadline => {
                    bail!("the agent does not stop; its log:\n{}", self.log_tail());
                }
                None => std::thread::sleep(POLL_INTERVAL),
            }
        }
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read(self.directory.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Nothing to do about a failure here: the process has ended, or the next start reports it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that is free now. Somebody may take it before the agent does; the agent then says so.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a free port")?;
    listener.local_addr().context("a free port")
}

fn configuration(directory: &Path, address: SocketAddr) -> String {
    let lock = directory.join("lock");
    format!(
        "json_output: true\nlog_level: info\nlock_file: {}\nhttp:\n  listen_address: {address}\n",
        lock.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(program: &str) -> AgentSetup {
        AgentSetup {
            program: program.into(),
            rules: vec![],
            settings: vec![],
        }
    }

    #[test]
    fn program_that_is_not_there() {
        let error = Agent::start(&setup("/nonexistent/saker")).unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent/saker"));
    }

    #[test]
    fn agent_that_ends_early_is_reported_at_once() {
        let before = Instant::now();
        let error = Agent::start(&setup("/bin/false")).unwrap_err();
        assert!(format!("{error:#}").contains("ended early"));
        assert!(before.elapsed() < READY_TIMEOUT);
    }

    #[test]
    fn configuration_names_its_own_port_and_lock() {
        let text = configuration(Path::new("/d"), "127.0.0.1:9".parse().unwrap());
        assert!(text.contains("lock_file: /d/lock\n"));
        assert!(text.contains("  listen_address: 127.0.0.1:9\n"));
    }
}
