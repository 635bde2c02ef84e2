//! The text of a dump: what it looks like, written and read.
//!
//! ```text
//! # driver ebpf
//! [P1]
//! == open/create
//! T1 open fd=3 name="file" flags=0x241
//! ```

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, bail};

/// Steps whose records come in no order: their names begin with this.
pub const RACE: &str = "race/";

/// A dump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Facts about the run: driver, kernel.
    pub head: BTreeMap<String, String>,
    /// Thread groups in the order of their births.
    pub groups: Vec<Group>,
}

/// A thread group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `P1`.
    pub name: String,
    /// What it did, step by step.
    pub steps: Vec<Step>,
}

/// A step of a thread group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// As the script calls it.
    pub name: String,
    /// Its records.
    pub lines: Vec<Line>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number of the thread.
    pub thread: usize,
    /// Event.
    pub event: String,
    /// Names and values of parameters.
    pub parameters: Vec<(String, String)>,
}

impl Dump {
    /// Reads a dump.
    ///
    /// # Errors
    /// When it is none, with the number of the line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut dump = Self::default();
        for (at, line) in text.lines().enumerate() {
            dump.read_line(line)
                .with_context(|| format!("line {}", at + 1))?;
        }
        if dump.groups.is_empty() {
            bail!("no thread groups: this is no dump");
        }
        Ok(dump)
    }

    fn read_line(&mut self, line: &str) -> Result<()> {
        if let Some(fact) = line.strip_prefix("# ") {
            let (name, value) = fact.split_once(' ').context("a fact without a value")?;
            self.head.insert(name.to_owned(), value.to_owned());
        } else if let Some(name) = line.strip_prefix('[') {
            let name = name.strip_suffix(']').context("a group without its end")?;
            self.groups.push(Group {
                name: name.to_owned(),
                steps: Vec::new(),
            });
        } else {
            let group = self.groups.last_mut().context("a record without a group")?;
            if let Some(name) = line.strip_prefix("== ") {
                group.steps.push(Step {
                    name: name.to_owned(),
                    lines: Vec::new(),
                });
            } else {
                let step = group.steps.last_mut().context("a record without a step")?;
                step.lines.push(Line::parse(line)?);
            }
        }
        Ok(())
    }

    /// A fact of the head.
    ///
    /// # Errors
    /// When it is not there.
    pub fn fact(&self, name: &str) -> Result<&str> {
        let value = self.head.get(name).map(String::as_str);
        value.with_context(|| format!("the dump does not say its {name}"))
    }

    /// All records.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        let steps = self.groups.iter().flat_map(|group| &group.steps);
        steps.flat_map(|step| &step.lines)
    }
}

impl Line {
    fn parse(line: &str) -> Result<Self> {
        let mut words = words(line)?.into_iter();
        let thread = words.next().context("an empty line")?;
        let thread = thread.strip_prefix('T').context("no thread")?;
        let event = words.next().context("no event")?;
        let parameters = words.map(|word| {
            let (name, value) = word.split_once('=').context("a parameter without value")?;
            Ok((name.to_owned(), value.to_owned()))
        });
        Ok(Self {
            thread: thread
                .parse()
                .with_context(|| format!("thread {thread:?}"))?,
            event: event.to_owned(),
            parameters: parameters.collect::<Result<_>>()?,
        })
    }
}

/// Splits at blanks outside quotes.
fn words(line: &str) -> Result<Vec<&str>> {
    let mut all = Vec::new();
    let (mut start, mut inside, mut escaped) = (0, false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b' ' if !inside => {
                all.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        bail!("a string without its end");
    }
    all.push(&line[start..]);
    Ok(all)
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.head {
            writeln!(f, "# {name} {value}")?;
        }
        for group in &self.groups {
            writeln!(f, "[{}]", group.name)?;
            for step in &group.steps {
                writeln!(f, "== {}", step.name)?;
                for line in &step.lines {
                    writeln!(f, "{line}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{} {}", self.thread, self.event)?;
        for (name, value) in &self.parameters {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# driver ebpf\n# kernel 6.1.0 x\n[P1]\n== open/a b\n\
                        T1 open fd=3 name=\"a \\\"b\\\\\" flags=0x0\n== end\n[P2]\n== x\n\
                        T2 close res=0 fd=-1\n";

    #[test]
    fn what_was_written_is_read() {
        let dump = Dump::parse(TEXT).expect("a dump");
        assert_eq!(dump.to_string(), TEXT);
        assert_eq!(dump.fact("kernel").expect("there"), "6.1.0 x");
        assert!(dump.fact("moon").is_err());
        let line = &dump.groups[0].steps[0].lines[0];
        assert_eq!((line.thread, line.event.as_str()), (1, "open"));
        assert_eq!(
            line.parameters[1],
            ("name".into(), "\"a \\\"b\\\\\"".into())
        );
        assert_eq!(dump.lines().count(), 2);
    }

    #[test]
    fn what_is_no_dump_is_said_with_its_line() {
        for (text, wanted) in [
            ("", "no thread groups"),
            ("[P1]\nT1 open\n", "line 2"),
            ("T1 open\n", "without a group"),
            ("[P1]\n== a\nX1 open\n", "no thread"),
            ("[P1]\n== a\nTx open\n", "thread"),
            ("[P1]\n== a\nT1\n", "no event"),
            ("[P1]\n== a\nT1 open name=\"\n", "without its end"),
            ("[P1]\n== a\nT1 open name\n", "without value"),
            ("# driver\n", "without a value"),
        ] {
            let error = format!("{:#}", Dump::parse(text).expect_err(text));
            assert!(error.contains(wanted), "{error}");
        }
    }
}
