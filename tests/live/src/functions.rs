//! Features that a driver has where the kernel lets it look at functions.

use crate::agent::Agent;

/// Set where the driver must be able to.
const EXPECTED_VARIABLE: &str = "SAKER_TEST_ACTED";

/// Whether the agent's driver has `feature` here; checks that the agent says so in its log, by the words of `said`,
/// and in its metrics when it has not.
///
/// # Panics
/// When log and metrics do not agree, or the feature is missing where it must be there.
pub fn has(agent: &Agent, feature: &str, said: &str) -> bool {
    let page = agent.get("/metrics").expect("metrics").body;
    let lacks = |value: u8| {
        page.contains(&format!(
            "saker_driver_lacks{{feature=\"{feature}\"}} {value}\n"
        ))
    };
    let said = agent.stderr().iter().any(|line| line.contains(said));
    assert!(lacks(0) != lacks(1), "no such metric: {page}");
    assert_eq!(lacks(1), said, "log and metric agree");
    let has = lacks(0);
    assert!(
        has || std::env::var_os(EXPECTED_VARIABLE).is_none(),
        "{:#?}",
        agent.stderr()
    );
    has
}
