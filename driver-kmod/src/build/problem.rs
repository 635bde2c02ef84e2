//! What keeps the module from being built, in words.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::compiler::{Compiler, CompilerId, Vendor};
use crate::Host;
use crate::distro::{self, Family, Part};

/// What [`Missing::Incomplete`] is of.
pub(super) const HEADERS: &str = "the headers";
pub(super) const SOURCE: &str = "the module's source";

/// Something a build needs and does not find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// There are no headers of the kernel.
    Headers {
        /// Where they were looked for.
        looked: Vec<PathBuf>,
    },
    /// A file of headers or source.
    Incomplete {
        /// Of what.
        what: &'static str,
        /// Its directory.
        dir: PathBuf,
        /// The file, in them or by its full path.
        file: PathBuf,
    },
    /// A program of the headers lacks a shared library.
    Library {
        /// The program.
        tool: PathBuf,
        /// Name of the library.
        library: String,
    },
    /// A program of the headers cannot run here.
    Tool {
        /// The program.
        tool: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// No compiler that can build for the kernel.
    Compiler {
        /// What the kernel was built with, if that is known.
        wanted: Option<CompilerId>,
    },
    /// No `make`.
    Make,
    /// The module's source.
    Source {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
}

impl Missing {
    /// The part of the distribution that brings it.
    fn part(&self) -> Option<Part> {
        Some(match self {
            Self::Source { .. } => return None,
            Self::Incomplete { what, .. } if *what == SOURCE => return None,
            Self::Headers { .. } | Self::Incomplete { .. } | Self::Tool { .. } => Part::Headers,
            Self::Library { library, .. } if library.starts_with("libelf") => Part::Libelf,
            Self::Library { .. } => Part::Libcrypto,
            Self::Compiler { wanted } => match wanted {
                Some(id) if id.vendor == Vendor::Clang => Part::Clang(id.major),
                Some(id) => Part::Gcc(Some(id.major)),
                None => Part::Gcc(None),
            },
            Self::Make => Part::Make,
        })
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers { looked } => write!(
                f,
                "the headers of this kernel: no Makefile in {}",
                list(looked)
            ),
            Self::Source { looked } => {
                write!(f, "the module's source: no Kbuild in {}", list(looked))
            }
            Self::Incomplete { what, dir, file } => {
                write!(f, "{} of {what} in {}", file.display(), dir.display())
            }
            Self::Library { tool, library } => {
                write!(f, "the library {library}, which {} needs", tool.display())
            }
            Self::Tool { tool, reason } => {
                write!(f, "a {} that runs on this system: {reason}", tool.display())
            }
            Self::Compiler { wanted: Some(id) } => write!(
                f,
                "a compiler: the kernel was built with {} ({}) and no {} is in PATH",
                id, id.text, id.vendor
            ),
            Self::Compiler { wanted: None } => f.write_str("a compiler: no gcc is in PATH"),
            Self::Make => f.write_str("make: it is not in PATH"),
        }
    }
}

/// Everything a build misses, and where to get it.
#[derive(Debug)]
pub struct MissingList {
    /// The kernel to build for.
    pub release: String,
    /// What is missing; never empty.
    pub things: Vec<Missing>,
    /// Command lines that install it; empty when no distribution has it.
    pub install: String,
}

impl MissingList {
    pub(super) fn new(release: &str, things: Vec<Missing>, family: Option<Family>) -> Self {
        let parts: Vec<Part> = things.iter().filter_map(Missing::part).collect();
        Self {
            release: release.to_owned(),
            install: match parts.as_slice() {
                [] => String::new(),
                parts => distro::install(family, parts, release),
            },
            things,
        }
    }
}

impl fmt::Display for MissingList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the module cannot be built for kernel {}; missing:",
            self.release
        )?;
        for thing in &self.things {
            write!(f, "\n  * {thing}")?;
        }
        if !self.install.is_empty() {
            write!(f, "\n  = hint: {}", self.install)?;
        }
        let of_source = |thing: &Missing| thing.part().is_none();
        if self.things.iter().any(of_source) {
            f.write_str(
                "\n  = hint: install the package of Saker's module source, or name a directory with \
                 --source or SAKER_KMOD_SOURCE",
            )?;
        }
        let of_headers = |thing: &Missing| thing.part() == Some(Part::Headers);
        if self.things.iter().any(of_headers) {
            f.write_str(
                "\n  = hint: if the archive has no headers of this version any more, update the \
                 kernel and reboot; of a kernel you built yourself, name the tree with --headers, after \
                 `make modules_prepare` if it was cleaned since",
            )?;
        }
        Ok(())
    }
}

/// Why the module was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Something has to be installed first.
    #[error("{0}")]
    Missing(MissingList),
    /// The headers are of another kernel.
    #[error(
        "the headers in {} are those of kernel {found}, not of {wanted}\n  \
         = hint: name the right ones with --headers, or build for theirs with --kernel {found}",
        dir.display()
    )]
    OtherHeaders {
        /// The headers.
        dir: PathBuf,
        /// Their kernel.
        found: String,
        /// The kernel to build for.
        wanted: String,
    },
    /// The kernel loads no modules.
    #[error(
        "kernel {release} is built without modules (CONFIG_MODULES is not set)\n  \
         = hint: use the eBPF driver (driver: ebpf)"
    )]
    NoModules {
        /// The kernel.
        release: String,
    },
    /// The name of a kernel that cannot be one.
    #[error("`{0}` is no kernel release\n  = hint: give what `uname -r` prints on that machine")]
    Release(String),
    /// Nobody wants it any more: [`Request::stop`](super::Request::stop).
    #[error("the build was stopped")]
    Stopped,
    /// The module's source cannot be used.
    #[error("the module's source in {}: {reason}\n  = hint: install it again", dir.display())]
    Source {
        /// The source.
        dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The module's source belongs to another agent.
    #[error(
        "the module's source in {} is of another version than this agent: its contract is \
         {found:016x}, the agent's {:016x}\n  \
         = hint: install agent and module source of one version",
        dir.display(),
        saker_abi::SCHEMA_HASH
    )]
    OtherSource {
        /// The source.
        dir: PathBuf,
        /// Hash of its headers.
        found: u64,
    },
    /// A file or directory of the build.
    #[error("{}: {error}\n  = hint: {hint}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// A path that make cannot work with.
    #[error(
        "make cannot work in {}: blanks and colons in the name\n  = hint: {hint}",
        path.display()
    )]
    Path {
        /// The directory.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// A program did not run to its end.
    #[error("{program} {error}\n  = hint: {hint}")]
    Program {
        /// The program.
        program: PathBuf,
        /// What happened.
        error: String,
        /// What to do.
        hint: &'static str,
    },
    /// The compiler or Kbuild failed.
    #[error("{0}")]
    Compile(Box<CompileFailure>),
    /// Kbuild succeeded, yet what it made is no module of this kernel.
    #[error(
        "what was built is not the module for kernel {release}: {reason}\n  \
         = hint: the whole output of make is in {}",
        log.display()
    )]
    Result {
        /// The kernel.
        release: String,
        /// What is wrong.
        reason: String,
        /// Output of make.
        log: PathBuf,
    },
    /// Signing failed.
    #[error("the module cannot be signed: {reason}\n  = hint: {hint}")]
    Sign {
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// A failed compilation: its first errors and where the rest is.
#[derive(Debug)]
pub struct CompileFailure {
    /// The kernel.
    pub release: String,
    /// The first lines of make's output that tell errors.
    pub errors: Vec<String>,
    /// The whole output.
    pub log: PathBuf,
    /// When the compiler is not the kernel's.
    pub other_compiler: Option<OtherCompiler>,
}

impl fmt::Display for CompileFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the module does not build for kernel {}:", self.release)?;
        for line in &self.errors {
            write!(f, "\n  {line}")?;
        }
        if let Some(note) = &self.other_compiler {
            write!(f, "\n  = note: {note}\n  = hint: {}", note.install)?;
        }
        write!(
            f,
            "\n  = hint: the whole output of make is in {}",
            self.log.display()
        )
    }
}

/// A module built with another compiler than its kernel: it mostly works.
#[derive(Debug, Clone)]
pub struct OtherCompiler {
    release: String,
    wanted: CompilerId,
    taken: String,
    /// Command lines that install the kernel's compiler.
    pub install: String,
}

impl OtherCompiler {
    pub(super) fn new(host: &Host, release: &str, wanted: &CompilerId, taken: &Compiler) -> Self {
        let missing = Missing::Compiler {
            wanted: Some(wanted.clone()),
        };
        Self {
            release: release.to_owned(),
            wanted: wanted.clone(),
            taken: taken.to_string(),
            install: MissingList::new(release, vec![missing], distro::family(host)).install,
        }
    }
}

impl fmt::Display for OtherCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "kernel {} was built with {}, this module with {}",
            self.release, self.wanted, self.taken
        )
    }
}
