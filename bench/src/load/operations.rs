//! One operation of each load, by rustix: nothing between the loop and the system call.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, Mode, OFlags, openat, renameat};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, getsockname, listen,
    socket_with, sockopt,
};
use tempfile::TempDir;

use crate::cli::LoadKind;

/// Exists on every system, and no rule is interested in reading it.
const OPENED_FILE: &str = "/etc/passwd";
/// The two names of a file that is renamed; no rule looks for either.
const RENAMED: [&str; 2] = ["here", "there"];
/// What is forked and executed.
const PROGRAM: &str = "/bin/true";
/// Connections that may wait to be accepted; each is accepted before the next is made.
const LISTEN_BACKLOG: i32 = 16;

/// A load that is set up.
pub(super) enum Operation {
    OpenClose,
    ForkExec,
    Connect {
        listener: OwnedFd,
        address: SocketAddrV4,
    },
    Unwanted,
    DupClose {
        file: File,
    },
    Rename {
        directory: TempDir,
    },
}

impl Operation {
    /// Sets up what all operations share.
    pub(super) fn prepare(kind: LoadKind) -> Result<Self> {
        Ok(match kind {
            LoadKind::OpenClose => Self::OpenClose,
            LoadKind::ForkExec => Self::ForkExec,
            LoadKind::Connect => prepare_listener()?,
            LoadKind::Unwanted => Self::Unwanted,
            LoadKind::DupClose => Self::DupClose {
                file: File::open("/dev/null").context("/dev/null")?,
            },
            LoadKind::Rename => prepare_directory()?,
        })
    }

    /// Does it `count` times; stops at the first failure.
    pub(super) fn repeat(&self, count: u64) -> Result<()> {
        match self {
            Self::OpenClose => {
                for _ in 0..count {
                    drop(openat(
                        CWD,
                        OPENED_FILE,
                        OFlags::RDONLY | OFlags::CLOEXEC,
                        Mode::empty(),
                    )?);
                }
            }
            Self::ForkExec => (0..count).try_for_each(|_| run_program())?,
            Self::Connect { listener, address } => {
                (0..count).try_for_each(|_| connect_once(listener, *address))?;
            }
            Self::Unwanted => {
                for _ in 0..count {
                    std::hint::black_box(rustix::process::getppid());
                }
            }
            Self::DupClose { file } => {
                for _ in 0..count {
                    drop(rustix::io::dup(file.as_fd())?);
                }
            }
            Self::Rename { directory } => rename_in(directory.path(), count)?,
        }
        Ok(())
    }
}

fn run_program() -> Result<()> {
    let status = Command::new(PROGRAM)
        .stdin(Stdio::null())
        .status()
        .context("starting /bin/true")?;
    if !status.success() {
        bail!("{PROGRAM}: {status}");
    }
    Ok(())
}

fn prepare_directory() -> Result<Operation> {
    let directory = TempDir::new().context("a directory")?;
    File::create(directory.path().join(RENAMED[0])).context("a file")?;
    Ok(Operation::Rename { directory })
}

/// There and back, so that the next call finds it where it was.
fn rename_in(directory: &Path, count: u64) -> Result<()> {
    let [mut from, mut to] = RENAMED.map(|name| directory.join(name));
    for _ in 0..count {
        renameat(CWD, &from, CWD, &to)?;
        std::mem::swap(&mut from, &mut to);
    }
    Ok(())
}

fn stream_socket() -> rustix::io::Result<OwnedFd> {
    socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
}

fn prepare_listener() -> Result<Operation> {
    let listener = stream_socket().context("socket")?;
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).context("bind")?;
    listen(&listener, LISTEN_BACKLOG).context("listen")?;
    let bound = getsockname(&listener).context("getsockname")?;
    let address = SocketAddrV4::try_from(bound).context("address of the listener")?;
    Ok(Operation::Connect { listener, address })
}

/// The loopback interface completes a connection as long as the backlog has room, so one thread can
/// be both ends. Closing with a reset leaves no port in TIME_WAIT.
fn connect_once(listener: &OwnedFd, address: SocketAddrV4) -> Result<()> {
    let client = stream_socket()?;
    sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
    connect(&client, &address)?;
    let server = accept_with(listener, SocketFlags::CLOEXEC)?;
    drop(client);
    drop(server);
    Ok(())
}
