//! One run of qemu. The machine is emulated: a KVM that only looks usable (nested, paravirtual) ends
//! in an instruction-emulation failure, and emulation boots a kernel within seconds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{process, protocol};

const PROGRAM: &str = "qemu-system-x86_64";

/// Kernel parameters of every guest.
const PARAMETERS: &str = "console=ttyS0,115200 panic=-1 oops=panic mitigations=off nokaslr \
    no_timer_check random.trust_cpu=on rcupdate.rcu_expedited=1 \
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
    /// Longest time until the job begins.
    pub boot_timeout: Duration,
}

/// What a machine left behind.
#[derive(Debug)]
pub struct Ran {
    /// Whether it ended by itself, within its time.
    pub ended: bool,
    /// Whether it said that its job begins.
    pub begun: bool,
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
    let boot_timeout = machine.boot_timeout.min(machine.timeout);
    let mut ended = process::wait(&mut child, boot_timeout)?.is_some();
    if !ended && protocol::has_begun(&fs::read(&lines[2])?) {
        let left = machine.timeout.saturating_sub(started.elapsed());
        ended = process::wait(&mut child, left)?.is_some();
    }
    if !ended {
        child.kill().context("cannot kill qemu")?;
        child.wait().context("cannot wait for qemu")?;
    }
    let duration = started.elapsed();
    let [console, output, control] = lines.map(|path| fs::read(path).unwrap_or_default());
    Ok(Ran {
        ended,
        begun: protocol::has_begun(&control),
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
    let clock = match machine.kvm {
        true => "tsc=reliable".to_owned(),
        false => clock(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
    };
    let append = format!("{PARAMETERS} {clock} {strict} {}", machine.append);
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

/// The clock of an emulated guest, for a host with this /proc/cpuinfo. An emulated time-stamp counter
/// is the host's, but a guest of a busy host measures its rate wrong by factors. Where the host is
/// itself a guest, the frequency it shows is that rate. Elsewhere it may be the momentary one: then
/// the HPET, which is always right and 15 times as slow to read.
fn clock(cpuinfo: &str) -> String {
    let field = |wanted: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        lines.find_map(|(name, value)| (name.trim() == wanted).then_some(value.trim()))
    };
    let flags = field("flags").unwrap_or_default();
    let has = |flag: &str| flags.split(' ').any(|word| word == flag);
    let khz = field("cpu MHz").and_then(|mhz| mhz.replace('.', "").parse::<u64>().ok());
    match khz {
        Some(khz) if has("hypervisor") && has("constant_tsc") => {
            format!("tsc=reliable tsc_early_khz={khz}")
        }
        _ => "tsc=reliable clocksource=hpet".to_owned(),
    }
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
            boot_timeout: Duration::from_secs(1),
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
        assert!(text.contains("  lsm=bpf -chardev"), "{text}");
        let mut strict = machine();
        (strict.strict, strict.kvm) = (true, true);
        let text = process::describe(&command(&strict, &lines).expect("a command"));
        assert!(
            text.contains("-accel kvm") && text.contains("panic_on_warn=1"),
            "{text}"
        );
    }

    #[test]
    fn clocks_that_can_be_trusted() {
        let cpu =
            "processor\t: 0\ncpu MHz\t\t: 2596.120\nflags\t\t: fpu tsc constant_tsc hypervisor\n";
        assert_eq!(clock(cpu), "tsc=reliable tsc_early_khz=2596120");
        for other in [
            cpu.replace(" hypervisor", ""),
            cpu.replace("2596", "x"),
            String::new(),
        ] {
            assert_eq!(clock(&other), "tsc=reliable clocksource=hpet");
        }
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
