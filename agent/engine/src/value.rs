//! Values that fields yield and the types the rule language knows.

use std::net::IpAddr;

/// The type of a field's value, which decides the operators it admits and how a literal on the
/// right-hand side is read (rules-spec B3, B4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Signed integer: return values, pids, fds.
    Int,
    /// Unsigned integer: uids, flags, sizes.
    Uint,
    /// `true` or `false`.
    Bool,
    /// Text, compared as bytes (names in Linux need not be UTF-8).
    Str,
    /// Raw bytes.
    Bytes,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An IPv4 or IPv6 network; the event supplies an address, the rule a prefix.
    Net,
    /// A TCP or UDP port; literals may be digits or a service name.
    Port,
    /// A span of time in nanoseconds.
    RelTime,
    /// A point in time, nanoseconds since the epoch.
    AbsTime,
    /// A floating-point number.
    Double,
}

/// One value of a field, borrowed from the event or the state. `Copy`: extraction allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// [`ValueType::Int`] and [`ValueType::RelTime`].
    Int(i64),
    /// [`ValueType::Uint`], [`ValueType::Port`] and [`ValueType::AbsTime`].
    Uint(u64),
    /// [`ValueType::Bool`].
    Bool(bool),
    /// [`ValueType::Str`] and [`ValueType::Bytes`].
    Bytes(&'a [u8]),
    /// [`ValueType::Ip`] and [`ValueType::Net`].
    Ip(IpAddr),
    /// [`ValueType::Double`].
    Double(f64),
}

/// A value that borrows nothing, for events that are written down or made up.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
    /// As [`Value::Int`].
    Int(i64),
    /// As [`Value::Uint`].
    Uint(u64),
    /// As [`Value::Bool`].
    Bool(bool),
    /// As [`Value::Bytes`].
    Bytes(Vec<u8>),
    /// As [`Value::Ip`].
    Ip(IpAddr),
    /// As [`Value::Double`].
    Double(f64),
}

impl OwnedValue {
    /// A text.
    pub fn text(text: &str) -> Self {
        OwnedValue::Bytes(text.as_bytes().to_vec())
    }

    /// The value as fields yield it.
    pub fn value(&self) -> Value<'_> {
        match self {
            OwnedValue::Int(value) => Value::Int(*value),
            OwnedValue::Uint(value) => Value::Uint(*value),
            OwnedValue::Bool(value) => Value::Bool(*value),
            OwnedValue::Bytes(value) => Value::Bytes(value),
            OwnedValue::Ip(value) => Value::Ip(*value),
            OwnedValue::Double(value) => Value::Double(*value),
        }
    }
}
