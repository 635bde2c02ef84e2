//! What the driver sees on this host of what attacks hide behind. An attack that needs more is not detected here, and
//! the suite says so; guests (tests/vm/tests/attacks.rs) have kernels that allow all of it.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use saker_tests_live::agent::Agent;
use saker_tests_live::metrics::Page;

use crate::attack::Attack;

/// Set where the driver must see what calls act on (tests/live/tests/acted).
const EXPECTED_VARIABLE: &str = "SAKER_TEST_ACTED";
/// The kernel's own word.
const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// The agent's own word.
const LACKS: &str = "saker_driver_lacks";

/// Something that not every host lets a driver see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// What calls that return no descriptor act on.
    Functions,
    /// What programs do through io_uring.
    Rings,
}

impl Sight {
    /// What it takes, for messages.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Functions => "needs hooks at functions",
            Self::Rings => "needs a driver that sees io_uring",
        }
    }

    /// Its label in the agent's metrics, which names the attacks that need it, too.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Functions => "acted_paths",
            Self::Rings => "io_uring",
        }
    }
}

/// What is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sights {
    /// [`Sight::Functions`].
    pub functions: bool,
    /// [`Sight::Rings`].
    pub rings: bool,
    /// A kernel before 6.1, which says some things otherwise.
    pub old_kernel: bool,
}

impl Sights {
    /// What hosts showed that the recording is of.
    pub const RECORDED: Self = Self {
        functions: false,
        rings: true,
        old_kernel: false,
    };

    /// What a running agent says.
    ///
    /// # Errors
    /// When it says nothing, or lacks what it must have here.
    pub fn of(agent: &Agent) -> Result<Self> {
        let page = Page::parse(&agent.get("/metrics")?.body)?;
        let sees = |sight: Sight| {
            let mut samples = page.samples.iter();
            let lacks = samples.find(|sample| {
                sample.name == LACKS
                    && sample.labels.get("feature").map(String::as_str) == Some(sight.feature())
            });
            let lacks = lacks.with_context(|| format!("no {LACKS} of {}", sight.feature()))?;
            anyhow::Ok(lacks.value == 0.0)
        };
        let sights = Self {
            functions: sees(Sight::Functions)?,
            rings: sees(Sight::Rings)?,
            old_kernel: is_old(&fs::read_to_string(RELEASE).context(RELEASE)?)?,
        };
        ensure!(
            sights.functions || std::env::var_os(EXPECTED_VARIABLE).is_none(),
            "{}, and they are not there: {:#?}",
            Sight::Functions.needs(),
            agent.stderr()
        );
        Ok(sights)
    }

    /// What an attack needs and is not seen.
    pub fn missing(self, attack: &Attack) -> Option<Sight> {
        attack.needs.iter().copied().find(|sight| match sight {
            Sight::Functions => !self.functions,
            Sight::Rings => !self.rings,
        })
    }
}

/// Whether a release as `5.10.0-46-amd64` is before 6.1.
fn is_old(release: &str) -> Result<bool> {
    let mut numbers = release.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        bail!("{RELEASE}: {release}");
    };
    Ok((major, minor) < (6, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_numbers() {
        for (release, old) in [
            ("5.10.0-46-amd64\n", true),
            ("6.1.0-57-amd64", false),
            ("6.0.1", true),
            ("10.0.1", false),
        ] {
            assert_eq!(is_old(release).expect("a release"), old, "{release}");
        }
        assert!(is_old("newest").is_err());
    }

    #[test]
    fn an_attack_misses_what_is_not_seen() {
        let both = Attack::host("r", "a", "b").needs(&[Sight::Rings, Sight::Functions]);
        let none = Attack::host("r", "a", "b");
        let all = Sights {
            functions: true,
            rings: true,
            old_kernel: false,
        };
        assert_eq!(all.missing(&both), None);
        assert_eq!(Sights::RECORDED.missing(&both), Some(Sight::Functions));
        assert_eq!(Sights::RECORDED.missing(&none), None);
        let module = Sights {
            functions: true,
            rings: false,
            old_kernel: true,
        };
        assert_eq!(module.missing(&both), Some(Sight::Rings));
    }
}
