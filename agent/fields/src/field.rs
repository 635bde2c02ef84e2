//! How a field is declared: its description for people and its extractor, side by side.

use std::ops::ControlFlow;

use saker_engine::schema::{ArgKind, Arity, FieldInfo, IntFormat, Place};
use saker_engine::value::{Value, ValueType};

use crate::event::EventView;

/// Receives the values of a field until it breaks.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Value<'_>) -> ControlFlow<()>;

/// One value, `None` when absent. The second argument is the field's, as [`Arg`] packs it.
pub(crate) type GetOne = for<'e> fn(&'e EventView<'_>, Arg) -> Option<Value<'e>>;

/// All values; false when absent.
pub(crate) type GetEach = fn(&EventView<'_>, Visit<'_>) -> bool;

/// The argument of a field, packed into [`saker_engine::schema::FieldRef::arg`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arg(pub(crate) u32);

impl Arg {
    /// No argument.
    pub(crate) const NONE: Self = Self(0);
    const INDEX: u32 = 1 << 31;

    pub(crate) fn index(index: u32) -> Self {
        Self(index | Self::INDEX)
    }

    /// A key, interned or the name of a parameter or event.
    pub(crate) fn key(number: u32) -> Self {
        Self(number + 1)
    }

    pub(crate) fn as_index(self) -> Option<usize> {
        (self.0 & Self::INDEX != 0).then_some((self.0 & !Self::INDEX) as usize)
    }

    pub(crate) fn as_key(self) -> Option<u32> {
        if self.0 & Self::INDEX != 0 {
            None
        } else {
            self.0.checked_sub(1)
        }
    }
}

/// What the argument of a field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Numbers only, or none.
    Index,
    /// Any text.
    Text,
    /// A number, else any text.
    IndexOrText,
    /// A number, else a regular expression.
    IndexOrPattern,
    /// A parameter by name or position.
    Param,
    /// An event's name.
    Event,
    /// A key of the configuration's `static_fields`.
    Static,
}

/// Where the values come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extract {
    One(GetOne),
    /// Several values without argument.
    Each(GetEach),
    /// Several values without argument, one with it.
    Both(GetOne, GetEach),
}

/// On which events a field has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// All.
    Every,
    /// System calls.
    AnyCall,
    /// System calls of the table: those with a return value.
    Call,
    /// Those of them that fail.
    FailedCall,
    /// Those with a parameter of that name.
    Parameter,
    /// Calls that read or write.
    Io,
    /// Those of them with data, which may not have been recorded.
    Data,
    /// The same, of a descriptor whose entry is known.
    Moved,
    /// Calls with paths relative to a descriptor.
    PathAt,
    /// Calls with two of them.
    PathsAt,
    /// Successful calls on a path.
    Path,
    /// Successful calls on two.
    Paths,
    /// Calls on a path, successful or not, whose file the kernel has told.
    RealPath,
    /// Those on two.
    RealPaths,
    /// Calls but opens that the kernel has told the file of.
    Acted,
    /// Those about a descriptor.
    Numbered,
    /// Those about a descriptor whose entry is known.
    Descriptor,
    /// The same, of a file or directory; or of an open that failed.
    FileOrDirectory,
    /// The same, of a file.
    File,
    /// Opens that reached a file, and changes of one by its descriptor.
    Reached,
    /// Successful execs.
    Executed,
    /// Those about an inet or unix socket.
    Socket,
    /// Those about an inet socket.
    Inet,
    /// Those about one whose server is known.
    Server,
    /// Those about one of which both ends are known.
    Connection,
    /// The same, with an address of a name in rules.
    NamedEnd,
    /// Those that wait for a list of descriptors.
    Polled,
    /// The same, with connections among them.
    PolledEnd,
    /// Those of a process: all but the kernel's own.
    Process,
    /// The same, when the kernel or a first look has told it.
    Known,
    /// The same, of what the kernel has of every process.
    Certain,
    /// The same, when that descriptor of the process is known.
    Standard,
    /// Those of a process with a parent.
    Parent,
    /// Those of a process with an ancestor of that kind.
    Ancestor,
    /// Those of a process in a container; on the host a constant.
    Metadata,
    /// Those of a process in a container alone.
    Contained,
    /// Those of a process in a pod.
    Pod,
    /// None.
    Never,
}

impl Presence {
    /// For people.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Every => "every event",
            Self::AnyCall => "system calls",
            Self::Call => "system calls of the table",
            Self::FailedCall => "system calls of the table that fail",
            Self::Parameter => "events with that parameter",
            Self::Io => "calls that read or write",
            Self::Data => "reads, writes, sends and receives",
            Self::Moved => "successful calls that read or write a known descriptor",
            Self::PathAt => "calls with a path after a directory descriptor",
            Self::PathsAt => "calls with two paths after directory descriptors",
            Self::Path => "successful calls on one path",
            Self::Paths => "successful calls on two paths",
            Self::RealPath => {
                "calls on one path, also failed ones, of which the driver tells the file"
            }
            Self::RealPaths => {
                "calls on two paths, also failed ones, of which the driver tells the files"
            }
            Self::Acted => {
                "unlink, rename, link, chmod and the like, also failed, where the driver tells the file"
            }
            Self::Numbered => "events about a descriptor, known or not",
            Self::Descriptor => "events about a known descriptor",
            Self::FileOrDirectory => {
                "events about a known file or directory; failed opens and connections"
            }
            Self::File => "events about a known file",
            Self::Reached => "successful opens and changes of files with a path",
            Self::Executed => "successful execs of files with a path",
            Self::Socket => "events about a known inet or unix socket",
            Self::Inet => "events about a known inet socket",
            Self::Server => "events about a connection or a listening socket",
            Self::Connection => "events about a connection",
            Self::NamedEnd => "events about a connection whose end has a name in rules",
            Self::Polled => "poll and ppoll",
            Self::PolledEnd => "poll and ppoll, when such sockets are among them",
            Self::Process => "events of a process",
            Self::Known | Self::Certain => "events of a process, once it is known",
            Self::Standard => "events of a process, once that descriptor is known",
            Self::Parent | Self::Ancestor => "events of a process with such a relative",
            Self::Metadata => "events of the host; of containers with metadata",
            Self::Contained => "events of containers with metadata",
            Self::Pod => "events of a process in a pod",
            Self::Never => "never",
        }
    }

    /// Whether it depends on the event alone.
    pub(crate) const fn of_event(self) -> bool {
        matches!(
            self,
            Self::Every
                | Self::AnyCall
                | Self::Call
                | Self::FailedCall
                | Self::Parameter
                | Self::Io
                | Self::Data
                | Self::Never
        )
    }

    /// Whether it depends on the entry of the event's descriptor.
    pub(crate) const fn of_entry(self) -> bool {
        matches!(
            self,
            Self::Moved
                | Self::Descriptor
                | Self::FileOrDirectory
                | Self::File
                | Self::Reached
                | Self::Socket
                | Self::Inet
                | Self::Server
                | Self::Connection
                | Self::NamedEnd
        )
    }

    /// Of a field whose declaration says nothing.
    const fn of_family(name: &str) -> Self {
        match name.as_bytes() {
            [b'p', b'r', b'o', b'c', b'.', b's', b't', b'd', ..] => Self::Standard,
            [b'p', b'r', b'o', b'c', ..]
            | [b't', b'h', b'r', ..]
            | [b'u', b's', b'e', b'r', ..]
            | [b'g', b'r', b'o', ..] => Self::Process,
            [b'f', b'd', ..] => Self::Descriptor,
            [b'f', b's', ..] => Self::Path,
            [b'c', b'o', b'n', ..] => Self::Metadata,
            [b'k', b'8', b's', ..] => Self::Pod,
            _ => Self::Every,
        }
    }
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) info: FieldInfo,
    pub(crate) presence: Presence,
    pub(crate) key: KeyKind,
    pub(crate) extract: Extract,
}

impl Field {
    /// A field of one value without argument, cheap to get.
    pub(crate) const fn new(
        name: &'static str,
        ty: ValueType,
        get: GetOne,
        description: &'static str,
    ) -> Self {
        Self::with(name, ty, Arity::One, Extract::One(get), description)
    }

    /// A field of several values.
    pub(crate) const fn many(
        name: &'static str,
        ty: ValueType,
        arity: Arity,
        each: GetEach,
        description: &'static str,
    ) -> Self {
        Self::with(name, ty, arity, Extract::Each(each), description)
    }

    /// A field of several values, or one of them by index.
    pub(crate) const fn indexed(
        name: &'static str,
        ty: ValueType,
        arity: Arity,
        (get, each): (GetOne, GetEach),
        description: &'static str,
    ) -> Self {
        Self::with(name, ty, arity, Extract::Both(get, each), description)
            .arg(ArgKind::OptionalIndex, KeyKind::Index)
    }

    const fn with(
        name: &'static str,
        ty: ValueType,
        arity: Arity,
        extract: Extract,
        description: &'static str,
    ) -> Self {
        let info = FieldInfo {
            name,
            ty,
            arity,
            arg: ArgKind::None,
            place: Place::Anywhere,
            int_format: IntFormat::Decimal,
            on_right: true,
            in_transformer: true,
            cost: 2,
            description,
        };
        Self {
            presence: Presence::of_family(name),
            info,
            key: KeyKind::Index,
            extract,
        }
    }

    pub(crate) const fn cost(mut self, cost: u8) -> Self {
        self.info.cost = cost;
        self
    }

    pub(crate) const fn on(mut self, presence: Presence) -> Self {
        self.presence = presence;
        self
    }

    pub(crate) const fn arg(mut self, arg: ArgKind, key: KeyKind) -> Self {
        self.info.arg = arg;
        self.key = key;
        self
    }

    pub(crate) const fn condition_only(mut self) -> Self {
        self.info.place = Place::ConditionOnly;
        self
    }

    pub(crate) const fn output_only(mut self) -> Self {
        self.info.place = Place::OutputOnly;
        self
    }

    /// May not stand in `val()` (rules-spec B7).
    pub(crate) const fn not_on_right(mut self) -> Self {
        self.info.on_right = false;
        self
    }

    /// May stand neither in `val()` nor in a transformer (rules-spec B7).
    pub(crate) const fn no_operand(mut self) -> Self {
        self.info.in_transformer = false;
        self.not_on_right()
    }
}

/// A text value.
pub(crate) fn text(bytes: &[u8]) -> Option<Value<'_>> {
    Some(Value::Bytes(bytes))
}
