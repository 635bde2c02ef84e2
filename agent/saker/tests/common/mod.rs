//! Running the binary.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_saker");
/// Longest wait for anything; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a finished process left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary with a clean environment.
pub(crate) fn saker() -> Command {
    let mut command = Command::new(BINARY);
    command.env_remove("SAKER_HOSTNAME");
    command
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Output {
        status: output.status.code().expect("not killed"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// An agent without a driver, on a free port, with a lock file of its own.
pub(crate) struct Agent {
    child: Child,
    address: String,
    arguments: Vec<String>,
    stderr: JoinHandle<String>,
    _dir: TempDir,
}

impl Agent {
    /// Starts it with `extra` arguments and waits until it has started.
    pub(crate) fn start(extra: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let lock = format!("lock_file={}", dir.path().join("lock").display());
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules");
        let mut arguments: Vec<String> = ["run", "-o", "driver=none", "-o", &lock, "-o"]
            .into_iter()
            .chain(["http.listen_address=127.0.0.1:0"])
            .map(str::to_owned)
            .collect();
        match extra {
            [] => arguments.extend(["-r".to_owned(), rules.to_owned()]),
            extra => arguments.extend(extra.iter().map(|&a| a.to_owned())),
        }
        let mut child = saker()
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let pipe = child.stderr.take().expect("piped");
        let (lines, seen) = channel();
        let stderr = thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                all.push_str(&line);
                all.push('\n');
                // Nobody listens any more once the agent has started.
                let _ = lines.send(line);
            }
            all
        });
        let address = ready(&seen);
        Self {
            child,
            address,
            arguments,
            stderr,
            _dir: dir,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Address and port of its pages.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it was started with.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Status and body of a page.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("listening");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .expect("a status");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        (status, body.to_owned())
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(mut self, signal: Signal) -> Output {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("sent");
        let status = self
            .child
            .wait()
            .expect("ended")
            .code()
            .expect("not killed");
        let reader = std::mem::replace(&mut self.stderr, thread::spawn(String::new));
        let stderr = reader.join().expect("read");
        Output {
            status,
            stdout: String::new(),
            stderr,
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the first lines until the agent has started; returns the address of its pages.
fn ready(lines: &Receiver<String>) -> String {
    let mut address = None;
    let mut all = Vec::new();
    loop {
        let line = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("not ready ({error}): {all:#?}"),
        };
        if let Some(url) = line.strip_prefix("metrics: http://") {
            address = url.strip_suffix("/metrics").map(str::to_owned);
        }
        if line.starts_with("started after") {
            return address.expect("an address before that");
        }
        all.push(line);
    }
}
