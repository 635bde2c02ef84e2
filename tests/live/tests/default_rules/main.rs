//! The default rules against real programs: what they must see, and what they must not.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;

mod credentials;
mod evasion;
mod execution;
mod network;
mod persistence;
mod privilege;
mod silent;

/// Runs an agent with the default rules over `cases`; `prepare` adds what they need.
fn run(cases: &[Case], prepare: impl FnOnce(&Lab)) {
    let agent = Agent::start(&Options::default_rules()).expect("an agent");
    let lab = Lab::new().expect("a laboratory");
    prepare(&lab);
    check_all(&agent, &lab, cases).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}
