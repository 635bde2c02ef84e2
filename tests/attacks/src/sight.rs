//! What the driver sees on this host of what attacks hide behind. An attack that needs more is not detected here, and
//! the suite says so; guests (tests/vm/tests/attacks.rs) have kernels that allow all of it.

use anyhow::{Context, Result, ensure};
use saker_tests_live::agent::Agent;
use saker_tests_live::kernel;
use saker_tests_live::metrics::Page;

use crate::attack::Attack;

/// Set where the driver must see what calls act on (tests/live/tests/acted).
const EXPECTED_VARIABLE: &str = "SAKER_TEST_ACTED";
/// The agent's own word.
const LACKS: &str = "saker_driver_lacks";

/// Something that not every host lets a driver see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// What calls that return no descriptor act on.
    Functions,
    /// What programs do through io_uring.
    Rings,
    /// The same by requests that old kernels do not have.
    NewRings,
}

impl Sight {
    /// What it takes, for messages.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Functions => "needs hooks at functions",
            Self::Rings => "needs a driver that sees io_uring",
            Self::NewRings => "needs requests that this kernel has and the driver sees",
        }
    }

    /// Its label in the agent's metrics, which names the attacks that need it, too.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Functions => "acted_paths",
            Self::Rings | Self::NewRings => "io_uring",
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
            old_kernel: kernel::is_old()?,
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
            Sight::NewRings => !self.rings || self.old_kernel,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let new = Attack::host("r", "a", "b").needs(&[Sight::NewRings]);
        assert_eq!(all.missing(&new), None);
        let old = Sights {
            old_kernel: true,
            ..all
        };
        assert_eq!(old.missing(&new), Some(Sight::NewRings));
        assert_eq!(old.missing(&both), None);
    }
}
