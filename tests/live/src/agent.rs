//! A running agent under test.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::alert::Alert;
use crate::driver::Driver;
use crate::{host, http, process};

/// Longest start, from the spawn until the agent is as it should be.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longest end, from the signal until the process is gone.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks whether it is.
const READY_POLL: Duration = Duration::from_millis(5);
/// Most lines kept of either stream; more would be a runaway agent.
const MAX_LINES: usize = 200_000;

/// Metrics of [`Agent::trouble`].
const TROUBLE: [&str; 9] = [
    "saker_state_events_total",
    "saker_ancestor_waits_total",
    "saker_dropped_total",
    "saker_ebpf_missed_total",
    "saker_kmod_missed_total",
    "saker_lost_total",
    "saker_late_total",
    "saker_left_behind_total",
    "saker_undecodable_total",
];

/// How to run the agent.
#[derive(Debug, Clone, Default)]
pub struct Options {
    rules: Vec<PathBuf>,
    config: Map<String, Value>,
    arguments: Vec<String>,
    hidden_btf: bool,
    hosts: Option<PathBuf>,
}

/// Hides the kernel's type information, which the eBPF driver needs, in a mount namespace of its own;
/// then runs the arguments.
pub const HIDE_BTF: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"",
    "sh",
];

/// Mounts the first argument over the file of the hosts' names and nothing over that of the name servers, in a
/// mount namespace of its own; then runs the others.
const OWN_NAMES: [&str; 5] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount --bind \"$0\" /etc/hosts && mount --bind /dev/null /etc/resolv.conf && exec \"$@\"",
];

impl Options {
    /// With these rules files and directories.
    pub fn rules(rules: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            ..Self::default()
        }
    }

    /// With the default rules.
    pub fn default_rules() -> Self {
        Self::rules([host::default_rules()])
    }

    /// With so many workers.
    #[must_use]
    pub fn workers(self, workers: u32) -> Self {
        self.set("workers", json!(workers))
    }

    /// With a top-level key of the configuration (docs/configuration.md).
    #[must_use]
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.to_owned(), value);
        self
    }

    /// With one more argument of `saker run`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Where the kernel's type information is hidden.
    #[must_use]
    pub fn hide_btf(mut self) -> Self {
        self.hidden_btf = true;
        self
    }

    /// Where names of hosts are those in this file (hosts(5)), and no others.
    #[must_use]
    pub fn hosts(mut self, file: PathBuf) -> Self {
        self.hosts = Some(file);
        self
    }

    fn command(&self, program: &std::path::Path) -> Command {
        if let Some(hosts) = &self.hosts {
            let mut own = Command::new(OWN_NAMES[0]);
            own.args(&OWN_NAMES[1..]).arg(hosts).arg(program);
            return own;
        }
        if !self.hidden_btf {
            return Command::new(program);
        }
        let mut hidden = Command::new(HIDE_BTF[0]);
        hidden.args(&HIDE_BTF[1..]).arg(program);
        hidden
    }

    /// The configuration file; JSON is YAML. Keys set by [`Self::set`] win.
    pub fn config(&self, dir: &std::path::Path) -> String {
        let mut config = json!({
            "rules_files": self.rules,
            "json_output": true,
            "lock_file": dir.join("saker.lock"),
            "http": {"listen_address": "127.0.0.1:0"},
            "append_output": [{"match": {"source": "syscall"}, "extra_fields": ["proc.sid"]}],
        });
        if let Some(map) = config.as_object_mut() {
            if Driver::tested() == Driver::Kmod {
                map.insert("driver".to_owned(), json!(Driver::Kmod.name()));
            }
            map.extend(self.config.clone());
        }
        config.to_string()
    }
}

/// What the agent printed so far.
#[derive(Debug, Default)]
struct Printed {
    alerts: Vec<Alert>,
    /// Lines of standard output that are no alerts.
    other: Vec<String>,
    stderr: Vec<String>,
}

#[derive(Debug, Default)]
struct Streams {
    printed: Mutex<Printed>,
    changed: Condvar,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, Printed> {
        // A reader that panicked left whole lines behind.
        self.printed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until `pick` finds something, `limit` at most.
    fn wait<T>(&self, limit: Duration, mut pick: impl FnMut(&Printed) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut printed = self.lock();
        loop {
            if let Some(found) = pick(&printed) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.changed.wait_timeout(printed, left);
            printed = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

/// A running agent; dropping it kills it.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    streams: Arc<Streams>,
    readers: Vec<JoinHandle<()>>,
    address: SocketAddr,
    dir: TempDir,
}

/// What is left of an agent that was stopped.
#[derive(Debug)]
pub struct Stopped {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// All alerts.
    pub alerts: Vec<Alert>,
    /// Lines of standard output that are no alerts.
    pub other: Vec<String>,
    /// Lines of standard error.
    pub stderr: Vec<String>,
}

impl Agent {
    /// Starts an agent and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time, with what it printed.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_until(options, |agent| {
            agent
                .get("/readyz")
                .is_ok_and(|answer| answer.status == 200)
        })
    }

    /// Starts an agent that finds no driver and waits until it says so.
    ///
    /// # Errors
    /// When it ends or does not say so in time, with what it printed.
    pub fn start_blind(options: &Options) -> Result<Self> {
        Self::start_until(options, |agent| {
            let lines = &agent.streams.lock().stderr;
            lines.iter().any(|line| line.contains("NOT ready"))
        })
    }

    fn start_until(options: &Options, started: impl Fn(&Self) -> bool) -> Result<Self> {
        let program = host::agent_program()?;
        let dir = tempfile::tempdir()?;
        let config = dir.path().join("saker.yaml");
        std::fs::write(&config, options.config(dir.path()))?;
        let mut child = options
            .command(&program)
            .args(["run", "-c"])
            .arg(config)
            .args(&options.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the agent")?;
        let streams = Arc::new(Streams::default());
        let stdout = child.stdout.take().context("no pipe")?;
        let stderr = child.stderr.take().context("no pipe")?;
        let readers = vec![
            read_lines(&streams, stdout, |printed, line| {
                match Alert::parse(&line) {
                    Ok(alert) => printed.alerts.push(alert),
                    Err(_) => printed.other.push(line),
                }
            }),
            read_lines(&streams, stderr, |printed, line| printed.stderr.push(line)),
        ];
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut agent = Self {
            child,
            streams,
            readers,
            address,
            dir,
        };
        match agent.wait_until(started) {
            Ok(()) => Ok(agent),
            Err(error) => Err(anyhow!(
                "{error:#}; it printed\n{}",
                agent.stderr().join("\n")
            )),
        }
    }

    fn wait_until(&mut self, started: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.join_readers();
                bail!("the agent ended: {status}");
            }
            let address = {
                let lines = &self.streams.lock().stderr;
                lines.iter().find_map(|line| address_in(line))
            };
            if let Some(address) = address {
                self.address = address;
                if started(self) {
                    return Ok(());
                }
            }
            if Instant::now() > deadline {
                bail!("the agent had not started within {START_LIMIT:?}");
            }
            self.streams.wait(READY_POLL, |_| None::<()>);
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Directory of its configuration (`saker.yaml`) and lock file (`saker.lock`).
    pub fn directory(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Where it serves HTTP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn get(&self, path: &str) -> Result<http::Answer> {
        http::get(self.address, path)
    }

    /// Counters that tell of loss, recovery and waiting, for messages about what is missing.
    pub fn trouble(&self) -> String {
        let page = match self.get("/metrics") {
            Ok(answer) => answer.body,
            Err(error) => return format!("no metrics: {error:#}"),
        };
        let told = |line: &&str| {
            TROUBLE.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0")
        };
        page.lines().filter(told).collect::<Vec<_>>().join("\n")
    }

    /// Lines of standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.streams.lock().stderr.clone()
    }

    /// The first line of standard error with `text` in it, of those so far and those that come within `limit`.
    pub fn wait_line(&self, limit: Duration, text: &str) -> Option<String> {
        let mut seen = 0;
        self.streams.wait(limit, |printed| {
            let new = &printed.stderr[seen..];
            seen = printed.stderr.len();
            new.iter().find(|line| line.contains(text)).cloned()
        })
    }

    /// Alerts so far.
    pub fn alerts(&self) -> Vec<Alert> {
        self.streams.lock().alerts.clone()
    }

    /// The first alert that `is_it` accepts, among those so far and those that come within `limit`.
    pub fn wait_alert(&self, limit: Duration, is_it: impl Fn(&Alert) -> bool) -> Option<Alert> {
        let mut seen = 0;
        self.streams.wait(limit, |printed| {
            let new = &printed.alerts[seen..];
            seen = printed.alerts.len();
            new.iter().find(|alert| is_it(alert)).cloned()
        })
    }

    /// Ends the agent with SIGTERM.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(self) -> Result<Stopped> {
        self.stop_by(Signal::TERM)
    }

    /// Ends the agent with `signal`.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop_by(mut self, signal: Signal) -> Result<Stopped> {
        process::signal(&self.child, signal)?;
        let status = process::wait(&mut self.child, STOP_LIMIT)?;
        self.join_readers();
        let printed = std::mem::take(&mut *self.streams.lock());
        let Printed {
            alerts,
            other,
            stderr,
        } = printed;
        Ok(Stopped {
            status: status.code(),
            alerts,
            other,
            stderr,
        })
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            // A reader panics on a runaway agent; the lines before that tell why.
            let _ = reader.join();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail for a child that was waited for, which is the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_readers();
    }
}

fn read_lines(
    streams: &Arc<Streams>,
    from: impl Read + Send + 'static,
    keep: impl Fn(&mut Printed, String) + Send + 'static,
) -> JoinHandle<()> {
    let streams = Arc::clone(streams);
    std::thread::spawn(move || {
        for line in BufReader::new(from)
            .split(b'\n')
            .map_while(Result::ok)
            .take(MAX_LINES)
        {
            keep(
                &mut streams.lock(),
                String::from_utf8_lossy(&line).into_owned(),
            );
            streams.changed.notify_all();
        }
    })
}

/// The address in a line of the log that says where HTTP is served.
fn address_in(line: &str) -> Option<SocketAddr> {
    let mut candidates = line.match_indices("127.0.0.1:").map(|(at, _)| &line[at..]);
    candidates.find_map(|text| {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
        let address: SocketAddr = text[..end.unwrap_or(text.len())].parse().ok()?;
        (address.port() != 0).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found() {
        let port = |line| address_in(line).map(|address| address.port());
        assert_eq!(port("metrics at http://127.0.0.1:1234/metrics"), Some(1234));
        assert_eq!(port("127.0.0.1:0 gave 127.0.0.1:77"), Some(77));
        assert_eq!(port("listening on 127.0.0.1:0"), None);
        assert_eq!(port("nothing"), None);
    }

    #[test]
    fn keys_win_over_defaults() {
        let dir = std::path::Path::new("/d");
        let text = Options::default_rules()
            .workers(4)
            .set("json_output", json!(false))
            .config(dir);
        let config: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(config["workers"], 4);
        assert_eq!(config["json_output"], false);
        assert_eq!(config["lock_file"], "/d/saker.lock");
    }
}
