//! `saker explain`: what a rule comes to, and why rules match an event or do not.

mod event;
mod json;
mod text;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use saker_engine::compiler::{RuleMeta, RuleSet, Selection, Switch, Target, compile};
use saker_engine::explain::Trace;
use saker_engine::loader::{Outcome, UnknownField};
use saker_engine::matcher::{Matcher, Matching};
use saker_engine::schema::Event;
use saker_engine::table::TableEvent;
use saker_fields::FieldSchema;

use crate::cli::{ExplainArgs, Format};
use crate::config::{self, Config, Request};
use crate::rules;

/// Largest file of events in bytes.
const MAX_EVENT_BYTES: u64 = 16 << 20;
/// Names that are this similar to a wrong one are offered.
const NEAR: f64 = 0.75;

/// What there is to say about an event.
#[derive(Debug)]
struct Explained<'e> {
    event: &'e TableEvent,
    /// Rules and why they match or do not; those that match come first.
    verdicts: Vec<(&'e RuleMeta, Trace)>,
    /// Rules that are not about its type; not counted when one rule was asked for.
    others: Option<usize>,
    /// The first rule to match, were all enabled.
    first: Option<String>,
}

/// Explains a rule, or events.
///
/// # Errors
/// Rules with errors, a rule that does not exist, an event that cannot be read.
pub(super) fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let (outcome, schema) = load(args)?;
    let set = compile_all(&outcome, &schema)?;
    let only = args
        .rule
        .as_ref()
        .map(|name| find(name, &set))
        .transpose()?;
    let out = match (&args.event, only) {
        (Some(path), only) => {
            let text = read(path).with_context(|| path.display().to_string())?;
            let events =
                event::parse(&text, &schema).with_context(|| path.display().to_string())?;
            let mut explained = events
                .iter()
                .map(|event| explain_event(event, only, &set, &outcome));
            match args.format {
                Format::Text => explained.map(|it| text::event(&it, &schema)).collect(),
                Format::Json => json::events(&mut explained, &schema),
            }
        }
        (None, Some(at)) => {
            let (rule, meta) = (&outcome.rules[at], &set.rules()[at]);
            let plans = set.plans(at);
            match args.format {
                Format::Text => text::rule(rule, meta, &plans, &schema),
                Format::Json => json::rule(rule, meta, &plans, &schema),
            }
        }
        (None, None) => bail!(
            "nothing to explain\n  = hint: name a rule, or an event with --event FILE, or both"
        ),
    };
    io::stdout().write_all(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The rules named on the command line, or the configured ones, and the fields they may name.
fn load(args: &ExplainArgs) -> anyhow::Result<(Outcome, FieldSchema)> {
    let mut config = Config::default();
    if args.rules.is_empty() || args.config.is_some() {
        config = config::load(&Request {
            file: args.config.clone(),
            rules_files: args.rules.clone(),
            ..Request::default()
        })?;
    }
    let paths = if args.rules.is_empty() {
        &config.rules_files
    } else {
        &args.rules
    };
    let schema = FieldSchema::with_static_fields(&config.static_fields);
    let hint = "name rules with -r PATH or set rules_files";
    let files: Vec<PathBuf> =
        rules::find_files(paths).map_err(|error| anyhow!("{error}\n  = hint: {hint}"))?;
    let outcome = rules::load(&files, UnknownField::Skip, &schema);
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
    Ok((outcome, schema))
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
fn explain_event<'e>(
    event: &'e TableEvent,
    only: Option<usize>,
    set: &'e Arc<RuleSet>,
    outcome: &Outcome,
) -> Explained<'e> {
    let about = |meta: &RuleMeta| meta.event_types.contains(event.event_type());
    let all = || outcome.rules.iter().zip(set.rules());
    let shown = all().enumerate().filter(|(at, (_, meta))| match only {
        Some(only) => *at == only,
        None => about(meta),
    });
    let mut verdicts: Vec<(&RuleMeta, Trace)> = shown
        .map(|(_, (rule, meta))| (meta, Trace::new(&rule.condition, event)))
        .collect();
    verdicts.sort_by_key(|(_, trace)| !trace.holds);
    let mut first = None;
    Matcher::new(Arc::clone(set)).matches(event, Matching::First, &mut |meta| {
        first = Some(meta.name.clone());
    });
    let others = only.is_none().then(|| set.rules().len() - verdicts.len());
    Explained {
        event,
        verdicts,
        others,
        first,
    }
}
