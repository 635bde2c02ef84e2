//! What all actions share: the actor, the containers' image, the network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use saker_tests_live::evader;
use saker_tests_live::lab::Lab;

use crate::container::{self, Image};

/// The actor under the name it has in the reference alerts.
pub const ACTOR: &str = "lab_untrusted";
/// Names of the actor in every laboratory: what rules know programs by.
pub const PROGRAMS: [&str; 33] = [
    ACTOR,
    "apache2",
    "apk",
    "consul",
    "crontab",
    "curl",
    "gunicorn",
    "hostid",
    "httpd",
    "java",
    "kubectl",
    "ldconfig",
    "mysqld",
    "nc",
    "nginx",
    "nmap",
    "passwd",
    "php-fpm",
    "pkexec",
    "python3",
    "rsync",
    "salt-call",
    "sqlplus",
    "ssh",
    "sshd",
    "stat",
    "sudo",
    "vigr",
    "wget",
    "xmrig",
    "xmrigger",
    "yarn",
    "bpftool",
];
/// Gives the loopback interface of a new network namespace addresses that rules take for foreign (192.0.2.1,
/// 169.254.169.254), for those of [`HOSTS`] and for private ones (10.1.2.3), then goes on with the arguments. No
/// packet leaves the host.
pub const NETWORK: &str = "\
ip -batch - <<END
link set lo up
address add 192.0.2.1/24 dev lo
address add 198.51.100.1/32 dev lo
address add 203.0.113.1/32 dev lo
address add 169.254.169.254/32 dev lo
address add 10.1.2.3/8 dev lo
END
exec \"$@\"
";

/// What the agent takes for the host's file of names: hosts that stock rules name, at addresses of [`NETWORK`].
pub const HOSTS: &str = "\
127.0.0.1 localhost
198.51.100.1 kubernetes.default.svc.cluster.local
203.0.113.1 de.minexmr.com
";

/// Name of the file.
const HOSTS_FILE: &str = "hosts";

/// Built once for all actions.
#[derive(Debug)]
pub struct Stage {
    lab: Lab,
    actor: PathBuf,
    evader: PathBuf,
    /// What containers begin with.
    pub image: Image,
}

impl Stage {
    /// Compiles the actor and makes the image.
    ///
    /// # Errors
    /// When a program it needs is missing or fails.
    pub fn new() -> Result<Self> {
        container::find_runtime()?;
        let lab = Lab::new()?;
        lab.write("actor.h", include_str!("../actor/actor.h"))?;
        let parts = [
            ("files.c", include_str!("../actor/files.c")),
            ("kernel.c", include_str!("../actor/kernel.c")),
            ("network.c", include_str!("../actor/network.c")),
            ("processes.c", include_str!("../actor/processes.c")),
        ];
        let mut options = vec!["-static".to_owned()];
        for (name, source) in parts {
            options.push(lab.write(name, source)?.to_string_lossy().into_owned());
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let actor = lab.compile(ACTOR, include_str!("../actor/main.c"), &options)?;
        lab.write(HOSTS_FILE, HOSTS)?;
        let evader = evader::compile(&lab)?;
        let image = Image::new(&lab.path().join("image"))?;
        Ok(Self {
            lab,
            actor,
            evader,
            image,
        })
    }

    /// A laboratory for one action, with the actor under all its names and the evader.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn laboratory(&self) -> Result<Lab> {
        let lab = Lab::new()?;
        let names = PROGRAMS.iter().map(|&name| (name, &self.actor));
        for (name, program) in names.chain([(evader::NAME, &self.evader)]) {
            // A link, not a copy: the same bytes hundreds of times.
            let path = lab.path().join(name);
            fs::hard_link(program, &path).with_context(|| path.display().to_string())?;
        }
        lab.write("network.sh", NETWORK)?;
        Ok(lab)
    }

    /// [`HOSTS`] as a file.
    pub fn hosts(&self) -> PathBuf {
        self.lab.path().join(HOSTS_FILE)
    }

    /// Where the image is.
    pub fn path(&self) -> &Path {
        self.lab.path()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        container::remove_empty_cgroups();
    }
}
