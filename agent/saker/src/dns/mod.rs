//! Names of hosts in rules (`fd.sip.name`): looked up in the background, so that workers only look into a table.
//!
//! The names that rules compare with are resolved to addresses, never addresses to names: whoever owns an
//! address also owns what it says its name is. libc's resolver would load the host's shared objects into a static
//! binary, so the questions are our own.

mod ask;
mod files;
mod known;
mod stop;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use saker_engine::compiler::RuleSet;
use saker_engine::schema::Schema as _;
use saker_fields::{FieldSchema, HostInfo, HostNames};

use crate::worker::Context;
use ask::Asker;
use files::{Configuration, in_hosts};
use known::{Found, Known};
use stop::{Stop, Stopped};

/// Names of all rules together; more are not looked up.
const MAX_NAMES: usize = 1024;
/// Names are looked up again after at most so long.
const REFRESH_LAST: Duration = Duration::from_secs(320);

/// Names that rules compare addresses of hosts with.
fn names(rules: &RuleSet, schema: &FieldSchema) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for predicate in rules.predicates() {
        let field = predicate.lhs.field().map(|field| schema.field_text(field));
        let is_name =
            field.is_some_and(|field| field.starts_with("fd.") && field.ends_with("ip.name"));
        if is_name {
            let texts = predicate.texts().map(std::str::from_utf8);
            names.extend(texts.flatten().map(str::to_owned));
        }
    }
    if names.len() > MAX_NAMES {
        tracing::warn!(
            "rules name {} hosts; only {MAX_NAMES} are looked up, the others are never equal to an address",
            names.len()
        );
    }
    names.into_iter().take(MAX_NAMES).collect()
}

/// Where names are looked up.
#[derive(Debug, Clone)]
struct Sources {
    hosts: PathBuf,
    resolv_conf: PathBuf,
    /// Port of the servers.
    port: u16,
    /// Time a server has for an answer.
    patience: Duration,
    /// Names are looked up again after so long, then after twice as long, up to the longest time.
    refresh: Duration,
}

impl Sources {
    /// This host's.
    fn of_host() -> Self {
        Self {
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            port: 53,
            patience: Duration::from_secs(2),
            refresh: Duration::from_secs(10),
        }
    }
}

/// The running thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Resolver {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Resolver {
    /// Looks up the names in rules and goes on to do so; nothing to do without any. Names in the host's
    /// file are known to `context` when this returns.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(context: &Arc<Context>) -> io::Result<Option<Self>> {
        let names = names(&context.rules, &context.schema);
        if names.is_empty() {
            return Ok(None);
        }
        let context = Arc::clone(context);
        let publish = move |names: HostNames| {
            context.host.rcu(|old| HostInfo {
                names: names.clone(),
                ..(**old).clone()
            });
        };
        Self::spawn(names, Sources::of_host(), publish).map(Some)
    }

    fn spawn(
        names: BTreeSet<String>,
        sources: Sources,
        publish: impl Fn(HostNames) + Send + 'static,
    ) -> io::Result<Self> {
        let hosts = files::read(&sources.hosts);
        let mut known = Known::default();
        for name in &names {
            if let Some(found) = local(name, &hosts) {
                known.take(name, found, Instant::now());
            }
        }
        let mut awaited = names.iter().any(|name| local(name, &hosts).is_none());
        publish(known.host_names(awaited));
        let stop = Arc::new(Stop::new()?);
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("saker-names".into())
            .spawn(move || {
                // It goes on until it is stopped.
                let Err(Stopped) = run(
                    (&names, &mut awaited),
                    &sources,
                    &mut known,
                    &publish,
                    &stopped,
                );
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing to undo.
            let _ = thread.join();
        }
    }
}

/// Looks up all names, again and again; none is `awaited` any more after the first time.
fn run(
    (names, awaited): (&BTreeSet<String>, &mut bool),
    sources: &Sources,
    known: &mut Known,
    publish: &impl Fn(HostNames),
    stop: &Stop,
) -> Result<std::convert::Infallible, Stopped> {
    let mut asker = Asker {
        stop,
        port: sources.port,
        patience: sources.patience,
        answered: None,
    };
    let mut pause = sources.refresh;
    loop {
        let hosts = files::read(&sources.hosts);
        let configuration = Configuration::parse(&files::read(&sources.resolv_conf));
        for name in names {
            stop.pause(Instant::now())?;
            let found = match local(name, &hosts) {
                Some(found) => found,
                None => asker.look_up(name, &configuration)?,
            };
            let now = Instant::now();
            let all_asked = *awaited && names.last() == Some(name);
            *awaited &= !all_asked;
            // Servers may be slow: what is known of one name does not wait for the next.
            if known.take(name, found, now) | known.expire(now) | all_asked {
                publish(known.host_names(*awaited));
            }
        }
        stop.pause(Instant::now() + pause)?;
        pause = (pause * 2).min(REFRESH_LAST);
    }
}

/// What the host's file says, of both families, if it has the name.
fn local(name: &str, hosts: &str) -> Option<Found> {
    let (v4, v6): (Vec<_>, Vec<_>) = in_hosts(name, hosts).iter().partition(|ip| ip.is_ipv4());
    (!v4.is_empty() || !v6.is_empty()).then_some([Some(v4), Some(v6)])
}
