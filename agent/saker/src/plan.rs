//! What the driver is asked for: rings, partitions, events.

use anyhow::Context as _;
use saker_abi::driver::{EventSet, LoadOptions};
use saker_capture::{default_partitions, online_cpus, possible_cpus, ring_bytes};
use saker_fields::FieldSchema;

use crate::config::{Config, PathIdentity};
use crate::given;
use crate::needs::Needs;
use crate::rules::Rules;

/// `ring_buffer_total_mib: auto` is this much for each CPU ...
const RING_AUTO_MIB_PER_CPU: u64 = 8;
/// ... and no more than this.
const RING_AUTO_MIB_MAX: u64 = 512;
const MIB: u64 = 1 << 20;

/// What the driver is asked for; follows from configuration, machine and rules.
///
/// # Errors
/// When the kernel does not say which CPUs there are.
pub(crate) fn for_rules(
    config: &Config,
    rules: &Rules,
    schema: &FieldSchema,
) -> anyhow::Result<LoadOptions> {
    let mut needs = Needs::of(&rules.set, schema);
    if config.path_identity == PathIdentity::Any {
        needs = needs.by_any_name();
    }
    let mut plan = for_events(config, needs.events)?;
    plan.names = given::names(&rules.set, schema);
    if needs.data {
        plan.snaplen_bytes = u32::try_from(config.snaplen_bytes)?;
    }
    Ok(plan)
}

/// The same for given events, whatever rules will look at of what calls were given.
///
/// # Errors
/// As [`for_rules`].
pub(crate) fn for_events(config: &Config, events: EventSet) -> anyhow::Result<LoadOptions> {
    let cpus = possible_cpus().context("cannot tell which CPUs there are")?;
    let online = online_cpus().context("cannot tell which CPUs run")?.len();
    let partitions = match config.workers {
        Some(workers) => u32::try_from(workers)?,
        None => default_partitions(online),
    };
    let auto_mib = (RING_AUTO_MIB_PER_CPU * cpus.len() as u64).min(RING_AUTO_MIB_MAX);
    let total_mib = match config.ring_buffer_total_mib {
        Some(mib) => u64::try_from(mib)?,
        None => auto_mib,
    };
    let ring_bytes = ring_bytes(total_mib * MIB, cpus.len(), partitions);
    Ok(LoadOptions {
        partitions,
        ring_bytes,
        cpus,
        events,
        snaplen_bytes: 0,
        own_tgid: std::process::id(),
        reached: config.path_identity == PathIdentity::Any,
        names: true,
    })
}
