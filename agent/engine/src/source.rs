//! Rules files as text, and the way back from a byte of a condition to a line and column.
//!
//! A condition is rarely one stretch of the file: block scalars are folded, lists are substituted,
//! `append` and exceptions add text. [`Text`] remembers for every byte which YAML scalar it came
//! from, and [`Scalar::source_offset`] finds that byte in the file.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Longest source line shown in a diagnostic, in characters.
const SNIPPET_CHARS: usize = 160;
/// Every so many bytes of a file, or of a long scalar, the way there is remembered: many errors in
/// one long line must not each walk it from its start.
const STRIDE: usize = 4096;

/// Index of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A byte of a rules file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locus {
    /// The file.
    pub file: FileId,
    /// Byte offset from its start.
    pub offset: usize,
}

/// A place as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte offset, from 0.
    pub offset: usize,
}

/// One rules file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Name as given by the caller.
    pub name: String,
    /// Its text; invalid UTF-8 has been replaced.
    pub text: String,
    line_starts: Vec<usize>,
    /// Characters before every [`STRIDE`]th byte.
    chars_before: Vec<usize>,
}

impl SourceFile {
    /// Indexes the lines of `text`.
    pub fn new(name: impl Into<String>, text: String) -> Self {
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        let chars_before = text
            .as_bytes()
            .chunks(STRIDE)
            .scan(0, |chars, chunk| {
                let before = *chars;
                *chars += count_chars(chunk);
                Some(before)
            })
            .collect();
        Self {
            name: name.into(),
            text,
            line_starts,
            chars_before,
        }
    }

    /// Characters before a byte offset.
    fn chars_to(&self, offset: usize) -> usize {
        let stride = (offset / STRIDE).min(self.chars_before.len().saturating_sub(1));
        let before = self.chars_before.get(stride).copied().unwrap_or(0);
        before + count_chars(&self.text.as_bytes()[stride * STRIDE..offset])
    }

    /// Line and column of a byte offset; past the end means the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = floor_char(&self.text, offset);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let column = self.chars_to(offset) - self.chars_to(self.line_starts[line - 1]) + 1;
        Position {
            line,
            column,
            offset,
        }
    }

    /// The line around `offset`, cut to [`SNIPPET_CHARS`], and below it a caret.
    pub fn snippet(&self, offset: usize) -> String {
        let position = self.position(offset);
        let half = SNIPPET_CHARS / 2;
        let before = &self.text[self.line_starts[position.line - 1]..position.offset];
        let after = &self.text[position.offset..];
        let mut shown = String::new();
        let mut pad = String::new();
        let from = match before.char_indices().rev().nth(half - 1) {
            Some((from, _)) if from > 0 => {
                shown.push_str("...");
                pad.push_str("   ");
                from
            }
            _ => 0,
        };
        shown.push_str(&before[from..]);
        pad.extend(
            before[from..]
                .chars()
                .map(|c| if c == '\t' { '\t' } else { ' ' }),
        );
        let mut rest = after.chars();
        let shown_after = rest.by_ref().take(half).take_while(|&c| c != '\n');
        let kept: String = shown_after.collect();
        let cut =
            kept.chars().count() == half && rest.next().is_some_and(|c| c != '\n' && c != '\r');
        shown.push_str(kept.trim_end_matches('\r'));
        if cut {
            shown.push_str("...");
        }
        format!("{shown}\n{pad}^")
    }
}

/// Characters that begin in some bytes of a UTF-8 text.
fn count_chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

/// All files of one load.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, file: SourceFile) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(file);
        id
    }

    /// The file of an id handed out by [`Sources::add`].
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    /// Line and column of a byte.
    pub fn position(&self, at: Locus) -> Position {
        self.file(at.file).position(at.offset)
    }
}

/// How a scalar is written in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`.
    SingleQuoted,
    /// `"…"`.
    DoubleQuoted,
    /// `|` and `>`.
    Block,
}

/// A YAML scalar and where it stands.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// Its value after YAML's own unescaping and folding.
    pub value: String,
    /// Its style.
    pub style: Style,
    /// Its file.
    pub file: FileId,
    /// Its bytes in the file, quotes included.
    pub span: Range<usize>,
    /// Offsets in the value and the file every [`STRIDE`] bytes, made when one is asked for.
    marks: OnceLock<Box<[(u32, u32)]>>,
}

impl Scalar {
    /// A scalar with the bytes `span` of a file.
    pub fn new(value: String, style: Style, file: FileId, span: Range<usize>) -> Self {
        Self {
            value,
            style,
            file,
            span,
            marks: OnceLock::new(),
        }
    }

    /// Byte offset in the file of byte `at` of the value.
    ///
    /// Value and source hold the same visible characters in the same order; only blanks differ
    /// (folding, indentation) and, in quotes, escapes. So both are walked side by side.
    pub fn source_offset(&self, text: &str, at: usize) -> usize {
        let source = text.as_bytes();
        let end = self.span.end.min(source.len());
        if self.value.len() <= STRIDE {
            return self.walk(source, (0, self.first(end)), |value_at, _| value_at >= at);
        }
        let marks = self.marks.get_or_init(|| {
            let mut marks = Vec::new();
            self.walk(source, (0, self.first(end)), |value_at, from| {
                if value_at >= marks.len() * STRIDE {
                    // Files are far below 4 GiB.
                    marks.push((value_at as u32, from as u32));
                }
                false
            });
            marks.into()
        });
        let last = marks.partition_point(|&(value_at, _)| value_at as usize <= at);
        let start = last.checked_sub(1).map(|last| marks[last]);
        let start = start.map_or((0, self.first(end)), |(v, s)| (v as usize, s as usize));
        self.walk(source, start, |value_at, _| value_at >= at)
    }

    /// Where the value begins in the source.
    fn first(&self, end: usize) -> usize {
        let quoted = matches!(self.style, Style::SingleQuoted | Style::DoubleQuoted);
        (self.span.start + usize::from(quoted)).min(end)
    }

    /// Walks value and source from a pair of offsets until `stop`, which gets the offset in the
    /// value and where its walk in the source stands; returns where the character begins.
    fn walk(
        &self,
        source: &[u8],
        (mut value_at, mut from): (usize, usize),
        mut stop: impl FnMut(usize, usize) -> bool,
    ) -> usize {
        let end = self.span.end.min(source.len());
        for c in self.value[value_at..].chars() {
            let unit = self.unit_at(source, from, end, c);
            if stop(value_at, from) {
                return unit.start.min(end);
            }
            from = unit.end;
            value_at += c.len_utf8();
        }
        from.min(end)
    }

    /// Bytes of the source that stand for the value's next character `c`, at or after `from`.
    fn unit_at(&self, source: &[u8], mut from: usize, end: usize, c: char) -> Range<usize> {
        let double = self.style == Style::DoubleQuoted;
        if double {
            from = skip_continuation(source, from, end);
            if source.get(from) == Some(&b'\\') && from < end {
                return from..from + escape_length(source.get(from + 1).copied());
            }
        }
        if is_blank(c) {
            let same = source.get(from).copied() == Some(c as u8) && from < end;
            return from..from + usize::from(same);
        }
        while from < end && is_blank(char::from(source[from])) {
            from += 1;
        }
        if double {
            from = skip_continuation(source, from, end);
            if source.get(from) == Some(&b'\\') && from < end {
                return from..from + escape_length(source.get(from + 1).copied());
            }
        }
        let doubled = self.style == Style::SingleQuoted && c == '\'';
        from..from + if doubled { 2 } else { c.len_utf8() }
    }
}

/// Skips backslash-newline and the blanks after it, which add nothing to a double-quoted value.
fn skip_continuation(source: &[u8], mut from: usize, end: usize) -> usize {
    while from + 1 < end && source[from] == b'\\' && matches!(source[from + 1], b'\n' | b'\r') {
        from += 1;
        while from < end && is_blank(char::from(source[from])) {
            from += 1;
        }
    }
    from
}

/// Length of a YAML escape sequence by the character after the backslash (YAML 1.2, 5.7).
fn escape_length(kind: Option<u8>) -> usize {
    match kind {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The nearest character boundary at or before `offset`.
fn floor_char(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[derive(Debug, Clone)]
struct Segment {
    /// First byte in [`Text::text`].
    at: usize,
    scalar: Arc<Scalar>,
    /// Offset in the scalar's value.
    offset: usize,
    /// Whether bytes follow the scalar one to one, or all stand for that one offset.
    verbatim: bool,
}

/// Text put together from scalars, which still knows where each byte came from.
#[derive(Debug, Clone, Default)]
pub struct Text {
    text: String,
    segments: Vec<Segment>,
}

impl Text {
    /// The whole value of a scalar.
    pub fn of(scalar: &Arc<Scalar>) -> Self {
        let mut text = Self::default();
        text.push(scalar, 0..scalar.value.len());
        text
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// What it takes in memory, roughly: short pieces weigh more than their bytes.
    pub fn weight(&self) -> usize {
        self.text.len() + 8 * self.segments.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Appends bytes `range` of a scalar's value.
    pub fn push(&mut self, scalar: &Arc<Scalar>, range: Range<usize>) {
        let at = self.text.len();
        self.text.push_str(&scalar.value[range.clone()]);
        let scalar = Arc::clone(scalar);
        self.segments.push(Segment {
            at,
            scalar,
            offset: range.start,
            verbatim: true,
        });
    }

    /// Appends text that is not in any file; errors in it point at `offset` of `scalar`.
    pub fn push_made(&mut self, made: &str, scalar: &Arc<Scalar>, offset: usize) {
        let at = self.text.len();
        self.text.push_str(made);
        let same = self.segments.last().is_some_and(|last| {
            !last.verbatim && last.offset == offset && Arc::ptr_eq(&last.scalar, scalar)
        });
        if !same {
            let scalar = Arc::clone(scalar);
            self.segments.push(Segment {
                at,
                scalar,
                offset,
                verbatim: false,
            });
        }
    }

    /// Appends bytes `range` of another text, keeping their origin.
    pub fn push_text(&mut self, other: &Text, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let index = other.segment_index(at);
            let segment = &other.segments[index];
            let next = other
                .segments
                .get(index + 1)
                .map_or(other.text.len(), |s| s.at);
            let end = next.min(range.end);
            if segment.verbatim {
                let from = segment.offset + (at - segment.at);
                self.push(&segment.scalar, from..from + (end - at));
            } else {
                self.push_made(&other.text[at..end], &segment.scalar, segment.offset);
            }
            at = end;
        }
    }

    /// Removes bytes from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
        while self.segments.last().is_some_and(|s| s.at >= len) {
            self.segments.pop();
        }
    }

    /// Origin of byte `at`: its scalar and the offset in that scalar's value.
    pub fn origin(&self, at: usize) -> Option<(&Arc<Scalar>, usize)> {
        let segment = self.segments.get(self.segment_index(at))?;
        let add = if segment.verbatim {
            at.min(self.text.len()) - segment.at
        } else {
            0
        };
        Some((&segment.scalar, segment.offset + add))
    }

    /// Whether byte `at` stands in a scalar as it is, and is not text that was made.
    pub fn is_verbatim(&self, at: usize) -> bool {
        let segment = self.segments.get(self.segment_index(at));
        segment.is_some_and(|segment| segment.verbatim)
    }

    /// The byte of a file that byte `at` came from.
    pub fn locate(&self, sources: &Sources, at: usize) -> Option<Locus> {
        let (scalar, offset) = self.origin(at)?;
        let offset = scalar.source_offset(&sources.file(scalar.file).text, offset);
        Some(Locus {
            file: scalar.file,
            offset,
        })
    }

    fn segment_index(&self, at: usize) -> usize {
        self.segments
            .partition_point(|s| s.at <= at)
            .saturating_sub(1)
    }
}
