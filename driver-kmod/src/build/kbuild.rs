//! Runs Kbuild on a copy of the source.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::Tools;
use super::{Request, source};
use crate::Host;
use crate::command::{self, Finished, RunError};

/// Most compilers at a time.
const MAX_JOBS: usize = 4;
/// Lines of the output that an error shows.
const MAX_ERRORS: usize = 6;
/// Most characters of such a line.
const MAX_LINE: usize = 240;

/// Builds the module in `work`, for as long as the request allows.
pub(super) fn run(
    host: &Host,
    tools: &Tools,
    work: &Path,
    request: &Request,
) -> Result<Finished, RunError> {
    let jobs = std::thread::available_parallelism().map_or(1, |cpus| cpus.get().min(MAX_JOBS));
    let mut command = Command::new(&tools.make);
    // Variables of the caller (ARCH, KBUILD_*, MAKEFLAGS, CFLAGS) would change what is built.
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("HOME", "/")
        .env("TMPDIR", std::env::temp_dir());
    if let Ok(path) = std::env::join_paths(host.program_dirs()) {
        command.env("PATH", path);
    }
    command
        .arg(format!("-j{jobs}"))
        .arg("-C")
        .arg(&tools.headers.dir)
        .arg(format!("M={}", work.display()))
        .arg(format!("SAKER_ABI_DIR={}", source::abi(work).display()))
        .args(tools.compiler.make_arguments(&tools.headers.config))
        .arg("modules");
    command::run_until(command, request.timeout, request.stop.as_ref())
}

/// Words of lines that tell errors: of compilers and linkers, else of make.
const ERRORS: [&[&str]; 2] = [
    &["error:", "ERROR:", "undefined!", ": not found", "fatal"],
    &["*** ", "No such file"],
];

/// The first lines that tell what went wrong, without the name of the work directory; the last lines
/// when none does.
pub(super) fn errors(output: &str, work: &Path) -> Vec<String> {
    let telling = |words: &&[&str]| {
        let mut lines: Vec<&str> = output
            .lines()
            .filter(|line| words.iter().any(|word| line.contains(word)))
            .collect();
        // Each of many files has the same trouble with an option.
        lines.dedup();
        (!lines.is_empty()).then_some(lines)
    };
    let last = || {
        let lines = output.lines().rev().filter(|line| !line.trim().is_empty());
        let mut lines: Vec<&str> = lines.take(MAX_ERRORS).collect();
        lines.reverse();
        lines
    };
    let lines = ERRORS.iter().find_map(telling).unwrap_or_else(last);
    let prefix = format!("{}/", work.display());
    let shorten = |line: &str| line.replace(&prefix, "").chars().take(MAX_LINE).collect();
    lines.into_iter().take(MAX_ERRORS).map(shorten).collect()
}

/// Where Kbuild puts the module.
pub(super) fn product(work: &Path) -> PathBuf {
    work.join(format!("{}.ko", crate::MODULE_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_errors_are_shown_without_the_work_directory() {
        let output = "make: Entering directory '/usr/src/linux'\n\
            \x20 CC [M]  /tmp/w/main.o\n\
            /tmp/w/main.c:3:10: fatal error: saker_abi.h: No such file or directory\n\
            compilation terminated.\n\
            make[2]: *** [scripts/Makefile.build:250: /tmp/w/main.o] Error 1\n";
        assert_eq!(
            errors(output, Path::new("/tmp/w")),
            ["main.c:3:10: fatal error: saker_abi.h: No such file or directory"]
        );
        let make = "make: *** No rule to make target 'modules'.  Stop.\n";
        assert_eq!(errors(make, Path::new("/tmp/w")), [make.trim()]);
    }

    #[test]
    fn without_a_known_word_the_end_is_shown() {
        let many = "x\n".repeat(50) + "killed\n\n";
        let lines = errors(&many, Path::new("/tmp/w"));
        assert_eq!(lines.len(), MAX_ERRORS);
        assert_eq!(lines.last().map(String::as_str), Some("killed"));
        assert!(errors("", Path::new("/tmp/w")).is_empty());
        let long = errors(&("error: ".to_owned() + &"y".repeat(5000)), Path::new("/"));
        assert_eq!(long[0].chars().count(), MAX_LINE);
    }
}
