//! Which rules run and what is added to their outputs (rules-spec A9, C2).

use std::collections::BTreeSet;

use crate::loader::{DEFAULT_SOURCE, LoadedRule, Priority};

/// What a switch is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Rules by name; `*` stands for any run.
    Rule(String),
    /// Rules by tag.
    Tag(String),
}

/// One entry of the configuration's `rules`: enable or disable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Enable or disable.
    pub enable: bool,
    /// Which rules.
    pub target: Target,
}

/// A field added to the alert's `output_fields`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtraField {
    /// A field by name, as typed value.
    Field(String),
    /// A key with a formatted string.
    Format {
        /// The key.
        key: String,
        /// The format.
        format: String,
    },
}

/// One entry of the configuration's `append_output`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppendOutput {
    /// Only rules of this source.
    pub source: Option<String>,
    /// Only the rule of this name.
    pub rule: Option<String>,
    /// Only rules with all these tags.
    pub tags: BTreeSet<String>,
    /// Text added after a blank.
    pub extra_output: Option<String>,
    /// Fields added.
    pub extra_fields: Vec<ExtraField>,
    /// Fields added to the text as ` name=%field`.
    pub suggested: Vec<(String, String)>,
}

/// What to compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Event source.
    pub source: String,
    /// Switches, later ones win.
    pub switches: Vec<Switch>,
    /// Rules less severe than this are left out.
    pub priority: Priority,
    /// Additions to outputs.
    pub append_output: Vec<AppendOutput>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            source: DEFAULT_SOURCE.to_owned(),
            switches: Vec::new(),
            priority: Priority::Debug,
            append_output: Vec::new(),
        }
    }
}

impl Selection {
    /// Whether the rule runs.
    pub fn takes(&self, rule: &LoadedRule) -> bool {
        let def = &rule.def;
        if def.source != self.source || def.priority > self.priority {
            return false;
        }
        let fits = |switch: &&Switch| match &switch.target {
            Target::Rule(pattern) => name_matches(pattern, &def.name),
            Target::Tag(tag) => def.tags.contains(tag),
        };
        self.switches
            .iter()
            .rev()
            .find(fits)
            .map_or(def.enabled, |switch| switch.enable)
    }
}

impl AppendOutput {
    pub(super) fn fits(&self, rule: &LoadedRule) -> bool {
        let def = &rule.def;
        self.source
            .as_ref()
            .is_none_or(|source| *source == def.source)
            && self.rule.as_ref().is_none_or(|name| *name == def.name)
            && self.tags.is_subset(&def.tags)
    }

    /// The text added to outputs.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(part) = &self.extra_output {
            text.push(' ');
            text.push_str(part);
        }
        for (name, field) in &self.suggested {
            text.push_str(&format!(" {name}=%{field}"));
        }
        text
    }
}

/// Matches names the way Falco does: what follows a `*` is searched at its first occurrence and
/// need not end the name; without `*` names must be equal.
fn name_matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    if !pattern.contains('*') {
        return pattern == name;
    }
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::name_matches;

    #[test]
    fn patterns_need_not_reach_the_end() {
        assert!(name_matches("Terminal shell", "Terminal shell"));
        assert!(!name_matches("Terminal", "Terminal shell"));
        assert!(name_matches("*", "anything") && name_matches("*shell*", "Terminal shell in"));
        assert!(
            name_matches("*shell", "Terminal shell in container"),
            "not anchored at the end"
        );
        assert!(name_matches("T*s", "Terminal shell in") && !name_matches("x*", "Terminal"));
        assert!(!name_matches("*b*a", "a b"), "parts in order");
    }
}
