//! Why a value is not there.

/// Why a value is absent. Rules only see that it is; people who read alerts want to know more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Nothing of the kind exists here: a descriptor's name for an event without descriptor.
    NotApplicable,
    /// It is being looked up and will be there for later events.
    Pending,
    /// It was, or may have been, in records that were lost, or of a time before the agent.
    Lost,
    /// The agent may not ask whoever knows, or knows nobody to ask.
    Denied,
    /// The look-up failed.
    Error,
}

impl Absent {
    /// As it appears in alerts and in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not_applicable",
            Self::Pending => "pending",
            Self::Lost => "lost",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
}
