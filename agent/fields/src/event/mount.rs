//! Mounts and labels of the event's container, as its engine lists them (rules-spec D5).

use saker_engine::value::Value;
use saker_state::{Metadata, Mount};

use super::{EventView, Made};
use crate::field::{Arg, text};
use crate::render::put;

impl<'a> EventView<'a> {
    /// `container.mounts`.
    pub(super) fn mounts(&self) -> Option<Value<'a>> {
        self.listed(0, |found, out| {
            for (at, mount) in found.mounts.iter().enumerate() {
                separate(at, out);
                write_mount(mount, out);
            }
        })
    }

    /// `container.labels`.
    pub(super) fn labels(&self) -> Option<Value<'a>> {
        self.listed(1, |found, out| {
            for (at, (key, value)) in found.labels.iter().enumerate() {
                separate(at, out);
                put!(out, "{key}:{value}");
            }
        })
    }

    /// The list of that number, as `write` has it; empty for the host.
    fn listed(
        &self,
        number: usize,
        write: impl FnOnce(&Metadata, &mut Vec<u8>),
    ) -> Option<Value<'a>> {
        let Some(found) = self.metadata() else {
            return self.of_host(b"");
        };
        let found = found.as_ref().ok()?;
        text(self.made(Made::Listed, number, |out| {
            write(found, out);
            true
        })?)
    }

    /// The mount of that number, or the first in whose `searched` part the pattern is found.
    pub(super) fn mount(&self, arg: Arg, searched: fn(&Mount) -> &str) -> Option<&'a Mount> {
        let mounts = &self.metadata()?.as_ref().ok()?.mounts;
        if let Some(index) = arg.as_index() {
            return mounts.get(index);
        }
        let pattern = self.schema.pattern(arg)?;
        let found = |mount: &&Mount| pattern.is_match(searched(mount).as_bytes());
        mounts.iter().find(found)
    }

    /// `container.mount`.
    pub(super) fn mount_line(&self, arg: Arg) -> Option<Value<'a>> {
        let mount = self.mount(arg, |it| &it.source)?;
        text(self.made(Made::Mount, arg.0 as usize, |out| {
            write_mount(mount, out);
            true
        })?)
    }
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

fn write_mount(mount: &Mount, out: &mut Vec<u8>) {
    let Mount {
        source,
        dest,
        mode,
        writable,
        propagation,
    } = mount;
    put!(out, "{source}:{dest}:{mode}:{writable}:{propagation}");
}

/// `container.mount.rdwr`.
pub(super) fn rdwr(mount: &Mount) -> &'static [u8] {
    if mount.writable { b"true" } else { b"false" }
}
