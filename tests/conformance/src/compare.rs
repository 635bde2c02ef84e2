//! Two dumps, compared.

use std::fmt;

use anyhow::{Context as _, Result, ensure};

use crate::exceptions::{Exception, Release};
use crate::text::{Dump, Group, Line, Step};

/// Facts of the head that must be equal; driver and kernel may differ.
const COMPARED_FACTS: [&str; 4] = ["schema", "undecoded", "acted", "given"];
/// Characters of a long value that are shown before and after the place where it differs.
const BEFORE: usize = 40;
const AFTER: usize = 160;

/// Where two dumps differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Thread group, `P1`; empty for the head.
    pub group: String,
    /// Step; the name of the fact for the head.
    pub step: String,
    /// Number of the record in its step in the first dump (or the second, when the first has none),
    /// from 1, its thread and event; `None` when the whole step or group differs.
    pub record: Option<(usize, usize, String)>,
    /// Parameter; `None` when the whole record differs.
    pub parameter: Option<String>,
    /// In the first dump; `None` when it is not there.
    pub first: Option<String>,
    /// In the second.
    pub second: Option<String>,
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Differences that nothing excuses.
    pub differences: Vec<Difference>,
    /// Differences that an exception explains, by its reason.
    pub excused: Vec<(&'static str, Difference)>,
    /// Exceptions that should have been needed and were not.
    pub stale: Vec<&'static Exception>,
}

impl Comparison {
    /// Equal, as far as they must be.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.stale.is_empty()
    }
}

/// Compares exactly: two drivers on one kernel.
///
/// # Errors
/// When the kernels are not the same.
pub fn compare(first: &Dump, second: &Dump) -> Result<Comparison> {
    let (a, b) = (first.fact("kernel")?, second.fact("kernel")?);
    ensure!(a == b, "kernels {a} and {b}: compare with --across-kernels");
    Ok(Comparison {
        differences: differences(first, second),
        ..Comparison::default()
    })
}

/// Compares dumps of different kernels: what `exceptions` say about them is excused.
///
/// # Errors
/// When a kernel's version cannot be read.
pub fn compare_kernels(
    first: &Dump,
    second: &Dump,
    exceptions: &'static [Exception],
) -> Result<Comparison> {
    let release = |dump: &Dump| -> Result<Release> {
        let text = dump.fact("kernel")?;
        Release::parse(text).with_context(|| format!("kernel {text:?}"))
    };
    let (a, b) = (release(first)?, release(second)?);
    let mut between: Vec<(&Exception, bool)> = exceptions
        .iter()
        .filter(|exception| exception.between(a, b))
        .map(|exception| (exception, false))
        .collect();
    let mut comparison = Comparison::default();
    for difference in differences(first, second) {
        let excuse = between
            .iter_mut()
            .find(|(exception, _)| exception.excuses(&difference));
        match excuse {
            Some((exception, used)) => {
                *used = true;
                comparison.excused.push((exception.reason, difference));
            }
            None => comparison.differences.push(difference),
        }
    }
    let unused = between.into_iter().filter(|&(_, used)| !used);
    comparison.stale = unused.map(|(exception, _)| exception).collect();
    Ok(comparison)
}

/// All differences.
pub fn differences(first: &Dump, second: &Dump) -> Vec<Difference> {
    let mut all = Vec::new();
    for fact in COMPARED_FACTS {
        let (a, b) = (first.head.get(fact), second.head.get(fact));
        if a != b {
            all.push(Difference {
                group: String::new(),
                step: fact.to_owned(),
                record: None,
                parameter: None,
                first: a.cloned(),
                second: b.cloned(),
            });
        }
    }
    let key = |group: &Group| group.steps.first().map(|step| step.name.clone());
    for pair in align(&first.groups, &second.groups, key) {
        match pair {
            Pair::Both(a, b) => compare_groups(a, b, &mut all),
            Pair::First(group) => all.push(one_sided(&group.name, "", None, whole(group), true)),
            Pair::Second(group) => all.push(one_sided(&group.name, "", None, whole(group), false)),
        }
    }
    all
}

fn whole(group: &Group) -> String {
    let records: usize = group.steps.iter().map(|step| step.lines.len()).sum();
    let step = group.steps.first().map_or("", |step| step.name.as_str());
    format!("a thread group with {records} records, first in step {step}")
}

fn one_sided(
    group: &str,
    step: &str,
    record: Option<(usize, usize, String)>,
    text: String,
    in_first: bool,
) -> Difference {
    let (first, second) = if in_first {
        (Some(text), None)
    } else {
        (None, Some(text))
    };
    Difference {
        group: group.to_owned(),
        step: step.to_owned(),
        record,
        parameter: None,
        first,
        second,
    }
}

fn compare_groups(a: &Group, b: &Group, all: &mut Vec<Difference>) {
    for pair in align(&a.steps, &b.steps, |step| step.name.clone()) {
        let lonely = |step: &Step, in_first| {
            let text = format!("a step with {} records", step.lines.len());
            one_sided(&a.name, &step.name, None, text, in_first)
        };
        match pair {
            Pair::Both(x, y) => compare_steps(&a.name, x, y, all),
            Pair::First(step) => all.push(lonely(step, true)),
            Pair::Second(step) => all.push(lonely(step, false)),
        }
    }
}

fn compare_steps(group: &str, a: &Step, b: &Step, all: &mut Vec<Difference>) {
    let key = |line: &Line| (line.thread, line.event.clone());
    let (mut at_a, mut at_b) = (0, 0);
    for pair in align(&a.lines, &b.lines, key) {
        let lonely = |line: &Line, at, in_first| {
            let record = (at, line.thread, line.event.clone());
            one_sided(group, &a.name, Some(record), line.to_string(), in_first)
        };
        match pair {
            Pair::Both(x, y) => {
                (at_a, at_b) = (at_a + 1, at_b + 1);
                compare_lines(group, &a.name, at_a, x, y, all);
            }
            Pair::First(line) => {
                at_a += 1;
                all.push(lonely(line, at_a, true));
            }
            Pair::Second(line) => {
                at_b += 1;
                all.push(lonely(line, at_b, false));
            }
        }
    }
}

fn compare_lines(
    group: &str,
    step: &str,
    at: usize,
    a: &Line,
    b: &Line,
    all: &mut Vec<Difference>,
) {
    let find = |line: &Line, name: &str| {
        let found = line.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    let only_b = b
        .parameters
        .iter()
        .filter(|(name, _)| find(a, name).is_none());
    for (name, _) in a.parameters.iter().chain(only_b) {
        let (first, second) = (find(a, name), find(b, name));
        if first != second {
            all.push(Difference {
                group: group.to_owned(),
                step: step.to_owned(),
                record: Some((at, a.thread, a.event.clone())),
                parameter: Some(name.clone()),
                first,
                second,
            });
        }
    }
}

enum Pair<'a, T> {
    Both(&'a T, &'a T),
    First(&'a T),
    Second(&'a T),
}

/// Pairs what has the same key, in order, leaving out as little as possible.
fn align<'a, T, K: PartialEq>(a: &'a [T], b: &'a [T], key: impl Fn(&T) -> K) -> Vec<Pair<'a, T>> {
    let keys = |side: &[T]| side.iter().map(&key).collect::<Vec<K>>();
    let (ka, kb) = (keys(a), keys(b));
    // best[i][j]: pairs that a[i..] and b[j..] can have
    let width = b.len() + 1;
    let mut best = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            best[i * width + j] = if ka[i] == kb[j] {
                best[(i + 1) * width + j + 1] + 1
            } else {
                best[(i + 1) * width + j].max(best[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && ka[i] == kb[j] {
            pairs.push(Pair::Both(&a[i], &b[j]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len()
            || i < a.len() && best[(i + 1) * width + j] >= best[i * width + j + 1]
        {
            pairs.push(Pair::First(&a[i]));
            i += 1;
        } else {
            pairs.push(Pair::Second(&b[j]));
            j += 1;
        }
    }
    pairs
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            write!(f, "head: {}", self.step)?;
        } else {
            write!(f, "{} {}", self.group, self.step)?;
        }
        if let Some((at, thread, event)) = &self.record {
            write!(f, ", record {at} (T{thread} {event})")?;
        }
        if let Some(parameter) = &self.parameter {
            write!(f, ": {parameter}")?;
        }
        let (first, second) = excerpts(self.first.as_deref(), self.second.as_deref());
        write!(f, "\n  first:  {first}\n  second: {second}")
    }
}

/// Both values, cut around the first place where they differ.
fn excerpts(first: Option<&str>, second: Option<&str>) -> (String, String) {
    let both = first.zip(second);
    let common = both.map_or(0, |(a, b)| {
        a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count()
    });
    let start = common.saturating_sub(BEFORE);
    let cut = |text: Option<&str>| {
        let Some(text) = text else {
            return "(not there)".to_owned();
        };
        let mut shown: String = text.chars().skip(start).take(BEFORE + AFTER).collect();
        if start > 0 {
            shown.insert_str(0, "... ");
        }
        if text.chars().count() > start + BEFORE + AFTER {
            shown.push_str(" ...");
        }
        shown
    };
    (cut(first), cut(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# driver ebpf\n# kernel 6.1.0-1\n# schema 1\n# undecoded 2\n";
    const BODY: &str = "[P1]\n== a\nT1 open fd=3 name=\"x\"\nT1 close res=0 fd=3\n== b\nT1 fork res=P2\n\
                        [P2]\n== b\nT1 procexit status=0\n";

    fn dump(body: &str) -> Dump {
        Dump::parse(&format!("{HEAD}{body}")).expect("a dump")
    }

    fn shown(changed: &str) -> Vec<String> {
        let comparison = compare(&dump(BODY), &dump(changed)).expect("one kernel");
        comparison
            .differences
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn equal_dumps_have_no_differences() {
        assert_eq!(shown(BODY), [""; 0]);
    }

    #[test]
    fn a_value_is_shown_with_its_place() {
        assert_eq!(
            shown(&BODY.replace("name=\"x\"", "name=\"y\"")),
            ["P1 a, record 1 (T1 open): name\n  first:  \"x\"\n  second: \"y\""]
        );
        assert_eq!(
            shown(&BODY.replace(" fd=3\n", "\n")),
            ["P1 a, record 2 (T1 close): fd\n  first:  3\n  second: (not there)"]
        );
    }

    #[test]
    fn what_is_missing_does_not_shift_the_rest() {
        assert_eq!(
            shown(&BODY.replace("T1 open fd=3 name=\"x\"\n", "")),
            ["P1 a, record 1 (T1 open)\n  first:  T1 open fd=3 name=\"x\"\n  second: (not there)"]
        );
        assert_eq!(
            shown(&BODY.replace("== b\nT1 fork", "== c\nT1 dup res=1\n== b\nT1 fork")),
            ["P1 c\n  first:  (not there)\n  second: a step with 1 records"]
        );
        let more = format!("{BODY}[P3]\n== c\nT1 procexit status=1\n");
        assert_eq!(
            shown(&more),
            [
                "P3 \n  first:  (not there)\n  second: a thread group with 1 records, first in step c"
            ]
        );
    }

    #[test]
    fn long_values_are_cut_around_the_difference() {
        let (a, b) = ("a".repeat(5000), format!("{}b", "a".repeat(4999)));
        let (first, second) = excerpts(Some(&a), Some(&b));
        assert!(first.len() < 250 && second.ends_with('b'), "{second}");
    }

    #[test]
    fn other_kernels_are_compared_on_request_only() {
        let other =
            Dump::parse(&format!("{HEAD}{BODY}").replace("6.1.0-1", "6.12.1")).expect("a dump");
        let error = compare(&dump(BODY), &other).expect_err("two kernels");
        assert!(error.to_string().contains("--across-kernels"));
    }

    static EXCEPTIONS: [Exception; 2] = [
        Exception {
            since: (6, 6),
            steps: &["a"],
            event: "open",
            parameter: Some("name"),
            reason: "names changed",
        },
        Exception {
            since: (5, 18),
            steps: &["*"],
            event: "fork",
            parameter: None,
            reason: "older than both",
        },
    ];

    #[test]
    fn exceptions_excuse_what_they_say_and_must_be_needed() {
        let across = |text: &str| {
            let other = Dump::parse(&text.replace("6.1.0-1", "6.12.1")).expect("a dump");
            compare_kernels(&dump(BODY), &other, &EXCEPTIONS).expect("versions")
        };
        let text = format!("{HEAD}{BODY}");
        let needed = across(&text.replace("\"x\"", "\"y\""));
        assert!(needed.is_equal() && needed.excused.len() == 1);
        let stale = across(&text);
        assert!(!stale.is_equal() && stale.stale[0].reason == "names changed");
        let another = across(
            &text
                .replace("\"x\"", "\"y\"")
                .replace("fd=3 name", "fd=4 name"),
        );
        assert_eq!(another.differences.len(), 1);
    }
}
