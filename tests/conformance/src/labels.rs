//! Names for numbers that are others in every run, by order of appearance.

use std::collections::HashMap;

/// Names of one kind: `prefix` and a number from 1.
#[derive(Debug)]
pub struct Names<K> {
    prefix: &'static str,
    known: HashMap<K, usize>,
}

impl<K: std::hash::Hash + Eq> Names<K> {
    /// No names yet.
    pub fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            known: HashMap::new(),
        }
    }

    /// The name of `key`, a new one when it has none.
    pub fn get(&mut self, key: K) -> String {
        let next = self.known.len() + 1;
        format!("{}{}", self.prefix, self.known.entry(key).or_insert(next))
    }
}

/// A thread: number of its group and number in it, both from 1; the group's first thread is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thread {
    /// Number of the thread group.
    pub group: usize,
    /// Number in the group.
    pub number: usize,
}

/// All names of a dump.
#[derive(Debug)]
pub struct Labels {
    threads: HashMap<u32, Thread>,
    /// Threads of each group so far.
    groups: Vec<usize>,
    outside: HashMap<u32, &'static str>,
    sockets: Names<u64>,
    times: Names<u64>,
    devices: Names<u64>,
    inodes: Names<(u64, u64)>,
    cgroups: Names<u64>,
}

impl Labels {
    /// No names but those of processes outside the tree: `outside`.
    pub fn new(outside: &[(u32, &'static str)]) -> Self {
        Self {
            threads: HashMap::new(),
            groups: Vec::new(),
            outside: outside.iter().copied().rev().collect(),
            sockets: Names::new("S"),
            times: Names::new("t"),
            devices: Names::new("D"),
            inodes: Names::new("I"),
            cgroups: Names::new("C"),
        }
    }

    /// Whether the group is one of the tree's.
    pub fn knows(&self, tgid: u32) -> bool {
        self.threads.contains_key(&tgid)
    }

    /// The thread `tid` of group `tgid`, made known when it was not.
    pub fn thread(&mut self, tgid: u32, tid: u32) -> Thread {
        let group = match self.threads.get(&tgid) {
            Some(leader) => leader.group,
            None => {
                self.groups.push(1);
                let group = self.groups.len();
                self.threads.insert(tgid, Thread { group, number: 1 });
                group
            }
        };
        *self.threads.entry(tid).or_insert_with(|| {
            let number = &mut self.groups[group - 1];
            *number += 1;
            Thread {
                group,
                number: *number,
            }
        })
    }

    /// A process or thread number, or a negative one, which means a process group. Numbers of nobody
    /// in the tree stay what they are: they are the script's own or those of an inner namespace.
    pub fn pid(&self, value: i64) -> String {
        let magnitude = u32::try_from(value.unsigned_abs()).unwrap_or(u32::MAX);
        let sign = if value < 0 { "-" } else { "" };
        match (self.threads.get(&magnitude), self.outside.get(&magnitude)) {
            (Some(Thread { group, number: 1 }), _) => format!("{sign}P{group}"),
            (Some(Thread { group, number }), _) => format!("{sign}P{group}.T{number}"),
            (None, Some(name)) => format!("{sign}{name}"),
            (None, None) => value.to_string(),
        }
    }

    /// A socket by its address in the kernel.
    pub fn socket(&mut self, address: u64) -> String {
        named_unless_zero(&mut self.sockets, address)
    }

    /// A moment.
    pub fn time(&mut self, ns: u64) -> String {
        named_unless_zero(&mut self.times, ns)
    }

    /// A device.
    pub fn device(&mut self, device: u64) -> String {
        named_unless_zero(&mut self.devices, device)
    }

    /// An inode of a device; 0 on device 0 is none.
    pub fn inode(&mut self, device: u64, inode: u64) -> String {
        if (device, inode) == (0, 0) {
            return "0".to_owned();
        }
        self.inodes.get((device, inode))
    }

    /// A control group.
    pub fn cgroup(&mut self, id: u64) -> String {
        named_unless_zero(&mut self.cgroups, id)
    }
}

fn named_unless_zero(names: &mut Names<u64>, value: u64) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    names.get(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_numbered_as_they_appear() {
        let mut labels = Labels::new(&[(4, "outside"), (3, "session")]);
        assert_eq!(
            labels.thread(100, 100),
            Thread {
                group: 1,
                number: 1
            }
        );
        assert_eq!(
            labels.thread(200, 205),
            Thread {
                group: 2,
                number: 2
            }
        );
        assert_eq!(
            labels.thread(200, 200),
            Thread {
                group: 2,
                number: 1
            }
        );
        assert_eq!(labels.pid(205), "P2.T2");
        assert_eq!(labels.pid(-200), "-P2");
        assert_eq!(labels.pid(4), "outside");
        assert_eq!(labels.pid(-1), "-1");
        assert_eq!(labels.pid(i64::MIN), i64::MIN.to_string());
        assert_eq!(labels.pid(77), "77");
    }

    #[test]
    fn zero_has_no_name() {
        let mut labels = Labels::new(&[]);
        assert_eq!(
            (labels.socket(0), labels.socket(9)),
            ("0".into(), "S1".into())
        );
        assert_eq!(labels.inode(0, 0), "0");
        assert_eq!(labels.inode(5, 0), "I1");
        assert_eq!(labels.inode(6, 0), "I2");
        assert_eq!(labels.inode(5, 0), "I1");
    }
}
