//! Finds the headers of a kernel and checks that modules can be built with them.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::config::Config;
use super::problem::{HEADERS, Missing};
use crate::Host;
use crate::command;
use crate::host::read_text;

/// How long a program of the headers may take to say which libraries it lacks.
const TOOL_TIMEOUT: Duration = Duration::from_secs(10);

/// Programs that Kbuild runs, below the headers. Absent ones are reported, but for objtool, which not
/// every kernel has.
const TOOLS: [&str; 2] = ["scripts/basic/fixdep", "scripts/mod/modpost"];
const OBJTOOL: &str = "tools/objtool/objtool";
/// What the kernel and its modules export. Trees that are prepared but not built have none.
const SYMVERS: &str = "Module.symvers";

/// Headers that modules can be built with.
#[derive(Debug)]
pub(super) struct Headers {
    pub dir: PathBuf,
    /// The kernel they belong to.
    pub release: String,
    pub config: Config,
    /// Whether they say what the kernel exports to modules.
    pub exports_known: bool,
}

impl Headers {
    /// What to know of a module built without a list of what the kernel exports.
    pub(super) fn exports_note(&self) -> Option<String> {
        let refused = if self.config.is_set("MODVERSIONS") {
            "; with CONFIG_MODVERSIONS, which this kernel has, it refuses such a module"
        } else {
            ""
        };
        (!self.exports_known).then(|| {
            format!(
                "{} in {} says nothing of kernel {}: whether it exports what the module needs shows when it \
                 is loaded{refused} (a kernel that was built, by make, has one; `make modules_prepare` makes \
                 none)",
                SYMVERS,
                self.dir.display(),
                self.release
            )
        })
    }
}

/// Where the headers of a kernel may be.
pub(super) fn places(host: &Host, release: &str) -> Vec<PathBuf> {
    [
        format!("/lib/modules/{release}/build"),
        format!("/usr/lib/modules/{release}/build"),
        format!("/usr/src/linux-headers-{release}"),
        format!("/usr/src/kernels/{release}"),
    ]
    .map(|place| host.path(place))
    .to_vec()
}

/// Finds headers: those of `dir`, else of `release`. Whatever keeps a module from being built with
/// them is in the list.
pub(super) fn find(
    host: &Host,
    release: &str,
    dir: Option<&Path>,
) -> Result<(Headers, Vec<Missing>), Missing> {
    let looked = match dir {
        Some(dir) => vec![dir.to_owned()],
        None => places(host, release),
    };
    let Some(dir) = looked.iter().find(|dir| dir.join("Makefile").exists()) else {
        // A link without its target: the package was removed or never installed.
        return Err(Missing::Headers { looked });
    };
    let incomplete = |file: PathBuf| Missing::Incomplete {
        what: HEADERS,
        dir: dir.clone(),
        file,
    };
    if let Some(file) = dangling_include(dir) {
        return Err(incomplete(file));
    }
    let config = Config::read(dir).map_err(|_| incomplete("include/config/auto.conf".into()))?;
    let release =
        release_of(dir).ok_or_else(|| incomplete("include/generated/utsrelease.h".into()))?;

    let mut missing = Vec::new();
    let mut need = |file: &str| {
        let there = dir.join(file).exists();
        if !there {
            missing.push(incomplete(file.into()));
        }
        there
    };
    need("include/generated/autoconf.h");
    let mut tools: Vec<&str> = TOOLS.into_iter().filter(|tool| need(tool)).collect();
    let objtool = config.is_set("OBJTOOL") || config.is_set("STACK_VALIDATION");
    if objtool && need(OBJTOOL) {
        tools.push(OBJTOOL);
    }
    for tool in tools {
        missing.extend(tool_problem(&dir.join(tool)));
    }
    let headers = Headers {
        dir: dir.clone(),
        release,
        config,
        exports_known: exports_known(dir),
    };
    Ok((headers, missing))
}

/// Lines are checksum, symbol, where it is, and more, with tabs between them. As Kbuild of the module asks.
fn exports_known(dir: &Path) -> bool {
    fs::read(dir.join(SYMVERS)).is_ok_and(|text| {
        let of_kernel = |line: &[u8]| line.split(|&b| b == b'\t').nth(2) == Some(b"vmlinux");
        text.split(|&b| b == b'\n').any(of_kernel)
    })
}

/// Distributions split headers in two and include one Makefile from the other by its full path.
fn dangling_include(dir: &Path) -> Option<PathBuf> {
    let makefile = read_text(&dir.join("Makefile")).ok()?;
    let mut included = makefile.lines().filter_map(|line| {
        let path = Path::new(line.strip_prefix("include ")?.trim());
        path.is_absolute().then(|| path.to_owned())
    });
    included.find(|path| !path.exists())
}

/// The kernel that headers belong to.
fn release_of(dir: &Path) -> Option<String> {
    let text = read_text(&dir.join("include/generated/utsrelease.h")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("#define UTS_RELEASE"))?;
    Some(line.trim().trim_matches('"').to_owned())
}

/// Why a program of the headers cannot run here, if it cannot. The dynamic linker is asked, the program
/// itself does not run.
pub(super) fn tool_problem(tool: &Path) -> Option<Missing> {
    let problem = |reason: String| {
        Some(Missing::Tool {
            tool: tool.to_owned(),
            reason,
        })
    };
    match is_elf(tool) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(error) => return problem(error.to_string()),
    }
    let mut command = Command::new(tool);
    command.env("LD_TRACE_LOADED_OBJECTS", "1");
    match command::run(command, TOOL_TIMEOUT) {
        Ok(finished) => linker_problem(tool, &finished.output),
        Err(error) => problem(error.to_string()),
    }
}

fn is_elf(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    let mut file = fs::File::open(path)?;
    Ok(file.read(&mut magic)? == magic.len() && &magic == b"\x7fELF")
}

fn linker_problem(tool: &Path, output: &str) -> Option<Missing> {
    let library = output.lines().find_map(|line| {
        let (library, found) = line.split_once(" => ")?;
        found.starts_with("not found").then(|| library.trim())
    });
    if let Some(library) = library {
        return Some(Missing::Library {
            tool: tool.to_owned(),
            library: library.to_owned(),
        });
    }
    // Made on a newer system: "version `GLIBC_2.38' not found".
    let version = output.lines().find(|line| line.contains("' not found"))?;
    let reason = version.rsplit(": ").next().unwrap_or(version);
    Some(Missing::Tool {
        tool: tool.to_owned(),
        reason: reason.trim().to_owned(),
    })
}

#[cfg(test)]
pub(in crate::build) mod tests {
    use super::*;

    /// A header tree that passes, made of text and shell scripts.
    pub(in crate::build) fn tree(dir: &Path, release: &str, config: &str) {
        for (file, text) in [
            ("Makefile", "modules:\n"),
            (SYMVERS, "0x12345678\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n"),
            ("include/generated/autoconf.h", ""),
            ("include/config/auto.conf", config),
            ("scripts/basic/fixdep", "#!/bin/sh\n"),
            ("scripts/mod/modpost", "#!/bin/sh\n"),
            (
                "include/generated/utsrelease.h",
                &format!("#define UTS_RELEASE \"{release}\"\n"),
            ),
        ] {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().expect("has one")).expect("made");
            fs::write(path, text).expect("written");
        }
    }

    const REL: &str = "6.1.0-56-amd64";

    fn fake() -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().expect("a directory");
        let host = Host::fake(root.path(), REL);
        (root, host)
    }

    #[test]
    fn headers_are_found_in_each_of_their_places() {
        for place in places(&Host::fake(Path::new("/"), REL), REL) {
            let (_root, host) = fake();
            tree(&host.path(&place), REL, "CONFIG_MODULES=y\n");
            let (headers, missing) = find(&host, REL, None).expect("found");
            assert!(missing.is_empty(), "{missing:?}");
            assert_eq!(headers.release, REL);
            assert!(headers.config.is_set("MODULES"));
        }
    }

    #[test]
    fn no_headers_and_a_link_to_nowhere_name_all_places() {
        let (_root, host) = fake();
        let build = host.path(format!("/lib/modules/{REL}/build"));
        fs::create_dir_all(build.parent().expect("has one")).expect("made");
        std::os::unix::fs::symlink("/nowhere", &build).expect("linked");
        let missing = find(&host, REL, None).expect_err("nothing there");
        let Missing::Headers { looked } = missing else {
            panic!("{missing:?}");
        };
        assert_eq!(looked.len(), 4);
        assert_eq!(looked[0], build);
    }

    #[test]
    fn the_other_half_of_split_headers_is_named() {
        let (_root, host) = fake();
        let dir = host.path(format!("/usr/src/linux-headers-{REL}"));
        tree(&dir, REL, "");
        fs::write(dir.join("Makefile"), "include /nowhere/common/Makefile\n").expect("written");
        let missing = find(&host, REL, None).expect_err("incomplete");
        let Missing::Incomplete { file, .. } = missing else {
            panic!("{missing:?}");
        };
        assert_eq!(file, Path::new("/nowhere/common/Makefile"));
    }

    #[test]
    fn what_is_not_prepared_is_listed() {
        let (_root, host) = fake();
        let dir = host.path("/tree");
        tree(&dir, REL, "CONFIG_OBJTOOL=y\n");
        fs::remove_file(dir.join("scripts/mod/modpost")).expect("removed");
        let (_, missing) = find(&host, REL, Some(&dir)).expect("found");
        let files: Vec<String> = missing
            .iter()
            .map(|missing| match missing {
                Missing::Incomplete { file, .. } => file.display().to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(files, ["scripts/mod/modpost", OBJTOOL]);
    }

    #[test]
    fn a_tree_that_is_only_prepared_will_do() {
        let (_root, host) = fake();
        let dir = host.path("/tree");
        let note = |config: &str, symvers: Option<&str>| {
            tree(&dir, REL, config);
            match symvers {
                Some(text) => fs::write(dir.join(SYMVERS), text).expect("written"),
                None => fs::remove_file(dir.join(SYMVERS)).expect("removed"),
            }
            let (headers, missing) = find(&host, REL, Some(&dir)).expect("found");
            assert!(missing.is_empty(), "{missing:?}");
            headers.exports_note()
        };
        let kernel = "0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n";
        let module = "0x1\tvmlinux\tfs/ext4/ext4\tEXPORT_SYMBOL\t\n";
        assert_eq!(note("", Some(&(module.to_owned() + kernel))), None);
        for symvers in [None, Some(""), Some(module)] {
            let text = note("CONFIG_MODVERSIONS=y\n", symvers).expect("a note");
            assert!(text.contains("refuses"), "{text}");
        }
        let text = note("", None).expect("a note");
        assert!(text.contains("Module.symvers in ") && !text.contains("refuses"));
    }

    #[test]
    fn programs_of_another_machine_are_a_problem() {
        let dir = tempfile::tempdir().expect("a directory");
        let tool = dir.path().join("fixdep");
        fs::write(&tool, b"\x7fELF for another machine").expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&tool, mode).expect("set");
        assert!(matches!(tool_problem(&tool), Some(Missing::Tool { .. })));
        assert_eq!(tool_problem(Path::new("/bin/sh")), None);
    }

    #[test]
    fn missing_libraries_are_read_from_the_linker() {
        let tool = Path::new("objtool");
        let library = linker_problem(
            tool,
            "\tlinux-vdso.so.1 (0x1)\n\tlibelf.so.1 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n",
        );
        assert!(
            matches!(library, Some(Missing::Library { library, .. }) if library == "libelf.so.1")
        );
        let version = linker_problem(
            tool,
            "x/objtool: /lib/libc.so.6: version `GLIBC_2.38' not found (required by x/objtool)\n",
        );
        let Some(Missing::Tool { reason, .. }) = version else {
            panic!("{version:?}");
        };
        assert!(reason.starts_with("version `GLIBC_2.38'"), "{reason}");
        assert_eq!(
            linker_problem(tool, "\tlibc.so.6 => /lib/libc.so.6 (0x2)\n"),
            None
        );
    }
}
