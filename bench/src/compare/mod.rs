//! The loads with the agent off and on, in turn, in one run.

mod plan;
mod row;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use self::plan::Plan;
use self::row::{Samples, With};
use crate::agent::{Agent, AgentSetup};
use crate::cli::{CompareOptions, LoadKind};
use crate::report::{FlatOut, Idle, Report};
use crate::stats::median;
use crate::{latency, load, procfs};

/// Threads of the flat-out load: one more than a worker can serve on the smallest machine.
const FLAT_OUT_THREADS: u16 = 2;

/// `saker-bench compare`.
///
/// # Errors
/// When a load or the agent fails: half a comparison is none.
pub(crate) fn command(options: &CompareOptions) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("compare starts the agent, which needs root: run it with sudo");
    }
    let plan = Plan::new(options);
    let setup = AgentSetup {
        program: options.saker.clone(),
        rules: options.rules.clone(),
        settings: options.agent_settings.clone(),
    };
    let report = measure(&plan, &setup)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

fn measure(plan: &Plan, setup: &AgentSetup) -> Result<Report> {
    let mut samples: Vec<Samples> = plan.kinds.iter().map(|&kind| Samples::new(kind)).collect();
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        for sample in &mut samples {
            sample
                .off
                .push(load::run_apart(sample.kind, 1, plan.count(sample.kind))?);
        }
        let agent = Agent::start(setup)?;
        for sample in &mut samples {
            sample
                .on
                .push(measure_with(&agent, sample.kind, plan.count(sample.kind))?);
        }
        agent.stop()?;
    }
    eprintln!("two flat-out loads, idle, latency");
    let (flat_out, idle) = measure_flat_out_and_idle(plan, setup)?;
    let first_alert_ms = (0..plan.starts)
        .map(|_| latency::exec_to_first_alert_ms(setup))
        .collect::<Result<Vec<_>>>()?;
    Ok(Report {
        kernel: kernel(),
        cpus: std::thread::available_parallelism()
            .context("number of CPUs")?
            .get(),
        rounds: plan.rounds,
        quick: plan.quick,
        loads: samples
            .iter()
            .map(Samples::row)
            .collect::<Option<_>>()
            .context("no round")?,
        flat_out,
        idle,
        exec_to_first_alert_ms: median(&first_alert_ms).context("no start")?,
        open_to_alert: latency::open_to_alert(setup, plan.latency_samples)?,
    })
}

/// One run of a load under the agent. The agent's counters are read when it has caught up, so that
/// the CPU time of this load's last events is in.
fn measure_with(agent: &Agent, kind: LoadKind, count: u64) -> Result<With> {
    let before = agent.wait_until_quiet()?;
    let result = load::run_apart(kind, 1, count)?;
    let after = agent.wait_until_quiet()?;
    Ok(With {
        result,
        events: after.events - before.events,
        drops: after.drops - before.drops,
        agent_cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
        resident: procfs::Resident::of(agent.pid())?,
    })
}

fn measure_flat_out_and_idle(plan: &Plan, setup: &AgentSetup) -> Result<(FlatOut, Idle)> {
    let agent = Agent::start(setup)?;
    let before = agent.wait_until_quiet()?;
    let count = plan.count(LoadKind::OpenClose).saturating_mul(2);
    let result = load::run_apart(LoadKind::OpenClose, FLAT_OUT_THREADS, count)?;
    let after = agent.wait_until_quiet()?;
    let flat_out = FlatOut {
        threads: FLAT_OUT_THREADS,
        opens: count * u64::from(FLAT_OUT_THREADS),
        opens_per_second: (count * u64::from(FLAT_OUT_THREADS)) as f64
            / Duration::from_nanos(result.wall_ns).as_secs_f64(),
        events: after.events - before.events,
        drops: after.drops - before.drops,
    };
    let idle = measure_idle(&agent, plan.idle)?;
    agent.stop()?;
    Ok((flat_out, idle))
}

/// CPU time of an agent that nobody gives anything to do. The pause is the measurement.
fn measure_idle(agent: &Agent, duration: Duration) -> Result<Idle> {
    let before_ns = procfs::cpu_ns(agent.pid())?;
    let started = Instant::now();
    std::thread::sleep(duration);
    let elapsed = started.elapsed();
    let used_ns = procfs::cpu_ns(agent.pid())?.saturating_sub(before_ns);
    Ok(Idle {
        seconds: elapsed.as_secs_f64(),
        cpu_percent: used_ns as f64 / elapsed.as_nanos() as f64 * 100.0,
        resident: procfs::Resident::of(agent.pid())?,
    })
}

fn kernel() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}
