//! Substitution of lists, which is textual and happens before parsing (rules-spec A6).
//!
//! Falco replaces list after list in order of definition. Doing the same for every list would cost
//! lists times conditions; here each token is looked up once and what a list brings in is expanded
//! by later lists only, which gives the same text.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::lexer::is_blank;
use crate::loader::defs::{ListDef, Table};
use crate::loader::exceptions::needs_quotes;
use crate::source::{Scalar, Text};

/// Most bytes a condition may have after substitution.
const MAX_EXPANDED_BYTES: usize = 64 << 20;
/// Deepest chain of lists within lists.
const MAX_LIST_DEPTH: usize = 100;

/// What may stand around the name of a list.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Lists with the items of the lists they name filled in.
pub(super) struct ListTexts {
    /// Joined items, by position in the table.
    texts: Vec<String>,
    used: FxHashSet<usize>,
}

impl ListTexts {
    /// Resolves lists in lists: each item that names a visible list becomes that list's own items.
    pub(super) fn new(lists: &Table<ListDef>) -> Self {
        let mut used = FxHashSet::default();
        let mut texts = Vec::with_capacity(lists.len());
        for list in lists.as_slice() {
            let mut items: Vec<Arc<Scalar>> = Vec::with_capacity(list.items.len());
            for item in &list.items {
                let inner = lists.position(&item.value);
                let inner = inner.filter(|&at| lists.as_slice()[at].index < list.visibility);
                match inner {
                    Some(at) => {
                        used.insert(at);
                        items.extend(lists.as_slice()[at].items.iter().cloned());
                    }
                    None => items.push(Arc::clone(item)),
                }
            }
            texts.push(join(&items));
        }
        Self { texts, used }
    }

    /// Positions of lists that something refers to.
    pub(super) fn used(&self) -> &FxHashSet<usize> {
        &self.used
    }

    /// Replaces the names of lists in a condition. The error is a sentence.
    pub(super) fn expand(&mut self, text: &Text, lists: &Table<ListDef>) -> Result<Text, String> {
        let names_any = tokens(text.as_str()).any(|t| lists.position(&text.as_str()[t]).is_some());
        if !names_any {
            return Ok(text.clone());
        }
        let mut expansion = Expansion {
            lists,
            lists_texts: self,
            out: Text::default(),
            eat: false,
            after_list: false,
        };
        expansion.outer(text)?;
        Ok(expansion.out)
    }
}

fn join(items: &[Arc<Scalar>]) -> String {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        let quote = if needs_quotes(&item.value) { "\"" } else { "" };
        out.push_str(quote);
        out.push_str(&item.value);
        out.push_str(quote);
    }
    out
}

fn is_delimiter(byte: u8) -> bool {
    (is_blank(byte) && byte != 8) || matches!(byte, b'(' | b')' | b',' | b'=')
}

/// Ranges between delimiters, blanks excluded.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
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

struct Expansion<'a> {
    lists: &'a Table<ListDef>,
    lists_texts: &'a mut ListTexts,
    out: Text,
    /// An empty list at the start asks for the next comma to go.
    eat: bool,
    /// A list was just written: blanks that follow go with its name.
    after_list: bool,
}

impl Expansion<'_> {
    /// Expands the condition itself: what is not a list keeps its origin.
    fn outer(&mut self, text: &Text) -> Result<(), String> {
        let mut done = 0;
        for token in tokens(text.as_str()) {
            let Some(list) = self.lists.position(&text.as_str()[token.clone()]) else {
                continue;
            };
            self.between(text.as_str(), done..token.start, |out, range| {
                out.push_text(text, range)
            });
            let Some((scalar, offset)) = text.origin(token.start) else {
                continue;
            };
            let scalar = Arc::clone(scalar);
            self.list(list, &scalar, offset, 0)?;
            done = token.end;
        }
        self.between(text.as_str(), done..text.len(), |out, range| {
            out.push_text(text, range)
        });
        Ok(())
    }

    /// Copies text between two lists, without the comma that an empty list took.
    fn between(
        &mut self,
        text: &str,
        mut range: Range<usize>,
        mut copy: impl FnMut(&mut Text, Range<usize>),
    ) {
        let part = &text[range.clone()];
        let trimmed = part.trim_start_matches(BLANKS);
        if self.after_list {
            range.start = range.end - trimmed.len();
        }
        if !trimmed.is_empty() {
            range.start += usize::from(self.eat && trimmed.starts_with(','));
            self.eat = false;
            self.after_list = false;
        }
        copy(&mut self.out, range);
    }

    /// Writes the items of a list, expanding later lists among them.
    fn list(
        &mut self,
        list: usize,
        scalar: &Arc<Scalar>,
        offset: usize,
        depth: usize,
    ) -> Result<(), String> {
        self.lists_texts.used.insert(list);
        let name = &self.lists.as_slice()[list].name;
        if depth >= MAX_LIST_DEPTH {
            return Err(format!(
                "list '{name}' nests more than {MAX_LIST_DEPTH} lists"
            ));
        }
        // The blanks around the name go with it.
        let kept = self.out.as_str().trim_end_matches(BLANKS).len();
        self.out.truncate(kept);
        let text = std::mem::take(&mut self.lists_texts.texts[list]);
        let result = self.list_text(&text, list, scalar, offset, depth);
        let too_long = self.out.len() > MAX_EXPANDED_BYTES;
        let is_empty = text.is_empty();
        self.lists_texts.texts[list] = text;
        if is_empty {
            self.take_comma();
        }
        if too_long {
            return Err(format!(
                "list '{name}' makes the condition longer than 64 MiB"
            ));
        }
        result
    }

    fn list_text(
        &mut self,
        text: &str,
        list: usize,
        scalar: &Arc<Scalar>,
        offset: usize,
        depth: usize,
    ) -> Result<(), String> {
        self.out.push_made(" ", scalar, offset);
        self.after_list = false;
        let mut done = 0;
        for token in tokens(text) {
            let later = self
                .lists
                .position(&text[token.clone()])
                .filter(|&inner| inner > list);
            let Some(inner) = later else { continue };
            self.between(text, done..token.start, |out, range| {
                out.push_made(&text[range], scalar, offset);
            });
            self.list(inner, scalar, offset, depth + 1)?;
            done = token.end;
        }
        self.between(text, done..text.len(), |out, range| {
            out.push_made(&text[range], scalar, offset);
        });
        self.out.push_made(" ", scalar, offset);
        self.after_list = true;
        Ok(())
    }

    /// An empty list takes the comma on its left with it, or else the one on its right.
    fn take_comma(&mut self) {
        let kept = self.out.as_str().trim_end_matches(BLANKS);
        match kept.strip_suffix(',') {
            Some(before) => {
                let len = before.len();
                self.out.truncate(len);
            }
            None => self.eat = true,
        }
    }
}
