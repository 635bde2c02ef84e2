//! Sets of path prefixes for `pmatch` (rules-spec B6).

use rustc_hash::FxHashMap;

use crate::glob::{Glob, is_pattern};
use crate::index::MemberId;

/// Deepest path of a set in components; literals have at most 255 bytes, so this is never reached.
const MAX_COMPONENTS: usize = 128;

/// A tree of path components, of one check or of several.
#[derive(Debug, Clone, Default)]
pub(crate) struct PathSet {
    root: Node,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Whose listed path ends here: everything below matches.
    ends: Vec<MemberId>,
    exact: FxHashMap<Box<[u8]>, Node>,
    patterns: Vec<(Box<[u8]>, Glob, Node)>,
}

impl PathSet {
    /// Adds a path of a member; leading, trailing and doubled slashes mean nothing.
    pub(crate) fn insert(&mut self, path: &[u8], member: MemberId) {
        let mut node = &mut self.root;
        for component in components(path).take(MAX_COMPONENTS) {
            if node.ends.contains(&member) {
                return;
            }
            if !is_pattern(component) {
                node = node.exact.entry(component.into()).or_default();
                continue;
            }
            let known = node
                .patterns
                .iter()
                .position(|(text, ..)| **text == *component);
            let index = known.unwrap_or_else(|| {
                let glob = Glob::new(component, false);
                node.patterns
                    .push((component.into(), glob, Node::default()));
                node.patterns.len() - 1
            });
            node = &mut node.patterns[index].2;
        }
        if !node.ends.contains(&member) {
            node.ends.push(member);
        }
    }

    /// Whether a listed path is a whole-component prefix of `path` or equal to it.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.root.matches(path)
    }

    /// Calls `found` with the members of which a listed path is a prefix of `path`.
    pub(crate) fn look_up(&self, path: &[u8], found: &mut impl FnMut(&[MemberId])) {
        self.root.look_up(path, found);
    }
}

impl Node {
    fn matches(&self, rest: &[u8]) -> bool {
        if !self.ends.is_empty() {
            return true;
        }
        let Some((component, rest)) = first_component(rest) else {
            return false;
        };
        self.exact
            .get(component)
            .is_some_and(|child| child.matches(rest))
            || self
                .patterns
                .iter()
                .any(|(_, glob, child)| glob.matches(component) && child.matches(rest))
    }

    fn look_up(&self, rest: &[u8], found: &mut impl FnMut(&[MemberId])) {
        if !self.ends.is_empty() {
            found(&self.ends);
        }
        let Some((component, rest)) = first_component(rest) else {
            return;
        };
        if let Some(child) = self.exact.get(component) {
            child.look_up(rest, found);
        }
        for (_, glob, child) in &self.patterns {
            if glob.matches(component) {
                child.look_up(rest, found);
            }
        }
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/')
        .filter(|component| !component.is_empty())
}

fn first_component(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = path.iter().position(|&b| b != b'/')?;
    let path = &path[start..];
    let end = memchr::memchr(b'/', path).unwrap_or(path.len());
    Some(path.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> PathSet {
        let mut set = PathSet::default();
        paths.iter().for_each(|path| set.insert(path.as_bytes(), 0));
        set
    }

    #[test]
    fn whole_components_only() {
        let set = set(&["/etc", "/var/log/"]);
        for path in [
            "/etc",
            "/etc/",
            "/etc/passwd",
            "etc/x",
            "//var//log",
            "/var/log/a/b",
        ] {
            assert!(set.matches(path.as_bytes()), "{path}");
        }
        for path in ["/etcd", "/var", "/var/logs", "", "/", "/x/etc"] {
            assert!(!set.matches(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn order_of_insertion_means_nothing() {
        for paths in [["/a", "/a/b/c"], ["/a/b/c", "/a"]] {
            let set = set(&paths);
            assert!(set.matches(b"/a/x") && set.matches(b"/a/b") && set.matches(b"/a/b/c/d"));
        }
        assert!(set(&["/", "/a"]).matches(b"/anything"));
    }

    #[test]
    fn patterns_match_one_component_and_exact_ones_may_fail_later() {
        let set = set(&["/home/*/.ssh", "/home/root/x", "/opt/app[0-9]"]);
        assert!(set.matches(b"/home/u/.ssh/id_rsa") && set.matches(b"/home/root/.ssh"));
        assert!(set.matches(b"/opt/app7/bin") && !set.matches(b"/home/u/v/.ssh"));
    }

    #[test]
    fn every_member_with_a_prefix_is_found() {
        let mut set = PathSet::default();
        let paths = ["/etc", "/etc/ssh", "/*/ssh", "/etc/ssh/x", "/"];
        paths
            .iter()
            .zip(0..)
            .for_each(|(path, member)| set.insert(path.as_bytes(), member));
        let mut found = Vec::new();
        set.look_up(b"/etc/ssh/sshd_config", &mut |members| {
            found.extend_from_slice(members)
        });
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 4]);
    }
}
