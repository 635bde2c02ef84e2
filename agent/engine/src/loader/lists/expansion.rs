//! Writing lists into a text, with Falco's treatment of blanks and of empty lists.

use std::ops::Range;
use std::sync::Arc;

use crate::loader::lists::{
    Expanded, Insert, Lists, MAX_LIST_DEPTH, MAX_WEIGHT, Shared, joined, tokens,
};
use crate::parser::LIST_MARK;
use crate::source::{Scalar, Text};

/// What may stand around the name of a list.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A text that is being put together.
pub(super) struct Expansion<'e, 'a> {
    lists: &'e mut Lists<'a>,
    /// Marks stand for lists that are sequences of values.
    marks: bool,
    out: Expanded,
    /// An empty list at the start asks for the next comma to go.
    eat: bool,
    /// A list was just written: blanks that follow go with its name.
    after_list: bool,
}

impl<'e, 'a> Expansion<'e, 'a> {
    pub(super) fn new(lists: &'e mut Lists<'a>, marks: bool) -> Self {
        Self {
            lists,
            marks,
            out: Expanded::default(),
            eat: false,
            after_list: false,
        }
    }

    pub(super) fn finish(self) -> Expanded {
        self.out
    }

    /// Expands the condition itself.
    pub(super) fn outer(&mut self, text: &Text) -> Result<(), String> {
        self.tokens(text, None, 0)
    }

    /// Writes the items of one list.
    pub(super) fn whole(&mut self, list: usize) -> Result<(), String> {
        self.items(list, 0).map(drop)
    }

    /// Copies a text and writes the lists it names; inside the items of a list, later ones only.
    fn tokens(&mut self, text: &Text, inside: Option<usize>, depth: usize) -> Result<(), String> {
        let source = text.as_str();
        let mut done = 0;
        for token in tokens(source) {
            let list = self.lists.table.position(&source[token.clone()]);
            let Some(list) = list.filter(|&list| inside.is_none_or(|outer| list > outer)) else {
                continue;
            };
            let Some((scalar, offset)) = text.origin(token.start) else {
                continue;
            };
            let name = (Arc::clone(scalar), offset);
            self.between(text, done..token.start);
            self.list(list, name, depth)?;
            done = token.end;
        }
        self.between(text, done..text.len());
        Ok(())
    }

    /// Copies text between two lists, without the comma that an empty list took.
    fn between(&mut self, text: &Text, mut range: Range<usize>) {
        let part = &text.as_str()[range.clone()];
        let trimmed = part.trim_start_matches(BLANKS);
        if self.after_list {
            range.start = range.end - trimmed.len();
        }
        if !trimmed.is_empty() {
            range.start += usize::from(self.eat && trimmed.starts_with(','));
            self.eat = false;
            self.after_list = false;
        }
        self.out.text.push_text(text, range);
    }

    /// Writes a list in place of its name.
    fn list(
        &mut self,
        list: usize,
        name: (Arc<Scalar>, usize),
        depth: usize,
    ) -> Result<(), String> {
        self.lists.used.insert(list);
        // The blanks around the name go with it.
        let kept = self.out.text.as_str().trim_end_matches(BLANKS).len();
        self.out.text.truncate(kept);
        let words = match self.marks && depth == 0 {
            false => None,
            true => match self.lists.shared(list) {
                Shared::Words(words) => Some(words),
                Shared::Text => None,
                Shared::TooLong(message) => return Err(message),
            },
        };
        self.out.text.push_made(" ", &name.0, name.1);
        self.after_list = false;
        let at = self.out.text.len();
        let insert = self.out.inserts.len();
        if depth == 0 {
            self.out.inserts.push(Insert {
                at,
                len: 0,
                list,
                name: name.clone(),
                words: words.clone(),
            });
        }
        let empty = if words.is_some() {
            let mark = LIST_MARK.encode_utf8(&mut [0; 4]).to_owned();
            self.out.text.push_made(&mark, &name.0, name.1);
            false
        } else {
            self.items(list, depth)?
        };
        let end = self.out.text.len();
        self.out.text.push_made(" ", &name.0, name.1);
        self.after_list = true;
        if depth == 0 {
            self.out.inserts[insert].len = end.saturating_sub(at);
        }
        if empty {
            self.take_comma();
        }
        Ok(())
    }

    /// Writes the items of a list, expanding later lists among them; tells whether it has none.
    fn items(&mut self, list: usize, depth: usize) -> Result<bool, String> {
        let name = &self.lists.def(list).name;
        if depth >= MAX_LIST_DEPTH {
            return Err(format!(
                "list '{name}' nests more than {MAX_LIST_DEPTH} lists"
            ));
        }
        let left = MAX_WEIGHT.saturating_sub(self.out.text.weight());
        let limit = left.min(self.lists.weight_left);
        let items = joined(self.lists, list, limit)?;
        self.lists.weight_left -= items.weight();
        let empty = items.is_empty();
        let source = items.as_str();
        let later = |token| {
            self.lists
                .table
                .position(&source[token])
                .is_some_and(|l| l > list)
        };
        if self.out.text.is_empty() && !tokens(source).any(later) {
            self.out.text = items;
        } else {
            self.tokens(&items, Some(list), depth + 1)?;
        }
        Ok(empty)
    }

    /// An empty list takes the comma on its left with it, or else the one on its right.
    fn take_comma(&mut self) {
        let kept = self.out.text.as_str().trim_end_matches(BLANKS);
        match kept.strip_suffix(',') {
            Some(before) => {
                let len = before.len();
                self.out.text.truncate(len);
            }
            None => self.eat = true,
        }
    }
}
