//! Substitution of lists, which is textual and happens before parsing (rules-spec A6).
//!
//! Falco replaces list after list in order of definition. Doing the same for every list would cost
//! lists times conditions; here each token is looked up once and what a list brings in is expanded
//! by later lists only, which gives the same text.
//!
//! A list whose text is a sequence of values is not written out: a mark stands for it, and all
//! conditions that name it share its values. Where the parser finds a mark anywhere but among the
//! values of a list, the condition is expanded again, as text.

mod expansion;
#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::SharedWords;
use crate::lexer::is_blank;
use crate::loader::defs::{ListDef, Table};
use crate::loader::exceptions::push_value;
use crate::loader::lists::expansion::Expansion;
use crate::parser::parse_values;
use crate::source::{Scalar, Text};

/// Heaviest condition, or text of one list, after substitution; see [`Text::weight`].
const MAX_WEIGHT: usize = 40 << 20;
/// Weight of all substitutions of a load.
const MAX_TOTAL_WEIGHT: usize = 48 << 20;
/// Deepest chain of lists within lists.
const MAX_LIST_DEPTH: usize = 100;

/// Where a list is named in an expanded text.
#[derive(Debug, Clone)]
pub(super) struct Insert {
    /// First byte of what stands for the list.
    pub(super) at: usize,
    /// Its length.
    pub(super) len: usize,
    /// Position of the list in its table.
    pub(super) list: usize,
    /// Scalar and offset of the name.
    pub(super) name: (Arc<Scalar>, usize),
    /// The values, where a mark stands for them.
    pub(super) words: Option<Arc<SharedWords>>,
}

/// A text in which lists are substituted.
#[derive(Debug, Clone, Default)]
pub(super) struct Expanded {
    pub(super) text: Text,
    /// In order of position.
    pub(super) inserts: Vec<Insert>,
}

impl Expanded {
    /// The list that byte `at` came from.
    pub(super) fn insert_at(&self, at: usize) -> Option<&Insert> {
        let after = self.inserts.partition_point(|insert| insert.at <= at);
        let insert = self.inserts.get(after.checked_sub(1)?)?;
        (at < insert.at + insert.len).then_some(insert)
    }

    /// How many marks there are.
    pub(super) fn mark_count(&self) -> usize {
        self.inserts.iter().filter(|i| i.words.is_some()).count()
    }
}

/// The lists of a load and what is known about them.
pub(super) struct Lists<'a> {
    table: &'a Table<ListDef>,
    used: FxHashSet<usize>,
    words: FxHashMap<usize, Shared>,
    /// Which list an item stands in, made when an error is about one.
    owners: Option<FxHashMap<*const Scalar, usize>>,
    /// Items that errors were about, by list and offset.
    items: FxHashMap<(usize, usize), Option<Item>>,
    /// The text made last for an error, and its list.
    last_text: Option<(usize, Text)>,
    weight_left: usize,
}

/// What the text of a list is.
#[derive(Debug, Clone)]
enum Shared {
    /// A sequence of values.
    Words(Arc<SharedWords>),
    /// Anything else.
    Text,
    /// Too long; says so.
    TooLong(String),
}

/// An item of a list that an error is about.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The item.
    pub(super) scalar: Arc<Scalar>,
    /// Offset in it.
    pub(super) offset: usize,
    /// The list it stands in.
    pub(super) owner: usize,
}

impl<'a> Lists<'a> {
    pub(super) fn new(table: &'a Table<ListDef>) -> Self {
        let mut lists = Self {
            table,
            used: FxHashSet::default(),
            words: FxHashMap::default(),
            owners: None,
            items: FxHashMap::default(),
            last_text: None,
            weight_left: MAX_TOTAL_WEIGHT,
        };
        for outer in 0..table.len() {
            let inner = table.as_slice()[outer].items.iter();
            let inner: Vec<usize> = inner.filter_map(|item| lists.inner(outer, item)).collect();
            lists.used.extend(inner);
        }
        lists
    }

    /// Positions of lists that something refers to.
    pub(super) fn used(&self) -> &FxHashSet<usize> {
        &self.used
    }

    pub(super) fn def(&self, list: usize) -> &'a ListDef {
        &self.table.as_slice()[list]
    }

    /// The list that an item of list `outer` names, if it is visible there.
    fn inner(&self, outer: usize, item: &Scalar) -> Option<usize> {
        let inner = self.table.position(&item.value)?;
        (self.def(inner).index < self.def(outer).visibility).then_some(inner)
    }

    /// Replaces the names of lists by marks where that is possible, by text elsewhere.
    pub(super) fn mark(&mut self, text: &Text) -> Result<Expanded, String> {
        self.expand(text, true)
    }

    /// Replaces the names of all lists by text.
    pub(super) fn write_out(&mut self, text: &Text) -> Result<Expanded, String> {
        self.expand(text, false)
    }

    fn expand(&mut self, text: &Text, marks: bool) -> Result<Expanded, String> {
        let source = text.as_str();
        let named = tokens(source).any(|token| self.table.position(&source[token]).is_some());
        if !named {
            let (text, inserts) = (text.clone(), Vec::new());
            return Ok(Expanded { text, inserts });
        }
        let mut expansion = Expansion::new(self, marks);
        expansion.outer(text)?;
        Ok(expansion.finish())
    }

    /// What the text of a list is; found out once.
    fn shared(&mut self, list: usize) -> Shared {
        if let Some(known) = self.words.get(&list) {
            return known.clone();
        }
        let shared = match self.text_of(list) {
            Ok(text) => match parse_values(text.as_str()) {
                Some(words) => Shared::Words(Arc::new(SharedWords { list, words })),
                None => Shared::Text,
            },
            Err(message) => Shared::TooLong(message),
        };
        self.words.insert(list, shared.clone());
        shared
    }

    /// The text of a list with all lists in it written out.
    fn text_of(&mut self, list: usize) -> Result<Text, String> {
        let mut expansion = Expansion::new(self, false);
        expansion.whole(list)?;
        Ok(expansion.finish().text)
    }

    /// The item that byte `at` of the joined text of `list` belongs to.
    pub(super) fn item(&mut self, list: usize, at: usize) -> Option<Item> {
        if let Some(known) = self.items.get(&(list, at)) {
            return known.clone();
        }
        let item = self.find_item(list, at);
        self.items.insert((list, at), item.clone());
        item
    }

    fn find_item(&mut self, list: usize, at: usize) -> Option<Item> {
        if self
            .last_text
            .as_ref()
            .is_none_or(|(last, _)| *last != list)
        {
            let before = self.weight_left;
            let text = self.text_of(list).ok()?;
            // It was made once already, when the list was parsed.
            self.weight_left = before;
            self.last_text = Some((list, text));
        }
        let (_, text) = self.last_text.as_ref()?;
        let (scalar, offset) = text.origin(at)?;
        let (scalar, offset) = (Arc::clone(scalar), offset);
        let owner = self.owner(&scalar).unwrap_or(list);
        Some(Item {
            scalar,
            offset,
            owner,
        })
    }

    /// The list that an item stands in.
    pub(super) fn owner(&mut self, item: &Arc<Scalar>) -> Option<usize> {
        let table = self.table;
        let owners = self.owners.get_or_insert_with(|| {
            let mut owners = FxHashMap::default();
            for (list, def) in table.as_slice().iter().enumerate() {
                for item in &def.items {
                    if let Entry::Vacant(entry) = owners.entry(Arc::as_ptr(item)) {
                        entry.insert(list);
                    }
                }
            }
            owners
        });
        owners.get(&Arc::as_ptr(item)).copied()
    }
}

/// Writes the items of a list, separated by commas; items that name visible lists are replaced by
/// the items of those, one level deep. Fails when the text is heavier than `limit`.
fn joined(lists: &Lists<'_>, list: usize, limit: usize) -> Result<Text, String> {
    let def = lists.def(list);
    let mut text = Text::default();
    let mut add = |item: &Arc<Scalar>| {
        if !text.is_empty() {
            text.push_made(", ", item, 0);
        }
        push_value(&mut text, item);
        text.weight() <= limit
    };
    let fits = def.items.iter().all(|item| match lists.inner(list, item) {
        Some(inner) => lists.def(inner).items.iter().all(&mut add),
        None => add(item),
    });
    match fits {
        true => Ok(text),
        false => Err(too_much(&def.name)),
    }
}

fn too_much(list: &str) -> String {
    format!(
        "list '{list}' makes too much text: lists may add about {} MiB to one condition, {} MiB to \
         all of them",
        MAX_WEIGHT >> 21,
        MAX_TOTAL_WEIGHT >> 21
    )
}

fn is_delimiter(byte: u8) -> bool {
    (is_blank(byte) && byte != 8) || matches!(byte, b'(' | b')' | b',' | b'=')
}

/// Ranges between delimiters, blanks excluded.
fn tokens(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && is_delimiter(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && !is_delimiter(bytes[at]) {
            at += 1;
        }
        (start < at).then_some(start..at)
    })
}
