//! `saker doctor`.

use std::io::Write;
use std::process::ExitCode;

use saker_driver_ebpf::Check;
use serde_json::json;

use crate::cli::{DoctorArgs, Format};
use crate::config::DriverChoice;
use crate::driver::{self, Decision};

/// Prints what the host offers and which driver would be taken.
///
/// # Errors
/// When standard output is closed.
pub(super) fn doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let checks = driver::checks();
    let decision = driver::decide(DriverChoice::Auto, &checks);
    let page = match args.format {
        Format::Text => text(&checks, &decision),
        Format::Json => json_page(&checks, &decision),
    };
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(if decision.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn text(checks: &[Check], decision: &anyhow::Result<Decision>) -> String {
    let mut page = String::new();
    for check in checks {
        let mark = if check.ok { "ok" } else { "NO" };
        page.push_str(&format!("{mark:4}{:12}{}\n", check.name, check.detail));
        if let Some(action) = &check.action {
            page.push_str(&format!("{:16}-> {action}\n", ""));
        }
    }
    match decision {
        Ok(decision) => {
            page.push_str(&format!(
                "driver: {} ({})\n",
                decision.driver, decision.reason
            ));
        }
        Err(error) => page.push_str(&format!("driver: none can be taken; {error}\n")),
    }
    page
}

fn json_page(checks: &[Check], decision: &anyhow::Result<Decision>) -> String {
    let checks: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({"name": check.name, "ok": check.ok, "detail": check.detail,
                "action": check.action})
        })
        .collect();
    let (driver, reason) = match decision {
        Ok(decision) => (Some(decision.driver), decision.reason.clone()),
        Err(error) => (None, error.to_string()),
    };
    format!(
        "{}\n",
        json!({"checks": checks, "driver": driver, "reason": reason})
    )
}
