//! What the tests need other processes for: this program again, with a role.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::mm::{MapFlags, ProtFlags};
use saker_vm_guest::device::Device;
use saker_vm_guest::mapping::Mapping;
use saker_vm_guest::session::Session;

const PAGE: usize = 4096;

/// Files that the role `many-files` opens, besides what it has from the beginning.
pub(crate) const MANY_FILES: usize = 300;

/// Plays a role; in the child.
pub(crate) fn play(role: &str) -> ExitCode {
    match act(role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("role {role}: {error:#}");
            // The errno behind it, which are small numbers.
            let errno = error
                .chain()
                .find_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
            ExitCode::from(errno.unwrap_or(255) as u8)
        }
    }
}

fn act(role: &str) -> Result<()> {
    match role {
        "end" => {}
        "open" => {
            Device::open()?;
        }
        "throw-out" => {
            let session = Session::new(1 << 16)?;
            let consumer = Mapping::shared(&session.rings[0], 0, PAGE)?;
            consumer.store(0, 0);
            consumer.throw_out()?;
            consumer.load(0);
        }
        "hide-arguments" => {
            let session = Session::new(1 << 16)?;
            let nothing = Mapping::new(
                &session.rings[0],
                0,
                PAGE,
                ProtFlags::empty(),
                MapFlags::SHARED,
            )?;
            nothing.name_as_arguments()?;
            stay()?;
        }
        "own" => {
            let session = Session::new(1 << 16)?;
            let _reader = session.reader(0)?;
            session.device.start()?;
            let ring = std::os::fd::AsRawFd::as_raw_fd(&session.rings[0]);
            say(&ring.to_string())?;
            // Records without end, until killed.
            loop {
                std::env::set_current_dir("/")?;
            }
        }
        "stay" => stay()?,
        "many-files" => {
            let files = (0..MANY_FILES).map(|_| std::fs::File::open("/dev/null"));
            let _open: Vec<_> = files.collect::<io::Result<_>>()?;
            stay()?;
        }
        "leader-ends" => {
            let (go, gone) = std::sync::mpsc::channel::<()>();
            std::thread::spawn(move || {
                let _ = gone.recv();
                // The leader is a zombie as soon as it has left; the kernel shows it.
                while !leader_is_zombie() {
                    std::thread::yield_now();
                }
                let _ = say("ready");
                loop {
                    std::thread::park();
                }
            });
            drop(go);
            saker_vm_guest::thread::end();
        }
        _ => bail!("no such role"),
    }
    Ok(())
}

/// Until killed.
fn stay() -> Result<()> {
    say("ready")?;
    loop {
        std::thread::park();
    }
}

fn leader_is_zombie() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

fn say(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn command(role: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program")?);
    command.args(["--role", role]);
    Ok(command)
}

/// Starts a role that says nothing; the caller waits for its end.
pub(crate) fn start(role: &str) -> Result<Child> {
    command(role)?
        .spawn()
        .with_context(|| format!("role {role}"))
}

/// Runs a role to its end: its exit status, or the signal that ended it.
pub(crate) fn run(role: &str) -> Result<Result<i32, i32>> {
    let status = command(role)?
        .status()
        .with_context(|| format!("role {role}"))?;
    Ok(status.code().ok_or(status.signal().unwrap_or(0)))
}

/// Runs a role as another user: its exit status.
pub(crate) fn run_as(role: &str, uid: u32) -> Result<i32> {
    let status = command(role)?
        .uid(uid)
        .status()
        .with_context(|| format!("role {role}"))?;
    status
        .code()
        .with_context(|| format!("role {role}: {status}"))
}

/// A child that has said that it is ready; killed on drop.
pub(crate) struct Player {
    child: Child,
    said: String,
}

impl Player {
    /// Starts a role and waits for its first line.
    pub(crate) fn start(role: &str) -> Result<Self> {
        let mut child = command(role)?.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().expect("piped");
        let mut said = String::new();
        BufReader::new(out).read_line(&mut said)?;
        let player = Self { child, said };
        if player.said.is_empty() {
            bail!("role {role} ended before it was ready");
        }
        Ok(player)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its first line.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // SIGKILL; when the wait returns all its files are closed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
