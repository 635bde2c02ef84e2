//! Which driver to take, and why.

use anyhow::anyhow;
use saker_driver_ebpf::{Check, probe};

use crate::config::DriverChoice;

/// Checks that make the driver dearer, not impossible.
const ADVISORY: [&str; 1] = ["BPF JIT"];

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// `ebpf` or `none`.
    pub driver: &'static str,
    /// Why.
    pub reason: String,
}

/// What the host offers.
pub(crate) fn checks() -> Vec<Check> {
    probe()
}

/// Decides from what the host offers.
///
/// # Errors
/// What stands against the only driver there could be, and what to do about it.
pub(crate) fn decide(choice: DriverChoice, checks: &[Check]) -> anyhow::Result<Decision> {
    let how = match choice {
        DriverChoice::None => {
            let reason = "configured: nothing is captured".to_owned();
            return Ok(Decision {
                driver: "none",
                reason,
            });
        }
        DriverChoice::Auto => "this host offers what it needs",
        DriverChoice::Ebpf => "configured",
    };
    let obstacles: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok && !ADVISORY.contains(&check.name))
        .map(|check| {
            let action = check.action.as_deref().unwrap_or("see `saker doctor`");
            format!("  {}: {}; {action}", check.name, check.detail)
        })
        .collect();
    if !obstacles.is_empty() {
        let list = obstacles.join("\n");
        return Err(anyhow!(
            "the eBPF driver cannot be used on this host:\n{list}"
        ));
    }
    let kernel = checks.iter().find(|check| check.name == "kernel");
    let kernel = kernel
        .map(|check| format!(", kernel {}", check.detail))
        .unwrap_or_default();
    Ok(Decision {
        driver: "ebpf",
        reason: format!("{how}{kernel}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, ok: bool) -> Check {
        let action = (!ok).then(|| format!("mend {name}"));
        Check {
            name,
            ok,
            detail: "found".into(),
            action,
        }
    }

    #[test]
    fn obstacles_are_all_named_with_what_to_do() {
        let checks = [
            check("kernel", true),
            check("privilege", false),
            check("BTF", false),
        ];
        for choice in [DriverChoice::Auto, DriverChoice::Ebpf] {
            let error = decide(choice, &checks).expect_err("obstacles").to_string();
            assert!(
                error.contains("mend privilege") && error.contains("mend BTF"),
                "{error}"
            );
        }
        assert_eq!(
            decide(DriverChoice::None, &checks).expect("always").driver,
            "none"
        );
    }

    #[test]
    fn advice_is_no_obstacle() {
        let checks = [check("kernel", true), check("BPF JIT", false)];
        let decision = decide(DriverChoice::Auto, &checks).expect("usable");
        assert_eq!(decision.driver, "ebpf");
        assert!(
            decision.reason.contains("kernel found"),
            "{}",
            decision.reason
        );
    }
}
