//! One run of qemu. The machine is emulated: a KVM that only looks usable (nested, paravirtual) ends
//! in an instruction-emulation failure, and emulation boots a kernel within seconds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

const PROGRAM: &str = "qemu-system-x86_64";

/// Kernel parameters of every guest.
const PARAMETERS: &str = "console=ttyS0,115200 panic=-1 oops=panic mitigations=off nokaslr \
    tsc=reliable no_timer_check random.trust_cpu=on rcupdate.rcu_expedited=1 \
    rcupdate.rcu_cpu_stall_timeout=120 cryptomgr.notests log_buf_len=4M quiet loglevel=5";
/// Those of a strict guest: a warning ends it, freed memory is checked.
const STRICT: &str = "panic_on_warn=1 slub_debug=FZPU page_poison=1";

/// A machine to run.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Kernel, as ELF.
    pub kernel: PathBuf,
    /// First root.
    pub initramfs: PathBuf,
    /// More kernel parameters.
    pub append: String,
    /// With [`STRICT`].
    pub strict: bool,
    /// Processors.
    pub cpus: u32,
    /// Memory, MiB.
    pub memory_mib: u32,
    /// With KVM instead of emulation.
    pub kvm: bool,
    /// Longest run.
    pub timeout: Duration,
}

/// What a machine left behind.
#[derive(Debug)]
pub struct Ran {
    /// Whether it ended by itself, within its time.
    pub ended: bool,
    /// The kernel's console (ttyS0).
    pub console: String,
    /// The output of the job (ttyS1).
    pub output: Vec<u8>,
    /// The control line (ttyS2).
    pub control: Vec<u8>,
    /// What qemu itself said.
    pub complaint: String,
    /// From start to end.
    pub duration: Duration,
}

/// Runs a machine until it ends or its time is up. `directory` takes the files of the serial lines.
///
/// # Errors
/// When qemu cannot be run.
pub fn run(machine: &Machine, directory: &Path) -> Result<Ran> {
    if !process::installed(PROGRAM) {
        bail!("{PROGRAM} is not installed: make vm-deps");
    }
    let lines = ["console", "output", "control"].map(|name| directory.join(name));
    let said = directory.join("qemu");
    let output = File::create(&said).with_context(|| said.display().to_string())?;
    let started = Instant::now();
    let mut child = command(machine, &lines)?
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("cannot run qemu")?;
    let ended = process::wait(&mut child, machine.timeout)?.is_some();
    if !ended {
        child.kill().context("cannot kill qemu")?;
        child.wait().context("cannot wait for qemu")?;
    }
    let duration = started.elapsed();
    let [console, output, control] = lines.map(|path| fs::read(path).unwrap_or_default());
    Ok(Ran {
        ended,
        console: String::from_utf8_lossy(&console).into_owned(),
        output,
        control,
        complaint: fs::read_to_string(&said).unwrap_or_default(),
        duration,
    })
}

fn command(machine: &Machine, lines: &[PathBuf; 3]) -> Result<Command> {
    // The guest ends with whoever started it, however that ends.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", PROGRAM]);
    command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    command.args([
        "-no-reboot",
        "-monitor",
        "none",
        "-nic",
        "none",
        "-machine",
        "q35",
    ]);
    if machine.kvm {
        command.args(["-accel", "kvm", "-cpu", "host"]);
    } else {
        // One thread for all CPUs: qemu 7.2 with a thread each can dead-lock while the guest patches
        // its own code (tracepoints switched on and off).
        command.args(["-accel", "tcg,thread=single,tb-size=512", "-cpu", "max"]);
    }
    command.args(["-smp", &machine.cpus.to_string()]);
    command.args(["-m", &format!("{}M", machine.memory_mib)]);
    command.arg("-kernel").arg(&machine.kernel);
    command.arg("-initrd").arg(&machine.initramfs);
    let strict = if machine.strict { STRICT } else { "" };
    let append = format!("{PARAMETERS} {strict} {}", machine.append);
    command.args(["-append", append.trim_end()]);
    for (number, line) in lines.iter().enumerate() {
        let path = line.to_str().filter(|path| !path.contains(','));
        let path =
            path.with_context(|| format!("{}: qemu wants text without commas", line.display()))?;
        command.args(["-chardev", &format!("file,id=line{number},path={path}")]);
        command.args([
            "-device",
            &format!("isa-serial,index={number},chardev=line{number}"),
        ]);
    }
    command.args(["-device", "isa-debug-exit,iobase=0x501,iosize=1"]);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            kernel: "/k".into(),
            initramfs: "/i".into(),
            append: "lsm=bpf".into(),
            strict: false,
            cpus: 2,
            memory_mib: 1024,
            kvm: false,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn emulation_is_the_default() {
        let lines = ["/c", "/o", "/x"].map(PathBuf::from);
        let text = process::describe(&command(&machine(), &lines).expect("a command"));
        assert!(
            text.contains("tcg,thread=single") && !text.contains("kvm"),
            "{text}"
        );
        assert!(text.contains("loglevel=5  lsm=bpf -chardev"), "{text}");
        let mut strict = machine();
        (strict.strict, strict.kvm) = (true, true);
        let text = process::describe(&command(&strict, &lines).expect("a command"));
        assert!(
            text.contains("-accel kvm") && text.contains("panic_on_warn=1"),
            "{text}"
        );
    }

    #[test]
    fn commas_in_paths_are_refused() {
        let lines = ["/a,b", "/o", "/x"].map(PathBuf::from);
        let error = command(&machine(), &lines)
            .expect_err("a comma")
            .to_string();
        assert!(error.contains("/a,b"), "{error}");
    }
}
