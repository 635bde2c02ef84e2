//! Actions with the alerts they must raise.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::action;
use crate::agent::{Agent, Stopped};
use crate::alert::Alert;
use crate::driver::Driver;
use crate::lab::Lab;

/// Longest wait for an alert after its action. What is promised is a second; this is longer because
/// a test that also measures a busy host fails without a fault (one test measures).
const ALERT_LIMIT: Duration = Duration::from_secs(5);

/// An action and its alert.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Rule that must raise an alert.
    pub rule: &'static str,
    /// Shell script, see [`action::run`].
    pub script: &'static str,
    /// Output fields of the alert. `$LAB` and `$TOKEN` stand for the laboratory's, `$PID` for the
    /// process id of the script.
    pub fields: &'static [(&'static str, &'static str)],
}

/// Runs all cases and waits for each alert; reports all that failed.
///
/// # Errors
/// When an alert is missing, with the alerts that came instead.
pub fn check_all(agent: &Agent, lab: &Lab, cases: &[Case]) -> Result<()> {
    let mut failures = String::new();
    for case in cases {
        if let Err(error) = check(agent, lab, case) {
            writeln!(failures, "{}: {error:#}", case.rule)?;
        }
    }
    ensure!(failures.is_empty(), "{failures}");
    Ok(())
}

/// Runs one case and returns its alert.
///
/// # Errors
/// When the action fails or the alert does not come.
pub fn check(agent: &Agent, lab: &Lab, case: &Case) -> Result<Alert> {
    let session = action::run(lab, case.script)?.session;
    let expand = |text: &str| {
        let text = text.replace("$LAB", &lab.path().to_string_lossy());
        text.replace("$TOKEN", &lab.token())
            .replace("$PID", &session.to_string())
    };
    let matches = |alert: &Alert| {
        let fields = case.fields.iter();
        let mut fields = fields.map(|(name, value)| alert.field(name) == Some(expand(value)));
        alert.session() == Some(session) && alert.rule() == case.rule && fields.all(|same| same)
    };
    if let Some(alert) = agent.wait_alert(ALERT_LIMIT, matches) {
        return Ok(alert);
    }
    // Without a session: what the agent could not attribute to any.
    let alerts = agent.alerts().into_iter();
    let instead: Vec<_> = alerts
        .filter(|alert| alert.session().is_none_or(|id| id == session))
        .collect();
    let expected: Vec<_> = case
        .fields
        .iter()
        .map(|(name, value)| (name, expand(value)))
        .collect();
    bail!(
        "no alert with {expected:?}; session {session} raised {}\n{}",
        outputs(&instead),
        agent.trouble()
    );
}

/// The alerts of one session.
pub fn of_session(alerts: &[Alert], session: i64) -> Vec<Alert> {
    alerts
        .iter()
        .filter(|alert| alert.session() == Some(session))
        .cloned()
        .collect()
}

/// Rules and texts of alerts, for messages.
pub fn outputs(alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return "nothing".to_owned();
    }
    let line = |alert: &Alert| format!("\n  [{}] {}", alert.rule(), alert.output());
    alerts.iter().map(line).collect()
}

/// Stops the agent and checks that it went as it should: status 0, nothing but alerts on standard
/// output, nothing left in the kernel.
///
/// # Errors
/// When it did not.
pub fn stop_cleanly(agent: Agent) -> Result<Stopped> {
    let stopped = agent.stop()?;
    ensure!(
        stopped.status == Some(0),
        "exit status {:?}: {:#?}",
        stopped.status,
        stopped.stderr
    );
    ensure!(stopped.other.is_empty(), "not alerts: {:?}", stopped.other);
    Driver::tested().wait_nothing_left()?;
    Ok(stopped)
}
