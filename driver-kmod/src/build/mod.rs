//! Finds headers and compiler of a kernel and builds the module for it.
//!
//! What is missing is told all at once, with the packages that bring it, before anything is compiled.
//! The source is copied into a private directory and built there; the finished module appears under its
//! name in one step, so that two builds at a time do no harm.

mod compiler;
mod config;
mod headers;
mod kbuild;
mod output;
mod problem;
mod sign;
mod source;
mod strip;
#[cfg(test)]
mod tests;
mod tools;

use std::io::PipeReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::command::RunError;
use crate::modinfo::ModInfo;
use crate::{BUILT_DIR, Host, MODULE_NAME};

pub use compiler::{CompilerId, Vendor};
pub use problem::{BuildError, CompileFailure, Missing, MissingList, OtherCompiler};
pub use sign::SignKey;

use output::Output;
use tools::Tools;

/// How long a build may take unless told otherwise: it takes seconds, on an emulated machine minutes.
pub const BUILD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

const WORK_HINT: &str = "make room, or name another directory for temporary files with TMPDIR";

/// What to build; everything has a default.
#[derive(Debug)]
pub struct Request {
    /// The kernel; else that of `headers`, else the running one.
    pub kernel: Option<String>,
    /// Its headers; else where distributions put them.
    pub headers: Option<PathBuf>,
    /// Source of the module; else `SAKER_KMOD_SOURCE`, `/usr/src/saker-VERSION`, or the repository.
    pub source: Option<PathBuf>,
    /// The file to make; else [`BUILT_DIR`]`/RELEASE/saker.ko`.
    pub output: Option<PathBuf>,
    /// What to sign it with.
    pub sign: Option<SignKey>,
    /// When to give up.
    pub timeout: Duration,
    /// Ends the build at once when the other end of this pipe is closed.
    pub stop: Option<PipeReader>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            kernel: None,
            headers: None,
            source: None,
            output: None,
            sign: None,
            timeout: BUILD_TIMEOUT,
            stop: None,
        }
    }
}

/// A module that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// The module.
    pub path: PathBuf,
    /// The kernel it is for.
    pub release: String,
    /// The compiler.
    pub compiler: String,
    /// Whether it is signed.
    pub signed: bool,
    /// How long it took.
    pub took: Duration,
    /// What its user should know: another compiler than the kernel's, a signature that is wanted.
    pub notes: Vec<String>,
}

/// Builds the module.
///
/// # Errors
/// Everything that is missing, or what failed; the text says what to do.
pub fn build(host: &Host, request: &Request) -> Result<Built, BuildError> {
    let started = Instant::now();
    if let Some(keys) = &request.sign {
        keys.check()?;
    }
    let tools = Tools::find(host, request)?;
    let release = tools.headers.release.clone();
    let path = match &request.output {
        Some(path) => path.clone(),
        None => built_path(host, &release),
    };
    let output = Output::prepare(path)?;
    let work = work_directory()?;
    tools.source.copy(work.path())?;

    let finished = kbuild::run(host, &tools, work.path(), request)
        .map_err(|error| run_error(&tools.make, &error))?;
    let log = output.write_log(&finished.output)?;
    let module = kbuild::product(work.path());
    if !finished.status.success() || !module.is_file() {
        return Err(BuildError::Compile(Box::new(CompileFailure {
            errors: kbuild::errors(&finished.output, work.path()),
            release,
            log,
            other_compiler: tools.other_compiler,
        })));
    }
    // A signature is over what is left.
    let debug_info = strip::strip(host, &tools.compiler, &module);
    if let Some(keys) = &request.sign {
        sign::sign(host, &tools.headers, keys, &module)?;
    }
    let info = check_result(&module, &release).map_err(|reason| BuildError::Result {
        release: release.clone(),
        reason,
        log,
    })?;
    let other_compiler = tools.other_compiler.iter().map(ToString::to_string);
    let mut notes: Vec<String> = other_compiler.collect();
    notes.extend(tools.headers.exports_note());
    notes.extend(debug_info.err());
    let config = &tools.headers.config;
    notes.extend(match &request.sign {
        Some(keys) => sign::enrol_note(host, config, &release, keys),
        None if info.signed => None,
        None => sign::unsigned_note(host, config, &release),
    });
    Ok(Built {
        path: output.finish(&module)?,
        release,
        compiler: tools.compiler.to_string(),
        signed: info.signed,
        took: started.elapsed(),
        notes,
    })
}

/// Where a module built for a kernel is kept.
pub(crate) fn built_path(host: &Host, release: &str) -> PathBuf {
    host.path(BUILT_DIR)
        .join(release)
        .join(format!("{MODULE_NAME}.ko"))
}

/// A directory that only this user can look into, removed with its content.
fn work_directory() -> Result<tempfile::TempDir, BuildError> {
    let work = tempfile::Builder::new().prefix("saker-kmod-").tempdir();
    let work = work.map_err(|error| BuildError::File {
        path: std::env::temp_dir(),
        error,
        hint: WORK_HINT,
    })?;
    if work.path().to_string_lossy().contains([' ', '\t', ':']) {
        return Err(BuildError::Path {
            path: work.path().to_owned(),
            hint: "name another directory for temporary files with TMPDIR",
        });
    }
    Ok(work)
}

fn run_error(make: &Path, error: &RunError) -> BuildError {
    let hint = match error {
        RunError::Stopped => return BuildError::Stopped,
        RunError::TimedOut(_) => {
            "give it longer (--timeout-s, kmod.build_timeout_s) if the machine is only slow"
        }
        RunError::Start(_) => "install make again",
    };
    BuildError::Program {
        program: make.to_owned(),
        error: error.to_string(),
        hint,
    }
}

/// Whether Kbuild made what it was asked for.
fn check_result(module: &Path, release: &str) -> Result<ModInfo, String> {
    let info = ModInfo::read(module).map_err(|error| error.to_string())?;
    match info.release() {
        Some(built) if built == release => Ok(info),
        built => Err(format!(
            "it is for kernel {}",
            built.unwrap_or("none at all")
        )),
    }
}
