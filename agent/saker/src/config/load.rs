//! From file, arguments and environment to a [`Config`].

use std::fs;
use std::io;
use std::path::PathBuf;

use saker_engine::compiler::{AppendOutput, Switch};
use saker_engine::loader::DEFAULT_SOURCE;

use super::model::{Config, DriverChoice};
use super::overrides;
use super::problem::{Place, Problem, Problems};
use super::tree::{self, Kind, Node};

/// Read when it exists and no other file is named.
pub(super) const DEFAULT_FILE: &str = "/etc/saker/saker.yaml";
/// Largest configuration file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// `-c`: must exist.
    pub file: Option<PathBuf>,
    /// `-o`, in order.
    pub options: Vec<String>,
    /// `-r`: replaces `rules_files` unless empty.
    pub rules_files: Vec<PathBuf>,
    /// `--json`.
    pub json: bool,
    /// `--driver`.
    pub driver: Option<DriverChoice>,
    /// `-D`, `-T`, `-t`: applied after those of the configuration.
    pub switches: Vec<Switch>,
    /// `-p`: appended before what the configuration appends.
    pub print: Option<String>,
    /// `SAKER_HOSTNAME`.
    pub hostname: Option<String>,
}

/// Reads the configuration.
///
/// # Errors
/// All problems at once.
pub(crate) fn load(request: &Request) -> Result<Config, Problems> {
    let (name, text) = read_file(request).map_err(|problem| Problems {
        list: vec![problem],
        text: String::new(),
    })?;
    match build(&name, &text, request) {
        Ok(config) => Ok(config),
        Err(list) => Err(Problems { list, text }),
    }
}

/// The configuration in `text`, with everything else of the request on top.
pub(super) fn build(name: &str, text: &str, request: &Request) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut root = tree::parse(text, &Place::file(name)).unwrap_or_else(|problem| {
        problems.push(problem);
        Node {
            place: Place::file(name),
            kind: Kind::Null,
        }
    });
    for option in &request.options {
        problems.extend(overrides::apply(&mut root, option).err());
    }
    let (mut config, found, _) = Config::read(&root);
    problems.extend(found);
    if !problems.is_empty() {
        return Err(problems);
    }
    if !request.rules_files.is_empty() {
        config.rules_files.clone_from(&request.rules_files);
    }
    config.json_output |= request.json;
    config.driver = request.driver.unwrap_or(config.driver);
    config.rules.extend(request.switches.iter().cloned());
    if let Some(format) = &request.print {
        let entry = AppendOutput {
            source: Some(DEFAULT_SOURCE.to_owned()),
            extra_output: Some(format.clone()),
            ..AppendOutput::default()
        };
        config.append_output.insert(0, entry);
    }
    if request.hostname.is_some() {
        config.hostname.clone_from(&request.hostname);
    }
    Ok(config)
}

fn read_file(request: &Request) -> Result<(String, String), Problem> {
    let path = request
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let name = path.display().to_string();
    let problem = |message: String| Problem::new(Place::file(&name), message);
    let absent_is_fine = request.file.is_none();
    match fs::metadata(&path) {
        Ok(meta) if meta.len() > MAX_FILE_BYTES => {
            return Err(problem(format!(
                "the file is larger than {MAX_FILE_BYTES} bytes"
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && absent_is_fine => {
            return Ok((name, String::new()));
        }
        Ok(_) | Err(_) => {}
    }
    match fs::read(&path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(problem("the file is not UTF-8 text".to_owned())),
        },
        Err(error) => Err(problem(format!("cannot read the configuration: {error}"))
            .with_hint("name another file with -c, or none to run with the defaults")),
    }
}
