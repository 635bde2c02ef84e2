//! Containers by runc: an overlay of a busybox root, in cgroups named as Docker's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use saker_tests_live::lab::Lab;
use serde_json::{Value, json};

use crate::attack::{Container, Place};

/// The runtime. Stock rules know the start of a container by its name.
pub const RUNTIME: &str = "runc";
/// A static shell and tools.
const BUSYBOX: &str = "/bin/busybox";
/// Where runc makes cgroups of ours, below each hierarchy.
const CGROUP: &str = "docker";
/// Where hierarchies are mounted.
const HIERARCHIES: &str = "/sys/fs/cgroup";
/// The laboratory's path inside.
pub const LAB: &str = "/lab";
/// Capabilities of a container that asks for none, as Docker gives them.
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];
/// Directories of the image.
const DIRECTORIES: [&str; 24] = [
    "bin",
    "etc/apt/sources.list.d",
    "etc/cron.d",
    "home/user/.ssh",
    "host",
    "hosts",
    "lab",
    "opt",
    "proc",
    "root/.ssh",
    "rootfs",
    "run",
    "sbin",
    "srv/.hidden",
    "srv",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib",
    "usr/sbin",
    "usr/share",
    "var/lib/rpm",
    "var/log",
    "etc/ssh",
];
/// Files of the image and what is in them.
const FILES: [(&str, &str); 15] = [
    ("etc/group", "root:x:0:\nuser:x:1000:\n"),
    ("etc/ld.so.cache", ""),
    ("etc/passwd", PASSWD),
    ("etc/profile", "umask 022\n"),
    ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
    ("host/file", "text\n"),
    ("hosts/file", "text\n"),
    ("opt/victim", "text\n"),
    ("root/.ssh/authorized_keys", ""),
    ("root/.ssh/known_hosts", ""),
    ("srv/authorized_keys", ""),
    ("srv/data", "text\n"),
    ("srv/encoded", "dGV4dAo=\n"),
    ("usr/bin/victim", "text\n"),
    ("etc/apt/sources.list", ""),
];
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    _apt:x:42:42::/nonexistent:/bin/false\n\
    user:x:1000:1000::/home/user:/bin/sh\n";

/// The rules that raise an alert whenever something runs there, because it starts a container:
/// * the stock macro `sensitive_mount` holds as long as mounts are unknown (they come from the runtime's socket),
///   in Falco as well;
/// * a container whose first process is root is what the other rule, disabled by default, looks for.
pub fn raises(place: Place) -> &'static [&'static str] {
    const MOUNTS: &str = "Launch Sensitive Mount Container";
    match place {
        Place::Host | Place::HostNetwork => &[],
        Place::Container(Container { user: 0, .. }) => &[MOUNTS, "Container Run as Root User"],
        Place::Container(_) => &[MOUNTS],
    }
}

/// Fails with what to do when there is no runtime.
///
/// # Errors
/// Then.
pub fn find_runtime() -> Result<()> {
    for program in [RUNTIME, BUSYBOX] {
        let found = Command::new(program).arg("--help").output();
        ensure!(
            found.is_ok_and(|output| output.status.success()),
            "no {program}: run `packaging/install-build-deps.sh attacks`"
        );
    }
    Ok(())
}

/// A root directory that containers put an overlay on.
#[derive(Debug)]
pub struct Image {
    root: PathBuf,
}

impl Image {
    /// Makes one at `root`.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub fn new(root: &Path) -> Result<Self> {
        for name in DIRECTORIES {
            fs::create_dir_all(root.join(name))?;
        }
        for (name, text) in FILES {
            fs::write(root.join(name), text)?;
        }
        fs::copy(BUSYBOX, root.join("bin/busybox")).context(BUSYBOX)?;
        let list = Command::new(BUSYBOX).arg("--list").output()?;
        for applet in String::from_utf8_lossy(&list.stdout).lines() {
            if applet != "busybox" {
                symlink("busybox", root.join("bin").join(applet))?;
            }
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }
}

/// A container that is to be run by a script on the host.
#[derive(Debug)]
pub struct Prepared {
    /// Its 64 hexadecimal digits.
    pub id: String,
    /// The script, for [`saker_tests_live::action::run`].
    pub script: String,
}

/// Prepares a container with `script` in it; everything of it is in `lab`. The overlay is mounted in a
/// mount namespace that ends with the script, whatever happens to the test.
///
/// # Errors
/// When a file cannot be written.
pub fn prepare(image: &Image, lab: &Lab, container: Container, script: &str) -> Result<Prepared> {
    let id = id(&lab.token());
    lab.write("attack.sh", script)?;
    for name in ["bundle/rootfs", "upper", "work", "state"] {
        fs::create_dir_all(lab.path().join(name))?;
    }
    lab.write(
        "bundle/config.json",
        &config(lab, container, &id).to_string(),
    )?;
    lab.write(
        "container.sh",
        &format!(
            "mount -t overlay overlay -o lowerdir={},upperdir=$LAB/upper,workdir=$LAB/work \
             $LAB/bundle/rootfs\n\
             exec {RUNTIME} --root $LAB/state run --bundle $LAB/bundle {id}\n",
            image.root.display()
        ),
    )?;
    let enter = "unshare --mount --net sh -eu $LAB/network.sh sh -eu $LAB/container.sh";
    let script = if container.terminal {
        format!("script --quiet --return --command '{enter}' /dev/null")
    } else {
        enter.to_owned()
    };
    Ok(Prepared { id, script })
}

/// Ends a container that did not end by itself.
pub fn remove(lab: &Lab, id: &str) {
    // Fails when there is none, which is the usual case.
    let _ = Command::new(RUNTIME)
        .arg("--root")
        .arg(lab.path().join("state"))
        .args(["delete", "--force", id])
        .output();
}

/// Removes what the runtime leaves: the directory that holds the containers' cgroups, where it is empty.
pub fn remove_empty_cgroups() {
    let hierarchies = fs::read_dir(HIERARCHIES).into_iter().flatten().flatten();
    let below = hierarchies.map(|entry| entry.path().join(CGROUP));
    for path in below.chain([Path::new(HIERARCHIES).join(CGROUP)]) {
        let _ = fs::remove_dir(path);
    }
}

/// 64 hexadecimal digits from a unique token.
fn id(token: &str) -> String {
    let digits: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
    // The end of the token is what differs, and rules show the first twelve digits.
    let reversed: String = digits.chars().rev().collect();
    format!("{reversed:0<64.64}")
}

/// The runtime's configuration.
fn config(lab: &Lab, container: Container, id: &str) -> Value {
    let capabilities: Vec<&str> = CAPABILITIES
        .iter()
        .chain(container.capabilities)
        .copied()
        .collect();
    let script = format!("{LAB}/attack.sh");
    let arguments = if container.entry.is_empty() {
        vec!["sh", "-eu", &script]
    } else {
        container.entry.to_vec()
    };
    let mount = |to: &str, kind: &str, from: &str, options: &[&str]| json!({"destination": to, "type": kind, "source": from, "options": options});
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": container.terminal,
            "user": {"uid": container.user, "gid": container.user},
            "args": arguments,
            "env": [
                "PATH=/bin:/sbin:/usr/bin:/usr/sbin",
                format!("LAB={LAB}"),
                format!("TOKEN={}", lab.token()),
            ],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "permitted": capabilities,
            },
        },
        "root": {"path": "rootfs"},
        "mounts": [
            mount("/proc", "proc", "proc", &[]),
            mount("/dev", "tmpfs", "tmpfs", &["nosuid"]),
            mount("/dev/pts", "devpts", "devpts", &["newinstance", "ptmxmode=0666"]),
            mount("/dev/shm", "tmpfs", "shm", &["mode=1777"]),
            mount(LAB, "bind", &lab.path().to_string_lossy(), &["rbind", "rw"]),
        ],
        "linux": {
            "cgroupsPath": format!("/{CGROUP}/{id}"),
            // The network is that of the script which runs it.
            "namespaces": [
                {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
            ],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_in_what_is_shown() {
        let (a, b) = (id("saker-live-abcdef"), id("saker-live-abcdeg"));
        assert_eq!(a.len(), 64);
        assert!(a.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(a[..12], b[..12]);
    }
}
