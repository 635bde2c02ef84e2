//! What is wrong with a configuration, and where.

use std::fmt;
use std::sync::Arc;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file; line and column count from 1, 0 where they are not known.
    File {
        /// Name as given.
        name: Arc<str>,
        /// Line.
        line: u64,
        /// Column in characters.
        column: u64,
    },
    /// An argument of the command line, such as `-o priority=high`.
    Argument(Arc<str>),
}

impl Place {
    /// A file as a whole.
    pub(crate) fn file(name: &str) -> Self {
        Place::File {
            name: name.into(),
            line: 0,
            column: 0,
        }
    }

    /// The same file at another line and column; an argument stays as it is.
    pub(super) fn at(&self, position: Option<(u64, u64)>) -> Self {
        match (self, position) {
            (Place::File { name, .. }, Some((line, column))) => Place::File {
                name: Arc::clone(name),
                line,
                column,
            },
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { name, line: 0, .. } => f.write_str(name),
            Place::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Place::Argument(argument) => f.write_str(argument),
        }
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// All errors of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems {
    /// In the order of the file.
    pub list: Vec<Problem>,
    /// Text of the file, to show lines of it.
    pub(super) text: String,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.list.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: error: {}", problem.place, problem.message)?;
            if let Place::File { line, column, .. } = problem.place {
                let shown = line.checked_sub(1).and_then(|n| {
                    let n = usize::try_from(n).ok()?;
                    self.text.lines().nth(n)
                });
                if let Some(shown) = shown {
                    let caret = usize::try_from(column).unwrap_or(1);
                    write!(f, "\n  | {shown}\n  | {:>caret$}", '^')?;
                }
            }
            if let Some(hint) = &problem.hint {
                write!(f, "\n  = hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
