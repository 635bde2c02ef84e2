//! `saker doctor`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use saker_abi::driver::{EventSet, Lack};
use saker_capture::DriverKind;
use saker_driver_ebpf::{Check, probe};
use serde_json::json;

use crate::cli::{DoctorArgs, Format};
use crate::config::{self, DriverChoice, Request};
use crate::driver::{Act, Chosen, HostTrials, Step, choose};
use crate::plan;

/// Prints what the host offers, tries what `run` would try, with every event of the table, and takes it
/// back. Nothing stays behind.
///
/// # Errors
/// When the configuration is wrong or standard output is closed.
pub(super) fn doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&Request {
        file: args.config.file.clone(),
        options: args.config.options.clone(),
        driver: args.driver,
        ..Request::default()
    })?;
    let checks = probe();
    let plan = plan::for_events(&config, EventSet::all())?;
    let mut trials = HostTrials::for_show(&plan, config.kmod_build_timeout())
        .context("no directory for temporary files")?;
    let mut chosen = choose(config.driver, &mut trials, |_| {});
    // Detached before a word is said: a closed pipe ends this process.
    let driver = chosen.driver.take();
    let lacks = driver.map_or_else(Vec::new, |proven| proven.driver.lacks().to_vec());
    if let Err(reason) = trials.take_back() {
        chosen.steps.push(Step {
            driver: DriverKind::Kmod,
            act: Act::Unload,
            outcome: Err(reason),
        });
    }
    drop(trials);
    let page = match args.format {
        Format::Text => text(&checks, &chosen, &lacks),
        Format::Json => json_page(&checks, &chosen, &lacks),
    };
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(if chosen.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn text(checks: &[Check], chosen: &Chosen, lacks: &[Lack]) -> String {
    let mut page = String::new();
    for check in checks {
        let mark = if check.ok { "ok" } else { "NO" };
        page.push_str(&format!("{mark:4}{:12}{}\n", check.name, check.detail));
        if let Some(action) = &check.action {
            page.push_str(&format!("{:16}-> {action}\n", ""));
        }
    }
    for step in &chosen.steps {
        let mark = if step.outcome.is_ok() { "ok" } else { "NO" };
        let told = step.to_string().replace('\n', "\n    ");
        page.push_str(&format!("{mark:4}{told}\n"));
    }
    for lack in lacks {
        page.push_str(&format!("{:4}{:12}{lack}\n", "NO", lack.feature.name()));
    }
    match chosen.kind {
        None if chosen.asked != DriverChoice::None => {
            page.push_str("driver: none can be taken, for the reasons above\n");
        }
        _ => page.push_str(&format!("driver: {}\n", chosen.summary())),
    }
    page
}

fn json_page(checks: &[Check], chosen: &Chosen, lacks: &[Lack]) -> String {
    let checks: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({"name": check.name, "ok": check.ok, "detail": check.detail,
                "action": check.action})
        })
        .collect();
    let steps: Vec<_> = chosen
        .steps
        .iter()
        .map(|step| {
            let (Ok(detail) | Err(detail)) = &step.outcome;
            json!({"driver": step.driver.name(), "step": step.act.name(),
                "ok": step.outcome.is_ok(), "detail": detail})
        })
        .collect();
    let lacks: Vec<_> = lacks
        .iter()
        .map(|lack| json!({"feature": lack.feature.name(), "detail": lack.to_string()}))
        .collect();
    let driver = (!chosen.failed()).then(|| chosen.name());
    format!(
        "{}\n",
        json!({"checks": checks, "steps": steps, "driver": driver,
            "lacks": lacks, "reason": chosen.reason.label()})
    )
}
