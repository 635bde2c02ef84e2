//! From records to the text of a dump.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_abi::record::Record;

use crate::collect::{Collected, collect};
use crate::driver::Kind;
use crate::labels::{Labels, Thread};
use crate::render;
use crate::text::{Dump, Group, Line, RACE, Step};
use crate::tree::{has_child, is_birth};

/// How the script says which step follows: it removes a name that begins so.
const STEP: &[u8] = b"/saker-step/";
/// What that removal must end with: `-ENOENT`.
const STEP_RESULT: i64 = -2;
/// Before the first step.
const NO_STEP: &str = "start";
/// Heading of what the iterators say.
const STANDING: &str = "standing still";
/// The script found no 32-bit ABI.
const NO_COMPAT: &str = "32-bit calls/absent";

/// Results of a call that is made again: `ERESTARTSYS`, `ERESTARTNOINTR` (include/linux/errno.h).
const RESTARTED: [&str; 2] = ["-512", "-513"];

/// What the kernel says about this process.
const STAT: &str = "/proc/self/stat";

/// Runs the script under a driver, which also says what names reached if `reached`.
///
/// # Errors
/// Those of [`collect`], and when an event of the table or the 32-bit ABI (unless `without_compat`) is
/// missing.
pub fn dump(kind: Kind, reached: bool, limit: Duration, without_compat: bool) -> Result<Dump> {
    let collected = collect(kind, reached, limit)?;
    let mut dump = from_records(&collected, &outside()?)?;
    dump.head
        .insert("driver".to_owned(), kind.name().to_owned());
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    dump.head.insert("kernel".to_owned(), release.into_owned());
    let missing = missing_events(&dump);
    ensure!(
        missing.is_empty(),
        "the script or the driver leaves out events of the table: {}",
        missing.join(", ")
    );
    let mut steps = dump.groups.iter().flat_map(|group| &group.steps);
    ensure!(
        without_compat || !steps.any(|step| step.name == NO_COMPAT),
        "this kernel has no 32-bit calls: boot it with ia32_emulation=1, or leave them out with \
         --without-compat"
    );
    Ok(dump)
}

/// Numbers of processes outside the tree that records may show: this one, its group and session. Either
/// may be 0, which no process has: read from the kernel's text, as typed calls expect a process there.
fn outside() -> Result<Vec<(u32, &'static str)>> {
    let stat = std::fs::read_to_string(STAT).context(STAT)?;
    let mut all = vec![(std::process::id(), "outside")];
    all.extend(group_and_session(&stat).with_context(|| format!("{STAT}: {stat:?}"))?);
    Ok(all)
}

/// Of proc(5): pid (comm) state ppid pgrp session ...
fn group_and_session(stat: &str) -> Option<Vec<(u32, &'static str)>> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut numbers = fields.split(' ').skip(2);
    let mut all = Vec::new();
    for name in ["outside-group", "outside-session"] {
        let number: u32 = numbers.next()?.parse().ok()?;
        if number != 0 {
            all.push((number, name));
        }
    }
    Some(all)
}

/// Events of the table that no record shows. Of the internal ones only the iterators' are the script's
/// business.
pub fn missing_events(dump: &Dump) -> Vec<&'static str> {
    let seen: HashSet<&str> = dump.lines().map(|line| line.event.as_str()).collect();
    EVENTS
        .iter()
        .filter(|event| !event.is_internal() || u32::from(event.flags) & SAKER_EF_ITERATE != 0)
        .filter(|event| !seen.contains(event.name))
        .map(|event| event.name)
        .collect()
}

/// The dump of these records, without driver and kernel.
///
/// # Errors
/// When records contradict each other.
pub fn from_records(collected: &Collected, outside: &[(u32, &'static str)]) -> Result<Dump> {
    let mut writer = Writer::new(outside);
    for bytes in &collected.records {
        let record = Record::parse(bytes).context("a damaged record")?;
        writer
            .add(&record)
            .with_context(|| format!("{} of thread {}", record.info().name, record.hdr().tid))?;
    }
    writer.add_standing(&collected.standing)?;
    let mut dump = Dump {
        groups: writer.groups,
        ..Dump::default()
    };
    dump.groups.iter_mut().for_each(settle_races);
    dump.groups.iter_mut().for_each(settle_restarts);
    let facts = [
        ("schema", format!("{:016x}", saker_abi::SCHEMA_HASH)),
        ("undecoded", collected.undecoded.to_string()),
        ("acted", collected.acted.to_string()),
        ("given", collected.given.to_string()),
    ];
    for (name, value) in facts {
        dump.head.insert(name.to_owned(), value);
    }
    Ok(dump)
}

struct Writer {
    labels: Labels,
    groups: Vec<Group>,
    /// The step that each thread is in.
    steps: HashMap<u32, String>,
    tags: HashMap<u32, u16>,
}

impl Writer {
    fn new(outside: &[(u32, &'static str)]) -> Self {
        Self {
            labels: Labels::new(outside),
            groups: Vec::new(),
            steps: HashMap::new(),
            tags: HashMap::new(),
        }
    }

    fn add(&mut self, record: &Record<'_>) -> Result<()> {
        let hdr = *record.hdr();
        let event = record.event();
        if has_child(record) {
            let child = record.u64(SAKER_P_CLONE_child_tid) as u32;
            let parent = record.u64(SAKER_P_CLONE_parent_tid) as u32;
            // Everybody with a number before the record that shows it, parent before child.
            self.labels.thread(hdr.tgid, hdr.tid);
            self.labels
                .thread(record.u64(SAKER_P_CLONE_child_pid) as u32, child);
            if let Some(step) = self.steps.get(&parent).cloned() {
                self.steps.insert(child, step);
            }
        }
        if event == SAKER_EV_EXECVE && record.i64(SAKER_P_EXECVE_res) == 0 {
            // Whoever called it has the leader's number from now on.
            let caller = record.u64(SAKER_P_EXECVE_old_tid) as u32;
            if let Some(step) = self.steps.get(&caller).cloned() {
                self.steps.insert(hdr.tid, step);
            }
        }
        let thread = self.labels.thread(hdr.tgid, hdr.tid);
        self.check_tag(record)?;
        if let Some(name) = heading(record)? {
            self.steps.insert(hdr.tid, name);
            return Ok(());
        }
        let name = self
            .steps
            .get(&hdr.tid)
            .map_or(NO_STEP, String::as_str)
            .to_owned();
        self.push(thread, name, record);
        Ok(())
    }

    /// Iterators' records of the script's processes, by thread group, thread and descriptor: in which order
    /// they go over the machine is their own business.
    fn add_standing(&mut self, standing: &[Vec<u8>]) -> Result<()> {
        let mut sorted = Vec::new();
        for bytes in standing {
            let record = Record::parse(bytes).context("a damaged record of an iterator")?;
            let hdr = record.hdr();
            if !self.labels.knows(hdr.tgid) {
                continue;
            }
            let fd = match record.event() {
                SAKER_EV_FILE => record.i64(SAKER_P_FILE_fd),
                _ => -1,
            };
            let thread = self.labels.thread(hdr.tgid, hdr.tid);
            sorted.push(((thread.group, hdr.event, thread.number, fd), thread, record));
        }
        sorted.sort_by_key(|&(key, ..)| key);
        for (_, thread, record) in sorted {
            self.check_tag(&record)
                .with_context(|| format!("{} of an iterator", record.info().name))?;
            self.push(thread, STANDING.to_owned(), &record);
        }
        Ok(())
    }

    fn push(&mut self, thread: Thread, name: String, record: &Record<'_>) {
        let line = Line {
            thread: thread.number,
            event: record.info().name.to_owned(),
            parameters: render::parameters(record, &mut self.labels),
        };
        while self.groups.len() < thread.group {
            self.groups.push(Group {
                name: format!("P{}", self.groups.len() + 1),
                steps: Vec::new(),
            });
        }
        let steps = &mut self.groups[thread.group - 1].steps;
        match steps.last_mut() {
            Some(step) if step.name == name => step.lines.push(line),
            _ => steps.push(Step {
                name,
                lines: vec![line],
            }),
        }
    }

    /// The header's tag is part of the group's start time, the same in all its records.
    fn check_tag(&mut self, record: &Record<'_>) -> Result<()> {
        let hdr = record.hdr();
        let start_ns = match record.event() {
            SAKER_EV_EXECVE => Some(record.u64(SAKER_P_EXECVE_start_ns)),
            SAKER_EV_TASK => Some(record.u64(SAKER_P_TASK_start_ns)),
            SAKER_EV_PROCEXIT => Some(record.u64(SAKER_P_PROCEXIT_start_ns)),
            event if is_birth(event) && record.i64(SAKER_P_CLONE_res) == 0 => {
                Some(record.u64(SAKER_P_CLONE_child_start_ns))
            }
            event if is_birth(event) => Some(record.u64(SAKER_P_CLONE_parent_start_ns)),
            _ => None,
        };
        if let Some(start_ns) = start_ns {
            ensure!(
                (start_ns >> 20) as u16 == hdr.start_tag,
                "start tag {:#x}, but the start is {start_ns} ns",
                hdr.start_tag
            );
        }
        let known = *self.tags.entry(hdr.tgid).or_insert(hdr.start_tag);
        ensure!(
            known == hdr.start_tag,
            "start tag {:#x}, but {known:#x} in earlier records of the thread group",
            hdr.start_tag
        );
        Ok(())
    }
}

/// The name of the step that a record announces.
fn heading(record: &Record<'_>) -> Result<Option<String>> {
    if record.event() != SAKER_EV_UNLINK {
        return Ok(None);
    }
    let path = record.var(SAKER_P_UNLINK_path);
    let Some(name) = path.bytes.strip_prefix(STEP) else {
        return Ok(None);
    };
    let result = record.i64(SAKER_P_UNLINK_res);
    ensure!(
        result == STEP_RESULT && !path.truncated && !path.fault && record.hdr().flags == 0,
        "a heading whose removal ended with {result} and flags {:#x}",
        record.hdr().flags
    );
    Ok(Some(String::from_utf8_lossy(name).into_owned()))
}

/// Threads that end in the same moment do so in any order, and any of them may be the last one.
fn settle_races(group: &mut Group) {
    for step in group
        .steps
        .iter_mut()
        .filter(|step| step.name.starts_with(RACE))
    {
        // Whether a thread that ends anyway is still told to is part of the race.
        step.lines.retain(|line| line.event != "signaldeliver");
        step.lines.sort_by_key(|line| line.thread);
        for line in &mut step.lines {
            for (name, value) in &mut line.parameters {
                if name == "group_dead" {
                    *value = "*".to_owned();
                }
            }
        }
    }
}

/// A call that is interrupted before it did anything is made again, by the kernel. Whether one is, by what a closed ring of
/// io_uring leaves to be done, is chance.
fn settle_restarts(group: &mut Group) {
    for step in &mut group.steps {
        let lines = &step.lines;
        let restarted: Vec<bool> = (0..lines.len())
            .map(|at| {
                let (line, mut later) = (&lines[at], lines[at + 1..].iter());
                let next = later.find(|next| next.thread == line.thread);
                let res = line.parameters.iter().find(|(name, _)| *name == "res");
                res.is_some_and(|(_, res)| RESTARTED.contains(&res.as_str()))
                    && next.is_some_and(|next| next.event == line.event)
            })
            .collect();
        let mut restarted = restarted.into_iter();
        step.lines.retain(|_| restarted.next() != Some(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::record::RecordBuilder;

    const START_NS: i64 = 0x1234 << 20;

    fn record(event: u32, tgid: u32, tid: u32) -> RecordBuilder {
        RecordBuilder::new(event, 0, tgid, tid).hdr(|h| h.start_tag = 0x1234)
    }

    fn step(tid: u32, name: &str) -> Vec<u8> {
        record(SAKER_EV_UNLINK, 5, tid)
            .num(SAKER_P_UNLINK_res, STEP_RESULT)
            .var(
                SAKER_P_UNLINK_path,
                format!("/saker-step/{name}").as_bytes(),
            )
            .build()
    }

    fn exit(tid: u32, dead: i64) -> Vec<u8> {
        record(SAKER_EV_PROCEXIT, 5, tid)
            .num(SAKER_P_PROCEXIT_start_ns, START_NS)
            .num(SAKER_P_PROCEXIT_group_dead, dead)
            .build()
    }

    fn birth(child: (u32, u32), parent_tid: u32) -> Vec<u8> {
        record(SAKER_EV_CLONE, child.0, child.1)
            .num(SAKER_P_CLONE_child_pid, i64::from(child.0))
            .num(SAKER_P_CLONE_child_tid, i64::from(child.1))
            .num(SAKER_P_CLONE_parent_pid, 5)
            .num(SAKER_P_CLONE_parent_tid, i64::from(parent_tid))
            .num(SAKER_P_CLONE_child_start_ns, START_NS)
            .build()
    }

    fn text(records: Vec<Vec<u8>>) -> Result<String> {
        let collected = Collected {
            records,
            standing: Vec::new(),
            root: 5,
            undecoded: 0,
            acted: false,
            given: false,
        };
        let mut dump = from_records(&collected, &[])?;
        dump.head.clear();
        Ok(dump.to_string())
    }

    #[test]
    fn threads_carry_their_steps_and_children_inherit_them() {
        let close = |tgid, tid| record(SAKER_EV_CLOSE, tgid, tid).build();
        let exec = record(SAKER_EV_EXECVE, 5, 5)
            .num(SAKER_P_EXECVE_old_tid, 6)
            .num(SAKER_P_EXECVE_start_ns, START_NS)
            .build();
        let text = text(vec![
            close(5, 5),
            step(5, "one"),
            birth((5, 6), 5),
            step(6, "two"),
            close(5, 5),
            birth((9, 9), 6),
            close(9, 9),
            exec,
            close(5, 5),
        ])
        .expect("a dump");
        let shown: Vec<String> = text
            .lines()
            .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            shown,
            [
                "[P1]",
                "== start",
                "T1 close",
                "== one",
                "T2 clone",
                "T1 close",
                "== two",
                "T1 execve",
                "T1 close",
                "[P2]",
                "== two",
                "T1 clone",
                "T1 close"
            ]
        );
    }

    #[test]
    fn races_have_one_text() {
        let races = |first, second| {
            text(vec![
                step(5, "race/all end"),
                birth((5, 6), 5),
                exit(first, 0),
                exit(second, 1),
            ])
            .expect("a dump")
        };
        assert_eq!(races(5, 6), races(6, 5));
        let ordered = |first, second| {
            text(vec![birth((5, 6), 5), exit(first, 0), exit(second, 1)]).expect("a dump")
        };
        assert_ne!(ordered(5, 6), ordered(6, 5));
    }

    #[test]
    fn calls_that_are_made_again_are_told_once() {
        let call = |tid, res| {
            record(SAKER_EV_SPLICE, 5, tid)
                .num(SAKER_P_SPLICE_res, res)
                .build()
        };
        let told = |records| {
            let text = text(records).expect("a dump");
            text.lines().filter(|line| line.contains(" splice")).count()
        };
        let birth = || birth((5, 6), 5);
        assert_eq!(
            told(vec![birth(), call(5, -512), call(6, 1), call(5, 3)]),
            2
        );
        assert_eq!(told(vec![birth(), call(5, -4), call(5, 3)]), 2);
        assert_eq!(
            told(vec![birth(), call(5, -512), call(6, 3)]),
            2,
            "it is not made again"
        );
    }

    #[test]
    fn contradictions_are_errors() {
        let fails = |records| format!("{:#}", text(records).expect_err("a contradiction"));
        let other_tag = record(SAKER_EV_CLOSE, 5, 5)
            .hdr(|h| h.start_tag = 1)
            .build();
        assert!(fails(vec![step(5, "x"), other_tag]).contains("earlier records"));
        let wrong = record(SAKER_EV_PROCEXIT, 5, 5).build();
        assert!(fails(vec![wrong]).contains("start tag"));
        let heading = record(SAKER_EV_UNLINK, 5, 5)
            .var(SAKER_P_UNLINK_path, b"/saker-step/x")
            .build();
        assert!(fails(vec![heading]).contains("heading"));
    }

    /// Process numbers start over when they have reached the end.
    #[test]
    fn what_stands_is_in_the_order_of_births() {
        let file = |tgid, fd| {
            record(SAKER_EV_FILE, tgid, tgid)
                .num(SAKER_P_FILE_fd, fd)
                .build()
        };
        let task = |tgid| {
            record(SAKER_EV_TASK, tgid, tgid)
                .num(SAKER_P_TASK_start_ns, START_NS)
                .build()
        };
        let collected = Collected {
            records: vec![birth((5, 5), 5), birth((2, 2), 5)],
            standing: vec![
                file(2, 1),
                file(5, 7),
                file(5, 0),
                task(2),
                task(5),
                task(99),
            ],
            root: 5,
            undecoded: 0,
            acted: false,
            given: false,
        };
        let dump = from_records(&collected, &[]).expect("a dump");
        let shown: Vec<String> = dump
            .groups
            .iter()
            .flat_map(|group| &group.steps)
            .filter(|step| step.name == STANDING)
            .flat_map(|step| &step.lines)
            .map(|line| {
                let fd = line.parameters.iter().find(|(name, _)| name == "fd");
                format!("{} {}", line.event, fd.map_or("", |(_, value)| value))
            })
            .collect();
        assert_eq!(shown, ["task ", "file 0", "file 7", "task ", "file 1"]);
    }

    #[test]
    fn nobody_has_number_zero() {
        assert_eq!(
            group_and_session("9 (a) b) S 1 7 8 0"),
            Some(vec![(7, "outside-group"), (8, "outside-session")])
        );
        assert_eq!(group_and_session("9 (sh) S 1 0 0 0"), Some(vec![]));
        assert_eq!(group_and_session("9 (sh) S 1"), None);
    }

    #[test]
    fn events_that_nobody_performed_are_named() {
        let dump = Dump::parse("[P1]\n== a\nT1 open fd=1\n").expect("a dump");
        let missing = missing_events(&dump);
        assert!(missing.contains(&"execve") && !missing.contains(&"open"));
        assert!(!missing.contains(&"canary"), "internal");
    }
}
