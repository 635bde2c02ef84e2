//! Everything a build works with, or everything it misses, found before it starts.

use std::path::PathBuf;

use super::Request;
use super::compiler::{self, Compiler};
use super::headers::{self, Headers};
use super::problem::{BuildError, Missing, MissingList, OtherCompiler};
use super::source::{self, Source};
use crate::{Host, distro, module};

/// What a build works with.
#[derive(Debug)]
pub(super) struct Tools {
    pub source: Source,
    pub headers: Headers,
    pub compiler: Compiler,
    pub make: PathBuf,
    /// When the compiler is not the kernel's.
    pub other_compiler: Option<OtherCompiler>,
}

impl Tools {
    /// Finds all tools, or tells everything that is missing.
    pub(super) fn find(host: &Host, request: &Request) -> Result<Self, BuildError> {
        let release = request.kernel.as_deref().unwrap_or(host.release());
        check_release(release)?;
        let other_headers = request.kernel.is_none() && request.headers.is_some();
        if release == host.release() && !other_headers && !module::possible(host) {
            return Err(BuildError::NoModules {
                release: release.to_owned(),
            });
        }
        let (headers, mut missing) = match headers::find(host, release, request.headers.as_deref())
        {
            Ok((headers, missing)) => (Some(headers), missing),
            Err(error) => (None, vec![error]),
        };
        if let Some(headers) = &headers {
            check_headers(headers, request, release)?;
        }
        let release = match &headers {
            Some(headers) => headers.release.clone(),
            None => release.to_owned(),
        };
        let wanted = match &headers {
            Some(headers) => compiler::of_kernel(host, &headers.dir, &headers.config, &release),
            None => compiler::of_running(host, &release),
        };
        let compiler = compiler::choose(host, wanted.as_ref());
        if compiler.is_none() {
            missing.push(Missing::Compiler {
                wanted: wanted.clone(),
            });
        }
        let make = host.program("make");
        if make.is_none() {
            missing.push(Missing::Make);
        }
        let source = source::find(host, request.source.as_deref())
            .map_err(|error| missing.push(error))
            .ok();
        match (source, headers, compiler, make) {
            (Some(source), Some(headers), Some(compiler), Some(make)) if missing.is_empty() => {
                Ok(Self {
                    source,
                    other_compiler: wanted
                        .filter(|wanted| wanted.major != compiler.id.major)
                        .map(|wanted| OtherCompiler::new(host, &release, &wanted, &compiler)),
                    headers,
                    compiler,
                    make,
                })
            }
            _ => Err(BuildError::Missing(MissingList::new(
                &release,
                missing,
                distro::family(host),
            ))),
        }
    }
}

/// A release becomes part of paths and of commands shown.
fn check_release(release: &str) -> Result<(), BuildError> {
    let known = |char: char| char.is_ascii_alphanumeric() || "._-+~".contains(char);
    if release.starts_with(|char: char| char.is_ascii_digit()) && release.chars().all(known) {
        return Ok(());
    }
    Err(BuildError::Release(release.to_owned()))
}

/// Headers that were named without a kernel say for which one to build.
fn check_headers(headers: &Headers, request: &Request, release: &str) -> Result<(), BuildError> {
    let kernel_is_given = request.kernel.is_some() || request.headers.is_none();
    if kernel_is_given && headers.release != release {
        return Err(BuildError::OtherHeaders {
            dir: headers.dir.clone(),
            found: headers.release.clone(),
            wanted: release.to_owned(),
        });
    }
    if !headers.config.is_set("MODULES") {
        return Err(BuildError::NoModules {
            release: headers.release.clone(),
        });
    }
    if headers.dir.to_string_lossy().contains([' ', '\t', ':']) {
        return Err(BuildError::Path {
            path: headers.dir.clone(),
            hint: "name the headers by another path",
        });
    }
    Ok(())
}
