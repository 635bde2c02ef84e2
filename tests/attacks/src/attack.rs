//! An attack and its twin, as the tables state them.

use crate::sight::Sight;

/// Where an action happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On this host, as root.
    Host,
    /// On this host, in a network namespace of its own (see [`crate::stage::NETWORK`]).
    HostNetwork,
    /// In a container of its own.
    Container(Container),
}

impl Place {
    /// In an ordinary container.
    pub const CONTAINER: Self = Self::Container(Container::PLAIN);

    /// Whether it is a container.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Container(_))
    }
}

/// What is special about a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container {
    /// Capabilities beside the usual ones.
    pub capabilities: &'static [&'static str],
    /// User id of its first process.
    pub user: u32,
    /// With a terminal.
    pub terminal: bool,
    /// First process in place of the shell that runs the script.
    pub entry: &'static [&'static str],
}

impl Container {
    /// Root, the usual capabilities, no terminal.
    pub const PLAIN: Self = Self {
        capabilities: &[],
        user: 0,
        terminal: false,
        entry: &[],
    };
}

/// Where something happens and the shell script that does it (`$LAB`, `$TOKEN` as in
/// [`saker_tests_live::action`]).
#[derive(Debug, Clone, Copy)]
pub struct Action {
    /// Where.
    pub place: Place,
    /// The script.
    pub script: &'static str,
}

/// An attack on a rule, and its twin.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// The rule that must raise an alert.
    pub rule: &'static str,
    /// What raises it.
    pub action: Action,
    /// Something near that must raise nothing.
    pub twin: Action,
    /// Output fields of the alert that differ from the defaults of [`crate::compare`].
    pub fields: &'static [(&'static str, &'static str)],
    /// Those that kernels before 6.1 give another value ([`crate::sight::Sights::old_kernel`]).
    pub older: &'static [(&'static str, &'static str)],
    /// How many alerts of the rule.
    pub times: usize,
    /// Other rules that the same action must raise an alert of.
    pub also: &'static [&'static str],
    /// What a driver must see to tell it.
    pub needs: &'static [Sight],
    /// Its name among the reference alerts, and the fields and rules that differ from Falco's for a
    /// reason.
    pub reference: Option<(&'static str, &'static [&'static str])>,
}

impl Attack {
    /// An attack with its twin.
    pub const fn new(
        rule: &'static str,
        place: Place,
        script: &'static str,
        twin: &'static str,
    ) -> Self {
        Self {
            rule,
            action: Action { place, script },
            twin: Action {
                place,
                script: twin,
            },
            fields: &[],
            older: &[],
            times: 1,
            also: &[],
            needs: &[],
            reference: None,
        }
    }

    /// On the host.
    pub const fn host(rule: &'static str, script: &'static str, twin: &'static str) -> Self {
        Self::new(rule, Place::Host, script, twin)
    }

    /// In a container.
    pub const fn container(rule: &'static str, script: &'static str, twin: &'static str) -> Self {
        Self::new(rule, Place::CONTAINER, script, twin)
    }

    /// With these output fields.
    #[must_use]
    pub const fn fields(mut self, fields: &'static [(&'static str, &'static str)]) -> Self {
        self.fields = fields;
        self
    }

    /// With these output fields on kernels before 6.1.
    #[must_use]
    pub const fn older(mut self, older: &'static [(&'static str, &'static str)]) -> Self {
        self.older = older;
        self
    }

    /// With so many alerts of the rule.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// With alerts of other rules, too.
    #[must_use]
    pub const fn also(mut self, also: &'static [&'static str]) -> Self {
        self.also = also;
        self
    }

    /// Where the driver sees these.
    #[must_use]
    pub const fn needs(mut self, needs: &'static [Sight]) -> Self {
        self.needs = needs;
        self
    }

    /// With the twin elsewhere.
    #[must_use]
    pub const fn twin_in(mut self, place: Place) -> Self {
        self.twin.place = place;
        self
    }

    /// With reference alerts.
    #[must_use]
    pub const fn reference(self, name: &'static str) -> Self {
        self.reference_but(name, &[])
    }

    /// With reference alerts, of which some fields or rules differ for a reason.
    #[must_use]
    pub const fn reference_but(
        mut self,
        name: &'static str,
        differing: &'static [&'static str],
    ) -> Self {
        self.reference = Some((name, differing));
        self
    }
}
