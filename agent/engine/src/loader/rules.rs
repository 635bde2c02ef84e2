//! Rule items: definition, append, override and the old on/off form (rules-spec A3, A4).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostics::{Code, nearest};
use crate::loader::collect::{Collection, MAX_RULES, append_text, deprecated_append, no_target};
use crate::loader::defs::{ExceptionDef, Priority, RuleDef};
use crate::loader::exceptions;
use crate::loader::reader::{Item, Override};
use crate::source::{Scalar, Text};

const KEYS: &[&str] = &[
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
    "append",
    "override",
];
const APPENDABLE: &[&str] = &["condition", "output", "desc", "tags", "exceptions"];
const REPLACEABLE: &[&str] = &[
    "condition",
    "output",
    "desc",
    "priority",
    "tags",
    "exceptions",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
];

/// Source of rules that name none.
pub const DEFAULT_SOURCE: &str = "syscall";

/// The keys of a rule item that are present.
#[derive(Default)]
struct Keys {
    condition: Option<Arc<Scalar>>,
    output: Option<Arc<Scalar>>,
    desc: Option<Arc<Scalar>>,
    priority: Option<Priority>,
    source: Option<String>,
    enabled: Option<bool>,
    tags: Option<BTreeSet<String>>,
    warn_evttypes: Option<bool>,
    skip_if_unknown_filter: Option<bool>,
    capture: Option<bool>,
    capture_duration_ms: Option<u64>,
}

impl Collection {
    pub(super) fn rule(&mut self, item: &mut Item<'_>) {
        let Some(name) = Self::name(item, "rule") else {
            return;
        };
        item.check_keys(KEYS);
        let keys = Keys::read(item);
        if let Some(overrides) = item.overrides(APPENDABLE, REPLACEABLE) {
            self.override_rule(item, &name, keys, &overrides);
        } else if deprecated_append(item) {
            self.append_rule(item, &name, &keys);
        } else if is_toggle(item) {
            self.toggle_rule(item, &name, keys.enabled);
        } else {
            self.define_rule(item, &name, keys);
        }
    }

    fn define_rule(&mut self, item: &mut Item<'_>, name: &str, keys: Keys) {
        for key in ["condition", "output", "desc", "priority"] {
            if item.get(key).is_none() {
                let message = format!("Item has no mapping for key '{key}'");
                item.report(Code::YamlValidate, item.node, message);
            }
        }
        let exceptions = exceptions::read(item, None);
        let source = keys.source.unwrap_or_else(|| DEFAULT_SOURCE.to_owned());
        if !self.source_is_known(item, &source) {
            self.foreign_rules.insert(name.to_owned());
            return;
        }
        let existing = self.rules.get(name);
        if existing.is_some_and(|rule| rule.source != source) {
            let message = format!("Rule '{name}' has been re-defined with a different source");
            item.report(Code::Validate, item.node, message);
        }
        if existing.is_none() && self.rules.len() >= MAX_RULES {
            item.report(
                Code::Validate,
                item.node,
                format!("More than {MAX_RULES} rules"),
            );
            return;
        }
        let texts = [&keys.condition, &keys.output, &keys.desc];
        let len = texts
            .iter()
            .filter_map(|text| text.as_ref())
            .map(|text| text.value.len());
        if !self.keep_text(item, len.sum(), 0) || !self.keep_values(item) {
            return;
        }
        // A rule with faults makes the load fail, but its condition and output are checked all the
        // same: whoever mends it should see everything at once.
        let (Some(condition), Some(output)) = (keys.condition, keys.output) else {
            return;
        };
        let desc = keys.desc.map(|desc| desc.value.clone()).unwrap_or_default();
        let priority = keys.priority.unwrap_or(Priority::Debug);
        let rule = RuleDef {
            name: name.to_owned(),
            condition: Text::of(&condition),
            output: trimmed(&output),
            desc,
            priority,
            source,
            enabled: keys.enabled.unwrap_or(true),
            tags: keys.tags.unwrap_or_default(),
            exceptions,
            warn_evttypes: keys.warn_evttypes.unwrap_or(true),
            skip_if_unknown_filter: keys.skip_if_unknown_filter.unwrap_or(false),
            capture: keys.capture.unwrap_or(false),
            capture_duration_ms: keys.capture_duration_ms.unwrap_or(0),
            at: item.at(),
        };
        self.counter += 1;
        self.rules.set(name, rule);
    }

    /// Counts text that changes a rule; `appends` tells which keys are appended.
    fn keep_change(
        &mut self,
        item: &mut Item<'_>,
        name: &str,
        keys: &Keys,
        appends: impl Fn(&str) -> bool,
    ) -> bool {
        let len = |text: &Option<Arc<Scalar>>| text.as_ref().map_or(0, |text| text.value.len());
        let (condition, output, desc) = (len(&keys.condition), len(&keys.output), len(&keys.desc));
        let all = self.rules.get(name).map_or(0, |rule| {
            let lens = [
                ("condition", rule.condition.len() + condition),
                ("output", rule.output.len() + output),
                ("desc", rule.desc.len() + desc),
            ];
            let appended = lens.into_iter().filter(|&(key, _)| appends(key));
            appended.map(|(_, len)| len).max().unwrap_or(0)
        });
        self.keep_text(item, condition + output + desc, all)
    }

    fn source_is_known(&self, item: &mut Item<'_>, source: &str) -> bool {
        if self.known_sources.iter().any(|known| known == source) {
            return true;
        }
        let hint = nearest(source, self.known_sources.iter().map(String::as_str));
        let hint = hint.map(|near| format!("did you mean {near}?"));
        let message = format!("Unknown source {source}, skipping");
        let node = item.get("source").unwrap_or(item.node);
        item.report_hint(Code::UnknownSource, node, message, hint);
        false
    }

    /// The existing rule an append or override refers to, if its source agrees.
    fn target(
        &mut self,
        item: &mut Item<'_>,
        name: &str,
        keys: &Keys,
        append: bool,
    ) -> Option<&mut RuleDef> {
        let source = keys.source.as_deref();
        if let Some(source) = source
            && !self.source_is_known(item, source)
        {
            return None;
        }
        let Some(rule) = self.rules.get_mut(name) else {
            if !self.foreign_rules.contains(name) {
                no_target(item, "Rule", name, append);
            }
            return None;
        };
        if source.is_some_and(|source| source != rule.source) {
            let message = format!("Rule '{name}' has been re-defined with a different source");
            item.report(Code::Validate, item.node, message);
            return None;
        }
        Some(rule)
    }

    fn override_rule(
        &mut self,
        item: &mut Item<'_>,
        name: &str,
        mut keys: Keys,
        overrides: &Override,
    ) {
        let append = !overrides.append.is_empty();
        let Some(rule) = self.target(item, name, &keys, append) else {
            return;
        };
        let existing = std::mem::take(&mut rule.exceptions);
        let appends = |key: &str| overrides.append.iter().any(|name| name == key);
        let replaces = |key: &str| overrides.replace.iter().any(|name| name == key);
        rule.exceptions = if appends("exceptions") {
            exceptions::read(item, Some(existing))
        } else if replaces("exceptions") {
            let new = exceptions::read(item, None);
            warn_without_values(item, &new);
            new
        } else {
            existing
        };
        let read = std::mem::take(&mut rule.exceptions);
        let fits = self.keep_values(item) && self.keep_change(item, name, &keys, appends);
        let Some(rule) = self.rules.get_mut(name) else {
            return;
        };
        rule.exceptions = read;
        if item.has_errors() || !fits {
            return;
        }
        if let (true, Some(more)) = (appends("condition"), &keys.condition) {
            append_text(&mut rule.condition, more);
        }
        if let (true, Some(more)) = (appends("output"), &keys.output) {
            append_text(&mut rule.output, more);
        }
        if let (true, Some(more)) = (appends("desc"), &keys.desc) {
            rule.desc.push(' ');
            rule.desc.push_str(&more.value);
        }
        if let (true, Some(more)) = (appends("tags"), &keys.tags) {
            rule.tags.extend(more.iter().cloned());
        }
        keys.replace(rule, replaces);
        self.counter += 1;
    }

    /// `append: true`: condition and exceptions only.
    fn append_rule(&mut self, item: &mut Item<'_>, name: &str, keys: &Keys) {
        if item.get("condition").is_none() && item.get("exceptions").is_none() {
            let message = "Appended rule must have exceptions or condition property";
            item.report(Code::YamlValidate, item.node, message);
            return;
        }
        let Some(rule) = self.target(item, name, keys, true) else {
            return;
        };
        let mut read = std::mem::take(&mut rule.exceptions);
        if item.get("exceptions").is_some() {
            read = exceptions::read(item, Some(read));
        }
        let appends = |key: &str| key == "condition";
        let fits = self.keep_values(item) && self.keep_change(item, name, keys, appends);
        let Some(rule) = self.rules.get_mut(name) else {
            return;
        };
        rule.exceptions = read;
        if item.has_errors() || !fits {
            return;
        }
        if let Some(more) = &keys.condition {
            append_text(&mut rule.condition, more);
        }
        self.counter += 1;
    }

    /// The old way to switch an existing rule on or off.
    fn toggle_rule(&mut self, item: &mut Item<'_>, name: &str, enabled: Option<bool>) {
        let message = "The standalone 'enabled' key usage is deprecated. The correct approach \
            requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').";
        item.report(Code::DeprecatedItem, item.node, message);
        let Some(rule) = self.rules.get_mut(name) else {
            if self.foreign_rules.contains(name) {
                return;
            }
            let message = format!(
                "Rule '{name}' has 'enabled' key only, but no rule by that name \
                already exists"
            );
            item.report(Code::Validate, item.node, message);
            return;
        };
        if let Some(enabled) = enabled {
            rule.enabled = enabled;
        }
    }
}

fn is_toggle(item: &Item<'_>) -> bool {
    item.get("enabled").is_some()
        && ["condition", "output", "desc", "priority"]
            .iter()
            .all(|key| item.get(key).is_none())
}

fn trimmed(output: &Arc<Scalar>) -> Text {
    let value = &output.value;
    let start = value.len() - value.trim_start().len();
    let end = value.trim_end().len().max(start);
    let mut text = Text::default();
    text.push(output, start..end);
    text
}

fn warn_without_values(item: &mut Item<'_>, exceptions: &[ExceptionDef]) {
    for exception in exceptions
        .iter()
        .filter(|exception| exception.values.is_empty())
    {
        let message = format!(
            "Overriding exception '{}' with no values",
            exception.name.value
        );
        let node = item.get("exceptions").unwrap_or(item.node);
        item.report(Code::AppendNoValues, node, message);
    }
}

impl Keys {
    fn read(item: &mut Item<'_>) -> Self {
        let mut keys = Keys {
            condition: item.scalar("condition"),
            output: item.scalar("output"),
            desc: item.scalar("desc"),
            source: item.scalar("source").map(|source| source.value.clone()),
            enabled: item.boolean("enabled"),
            warn_evttypes: item.boolean("warn_evttypes"),
            skip_if_unknown_filter: item.boolean("skip-if-unknown-filter"),
            capture: item.boolean("capture"),
            ..Keys::default()
        };
        if let (Some(priority), Some(node)) = (item.scalar("priority"), item.get("priority")) {
            keys.priority = Priority::from_name(&priority.value);
            if keys.priority.is_none() {
                let near = nearest(&priority.value.to_ascii_uppercase(), Priority::names());
                let all: Vec<&str> = Priority::names().collect();
                let hint = near.map_or_else(|| all.join(", "), str::to_owned);
                let message = format!("Invalid priority '{}'", priority.value);
                let hint = Some(format!("use {hint}"));
                item.report_hint(Code::YamlValidate, node, message, hint);
            }
        }
        if let (Some(text), Some(node)) = (
            item.scalar("capture_duration"),
            item.get("capture_duration"),
        ) {
            keys.capture_duration_ms = text.value.parse().ok();
            if keys.capture_duration_ms.is_none() {
                let message = "'capture_duration' must be a number of milliseconds";
                item.report(Code::YamlValidate, node, message);
            }
        }
        if let Some(nodes) = item.sequence("tags") {
            let tags = nodes.iter().filter_map(|node| item.scalar_of(node, "tag"));
            keys.tags = Some(tags.map(|tag| tag.value.clone()).collect());
        }
        keys
    }

    fn replace(&mut self, rule: &mut RuleDef, replaces: impl Fn(&str) -> bool) {
        if let (true, Some(condition)) = (replaces("condition"), &self.condition) {
            rule.condition = Text::of(condition);
        }
        if let (true, Some(output)) = (replaces("output"), &self.output) {
            rule.output = Text::of(output);
        }
        if let (true, Some(desc)) = (replaces("desc"), &self.desc) {
            rule.desc.clone_from(&desc.value);
        }
        if replaces("tags") {
            rule.tags = self.tags.take().unwrap_or_default();
        }
        if let (true, Some(priority)) = (replaces("priority"), self.priority) {
            rule.priority = priority;
        }
        if let (true, Some(enabled)) = (replaces("enabled"), self.enabled) {
            rule.enabled = enabled;
        }
        if let (true, Some(capture)) = (replaces("capture"), self.capture) {
            rule.capture = capture;
        }
        if let (true, Some(duration)) = (replaces("capture_duration"), self.capture_duration_ms) {
            rule.capture_duration_ms = duration;
        }
        if let (true, Some(warn)) = (replaces("warn_evttypes"), self.warn_evttypes) {
            rule.warn_evttypes = warn;
        }
        if let (true, Some(skip)) = (
            replaces("skip-if-unknown-filter"),
            self.skip_if_unknown_filter,
        ) {
            rule.skip_if_unknown_filter = skip;
        }
    }
}
