//! Rules files from paths, and what became of the rules in them.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use saker_abi::driver::EventSet;
use saker_abi::raw::SAKER_EV_FCNTL;
use saker_engine::compiler::{RuleMeta, RuleSet, Selection, compile};
use saker_engine::loader::{
    Loader, LoaderOptions, MAX_FILE_BYTES, Outcome, SkippedRule, UnknownField,
};
use saker_engine::schema::EventType;
use saker_fields::{FieldSchema, is_missing_field};

use crate::blind_spots::BlindSpots;
use crate::config::Config;
use crate::metrics::RuleCounts;

/// Most files of one directory.
const MAX_FILES: usize = 10_000;
/// A rule that looks at more event types than this does not really name any.
const MAX_NAMED_EVENTS: usize = 100;

/// The files of `paths`: files as they are, of directories the YAML files by name.
///
/// # Errors
/// Every path that is missing or unreadable, in one message.
pub(crate) fn find_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match entries(path) {
            Ok(found) => files.extend(found),
            Err(error) => problems.push(format!("rules path {}: {error}", path.display())),
        }
    }
    if problems.is_empty() {
        Ok(files)
    } else {
        Err(anyhow!(problems.join("\n")))
    }
}

fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let yaml = file.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if yaml && file.is_file() {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Loads and checks files.
pub(crate) fn load(
    files: &[PathBuf],
    unknown_field: UnknownField,
    schema: &FieldSchema,
) -> Outcome {
    let mut loader = Loader::new(LoaderOptions {
        unknown_field,
        ..LoaderOptions::default()
    });
    for path in files {
        let name = path.display().to_string();
        match read(path) {
            Ok(bytes) => loader.add_file(&name, &bytes),
            Err(error) => loader.add_unreadable(&name, &error.to_string()),
        }
    }
    loader.finish(schema)
}

/// Reads no more of a file than tells that it is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Rules ready to run.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Compiled.
    pub set: Arc<RuleSet>,
    /// By state.
    pub counts: RuleCounts,
    /// Left out because a field is missing.
    pub skipped: Vec<SkippedRule>,
    /// Warnings of the loader.
    pub warnings: Vec<String>,
    /// What they ask for and no driver records.
    pub blind_spots: BlindSpots,
}

/// Loads the configured rules and compiles those that are switched on.
///
/// # Errors
/// Missing files, every error of the files, no rules at all.
pub(crate) fn compile_configured(config: &Config, schema: &FieldSchema) -> anyhow::Result<Rules> {
    let hint = "name rules with -r PATH or set rules_files";
    let files = find_files(&config.rules_files).map_err(|e| anyhow!("{e}\n  = hint: {hint}"))?;
    let outcome = load(&files, UnknownField::Skip, schema);
    if outcome.has_errors() || outcome.skipped.iter().any(is_mistake) {
        let strict = load(&files, UnknownField::Error, schema);
        let errors: Vec<String> = strict.errors().map(ToString::to_string).collect();
        let count = errors.len();
        return Err(anyhow!(
            "{}\n{count} error(s) in the rules; nothing started",
            errors.join("\n")
        ));
    }
    if outcome.rules.is_empty() && outcome.skipped.is_empty() {
        let paths: Vec<String> = config
            .rules_files
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(anyhow!(
            "no rules found in {}\n  = hint: {hint}",
            paths.join(", ")
        ));
    }
    let selection = Selection {
        switches: config.rules.clone(),
        priority: config.priority,
        append_output: config.append_output.clone(),
        ..Selection::default()
    };
    let set = compile(&outcome, schema, &selection).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!(errors.join("\n"))
    })?;
    let active = set.rules().len();
    let blind_spots = BlindSpots::of(&set, schema);
    Ok(Rules {
        counts: RuleCounts {
            active,
            disabled: outcome.rules.len() - active,
            skipped: outcome.skipped.len(),
        },
        warnings: outcome.warnings().map(ToString::to_string).collect(),
        skipped: outcome.skipped,
        set: Arc::new(set),
        blind_spots,
    })
}

/// Skipping is for fields this version does not supply yet, not for names that no version has.
fn is_mistake(rule: &SkippedRule) -> bool {
    !rule.missing.iter().all(|field| is_missing_field(field))
}

/// Whether a rule says itself which events it is about.
pub(crate) fn names_events(rule: &RuleMeta) -> bool {
    !rule.untyped && rule.event_types.count() <= MAX_NAMED_EVENTS
}

/// What the driver must record for the rules. Rules that look at any event get those that are not frequent:
/// nobody means every futex and every stat by leaving out the type.
pub(crate) fn wanted_events(set: &RuleSet, schema: &FieldSchema) -> EventSet {
    let mut events = EventSet::state();
    for rule in set.rules() {
        let named = names_events(rule);
        let wanted = |event: &EventType| named || !schema.on_demand(*event);
        for event in rule.event_types.iter().filter(wanted) {
            schema.request(event, &mut events);
        }
    }
    if events.contains(SAKER_EV_FCNTL as u16) {
        events.want_every_fcntl();
    }
    events
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The rules of a text that has no mistake.
    pub(crate) fn compiled(text: &str, schema: &FieldSchema) -> RuleSet {
        let mut loader = Loader::new(LoaderOptions::default());
        loader.add_file("rules.yaml", text.as_bytes());
        let outcome = loader.finish(schema);
        assert!(!outcome.has_errors(), "{text}");
        compile(&outcome, schema, &Selection::default()).expect("compiled")
    }
}
