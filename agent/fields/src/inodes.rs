//! Files by their inodes: a handle opens a file whose name the kernel may not know at the moment.

use rustc_hash::FxHashMap;

/// Names of files of the host by device (encoded as by stat(2)) and inode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inodes {
    names: FxHashMap<(u32, u64), Box<[u8]>>,
}

impl Inodes {
    pub(crate) fn name(&self, dev: u32, ino: u64) -> Option<&[u8]> {
        self.names.get(&(dev, ino)).map(|name| &**name)
    }
}

impl FromIterator<((u32, u64), Box<[u8]>)> for Inodes {
    /// Of two names of one file the first stays.
    fn from_iter<I: IntoIterator<Item = ((u32, u64), Box<[u8]>)>>(files: I) -> Self {
        let mut names = FxHashMap::default();
        for (file, name) in files {
            names.entry(file).or_insert(name);
        }
        Self { names }
    }
}
