//! What the host offers to the eBPF driver, for `saker doctor`.

use std::fs;

use rustix::process::geteuid;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it permits the eBPF driver.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do when it is not ok.
    pub action: Option<String>,
}

impl Check {
    fn new(name: &'static str, ok: bool, detail: String, action: &str) -> Self {
        Self {
            name,
            ok,
            detail,
            action: (!ok).then(|| action.to_owned()),
        }
    }
}

/// Looks at the host without loading anything. The real test is [`crate::EbpfDriver::load`].
pub fn probe() -> Vec<Check> {
    let capabilities = effective_capabilities();
    vec![
        kernel(),
        privilege(capabilities),
        processes(capabilities),
        btf(),
        lockdown(),
        jit(),
    ]
}

fn kernel() -> Check {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy().into_owned();
    let machine = uname.machine().to_string_lossy().into_owned();
    let ok = machine == "x86_64";
    Check::new(
        "kernel",
        ok,
        format!("{release} on {machine}"),
        "this build of Saker is for x86_64",
    )
}

/// A bit each, as in proc_pid_status(5).
fn effective_capabilities() -> u64 {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("CapEff:\t"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(0)
}

fn privilege(effective: u64) -> Check {
    let uid = geteuid().as_raw();
    // CAP_SYS_ADMIN 21, CAP_PERFMON 38, CAP_BPF 39 (include/uapi/linux/capability.h).
    let ok = effective >> 21 & 1 == 1 || (effective >> 38 & 3) == 3;
    Check::new(
        "privilege",
        ok,
        format!("effective uid {uid}, capabilities {effective:#x}"),
        "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE",
    )
}

/// What /proc tells of others (PTRACE_MODE_READ, proc(5)); what runs later comes from the driver.
fn processes(effective: u64) -> Check {
    // CAP_SYS_PTRACE 19.
    let ok = effective >> 19 & 1 == 1;
    let detail = if ok {
        "what runs already is read whole"
    } else {
        "the environment of what others run already cannot be read, nor the users of containers"
    };
    Check::new(
        "processes",
        ok,
        detail.to_owned(),
        "run as root, or grant CAP_SYS_PTRACE",
    )
}

fn btf() -> Check {
    match fs::metadata("/sys/kernel/btf/vmlinux") {
        Ok(meta) => Check::new(
            "BTF",
            true,
            format!("{} bytes of kernel types", meta.len()),
            "",
        ),
        Err(error) => Check::new(
            "BTF",
            false,
            format!("/sys/kernel/btf/vmlinux: {error}"),
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount sysfs on /sys",
        ),
    }
}

fn lockdown() -> Check {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let mode = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
        .unwrap_or("not known (securityfs is not mounted or lockdown is not built in)");
    Check::new(
        "lockdown",
        mode != "confidentiality",
        mode.to_owned(),
        "lockdown=confidentiality forbids reading kernel memory; boot with lockdown=integrity",
    )
}

fn jit() -> Check {
    // Without the file the kernel was built with the JIT always on or without it.
    let text = fs::read_to_string("/proc/sys/net/core/bpf_jit_enable");
    let value = text
        .as_deref()
        .map_or("always on or not built in", str::trim);
    Check::new(
        "BPF JIT",
        value != "0",
        value.to_owned(),
        "sysctl net.core.bpf_jit_enable=1: the interpreter makes every event several times dearer",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failed_check_says_what_to_do() {
        for check in probe() {
            assert!(!check.detail.is_empty(), "{}", check.name);
            assert_eq!(check.ok, check.action.is_none(), "{}", check.name);
        }
        assert!(processes(1 << 19).ok && !processes(!(1 << 19)).ok);
        let failed = Check::new("x", false, "y".into(), "do z");
        assert_eq!(failed.action.as_deref(), Some("do z"));
    }
}
