//! What the agent keeps of what has gone: cgroups with containers by the thousand and forks by the million come and
//! go, then its memory is compared with that of a tenth of the way, and its tables with what lives.

mod living;
mod load;
mod verdict;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use self::living::Living;
use self::load::{Cgroups, Load};
use self::verdict::{Sample, faults};
use crate::agent::{Agent, AgentSetup};
use crate::cli::TurnoverOptions;
use crate::procfs::Resident;

/// Makes the agent follow programs, files and connections, and say of each cgroup that it was seen.
const RULES: &str = r#"
- rule: seen
  desc: The last act of each cgroup.
  condition: evt.type=execve and evt.rawres=0 and proc.name=true and container.id startswith 5a6e50
  output: "%container.full_id"
  priority: INFO
- rule: never
  desc: Nobody is called so.
  condition: evt.type in (openat, connect) and proc.name=no-such-program
  output: "%container.full_id"
  priority: INFO
"#;

/// Part of the way after which the agent is warm: what is used for the first time is not growth.
const WARM_DIVISOR: u64 = 10;
/// Longest wait for the tables to be rid of the dead: the agent looks for ends that were lost every 10 s.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two looks at the tables.
const SETTLE_INTERVAL: Duration = Duration::from_millis(250);

/// `saker-bench turnover`.
///
/// # Errors
/// When something cannot be set up, the agent fails, it has grown, or its tables hold the dead.
pub(crate) fn command(options: &TurnoverOptions) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("turnover starts the agent and makes cgroups, which needs root: run it with sudo");
    }
    let cgroups = Cgroups::make()?;
    let rules = TempDir::new().context("directory for the rules")?;
    let agent = Agent::start(&setup(options, &rules)?)?;
    let forks_each = (options.forks / options.cgroups).max(1);
    let warm_count = (options.cgroups / WARM_DIVISOR).max(1);
    let started = Instant::now();
    let part = |first, count| {
        let load = Load {
            first,
            count,
            forks_each,
        };
        load.run(&cgroups, options.jobs)
    };
    part(0, warm_count)?;
    let (warm, _) = settled(&agent)?;
    eprintln!("warm after {:.0} s", started.elapsed().as_secs_f64());
    part(warm_count, options.cgroups.saturating_sub(warm_count))?;
    let took = started.elapsed();
    let (end, living) = settled(&agent)?;
    println!(
        "{} cgroups, {} forks in {:.0} s",
        options.cgroups,
        options.cgroups * forks_each,
        took.as_secs_f64()
    );
    print!("{}", verdict::table(&warm, &end, &living));
    agent.stop()?;
    let faults = faults(
        &warm,
        &end,
        &living,
        options.cgroups,
        options.cgroups * forks_each,
    );
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("; "));
}

fn setup(options: &TurnoverOptions, directory: &TempDir) -> Result<AgentSetup> {
    let rules: PathBuf = directory.path().join("rules.yaml");
    std::fs::write(&rules, RULES).context("rules of the agent")?;
    Ok(AgentSetup {
        program: options.saker.clone(),
        rules: vec![rules],
        settings: options.agent_settings.clone(),
    })
}

/// The agent once its tables hold no more than what lives, or as they are when they will not.
fn settled(agent: &Agent) -> Result<(Sample, Living)> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    loop {
        let text = agent.metrics()?;
        let living = Living::now()?;
        let sample = Sample::from(&text, Resident::of(agent.pid())?);
        if verdict::dead(&sample, &living).is_empty() || Instant::now() > deadline {
            return Ok((sample, living));
        }
        std::thread::sleep(SETTLE_INTERVAL);
    }
}
