//! The tree of a condition before types are known (rules-spec B1).
//!
//! Every `at` is a byte offset in the parsed text.

use std::sync::Arc;

/// Operators of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=` and `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `contains`
    Contains,
    /// `icontains`
    Icontains,
    /// `bcontains`
    Bcontains,
    /// `startswith`
    Startswith,
    /// `bstartswith`
    Bstartswith,
    /// `endswith`
    Endswith,
    /// `glob`
    Glob,
    /// `iglob`
    Iglob,
    /// `regex`
    Regex,
    /// `in`
    In,
    /// `intersects`
    Intersects,
    /// `pmatch`
    Pmatch,
    /// `exists`
    Exists,
}

impl Op {
    /// All operators, longest spelling first where one is a prefix of another.
    pub const ALL: [Op; 19] = [
        Op::Eq,
        Op::Ne,
        Op::Le,
        Op::Lt,
        Op::Ge,
        Op::Gt,
        Op::Contains,
        Op::Icontains,
        Op::Bcontains,
        Op::Startswith,
        Op::Bstartswith,
        Op::Endswith,
        Op::Glob,
        Op::Iglob,
        Op::Regex,
        Op::Intersects,
        Op::In,
        Op::Pmatch,
        Op::Exists,
    ];

    /// The spelling in conditions.
    pub fn name(self) -> &'static str {
        match self {
            Op::Eq => "=",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::Contains => "contains",
            Op::Icontains => "icontains",
            Op::Bcontains => "bcontains",
            Op::Startswith => "startswith",
            Op::Bstartswith => "bstartswith",
            Op::Endswith => "endswith",
            Op::Glob => "glob",
            Op::Iglob => "iglob",
            Op::Regex => "regex",
            Op::In => "in",
            Op::Intersects => "intersects",
            Op::Pmatch => "pmatch",
            Op::Exists => "exists",
        }
    }

    /// The operator spelt `name`; `==` is `=`.
    pub fn from_name(name: &str) -> Option<Op> {
        if name == "==" {
            return Some(Op::Eq);
        }
        Op::ALL.into_iter().find(|op| op.name() == name)
    }

    /// `< <= > >=`
    pub fn is_order(self) -> bool {
        matches!(self, Op::Lt | Op::Le | Op::Gt | Op::Ge)
    }

    /// `in`, `intersects`, `pmatch`
    pub fn is_list(self) -> bool {
        matches!(self, Op::In | Op::Intersects | Op::Pmatch)
    }

    /// Operators that take one value, and so a modifier with several.
    pub fn is_value(self) -> bool {
        !self.is_order() && !self.is_list() && self != Op::Exists
    }
}

/// How many of the listed values must satisfy the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// Exactly one.
    OneOf,
    /// At least one.
    AnyOf,
    /// Every one; false for an empty list.
    AllOf,
}

impl Modifier {
    /// The modifier spelt `name`.
    pub fn from_name(name: &str) -> Option<Modifier> {
        match name {
            "oneof" => Some(Modifier::OneOf),
            "anyof" => Some(Modifier::AnyOf),
            "allof" => Some(Modifier::AllOf),
            _ => None,
        }
    }
}

/// Functions over fields (rules-spec B7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transformer {
    /// `tolower(f)`
    ToLower,
    /// `toupper(f)`
    ToUpper,
    /// `b64(f)`: decode
    B64,
    /// `basename(f)`
    Basename,
    /// `len(f)`
    Len,
    /// `join(separator, list)`
    Join,
    /// `concat(a, b, ...)`
    Concat,
    /// `getopt(list, "optstring")[x]`
    Getopt,
}

impl Transformer {
    const ALL: [Transformer; 8] = [
        Transformer::ToLower,
        Transformer::ToUpper,
        Transformer::B64,
        Transformer::Basename,
        Transformer::Len,
        Transformer::Join,
        Transformer::Concat,
        Transformer::Getopt,
    ];

    /// The spelling in conditions.
    pub fn name(self) -> &'static str {
        match self {
            Transformer::ToLower => "tolower",
            Transformer::ToUpper => "toupper",
            Transformer::B64 => "b64",
            Transformer::Basename => "basename",
            Transformer::Len => "len",
            Transformer::Join => "join",
            Transformer::Concat => "concat",
            Transformer::Getopt => "getopt",
        }
    }

    /// The transformer spelt `name`.
    pub fn from_name(name: &str) -> Option<Transformer> {
        Transformer::ALL.into_iter().find(|t| t.name() == name)
    }

    /// All spellings, for hints.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Transformer::ALL.into_iter().map(Transformer::name)
    }
}

/// A literal after unescaping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Its bytes as text; `\xHH` above 7f may make them invalid UTF-8.
    pub bytes: Vec<u8>,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Where it begins.
    pub at: usize,
}

impl Word {
    /// The literal as text for messages.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// The values of a list that rules files define, shared by all conditions that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedWords {
    /// Which list, by the number its owner gave it.
    pub list: usize,
    /// The values; each `at` is an offset in the joined text of the list.
    pub words: Vec<Word>,
}

/// Values between parentheses: written there, or those of a list named there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPart {
    /// One value.
    Word(Word),
    /// All values of a list.
    Shared {
        /// The values.
        words: Arc<SharedWords>,
        /// Where the list is named.
        at: usize,
    },
}

/// A list of literals on the right-hand side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValueList {
    /// Its parts in order.
    pub parts: Vec<ListPart>,
}

impl ValueList {
    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &Word> {
        self.parts.iter().flat_map(|part| match part {
            ListPart::Word(word) => std::slice::from_ref(word).iter(),
            ListPart::Shared { words, .. } => words.words.iter(),
        })
    }
}

/// A field, a literal or a transformer over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// `proc.aname[2]`
    Field {
        /// Name without argument.
        name: String,
        /// Text between the brackets.
        arg: Option<String>,
        /// Where it begins.
        at: usize,
    },
    /// A quoted string or a number as an argument.
    Literal(Word),
    /// A list as an argument.
    List {
        /// Its elements.
        items: Vec<Operand>,
        /// Where it begins.
        at: usize,
    },
    /// A transformer.
    Call {
        /// Which.
        function: Transformer,
        /// Its arguments.
        args: Vec<Operand>,
        /// Text between brackets after it, for `getopt`.
        option: Option<String>,
        /// Where it begins.
        at: usize,
    },
}

impl Operand {
    /// Where it begins.
    pub fn at(&self) -> usize {
        match self {
            Operand::Field { at, .. } | Operand::List { at, .. } | Operand::Call { at, .. } => *at,
            Operand::Literal(word) => word.at,
        }
    }
}

/// The right-hand side of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhs {
    /// `exists` has none.
    Nothing,
    /// One literal.
    Value(Word),
    /// A list of literals.
    List(ValueList),
    /// `val(field)` or a transformer.
    Operand(Operand),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Left-hand side.
    pub lhs: Operand,
    /// Operator.
    pub op: Op,
    /// Where the operator stands.
    pub op_at: usize,
    /// `oneof`, `anyof`, `allof`.
    pub modifier: Option<Modifier>,
    /// Right-hand side.
    pub rhs: Rhs,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All hold; two or more.
    And(Vec<Expr>),
    /// One holds; two or more.
    Or(Vec<Expr>),
    /// The other does not hold.
    Not(Box<Expr>),
    /// A macro by name.
    Macro {
        /// Name.
        name: String,
        /// Where it stands.
        at: usize,
    },
    /// A comparison.
    Check(Box<Check>),
}

impl Expr {
    /// Calls `visit` for every macro reference.
    pub fn each_macro<'a>(&'a self, visit: &mut dyn FnMut(&'a str, usize)) {
        match self {
            Expr::And(items) | Expr::Or(items) => {
                items.iter().for_each(|item| item.each_macro(visit));
            }
            Expr::Not(inner) => inner.each_macro(visit),
            Expr::Macro { name, at } => visit(name, *at),
            Expr::Check(_) => {}
        }
    }
}
