//! A guest: a kernel, files, a script; what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::cache::Cache;
use crate::cpio::{Archive, Node};
use crate::kernel::Kernel;
use crate::protocol::Report;
use crate::qemu::{self, Machine, Ran};
use crate::{dmesg, fetch, process, userland};

/// The guest's first program.
const INIT: &[u8] = include_bytes!("init.sh");
/// Longest run of a guest that names no other.
pub const TIMEOUT: Duration = Duration::from_secs(240);
/// Longest boot: 2 to 4 s on an idle host, with a userland some 20.
const BOOT_TIMEOUT: Duration = Duration::from_secs(180);
/// Emulated kernels hang now and then while they boot, long before anything of ours is there.
const BOOTS: u32 = 3;
/// Longest question to busybox.
const BUSYBOX_LIMIT: Duration = Duration::from_secs(20);
/// What /init writes to the kernel's log before the job.
const BEGIN: &str = "saker-vm: the job begins";
/// Where /init leaves the kernel's log.
const DMESG: &str = "/saker-vm/dmesg";
/// Lines of console and output in errors.
const ERROR_LINES: usize = 100;

/// A guest to run.
#[derive(Debug, Clone)]
pub struct Guest {
    kernel: Kernel,
    files: Vec<(PathBuf, PathBuf)>,
    script: String,
    environment: Vec<(String, String)>,
    bring: Vec<String>,
    complaints_allowed: bool,
    userland: bool,
    machine: Machine,
}

/// What came of a guest.
#[derive(Debug)]
pub struct Outcome {
    /// Which kernel.
    pub kernel: Kernel,
    /// Exit status of the script.
    pub status: i32,
    /// What the script wrote to both streams.
    pub output: String,
    /// The kernel's console.
    pub console: String,
    /// The kernel's log at the end.
    pub dmesg: String,
    /// Complaints of the kernel while the script ran.
    pub complaints: Vec<String>,
    /// Files brought back, by their path in the guest.
    pub files: BTreeMap<String, Vec<u8>>,
    /// From start to end of the machine.
    pub duration: Duration,
}

impl Guest {
    /// A guest of two processors, 1 GiB, and [`TIMEOUT`].
    pub fn new(kernel: Kernel) -> Self {
        Self {
            kernel,
            files: Vec::new(),
            script: String::new(),
            environment: Vec::new(),
            bring: Vec::new(),
            complaints_allowed: false,
            userland: false,
            machine: Machine {
                kernel: PathBuf::new(),
                initramfs: PathBuf::new(),
                append: String::new(),
                strict: false,
                cpus: 2,
                memory_mib: 1024,
                kvm: false,
                timeout: TIMEOUT,
                boot_timeout: BOOT_TIMEOUT,
            },
        }
    }

    /// With a file or a whole directory of the host.
    #[must_use]
    pub fn file(mut self, host: impl Into<PathBuf>, guest: impl Into<PathBuf>) -> Self {
        self.files.push((host.into(), guest.into()));
        self
    }

    /// With this script for /bin/sh. Its exit status is the guest's; it runs in `/` as root, its
    /// output comes back.
    #[must_use]
    pub fn script(mut self, text: impl Into<String>) -> Self {
        self.script = text.into();
        self
    }

    /// With a variable in the environment of the script; no blanks in its value.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Brings back a file that the script makes.
    #[must_use]
    pub fn bring(mut self, guest: impl Into<String>) -> Self {
        self.bring.push(guest.into());
        self
    }

    /// With a Debian userland (shells, perl, gcc, bpftool, ...) instead of busybox alone.
    #[must_use]
    pub fn userland(mut self, userland: bool) -> Self {
        self.userland = userland;
        self
    }

    /// With more kernel parameters.
    #[must_use]
    pub fn append(mut self, parameters: &str) -> Self {
        self.machine.append.push_str(parameters);
        self.machine.append.push(' ');
        self
    }

    /// A kernel warning ends the guest, and freed memory is checked (2 s more).
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.machine.strict = strict;
        self
    }

    /// With so many processors.
    #[must_use]
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.machine.cpus = cpus;
        self
    }

    /// With so much memory, in MiB.
    #[must_use]
    pub fn memory_mib(mut self, memory_mib: u32) -> Self {
        self.machine.memory_mib = memory_mib;
        self
    }

    /// With KVM: faster where it really works; many machines only look as if it did.
    #[must_use]
    pub fn kvm(mut self, kvm: bool) -> Self {
        self.machine.kvm = kvm;
        self
    }

    /// Killed after this time, longer on slow kernels ([`Kernel::slowness`]).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.machine.timeout = timeout;
        self
    }

    /// Complaints of the kernel are reported but are no error.
    #[must_use]
    pub fn allow_complaints(mut self) -> Self {
        self.complaints_allowed = true;
        self
    }

    /// Boots the kernel, fetching it first when it is not in the cache, and runs the script.
    ///
    /// # Errors
    /// When the guest cannot be made or run, does not end in time, ends without a verdict, when its
    /// kernel complained, or a file to bring is missing. A script that fails is no error here: see
    /// [`Outcome::success`].
    pub fn run(&self, cache: &Cache) -> Result<Outcome> {
        self.run_in(cache)
            .with_context(|| format!("guest with kernel {}", self.kernel))
    }

    fn run_in(&self, cache: &Cache) -> Result<Outcome> {
        let files = fetch::kernel(cache, self.kernel, false)?;
        let directory = tempfile::tempdir().context("a temporary directory")?;
        let initramfs = directory.path().join("initramfs");
        let mut writer = BufWriter::new(File::create(&initramfs)?);
        if self.userland {
            let path = userland::archive(cache)?;
            let mut from = File::open(&path).with_context(|| path.display().to_string())?;
            io::copy(&mut from, &mut writer).context("cannot write the initramfs")?;
        }
        self.archive(cache)?.write(&mut writer)?;
        writer.flush().context("cannot write the initramfs")?;
        let machine = Machine {
            kernel: files.image,
            initramfs,
            timeout: self.limit(),
            boot_timeout: self.boot_limit(),
            ..self.machine.clone()
        };
        let mut boot = 1;
        loop {
            let ran = qemu::run(&machine, directory.path())?;
            if ran.ended || ran.begun || boot == BOOTS {
                return self.judge(ran);
            }
            eprintln!(
                "guest with kernel {}: killed after {:.0} s, boot {boot} of {BOOTS} had not ended: {}",
                self.kernel,
                ran.duration.as_secs_f64(),
                process::tail(&ran.console, 1)
            );
            boot += 1;
        }
    }

    fn limit(&self) -> Duration {
        self.machine.timeout * self.kernel.slowness()
    }

    fn boot_limit(&self) -> Duration {
        self.machine.boot_timeout * self.kernel.slowness()
    }

    fn archive(&self, cache: &Cache) -> Result<Archive> {
        let mut archive = Archive::default();
        let busybox = fetch::busybox(cache)?;
        // For /init before it has mounted anything.
        archive.put("dev/console", Node::Character(0o600, 5, 1))?;
        archive.put("saker-vm/busybox", Node::File(busybox.clone()))?;
        // After those of the userland in PATH; without it these are all there is.
        let applets = if self.userland {
            "saker-vm/bin"
        } else {
            "usr/bin"
        };
        link_applets(&mut archive, &busybox, applets)?;
        if !self.userland {
            plain_root(&mut archive)?;
        }
        for (host, guest) in &self.files {
            archive.put_host(host, &merged(guest))?;
        }
        let script = Node::Bytes(0o755, self.script.clone().into_bytes());
        archive.put("saker-vm/script", script)?;
        let mut environment = String::new();
        for (name, value) in &self.environment {
            ensure!(
                !value.contains(char::is_whitespace),
                "a blank in the value of {name}: {value:?}"
            );
            writeln!(environment, "{name}={value}")?;
        }
        archive.put(
            "saker-vm/environment",
            Node::Bytes(0o644, environment.into_bytes()),
        )?;
        let bring: String = self.bring.iter().map(|path| format!("{path}\n")).collect();
        archive.put("saker-vm/bring", Node::Bytes(0o644, bring.into_bytes()))?;
        archive.put("init", Node::Bytes(0o755, INIT.to_vec()))?;
        Ok(archive)
    }

    fn judge(&self, ran: Ran) -> Result<Outcome> {
        let output = String::from_utf8_lossy(&ran.output).into_owned();
        let ends = || {
            format!(
                "qemu: {}\nend of the console:\n{}\nend of the output:\n{}",
                ran.complaint.trim(),
                process::tail(&ran.console, ERROR_LINES),
                process::tail(&output, ERROR_LINES)
            )
        };
        if !ran.ended {
            let (limit, when) = match ran.begun {
                true => (self.limit(), ""),
                false => (self.limit().min(self.boot_limit()), " while it booted"),
            };
            bail!("killed after {} s{when}\n{}", limit.as_secs(), ends());
        }
        let report = Report::parse(&ran.control).with_context(ends)?;
        let Some(status) = report.status else {
            // The report that a panic followed may be too long for the end of the console.
            let complaints = dmesg::complaints(&ran.console, BEGIN).join("\n--\n");
            bail!(
                "it ended without a verdict after {:.1} s\n{complaints}\n{}",
                ran.duration.as_secs_f64(),
                ends()
            );
        };
        let mut files = report.files;
        let log = files
            .remove(DMESG)
            .with_context(|| format!("no kernel log\n{}", ends()))?;
        let log = String::from_utf8_lossy(&log).into_owned();
        let complaints = dmesg::complaints(&log, BEGIN);
        if !complaints.is_empty() && !self.complaints_allowed {
            let all = complaints.join("\n--\n");
            bail!(
                "status {status}, but the kernel complained:\n{all}\n{}",
                ends()
            );
        }
        if !report.missing.is_empty() {
            bail!(
                "status {status}, but files to bring are missing: {:?}\n{}",
                report.missing,
                ends()
            );
        }
        Ok(Outcome {
            kernel: self.kernel,
            status,
            output,
            console: ran.console,
            dmesg: log,
            complaints,
            files,
            duration: ran.duration,
        })
    }
}

/// A guest path in a root with a merged /usr: an entry below `bin` would replace the link.
fn merged(path: &Path) -> PathBuf {
    let path = path.strip_prefix("/").unwrap_or(path);
    let old = ["bin", "sbin", "lib", "lib64"]
        .iter()
        .any(|name| path.starts_with(name));
    if old {
        Path::new("usr").join(path)
    } else {
        path.to_owned()
    }
}

fn link_applets(archive: &mut Archive, busybox: &Path, directory: &str) -> Result<()> {
    let list = process::run(Command::new(busybox).arg("--list"), BUSYBOX_LIMIT)?;
    for applet in list.lines() {
        let link = Node::Link(b"/saker-vm/busybox".to_vec());
        archive.put(format!("{directory}/{applet}"), link)?;
    }
    Ok(())
}

/// The rest of a root of busybox and nothing else.
fn plain_root(archive: &mut Archive) -> Result<()> {
    for name in ["bin", "sbin", "lib", "lib64"] {
        archive.put(format!("usr/{name}"), Node::Directory(0o755))?;
        archive.put(name, Node::Link(format!("usr/{name}").into_bytes()))?;
    }
    for name in ["var/lib", "var/log", "mnt", "home"] {
        archive.put(name, Node::Directory(0o755))?;
    }
    for (name, text) in [
        (
            "passwd",
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
        ),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ] {
        archive.put(format!("etc/{name}"), Node::Bytes(0o644, text.into()))?;
    }
    archive.put("root", Node::Directory(0o700))
}

impl Outcome {
    /// The script ended with status 0.
    ///
    /// # Errors
    /// When not, with the end of what it wrote.
    pub fn success(&self) -> Result<()> {
        if self.status != 0 {
            bail!(
                "guest with kernel {}: status {}; end of the output:\n{}",
                self.kernel,
                self.status,
                process::tail(&self.output, ERROR_LINES)
            );
        }
        Ok(())
    }

    /// A file that was brought, as text.
    ///
    /// # Errors
    /// When [`Guest::bring`] did not name it, or it is no UTF-8.
    pub fn text(&self, path: &str) -> Result<&str> {
        let bytes = self
            .files
            .get(path)
            .with_context(|| format!("{path} was not brought"))?;
        std::str::from_utf8(bytes).with_context(|| format!("{path} is no text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_paths_are_those_of_a_merged_usr() {
        for (path, wanted) in [
            ("/bin/saker", "usr/bin/saker"),
            ("sbin", "usr/sbin"),
            ("/lib64/x", "usr/lib64/x"),
            ("/library/x", "library/x"),
            ("/usr/bin/x", "usr/bin/x"),
        ] {
            assert_eq!(merged(Path::new(path)), Path::new(wanted));
        }
    }
}
