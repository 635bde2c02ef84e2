//! `proc.p*` and `proc.a*`: parents and ancestors, as of the event.

use saker_engine::schema::ArgKind::OptionalKey;
use saker_engine::schema::Arity;
use saker_engine::value::Value;
use saker_engine::value::ValueType::*;
use saker_state::limits::MAX_ANCESTORS;
use saker_state::{Cell, Image};

use super::proc::{joined_env, variable, write_exeline};
use super::{EventView, Made};
use crate::field::{Arg, Field, KeyKind, Presence, Visit, text};
use crate::scratch::{Leader, Relative};

/// Reading an ancestor may mean waiting for another worker.
const COST: u8 = 25;
const WALK_COST: u8 = 80;

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "proc.pname",
        Str,
        |e, _| text(&e.parent()?.image.comm),
        "Name of the parent.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::new(
        "proc.pexe",
        Str,
        |e, _| text(&e.parent()?.image.exe),
        "argv[0] of the parent.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::new(
        "proc.pexepath",
        Str,
        |e, _| text(&e.parent()?.image.exepath),
        "Path of the parent's executable.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::new(
        "proc.pcmdline",
        Str,
        |e, _| text(&e.parent()?.image.cmdline),
        "Name and arguments of the parent.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::indexed(
        "proc.aname",
        Str,
        Arity::Any,
        (
            |e, arg| e.ancestral(arg, |image| &image.comm),
            |e, v| e.walk(|i| &i.comm, v),
        ),
        "Name of the N-th ancestor (0 the process, 1 its parent); without index: of any.",
    )
    .no_operand()
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::indexed(
        "proc.aexe",
        Str,
        Arity::Any,
        (
            |e, arg| e.ancestral(arg, |image| &image.exe),
            |e, v| e.walk(|i| &i.exe, v),
        ),
        "argv[0] of the N-th ancestor; without index: of any.",
    )
    .no_operand()
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::indexed(
        "proc.aexepath",
        Str,
        Arity::Any,
        (
            |e, arg| e.ancestral(arg, |image| &image.exepath),
            |e, v| e.walk(|i| &i.exepath, v),
        ),
        "Path of the executable of the N-th ancestor; without index: of any.",
    )
    .no_operand()
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::indexed(
        "proc.acmdline",
        Str,
        Arity::Any,
        (
            |e, arg| e.ancestral(arg, |image| &image.cmdline),
            |e, v| e.walk(|i| &i.cmdline, v),
        ),
        "Name and arguments of the N-th ancestor; without index: of any.",
    )
    .no_operand()
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::indexed(
        "proc.aargs",
        Str,
        Arity::Any,
        (
            |e, arg| e.ancestral(arg, |image| &image.args),
            |e, v| e.walk(|i| &i.args, v),
        ),
        "Arguments of the N-th ancestor; without index: of any.",
    )
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::indexed(
        "proc.aenv",
        Str,
        Arity::Any,
        (ancestral_env, |e, visit| {
            let mut level = 0;
            e.ancestors(|_| {
                level += 1;
                e.env_of(level)
                    .is_none_or(|env| visit(Value::Bytes(env)).is_continue())
            })
        }),
        "Environment of the N-th ancestor, joined by spaces; with [NAME] the variable's value in the \
         nearest ancestor that has it, empty when none has; without argument: the environment of any.",
    )
    .no_operand()
    .on(Presence::Ancestor)
    .arg(OptionalKey, KeyKind::IndexOrText)
    .cost(WALK_COST),
    Field::new(
        "proc.pvpid",
        Int,
        |e, _| match e.parent()?.group.vpid() {
            -1 => None,
            vpid => Some(Value::Int(vpid.into())),
        },
        "Process id of the parent in its own pid namespace.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::indexed(
        "proc.apid",
        Int,
        Arity::Any,
        (ancestor_pid, |e, visit| {
            e.ancestors(|relative| visit(Value::Int(relative.group.tgid().into())).is_continue())
        }),
        "Process id of the N-th ancestor; without index: of any.",
    )
    .no_operand()
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::new(
        "proc.ppid",
        Int,
        |e, _| Some(Value::Int(e.parent()?.group.tgid().into())),
        "Process id of the parent.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::new(
        "proc.ppid.ts",
        AbsTime,
        |e, _| Some(Value::Uint(e.since_epoch(began(&e.parent()?.group)?))),
        "When the parent began, nanoseconds since the epoch.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::new(
        "proc.ppid.duration",
        RelTime,
        |e, _| {
            let began = began(&e.parent()?.group)?;
            Some(Value::Int(e.record.hdr().ts_ns.saturating_sub(began) as i64))
        },
        "Age of the parent, nanoseconds.",
    )
    .on(Presence::Parent)
    .cost(COST),
    Field::new(
        "proc.loginshellid",
        Int,
        login_shell,
        "Id of the oldest process in the line (itself included) whose name ends in sh.",
    )
    .on(Presence::Ancestor)
    .cost(WALK_COST),
    Field::new(
        "proc.sname",
        Str,
        |e, _| e.session(|i| &i.comm),
        "Name of the session's leader.",
    )
    .cost(COST),
    Field::new(
        "proc.sid.exe",
        Str,
        |e, _| e.session(|i| &i.exe),
        "argv[0] of that leader.",
    )
    .cost(COST),
    Field::new(
        "proc.sid.exepath",
        Str,
        |e, _| e.session(|i| &i.exepath),
        "Path of the executable of the session's leader.",
    )
    .cost(COST),
    Field::new(
        "proc.vpgid.name",
        Str,
        |e, _| e.group(|i| &i.comm),
        "Name of the leader of the process group.",
    )
    .cost(COST),
    Field::new(
        "proc.vpgid.exe",
        Str,
        |e, _| e.group(|i| &i.exe),
        "argv[0] of the leader of the process group.",
    )
    .cost(COST),
    Field::new(
        "proc.vpgid.exepath",
        Str,
        |e, _| e.group(|i| &i.exepath),
        "Path of the executable of the leader of the process group.",
    )
    .cost(COST),
    Field::new(
        "proc.pgid.name",
        Str,
        |e, _| e.group(|i| &i.comm),
        "The same as proc.vpgid.name.",
    )
    .cost(COST),
    Field::new(
        "proc.pgid.exe",
        Str,
        |e, _| e.group(|i| &i.exe),
        "The same as proc.vpgid.exe.",
    )
    .cost(COST),
    Field::new(
        "proc.pgid.exepath",
        Str,
        |e, _| e.group(|i| &i.exepath),
        "The same as proc.vpgid.exepath.",
    )
    .cost(COST),
    Field::new(
        "proc.pexeline",
        Str,
        parent_exeline,
        "argv[0] and arguments of the parent.",
    )
    .on(Presence::Parent)
    .cost(COST),
];

/// Part of a program that is a text.
type Part = fn(&Image) -> &[u8];

impl<'a> EventView<'a> {
    /// The `level`-th ancestor, 0 = parent.
    fn ancestor(&self, level: usize) -> Option<&'a Relative> {
        let process = self.process()?;
        let lineage = self.state.lineage();
        self.scratch.ancestor(level, |below| {
            let below = below.map_or(&process.cell, |relative| &relative.group);
            // A process is nobody's own parent; only damaged input could say so.
            let group = lineage
                .parent(below)
                .filter(|up| up.tgid() != below.tgid())?;
            let image = lineage.image(&group);
            Some(Relative { group, image })
        })
    }

    fn parent(&self) -> Option<&'a Relative> {
        self.ancestor(0)
    }

    /// Visits ancestors, parent first, while `visit` says so. False without process.
    fn ancestors(&self, mut visit: impl FnMut(&Relative) -> bool) -> bool {
        let mut level = 0;
        while let Some(relative) = self.ancestor(level) {
            if !visit(relative) {
                break;
            }
            level += 1;
        }
        self.process().is_some()
    }

    /// Whether the kernel has ancestors of the process that are not known here. The line ends with init, or with
    /// kthreadd.
    pub(super) fn lacks_ancestors(&self) -> bool {
        let Some(process) = self.process() else {
            return false;
        };
        let (mut oldest, mut known) = (process.tgid, 0);
        self.ancestors(|relative| {
            (oldest, known) = (relative.group.tgid(), known + 1);
            true
        });
        let begins = matches!(oldest, 1 | 2) || known == 0 && process.ppid == 0;
        !begins && known < MAX_ANCESTORS
    }

    fn walk(&self, part: Part, visit: Visit<'_>) -> bool {
        self.ancestors(|relative| visit(Value::Bytes(part(&relative.image))).is_continue())
    }

    fn ancestral(&self, arg: Arg, part: Part) -> Option<Value<'a>> {
        match arg.as_index()? {
            0 => text(part(self.image()?)),
            level => text(part(&self.ancestor(level - 1)?.image)),
        }
    }

    /// Environment of the `level`-th ancestor, 0 the process itself, joined by spaces.
    fn env_of(&self, level: usize) -> Option<&'a [u8]> {
        let image = match level {
            0 => self.image()?,
            level => &self.ancestor(level - 1)?.image,
        };
        self.made(Made::RelativeEnv, level, |out| {
            joined_env(&image.env, out);
            true
        })
    }

    /// Of the session's leader; empty when there is none any more (rules-spec D3).
    fn session(&self, part: Part) -> Option<Value<'a>> {
        let process = self.process()?;
        let leader = self.scratch.leader(Leader::Session, || {
            let lineage = self.state.lineage();
            let sid = Some(process.sid).filter(|&sid| sid > 0)?;
            let group = lineage.session_leader(&process.cell, sid)?;
            let image = lineage.image(&group);
            Some(Relative { group, image })
        });
        text(leader.map_or(&[], |leader| part(&leader.image)))
    }

    /// Of the process group's leader, else of the oldest unbroken ancestor in the group, the
    /// process itself included.
    fn group(&self, part: Part) -> Option<Value<'a>> {
        let process = self.process()?;
        let leader = self.scratch.leader(Leader::ProcessGroup, || {
            let lineage = self.state.lineage();
            let same = |cell: &std::sync::Arc<Cell>| cell.pgid() == process.pgid;
            let pgid = u32::try_from(process.pgid).ok().filter(|&id| id != 0)?;
            let leader = lineage.by_tgid(pgid).filter(same);
            let group =
                leader.or_else(|| lineage.ancestors(&process.cell).take_while(same).last())?;
            let image = lineage.image(&group);
            Some(Relative { group, image })
        });
        text(part(leader.map_or(&*process.image, |leader| &leader.image)))
    }
}

/// Ancestors whose environment is searched for a variable.
const MAX_ENV_LEVELS: usize = 20;

fn ancestral_env<'e>(e: &'e EventView<'_>, arg: Arg) -> Option<Value<'e>> {
    if let Some(level) = arg.as_index() {
        return text(e.env_of(level)?);
    }
    let name = e.schema.key(arg)?;
    let found = (0..MAX_ENV_LEVELS)
        .map_while(|level| e.ancestor(level))
        .find_map(|relative| variable(&relative.image.env, name).filter(|value| !value.is_empty()));
    text(e.process().and(found.or(Some(&[])))?)
}

fn ancestor_pid<'e>(e: &'e EventView<'_>, arg: Arg) -> Option<Value<'e>> {
    let tgid = match arg.as_index()? {
        0 => e.process()?.tgid,
        level => e.ancestor(level - 1)?.group.tgid(),
    };
    Some(Value::Int(tgid.into()))
}

fn began(cell: &Cell) -> Option<u64> {
    Some(cell.start_ns()).filter(|&ns| ns != 0)
}

fn login_shell<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let process = e.process()?;
    let mut oldest = process.image.comm.ends_with(b"sh").then_some(process.tgid);
    e.ancestors(|relative| {
        if relative.image.comm.ends_with(b"sh") {
            oldest = Some(relative.group.tgid());
        }
        true
    });
    oldest.map(|tgid| Value::Int(tgid.into()))
}

fn parent_exeline<'e>(e: &'e EventView<'_>, _: Arg) -> Option<Value<'e>> {
    let parent = e.parent()?;
    text(e.made(Made::Relative, 0, |out| {
        write_exeline(&parent.image, out);
        true
    })?)
}
