//! `fd.name` and what is cut from it.

use saker_abi::raw::*;
use saker_state::FdKind;

use crate::event::{EventView, Made};
use crate::params::Kind;

impl<'a> EventView<'a> {
    /// `fd.name`: the entry's, else what the event's parameters say (a failed open), else empty.
    pub(in crate::event) fn fd_name(&self) -> Option<&'a [u8]> {
        self.fd_num()?;
        match (self.called_descriptor(), self.fd()) {
            (Some(called), _) => Some(called),
            (None, Some(fd)) => Some(&fd.name),
            (None, None) => Some(self.name_from_parameters().unwrap_or_default()),
        }
    }

    /// `fd.nameraw`.
    pub(super) fn fd_name_raw(&self) -> Option<&'a [u8]> {
        self.fd_num()?;
        match self.fd() {
            Some(fd) if !fd.name_raw.is_empty() => Some(&fd.name_raw),
            Some(fd) => Some(&fd.name),
            None => Some(match self.opened_path() {
                Some(at) => self.given_path(at).unwrap_or_default(),
                None => self.name_from_parameters().unwrap_or_default(),
            }),
        }
    }

    /// `fd.directory`.
    pub(super) fn fd_directory(&self) -> Option<&'a [u8]> {
        self.fd_num()?;
        match self.fd() {
            Some(fd) if fd.kind == FdKind::File => self.fd_name().map(directory),
            Some(fd) if fd.kind == FdKind::Directory => self.fd_name(),
            Some(_) => None,
            None => self.name_from_parameters().map(directory),
        }
    }

    /// `fd.filename`: only of files that are there.
    pub(super) fn fd_filename(&self) -> Option<&'a [u8]> {
        self.fd().filter(|fd| fd.kind == FdKind::File)?;
        self.fd_name()?.rsplit(|&b| b == b'/').next()
    }

    /// Position of the path an open names.
    pub(in crate::event) fn opened_path(&self) -> Option<usize> {
        let opens = matches!(
            self.record.event(),
            SAKER_EV_OPEN | SAKER_EV_OPENAT | SAKER_EV_OPENAT2 | SAKER_EV_CREAT
        );
        if opens {
            self.position_of("name")
        } else {
            None
        }
    }

    fn name_from_parameters(&self) -> Option<&'a [u8]> {
        if let Some(at) = self.opened_path() {
            return self.path(at);
        }
        let connects = matches!(
            self.record.event(),
            SAKER_EV_CONNECT | SAKER_EV_ACCEPT | SAKER_EV_ACCEPT4
        );
        let params = self.params();
        let tuple = params
            .iter()
            .find(|param| connects && param.kind == Kind::Tuple)?;
        self.made(Made::FdName, 0, |out| {
            self.write_tuple(tuple, out);
            !out.is_empty()
        })
    }
}

/// What stands before the last component: `/` for `/x` and for a name without slash; a name that
/// ends in a slash is all directory.
fn directory(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|&b| b == b'/') {
        None | Some(0) => b"/",
        Some(last) if last == name.len() - 1 => name,
        Some(last) => &name[..last],
    }
}

#[cfg(test)]
mod tests {
    use super::directory;

    #[test]
    fn directories() {
        assert_eq!(directory(b"/etc/shadow"), b"/etc");
        assert_eq!(directory(b"/x"), b"/");
        assert_eq!(directory(b"x"), b"/");
        assert_eq!(directory(b"/etc/"), b"/etc/");
        assert_eq!(directory(b""), b"/");
    }
}
