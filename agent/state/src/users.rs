//! Names of users and groups of the host (rules-spec F6).
//!
//! The files are read by ourselves: the C library's functions may go to the network, and a static
//! binary cannot load what they need. Workers see a snapshot; reading happens off their path.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;

/// Entries kept of each file.
pub const MAX_ENTRIES: usize = 65_536;

/// Bytes read of each file at most.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// A line of the user database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Login name.
    pub name: Box<str>,
    /// Home directory.
    pub home: Box<str>,
    /// Shell.
    pub shell: Box<str>,
}

/// Users and groups at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    users: FxHashMap<u32, User>,
    groups: FxHashMap<u32, Box<str>>,
    left_out: usize,
}

impl Names {
    /// From the text of a user and a group database. Of several lines with one id the first
    /// counts, as for the C library; damaged lines are left out.
    pub fn parse(passwd: &str, group: &str) -> Self {
        Self::parse_some(passwd, group, MAX_ENTRIES)
    }

    /// The same, with at most `max` entries of each.
    pub(crate) fn parse_some(passwd: &str, group: &str, max: usize) -> Self {
        let mut names = Self::default();
        for line in passwd.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else {
                continue;
            };
            let (home, shell) = (fields.nth(2), fields.next());
            let Some(uid) = id(name, uid) else { continue };
            if names.users.len() >= max {
                names.left_out += usize::from(!names.users.contains_key(&uid));
            } else {
                names.users.entry(uid).or_insert_with(|| User {
                    name: name.into(),
                    home: home.unwrap_or_default().into(),
                    shell: shell.unwrap_or_default().into(),
                });
            }
        }
        for line in group.lines() {
            let mut fields = line.split(':');
            let (Some(name), Some(gid)) = (fields.next(), fields.nth(1)) else {
                continue;
            };
            let Some(gid) = id(name, gid) else { continue };
            if names.groups.len() >= max {
                names.left_out += usize::from(!names.groups.contains_key(&gid));
            } else {
                names.groups.entry(gid).or_insert_with(|| name.into());
            }
        }
        names
    }

    /// From what [`Names::users`] and [`Names::groups`] gave, bounded like files.
    pub fn from_entries(
        users: impl IntoIterator<Item = (u32, User)>,
        groups: impl IntoIterator<Item = (u32, Box<str>)>,
    ) -> Self {
        Self {
            users: users.into_iter().take(MAX_ENTRIES).collect(),
            groups: groups.into_iter().take(MAX_ENTRIES).collect(),
            left_out: 0,
        }
    }

    /// Entries that did not fit, and files that were cut.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// So many files go on behind what was parsed.
    pub(crate) fn count_cut(&mut self, files: usize) {
        self.left_out += files;
    }

    /// All users with their ids, in no order.
    pub fn users(&self) -> impl Iterator<Item = (u32, &User)> {
        self.users.iter().map(|(&uid, user)| (uid, user))
    }

    /// All groups with their ids, in no order.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &str)> {
        self.groups.iter().map(|(&gid, name)| (gid, &**name))
    }

    /// The host's user `uid`.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.get(&uid)
    }

    /// Name of the host's group `gid`.
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.get(&gid).map(|name| &**name)
    }
}

/// Comments and NIS lines (`+name`) are no entries.
fn id(name: &str, id: &str) -> Option<u32> {
    let plain = !name.is_empty() && !name.starts_with(['#', '+', '-']);
    plain.then(|| id.parse().ok()).flatten()
}

/// The current names, and where they come from.
#[derive(Debug)]
pub struct Users {
    names: ArcSwap<Names>,
    seen: ArcSwap<Option<Stamp>>,
    passwd: PathBuf,
    group: PathBuf,
}

/// What changes when either file does: times and sizes of both.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Users {
    /// From `etc/passwd` and `etc/group` below `root`. Call [`Users::refresh`] to read them.
    pub fn new(root: &Path) -> Self {
        Self {
            names: ArcSwap::default(),
            seen: ArcSwap::from_pointee(None),
            passwd: root.join("etc/passwd"),
            group: root.join("etc/group"),
        }
    }

    /// The names as last read. No lock, no system call.
    pub fn names(&self) -> arc_swap::Guard<Arc<Names>> {
        self.names.load()
    }

    /// Takes names from elsewhere, for a state that is not of this host.
    pub fn set(&self, names: Names) {
        self.names.store(Arc::new(names));
    }

    /// Reads the files again if they have changed; true when they were read. Does I/O: call it
    /// from a background thread, every few seconds. A file that cannot be read counts as empty.
    pub fn refresh(&self) -> bool {
        let stamp = Some([stamp(&self.passwd), stamp(&self.group)]);
        if **self.seen.load() == stamp {
            return false;
        }
        self.names.store(Arc::new(Names::parse(
            &text(&self.passwd),
            &text(&self.group),
        )));
        self.seen.store(Arc::new(stamp));
        true
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn text(path: &Path) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    match std::fs::File::open(path).map(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)) {
        Ok(Ok(_)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Err(error)) | Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read user names");
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        # a comment:x:1:1\nbroken\n+nis:x:5:5\n\
        www-data:x:33:33:www:/var/www:/usr/sbin/nologin\ntoor:x:0:0::/:/bin/sh\nshort:x:7\n";

    #[test]
    fn lines() {
        let names = Names::parse(PASSWD, "root:x:0:\nadm:x:4:syslog,me\nbad:x:-1:\n");
        let user = names.user(33).expect("www-data");
        assert_eq!(
            (&*user.name, &*user.home, &*user.shell),
            ("www-data", "/var/www", "/usr/sbin/nologin")
        );
        assert_eq!(names.user(0).map(|user| &*user.name), Some("root"));
        assert_eq!(names.user(7).map(|user| &*user.shell), Some(""));
        assert!(names.user(1).is_none() && names.user(5).is_none());
        assert_eq!((names.group(4), names.group(9)), (Some("adm"), None));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let names = Names::parse_some(PASSWD, "root:x:0:\nadm:x:4:\nbin:x:5:\n", 2);
        // One user, one group; a second name of a known id is none.
        assert_eq!((names.users().count(), names.left_out()), (2, 2));
        assert_eq!(Names::parse(PASSWD, "").left_out(), 0);
    }

    #[test]
    fn names_travel() {
        let names = Names::parse(PASSWD, "root:x:0:\nadm:x:4:syslog,me\n");
        let users = names.users().map(|(uid, user)| (uid, user.clone()));
        let copy = Names::from_entries(users, names.groups().map(|(gid, name)| (gid, name.into())));
        assert_eq!(copy, names);
        let users = Users::new("/nowhere".as_ref());
        users.set(copy);
        assert_eq!(users.names().group(4), Some("adm"));
    }

    #[test]
    fn changes_are_seen() {
        let root = tempfile::tempdir().expect("a directory");
        let etc = root.path().join("etc");
        std::fs::create_dir(&etc).expect("etc");
        let users = Users::new(root.path());
        assert!(users.refresh());
        assert!(users.names().user(0).is_none());
        std::fs::write(etc.join("passwd"), PASSWD).expect("written");
        assert!(users.refresh());
        assert!(!users.refresh());
        assert!(users.names().user(33).is_some());
        std::fs::remove_file(etc.join("passwd")).expect("removed");
        assert!(users.refresh());
        assert!(users.names().user(33).is_none());
    }
}
