//! Which compiler built a kernel, and which installed one comes nearest.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::config::Config;
use crate::Host;
use crate::command;
use crate::host::read_text;

/// How long a compiler may take to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);
/// Most directory entries looked at in one directory of programs.
const MAX_ENTRIES: usize = 20_000;
/// Most compilers asked for their version.
const MAX_CANDIDATES: usize = 16;

/// Whose compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// GNU.
    Gcc,
    /// LLVM.
    Clang,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Vendor {
    /// The name of its C compiler.
    fn name(self) -> &'static str {
        match self {
            Self::Gcc => "gcc",
            Self::Clang => "clang",
        }
    }
}

/// A compiler by vendor and major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerId {
    /// Whose.
    pub vendor: Vendor,
    /// Major version.
    pub major: u32,
    /// As it was found.
    pub text: String,
}

impl fmt::Display for CompilerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.vendor, self.major)
    }
}

/// An installed compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compiler {
    pub path: PathBuf,
    pub id: CompilerId,
}

/// The compiler of a kernel: by its headers, or by what the running kernel says of itself.
pub(super) fn of_kernel(
    host: &Host,
    headers: &Path,
    config: &Config,
    release: &str,
) -> Option<CompilerId> {
    let by_config = config.get("CC_VERSION_TEXT").and_then(parse);
    let by_headers = || {
        let text = read_text(&headers.join("include/generated/compile.h")).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("#define LINUX_COMPILER"))?;
        parse(line)
    };
    by_config
        .or_else(by_headers)
        .or_else(|| of_running(host, release))
}

/// The compiler of the running kernel, if that is the kernel meant.
pub(super) fn of_running(host: &Host, release: &str) -> Option<CompilerId> {
    if release != host.release() {
        return None;
    }
    parse(&host.read("/proc/version").ok()?)
}

/// Reads what compilers and kernels write: `gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld ...`, `gcc version
/// 4.8.5 20150623 (Red Hat 4.8.5-28) (GCC) ) #1`, `Debian clang version 14.0.6`.
fn parse(text: &str) -> Option<CompilerId> {
    let (vendor, at) = match (text.find("clang version "), text.find("gcc")) {
        (Some(clang), _) => (Vendor::Clang, clang),
        (None, Some(gcc)) => (Vendor::Gcc, gcc),
        (None, None) => return None,
    };
    let text = &text[at..];
    // What stands in parentheses is the packager's; one too many ends the kernel's own.
    let (mut plain, mut depth, mut end) = (String::new(), 0_usize, text.len());
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' if depth == 0 => {
                end = at;
                break;
            }
            ')' => depth -= 1,
            _ if depth == 0 => plain.push(char),
            _ => {}
        }
    }
    let text = text[..end].trim_end_matches(['"', '\n', ' ']);
    let major = plain.split([' ', ',', '"']).find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        rest.starts_with(|char: char| char.is_ascii_digit())
            .then(|| major.parse().ok())?
    })?;
    let text = text.split_once(", ").map_or(text, |(compiler, _)| compiler);
    Some(CompilerId {
        vendor,
        major,
        text: text.trim().to_owned(),
    })
}

/// The installed compiler nearest to the wanted one: of the same vendor and, if there is none of the
/// same major version, the nearest, newer before older. Without a wish: `gcc`.
pub(super) fn choose(host: &Host, wanted: Option<&CompilerId>) -> Option<Compiler> {
    let vendor = wanted.map_or(Vendor::Gcc, |id| id.vendor);
    let distance = |major: u32| wanted.map_or(0, |id| major.abs_diff(id.major));
    let mut candidates = candidates(host, vendor);
    // Names promise versions, so that of many only the nearest have to run.
    candidates.sort_by_key(|(promised, path)| (promised.map(distance), path.as_os_str().len()));
    let mut known: Vec<Compiler> = candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter_map(|(_, path)| identify(path, vendor))
        .collect();
    // Kbuild compares the name, too, and warns of another one.
    let name = wanted.and_then(|id| id.text.split(' ').next());
    known.sort_by_key(|compiler| {
        let major = compiler.id.major;
        let own = compiler.path.file_name().and_then(|name| name.to_str());
        (
            distance(major),
            u32::MAX - major,
            own != name,
            own == Some("cc"),
        )
    });
    known.into_iter().next()
}

/// Programs that are called like compilers of a vendor, with the version their name promises.
fn candidates(host: &Host, vendor: Vendor) -> Vec<(Option<u32>, PathBuf)> {
    let mut found: Vec<(Option<u32>, PathBuf)> = [vendor.name(), "cc"]
        .iter()
        .filter_map(|name| Some((None, host.program(name)?)))
        .collect();
    for dir in host.program_dirs() {
        let Ok(entries) = fs::read_dir(dir) else {
            continue;
        };
        for entry in entries.take(MAX_ENTRIES).flatten() {
            let name = entry.file_name();
            let major = name.to_str().and_then(|name| {
                let major = name.strip_prefix(vendor.name())?.strip_prefix('-')?;
                major.parse().ok()
            });
            let known = |path: &PathBuf| found.iter().any(|(_, other)| other == path);
            if let Some(major) = major
                && let Some(path) = host.program(&name)
                && !known(&path)
            {
                found.push((Some(major), path));
            }
        }
    }
    found
}

/// Asks a compiler who it is. `None` when it is of another vendor or does not work.
fn identify(path: PathBuf, vendor: Vendor) -> Option<Compiler> {
    let mut command = Command::new(&path);
    command
        .args(["-dumpfullversion", "-dumpversion"])
        .env("LC_ALL", "C");
    let finished = command::run(command, VERSION_TIMEOUT).ok()?;
    // clang knows only the second argument, old compilers only the second, too.
    let version = finished.output.lines().find_map(|line| {
        let line = line.trim();
        let major = line.split('.').next()?.parse().ok()?;
        Some((major, line.to_owned()))
    });
    let (major, version) = version.filter(|_| finished.status.success())?;
    // `cc` and even `gcc` may be clang under another name.
    let tool = cc::Build::new()
        .compiler(&path)
        .target("x86_64-unknown-linux-gnu")
        .host("x86_64-unknown-linux-gnu")
        .opt_level(2)
        .cargo_metadata(false)
        .cargo_output(false)
        .try_get_compiler()
        .ok()?;
    let is_vendor = match vendor {
        Vendor::Gcc => tool.is_like_gnu(),
        Vendor::Clang => tool.is_like_clang(),
    };
    is_vendor.then_some(Compiler {
        path,
        id: CompilerId {
            vendor,
            major,
            text: version,
        },
    })
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.id.text)
    }
}

impl Compiler {
    /// Arguments of make that choose this compiler and the tools that go with it.
    pub(super) fn make_arguments(&self, config: &Config) -> Vec<String> {
        let program = self.path.display();
        let mut arguments = vec![format!("CC={program}")];
        if self.id.vendor == Vendor::Clang && !config.is_set("LD_IS_BFD") {
            arguments.push("LLVM=1".to_owned());
            let name = self.path.file_name().unwrap_or_default().to_string_lossy();
            let suffix = name.strip_prefix("clang").unwrap_or_default();
            if !suffix.is_empty() {
                for (variable, tool) in [
                    ("LD", "ld.lld"),
                    ("AR", "llvm-ar"),
                    ("NM", "llvm-nm"),
                    ("OBJCOPY", "llvm-objcopy"),
                    ("OBJDUMP", "llvm-objdump"),
                    ("READELF", "llvm-readelf"),
                    ("STRIP", "llvm-strip"),
                ] {
                    arguments.push(format!("{variable}={tool}{suffix}"));
                }
            }
        }
        arguments
    }
}

#[cfg(test)]
pub(in crate::build) mod tests {
    use super::*;
    use crate::host::tests::program;

    /// A program that answers as a compiler of that version.
    pub(in crate::build) fn fake(host: &Host, name: &str, family: &str, version: &str) {
        program(
            host,
            name,
            &format!(
                "case \"$1\" in -dump*) echo {version};; -E) echo '\"{family}\"';; *) exit 1;; esac"
            ),
        );
    }

    fn machine() -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), "6.1.0");
        (root, host)
    }

    fn id(vendor: Vendor, major: u32) -> CompilerId {
        CompilerId {
            vendor,
            major,
            text: format!("{}-{major} (Distribution) {major}.1.0", vendor.name()),
        }
    }

    fn chosen(host: &Host, wanted: Option<CompilerId>) -> Option<String> {
        let compiler = choose(host, wanted.as_ref())?;
        Some(compiler.path.file_name()?.to_str()?.to_owned())
    }

    #[test]
    fn what_kernels_say_of_their_compiler_is_read() {
        for (text, vendor, major, short) in [
            (
                "gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0",
                Vendor::Gcc,
                12,
                "gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0",
            ),
            (
                "\t\t\"gcc (GCC) 8.5.0 20210514 (Red Hat 8.5.0-4), GNU ld version 2.30\"",
                Vendor::Gcc,
                8,
                "gcc (GCC) 8.5.0 20210514 (Red Hat 8.5.0-4)",
            ),
            (
                "Linux version 3.10.0-1160.el7.x86_64 (mockbuild@kbuilder) (gcc version 4.8.5 \
                 20150623 (Red Hat 4.8.5-44) (GCC) ) #1 SMP Mon Oct 19",
                Vendor::Gcc,
                4,
                "gcc version 4.8.5 20150623 (Red Hat 4.8.5-44) (GCC)",
            ),
            (
                "Linux version 6.8.0-31-generic (buildd@x) (x86_64-linux-gnu-gcc-13 (Ubuntu \
                 13.2.0-23ubuntu4) 13.2.0, GNU ld (GNU Binutils for Ubuntu) 2.42) #31-Ubuntu",
                Vendor::Gcc,
                13,
                "gcc-13 (Ubuntu 13.2.0-23ubuntu4) 13.2.0",
            ),
            (
                "Debian clang version 14.0.6",
                Vendor::Clang,
                14,
                "clang version 14.0.6",
            ),
            (
                "clang version 17.0.6 (Fedora 17.0.6-2.fc39), LLD 17.0.6",
                Vendor::Clang,
                17,
                "clang version 17.0.6 (Fedora 17.0.6-2.fc39)",
            ),
        ] {
            let parsed = parse(text).expect(text);
            assert_eq!((parsed.vendor, parsed.major), (vendor, major), "{text}");
            assert_eq!(parsed.text, short);
        }
        for text in [
            "",
            "icc 19",
            "gcc",
            "gcc (",
            "gcc )) 12.1",
            "clang version x",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_kernel_s_own_compiler_is_taken_before_the_default() {
        let (_root, host) = machine();
        fake(&host, "gcc", "gcc", "14.2.0");
        fake(&host, "gcc-12", "gcc", "12");
        fake(&host, "gcc-ar-12", "gcc", "12");
        fake(&host, "cc", "gcc", "14.2.0");
        assert_eq!(
            chosen(&host, Some(id(Vendor::Gcc, 12))).as_deref(),
            Some("gcc-12")
        );
        assert_eq!(chosen(&host, None).as_deref(), Some("gcc"));
        assert_eq!(
            chosen(&host, Some(id(Vendor::Gcc, 15))).as_deref(),
            Some("gcc")
        );
    }

    #[test]
    fn without_it_the_nearest_is_taken() {
        let (_root, host) = machine();
        for major in [9, 11, 13] {
            fake(&host, &format!("gcc-{major}"), "gcc", &major.to_string());
        }
        for (wanted, name) in [(10, "gcc-11"), (8, "gcc-9"), (15, "gcc-13"), (11, "gcc-11")] {
            assert_eq!(
                chosen(&host, Some(id(Vendor::Gcc, wanted))).as_deref(),
                Some(name)
            );
        }
    }

    #[test]
    fn clang_under_another_name_is_no_gcc() {
        let (_root, host) = machine();
        fake(&host, "cc", "clang", "14.0.6");
        assert_eq!(chosen(&host, Some(id(Vendor::Gcc, 12))), None);
        assert_eq!(
            chosen(&host, Some(id(Vendor::Clang, 14))).as_deref(),
            Some("cc")
        );
    }

    #[test]
    fn broken_compilers_are_passed_over() {
        let (_root, host) = machine();
        program(&host, "gcc-12", "echo internal error; exit 1");
        program(&host, "gcc", "echo garbage");
        assert_eq!(chosen(&host, Some(id(Vendor::Gcc, 12))), None);
        fake(&host, "gcc-10", "gcc", "10.2.1");
        assert_eq!(
            chosen(&host, Some(id(Vendor::Gcc, 12))).as_deref(),
            Some("gcc-10")
        );
    }

    #[test]
    fn a_clang_kernel_is_built_with_llvm_s_tools() {
        let compiler = |name: &str| Compiler {
            path: Path::new("/usr/bin").join(name),
            id: id(Vendor::Clang, 14),
        };
        let plain = compiler("clang").make_arguments(&Config::default());
        assert_eq!(plain, ["CC=/usr/bin/clang", "LLVM=1"]);
        let versioned = compiler("clang-14").make_arguments(&Config::default());
        assert!(
            versioned.contains(&"LD=ld.lld-14".to_owned()),
            "{versioned:?}"
        );
    }

    #[test]
    fn headers_know_the_compiler_else_the_running_kernel_does() {
        let (root, host) = machine();
        let dir = root.path();
        let of = |release| of_kernel(&host, dir, &Config::default(), release);
        assert_eq!(of("6.1.0"), None);
        fs::create_dir_all(dir.join("proc")).expect("made");
        fs::write(
            dir.join("proc/version"),
            "Linux version 6 (a@b) (gcc-11 (D) 11.1.0) #1",
        )
        .expect("written");
        assert_eq!(of("6.1.0").map(|id| id.major), Some(11));
        assert_eq!(of("5.10.0"), None, "another kernel than the one that runs");
        fs::create_dir_all(dir.join("include/generated")).expect("made");
        let compile = "#define LINUX_COMPILER\t\t\"gcc-12 (D) 12.1.0, GNU ld 2.40\"\n";
        fs::write(dir.join("include/generated/compile.h"), compile).expect("written");
        assert_eq!(of("5.10.0").map(|id| id.major), Some(12));
    }
}
