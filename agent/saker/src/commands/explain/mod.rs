//! `saker explain`: what a rule comes to, and why rules match an event or do not.

mod event;
mod text;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use saker_engine::compiler::{RuleMeta, RuleSet, Selection, Switch, Target, compile};
use saker_engine::explain::Trace;
use saker_engine::loader::{LoadedRule, Outcome, UnknownField};
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::schema::{Event, Schema};
use saker_fields::FieldSchema;

use crate::cli::ExplainArgs;
use crate::config::{self, Request};
use crate::rules;
use event::WrittenEvent;

/// Largest file of events in bytes.
const MAX_EVENT_BYTES: u64 = 16 << 20;
/// Names that are this similar to a wrong one are offered.
const NEAR: f64 = 0.75;

/// Explains a rule, or events.
///
/// # Errors
/// Rules with errors, a rule that does not exist, an event that cannot be read.
pub(super) fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let schema = FieldSchema::new();
    let outcome = load(args, &schema)?;
    let set = compile_all(&outcome, &schema)?;
    let only = args
        .rule
        .as_ref()
        .map(|name| find(name, &set))
        .transpose()?;
    let mut out = String::new();
    match (&args.event, only) {
        (Some(path), only) => {
            let text = read(path).with_context(|| path.display().to_string())?;
            let events =
                event::parse(&text, &schema).with_context(|| path.display().to_string())?;
            for event in &events {
                out.push_str(&explain_event(event, only, &set, &outcome, &schema));
            }
        }
        (None, Some(at)) => {
            let (rule, meta) = (&outcome.rules[at], &set.rules()[at]);
            out = text::rule(rule, meta, &set.plans(at), &schema);
        }
        (None, None) => bail!(
            "nothing to explain\n  = hint: name a rule, or an event with --event FILE, or both"
        ),
    }
    io::stdout().write_all(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The rules named on the command line, or the configured ones.
fn load(args: &ExplainArgs, schema: &FieldSchema) -> anyhow::Result<Outcome> {
    let paths = if args.rules.is_empty() {
        let request = Request {
            file: args.config.clone(),
            ..Request::default()
        };
        config::load(&request)?.rules_files
    } else {
        args.rules.clone()
    };
    let hint = "name rules with -r PATH or set rules_files";
    let files: Vec<PathBuf> =
        rules::find_files(&paths).map_err(|error| anyhow!("{error}\n  = hint: {hint}"))?;
    let outcome = rules::load(&files, UnknownField::Skip, schema);
    if outcome.has_errors() {
        let errors: Vec<String> = outcome.errors().map(ToString::to_string).collect();
        bail!(
            "{}\n{} error(s) in the rules",
            errors.join("\n"),
            errors.len()
        );
    }
    if outcome.rules.is_empty() {
        bail!("no rules found\n  = hint: {hint}");
    }
    Ok(outcome)
}

/// All rules, those that are disabled too: positions are those in the outcome.
fn compile_all(outcome: &Outcome, schema: &FieldSchema) -> anyhow::Result<Arc<RuleSet>> {
    let everything = Switch {
        enable: true,
        target: Target::Rule("*".to_owned()),
    };
    let selection = Selection {
        switches: vec![everything],
        ..Selection::default()
    };
    let set = compile(outcome, schema, &selection).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!(errors.join("\n"))
    })?;
    Ok(Arc::new(set))
}

/// Position of the rule called `name`, whatever the case; a part will do if only one rule has it.
fn find(name: &str, set: &RuleSet) -> anyhow::Result<usize> {
    let wanted = name.to_lowercase();
    let names: Vec<String> = set
        .rules()
        .iter()
        .map(|rule| rule.name.to_lowercase())
        .collect();
    let exact = set.rules().iter().position(|rule| rule.name == name);
    if let Some(at) = exact.or_else(|| names.iter().position(|known| *known == wanted)) {
        return Ok(at);
    }
    let has = |(_, known): &(usize, &String)| known.contains(&wanted);
    let partly: Vec<usize> = names
        .iter()
        .enumerate()
        .filter(has)
        .map(|(at, _)| at)
        .collect();
    if let [only] = partly[..] {
        return Ok(only);
    }
    let mut near: Vec<(f64, usize)> = names
        .iter()
        .enumerate()
        .map(|(at, known)| (strsim::jaro_winkler(&wanted, known), at))
        .filter(|(score, _)| *score > NEAR)
        .collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0));
    let offered = if partly.is_empty() {
        near.into_iter().map(|(_, at)| at).take(3).collect()
    } else {
        partly
    };
    let offered: Vec<&str> = offered
        .iter()
        .map(|&at| set.rules()[at].name.as_str())
        .collect();
    let hint = match offered.as_slice() {
        [] => "saker check lists the files that were read".to_owned(),
        some => format!("did you mean {}?", some.join(", or ")),
    };
    bail!("no rule is called '{name}'\n  = hint: {hint}")
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin()
            .take(MAX_EVENT_BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        File::open(path)?
            .take(MAX_EVENT_BYTES + 1)
            .read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_EVENT_BYTES {
        return Err(io::Error::other(format!(
            "larger than {MAX_EVENT_BYTES} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("not UTF-8"))
}

/// All rules that concern the event, or the one asked for.
fn explain_event(
    event: &WrittenEvent,
    only: Option<usize>,
    set: &Arc<RuleSet>,
    outcome: &Outcome,
    schema: &FieldSchema,
) -> String {
    let name = schema.event_name(event.event_type());
    let mut out = format!("Event {name}, {} field(s)\n", event.len());
    let about = |meta: &&RuleMeta| meta.event_types.contains(event.event_type());
    let all: Vec<(&LoadedRule, &RuleMeta)> = outcome.rules.iter().zip(set.rules()).collect();
    let shown = match only {
        Some(at) => vec![all[at]],
        None => all
            .iter()
            .copied()
            .filter(|(_, meta)| about(meta))
            .collect(),
    };
    let mut verdicts: Vec<(bool, String)> = shown
        .iter()
        .map(|(rule, meta)| {
            let trace = Trace::new(&rule.condition, event);
            (!trace.holds, text::verdict(meta, &trace, event, schema))
        })
        .collect();
    verdicts.sort_by_key(|(no_match, _)| *no_match);
    verdicts
        .iter()
        .for_each(|(_, verdict)| out.push_str(verdict));
    if only.is_none() {
        let others = all.len() - shown.len();
        out.push_str(&format!("{others} more rule(s) are not about {name}\n"));
    }
    let mut first = None;
    Matcher::new(Arc::clone(set)).matches(event, Matching::First, &mut |meta| {
        first = Some(meta.name.clone());
    });
    match first {
        Some(first) => out.push_str(&format!("The first to match, were all enabled: {first}\n")),
        None => out.push_str("No rule matches\n"),
    }
    out
}
