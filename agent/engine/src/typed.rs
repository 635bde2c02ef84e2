//! The tree of a condition after type checking: fields resolved, literals converted, macros shared.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ipnet::IpNet;

use crate::ast::{Modifier, Op, Transformer};
use crate::schema::{Arity, FieldRef};
use crate::value::ValueType;

/// A right-hand literal in the type of its field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Literal {
    /// For [`ValueType::Int`], [`ValueType::RelTime`] and [`ValueType::Double`].
    Int(i64),
    /// For [`ValueType::Uint`], [`ValueType::Port`] and [`ValueType::AbsTime`].
    Uint(u64),
    /// For [`ValueType::Bool`].
    Bool(bool),
    /// For [`ValueType::Str`] and [`ValueType::Bytes`].
    Bytes(Box<[u8]>),
    /// For [`ValueType::Ip`].
    Ip(IpAddr),
    /// For [`ValueType::Net`].
    Net(IpNet),
}

/// Something that yields values: a field, a literal argument, or a transformer over them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// A field.
    Field {
        /// Handle.
        field: FieldRef,
        /// Type of one value.
        ty: ValueType,
        /// Number of values.
        arity: Arity,
        /// Cost of extraction.
        cost: u8,
    },
    /// A literal argument of a transformer.
    Literal(Box<[u8]>),
    /// A list written as an argument.
    List(Vec<Term>),
    /// A transformer.
    Call {
        /// Which.
        function: Transformer,
        /// Arguments, checked.
        args: Vec<Term>,
        /// The option letter of `getopt(...)[x]`.
        option: Option<u8>,
        /// Type of the result.
        ty: ValueType,
        /// [`Arity::One`] or [`Arity::List`].
        arity: Arity,
    },
}

impl Term {
    /// Type of one value.
    pub fn ty(&self) -> ValueType {
        match self {
            Term::Field { ty, .. } | Term::Call { ty, .. } => *ty,
            Term::Literal(_) | Term::List(_) => ValueType::Str,
        }
    }

    /// Whether `!=` holds of a term that is there and has no value: what has no address is in no network; of an
    /// address that is not there nothing is said (rules-spec D4).
    pub(crate) fn differs_without_value(&self) -> bool {
        self.arity() == Arity::Ends && self.ty() == ValueType::Net
    }

    /// Number of values.
    pub fn arity(&self) -> Arity {
        match self {
            Term::Field { arity, .. } | Term::Call { arity, .. } => *arity,
            Term::Literal(_) => Arity::One,
            Term::List(_) => Arity::List,
        }
    }

    /// Relative cost of evaluation.
    pub fn cost(&self) -> u32 {
        match self {
            Term::Field { cost, .. } => u32::from(*cost),
            Term::Literal(_) => 0,
            Term::List(items) => items.iter().map(Term::cost).sum(),
            Term::Call { args, .. } => 5 + args.iter().map(Term::cost).sum::<u32>(),
        }
    }

    /// Shows `see` every field in it.
    pub fn fields(&self, see: &mut dyn FnMut(FieldRef)) {
        match self {
            Term::Field { field, .. } => see(*field),
            Term::Literal(_) => {}
            Term::List(items) | Term::Call { args: items, .. } => {
                items.iter().for_each(|item| item.fields(see));
            }
        }
    }

    /// The handle, if it is a plain field.
    pub fn field(&self) -> Option<FieldRef> {
        match self {
            Term::Field { field, .. } => Some(*field),
            _ => None,
        }
    }
}

/// Literals of one comparison. Large sets are shared by many comparisons and compared and hashed
/// often, so equal ones are told apart by a fingerprint first.
#[derive(Debug, Clone, Eq)]
pub struct Literals {
    items: Arc<[Literal]>,
    fingerprint: u64,
}

impl Literals {
    fn new(items: Arc<[Literal]>) -> Self {
        let mut hasher = rustc_hash::FxHasher::default();
        items.hash(&mut hasher);
        let fingerprint = hasher.finish();
        Self { items, fingerprint }
    }
}

impl Deref for Literals {
    type Target = [Literal];

    fn deref(&self) -> &[Literal] {
        &self.items
    }
}

impl From<Vec<Literal>> for Literals {
    fn from(items: Vec<Literal>) -> Self {
        Self::new(items.into())
    }
}

impl<const N: usize> From<[Literal; N]> for Literals {
    fn from(items: [Literal; N]) -> Self {
        Self::new(items.into())
    }
}

impl PartialEq for Literals {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
            && (Arc::ptr_eq(&self.items, &other.items) || self.items == other.items)
    }
}

impl Hash for Literals {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fingerprint);
    }
}

/// Right-hand side of a predicate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Side {
    /// `exists` has none.
    Nothing,
    /// One literal, or several with a list operator or a modifier.
    Literals(Literals),
    /// `val(field)` or a transformer.
    Term(Term),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Predicate {
    /// Left-hand side.
    pub lhs: Term,
    /// Operator.
    pub op: Op,
    /// How many of the literals must satisfy it.
    pub modifier: Option<Modifier>,
    /// Right-hand side.
    pub rhs: Side,
}

impl Predicate {
    /// The texts it compares with.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let literals = match &self.rhs {
            Side::Literals(literals) => &literals[..],
            Side::Nothing | Side::Term(_) => &[],
        };
        literals.iter().filter_map(|literal| match literal {
            Literal::Bytes(text) => Some(&**text),
            _ => None,
        })
    }

    /// Shows `see` every field that the comparison looks at.
    pub fn fields(&self, see: &mut dyn FnMut(FieldRef)) {
        self.lhs.fields(see);
        if let Side::Term(term) = &self.rhs {
            term.fields(see);
        }
    }
}

/// A condition. Bodies of macros are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// All hold.
    And(Vec<Arc<Condition>>),
    /// One holds.
    Or(Vec<Arc<Condition>>),
    /// The other does not hold.
    Not(Arc<Condition>),
    /// A comparison.
    Check(Arc<Predicate>),
}

impl Condition {
    /// Shows `see` every comparison.
    pub fn predicates(&self, see: &mut dyn FnMut(&Predicate)) {
        match self {
            Self::And(items) | Self::Or(items) => {
                items.iter().for_each(|item| item.predicates(see))
            }
            Self::Not(inner) => inner.predicates(see),
            Self::Check(predicate) => see(predicate),
        }
    }
}

/// A condition with its size, as if macros were written out.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The condition.
    pub condition: Arc<Condition>,
    /// Number of nodes, saturating.
    pub nodes: usize,
    /// Longest path from the root.
    pub depth: usize,
}
