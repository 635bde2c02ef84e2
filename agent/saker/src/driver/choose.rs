//! The order in which drivers are tried.

use saker_capture::DriverKind;

use super::{Act, Chosen, Reason, Step};
use crate::config::DriverChoice;

/// What can be tried. Each answer is what was found, or why it failed and what to do.
pub(crate) trait Trials {
    /// A driver that was proven to work.
    type Driver;

    /// Attaches a driver and waits for its canaries; it is detached again when they do not come.
    fn attach(&mut self, kind: DriverKind) -> Result<(Self::Driver, String), String>;

    /// Whether the module is in the kernel.
    fn module_is_loaded(&mut self) -> bool;

    /// Loads the module: the one that was built by these trials, else the one that is installed or
    /// built for this kernel.
    fn load_module(&mut self) -> Result<String, NotLoaded>;

    /// Builds the module for this kernel.
    fn build_module(&mut self) -> Result<String, String>;

    /// Unloads the module that was loaded by these trials.
    fn unload_module(&mut self) -> Result<(), String>;

    /// Whether nobody wants a driver any more.
    fn given_up(&mut self) -> bool;
}

/// Why a module was not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotLoaded {
    /// It, and what to do.
    pub reason: String,
    /// Nothing speaks against another module file.
    pub another_may_do: bool,
}

/// Tries what `asked` permits, the best first, and tells every step as it is done.
pub(crate) fn choose<T: Trials>(
    asked: DriverChoice,
    trials: &mut T,
    tell: impl FnMut(&Step),
) -> Chosen<T::Driver> {
    let mut course = Course {
        trials,
        tell,
        steps: Vec::new(),
    };
    let found = match asked {
        DriverChoice::None => None,
        DriverChoice::Ebpf => course.ebpf(),
        DriverChoice::Kmod => course.module(),
        DriverChoice::Auto => course.ebpf().or_else(|| course.module()),
    };
    let kind = found.as_ref().map(|(kind, _)| *kind);
    let reason = match (asked, kind) {
        (DriverChoice::Auto, Some(DriverKind::Ebpf)) => Reason::FirstChoice,
        (DriverChoice::Auto, Some(DriverKind::Kmod)) => Reason::EbpfFailed,
        (DriverChoice::Auto, None) => Reason::NoDriver,
        _ => Reason::Configured,
    };
    Chosen {
        asked,
        kind,
        driver: found.map(|(_, driver)| driver),
        reason,
        steps: course.steps,
    }
}

/// What came of loading.
enum Loading {
    Done,
    /// This module file does not do.
    AnotherMayDo,
    /// No module can be loaded.
    Hopeless,
}

/// The steps so far.
struct Course<'t, T, F> {
    trials: &'t mut T,
    tell: F,
    steps: Vec<Step>,
}

impl<T: Trials, F: FnMut(&Step)> Course<'_, T, F> {
    fn ebpf(&mut self) -> Option<(DriverKind, T::Driver)> {
        self.attach(DriverKind::Ebpf)
    }

    /// The module: as it is loaded; else the one there is for this kernel is loaded; else, or if that
    /// one does not work, one is built and loaded. One that somebody else has loaded stays whether or not
    /// it fits: it may be needed.
    fn module(&mut self) -> Option<(DriverKind, T::Driver)> {
        if self.trials.module_is_loaded() {
            return self.attach(DriverKind::Kmod);
        }
        match self.load() {
            Loading::Done => {
                if let Some(found) = self.attach(DriverKind::Kmod) {
                    return Some(found);
                }
                if !self.unload() {
                    return None;
                }
            }
            Loading::AnotherMayDo => {}
            Loading::Hopeless => return None,
        }
        if !self.build() || !matches!(self.load(), Loading::Done) {
            return None;
        }
        let found = self.attach(DriverKind::Kmod);
        if found.is_none() {
            self.unload();
        }
        found
    }

    fn load(&mut self) -> Loading {
        if self.trials.given_up() {
            return Loading::Hopeless;
        }
        let (loading, outcome) = match self.trials.load_module() {
            Ok(found) => (Loading::Done, Ok(found)),
            Err(no) if no.another_may_do => (Loading::AnotherMayDo, Err(no.reason)),
            Err(no) => (Loading::Hopeless, Err(no.reason)),
        };
        self.done(DriverKind::Kmod, Act::Load, outcome);
        loading
    }

    fn build(&mut self) -> bool {
        if self.trials.given_up() {
            return false;
        }
        let outcome = self.trials.build_module();
        self.done(DriverKind::Kmod, Act::Build, outcome)
    }

    /// Worth a word only when it fails.
    fn unload(&mut self) -> bool {
        match self.trials.unload_module() {
            Ok(()) => true,
            Err(reason) => self.done(DriverKind::Kmod, Act::Unload, Err(reason)),
        }
    }

    fn attach(&mut self, kind: DriverKind) -> Option<(DriverKind, T::Driver)> {
        if self.trials.given_up() {
            return None;
        }
        let (driver, outcome) = match self.trials.attach(kind) {
            Ok((driver, found)) => (Some((kind, driver)), Ok(found)),
            Err(reason) => (None, Err(reason)),
        };
        self.done(kind, Act::Attach, outcome);
        driver
    }

    fn done(&mut self, driver: DriverKind, act: Act, outcome: Result<String, String>) -> bool {
        let step = Step {
            driver,
            act,
            outcome,
        };
        (self.tell)(&step);
        let fine = step.outcome.is_ok();
        self.steps.push(step);
        fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host: what works on it.
    #[derive(Debug, Clone, Copy, Default)]
    struct Host {
        ebpf: bool,
        /// The module's device is there.
        loaded: bool,
        /// Once loaded, its canary comes back.
        sings: bool,
        /// There is a module to load, perhaps one that does not sing.
        installed: bool,
        /// The kernel loads modules.
        modules: bool,
        buildable: bool,
        /// A module that was built sings.
        built_sings: bool,
        given_up: bool,
    }

    fn answer(fine: bool, what: &str) -> Result<String, String> {
        match fine {
            true => Ok(format!("{what} fine")),
            false => Err(format!("no {what}\n  = hint: get {what}")),
        }
    }

    impl Trials for Host {
        type Driver = &'static str;

        fn attach(&mut self, kind: DriverKind) -> Result<(Self::Driver, String), String> {
            let fine = match kind {
                DriverKind::Ebpf => self.ebpf,
                DriverKind::Kmod => self.loaded && self.sings,
            };
            answer(fine, "canary").map(|found| (kind.name(), found))
        }

        fn module_is_loaded(&mut self) -> bool {
            self.loaded
        }

        fn load_module(&mut self) -> Result<String, NotLoaded> {
            self.loaded = self.installed && self.modules;
            answer(self.loaded, "module").map_err(|reason| NotLoaded {
                reason,
                another_may_do: self.modules,
            })
        }

        fn build_module(&mut self) -> Result<String, String> {
            self.installed |= self.buildable;
            self.sings |= self.buildable && self.built_sings;
            answer(self.buildable, "compiler")
        }

        fn unload_module(&mut self) -> Result<(), String> {
            assert!(self.loaded, "unloads what it has loaded");
            self.loaded = false;
            Ok(())
        }

        fn given_up(&mut self) -> bool {
            self.given_up
        }
    }

    fn chosen(asked: DriverChoice, mut host: Host) -> (Chosen<&'static str>, Vec<String>) {
        let mut told = Vec::new();
        let chosen = choose(asked, &mut host, |step| {
            let fine = if step.outcome.is_ok() { "" } else { "!" };
            told.push(format!("{} {}{fine}", step.driver.name(), step.act.name()));
        });
        assert_eq!(told.len(), chosen.steps.len());
        assert_eq!(chosen.driver, chosen.kind.map(DriverKind::name));
        (chosen, told)
    }

    #[test]
    fn ebpf_comes_first_and_the_module_is_left_alone_then() {
        let host = Host {
            ebpf: true,
            loaded: true,
            sings: true,
            ..Host::default()
        };
        let (chosen, told) = chosen(DriverChoice::Auto, host);
        assert_eq!(told, ["ebpf attach"]);
        assert_eq!(
            (chosen.name(), chosen.reason),
            ("ebpf", Reason::FirstChoice)
        );
        assert_eq!(chosen.summary(), "ebpf (first choice: canary fine)");
    }

    #[test]
    fn without_ebpf_the_module_is_used_loaded_or_built() {
        let module = Host {
            sings: true,
            modules: true,
            ..Host::default()
        };
        let cases: [(Host, &[&str]); 3] = [
            (
                Host {
                    loaded: true,
                    ..module
                },
                &["kmod attach"],
            ),
            (
                Host {
                    installed: true,
                    ..module
                },
                &["kmod load", "kmod attach"],
            ),
            (
                Host {
                    buildable: true,
                    ..module
                },
                &["kmod load!", "kmod build", "kmod load", "kmod attach"],
            ),
        ];
        for (host, steps) in cases {
            let (chosen, told) = chosen(DriverChoice::Auto, host);
            assert_eq!(told[0], "ebpf attach!");
            assert_eq!(told[1..], *steps);
            assert_eq!((chosen.name(), chosen.reason), ("kmod", Reason::EbpfFailed));
            assert!(!chosen.failed());
        }
    }

    #[test]
    fn with_neither_there_is_none_and_every_reason_is_told() {
        let host = Host {
            modules: true,
            ..Host::default()
        };
        let (chosen, told) = chosen(DriverChoice::Auto, host);
        assert_eq!(told, ["ebpf attach!", "kmod load!", "kmod build!"]);
        assert_eq!((chosen.name(), chosen.reason), ("none", Reason::NoDriver));
        assert!(chosen.failed());
        assert_eq!(
            chosen.why_none(),
            "ebpf refused: no canary = hint: get canary; kmod not loaded: no module = hint: get \
             module; kmod not built: no compiler = hint: get compiler"
        );
        assert_eq!(chosen.summary(), "none (no driver works here)");
    }

    #[test]
    fn a_kernel_without_modules_is_not_built_for() {
        let host = Host {
            buildable: true,
            ..Host::default()
        };
        let (_, told) = chosen(DriverChoice::Auto, host);
        assert_eq!(told, ["ebpf attach!", "kmod load!"]);
    }

    #[test]
    fn an_installed_module_that_does_not_sing_is_built_anew() {
        let stale = Host {
            modules: true,
            installed: true,
            buildable: true,
            ..Host::default()
        };
        let steps = [
            "ebpf attach!",
            "kmod load",
            "kmod attach!",
            "kmod build",
            "kmod load",
        ];
        for (built_sings, last) in [(true, "kmod attach"), (false, "kmod attach!")] {
            let host = Host {
                built_sings,
                ..stale
            };
            let (chosen, told) = chosen(DriverChoice::Auto, host);
            assert_eq!(told[..5], steps);
            assert_eq!(told[5..], [last]);
            assert_eq!(chosen.failed(), !built_sings);
        }
    }

    #[test]
    fn a_loaded_module_that_does_not_sing_is_not_replaced() {
        let host = Host {
            loaded: true,
            modules: true,
            installed: true,
            buildable: true,
            ..Host::default()
        };
        let (chosen, told) = chosen(DriverChoice::Auto, host);
        assert_eq!(told, ["ebpf attach!", "kmod attach!"]);
        assert_eq!(chosen.name(), "none");
    }

    #[test]
    fn what_is_configured_is_all_that_is_tried() {
        let both = Host {
            ebpf: true,
            loaded: true,
            sings: true,
            ..Host::default()
        };
        for (asked, name) in [
            (DriverChoice::Ebpf, "ebpf"),
            (DriverChoice::Kmod, "kmod"),
            (DriverChoice::None, "none"),
        ] {
            let (one, told) = chosen(asked, both);
            assert_eq!((one.name(), one.reason), (name, Reason::Configured));
            assert_eq!(told.len(), usize::from(asked != DriverChoice::None));
            assert!(!one.failed());
            let (none, _) = chosen(asked, Host::default());
            assert_eq!(none.failed(), asked != DriverChoice::None);
            assert_eq!(none.name(), "none");
        }
    }

    #[test]
    fn a_stop_ends_the_trials() {
        let host = Host {
            ebpf: true,
            given_up: true,
            ..Host::default()
        };
        let (chosen, told) = chosen(DriverChoice::Auto, host);
        assert!(told.is_empty() && chosen.kind.is_none());
    }
}
