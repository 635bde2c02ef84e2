//! `fs.path.*`: paths an event has worked on, successful events only (rules-spec D6).

use saker_abi::raw::*;
use saker_engine::value::Value;
use saker_engine::value::ValueType::{Str, Uint};

use super::EventView;
use crate::field::{Field, Presence, text};
use crate::params::Kind;

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "fs.path.name",
        Str,
        |e, _| e.fs_path(Which::Name),
        "Path the event has worked on, absolute and normalised.",
    )
    .cost(12),
    Field::new(
        "fs.path.nameraw",
        Str,
        |e, _| e.fs_raw(Which::Name),
        "The same as passed.",
    )
    .cost(3),
    Field::new(
        "fs.path.source",
        Str,
        |e, _| e.fs_path(Which::Source),
        "New path of a rename or link, or the device mounted.",
    )
    .on(Presence::Paths)
    .cost(12),
    Field::new(
        "fs.path.sourceraw",
        Str,
        |e, _| e.fs_raw(Which::Source),
        "The same as passed.",
    )
    .on(Presence::Paths)
    .cost(3),
    Field::new(
        "fs.path.target",
        Str,
        |e, _| e.fs_path(Which::Target),
        "Old path of a rename or link, target of a symbolic link, or the mount point.",
    )
    .on(Presence::Paths)
    .cost(12),
    Field::new(
        "fs.path.targetraw",
        Str,
        |e, _| e.fs_raw(Which::Target),
        "The same as passed.",
    )
    .on(Presence::Paths)
    .cost(3),
    Field::new(
        "fs.realpath.name",
        Str,
        |e, _| e.fs_real(Which::Name),
        "Path of the file behind fs.path.name, and of mknod, whatever name led to it, as fd.realpath; also when the \
         call failed. \
         Saker's own; with path_identity: any, where the driver can tell.",
    )
    .on(Presence::RealPath)
    .cost(12),
    Field::new(
        "fs.realpath.source",
        Str,
        |e, _| e.fs_real(Which::Source),
        "The same of fs.path.source; absent for mounts.",
    )
    .on(Presence::RealPaths)
    .cost(12),
    Field::new(
        "fs.realpath.target",
        Str,
        |e, _| e.fs_real(Which::Target),
        "The same of fs.path.target; absent for mounts and symbolic links.",
    )
    .on(Presence::RealPaths)
    .cost(12),
    Field::new(
        "fs.dev",
        Uint,
        |e, _| Some(Value::Uint(e.acted()?.u64(SAKER_P_ACTED_dev))),
        "Device of what unlink, rename, link, chmod and the like act on, as the kernel encodes it. Saker's own.",
    )
    .on(Presence::Acted),
    Field::new(
        "fs.ino",
        Uint,
        |e, _| Some(Value::Uint(e.acted()?.u64(SAKER_P_ACTED_ino))),
        "Inode of it before the call, of a rename or link the old one's; 0 when the call makes it. Saker's own.",
    )
    .on(Presence::Acted),
];

/// `evt.abspath*`: calls with paths after a directory descriptor, successful or not.
pub(super) const ABSPATHS: &[Field] = &[
    Field::new(
        "evt.abspath",
        Str,
        |e, _| e.abspath(false),
        "Absolute path of calls such as openat and unlinkat; of renameat and linkat the old one.",
    )
    .on(Presence::PathAt)
    .cost(12),
    Field::new(
        "evt.abspath.src",
        Str,
        |e, _| e.has_two_paths().then(|| e.abspath(false))?,
        "Absolute old path of renameat and linkat.",
    )
    .on(Presence::PathsAt)
    .cost(12),
    Field::new(
        "evt.abspath.dst",
        Str,
        |e, _| e.has_two_paths().then(|| e.abspath(true))?,
        "Absolute new path of renameat and linkat.",
    )
    .on(Presence::PathsAt)
    .cost(12),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Name,
    Source,
    Target,
}

/// Parameter with the path of this sort.
fn parameter(event: u32, which: Which) -> Option<&'static str> {
    let (name, source, target) = match event {
        SAKER_EV_OPEN | SAKER_EV_OPENAT | SAKER_EV_OPENAT2 | SAKER_EV_CREAT => ("name", "", ""),
        SAKER_EV_UNLINKAT | SAKER_EV_UMOUNT | SAKER_EV_UMOUNT2 => ("name", "", ""),
        SAKER_EV_OPEN_BY_HANDLE_AT => ("path", "", ""),
        SAKER_EV_UNLINK | SAKER_EV_RMDIR | SAKER_EV_MKDIR | SAKER_EV_MKDIRAT => ("path", "", ""),
        SAKER_EV_CHOWN | SAKER_EV_LCHOWN => ("path", "", ""),
        SAKER_EV_CHMOD | SAKER_EV_FCHMODAT | SAKER_EV_FCHMODAT2 => ("filename", "", ""),
        SAKER_EV_FCHMOD | SAKER_EV_FCHOWN => ("fd", "", ""),
        SAKER_EV_FCHOWNAT => ("pathname", "", ""),
        SAKER_EV_RENAME | SAKER_EV_RENAMEAT | SAKER_EV_RENAMEAT2 => ("", "newpath", "oldpath"),
        SAKER_EV_LINK | SAKER_EV_LINKAT => ("", "newpath", "oldpath"),
        SAKER_EV_SYMLINK | SAKER_EV_SYMLINKAT => ("", "linkpath", "target"),
        SAKER_EV_MOUNT => ("", "dev", "dir"),
        _ => return None,
    };
    let parameter = match which {
        Which::Name => name,
        Which::Source => source,
        Which::Target => target,
    };
    (!parameter.is_empty()).then_some(parameter)
}

impl<'a> EventView<'a> {
    fn fs_parameter(&self, which: Which) -> Option<&'static str> {
        self.process()?;
        self.return_value().filter(|&value| value >= 0)?;
        parameter(self.record.event(), which)
    }

    fn fs_path(&self, which: Which) -> Option<Value<'a>> {
        match self.fs_parameter(which)? {
            "fd" => self.fd().and_then(|_| text(self.fd_name()?)),
            name => text(self.path(self.position_of(name)?)?),
        }
    }

    fn fs_real(&self, which: Which) -> Option<Value<'a>> {
        self.process()?;
        let event = self.record.event();
        // They have no fs.path.
        let made = matches!(event, SAKER_EV_MKNOD | SAKER_EV_MKNODAT) && which == Which::Name;
        let parameter = parameter(event, which).or(made.then_some("path"));
        match parameter? {
            "fd" => text(self.real_path()?),
            name => text(self.real_at(self.position_of(name)?)?),
        }
    }

    fn has_two_paths(&self) -> bool {
        let relative = |param: &&crate::params::Param| matches!(param.kind, Kind::PathAt(_));
        self.params().iter().filter(relative).count() == 2
    }

    fn abspath(&self, last: bool) -> Option<Value<'a>> {
        self.process()?;
        let relative = |param: &crate::params::Param| matches!(param.kind, Kind::PathAt(_));
        let at = match last {
            false => self.params().iter().position(relative)?,
            true => self.params().iter().rposition(relative)?,
        };
        text(self.path(at)?)
    }

    fn fs_raw(&self, which: Which) -> Option<Value<'a>> {
        match self.fs_parameter(which)? {
            "fd" => text(&self.fd()?.name),
            name => text(self.given_path(self.position_of(name)?)?),
        }
    }
}
