//! YAML as a tree whose every node knows its bytes in the file.
//!
//! The tree keeps scalars as text: whether `0.10` is a number is for the reader of the key to say.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use rustc_hash::FxHashMap;

use crate::source::{FileId, Scalar, Style};

/// Most nodes one file may have after its aliases are followed; stops alias bombs.
pub const MAX_NODES: usize = 2_500_000;
/// Most syntax errors of one file; reading ends there.
const MAX_SYNTAX_ERRORS: usize = 100;

/// A YAML node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its bytes in the file; for collections only the start is exact.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// Text in any style.
    Scalar(Arc<Scalar>),
    /// A sequence; aliases share it.
    Seq(Arc<[Node]>),
    /// A map, in file order; aliases share it.
    Map(Arc<[(Node, Node)]>),
}

impl Node {
    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Arc<Scalar>> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Text of the scalar, if it is one.
    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.value.as_str())
    }

    /// The elements, if it is a sequence.
    pub fn elements(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value of a key, if it is a map; the first one wins.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else {
            return None;
        };
        entries
            .iter()
            .find(|(name, _)| name.text() == Some(key))
            .map(|(_, value)| value)
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// A boolean in the spelling of YAML 1.1 (`yes`, `on`, `y`, ...): in small letters, in capitals,
    /// or with the first one a capital.
    pub fn as_bool(&self) -> Option<bool> {
        let text = self.text()?;
        let tail = text.get(1..)?;
        let small = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase());
        let capitals = text.bytes().all(|b| b.is_ascii_uppercase());
        if !capitals && !small(tail) {
            return None;
        }
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }
}

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the file.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

/// The documents of a file; after a syntax error reading goes on with the next document.
#[derive(Debug, Default)]
pub struct Documents {
    /// Roots of the documents that could be read.
    pub roots: Vec<Node>,
    /// Syntax errors.
    pub errors: Vec<SyntaxError>,
}

/// Reads all documents of `text`.
pub fn parse(file: FileId, text: &str) -> Documents {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder {
        file,
        nodes_left: MAX_NODES,
        ..Builder::default()
    };
    let mut errors = Vec::new();
    while let Some(next) = parser.next_event() {
        let result = match next {
            Ok((event, span)) => {
                let range = span.byte_range().unwrap_or(0..0);
                builder.event(event, range).map(|()| true)
            }
            Err(error) => {
                errors.push(syntax_error(&error, text.len()));
                builder.abandon();
                let go_on = errors.len() < MAX_SYNTAX_ERRORS;
                Ok(go_on && parser.proceed_next_document().unwrap_or(false))
            }
        };
        match result {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                errors.push(error);
                break;
            }
        }
    }
    Documents {
        roots: builder.roots,
        errors,
    }
}

fn syntax_error(error: &ScanError, len: usize) -> SyntaxError {
    let offset = error.marker().byte_offset().unwrap_or(len).min(len);
    SyntaxError {
        offset,
        message: error.info(),
    }
}

/// What a collection has so far.
enum Parts {
    Seq(Vec<Node>),
    /// With the key that waits for its value.
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// A collection that is still open.
struct Open {
    start: usize,
    anchor: usize,
    parts: Parts,
    /// Nodes in it, itself included.
    count: usize,
}

impl Open {
    fn new(start: usize, anchor: usize, parts: Parts) -> Self {
        Self {
            start,
            anchor,
            parts,
            count: 1,
        }
    }

    fn close(self, end: usize) -> Node {
        let kind = match self.parts {
            Parts::Seq(elements) => Kind::Seq(elements.into()),
            Parts::Map(entries, _) => Kind::Map(entries.into()),
        };
        Node {
            span: self.start..end,
            kind,
        }
    }
}

struct Builder {
    file: FileId,
    roots: Vec<Node>,
    open: Vec<Open>,
    anchors: FxHashMap<usize, (Node, usize)>,
    nodes_left: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            file: FileId(0),
            roots: Vec::new(),
            open: Vec::new(),
            anchors: FxHashMap::default(),
            nodes_left: 0,
        }
    }
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.spend(1, span.start)?;
                let is_null = tag.is_none() && is_null(&value, style);
                let kind = if is_null {
                    Kind::Null
                } else {
                    let (value, style) = (value.into_owned(), scalar_style(style));
                    Kind::Scalar(Arc::new(Scalar::new(value, style, self.file, span.clone())))
                };
                self.add(Node { span, kind }, anchor, 1);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.spend(1, span.start)?;
                let parts = Parts::Seq(Vec::new());
                self.open.push(Open::new(span.start, anchor, parts));
            }
            Event::MappingStart(_, anchor, _) => {
                self.spend(1, span.start)?;
                let parts = Parts::Map(Vec::new(), None);
                self.open.push(Open::new(span.start, anchor, parts));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let (anchor, count) = (open.anchor, open.count);
                    self.add(open.close(span.end), anchor, count);
                }
            }
            Event::Alias(anchor) => {
                let Some((node, count)) = self.anchors.get(&anchor).cloned() else {
                    let message = "alias refers to a node that contains it".to_owned();
                    return Err(SyntaxError {
                        offset: span.start,
                        message,
                    });
                };
                // Shared, but whoever walks the tree meets them all.
                self.spend(count, span.start)?;
                self.add(node, 0, count);
            }
            _ => {}
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize, offset: usize) -> Result<(), SyntaxError> {
        self.nodes_left = self.nodes_left.checked_sub(nodes).ok_or_else(|| {
            let message = format!("the file has more than {MAX_NODES} YAML nodes");
            SyntaxError { offset, message }
        })?;
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize, count: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), count));
        }
        let Some(parent) = self.open.last_mut() else {
            self.roots.push(node);
            return;
        };
        parent.count += count;
        match &mut parent.parts {
            Parts::Map(entries, key) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
            Parts::Seq(elements) => elements.push(node),
        }
    }

    /// Drops the document that was being read, but keeps the finished top-level items of it so
    /// that their own errors are reported together with the syntax error.
    fn abandon(&mut self) {
        self.anchors.clear();
        let root = self.open.drain(..).next().map(|open| open.close(0));
        self.roots
            .extend(root.filter(|node| matches!(node.kind, Kind::Seq(_))));
    }
}

fn is_null(value: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

fn scalar_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}
