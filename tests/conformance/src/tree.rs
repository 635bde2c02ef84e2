//! The script's process tree: its thread groups, told from all others by fork records.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use saker_abi::raw::*;
use saker_abi::record::Record;

/// Records of a process tree, by time.
#[derive(Debug)]
pub struct Tree {
    records: Vec<Vec<u8>>,
    alive: BTreeSet<u32>,
}

impl Tree {
    /// Keeps what belongs to `root` and its descendants, from the exec that made `root` what it is.
    ///
    /// # Errors
    /// When a record is damaged.
    pub fn new(root: u32, all: Vec<Vec<u8>>) -> Result<Self> {
        let mut sorted = Vec::with_capacity(all.len());
        for bytes in all {
            let hdr = *Record::parse(&bytes).context("a damaged record")?.hdr();
            sorted.push((hdr.ts_ns, hdr.cpu, hdr.seq, bytes));
        }
        sorted.sort_by_key(|&(ts, cpu, seq, _)| (ts, cpu, seq));
        let mut members = BTreeSet::from([root]);
        let mut alive = members.clone();
        let mut records = Vec::new();
        let mut begun = false;
        for (.., bytes) in sorted {
            let record = Record::parse(&bytes).context("a damaged record")?;
            let tgid = record.hdr().tgid;
            if has_child(&record)
                && members.contains(&(record.u64(SAKER_P_CLONE_parent_pid) as u32))
            {
                let child = record.u64(SAKER_P_CLONE_child_pid) as u32;
                if members.insert(child) {
                    alive.insert(child);
                }
            }
            if !members.contains(&tgid) {
                continue;
            }
            if record.event() == SAKER_EV_PROCEXIT && record.u64(SAKER_P_PROCEXIT_group_dead) != 0 {
                alive.remove(&tgid);
            }
            // Before its exec the script was a copy of this program.
            begun |= record.event() == SAKER_EV_EXECVE && record.i64(SAKER_P_EXECVE_res) == 0;
            if !begun {
                continue;
            }
            records.push(bytes);
        }
        Ok(Self { records, alive })
    }

    /// Thread groups that did not end.
    pub const fn alive(&self) -> &BTreeSet<u32> {
        &self.alive
    }

    /// The records.
    pub fn into_records(self) -> Vec<Vec<u8>> {
        self.records
    }
}

/// Whether it is the record of a fork that did not fail, of either side.
pub fn has_child(record: &Record<'_>) -> bool {
    is_birth(record.event()) && record.i64(SAKER_P_CLONE_res) >= 0
}

/// Whether the event is one of the fork family, which all have the parameters of clone.
pub const fn is_birth(event: u32) -> bool {
    matches!(
        event,
        SAKER_EV_CLONE | SAKER_EV_CLONE3 | SAKER_EV_FORK | SAKER_EV_VFORK
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::record::RecordBuilder;

    fn birth(ts: u64, of: u32, parent: u32, child: u32) -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_FORK, ts, of, of)
            .num(SAKER_P_FORK_parent_pid, i64::from(parent))
            .num(SAKER_P_FORK_child_pid, i64::from(child))
            .build()
    }

    fn exec(ts: u64, tgid: u32) -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_EXECVE, ts, tgid, tgid).build()
    }

    fn close(ts: u64, tgid: u32) -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_CLOSE, ts, tgid, tgid).build()
    }

    fn exit(ts: u64, tgid: u32) -> Vec<u8> {
        RecordBuilder::new(SAKER_EV_PROCEXIT, ts, tgid, tgid)
            .num(SAKER_P_PROCEXIT_group_dead, 1)
            .build()
    }

    #[test]
    fn only_descendants_and_only_after_the_first_exec() {
        let all = vec![
            close(10, 7),
            close(1, 5), // before the exec
            exec(2, 5),
            birth(3, 5, 5, 6),
            birth(3, 6, 5, 6),
            close(4, 6),
            close(5, 99), // somebody else
            birth(6, 6, 6, 7),
            exit(11, 6),
            exit(12, 5),
        ];
        let tree = Tree::new(5, all).expect("records");
        assert_eq!(tree.alive().iter().collect::<Vec<_>>(), [&7]);
        let times: Vec<u64> = tree
            .into_records()
            .iter()
            .map(|bytes| Record::parse(bytes).expect("a record").hdr().ts_ns)
            .collect();
        assert_eq!(times, [2, 3, 3, 4, 6, 10, 11, 12]);
    }
}
