//! Rules files, loaded as the agent loads them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use saker_engine::compiler::{RuleSet, Selection, Switch, Target, compile};
use saker_engine::loader::{Loader, LoaderOptions, Outcome};
use saker_fields::FieldSchema;

/// The stock rules files, in the order in which they are meant to be loaded.
pub const STOCK_FILES: [&str; 3] = [
    "falco-rules/falco_rules.yaml",
    "falco-rules/falco-incubating_rules.yaml",
    "falco-rules/falco-sandbox_rules.yaml",
];

/// Files by name and content.
pub type Files = Vec<(String, Vec<u8>)>;

/// Our own default rules.
///
/// # Panics
/// When they cannot be read.
pub fn own() -> Files {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules"));
    let entries = std::fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

/// The stock rules files below `SAKER_COMPAT`; `None` when that is not set or names no directory.
///
/// # Panics
/// When a file is missing there.
pub fn stock() -> Option<Files> {
    let directory = PathBuf::from(std::env::var_os("SAKER_COMPAT")?);
    if !directory.is_dir() {
        return None;
    }
    Some(
        STOCK_FILES
            .iter()
            .map(|file| read(&directory.join(file)))
            .collect(),
    )
}

fn read(path: &Path) -> (String, Vec<u8>) {
    let bytes = std::fs::read(path);
    let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path.display().to_string(), bytes)
}

/// Loads files that must be free of errors.
///
/// # Panics
/// With all errors, if there is one.
pub fn load(files: &Files, schema: &FieldSchema) -> Outcome {
    let mut loader = Loader::new(LoaderOptions::default());
    for (name, bytes) in files {
        loader.add_file(name, bytes);
    }
    let outcome = loader.finish(schema);
    let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    outcome
}

/// Compiles all rules, those that are disabled by default too.
///
/// # Panics
/// Never: nothing is appended to outputs.
pub fn compile_all(outcome: &Outcome, schema: &FieldSchema) -> Arc<RuleSet> {
    let everything = Switch {
        enable: true,
        target: Target::Rule("*".to_owned()),
    };
    let selection = Selection {
        switches: vec![everything],
        ..Selection::default()
    };
    Arc::new(compile(outcome, schema, &selection).expect("nothing appended"))
}
