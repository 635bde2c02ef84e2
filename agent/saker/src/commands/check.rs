//! `saker check`.

mod sarif;

use std::io::Write;
use std::process::ExitCode;

use saker_engine::diagnostics::{Code, Diagnostic, Severity};
use saker_engine::loader::{Outcome, UnknownField};
use saker_fields::FieldSchema;
use serde_json::{Value as Json, json};

use crate::cli::{CheckArgs, CheckFormat};
use crate::config::{self, Request};
use crate::rules;

/// Reports every error and warning.
///
/// # Errors
/// Paths that are not there, a configuration with errors.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let files = rules::find_files(&args.paths)?;
    let schema = match &args.config {
        Some(file) => {
            let file = Some(file.clone());
            let request = Request {
                file,
                ..Request::default()
            };
            FieldSchema::with_static_fields(&config::load(&request)?.static_fields)
        }
        None => FieldSchema::new(),
    };
    let outcome = rules::load(&files, UnknownField::Error, &schema);
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let report = match args.format {
        CheckFormat::Text => text(&names, &outcome),
        CheckFormat::Json => format!("{}\n", json_report(&names, &outcome)),
        CheckFormat::Sarif => format!("{:#}\n", sarif::report(&outcome.diagnostics)),
    };
    std::io::stdout().write_all(report.as_bytes())?;
    Ok(if outcome.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn text(files: &[String], outcome: &Outcome) -> String {
    let mut report = String::new();
    for diagnostic in &outcome.diagnostics {
        report.push_str(&format!("{diagnostic}\n"));
    }
    for file in files {
        let (errors, warnings) = split(file, outcome);
        let verdict = match (errors.len(), warnings.len()) {
            (0, 0) => "ok".to_owned(),
            (0, warnings) => format!("ok, {warnings} warning(s)"),
            (errors, warnings) => format!("{errors} error(s), {warnings} warning(s)"),
        };
        report.push_str(&format!("{file}: {verdict}\n"));
    }
    let rules = outcome.rules.len();
    report.push_str(&format!("{rules} rule(s) in {} file(s)\n", files.len()));
    report
}

/// What Falco prints when it validates (rules-spec A8); lines and columns count from 1.
fn json_report(files: &[String], outcome: &Outcome) -> Json {
    let result = |file: &String| {
        let (errors, warnings) = split(file, outcome);
        let schema_warnings: Vec<String> = errors
            .iter()
            .chain(&warnings)
            .filter(|diagnostic| is_about_shape(diagnostic.code))
            .map(|d| format!("{}:{}: {}", d.line, d.column, d.message))
            .collect();
        let objects = |list: Vec<&Diagnostic>| -> Vec<Json> {
            list.into_iter().map(Diagnostic::to_json).collect()
        };
        json!({
            "name": file,
            "successful": errors.is_empty(),
            "schema_valid": schema_warnings.is_empty(),
            "schema_warnings": schema_warnings,
            "errors": objects(errors),
            "warnings": objects(warnings),
        })
    };
    json!({ "falco_load_results": files.iter().map(result).collect::<Vec<_>>() })
}

/// Whether a JSON schema of rules files would notice it too.
fn is_about_shape(code: Code) -> bool {
    matches!(
        code,
        Code::YamlParse | Code::YamlValidate | Code::UnknownItem | Code::UnknownKey
    )
}

fn split<'o>(file: &str, outcome: &'o Outcome) -> (Vec<&'o Diagnostic>, Vec<&'o Diagnostic>) {
    let of_file = outcome
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.file == file);
    of_file.partition(|diagnostic| diagnostic.severity == Severity::Error)
}
