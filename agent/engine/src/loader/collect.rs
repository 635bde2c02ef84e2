//! From YAML items to definitions: what each item adds, appends or replaces (rules-spec A2 to A5).

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::diagnostics::{Code, Report};
use crate::loader::defs::{ListDef, MacroDef, RuleDef, Table};
use crate::loader::reader::{Item, MAX_TEXT_BYTES};
use crate::loader::versions;
use crate::source::{FileId, Scalar, Sources, Text};
use crate::yaml::{Kind, Node};

/// Most rules of one load.
pub const MAX_RULES: usize = 100_000;
/// Most macros, and most lists, of one load.
pub const MAX_DEFINITIONS: usize = 100_000;
/// Most list items of one load.
pub const MAX_LIST_ITEMS: usize = 2_000_000;
/// Most values in exceptions of one load.
const MAX_EXCEPTION_VALUES: usize = 500_000;
/// Most bytes that conditions, outputs and descriptions of one load have together.
const MAX_ALL_TEXT_BYTES: usize = 32 << 20;

/// Everything defined so far.
#[derive(Debug, Default)]
pub(super) struct Collection {
    pub(super) lists: Table<ListDef>,
    pub(super) macros: Table<MacroDef>,
    pub(super) rules: Table<RuleDef>,
    /// Global counter of definitions.
    pub(super) counter: usize,
    pub(super) list_items: usize,
    pub(super) exception_values: usize,
    pub(super) text_bytes: usize,
    pub(super) required_engine_version: Option<versions::Version>,
    /// Sources that rules may have.
    pub(super) known_sources: Vec<String>,
    /// Rules that were dropped for their source. What changes them is dropped, too.
    pub(super) foreign_rules: FxHashSet<String>,
}

const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];
const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override"];

impl Collection {
    /// Takes the items of one document.
    pub(super) fn document(
        &mut self,
        sources: &Sources,
        file: FileId,
        root: &Node,
        report: &mut Report,
    ) {
        let items = match &root.kind {
            Kind::Null => return,
            Kind::Seq(items) => items,
            _ => {
                let mut item = Item::new(sources, file, root, "rules content", report);
                let message = "Rules content is not yaml array of objects";
                item.report(Code::YamlValidate, root, message);
                item.report_to(report);
                return;
            }
        };
        for node in items.iter() {
            let mut item = Item::new(sources, file, node, "rules content item", report);
            match &node.kind {
                Kind::Null => {}
                Kind::Map(_) => self.item(&mut item),
                _ => {
                    let message = "Unexpected element type. Each element should be a yaml map";
                    item.report(Code::YamlValidate, node, message);
                }
            }
            item.report_to(report);
        }
    }

    fn item(&mut self, item: &mut Item<'_>) {
        if item.get("required_engine_version").is_some() {
            versions::engine(self, item);
        } else if item.get("required_plugin_versions").is_some() {
            versions::plugins(item);
        } else if item.get("list").is_some() {
            self.list(item);
        } else if item.get("macro").is_some() {
            self.macro_item(item);
        } else if item.get("rule").is_some() {
            self.rule(item);
        } else {
            let message = "Unknown top level item: expected rule, macro, list, \
                required_engine_version or required_plugin_versions";
            item.report(Code::UnknownItem, item.node, message);
        }
    }

    /// Counts text that is kept; complains and returns `false` when there is too much.
    pub(super) fn keep_text(&mut self, item: &mut Item<'_>, len: usize, all: usize) -> bool {
        self.text_bytes = self.text_bytes.saturating_add(len);
        let message = if all > MAX_TEXT_BYTES {
            format!(
                "With what is appended it has {all} bytes, at most {MAX_TEXT_BYTES} are allowed"
            )
        } else if self.text_bytes > MAX_ALL_TEXT_BYTES {
            format!("More than {MAX_ALL_TEXT_BYTES} bytes of conditions, outputs and descriptions")
        } else {
            return true;
        };
        item.report(Code::Validate, item.node, message);
        false
    }

    /// The same for the values of exceptions that were read from the item.
    pub(super) fn keep_values(&mut self, item: &mut Item<'_>) -> bool {
        self.exception_values = self.exception_values.saturating_add(item.values_read);
        let fits = self.exception_values <= MAX_EXCEPTION_VALUES;
        if !fits {
            let message = format!("More than {MAX_EXCEPTION_VALUES} values in exceptions");
            item.report(Code::Validate, item.node, message);
        }
        fits
    }

    /// Reads the name under the item's own key.
    pub(super) fn name(item: &mut Item<'_>, kind: &'static str) -> Option<String> {
        item.kind = kind;
        let name = item.scalar(kind)?.value.clone();
        item.name.clone_from(&name);
        Some(name)
    }

    fn list(&mut self, item: &mut Item<'_>) {
        let Some(name) = Self::name(item, "list") else {
            return;
        };
        item.check_keys(LIST_KEYS);
        if !is_list_name(&name) {
            let message =
                format!("List has an invalid name: '{name}' cannot be used in conditions");
            item.report(Code::InvalidListName, item.node, message);
        }
        let append = self.append_or_replace(item, "items");
        if item.get("items").is_none() {
            let message = "Item has no mapping for key 'items'";
            item.report(Code::YamlValidate, item.node, message);
        }
        let nodes = item.sequence("items").unwrap_or_default();
        let items: Vec<Arc<Scalar>> = nodes
            .iter()
            .filter_map(|node| item.value_of(node, "A list item"))
            .collect();
        self.list_items = self.list_items.saturating_add(items.len());
        if self.list_items > MAX_LIST_ITEMS {
            let message = format!("More than {MAX_LIST_ITEMS} list items in all");
            item.report(Code::Validate, item.node, message);
        }
        if item.has_errors() {
            return;
        }
        let at = item.at();
        let visibility = self.counter;
        if append {
            match self.lists.get_mut(&name) {
                Some(list) => {
                    list.items.extend(items);
                    list.visibility = visibility;
                    self.counter += 1;
                }
                None => no_target(item, "List", &name, true),
            }
            return;
        }
        if self.lists.len() >= MAX_DEFINITIONS {
            item.report(
                Code::Validate,
                item.node,
                format!("More than {MAX_DEFINITIONS} lists"),
            );
            return;
        }
        let index = self.lists.get(&name).map_or(visibility, |list| list.index);
        self.counter += 1;
        self.lists.set(
            &name,
            ListDef {
                name: name.clone(),
                items,
                at,
                index,
                visibility,
            },
        );
    }

    fn macro_item(&mut self, item: &mut Item<'_>) {
        let Some(name) = Self::name(item, "macro") else {
            return;
        };
        item.check_keys(MACRO_KEYS);
        if !is_macro_name(&name) {
            let message =
                format!("Macro has an invalid name: '{name}' cannot be used in conditions");
            item.report(Code::InvalidMacroName, item.node, message);
        }
        let append = self.append_or_replace(item, "condition");
        let condition = item.required("condition");
        let Some(condition) = condition.filter(|_| !item.has_errors()) else {
            return;
        };
        let visibility = self.counter;
        let existing = self.macros.get(&name).filter(|_| append);
        let before = existing.map_or(0, |existing| existing.condition.len() + 1);
        let len = condition.value.len();
        if !self.keep_text(item, len, before + len) {
            return;
        }
        if append {
            match self.macros.get_mut(&name) {
                Some(existing) => {
                    append_text(&mut existing.condition, &condition);
                    existing.visibility = visibility;
                    self.counter += 1;
                }
                None => no_target(item, "Macro", &name, true),
            }
            return;
        }
        if self.macros.len() >= MAX_DEFINITIONS {
            item.report(
                Code::Validate,
                item.node,
                format!("More than {MAX_DEFINITIONS} macros"),
            );
            return;
        }
        let index = self
            .macros
            .get(&name)
            .map_or(visibility, |existing| existing.index);
        self.counter += 1;
        let (condition, at) = (Text::of(&condition), item.at());
        let definition = MacroDef {
            name: name.clone(),
            condition,
            at,
            index,
            visibility,
        };
        self.macros.set(&name, definition);
    }

    /// Whether a list or macro appends to `key` of an earlier one.
    fn append_or_replace(&mut self, item: &mut Item<'_>, key: &str) -> bool {
        if let Some(overrides) = item.overrides(&[key], &[key]) {
            return !overrides.append.is_empty();
        }
        deprecated_append(item)
    }
}

/// Reads `append: true` and warns that it is deprecated.
pub(super) fn deprecated_append(item: &mut Item<'_>) -> bool {
    let append = item.boolean("append").unwrap_or(false);
    if let (true, Some(node)) = (append, item.get("append")) {
        let message = "'append' key is deprecated. Add an 'append' \
            entry (e.g. 'condition: append') \
            under 'override' instead.";
        item.report(Code::DeprecatedItem, node, message);
    }
    append
}

/// Complains about an append or a replacement without something to change.
pub(super) fn no_target(item: &mut Item<'_>, kind: &str, name: &str, append: bool) {
    let lower = kind.to_ascii_lowercase();
    let what = if append {
        "'append' key or an append override"
    } else {
        "a replace override"
    };
    let message = format!("{kind} '{name}' has {what} but no {lower} by that name already exists");
    item.report(Code::Validate, item.node, message);
}

/// Appends after one blank.
pub(super) fn append_text(text: &mut Text, more: &Arc<Scalar>) {
    text.push_made(" ", more, 0);
    text.push(more, 0..more.value.len());
}

fn is_macro_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_list_name(name: &str) -> bool {
    let refused = |b: u8| crate::lexer::is_blank(b) || b"()\"'=,".contains(&b);
    !name.is_empty() && !name.bytes().any(refused)
}
