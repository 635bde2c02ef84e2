//! Which distribution this is and how its packages are called.

use std::fmt;

use crate::Host;

/// Distributions by their package manager and the way they name packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    Ubuntu,
    /// RHEL, CentOS, Alma, Rocky, Oracle, Amazon, Fedora. With yum on the older ones.
    RedHat {
        yum: bool,
    },
    Suse,
}

/// Something that comes in a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Headers of the kernel, with the programs Kbuild needs.
    Headers,
    /// A GNU compiler, of that major version if it matters.
    Gcc(Option<u32>),
    /// A clang of that major version with its linker and tools.
    Clang(u32),
    Make,
    /// The shared library that objtool reads object files with.
    Libelf,
    /// The shared library that sign-file signs with.
    Libcrypto,
    /// The program that enrols keys.
    Mokutil,
}

/// All families, for machines that are none of them.
const ALL: [Family; 3] = [Family::Debian, Family::RedHat { yum: false }, Family::Suse];

/// The distribution of a machine by `/etc/os-release`; `None` when it is none that is known.
pub(crate) fn family(host: &Host) -> Option<Family> {
    let text = host
        .read("/etc/os-release")
        .or_else(|_| host.read("/usr/lib/os-release"));
    let family = of_os_release(&text.ok()?)?;
    Some(match family {
        Family::RedHat { .. } => Family::RedHat {
            yum: host.program("dnf").is_none() && host.program("yum").is_some(),
        },
        other => other,
    })
}

/// The first known name of `ID` and `ID_LIKE`.
fn of_os_release(text: &str) -> Option<Family> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim_matches(['"', '\''])
    };
    let names = value("ID=").split(' ').chain(value("ID_LIKE=").split(' '));
    names.into_iter().find_map(|name| match name {
        "debian" => Some(Family::Debian),
        "ubuntu" => Some(Family::Ubuntu),
        "rhel" | "centos" | "almalinux" | "rocky" | "ol" | "amzn" | "fedora" => {
            Some(Family::RedHat { yum: false })
        }
        "suse" | "opensuse" | "sles" | "opensuse-leap" | "opensuse-tumbleweed" => {
            Some(Family::Suse)
        }
        _ => None,
    })
}

/// The commands that bring `parts` for kernel `release`: one line for a known distribution, else one
/// for each family.
pub(crate) fn install(family: Option<Family>, parts: &[Part], release: &str) -> String {
    match family {
        Some(family) => family.install(parts, release),
        None => {
            let line = |family: &Family| format!("{family}: {}", family.install(parts, release));
            ALL.iter()
                .map(line)
                .collect::<Vec<_>>()
                .join("\n          ")
        }
    }
}

impl Family {
    fn install(self, parts: &[Part], release: &str) -> String {
        let command = match self {
            Self::Debian | Self::Ubuntu => "apt-get install",
            Self::RedHat { yum: false } => "dnf install",
            Self::RedHat { yum: true } => "yum install",
            Self::Suse => "zypper install",
        };
        let mut packages: Vec<String> = Vec::new();
        for name in parts.iter().flat_map(|part| self.packages(part, release)) {
            if !packages.contains(&name) {
                packages.push(name);
            }
        }
        format!("{command} {}", packages.join(" "))
    }

    /// The packages of one part.
    fn packages(self, part: &Part, release: &str) -> Vec<String> {
        let debian = matches!(self, Self::Debian | Self::Ubuntu);
        match part {
            Part::Headers => match self {
                Self::Debian | Self::Ubuntu => vec![format!("linux-headers-{release}")],
                Self::RedHat { .. } => vec![red_hat_headers(release)],
                Self::Suse => vec![suse_headers(release)],
            },
            Part::Gcc(Some(major)) if debian => vec![format!("gcc-{major}")],
            Part::Gcc(_) => vec!["gcc".to_owned()],
            Part::Clang(major) if debian => ["clang", "lld", "llvm"]
                .map(|name| format!("{name}-{major}"))
                .to_vec(),
            Part::Clang(_) => ["clang", "lld", "llvm"].map(str::to_owned).to_vec(),
            Part::Make => vec!["make".to_owned()],
            Part::Libelf => vec![
                match self {
                    Self::RedHat { .. } => "elfutils-libelf",
                    // Called libelf1t64 on some, which libelf-dev depends on everywhere.
                    Self::Debian | Self::Ubuntu => "libelf-dev",
                    Self::Suse => "libelf1",
                }
                .to_owned(),
            ],
            Part::Libcrypto => vec![
                match self {
                    Self::RedHat { .. } => "openssl-libs",
                    Self::Debian | Self::Ubuntu => "libssl-dev",
                    Self::Suse => "libopenssl-devel",
                }
                .to_owned(),
            ],
            Part::Mokutil => vec!["mokutil".to_owned()],
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debian | Self::Ubuntu => "Debian, Ubuntu",
            Self::RedHat { .. } => "RHEL, CentOS, Alma, Rocky",
            Self::Suse => "SUSE",
        })
    }
}

/// `kernel-devel-RELEASE`, or that of the kernel's variant: `5.15.0-200.el9uek.x86_64`,
/// `5.14.0-427.el9.x86_64+rt`, `3.10.0-1160.rt56.el7.x86_64`.
fn red_hat_headers(release: &str) -> String {
    let (plain, variant) = match release.split_once('+') {
        Some((plain, "debug")) => (plain, "-debug"),
        Some((plain, "rt")) => (plain, "-rt"),
        Some((plain, "64k")) => (plain, "-64k"),
        _ if release.contains("uek") => (release, "-uek"),
        _ if release.contains(".rt") => (release, "-rt"),
        _ => (release, ""),
    };
    format!("kernel{variant}-devel-{plain}")
}

/// `kernel-FLAVOUR-devel`. Packages of SUSE carry a rebuild number that the kernel does not know,
/// so the version is a lower bound.
fn suse_headers(release: &str) -> String {
    match release.rsplit_once('-') {
        Some((version, flavour)) => format!("'kernel-{flavour}-devel>={version}'"),
        None => "kernel-default-devel".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 3] = [Part::Headers, Part::Gcc(Some(12)), Part::Make];

    #[test]
    fn distributions_are_known_by_id_or_likeness() {
        for (text, family) in [
            ("ID=debian\nVERSION_ID=\"12\"\n", Some(Family::Debian)),
            ("NAME=x\nID=ubuntu\nID_LIKE=debian\n", Some(Family::Ubuntu)),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Some(Family::Ubuntu),
            ),
            (
                "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\n",
                Some(Family::RedHat { yum: false }),
            ),
            ("ID='sles'\n", Some(Family::Suse)),
            (
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                Some(Family::Suse),
            ),
            ("ID=arch\n", None),
            ("", None),
            ("\0\u{fffd}ID\n=\n", None),
        ] {
            assert_eq!(of_os_release(text), family, "{text:?}");
        }
    }

    #[test]
    fn each_family_names_its_packages() {
        let line = |family, release| install(Some(family), &PARTS, release);
        assert_eq!(
            line(Family::Debian, "6.1.0-56-amd64"),
            "apt-get install linux-headers-6.1.0-56-amd64 gcc-12 make"
        );
        assert_eq!(
            line(Family::RedHat { yum: true }, "3.10.0-1160.el7.x86_64"),
            "yum install kernel-devel-3.10.0-1160.el7.x86_64 gcc make"
        );
        assert_eq!(
            line(Family::Suse, "5.14.21-150500.55.19-default"),
            "zypper install 'kernel-default-devel>=5.14.21-150500.55.19' gcc make"
        );
    }

    #[test]
    fn variants_of_red_hat_kernels_have_headers_of_their_own() {
        for (release, package) in [
            (
                "4.18.0-553.el8_10.x86_64",
                "kernel-devel-4.18.0-553.el8_10.x86_64",
            ),
            (
                "5.15.0-200.131.27.el9uek.x86_64",
                "kernel-uek-devel-5.15.0-200.131.27.el9uek.x86_64",
            ),
            (
                "5.14.0-427.el9.x86_64+rt",
                "kernel-rt-devel-5.14.0-427.el9.x86_64",
            ),
            (
                "5.14.0-427.el9.x86_64+debug",
                "kernel-debug-devel-5.14.0-427.el9.x86_64",
            ),
            (
                "3.10.0-1160.rt56.1131.el7.x86_64",
                "kernel-rt-devel-3.10.0-1160.rt56.1131.el7.x86_64",
            ),
        ] {
            assert_eq!(red_hat_headers(release), package);
        }
    }

    #[test]
    fn an_unknown_distribution_gets_every_line() {
        let text = install(None, &PARTS, "6.6.1");
        for command in [
            "apt-get install linux",
            "dnf install kernel",
            "zypper install",
        ] {
            assert!(text.contains(command), "{text}");
        }
    }

    #[test]
    fn old_red_hat_uses_yum() {
        let root = tempfile::tempdir().expect("a directory");
        let etc = root.path().join("etc");
        std::fs::create_dir(&etc).expect("made");
        std::fs::write(etc.join("os-release"), "ID=\"rhel\"\n").expect("written");
        let host = Host::fake(root.path(), "3.10.0");
        assert_eq!(family(&host), Some(Family::RedHat { yum: false }));
        crate::host::tests::program(&host, "yum", "exit 0");
        assert_eq!(family(&host), Some(Family::RedHat { yum: true }));
    }
}
